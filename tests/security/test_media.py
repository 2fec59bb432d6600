"""Files that mean no good to the decoder: each ends as a failure with a reason, or as sound within the limits."""

import asyncio
import random
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from callwright.errors import FAILURE_CODES, StepFailed
from callwright.recordings import Decoded, audio
from callwright.recordings.audio import DecodeLimits, decode
from callwright.recordings.decoder import HIGHEST_RATE, LOWEST_RATE
from recordings.media import tones, wav
from security.hostile_media import FORMATS, FRONTS, NAMES, ODD, box, external, mutated, scripts

LIMITS = DecodeLimits(seconds=600, cpu_seconds=20, wall_seconds=240)
"""Bounded by the processor's time: the clock is for what hangs, and says nothing on a machine that others use too."""

MUTATIONS, CUTS = 100, 12
"""Of each format: files with some bytes changed, and files that end too early."""


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """A server on loopback that nobody must come to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        yield server
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.fixture(scope="module", autouse=True)
def no_server_left() -> Iterator[None]:
    yield
    audio._server.close()


async def outcome(folder: Path, data: bytes, limits: DecodeLimits = LIMITS) -> Decoded | StepFailed:
    """What becomes of a file; whatever that is, it is within bounds and leaves nothing that was not asked for."""
    source = await asyncio.to_thread(written, folder, data)
    result: Decoded | StepFailed
    try:
        result = await decode(source, scratch=folder, limits=limits)
    except StepFailed as failure:
        result = failure
    await asyncio.to_thread(check, result, folder, limits)
    return result


def written(folder: Path, data: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "source").write_bytes(data)
    return folder / "source"


def check(result: Decoded | StepFailed, folder: Path, limits: DecodeLimits) -> None:
    if isinstance(result, Decoded):
        assert 0 < result.seconds <= limits.seconds
        assert result.channels in (1, 2)
        assert LOWEST_RATE <= result.source_rate <= HIGHEST_RATE
        assert result.path.stat().st_size == result.samples * result.channels * 2
        assert all(len(peaks) <= 1000 for peaks in result.peaks)
        result.path.unlink()
    else:
        assert result.code in FAILURE_CODES
        assert result.code.startswith("recording_")
        assert not result.retry
        assert result.message.isprintable()
        assert str(folder) not in result.message
    assert [path.name for path in folder.iterdir()] == ["source"]


def said(result: Decoded | StepFailed) -> str:
    return result.code if isinstance(result, StepFailed) else "decoded"


@pytest.mark.parametrize("name", NAMES)
async def test_a_script_opens_nothing_however_it_is_wrapped(tmp_path: Path, name: str, trap: socket.socket) -> None:
    foreign = tmp_path / "of-another-tenant.wav"
    foreign.write_bytes(wav(tones(7, 16000, 440), 16000))
    text = scripts(str(foreign), f"http://127.0.0.1:{trap.getsockname()[1]}/x")[name]
    for front in FRONTS.values():
        result = await outcome(tmp_path / "scratch", front + text)
        assert isinstance(result, StepFailed) or result.seconds < 1
    bare = await outcome(tmp_path / "scratch", text)
    assert said(bare) in ("recording_not_audio", "recording_unsupported_format")


@pytest.mark.parametrize("kind", [b"url ", b"urn ", b"alis", b"rsrc", b"cios"])
async def test_sound_that_is_said_to_be_elsewhere_is_not_fetched(
    tmp_path: Path, kind: bytes, trap: socket.socket
) -> None:
    foreign = tmp_path / "foreign.aac"
    foreign.write_bytes(FORMATS["aac"])
    for reference in (str(foreign), f"file://{foreign}", f"http://127.0.0.1:{trap.getsockname()[1]}/x"):
        aliased = (
            bytes(150) + struct.pack(">hh", 2, len(reference)) + reference.encode() + b"\0" + struct.pack(">hh", -1, 0)
        )
        for body in (reference.encode() + b"\0", aliased):
            assert said(await outcome(tmp_path / "scratch", external(body, kind))) != "decoded"


async def test_a_reference_movie_is_no_recording(tmp_path: Path, trap: socket.socket) -> None:
    url = f"http://127.0.0.1:{trap.getsockname()[1]}/x".encode()
    reference = box(b"rdrf", bytes(4), b"url ", struct.pack(">I", len(url) + 1), url, b"\0")
    movie = box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", box(b"rmra", box(b"rmda", reference)))
    assert said(await outcome(tmp_path / "scratch", movie)) in ("recording_not_audio", "recording_damaged")


@pytest.mark.parametrize("name", ODD)
async def test_an_odd_file_ends_within_bounds(tmp_path: Path, name: str) -> None:
    make, expected = ODD[name]
    data = make()
    result = said(await outcome(tmp_path / "scratch", data))
    assert result.startswith(expected), result
    assert len(data) < 40_000_000


@pytest.fixture
async def many(tmp_path: Path) -> Callable[[list[bytes]], "asyncio.Future[list[str]]"]:
    """Decodes files, a few at a time, and says what became of each."""
    free = asyncio.Queue[Path]()
    for number in range(4):
        free.put_nowait(tmp_path / str(number))

    async def one(data: bytes) -> str:
        folder = await free.get()
        try:
            return said(await outcome(folder, data))
        finally:
            free.put_nowait(folder)

    return lambda files: asyncio.ensure_future(asyncio.gather(*map(one, files)))


@pytest.mark.parametrize("name", FORMATS)
async def test_no_mutation_of_a_recording_harms(
    name: str, many: Callable[[list[bytes]], "asyncio.Future[list[str]]"]
) -> None:
    chance = random.Random(f"callwright {name}")
    ended = await many([mutated(chance, FORMATS[name]) for _ in range(MUTATIONS)])
    assert len(ended) == MUTATIONS
    assert set(ended) - {"decoded"}, "some mutation is noticed"


@pytest.mark.parametrize("name", FORMATS)
async def test_a_recording_that_ends_anywhere_ends_well(
    name: str, many: Callable[[list[bytes]], "asyncio.Future[list[str]]"]
) -> None:
    whole = FORMATS[name]
    ended = await many([whole[: len(whole) * number // CUTS] for number in range(CUTS)])
    assert ended[0] == "recording_empty"
    assert await many([whole]) == ["decoded"]
