"""Decoding: every container to 16 kHz with its channels apart, and no file that harms, blocks or fills the worker."""

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from callwright.errors import StepFailed
from callwright.recordings import Decoded, audio
from callwright.recordings.audio import DecodeLimits, decode
from callwright.recordings.child import BEHIND
from recordings.media import encode, loudest, read, tones, wav
from recordings.processes import children, until

SECONDS = 3.0


async def decoded(folder: Path, data: bytes, limits: DecodeLimits = audio.DEFAULT_LIMITS) -> Decoded:
    source = folder / "recording"
    source.write_bytes(data)
    return await decode(source, scratch=folder, limits=limits)


async def failure(folder: Path, data: bytes, limits: DecodeLimits = audio.DEFAULT_LIMITS) -> StepFailed:
    with pytest.raises(StepFailed) as failed:
        await decoded(folder, data, limits)
    assert os.listdir(folder) == ["recording"]  # noqa: PTH208 - shorter
    assert failed.value.message.endswith(".")
    assert str(folder) not in failed.value.message
    return failed.value


CONTAINERS = [
    ("mp3", "mp3", 8000, "mp3"),
    ("mp3", "mp3", 44100, "mp3"),
    ("wav", "pcm_mulaw", 8000, "pcm_mulaw"),
    ("wav", "pcm_alaw", 8000, "pcm_alaw"),
    ("wav", "pcm_s16le", 22050, "pcm_s16le"),
    ("wav", "adpcm_ima_wav", 8000, "adpcm_ima_wav"),
    ("adts", "aac", 16000, "aac"),
    ("adts", "aac", 48000, "aac"),
    ("ipod", "aac", 32000, "aac"),
    ("ipod", "alac", 44100, "alac"),
    ("mp4", "aac", 48000, "aac"),
    ("flac", "flac", 16000, "flac"),
    ("ogg", "opus", 48000, "opus"),
    ("webm", "opus", 48000, "opus"),
]


@pytest.mark.parametrize(("container", "encoder", "rate", "codec"), CONTAINERS)
@pytest.mark.parametrize("hertz", [(440.0,), (440.0, 1250.0)], ids=["mono", "stereo"])
async def test_every_container_keeps_its_channels_apart(
    tmp_path: Path, container: str, encoder: str, rate: int, codec: str, hertz: tuple[float, ...]
) -> None:
    data = encode(tones(SECONDS, rate, *hertz), rate, container=container, codec=encoder)
    result = await decoded(tmp_path, data)
    assert (result.channels, result.source_channels, result.source_rate) == (len(hertz), len(hertz), rate)
    assert result.codec == codec
    assert abs(result.seconds - SECONDS) < 0.2
    assert result.samples == round(result.seconds * 16000)
    for samples, tone in zip(read(result.path, result.channels), hertz, strict=True):
        assert abs(loudest(samples, 16000) - tone) < 2
        other = np.abs(np.fft.rfft(samples))[[round(t * len(samples) / 16000) for t in hertz if t != tone]]
        assert all(other < np.abs(np.fft.rfft(samples)).max() / 20)


async def test_of_a_video_only_the_sound_is_taken(tmp_path: Path) -> None:
    data = encode(tones(SECONDS, 48000, 500, 900), 48000, container="mp4", codec="aac", video=True)
    result = await decoded(tmp_path, data)
    assert (result.codec, result.channels) == ("aac", 2)
    assert abs(result.seconds - SECONDS) < 0.1


async def test_more_than_two_channels_become_two(tmp_path: Path) -> None:
    result = await decoded(tmp_path, wav(tones(1, 16000, 300, 600, 900, 1200), 16000))
    assert (result.channels, result.source_channels) == (2, 4)


async def test_peaks_follow_the_loudness_of_each_channel(tmp_path: Path) -> None:
    samples = np.zeros((2, 32000), np.int16)
    samples[0, 16000:] = 16384
    samples[1, :] = -32768
    result = await decoded(tmp_path, wav(samples, 16000))
    left, right = result.peaks
    assert (len(left), len(right)) == (1000, 1000)
    assert (left[100], left[900], right[500]) == (0, 128, 255)


async def test_what_a_file_declares_is_told(tmp_path: Path) -> None:
    tone = tones(SECONDS, 16000, 440)
    for container, codec in (("wav", "pcm_s16le"), ("mp3", "mp3"), ("ipod", "aac"), ("flac", "flac")):
        result = await decoded(tmp_path, encode(tone, 16000, container=container, codec=codec))
        assert result.declared_seconds == pytest.approx(SECONDS, abs=0.2)
    for container, codec in (("adts", "aac"), ("ogg", "opus")):
        assert (await decoded(tmp_path, encode(tone, 16000, container=container, codec=codec))).declared_seconds is None


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
async def test_a_wav_of_a_recorder_that_cannot_seek_back_is_whole(tmp_path: Path, size: int) -> None:
    result = await decoded(tmp_path, wav(tones(SECONDS, 8000, 440), 8000, data_size=size))
    assert (result.seconds, result.declared_seconds) == (SECONDS, None)


@pytest.mark.parametrize(
    ("container", "codec"), [("wav", "pcm_mulaw"), ("mp3", "mp3"), ("flac", "flac"), ("ipod", "aac")]
)
async def test_a_cut_recording_is_noticed(tmp_path: Path, container: str, codec: str) -> None:
    whole = encode(tones(8, 16000, 440, 700), 16000, container=container, codec=codec)
    failed = await failure(tmp_path, whole[: len(whole) // 2])
    assert (failed.code, failed.retry) == ("recording_truncated", False)
    if container != "ipod":  # whose index stands at the end, so that nothing can be said of the length
        assert re.search(r"should last 8\.[01] seconds, but only [34]\.\d are there", failed.message)


async def test_a_recording_that_lacks_less_than_a_second_is_whole(tmp_path: Path) -> None:
    whole = wav(tones(10, 8000, 440), 8000)
    assert (await decoded(tmp_path, whole[:-12000])).seconds == pytest.approx(9.25)


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return (len(body) + 8).to_bytes(4, "big") + kind + body


@pytest.mark.parametrize("entry", [box(b"enca", bytes(28)), box(b"drms", bytes(28)), box(b"mp4a", box(b"sinf"))])
async def test_a_protected_recording_is_named(tmp_path: Path, entry: bytes) -> None:
    handler = box(b"hdlr", bytes(8), b"soun", bytes(12))
    description = box(b"minf", box(b"stbl", box(b"stsd", bytes(8), entry)))
    index = box(b"moov", box(b"mvhd", bytes(100)), box(b"trak", box(b"mdia", handler, description)))
    failed = await failure(tmp_path, box(b"ftyp", b"M4P \0\0\0\0") + index + box(b"mdat", bytes(1000)))
    assert failed.code == "recording_protected"


LONG = encode(tones(10, 48000, 440, 700), 48000, container="adts", codec="aac") * 200
WHOLE_M4A = encode(tones(2, 16000, 440), 16000, container="ipod", codec="aac")
BROKEN = [
    (box(b"ftyp", b"M4A \0\0\0\0") + box(b"mdat", bytes(1000)), "recording_damaged"),
    (WHOLE_M4A.replace(b"moov", b"free"), "recording_damaged"),
    (wav(tones(1, 8000, 440), 8000)[:44], "recording_damaged"),
    (wav(tones(1, 1, 440), 1, data=bytes(2_000_000)), "recording_unsupported_format"),
    (wav(tones(1, 400_000, 440), 400_000), "recording_unsupported_format"),
    (wav(tones(1, 8000, 440), 8000, tag=0x1234), "recording_unsupported_format"),
    (b"fLaC" + random.Random(1).randbytes(5000), "recording_damaged"),
    (b"OggS" + bytes(5000), "recording_damaged"),
    (b"\x1a\x45\xdf\xa3" + random.Random(1).randbytes(5000), "recording_damaged"),
    (b"just a text", "recording_not_audio"),
    (b"#EXTM3U\nfile:///etc/passwd\n", "recording_not_audio"),
    (b"", "recording_empty"),
]


@pytest.mark.parametrize(("data", "code"), BROKEN, ids=lambda value: str(value)[:30])
async def test_what_cannot_be_decoded_is_named(tmp_path: Path, data: bytes, code: str) -> None:
    failed = await failure(tmp_path, data)
    assert (failed.code, failed.retry) == (code, False)


async def test_a_video_without_sound_is_no_recording(tmp_path: Path) -> None:
    film = encode(None, 16000, container="mp4", codec="", video=True)
    assert (await failure(tmp_path, film)).code == "recording_not_audio"


async def test_hours_of_silence_in_a_small_file_are_too_long(tmp_path: Path) -> None:
    data = encode(np.zeros((1, 8000 * 700), np.int16), 8000, container="flac", codec="flac")
    assert len(data) < 150_000
    failed = await failure(tmp_path, data, DecodeLimits(seconds=600))
    assert failed.code == "recording_too_long"
    assert (await decoded(tmp_path, data)).seconds == 700


@pytest.mark.parametrize(
    ("limits", "data", "what", "retry"),
    [
        (DecodeLimits(memory_bytes=0), wav(tones(30, 8000, 440, 500), 8000), "memory", False),
        (DecodeLimits(wall_seconds=0.0), LONG, "time", True),
        (DecodeLimits(cpu_seconds=1), LONG, "time", False),
    ],
    ids=["memory", "wall", "cpu"],
)
async def test_what_a_recording_may_take_is_bounded(
    tmp_path: Path, limits: DecodeLimits, data: bytes, what: str, retry: bool
) -> None:
    failed = await failure(tmp_path, data, limits)
    assert (failed.code, failed.message, failed.retry) == (
        "recording_too_costly",
        f"Decoding the recording would take too much {what}.",
        retry,
    )


def test_the_memory_limit_counts_what_a_recording_takes_and_not_the_libraries() -> None:
    program = """if True:
        from callwright.recordings.child import _limit
        _limit(512 << 20, 60, 1 << 20)
        held = bytearray(400 << 20)
        try:
            bytearray(200 << 20)
        except MemoryError:
            print("capped")
        """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "capped\n"


async def test_a_cancelled_decoding_ends_its_process_and_leaves_nothing(tmp_path: Path) -> None:
    await decoded(tmp_path, wav(tones(1, 8000, 440), 8000))
    task = asyncio.create_task(decoded(tmp_path, LONG))
    await until(running=True)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(running=False)
    assert not (tmp_path / "samples.s16le").exists()


@pytest.mark.parametrize(
    ("killed_by", "code"), [(signal.SIGSEGV, "recording_damaged"), (signal.SIGXCPU, "recording_too_costly")]
)
async def test_a_crash_of_the_decoder_is_the_recordings_failure_alone(
    tmp_path: Path, killed_by: signal.Signals, code: str
) -> None:
    await decoded(tmp_path, wav(tones(1, 8000, 440), 8000))
    task = asyncio.create_task(decoded(tmp_path, LONG))
    await until(running=True)
    os.kill(next(iter(children())), killed_by)
    with pytest.raises(StepFailed) as failed:
        await task
    assert failed.value.code == code
    assert (await decoded(tmp_path, wav(tones(1, 8000, 440), 8000))).seconds == 1
    await until(running=False)


async def test_a_killed_server_is_replaced(tmp_path: Path) -> None:
    short = wav(tones(1, 8000, 440), 8000)
    await decoded(tmp_path, short)
    assert audio._server._process is not None
    task = asyncio.create_task(decoded(tmp_path, LONG))
    await until(running=True)
    audio._server._process.kill()
    with pytest.raises(StepFailed) as failed:
        await task
    assert (failed.value.code, failed.value.retry) == ("internal_error", True)
    assert (await decoded(tmp_path, short)).seconds == 1


WITHOUT_A_PROCESS = """
import errno, os, socket
from callwright.recordings import child

fork, asked = os.fork, []

def fork_but_once():
    asked.append(True)
    if len(asked) == 3:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
    return fork()

os.fork = fork_but_once
child.serve(socket.socket(fileno=0))
"""


@pytest.fixture
def own_server() -> Iterator[None]:
    """A server of this test's own, before and after."""
    audio._server.close()
    yield
    audio._server.close()


@pytest.mark.usefixtures("own_server")
async def test_where_no_process_can_be_had_it_is_an_outage_and_ends_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "_COMMAND", [sys.executable, "-I", "-c", WITHOUT_A_PROCESS])
    short, folders = wav(tones(1, 8000, 440), 8000), [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    assert (await decoded(folders[1], short)).seconds == 1
    await until(running=False)
    task = asyncio.create_task(decoded(folders[0], LONG))
    await until(running=True)
    with pytest.raises(StepFailed) as failed:
        await decoded(folders[1], short)
    assert (failed.value.code, failed.value.ours) == ("internal_error", True)
    assert (await decoded(folders[1], short)).seconds == 1
    assert not task.done(), "the one before goes on"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_event_loop_stays_free_and_decodings_run_side_by_side(tmp_path: Path) -> None:
    folders = [tmp_path / str(index) for index in range(5)]
    for folder in folders:
        folder.mkdir()
    short = wav(tones(1, 8000, 440), 8000)
    await decoded(folders[4], short)
    await until(running=False)
    tasks = [asyncio.create_task(decoded(folder, LONG)) for folder in folders[:4]]
    for _ in range(2000):
        if len(children()) == 4:
            break
        await asyncio.sleep(0.005)
    assert (await decoded(folders[4], short)).seconds == 1
    assert not any(task.done() for task in tasks), "a short one is done beside four long ones"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    data = encode(tones(30, 8000, 440, 800), 8000, container="wav", codec="pcm_mulaw")
    results = await asyncio.gather(*(decoded(folder, data) for folder in folders))
    assert [result.seconds for result in results] == [30] * 5


async def test_the_process_has_no_environment_and_no_files_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLWRIGHT_SECRET_KEY", "hidden")
    audio._server.close()
    await decoded(tmp_path, wav(tones(1, 8000, 440), 8000))
    task = asyncio.create_task(decoded(tmp_path, LONG))
    await until(running=True)
    process = Path("/proc") / str(next(iter(children())))
    assert b"hidden" not in (process / "environ").read_bytes()
    assert "(deleted)" in str((process / "cwd").readlink())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_real_recordings_decode_to_the_length_they_are_known_to_have(tmp_path: Path, shared_audio: Path) -> None:
    rows = [line.split("\t") for line in (shared_audio / "index.tsv").read_text().splitlines()[1:]]
    for name, _, _, seconds, channels, rate, codec, *_ in rows:
        result = await decode(shared_audio / name, scratch=tmp_path)
        assert result.seconds == pytest.approx(float(seconds), abs=0.1)
        assert (result.channels, result.source_rate, result.codec) == (int(channels), int(rate), codec)


async def test_no_room_for_the_samples_is_an_outage_of_ours(tmp_path: Path) -> None:
    (tmp_path / "samples.s16le").symlink_to("/dev/full")
    with pytest.raises(StepFailed) as failed:
        await decoded(tmp_path, wav(tones(SECONDS, 8000, 440.0), 8000))
    assert (failed.value.code, failed.value.ours) == ("storage_unavailable", True)


async def test_decoding_leaves_the_processors_to_what_others_wait_for(tmp_path: Path) -> None:
    (tmp_path / "recording").write_bytes(wav(tones(1.0, 8000, 440.0), 8000))
    await decode(tmp_path / "recording", scratch=tmp_path, of="1/1")
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert {os.getpriority(os.PRIO_PROCESS, each) for each in children()} == {min(19, ours + BEHIND)}
