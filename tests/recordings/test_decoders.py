"""Processes that decode more than once: for one owner, within limits, and never after a fault."""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callwright.errors import StepFailed
from callwright.recordings import audio, child
from callwright.recordings.audio import DecodeLimits, decode
from recordings.media import encode, tones, wav
from recordings.processes import children, until, until_idle

LONG = encode(tones(10, 48000, 440, 700), 48000, container="adts", codec="aac") * 200


async def of_owners(folder: Path, *owners: str, data: bytes | None = None) -> list[set[int]]:
    """Decode a recording of each owner in turn; the processes that are there after each."""
    source, found = folder / "source", []
    source.write_bytes(data or wav(tones(1, 8000, 440), 8000))
    for owner in owners:
        assert (await decode(source, scratch=folder, of=owner)).seconds == 1
        await until_idle()
        found.append(set(children()))
    return found


@pytest.fixture
async def own_decoders() -> AsyncIterator[None]:
    """No processes that others have left."""
    audio._server.close()
    yield
    audio._server.close()


@pytest.mark.usefixtures("own_decoders")
async def test_a_process_decodes_for_one_owner_and_no_other(tmp_path: Path) -> None:
    first, again, other, back = await of_owners(tmp_path, "1/1", "1/1", "1/2", "1/1")
    assert first == again
    assert len(first) == 1
    assert len(other - first) == 1
    assert back == other


@pytest.mark.usefixtures("own_decoders")
async def test_so_many_processes_wait_for_another_recording(tmp_path: Path) -> None:
    await of_owners(tmp_path, *(f"1/{number}" for number in range(child.MOST_IDLE + 3)))
    for _ in range(2000):
        if len(children()) == child.MOST_IDLE:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"processes: {children()}")


@pytest.mark.usefixtures("own_decoders")
async def test_a_process_is_renewed_now_and_then(tmp_path: Path) -> None:
    found = await of_owners(tmp_path, *["1/1"] * (child.MOST_RECORDINGS + 1))
    assert len(set.union(*found[: child.MOST_RECORDINGS - 1])) == 1
    assert not found[0] & found[-1]


@pytest.mark.usefixtures("own_decoders")
async def test_a_process_that_met_a_fault_decodes_nothing_more(tmp_path: Path) -> None:
    (before,) = await of_owners(tmp_path, "1/1")
    (tmp_path / "source").write_bytes(b"RIFF" + bytes(4096))
    with pytest.raises(StepFailed):
        await decode(tmp_path / "source", scratch=tmp_path, of="1/1")
    await until(running=False)
    (after,) = await of_owners(tmp_path, "1/1")
    assert not before & after


@pytest.mark.usefixtures("own_decoders")
@pytest.mark.parametrize("killed_by", [signal.SIGSEGV, signal.SIGXCPU])
async def test_what_breaks_a_process_that_decoded_before_is_tried_again_in_a_new_one(
    tmp_path: Path, killed_by: signal.Signals
) -> None:
    (before,) = await of_owners(tmp_path, "1/1")
    (tmp_path / "source").write_bytes(LONG)
    task = asyncio.create_task(decode(tmp_path / "source", scratch=tmp_path, of="1/1"))
    for _ in range(2000):
        if set(children().values()) - {"S"}:
            break
        await asyncio.sleep(0.005)
    os.kill(next(iter(before)), killed_by)
    with pytest.raises(StepFailed) as failed:
        await task
    assert (failed.value.code, failed.value.retry) == ("internal_error", True)
    (after,) = await of_owners(tmp_path, "1/1")
    assert not before & after


@pytest.mark.usefixtures("own_decoders")
async def test_each_recording_has_its_own_share_of_the_processors_time(tmp_path: Path) -> None:
    (first,) = await of_owners(tmp_path, "1/1")
    (process,) = first
    assert resource.prlimit(process, resource.RLIMIT_CPU)[0] == DecodeLimits().cpu_seconds
    child._allow(process, 7)
    soft, hard = resource.prlimit(process, resource.RLIMIT_CPU)
    assert child._used(process) + 7 <= soft <= child._used(process) + 9
    assert hard == 2 * DecodeLimits().cpu_seconds + 1
