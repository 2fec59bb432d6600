"""Speech engines in processes of their own: the caller's loop stays free, and a crash costs one call's try."""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Self

from callwright.errors import StepFailed
from callwright.transcription import Transcript
from callwright.transcription.conversation import transcribe
from callwright.transcription.engine import EngineOptions, load_engine

PR_SET_PDEATHSIG = 1
NICENESS = 5
"""Transcription takes every core it gets; whoever waits for an answer goes first."""

SECONDS_PER_SECOND = 8.0
LEAST_SECONDS = 300.0
"""An engine that takes longer than both for its audio is stuck: the slowest that was measured needs a second each."""


class _Slot:
    """One process with the engine loaded; made anew when it dies."""

    def __init__(self, spec: str, options: EngineOptions) -> None:
        self._spec = spec
        self._options = options
        self._executor: ProcessPoolExecutor | None = None
        self._pid = 0

    async def ready(self) -> None:
        """Have the process started and its engine loaded.

        Raises:
            SetupError: The engine or its model is missing.
        """
        if self._executor is None:
            context = multiprocessing.get_context("spawn")  # its processes are our own children
            executor = ProcessPoolExecutor(1, mp_context=context, initializer=_settle)
            loop = asyncio.get_running_loop()
            try:
                self._pid = await loop.run_in_executor(executor, _load, self._spec, self._options)
            except BaseException:
                executor.shutdown(wait=False, cancel_futures=True)
                raise
            self._executor = executor

    async def run(self, call: "partial[Transcript]", limit: float) -> Transcript:
        await self.ready()
        assert self._executor is not None
        job = asyncio.get_running_loop().run_in_executor(self._executor, _run, self._spec, self._options, call)
        try:
            return await asyncio.wait_for(job, limit)
        except BrokenProcessPool:
            self.close()
            raise StepFailed(
                "transcription_failed", "The speech engine broke off on this recording.", retry=True
            ) from None
        except TimeoutError:
            self.close()
            raise StepFailed(
                "transcription_failed", f"The speech engine did not finish within {limit:.0f} s.", retry=True
            ) from None
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._executor is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None


class Transcriber:
    """Transcribes as many recordings at a time as it has processes; further ones wait."""

    def __init__(self, slots: list[_Slot]) -> None:
        self._free: asyncio.Queue[_Slot] = asyncio.Queue()
        for slot in slots:
            self._free.put_nowait(slot)

    @classmethod
    @asynccontextmanager
    async def open(cls, spec: str, options: EngineOptions, *, processes: int) -> AsyncIterator[Self]:
        """Start the processes and load the engine in each, so that a missing model shows at start.

        Args:
            spec: As in `load_engine`.
            options: Likewise.
            processes: Recordings transcribed at a time.

        Raises:
            SetupError: The engine or its model is missing.
        """
        slots = [_Slot(spec, options) for _ in range(processes)]
        try:
            await slots[0].ready()  # what is missing is missing for all
            await asyncio.gather(*(slot.ready() for slot in slots[1:]))
            yield cls(slots)
        finally:
            for slot in slots:
                slot.close()

    async def transcribe(
        self,
        path: Path,
        channels: int,
        samples: int,
        seconds: float,
        *,
        agent_channel: int = 0,
        language: str | None = None,
    ) -> Transcript:
        """Transcribe a decoded recording in a process; see `conversation.transcribe`.

        Raises:
            StepFailed: As there; with `retry` where the process died or took too long.
        """
        call = partial(transcribe, path, channels, samples, seconds, agent_channel=agent_channel, language=language)
        slot = await self._free.get()
        try:
            return await slot.run(call, max(LEAST_SECONDS, SECONDS_PER_SECOND * seconds * channels))
        finally:
            self._free.put_nowait(slot)


def _settle() -> None:
    """Give way to others, and end with the process that started this one, however that ends."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which drains
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _load(spec: str, options: EngineOptions) -> int:
    load_engine(spec, options)
    return os.getpid()


def _run(spec: str, options: EngineOptions, call: "partial[Transcript]") -> Transcript:
    return call(engine=load_engine(spec, options))
