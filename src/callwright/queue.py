"""The queue: jobs are enqueued in the caller's transaction, in fair order; PgQueuer keeps them and hands them out."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict, get_args
from weakref import WeakKeyDictionary

import asyncpg
import orjson
import structlog
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from callwright import db
from callwright.db import Connection, Pool
from callwright.errors import Unavailable

if TYPE_CHECKING:
    from pgqueuer.models import Job

log = structlog.get_logger()

Step = Literal["fetch", "transcribe", "analyse", "deliver"]
STEPS: tuple[Step, ...] = get_args(Step)

SCALE = 1_000_000
"""A job costs its partner this, divided by the partner's share."""

BACKFILL_AFTER = timedelta(hours=24)
"""A call that had ended so long before it came belongs to a backfill: whoever has waited a day waits a little more."""
BACKFILL_COST = 10
"""A job of a backfill costs its partner as much as so many others."""

SETTLE_SECONDS = 0.05

Lane = Literal["", "/backfill"]
"""What a partner's line in a step is called beside its number: a backfill has one of its own, the slow lane."""


class JobPayload(TypedDict):
    """What a job is about: a call, or for `deliver` a callback, of one partner; `host` is the one that it waits for.

    `backfill` is there, and true, where it stands in the slow lane.
    """

    partner_id: int
    id: str
    host: NotRequired[str]
    backfill: NotRequired[bool]


_COST = f"CASE {{lane}} WHEN '' THEN {SCALE} ELSE {SCALE * BACKFILL_COST} END"
_HEAD = "SELECT -priority FROM pgqueuer WHERE entrypoint = {} AND status = 'queued' ORDER BY priority DESC LIMIT 1"
_PLACE = """
    SELECT coalesce((SELECT max(tag) FROM fair_order WHERE line IN ({step}, {step} || '/' || {partner} || {lane})),
                    ({head}), 0) AS start,
           {cost} / coalesce((SELECT share FROM partners WHERE partner_id = {partner}), 100) AS cost
"""
"""Where a partner goes on in a step: start-time fair queueing, on what is known without a lock.

Without a clock, as after a crash of the database, the job that is next in the queue tells the time.
"""


def _place(step: str, partner: str, lane: str) -> str:
    return _PLACE.format(step=step, partner=partner, lane=lane, head=_HEAD.format(step), cost=_COST.format(lane=lane))


_ABOUT = "'partner_id', $1::bigint, 'id', call_id, 'host', lower(split_part(recording_url, '/', 3))"
ENQUEUE_FETCH = f"""
    INSERT INTO pgqueuer (priority, entrypoint, payload, status)
    SELECT -(place.start + ($6::bigint + accepted.ord) * place.cost), 'fetch',
           convert_to((CASE $7::text WHEN '' THEN json_build_object({_ABOUT})
                       ELSE json_build_object({_ABOUT}, 'backfill', true) END)::text, 'UTF8'), 'queued'
    FROM accepted, ({_place("'fetch'", "$1::bigint", "$7::text")}) AS place
"""  # noqa: S608
"""The part of the ingest statement that enqueues one job for each call in `accepted`: one statement, one round trip.

$6 is what `owe` has given, $7 the lane.
"""

_ENQUEUE = f"""
    INSERT INTO pgqueuer (priority, entrypoint, payload, execute_after, status)
    SELECT -(place.start + ($5::bigint + job.ord - 1) * place.cost), $1::text, job.about, now() + $4::interval, 'queued'
    FROM unnest($3::bytea[]) WITH ORDINALITY AS job (about, ord),
        ({_place("$1::text", "$2::bigint", "$6::text")}) AS place
"""  # noqa: S608

# The clocks first: a partner's line without a clock beside it would hide that the clock is lost.
_TELL_CLOCKS = f"""
    INSERT INTO fair_order AS kept (line, tag)
    SELECT step, coalesce(taken, (SELECT tag FROM fair_order WHERE line = step), ({_HEAD.format("step")}), 0)
    FROM unnest($1::text[], $2::bigint[]) AS told (step, taken)
    ORDER BY step COLLATE "C"
    ON CONFLICT (line) DO UPDATE SET tag = excluded.tag WHERE excluded.tag > kept.tag
"""  # noqa: S608

_BILL = f"""
    INSERT INTO fair_order AS kept (line, tag)
    SELECT owed.step || '/' || owed.partner_id || owed.lane,
           clock.tag + owed.jobs * ({_COST.format(lane="owed.lane")} / coalesce(partners.share, 100))
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[]) AS owed (step, partner_id, lane, jobs)
    JOIN fair_order AS clock ON clock.line = owed.step
    LEFT JOIN partners USING (partner_id)
    ORDER BY (owed.step || '/' || owed.partner_id || owed.lane) COLLATE "C"
    ON CONFLICT (line) DO UPDATE SET tag = excluded.tag + greatest(
        kept.tag - (SELECT tag FROM fair_order WHERE line = split_part(excluded.line, '/', 1)), 0)
"""  # noqa: S608
"""A partner's line moves on from where it stands, or from the clock where that is further."""

_RESTORE = """
    WITH lost AS (INSERT INTO fair_order VALUES ('restored', 0) ON CONFLICT DO NOTHING RETURNING true)
    INSERT INTO fair_order AS kept (line, tag)
    SELECT (split_part(entrypoint, ' ', 1) || '/' || (about ->> 'partner_id')
               || CASE WHEN about ->> 'backfill' = 'true' THEN '/backfill' ELSE '' END) COLLATE "C", max(-priority)
    FROM pgqueuer, LATERAL (SELECT convert_from(payload, 'UTF8')::json) AS said (about)
    WHERE status = 'queued' AND EXISTS (SELECT FROM lost)
    GROUP BY 1 ORDER BY 1
    ON CONFLICT (line) DO UPDATE SET tag = excluded.tag WHERE excluded.tag > kept.tag
"""

SET_ASIDE = """
    UPDATE pgqueuer SET entrypoint = entrypoint || ' waiting', status = 'queued', execute_after = now() + $2::interval,
        updated = now(), queue_manager_id = NULL
    WHERE id = $1
"""
"""Puts a job ($1) aside for a time ($2) without a try, where those who look for the next job do not walk over it."""

_BRING_BACK = """
    UPDATE pgqueuer SET entrypoint = $1 WHERE id IN (
        SELECT id FROM pgqueuer
        WHERE entrypoint = $1 || ' waiting' AND status = 'queued' AND execute_after <= now()
        ORDER BY execute_after LIMIT 1000 FOR UPDATE SKIP LOCKED)
"""

_HURRY = """
    UPDATE pgqueuer SET execute_after = now() WHERE id IN (
        SELECT id FROM pgqueuer
        WHERE entrypoint = $1 || ' waiting' AND status = 'queued' AND execute_after > now()
            AND convert_from(payload, 'UTF8')::json ->> 'partner_id' = $2::bigint::text
            AND convert_from(payload, 'UTF8')::json ->> 'host' = $3
        FOR UPDATE SKIP LOCKED)
"""

_WIDEN_PRIORITY = """
    DO $$
    DECLARE
        narrow text;
    BEGIN
        FOR narrow IN SELECT table_name FROM information_schema.columns
            WHERE table_schema = current_schema() AND column_name = 'priority' AND data_type = 'integer'
              AND table_name IN ('pgqueuer', 'pgqueuer_log', 'pgqueuer_statistics')
        LOOP
            EXECUTE format('ALTER TABLE %I ALTER COLUMN priority TYPE bigint', narrow);
        END LOOP;
    END $$
"""


_HAS_TRIGGER = """
    SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'pgqueuer'::regclass AND tgname = 'tg_pgqueuer_changed')
"""


async def install(connection: Connection) -> None:
    """Create PgQueuer's tables where they are missing, make room for tags, and take the NOTIFY trigger off.

    NOTIFY inside the ingest transaction would remove group commit; workers poll instead.
    """
    queries = Queries(AsyncpgDriver(connection))  # type: ignore[arg-type]
    if not await queries.has_table("pgqueuer"):
        await queries.install()
    if await connection.fetchval(_HAS_TRIGGER):  # to drop one that is not there would lock the table all the same
        await connection.execute("DROP TRIGGER IF EXISTS tg_pgqueuer_changed ON pgqueuer")
    await connection.execute(_WIDEN_PRIORITY)
    await connection.execute("DROP INDEX IF EXISTS pgqueuer_priority_id_id1_idx")


class Ledger:
    """What this process has enqueued and taken and the database has not been told yet; a crash loses no more than that.

    Billed in the transaction that enqueues, a partner's batches would queue behind the lock on its line.
    """

    def __init__(self) -> None:
        self._owed: Counter[tuple[Step, int, Lane]] = Counter()
        self._told: Counter[tuple[Step, int, Lane]] = Counter()
        self._taken: dict[Step, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._telling = asyncio.Lock()

    def owe(self, step: Step, partner_id: int, lane: Lane, jobs: int) -> int:
        """Bill a partner soon for jobs that it enqueues, or with a negative number for fewer than was thought.

        Returns:
            How many jobs of the partner's in this lane are to be billed before these.
        """
        line = step, partner_id, lane
        ahead = self._owed[line] + self._told[line]
        self._owed[line] += jobs
        return ahead

    def take(self, step: Step, tag: int) -> None:
        """Note that a job of this tag is being done: the step's clock is the largest of them."""
        self._taken[step] = max(tag, self._taken.get(step, tag))

    def settle_soon(self, pool: Pool) -> None:
        """Have the database told within `SETTLE_SECONDS`."""
        if self._task is None and (self._owed or self._taken):
            self._task = asyncio.create_task(self._settle_while_owing(pool))

    async def _settle_while_owing(self, pool: Pool) -> None:
        try:
            while self._owed or self._taken:
                await asyncio.sleep(SETTLE_SECONDS)
                try:
                    with suppress(Unavailable):
                        await self.settle(pool)
                except asyncpg.PostgresError:  # as a deadlock: what is lost is accounting alone
                    log.exception("fair order not kept")
        finally:
            self._task = None

    async def settle(self, pool: Pool) -> None:
        """Tell the database now.

        Raises:
            Unavailable: It is away, and is told nothing of this any more.
        """
        async with self._telling:
            self._told, self._owed = self._owed, Counter()
            taken, self._taken = self._taken, {}
            clocks = {step: taken.get(step) for step in {*taken, *(step for step, *_ in self._told)}}
            owed = [(*line, jobs) for line, jobs in self._told.items() if jobs]
            try:
                async with db.everywhere(pool) as connection:
                    await connection.execute(_TELL_CLOCKS, list(clocks), list(clocks.values()))
                    if owed:
                        await connection.execute(_BILL, *(list(column) for column in zip(*owed, strict=True)))
            finally:
                self._told = Counter()


_LEDGERS: WeakKeyDictionary[asyncio.AbstractEventLoop, Ledger] = WeakKeyDictionary()


def ledger() -> Ledger:
    """The ledger of this event loop, which is a process's only one."""
    loop = asyncio.get_running_loop()
    if loop not in _LEDGERS:
        _LEDGERS[loop] = Ledger()
    return _LEDGERS[loop]


def lane_of(ended: Iterable[datetime]) -> Lane:
    """The lane of a batch's first jobs, by when its calls had ended: one fresh call is enough for the quick one."""
    return "/backfill" if max(ended) < datetime.now(UTC) - BACKFILL_AFTER else ""


async def enqueue(
    connection: Connection,
    step: Step,
    partner_id: int,
    of: str,
    *,
    host: str | None = None,
    delay: float = 0.0,
    backfill: bool = False,
) -> None:
    """Enqueue one job in the caller's transaction.

    Args:
        connection: A connection with the transaction open that saves what the job follows from.
        step: The job's name.
        partner_id: Whose it is.
        of: The call's id, or for `deliver` the callback's.
        host: Whose answer the job will wait for.
        delay: Seconds before it may start.
        backfill: Whether it stands in the slow lane.
    """
    await _enqueue(connection, step, partner_id, [of], host=host, delay=delay, backfill=backfill)


async def enqueue_all(
    connection: Connection, step: Step, partner_id: int, ids: Sequence[str], *, backfill: bool = False
) -> None:
    """Enqueue a job of a step for each of a partner's calls, as `enqueue`."""
    await _enqueue(connection, step, partner_id, ids, backfill=backfill)


async def _enqueue(
    connection: Connection,
    step: Step,
    partner_id: int,
    ids: Sequence[str],
    *,
    host: str | None = None,
    delay: float = 0.0,
    backfill: bool = False,
) -> None:
    common: dict[str, Any] = {**({"host": host} if host else {}), **({"backfill": True} if backfill else {})}
    about = [orjson.dumps({"partner_id": partner_id, "id": of, **common}) for of in ids]
    lane: Lane = "/backfill" if backfill else ""
    ahead = ledger().owe(step, partner_id, lane, len(ids))
    await connection.execute(_ENQUEUE, step, partner_id, about, timedelta(seconds=delay), ahead, lane)


def host_of(url: str) -> str:
    """The host and port that a URL names, as ENQUEUE_FETCH finds them."""
    return url.split("/", 3)[2].lower() if url.count("/") >= 2 else ""


def payload_of(job: "Job") -> JobPayload:
    """What a job is about."""
    payload: JobPayload = orjson.loads(job.payload or b"{}")
    return payload


def step_of(job: "Job") -> Step:
    """The step that a job does."""
    return next(step for step in STEPS if step == job.entrypoint)


def take(job: "Job") -> None:
    """Note that a job is being done."""
    ledger().take(step_of(job), -job.priority)


async def forget(connection: Connection, partner_id: int, ids: list[str]) -> int:
    """Delete jobs of calls and callbacks that are erased, but for those that somebody works on; gives how many.

    Those come to nothing by themselves, and one whose worker has died still has to clear away what that has stored.
    """
    gone: int = await connection.fetchval(
        """
        WITH gone AS (
            DELETE FROM pgqueuer WHERE status = 'queued'
                AND convert_from(payload, 'UTF8')::json ->> 'partner_id' = $1::bigint::text
                AND convert_from(payload, 'UTF8')::json ->> 'id' = ANY($2::text[]) RETURNING 1
        )
        SELECT count(*) FROM gone
        """,
        *(partner_id, ids),
    )
    return gone


async def is_behind(connection: Connection, step: Step, seconds: float) -> bool:
    """Whether a job of a step that may start has waited for longer than this."""
    behind: bool = await connection.fetchval(
        """
        SELECT EXISTS (SELECT FROM pgqueuer WHERE entrypoint = $1 AND status = 'queued'
                       AND execute_after <= now() - $2::interval)
        """,
        step,
        timedelta(seconds=seconds),
    )
    return behind


async def bring_back(connection: Connection, step: Step) -> bool:
    """Put the jobs of a step that were set aside, by whichever worker, back where they were, if their time has come.

    Returns:
        Whether there were any.
    """
    return await connection.execute(_BRING_BACK, step) != "UPDATE 0"


async def hurry(connection: Connection, step: Step, partner_id: int, host: str) -> None:
    """Have a partner's jobs that were set aside for a host come now: it answers again."""
    await connection.execute(_HURRY, step, partner_id, host)


async def keep_house(connection: Connection) -> None:
    """Put back jobs that are on hold, forget the log of jobs that are done, make lost lines again."""
    await connection.execute("UPDATE pgqueuer SET status = 'queued', updated = now() WHERE status = 'failed'")
    await connection.execute("DELETE FROM pgqueuer_log WHERE created < now() - interval '1 hour'")
    await connection.execute("DELETE FROM pgqueuer_statistics WHERE created < now() - interval '7 days'")
    await connection.execute(_RESTORE)
