"""Lanes: each takes the jobs of one step from the queue, in fair order, and drops none, whatever goes wrong."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import asyncpg
import structlog
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job, TracebackRecord
from pgqueuer.ports.driver import NotifyCallback
from pgqueuer.qm import QueueManager
from pgqueuer.queries import EntrypointExecutionParameter, Queries
from pgqueuer.types import JOB_STATUS, QueueEntrypoint, QueueManagerId

from callwright import db, metrics, queue
from callwright.bells import Bell
from callwright.db import Pool
from callwright.errors import Unavailable
from callwright.kill_points import reached
from callwright.slots import Slots

log = structlog.get_logger()

T = TypeVar("T")

POLL = timedelta(seconds=0.5)
BRING_BACK_SECONDS = 0.2
NETWORK_HEARTBEAT = timedelta(seconds=5)
"""A job whose worker has not been heard of for this long is taken over."""

_CHANGED = '{"channel":"%s","sent_at":"%s","type":"table_changed_event","operation":"insert","table":"pgqueuer"}'

Handler = Callable[[int, str], Awaitable[bool | None]]
"""Takes a partner and an id; says whether the host that it waited for hung, or None where that is not known."""


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

    def __init__(self, pool: Pool, stop: asyncio.Event, bell: Bell) -> None:
        super().__init__(pool)
        self._stop = stop
        self.bell = bell

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Let the lane's bell say what a NOTIFY would; nobody sends one, and a pooler would not hand it on."""
        self.bell.wake = lambda: callback(_CHANGED % (channel, datetime.now(UTC).isoformat()))

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
                await until(self._stop, asyncio.sleep(POLL.total_seconds()))
                await until(self._stop, db.wait_until_back(self._pool))


class NoPlace(RetryRequested):
    """The host that a job waits for has no place free now: the job comes again, as if it had not been taken."""


class LaneQueries(Queries):
    """PgQueuer's statements, but none whose answer the lane knows, and no line in its log for what found no place."""

    driver: PatientDriver

    def __init__(self, driver: PatientDriver) -> None:
        super().__init__(driver)
        self._had_all = False

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        """As Queries', which PgQueuer calls until there is nothing; the lane has a limit.

        Without a place, or where the last time gave less than it was asked for, there is nothing: the bell tells when
        that changes.
        """
        bell = self.driver.bell
        woken, had_all, self._had_all = bell.looks(), self._had_all, False
        free = bell.most() - len(bell.picked)
        if free <= 0 or (had_all and not woken):
            return []
        # PgQueuer's own limit is more than twice a batch: jobs that are taken and never heard of do not use it up.
        asked = min(batch_size, free)
        jobs = await super().dequeue(asked, entrypoints, queue_manager_id, global_concurrency_limit, heartbeat_timeout)
        bell.picked.update(job.id for job in jobs)
        self._had_all = 0 < len(jobs) < asked
        return jobs

    async def eligible_queued_work(self, _entrypoints: list[QueueEntrypoint]) -> int:
        """None that the lane could do now: it has just looked, or has no place."""
        return 0

    async def queued_work(self, _entrypoints: list[QueueEntrypoint]) -> int:
        """Likewise."""
        return 0

    async def next_deferred_eta(self, _entrypoints: list[QueueEntrypoint]) -> timedelta | None:
        """It is no matter: the lane looks twice a second."""
        return None

    async def log_jobs(self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]) -> None:
        """As Queries'; until then the jobs have had their places, and more often than not there are others waiting."""
        await super().log_jobs(job_status)
        self.driver.bell.picked.difference_update(job.id for job, *_ in job_status)
        self.driver.bell.told()

    async def retry_job(self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        """As Queries'; what found no place has not been tried."""
        if traceback_record is None or traceback_record.exception_type != NoPlace.__name__:
            await super().retry_job(job, delay, traceback_record)
        else:
            await self.driver.execute(queue.SET_ASIDE, job.id, delay)
        self.driver.bell.picked.discard(job.id)
        self.driver.bell.told()


async def lane(
    pool: Pool,
    step: queue.Step,
    handler: Handler,
    running: Running,
    bell: Bell,
    *,
    heartbeat: timedelta = NETWORK_HEARTBEAT,
    slots: Slots | None = None,
) -> None:
    """Take the jobs of a step until told to stop; a database that goes away is waited for.

    Args:
        pool: The database.
        step: Whose jobs.
        handler: What does them.
        running: Those under way.
        bell: The lane's own, of at least 2 places.
        heartbeat: When the jobs of a worker that is not heard of are taken over.
        slots: Where given, which of them may have how many of the lane's places.
    """
    stop = running.stop
    while not stop.is_set():
        bell.picked.clear()
        manager = QueueManager(LaneQueries(PatientDriver(pool, stop, bell)))
        job = partial(_job, pool, running, handler, slots)
        manager.entrypoint(step, on_failure="hold")(partial(_rung, bell, job))
        beside = [asyncio.create_task(running.shut_down(manager))]
        if slots is not None:
            beside.append(asyncio.create_task(_bring_back(pool, step, bell, stop)))
        try:
            await manager.run(
                dequeue_timeout=POLL,
                batch_size=_at_a_time(bell.places),
                max_concurrent_tasks=bell.places,
                heartbeat_timeout=heartbeat,
                log_aggregation_interval=timedelta(0),  # statistics by priority, which every job has its own of
            )
        except db.AWAY as error:  # as it began or ended, or the connection that listens
            log.warning("database away, waiting", error=type(error).__name__)
            await until(stop, db.wait_until_back(pool))
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


def _at_a_time(places: int) -> int:
    """How many jobs to take at a time, and how many ended ones to tell of: each time costs as much as two jobs do.

    A wide lane comes to no such end by a quarter of its places; PgQueuer allows no more than half of them.
    """
    return max(1, min(places // 2, max(8, places // 4)))


async def _bring_back(pool: Pool, step: queue.Step, bell: Bell, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            async with db.beside(pool) as connection:
                if await queue.bring_back(connection, step):
                    bell.told()
        except Unavailable:
            pass  # the lane itself says so, and waits
        except asyncpg.PostgresError:
            log.exception("jobs that wait for a host not brought back", job=step)
        await until(stop, asyncio.sleep(BRING_BACK_SECONDS))


async def until(stop: asyncio.Event, waiting: Awaitable[None]) -> None:
    """Wait for something, but not longer than until told to stop."""
    tasks = [asyncio.ensure_future(waiting), asyncio.ensure_future(stop.wait())]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()


async def _rung(bell: Bell, run: Callable[[Job], Awaitable[None]], job: Job) -> None:
    """Run one job, and tell the lanes that may go on after it."""
    bell.job_begins()
    began = time.monotonic()
    try:
        await run(job)
    finally:
        bell.job_ends(time.monotonic() - began)
    if bell.following is not None:
        bell.following.ring()


async def _job(pool: Pool, running: Running, handler: Handler, slots: Slots | None, job: Job) -> None:
    """Run one job. Whatever goes wrong beside the work itself gives the job back: it is never dropped."""
    payload = queue.payload_of(job)
    with structlog.contextvars.bound_contextvars(partner_id=payload["partner_id"], job=job.entrypoint):
        try:
            async with running.limited() as limit, _placed(pool, slots, job) as place:
                queue.take(job)
                try:
                    reached(f"{job.entrypoint}-claimed")
                    place.hung = await handler(payload["partner_id"], payload["id"])
                    reached(f"{job.entrypoint}-done")
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
            metrics.CRASHES.labels(job.entrypoint).inc()
            raise RetryRequested(timedelta(seconds=10), "crashed") from error
        finally:
            queue.ledger().settle_soon(pool)


@dataclass(slots=True)
class Place:
    """A job's place in its lane; `hung` as the handler says."""

    hung: bool | None = None


@asynccontextmanager
async def _placed(pool: Pool, slots: Slots | None, job: Job) -> AsyncIterator[Place]:
    """Have a place for the block's time, before anything is read or counted.

    Raises:
        NoPlace: There is none now.
    """
    place = Place()
    if slots is None:
        yield place
        return
    payload = queue.payload_of(job)
    partner_id, host = payload["partner_id"], payload.get("host", "")
    wait = slots.take(partner_id, host, backfill=payload.get("backfill", False))
    if wait is not None:
        raise NoPlace(timedelta(seconds=wait), "no place at the host")
    began = time.monotonic()
    try:
        yield place
    finally:
        answers_again = slots.free(partner_id, host, time.monotonic() - began, hung=place.hung)
    if answers_again:
        async with db.beside(pool) as connection:
            await queue.hurry(connection, queue.step_of(job), partner_id, host)
