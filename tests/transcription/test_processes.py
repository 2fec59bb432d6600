"""Engines in their own processes: missing ones show at start, a dead or stuck one costs one try."""

import asyncio
import os
import signal
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from callwright.errors import SetupError, StepFailed
from callwright.transcription import processes
from callwright.transcription.engine import EngineOptions
from callwright.transcription.processes import Transcriber

RATE = 16_000


def written(folder: Path, seconds: float, level: int = 0) -> tuple[Path, int, int, float]:
    """A mono recording as decoded: silence, or noise that an engine can do nothing with."""
    samples = np.random.default_rng(1).normal(0, level, int(seconds * RATE)).astype("<i2")
    path = folder / "samples"
    samples.tofile(path)
    return path, 1, len(samples), seconds


async def ended(pid: int) -> bool:
    """Whether a process ends within five seconds."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_a_missing_engine_shows_at_start() -> None:
    with pytest.raises(SetupError, match="model"):
        async with Transcriber.open("faster-whisper:/nowhere", EngineOptions(), processes=1):
            pass
    assert not any("Executor" in type(each).__name__ for each in threading.enumerate())  # Python's exit would meet it


async def test_a_failure_in_the_process_reaches_the_caller_and_the_process_lives(tmp_path: Path) -> None:
    async with Transcriber.open("pocketsphinx", EngineOptions(), processes=1) as transcriber:
        pids = []
        for _ in range(2):
            with pytest.raises(StepFailed) as failure:
                await transcriber.transcribe(*written(tmp_path, 2))
            assert failure.value.code == "recording_silent"
            slot = transcriber._engines.get_nowait()
            pids.append(slot._pid)
            transcriber._engines.put_nowait(slot)
    assert pids[0] == pids[1]
    assert await ended(pids[0])


@pytest.mark.parametrize("which", ["_engines", "_listeners"])
async def test_either_process_costs_a_try_when_it_dies(tmp_path: Path, which: str) -> None:
    async with Transcriber.open("pocketsphinx", EngineOptions(), processes=1) as transcriber:
        free = getattr(transcriber, which)
        (slot,) = free._queue
        await slot.ready()
        os.kill(slot._pid, signal.SIGKILL)
        with pytest.raises(StepFailed) as failure:
            await transcriber.transcribe(*written(tmp_path, 2))
        assert (failure.value.code, failure.value.retry) == ("transcription_failed", True)
        with pytest.raises(StepFailed) as failure:
            await transcriber.transcribe(*written(tmp_path, 2))
        assert failure.value.code == "recording_silent", "it was replaced"
    assert await ended(slot._pid)


async def test_a_recording_is_listened_to_while_the_engine_is_busy(tmp_path: Path) -> None:
    async with Transcriber.open("pocketsphinx", EngineOptions(), processes=1) as transcriber:
        engine = await transcriber._engines.get()
        waiting = asyncio.create_task(transcriber.transcribe(*written(tmp_path, 2)))
        while not transcriber._engines._getters:  # type: ignore[attr-defined]
            assert not waiting.done()
            await asyncio.sleep(0.01)
        assert transcriber._listeners.qsize() == 1, "it has been listened to, and waits for the engine alone"
        assert transcriber._listeners._queue[0]._pid  # type: ignore[attr-defined]
        transcriber._engines.put_nowait(engine)
        with pytest.raises(StepFailed, match="speaks"):
            await waiting


async def test_a_stuck_process_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LEAST_SECONDS", 0.001)
    monkeypatch.setattr(processes, "SECONDS_PER_SECOND", 0.0)
    async with Transcriber.open("pocketsphinx", EngineOptions(), processes=1) as transcriber:
        with pytest.raises(StepFailed, match="did not finish"):
            await transcriber.transcribe(*written(tmp_path, 60, level=3000))


async def test_an_engine_that_cannot_be_started_again_is_an_outage_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Transcriber.open("pocketsphinx", EngineOptions(), processes=1) as transcriber:
        slot = transcriber._engines.get_nowait()
        transcriber._engines.put_nowait(slot)
        await slot.close()
        load = slot._load
        gone = partial(processes._load, "faster-whisper:/nowhere", EngineOptions())
        monkeypatch.setattr(slot, "_load", gone)  # as where its model was removed
        with pytest.raises(StepFailed) as failure:
            await transcriber.transcribe(*written(tmp_path, 2))
        assert (failure.value.code, failure.value.ours) == ("transcription_unavailable", True)
        monkeypatch.setattr(slot, "_load", load)
        with pytest.raises(StepFailed) as failure:
            await transcriber.transcribe(*written(tmp_path, 2))
        assert failure.value.code == "recording_silent", "and it works once the model is back"
