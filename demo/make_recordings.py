"""Make the demo's recordings from `calls.toml` with espeak-ng, or check the ones that are there against the manifest.

.venv/bin/python demo/make_recordings.py            speak, mix and encode every call, write the manifest
.venv/bin/python demo/make_recordings.py --check    compare the files with the manifest; needs no espeak-ng
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
import wave
import zlib
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any, Literal, TypedDict

import av
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from scipy.signal import butter, resample_poly, sosfilt

HERE = Path(__file__).parent
RECORDINGS = HERE / "recordings"

Samples = NDArray[np.float64]
Speaker = Literal["agent", "customer"]

CHANNEL: dict[Speaker, int] = {"agent": 0, "customer": 1}
SPEECH_PEAK = 0.4
NOISE_RMS = 10 ** (-66 / 20)
QUIET = 0.02
"""Share of an utterance's peak below which its first and last samples are silence that espeak-ng added."""
LEAD_SECONDS, TAIL_SECONDS = 0.3, 0.4
BANDS_HZ = {"narrow": (300, 3400), "wide": (100, 7000)}
"""The telephone's pass band (ITU-T G.712) and that of wideband speech, a little narrowed (ITU-T G.722)."""
MUXERS = {"mp3": "mp3", "wav": "wav", "aac": "adts", "m4a": "ipod", "mp4": "mp4"}
CODECS = {"mp3": "libmp3lame", "wav": "pcm_mulaw", "aac": "aac", "m4a": "aac", "mp4": "aac"}
FF_QP2LAMBDA = 118
"""FFmpeg's factor between a quality scale and its `global_quality` (libavutil/avutil.h)."""
AAC_PRIMING = 1024
"""Samples that FFmpeg's AAC encoder puts before the sound; neither ADTS nor what PyAV writes into MP4 says so."""


class MadeTurn(TypedDict):
    """A line as it lies in the recording: seconds from its start."""

    speaker: Speaker
    start: float
    end: float
    text: str


class Properties(TypedDict):
    """What a decoder finds in a file: FFmpeg's names, hertz, and the duration in seconds by counted samples."""

    container: str
    codec: str
    rate: int
    channels: int
    seconds: float


class Recording(TypedDict):
    """The manifest's entry for one call."""

    id: str
    file: str
    properties: Properties
    turns: list[MadeTurn]


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of espeak-ng, its pitch (0 to 99) and its speed in words per minute."""

    name: str
    pitch: int
    speed: int


class Refused(Exception):
    """The recordings cannot be made, or are not what the manifest says; the message tells why and what to do."""


def read_calls() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The agents by their short name, and the scripted calls in their order."""
    script = tomllib.loads((HERE / "calls.toml").read_text(encoding="utf-8"))
    return script["agents"], script["calls"]


def read_manifest(folder: Path) -> list[Recording]:
    """The manifest of the recordings in a folder."""
    recordings: list[Recording] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["recordings"]
    return recordings


def find_espeak() -> str:
    """The path of espeak-ng.

    Raises:
        Refused: It is not installed.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        raise Refused(
            "espeak-ng is not installed. On Debian: apt-get install espeak-ng\n"
            "It is needed only to make the recordings anew; the demo plays the ones in demo/recordings."
        )
    return program


def speak(program: str, voice: Voice, text: str, rate: int) -> Samples:
    """One utterance, without the silence around it, its peak at `SPEECH_PEAK`.

    Args:
        program: The path of espeak-ng.
        voice: Whose voice.
        text: What is said.
        rate: The sample rate wanted, in Hz.

    Raises:
        Refused: espeak-ng failed, or said nothing.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "utterance.wav"
        command = [program, "-v", voice.name, "-p", str(voice.pitch), "-s", str(voice.speed), "-w", str(path), text]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our script
        if done.returncode != 0 or not path.exists():
            raise Refused(f"espeak-ng could not say {text!r}: {done.stderr.strip()}")
        with wave.open(str(path)) as sound:
            spoken_rate = sound.getframerate()
            pcm = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
    divisor = gcd(rate, spoken_rate)
    samples: Samples = resample_poly(pcm / 32768, rate // divisor, spoken_rate // divisor)
    loud = np.flatnonzero(np.abs(samples) > QUIET * np.abs(samples).max(initial=0))
    if not loud.size:
        raise Refused(f"espeak-ng was silent over {text!r}")
    spoken: Samples = samples[loud[0] : loud[-1] + 1] * (SPEECH_PEAK / np.abs(samples).max())
    return spoken


def lay(
    call: dict[str, Any], spoken: list[Samples], rate: int, rng: np.random.Generator
) -> tuple[Samples, list[MadeTurn]]:
    """Put the utterances of a call on the two channels, one after the other or over each other as scripted.

    Returns:
        Sound of shape (2, samples), agent first, and the turns with their real times.
    """
    turns: list[MadeTurn] = []
    starts: list[int] = []
    cursor = LEAD_SECONDS
    for number, (line, samples) in enumerate(zip(call["turns"], spoken, strict=True)):
        drawn = float(rng.uniform(0.2, 0.5))
        start = cursor + line.get("pause", drawn if number else 0.0)
        starts.append(round(start * rate))
        end = start + samples.size / rate
        turns.append(MadeTurn(speaker=line["speaker"], start=round(start, 3), end=round(end, 3), text=line["text"]))
        cursor = max(cursor, end)
    sound = np.zeros((2, round((cursor + TAIL_SECONDS) * rate)))
    for start_sample, samples, turn in zip(starts, spoken, turns, strict=True):
        sound[CHANNEL[turn["speaker"]], start_sample : start_sample + samples.size] += samples
    return sound, turns


def colour(sound: Samples, band: str, rate: int, rng: np.random.Generator) -> Samples:
    """The sound as a line carries it: the line's own noise on each channel, and nothing outside its pass band."""
    noisy = sound + rng.normal(0, NOISE_RMS, sound.shape)
    sections = butter(4, BANDS_HZ[band], btype="bandpass", fs=rate, output="sos")
    filtered: Samples = sosfilt(sections, noisy, axis=1)
    return filtered


def encode(sound: Samples, path: Path, audio: dict[str, Any]) -> None:
    """Write sound to a file in the format that its suffix names.

    Args:
        sound: Shape (channels, samples).
        path: The file to write.
        audio: `rate` in Hz, and for the lossy formats either `bit_rate` in bit/s or a variable bit rate by `quality`,
            on the encoder's own scale (LAME: 0 best to 9; FFmpeg's AAC: 0.1 to 2 best).
    """
    kind = path.suffix.removeprefix(".")
    if CODECS[kind] == "aac":
        sound = sound[:, AAC_PRIMING:]  # so that the decoded sound lies where the manifest says
    layout = "mono" if sound.shape[0] == 1 else "stereo"
    pcm = (np.clip(sound, -1, 1) * 32767).round().astype(np.int16)
    frame = av.AudioFrame.from_ndarray(pcm.T.reshape(1, -1).copy(), format="s16", layout=layout)
    frame.sample_rate = audio["rate"]
    options = {}
    if "quality" in audio:
        options = {"flags": "+qscale", "global_quality": str(round(audio["quality"] * FF_QP2LAMBDA))}
    # bitexact: no version of the library and no date in the file, so that the same sound gives the same bytes
    with av.open(str(path), "w", format=MUXERS[kind], options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(CODECS[kind], rate=audio["rate"], layout=layout, options=options)
        assert isinstance(stream, av.AudioStream)
        if "bit_rate" in audio:
            stream.bit_rate = audio["bit_rate"]
        for part in (frame, None):
            container.mux(stream.encode(part))


def probe(path: Path) -> Properties:
    """What a decoder finds in a file.

    Raises:
        Refused: The file is missing, or no decoder can read it.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            samples = sum(frame.samples for frame in container.decode(stream))
            return Properties(
                container=container.format.name,
                codec=stream.codec_context.codec.canonical_name,
                rate=stream.rate,
                channels=stream.channels,
                seconds=round(samples / stream.rate, 3),
            )
    except (OSError, IndexError, av.FFmpegError) as error:
        raise Refused(f"{path.name} cannot be read: {error}") from error


def make_call(call: dict[str, Any], agent: dict[str, Any], program: str, folder: Path) -> Recording:
    """Speak, mix and encode one call, and say what came of it."""
    audio = call["audio"]
    # The seed is the call's own, so that a call added or moved changes no other.
    rng = np.random.default_rng(zlib.crc32(call["id"].encode()))
    voices = {"agent": Voice(**agent["voice"])}
    if "customer_voice" in call:
        voices["customer"] = Voice(**call["customer_voice"])
    spoken = [speak(program, voices[line["speaker"]], line["text"], audio["rate"]) for line in call["turns"]]
    sound, turns = lay(call, spoken, audio["rate"], rng)
    sound = colour(sound, audio["band"], audio["rate"], rng)
    if audio["channels"] == 1:
        sound = sound.sum(axis=0, keepdims=True)
    path = folder / call["file"]
    encode(sound, path, audio)
    return Recording(id=call["id"], file=call["file"], properties=probe(path), turns=turns)


def make(folder: Path, console: Console) -> None:
    """Make every recording and the manifest in a folder.

    Raises:
        Refused: espeak-ng is missing or failed.
    """
    program = find_espeak()
    agents, calls = read_calls()
    folder.mkdir(parents=True, exist_ok=True)
    recordings: list[Recording] = []
    for number, call in enumerate(calls, 1):
        made = make_call(call, agents[call["agent"]], program, folder)
        recordings.append(made)
        size = (folder / made["file"]).stat().st_size
        seconds = made["properties"]["seconds"]
        console.print(f"{number:2}/{len(calls)}  {made['file']:27} {seconds:5.1f} s  {size / 1000:6.1f} kB")
    manifest = json.dumps({"recordings": recordings}, indent=2) + "\n"
    (folder / "manifest.json").write_text(manifest, encoding="utf-8")


def check(folder: Path) -> list[str]:
    """Every way in which the files of a folder differ from its manifest, as sentences; none where all is well."""
    faults = []
    for recording in read_manifest(folder):
        stated = recording["properties"]
        try:
            found = probe(folder / recording["file"])
        except Refused as fault:
            faults.append(str(fault))
            continue
        same = found | {"seconds": stated["seconds"]} == stated
        if not same or abs(found["seconds"] - stated["seconds"]) > 0.1:
            faults.append(f"{recording['file']} is {found}, and the manifest says {stated}")
    return faults


def main() -> int:
    """Make the recordings, or check them; 0 where that went well."""
    parser = argparse.ArgumentParser(description="Make the demo's recordings with espeak-ng, or check them.")
    parser.add_argument("--check", action="store_true", help="compare the files with the manifest, make nothing")
    console = Console(highlight=False, soft_wrap=True)
    try:
        if not parser.parse_args().check:
            make(RECORDINGS, console)
        faults = check(RECORDINGS)
    except (Refused, FileNotFoundError) as fault:
        faults = [str(fault)]
    for sentence in faults:
        Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, style="red", markup=False)
    if not faults:
        console.print(f"All {len(read_manifest(RECORDINGS))} recordings are what the manifest says.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
