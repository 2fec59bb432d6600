"""The worker: takes jobs from the queue to the pipeline, and drains when it is told to stop."""

import asyncio
import contextlib
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import asyncpg
import structlog

from callwright import (
    audit,
    db,
    erasing,
    garbage,
    idempotency,
    limits,
    metrics,
    partners,
    pipeline,
    queue,
    rollups,
    traces,
    vitals,
)
from callwright.analysis.engine import Analyser, load_analyser
from callwright.bells import Bell
from callwright.callbacks import RetryPolicy
from callwright.db import Pool, partitions
from callwright.db.readiness import fault_of
from callwright.deliveries import Deliveries
from callwright.errors import Unavailable
from callwright.lanes import Handler, Running, lane, until
from callwright.outbound import Outbound, Policy
from callwright.pipeline import Tools
from callwright.recordings.audio import DecodeLimits, warm_up
from callwright.recordings.fetch import FetchLimits
from callwright.recordings.scratch import scratch_folder
from callwright.recordings.store import Store
from callwright.sealing import Sealer, read_secret_key
from callwright.settings import Settings
from callwright.slots import Slots
from callwright.transcription.engine import EngineOptions
from callwright.transcription.processes import Transcriber

log = structlog.get_logger()

COMPUTE_HEARTBEAT = timedelta(seconds=15)
"""When the jobs of a worker that is not heard of are taken over, where they are dear to do twice.

A database that stalls for some seconds must not make a second worker begin them; a killed worker's must go on in 30 s.
"""

HOUSEKEEPING_SECONDS = 60.0
ERASURE_SECONDS = 15.0
"""How long an erasure waits that whoever was asked for it could not carry out."""

ROLLUP_SECONDS, LONGEST_ROLLUP_SECONDS = 15.0, 300.0
ROLLUP_REST = 20
"""How long a change waits to be counted again; until then it is read from the calls themselves.

A day is counted as a whole: where many calls end, to count today again takes the longer the later it is, and what it
said is out of date at once. So the rest is so many times as long as the counting was.
"""

FETCH_TASKS = 64
MORE_IF_QUICK = 10
"""Calls that are decoded, or wait to be saved, while the engine has none to wait for."""

DELIVER_TASKS = 128
"""Callbacks wait for others most of the time, and for each other, to be recorded together."""

ANALYSE_TASKS = 8
"""A language model is waited for; the rules take milliseconds."""


@dataclass(frozen=True, slots=True)
class Width:
    """How many jobs of each step a worker has under way at a time.

    Attributes:
        transcribe: Calls in the engine; more of them are read, decoded and saved meanwhile, which needs no engine.
        fetch: Downloads.
        analyse: Calls in the analysis engine.
        deliver: Callbacks.
        at_a_host: Downloads from one host, and callbacks to one, over all partners; None as their places allow.
    """

    transcribe: int
    fetch: int = FETCH_TASKS
    analyse: int = ANALYSE_TASKS
    deliver: int = DELIVER_TASKS
    at_a_host: int | None = None

    def places(self) -> dict[queue.Step, int]:
        """Places of each lane; those of `transcribe` while its engine is quick."""
        quick = self.transcribe_if_slow() + MORE_IF_QUICK
        return {"fetch": self.fetch, "transcribe": quick, "analyse": self.analyse, "deliver": self.deliver}

    def transcribe_if_slow(self) -> int:
        """Places of `transcribe` with an engine that takes its time."""
        return 2 * self.transcribe + 6


def width_of(settings: Settings) -> Width:
    """As the settings say."""
    return Width(
        transcribe=settings.worker_concurrency,
        fetch=settings.fetch_concurrency,
        analyse=settings.analyse_concurrency,
        deliver=settings.deliver_concurrency,
        at_a_host=settings.host_concurrency,
    )


POOL_CONNECTIONS = 12
"""What is saved together needs few, and each comes to know some forty statements by heart, here and in PostgreSQL."""

QUEUE_CONNECTIONS = 8
"""To plan how jobs are found takes longer than to find them: these plan it once."""

DRAIN_SECONDS = 18.0
"""How long jobs may go on once the worker is told to stop, well within the 30 s that Kubernetes gives it.

Less than the 20 s after which a silent server's download fails: a stop is not to count as such a try.
"""


def engine_options(settings: Settings) -> EngineOptions:
    """What the speech engine may need, from the settings."""
    return EngineOptions(
        api_key=settings.transcriber_api_key.get_secret_value() if settings.transcriber_api_key else None,
        ca_file=settings.ca_file,
        models=settings.data_dir / "models",
        batch=settings.transcriber_batch,
    )


def analyser_of(settings: Settings) -> Analyser:
    """The analysis engine that the settings name.

    Raises:
        SetupError: As `load_analyser`.
    """
    return load_analyser(
        settings.analyser,
        base_url=settings.llm_base_url,
        model=settings.llm_model,
        api_key=settings.llm_api_key.get_secret_value() if settings.llm_api_key else None,
        ca_file=settings.ca_file,
    )


def process_name() -> str:
    """What the database shows of this process: which worker it is, within the 63 bytes that it keeps."""
    return f"callwright worker {socket.gethostname()[:32]}/{os.getpid()}"


def policy_of(settings: Settings) -> Policy:
    """What recordings and callbacks may be at, as the settings say."""
    hosts, networks = settings.allowed()
    return Policy(
        allowed_hosts=hosts,
        allowed_networks=networks,
        allowed_ports=frozenset(settings.allow_ports),
        ca_file=settings.ca_file,
    )


@asynccontextmanager
async def tools_of(settings: Settings, steps: Collection[queue.Step] = queue.STEPS) -> AsyncIterator[Tools]:
    """Make what the steps work with from the settings; engines are loaded here, so that a missing one fails at start.

    A speech engine is loaded only where `steps` has use for one.

    Raises:
        SetupError: A setting, an engine or a model is missing; the message says what to do.
    """
    assert settings.database_url is not None
    assert settings.secret_key is not None
    async with AsyncExitStack() as stack:
        scratch = stack.enter_context(scratch_folder(Path(tempfile.gettempdir())))
        transcriber = Transcriber([], [])
        if "transcribe" in steps:
            transcriber = await stack.enter_async_context(
                Transcriber.open(settings.transcriber, engine_options(settings), processes=settings.worker_concurrency)
            )
            warm_up()
        analyser = analyser_of(settings)
        pool, queue_pool = await open_pools(settings.database_url.get_secret_value(), process_name())
        stack.push_async_callback(pool.close)
        stack.push_async_callback(queue_pool.close)
        sealer = Sealer(read_secret_key(settings.secret_key.get_secret_value()))
        await check_secret_key(pool, sealer)
        yield Tools(
            pool=pool,
            queue_pool=queue_pool,
            outbound=await stack.enter_async_context(Outbound(policy_of(settings))),
            store=Store(**settings.store()),
            transcriber=transcriber,
            analyser=analyser,
            sealer=sealer,
            scratch=scratch,
            fetch_limits=FetchLimits(),
            decode_limits=DecodeLimits(),
            callback_retries=RetryPolicy(),
        )


async def open_pools(url: str, name: str) -> tuple[Pool, Pool]:
    """The worker's connections: those of the steps, and those that take jobs."""
    return (
        await db.open_pool(url, size=POOL_CONNECTIONS, name=name),
        await db.open_pool(url, size=QUEUE_CONNECTIONS, name=name, plan_once=True),
    )


async def check_secret_key(pool: Pool, sealer: Sealer) -> None:
    """Find out at the start whether callbacks can be signed; a database that is away says nothing of it.

    Raises:
        SetupError: The stored secrets were sealed with another key.
    """
    with contextlib.suppress(Unavailable):
        async with db.everywhere(pool) as connection:
            sealed = await partners.any_sealed_secret(connection)
        if sealed is not None:
            sealer.open(sealed)


async def run_worker(settings: Settings, *, stop: asyncio.Event, steps: Collection[queue.Step] = queue.STEPS) -> None:
    """Work until told to stop, then finish what ends within `DRAIN_SECONDS` and give the rest back.

    Args:
        settings: With a database and a secret key.
        stop: Set by the caller to drain.
        steps: Whose jobs it takes; those of the others are left to other workers.

    Raises:
        SetupError: As in `tools_of`.
    """
    assert settings.secret_key is not None
    key = read_secret_key(settings.secret_key.get_secret_value())
    ready: list[Tools] = []

    async def fault() -> str | None:
        if stop.is_set():
            return "told to stop"
        return await fault_of(ready[0].pool) if ready else "starting"

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(vitals.told(settings.metrics_at(), vitals.Vitals("worker", fault)))
        stack.enter_context(traces.traced("worker", settings.traces_url, key, settings.traces_share))
        tools = await stack.enter_async_context(tools_of(settings, steps))
        ready.append(tools)
        vitals.watch_pool("steps", tools.pool)
        vitals.watch_pool("jobs", tools.queue_pool)
        engine = settings.transcriber.partition(":")[0] if "transcribe" in steps else "none"
        judges = "analyse" in steps or ("transcribe" in steps and tools.analyser.at_once)
        metrics.ENGINES.labels(engine, settings.analyser if judges else "none").set(1)
        log.info(
            "worker ready", transcriber=settings.transcriber, analyser=settings.analyser, steps=",".join(sorted(steps))
        )
        await work(tools, stop=stop, width=width_of(settings), steps=steps)
        log.info("worker drained")


async def work(
    tools: Tools,
    *,
    stop: asyncio.Event,
    width: Width,
    steps: Collection[queue.Step] = queue.STEPS,
    drain: float = DRAIN_SECONDS,
) -> None:
    """Run a lane for each step, so that none starves another: a slow model, say, holds up no transcription.

    Args:
        tools: What the steps work with.
        stop: Set by the caller to drain.
        width: How much of each at a time.
        steps: For which there is a lane.
        drain: Seconds that jobs may go on once told to stop.
    """
    garbage.tune(10_000)
    garbage.give_back()
    running = Running(stop, drain)
    handlers: dict[queue.Step, Handler] = {
        "fetch": partial(pipeline.walk, tools, "fetch"),
        "transcribe": partial(pipeline.walk, tools, "transcribe"),
        "analyse": partial(pipeline.walk, tools, "analyse"),
        "deliver": Deliveries(tools.pool, tools.outbound, tools.sealer, tools.callback_retries).deliver,
    }
    following: dict[queue.Step, queue.Step] = {
        "fetch": "transcribe",
        "transcribe": "deliver" if tools.analyser.at_once else "analyse",
        "analyse": "deliver",
    }
    places, bells = width.places(), dict[queue.Step | None, Bell]()
    async with asyncio.TaskGroup() as group:
        for step, handler in reversed(handlers.items()):  # each rings for the one behind it
            if step not in steps:
                continue
            after = bells.get(following.get(step))
            slow = width.transcribe_if_slow() if step == "transcribe" else None
            bell = bells[step] = Bell(places[step], following=after, if_slow=slow, defers=step == "fetch")
            metrics.PLACES.labels(step).set_function(bell.most)
            metrics.BUSY.labels(step).set_function(partial(getattr, bell, "taken"))
            if step in ("transcribe", "analyse"):
                work = lane(tools.queue_pool, step, handler, running, bell, heartbeat=COMPUTE_HEARTBEAT)
            else:
                slots = Slots(bell.places, now=bell.most, at_a_host=width.at_a_host)
                work = lane(tools.queue_pool, step, handler, running, bell, slots=slots)
            group.create_task(work)
        group.create_task(_keep_house(tools.pool, stop))
        group.create_task(_keep_rollups(tools.pool, stop))
        group.create_task(_keep_erasures(tools.pool, tools.store, stop))


async def _keep_house(pool: Pool, stop: asyncio.Event) -> None:
    """Trim the logs that grow with time, put back jobs that could not even be given back, renew statistics."""
    while not stop.is_set():
        try:
            async with db.beside(pool) as connection:
                await queue.keep_house(connection)
                await limits.keep_house(connection)
            async with db.everywhere(pool) as connection:
                await audit.keep_house(connection)
                await idempotency.keep_house(connection)
            async with db.beside(pool) as connection:
                await partitions.keep_house(connection, stop)
        except Unavailable:
            log.warning("database away, housekeeping waits")
        except asyncpg.PostgresError:  # as a deadlock: no reason to end the worker
            log.exception("housekeeping failed")
            metrics.HOUSEKEEPING.labels("house").inc()
        await until(stop, asyncio.sleep(HOUSEKEEPING_SECONDS))


async def _keep_rollups(pool: Pool, stop: asyncio.Event) -> None:
    """Count again what has changed."""
    while not stop.is_set():
        began = time.monotonic()
        try:
            await rollups.keep_house(pool, stop)
        except Unavailable:
            log.warning("database away, rollups wait")
        except (asyncpg.PostgresError, TimeoutError):
            log.exception("rollups were not counted")
            metrics.HOUSEKEEPING.labels("rollups").inc()
        rest = ROLLUP_REST * (time.monotonic() - began)
        await until(stop, asyncio.sleep(min(max(ROLLUP_SECONDS, rest), LONGEST_ROLLUP_SECONDS)))


async def _keep_erasures(pool: Pool, store: Store, stop: asyncio.Event) -> None:
    """Erase what rules want erased, and what nobody has come to the end of."""
    while not stop.is_set():
        try:
            await erasing.keep_house(pool, store, stop)
        except Unavailable:
            log.warning("database away, erasures wait")
        except (asyncpg.PostgresError, TimeoutError):
            log.exception("erasures were not carried out")
            metrics.HOUSEKEEPING.labels("erasures").inc()
        await until(stop, asyncio.sleep(ERASURE_SECONDS))
