"""The worker: takes jobs from the queue to the pipeline, and drains when it is told to stop."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import asyncpg
import structlog
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries

from callwright import audit, db, partners, pipeline, queue
from callwright.analysis.engine import load_analyser
from callwright.analysis.scorecard import INSIDE_SALES
from callwright.callbacks import RetryPolicy
from callwright.db import Pool
from callwright.errors import Unavailable
from callwright.outbound import Outbound, Policy
from callwright.pipeline import Tools
from callwright.recordings.audio import DecodeLimits
from callwright.recordings.fetch import FetchLimits
from callwright.recordings.store import Store
from callwright.sealing import Sealer, read_secret_key
from callwright.settings import Settings
from callwright.transcription.engine import EngineOptions
from callwright.transcription.processes import Transcriber

log = structlog.get_logger()

T = TypeVar("T")

POLL = timedelta(seconds=0.5)
HEARTBEAT = timedelta(seconds=5)
"""A job whose worker has not been heard of for this long is taken over."""

HOUSEKEEPING_SECONDS = 60.0
NETWORK_TASKS = 64
"""Downloads and callbacks wait for others most of the time."""

DRAIN_SECONDS = 20.0
"""How long jobs may go on once the worker is told to stop, well within the 30 s that Kubernetes gives it."""

SCRATCH = "callwright-scratch-"


def engine_options(settings: Settings) -> EngineOptions:
    """What the speech engine may need, from the settings."""
    return EngineOptions(
        api_key=settings.transcriber_api_key.get_secret_value() if settings.transcriber_api_key else None,
        ca_file=settings.ca_file,
        models=settings.data_dir / "models",
    )


@asynccontextmanager
async def tools_of(settings: Settings) -> AsyncIterator[Tools]:
    """Make what the steps work with from the settings; engines are loaded here, so that a missing one fails at start.

    Raises:
        SetupError: A setting, an engine or a model is missing; the message says what to do.
    """
    hosts, networks = settings.allowed()
    policy = Policy(
        allowed_hosts=hosts,
        allowed_networks=networks,
        allowed_ports=frozenset(settings.allow_ports),
        ca_file=settings.ca_file,
    )
    assert settings.database_url is not None
    assert settings.secret_key is not None
    async with AsyncExitStack() as stack:
        scratch = stack.enter_context(scratch_folder(Path(tempfile.gettempdir())))
        transcriber = await stack.enter_async_context(
            Transcriber.open(settings.transcriber, engine_options(settings), processes=settings.worker_concurrency)
        )
        analyser = load_analyser(
            settings.analyser,
            base_url=settings.llm_base_url,
            model=settings.llm_model,
            api_key=settings.llm_api_key.get_secret_value() if settings.llm_api_key else None,
            ca_file=settings.ca_file,
        )
        pool = await db.open_pool(settings.database_url.get_secret_value(), size=20, name="callwright worker")
        stack.push_async_callback(pool.close)
        sealer = Sealer(read_secret_key(settings.secret_key.get_secret_value()))
        await check_secret_key(pool, sealer)
        yield Tools(
            pool=pool,
            outbound=await stack.enter_async_context(Outbound(policy)),
            store=Store(settings.store_url or str(settings.data_dir / "store")),
            transcriber=transcriber,
            analyser=analyser,
            scorecard=INSIDE_SALES,
            sealer=sealer,
            scratch=scratch,
            fetch_limits=FetchLimits(),
            decode_limits=DecodeLimits(),
            callback_retries=RetryPolicy(),
        )


async def check_secret_key(pool: Pool, sealer: Sealer) -> None:
    """Find out at the start whether callbacks can be signed; a database that is away says nothing of it.

    Raises:
        SetupError: The stored secrets were sealed with another key.
    """
    with contextlib.suppress(Unavailable):
        async with db.connection(pool) as connection:
            sealed = await partners.any_sealed_secret(connection)
        if sealed is not None:
            sealer.open(sealed)


@contextmanager
def scratch_folder(where: Path) -> Iterator[Path]:
    """A folder for the block's time, without the folders that killed workers left: customers' voices are in them.

    A folder is locked as long as its worker lives, and gets its name only once it is.
    """
    for left in where.glob(f"{SCRATCH}*"):
        with contextlib.suppress(OSError), _locked(left):
            shutil.rmtree(left, ignore_errors=True)
    new = Path(tempfile.mkdtemp(dir=where, prefix="callwright-new-"))
    with _locked(new):
        folder = new.rename(where / f"{SCRATCH}{new.name.rpartition('-')[2]}")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


async def run_worker(settings: Settings, *, stop: asyncio.Event) -> None:
    """Work until told to stop, then finish what ends within `DRAIN_SECONDS` and give the rest back.

    Args:
        settings: With a database and a secret key.
        stop: Set by the caller to drain.

    Raises:
        SetupError: As in `tools_of`.
    """
    async with tools_of(settings) as tools:
        log.info("worker ready", transcriber=settings.transcriber, analyser=settings.analyser)
        await work(tools, stop=stop, compute=settings.worker_concurrency)
        log.info("worker drained")


async def work(tools: Tools, *, stop: asyncio.Event, compute: int, drain: float = DRAIN_SECONDS) -> None:
    """Run the lanes: one for what waits on the network, one for what computes, so that neither starves the other.

    Args:
        tools: What the steps work with.
        stop: Set by the caller to drain.
        compute: Calls that are transcribed or analysed at a time.
        drain: Seconds that jobs may go on once told to stop.
    """
    running = Running(stop, drain)
    network: dict[str, Handler] = {
        "fetch": partial(pipeline.walk, tools, "fetch"),
        "deliver": partial(pipeline.deliver, tools),
    }
    computing: dict[str, Handler] = {
        "transcribe": partial(pipeline.walk, tools, "transcribe"),
        "analyse": partial(pipeline.walk, tools, "analyse"),
    }
    async with asyncio.TaskGroup() as group:
        group.create_task(lane(tools.pool, network, running, tasks=NETWORK_TASKS))
        group.create_task(lane(tools.pool, computing, running, tasks=max(2, compute)))
        group.create_task(_keep_house(tools.pool, stop))


Handler = Callable[[int, str], Awaitable[None]]


class Running:
    """The jobs under way; once told to stop, each may go on for `drain` seconds and is then cancelled."""

    def __init__(self, stop: asyncio.Event, drain: float) -> None:
        self.stop = stop
        self._drain = drain
        self._limits: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def limited(self) -> AsyncIterator[asyncio.Timeout]:
        """Run the block as a job; where it is cancelled, the limit that is lent says that it has expired."""
        async with asyncio.timeout(self._drain if self.stop.is_set() else None) as limit:
            self._limits.add(limit)
            try:
                yield limit
            finally:
                self._limits.discard(limit)

    async def shut_down(self, manager: QueueManager) -> None:
        """Once told to stop, take no more jobs and limit those that run."""
        await self.stop.wait()
        manager.shutdown.set()
        for limit in self._limits:
            limit.reschedule(asyncio.get_running_loop().time() + self._drain)


class PatientDriver(AsyncpgPoolDriver):
    """Waits for a database that is away: were it told, PgQueuer would end the lane, which waits for its longest job.

    Every statement of PgQueuer's may be repeated: a job that was taken and never heard of is taken over.
    """

    def __init__(self, pool: Pool, stop: asyncio.Event) -> None:
        super().__init__(pool)
        self._stop = stop

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """As AsyncpgPoolDriver's."""
        return await self._patiently(lambda: super(PatientDriver, self).fetch(query, *args))

    async def execute(self, query: str, *args: object) -> str:
        """As AsyncpgPoolDriver's."""
        return await self._patiently(lambda: super(PatientDriver, self).execute(query, *args))

    async def _patiently(self, statement: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await statement()
            except db.AWAY as error:
                if self._stop.is_set():
                    raise
                log.warning("database away, waiting", error=type(error).__name__)
                await _until(self._stop, asyncio.sleep(POLL.total_seconds()))
                await _until(self._stop, db.wait_until_back(self._pool))


async def lane(pool: Pool, handlers: dict[str, Handler], running: Running, *, tasks: int) -> None:
    """Take jobs until told to stop; a database that goes away is waited for."""
    stop = running.stop
    while not stop.is_set():
        manager = QueueManager(Queries(PatientDriver(pool, stop)))
        for name, handler in handlers.items():
            manager.entrypoint(name, on_failure="hold")(partial(_job, pool, running, handler))
        watch = asyncio.create_task(running.shut_down(manager))
        try:
            await manager.run(
                dequeue_timeout=POLL,
                batch_size=max(1, min(10, tasks // 2)),
                max_concurrent_tasks=tasks,
                heartbeat_timeout=HEARTBEAT,
            )
        except db.AWAY as error:  # as it began or ended, or the connection that listens
            log.warning("database away, waiting", error=type(error).__name__)
            await _until(stop, db.wait_until_back(pool))
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch


async def _until(stop: asyncio.Event, waiting: Awaitable[None]) -> None:
    """Wait for something, but not longer than until told to stop."""
    tasks = [asyncio.ensure_future(waiting), asyncio.ensure_future(stop.wait())]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()


async def _job(pool: Pool, running: Running, handler: Handler, job: Job) -> None:
    """Run one job. Whatever goes wrong beside the work itself gives the job back: it is never dropped."""
    payload = queue.payload_of(job)
    with structlog.contextvars.bound_contextvars(partner_id=payload["partner_id"], job=job.entrypoint):
        try:
            async with running.limited() as limit:
                try:
                    await handler(payload["partner_id"], payload["id"])
                except Unavailable as error:
                    await db.wait_until_back(pool)  # giving the job back needs the database too
                    raise RetryRequested(timedelta(seconds=1), "database was away") from error
        except RetryRequested:
            raise
        except asyncio.CancelledError as error:  # PgQueuer would take it for a wish to delete the job
            raise RetryRequested(timedelta(0), "cancelled") from error
        except Exception as error:
            if limit.expired():
                log.info("job given back", job=job.entrypoint)
                raise RetryRequested(timedelta(0), "told to stop") from error
            log.exception("job crashed", job=job.entrypoint)
            raise RetryRequested(timedelta(seconds=10), "crashed") from error


async def _keep_house(pool: Pool, stop: asyncio.Event) -> None:
    """Trim the logs that grow with time and put back jobs that could not even be given back."""
    while not stop.is_set():
        try:
            async with db.connection(pool) as connection:
                await queue.keep_house(connection)
                await audit.keep_house(connection)
        except Unavailable:
            log.warning("database away, housekeeping waits")
        except asyncpg.PostgresError:  # as a deadlock: no reason to end the worker
            log.exception("housekeeping failed")
        await _until(stop, asyncio.sleep(HOUSEKEEPING_SECONDS))
