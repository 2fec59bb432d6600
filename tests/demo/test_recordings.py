"""The demo's recordings are what their manifest and their script say."""

import importlib.util
import json
import shutil
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import phonenumbers
import pytest
from numpy.typing import NDArray

DEMO = Path(__file__).parents[2] / "demo"
RECORDINGS = DEMO / "recordings"
MANIFEST: list[dict[str, Any]] = json.loads((RECORDINGS / "manifest.json").read_text("utf-8"))["recordings"]
SCRIPT: dict[str, Any] = tomllib.loads((DEMO / "calls.toml").read_text("utf-8"))
CONTAINERS = {"mp3": "mp3", "wav": "wav", "aac": "aac", "m4a": "mov,mp4", "mp4": "mov,mp4"}
CODECS = {"mp3": "mp3", "wav": "pcm_mulaw", "aac": "aac", "m4a": "aac", "mp4": "aac"}
BRANDS = {"m4a": "M4A ", "mp4": "isom"}

every_recording = pytest.mark.parametrize("entry", MANIFEST, ids=[entry["file"] for entry in MANIFEST])


def decode(path: Path) -> tuple[NDArray[np.float64], int]:
    """Samples of shape (channels, samples), -1 to 1, and their rate in Hz."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
        frames = [part.to_ndarray() for frame in container.decode(stream) for part in resampler.resample(frame)]
        return np.concatenate(frames, axis=1, dtype=np.float64), stream.rate


def covered(turns: list[dict[str, Any]], samples: int, rate: int, margin: float = 0.0) -> NDArray[np.bool_]:
    """Which samples lie within the turns, each widened by a margin in seconds."""
    mask = np.zeros(samples, dtype=np.bool_)
    for turn in turns:
        mask[max(0, int((turn["start"] - margin) * rate)) : int((turn["end"] + margin) * rate)] = True
    return mask


def decibels(samples: NDArray[np.float64]) -> float:
    """The level, against full scale."""
    return float(10 * np.log10(np.mean(samples**2) + 1e-12))


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("make_recordings", DEMO / "make_recordings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_dozen_recordings_in_five_formats_and_a_few_hundred_kilobytes() -> None:
    suffixes = sorted(Path(entry["file"]).suffix for entry in MANIFEST)
    assert suffixes == [".aac"] * 2 + [".m4a"] * 2 + [".mp3"] * 3 + [".mp4"] * 2 + [".wav"] * 3
    assert {path.name for path in RECORDINGS.iterdir()} == {entry["file"] for entry in MANIFEST} | {"manifest.json"}
    assert sum((RECORDINGS / entry["file"]).stat().st_size for entry in MANIFEST) <= 900_000


@every_recording
def test_it_is_what_its_name_and_the_manifest_say(entry: dict[str, Any]) -> None:
    kind = entry["file"].rpartition(".")[2]
    stated = entry["properties"]
    samples, rate = decode(RECORDINGS / entry["file"])
    assert samples.shape[0] == stated["channels"]
    assert samples.shape[1] / rate == pytest.approx(stated["seconds"], abs=0.1)
    assert np.abs(samples).max() < 0.99
    with av.open(str(RECORDINGS / entry["file"])) as container:
        assert container.format.name == stated["container"]
        assert stated["container"].startswith(CONTAINERS[kind])
        assert container.streams.audio[0].codec_context.codec.canonical_name == stated["codec"] == CODECS[kind]
        assert container.metadata.get("major_brand") == BRANDS.get(kind)
    if kind == "wav":
        assert (rate, stated["channels"]) == (8000, 2)


@every_recording
def test_each_speakers_turns_follow_one_another_within_the_recording(entry: dict[str, Any]) -> None:
    turns = entry["turns"]
    assert [turn["start"] for turn in turns] == sorted(turn["start"] for turn in turns)
    for speaker in ("agent", "customer"):
        own = [turn for turn in turns if turn["speaker"] == speaker]
        assert all(before["end"] <= after["start"] for before, after in pairwise(own))
    for turn in turns:
        assert 0 < turn["start"] < turn["end"] < entry["properties"]["seconds"]
        assert turn["text"].strip()


@every_recording
def test_each_speaker_is_heard_on_the_own_channel_and_only_while_speaking(entry: dict[str, Any]) -> None:
    samples, rate = decode(RECORDINGS / entry["file"])
    nobody = ~covered(entry["turns"], samples.shape[1], rate, margin=0.05)
    for number, speaker in enumerate(("agent", "customer")):
        channel = samples[min(number, samples.shape[0] - 1)]
        own = [turn for turn in entry["turns"] if turn["speaker"] == speaker]
        for turn in own:
            spoken = covered([turn], channel.size, rate)
            assert decibels(channel[spoken]) > decibels(channel[nobody]) + 25
        if samples.shape[0] == 2:
            assert decibels(channel[~covered(own, channel.size, rate, margin=0.05)]) < -50


@every_recording
def test_speech_starts_and_ends_where_the_manifest_says(entry: dict[str, Any]) -> None:
    samples, rate = decode(RECORDINGS / entry["file"])
    loud = np.flatnonzero(np.abs(samples).max(axis=0) > 0.02) / rate
    assert loud[0] == pytest.approx(entry["turns"][0]["start"], abs=0.06)
    assert loud[-1] == pytest.approx(max(turn["end"] for turn in entry["turns"]), abs=0.12)


def test_the_script_and_the_manifest_tell_of_the_same_calls() -> None:
    scripted = [(c["id"], c["file"], [(t["speaker"], t["text"]) for t in c["turns"]]) for c in SCRIPT["calls"]]
    made = [(e["id"], e["file"], [(t["speaker"], t["text"]) for t in e["turns"]]) for e in MANIFEST]
    assert made == scripted
    assert sum(call["send_transcript"] for call in SCRIPT["calls"]) == 5


def test_the_calls_vary_as_calls_do() -> None:
    overlaps = [entry["file"] for entry in MANIFEST if any(a["end"] > b["start"] for a, b in pairwise(entry["turns"]))]
    assert len(overlaps) >= 2
    assert sum(entry["properties"]["channels"] == 1 for entry in MANIFEST) == 1
    one_sided = [e["file"] for e in MANIFEST if {turn["speaker"] for turn in e["turns"]} == {"agent"}]
    assert one_sided == ["nobody-there.wav"]
    assert {entry["properties"]["rate"] for entry in MANIFEST} == {8000, 16000, 44100}


@pytest.mark.parametrize("call", SCRIPT["calls"], ids=lambda call: call["id"])
def test_a_call_can_be_sent_as_the_contract_asks(call: dict[str, Any]) -> None:
    number = phonenumbers.parse(call["contact_number"])
    assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == call["contact_number"]
    assert call["contact_number"].startswith(("+120255501", "+442079460"))
    assert call["agent"] in SCRIPT["agents"]
    assert len(call["metadata"]) <= 5
    assert len(call["custom_fields"]) <= 10
    assert call["customer"].get("email", "x@y.example.com").endswith(".example.com")


def test_check_passes_on_what_is_shipped() -> None:
    command = [sys.executable, str(DEMO / "make_recordings.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "All 12 recordings" in done.stdout


def test_check_names_a_recording_that_is_cut_missing_or_another(script: Any, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    shutil.copytree(RECORDINGS, folder)
    wav = folder / "nobody-there.wav"
    wav.write_bytes(wav.read_bytes()[:60_000])
    (folder / "polite-no.aac").unlink()
    shutil.copy(folder / "next-step-booked.mp3", folder / "support-to-upsell.mp3")
    faults = script.check(folder)
    assert len(faults) == 3
    for name in ("nobody-there.wav", "polite-no.aac", "support-to-upsell.mp3"):
        assert any(fault.startswith(name) for fault in faults)


def test_without_espeak_it_says_how_to_get_it(script: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(script.Refused, match="apt-get install espeak-ng"):
        script.make(tmp_path / "recordings", None)
    assert not (tmp_path / "recordings").exists()
