"""Speech engines and their listeners in processes of their own: the loop stays free, and a crash costs one try."""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import numpy as np

from callwright import metrics
from callwright.errors import SetupError, StepFailed
from callwright.transcription import Transcript
from callwright.transcription.conversation import begin, complete, hear, mapped, transcribe
from callwright.transcription.engine import Engine, EngineOptions, load_engine
from callwright.transcription.pieces import Begun, Piece, Said, spoken
from callwright.transcription.speakers import Found, find_speech
from callwright.transcription.vad import RATE

T = TypeVar("T")

PR_SET_PDEATHSIG = 1
NICENESS = 5
"""Transcription takes every core it gets; whoever waits for an answer goes first."""

SECONDS_PER_SECOND = 8.0
LEAST_SECONDS = 300.0
"""An engine that takes longer than both for its audio is stuck: the slowest that was measured needs a second each."""


class _Slot:
    """One process; made anew when it dies.

    Args:
        load: Makes it ready, inside, and gives its process id and its engine's name; its engine is loaded then.

    Attributes:
        engine: That name, once it is ready.
    """

    def __init__(self, load: Callable[[], tuple[int, str]]) -> None:
        self.engine = ""
        self._load = load
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
                self._pid, self.engine = await loop.run_in_executor(executor, self._load)
            except Exception:
                await _shut_down(executor)
                raise
            except BaseException:  # it may load for long still, and is not waited for
                executor.shutdown(wait=False, cancel_futures=True)
                raise
            self._executor = executor

    async def run(self, call: "Callable[[], T]", limit: float) -> T:
        try:
            await self.ready()
        except (SetupError, BrokenProcessPool, OSError) as error:
            raise StepFailed("transcription_unavailable", "The speech engine cannot be started.", ours=True) from error
        assert self._executor is not None
        try:
            job = asyncio.get_running_loop().run_in_executor(self._executor, call)  # fails where it has died meanwhile
            return await asyncio.wait_for(job, limit)
        except BrokenProcessPool:
            await self.close()
            raise StepFailed(
                "transcription_failed", "The speech engine broke off on this recording.", retry=True
            ) from None
        except TimeoutError:
            await self.close()
            raise StepFailed(
                "transcription_failed", f"The speech engine did not finish within {limit:.0f} s.", retry=True
            ) from None
        except asyncio.CancelledError:
            await self.close()
            raise

    async def close(self) -> None:
        """End the process, whatever it does."""
        if self._executor is not None:
            executor, self._executor = self._executor, None
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            await _shut_down(executor)


class Transcriber:
    """Transcribes as many recordings at a time as it has engines; further ones wait.

    Who speaks when in the next ones is found meanwhile, in processes beside the engines': none of them waits for that.

    Attributes:
        spec: Which engine, and which model, as in `load_engine`.
        engine: The engine's name as in the transcript, which says how it hears.
    """

    def __init__(
        self, engines: list[_Slot], listeners: list[_Slot], spec: str = "", options: EngineOptions | None = None
    ) -> None:
        self.spec = spec
        self.engine = engines[0].engine if engines else ""
        self._options = options or EngineOptions()
        self._engines: asyncio.Queue[_Slot] = asyncio.Queue()
        self._listeners: asyncio.Queue[_Slot] = asyncio.Queue()
        for free, slots in ((self._engines, engines), (self._listeners, listeners)):
            for slot in slots:
                free.put_nowait(slot)

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
        engines = [_Slot(partial(_load, spec, options)) for _ in range(processes)]
        listeners = [_Slot(_load_ears) for _ in range(processes)]
        try:
            await engines[0].ready()  # what is missing is missing for all
            await asyncio.gather(*(slot.ready() for slot in engines[1:]))
            transcriber = cls(engines, listeners, spec, options)
            metrics.SPEECH_ENGINES.set(processes)
            metrics.SPEECH_ENGINES_FREE.set_function(transcriber._engines.qsize)
            yield transcriber
        finally:
            for slot in (*engines, *listeners):
                await slot.close()

    async def transcribe(
        self,
        path: Path,
        channels: int,
        samples: int,
        seconds: float,
        *,
        agent_channel: int = 0,
        languages: tuple[str, ...] = (),
    ) -> Transcript:
        """Transcribe a decoded recording in a process; see `conversation.transcribe`.

        Raises:
            StepFailed: As there; with `retry` where the process died or took too long, with `ours` where it cannot be
                started.
        """
        found = await self._listen(path, channels, samples, agent_channel, seconds * channels)
        call = partial(transcribe, path, channels, samples, seconds, agent_channel=agent_channel, languages=languages)
        return await self._hear(partial(call, found=found), seconds * channels)

    async def begin(
        self,
        path: Path,
        channels: int,
        samples: int,
        seconds: float,
        *,
        agent_channel: int,
        languages: tuple[str, ...],
        at_once_below: float,
    ) -> Begun | Transcript:
        """Begin with a recording that may be long; one with less speech than so many seconds is done in one go.

        Raises:
            StepFailed: As `transcribe`.
        """
        found = await self._listen(path, channels, samples, agent_channel, seconds * channels)
        call = partial(
            _begin, path, channels, samples, seconds, found, languages=languages, at_once_below=at_once_below
        )
        return await self._hear(call, seconds * channels)

    async def hear(self, path: Path, channels: int, samples: int, group: Sequence[Piece], language: str | None) -> Said:
        """Go on with a group of pieces, in whichever process is free; see `conversation.hear`.

        Raises:
            StepFailed: As `transcribe`.
        """
        return await self._hear(
            partial(_hear, path, channels, samples, group, language), sum(spoken(piece) for piece in group)
        )

    async def _listen(self, path: Path, channels: int, samples: int, agent_channel: int, seconds: float) -> Found:
        """Find who speaks when."""
        call = partial(_find_speech, path, channels, samples, agent_channel)
        return await _first_free(self._listeners, call, seconds, "listener")

    async def _hear(self, call: "partial[T]", seconds: float) -> T:
        """Run a call that takes an engine."""
        name = self.spec.partition(":")[0]
        return await _first_free(self._engines, partial(_run, self.spec, self._options, call), seconds, name)


async def _shut_down(executor: ProcessPoolExecutor) -> None:
    """Have an executor end whose process has nothing more to do.

    Waited for, because Python's own exit wakes every executor that is still ending, and a pipe that is closed at just
    that moment shows the operator a traceback.
    """
    await asyncio.to_thread(executor.shutdown, cancel_futures=True)


async def _first_free(free: "asyncio.Queue[_Slot]", call: "partial[T]", seconds: float, engine: str) -> T:
    """Run a call in the first process that is free; `seconds` is how much sound its engine has to listen to."""
    slot = await free.get()
    try:
        with metrics.SPEECH_SECONDS.labels(engine).time():
            result = await slot.run(call, max(LEAST_SECONDS, SECONDS_PER_SECOND * seconds))
        metrics.HEARD_SECONDS.labels(engine).inc(seconds)
        return result
    finally:
        free.put_nowait(slot)


def _settle() -> None:
    """Give way to others, and end with the process that started this one, however that ends."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which drains
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _load(spec: str, options: EngineOptions) -> tuple[int, str]:
    return os.getpid(), load_engine(spec, options).name


def _load_ears() -> tuple[int, str]:
    find_speech(np.zeros((1, RATE), np.int16), 0)  # what it imports, and the model of speech activity
    return os.getpid(), ""


def _find_speech(path: Path, channels: int, samples: int, agent_channel: int) -> Found:
    return find_speech(mapped(path, channels, samples), agent_channel)


def _run(spec: str, options: EngineOptions, call: "partial[T]") -> T:
    return call(engine=load_engine(spec, options))


def _begin(
    path: Path,
    channels: int,
    samples: int,
    seconds: float,
    found: Found,
    *,
    engine: Engine,
    languages: tuple[str, ...],
    at_once_below: float,
) -> Begun | Transcript:
    recording = mapped(path, channels, samples)
    begun = begin(recording, found, engine=engine, languages=languages)
    if sum(part.end - part.start for part in begun.speech) >= at_once_below:
        return begun
    return complete(recording, begun, seconds, engine=engine)


def _hear(
    path: Path, channels: int, samples: int, group: Sequence[Piece], language: str | None, *, engine: Engine
) -> Said:
    return hear(mapped(path, channels, samples), group, language, engine=engine)
