"""The queue: jobs are enqueued in the caller's transaction; PgQueuer keeps them and hands them out."""

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypedDict

import orjson
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from callwright.db import Connection

if TYPE_CHECKING:
    from pgqueuer.models import Job

Step = Literal["fetch", "transcribe", "analyse", "deliver"]

PRIORITY: dict[Step, int] = {"analyse": 1}
"""Else 0. In a backlog a call is brought to its end before the next is transcribed, or none ends before the last is."""


class JobPayload(TypedDict):
    """What a job is about: a call, or for `deliver` a callback, of one partner."""

    partner_id: int
    id: str


ENQUEUE_FETCH = """
    INSERT INTO pgqueuer (priority, entrypoint, payload, status)
    SELECT 0, 'fetch',
           convert_to(json_build_object('partner_id', $1::bigint, 'id', call_id)::text, 'UTF8'), 'queued'
    FROM fresh
"""
"""The part of the ingest statement that enqueues one job for each call in `fresh`: one statement, one round trip."""


async def install(connection: Connection) -> None:
    """Create PgQueuer's tables where they are missing, and take its NOTIFY trigger off.

    NOTIFY inside the ingest transaction would remove group commit; workers poll instead.
    """
    queries = Queries(AsyncpgDriver(connection))  # type: ignore[arg-type]
    if not await queries.has_table("pgqueuer"):
        await queries.install()
    await connection.execute("DROP TRIGGER IF EXISTS tg_pgqueuer_changed ON pgqueuer")


async def enqueue(connection: Connection, step: Step, partner_id: int, of: str, *, delay: float = 0.0) -> None:
    """Enqueue one job in the caller's transaction.

    Args:
        connection: A connection with the transaction open that saves what the job follows from.
        step: The job's name.
        partner_id: Whose it is.
        of: The call's id, or for `deliver` the callback's.
        delay: Seconds before it may start.
    """
    await connection.execute(
        """
        INSERT INTO pgqueuer (priority, entrypoint, payload, execute_after, status)
        VALUES ($4, $1, $2, now() + $3::interval, 'queued')
        """,
        step,
        orjson.dumps(JobPayload(partner_id=partner_id, id=of)),
        timedelta(seconds=delay),
        PRIORITY.get(step, 0),
    )


def payload_of(job: "Job") -> JobPayload:
    """What a job is about."""
    payload: JobPayload = orjson.loads(job.payload or b"{}")
    return payload


async def keep_house(connection: Connection) -> None:
    """Put back jobs that are on hold, and forget the log of jobs that are done: it grows with every job."""
    await connection.execute("UPDATE pgqueuer SET status = 'queued', updated = now() WHERE status = 'failed'")
    await connection.execute("DELETE FROM pgqueuer_log WHERE created < now() - interval '1 hour'")
    await connection.execute("DELETE FROM pgqueuer_statistics WHERE created < now() - interval '7 days'")
