"""The worker with engines that answer at once; database, network, decoding and store are the real ones."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from callwright.analysis import Analysis, Bant, Chapter, Conversation, Metrics, QualityScore, Statement
from callwright.analysis.rubric import Rubric
from callwright.callbacks import RetryPolicy
from callwright.logs import configure_logging
from callwright.outbound import Outbound
from callwright.pipeline import Tools
from callwright.recordings.audio import DecodeLimits, warm_up
from callwright.recordings.fetch import FetchLimits
from callwright.recordings.scratch import scratch_folder
from callwright.recordings.store import Store
from callwright.sealing import Sealer, read_secret_key
from callwright.settings import Settings, load_settings
from callwright.transcription import Span, Transcript, Turn
from callwright.transcription.processes import Transcriber
from callwright.worker import open_pools, policy_of, width_of, work

_SAID = "Our plan is ninety dollars a seat, and you can start with ten of them before the end of the quarter."
TURNS = 12


class StubTranscriber(Transcriber):
    """Hears the same in every recording, at once, or after so long and so many at a time, without using a processor.

    Args:
        seconds: What it takes for each.
        engines: How many at a time.
    """

    def __init__(self, seconds: float, engines: int) -> None:
        super().__init__([], [])
        self._seconds = seconds
        self._free = asyncio.Semaphore(engines)

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
        """A transcript of the usual size."""
        assert path.name, (channels, samples)
        if self._seconds:
            async with self._free:
                await asyncio.sleep(self._seconds)
        return transcript(seconds, next(iter(languages), f"en-{agent_channel}"))


class StubAnalyser:
    """Thinks the same of every call, at once."""

    name = "stub"
    version = "1"
    at_once = True

    async def analyse(self, conversation: Conversation, rubric: Rubric) -> Analysis:
        """An analysis of the usual size."""
        assert rubric.parameters
        return analysis(conversation.seconds)


def transcript(seconds: float, language: str) -> Transcript:
    """Twelve turns of twenty words."""
    length = seconds / TURNS
    spans = [("agent" if number % 2 else "customer", number * length, number * length + length) for number in range(12)]
    return Transcript(
        engine="stub",
        model=None,
        language=language,
        quality="final",
        speakers="voices",
        turns=tuple(Turn(number, who, at, end, _SAID) for number, (who, at, end) in enumerate(spans)),  # type: ignore[arg-type]
        speech=tuple(Span(who, at, end) for who, at, end in spans),  # type: ignore[arg-type]
        seconds=seconds,
        coverage=1.0,
    )


def analysis(seconds: float) -> Analysis:
    """Three chapters and seven parameters, some 3 kB as a callback."""
    said = Statement(_SAID, (0, 1))
    score = QualityScore("Setting Context", _SAID, _SAID, 7, 10, "Partially Done", is_fatal=False, turns=(0, 2))
    return Analysis(
        engine="stub",
        version="1",
        model=None,
        draft=False,
        intent="INTERESTED",
        intent_score=74,
        intent_justification=_SAID,
        intent_turns=(1,),
        summary=(Chapter("Pricing", _SAID * 2, (1, 2)),) * 3,
        bant=Bant(said, said, Statement("Pricing", (1,)), said),
        qualification=(),
        quality=(score,) * 7,
        quality_score=82,
        metrics=Metrics(seconds / 2, seconds / 2, 0.5, 12.0, 1, 1, 0.0, 0.4),
    )


@asynccontextmanager
async def tools(settings: Settings) -> AsyncIterator[Tools]:
    """As `worker.tools_of` makes them, but for the two engines."""
    assert settings.database_url is not None
    assert settings.secret_key is not None
    warm_up()
    pool, queue_pool = await open_pools(settings.database_url.get_secret_value(), "callwright worker")
    with scratch_folder(Path(tempfile.gettempdir())) as scratch:
        async with pool, queue_pool, Outbound(policy_of(settings)) as outbound:
            yield Tools(
                pool=pool,
                queue_pool=queue_pool,
                outbound=outbound,
                store=Store(str(settings.data_dir / "store")),
                transcriber=StubTranscriber(
                    float(os.environ.get("BENCH_ENGINE_SECONDS", "0")), settings.worker_concurrency
                ),
                analyser=StubAnalyser(),
                sealer=Sealer(read_secret_key(settings.secret_key.get_secret_value())),
                scratch=scratch,
                fetch_limits=FetchLimits(),
                decode_limits=DecodeLimits(),
                callback_retries=RetryPolicy(),
            )


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with tools(settings) as made:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await work(made, stop=stop, width=width_of(settings))


if __name__ == "__main__":
    configure_logging(log_format="human", log_level="info", service="worker")
    uvloop.run(_run(load_settings()))
