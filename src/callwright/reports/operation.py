"""How the installation stands, for its operator: queue, workers, database, what fails, what made the results."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from callwright import queue
from callwright.db import Connection
from callwright.queue import Step

MOST_COUNTED = 100_000
"""What there is more of is not counted to its end: a page must not take longer the worse things are."""

MOST_SAMPLED = 20_000
"""Results whose engines are counted."""

RECENT = timedelta(days=1)

_LIVE = "partner_id NOT IN (SELECT partner_id FROM partners WHERE test_of IS NOT NULL)"
"""Of a live partner: what test calls are made to come to says nothing of how the installation stands."""


@dataclass(frozen=True, slots=True)
class StepQueue:
    """The jobs of a step.

    Attributes:
        due: Those that wait for a worker, as many as were counted.
        later: Those that wait for their time: after a failed try, or for a host that hangs; likewise.
        running: Those that a worker has taken.
        oldest: Since when the one waits that has waited longest; None where none does.
        waited: The seconds since then, by the database's clock; 0 where none does.
    """

    step: Step
    due: int
    later: int
    running: int
    oldest: datetime | None
    waited: float


_COUNTED = (
    "(SELECT count(*) FROM (SELECT FROM pgqueuer WHERE {which} ORDER BY execute_after LIMIT {most:d}) AS counted)"
)
"""In the order of an index, which is read no further than that; with neither order nor number known when it is planned,
all of a step's jobs would be looked at."""

_DUE = "entrypoint = '{step}' AND status = 'queued' AND execute_after <= now()"
_LATER = "entrypoint = '{step}' AND status = 'queued' AND execute_after > now()"
_ASIDE = "entrypoint = '{step} waiting' AND status = 'queued'"
_RUNNING = "entrypoint = '{step}' AND status = 'picked'"


def _of_step(step: Step, most: int) -> str:
    def counted(which: str) -> str:
        return _COUNTED.format(which=which.format(step=step), most=most)

    due = _DUE.format(step=step)
    return f"""
        SELECT '{step}', {counted(_DUE)}, {counted(_LATER)} + {counted(_ASIDE)},
            (SELECT count(*) FROM pgqueuer WHERE {_RUNNING.format(step=step)}),
            (SELECT min(execute_after) FROM pgqueuer WHERE {due}),
            (SELECT coalesce(extract(epoch FROM now() - min(execute_after)), 0)::float8 FROM pgqueuer WHERE {due})
    """  # noqa: S608


async def read_queue(connection: Connection, *, most: int = MOST_COUNTED) -> list[StepQueue]:
    """Say how many jobs each step has, in the order of the steps; jobs that wait are counted up to `most`."""
    rows = await connection.fetch(" UNION ALL ".join(_of_step(step, most) for step in queue.STEPS))
    found = {row[0]: StepQueue(*row.values()) for row in rows}
    return [found[step] for step in queue.STEPS]


async def read_failures(connection: Connection) -> dict[str, int]:
    """How many calls failed in the last day, by failure code, the most frequent first."""
    rows = await connection.fetch(
        f"""
        SELECT failure_code, count(*) AS calls FROM (
            SELECT failure_code FROM calls WHERE failed_at > now() - $1::interval AND {_LIVE} LIMIT $2) AS counted
        GROUP BY failure_code ORDER BY calls DESC, failure_code
        """,  # noqa: S608
        RECENT,
        MOST_COUNTED,
    )
    return {row["failure_code"]: row["calls"] for row in rows}


async def count_undelivered(connection: Connection) -> int:
    """How many callbacks could not be delivered, up to `MOST_COUNTED`."""
    counted: int = await connection.fetchval(
        f"""
        SELECT count(*) FROM (SELECT FROM callbacks WHERE state = 'undelivered' AND {_LIVE} LIMIT $1) AS counted
        """,  # noqa: S608
        MOST_COUNTED,
    )
    return counted


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that holds connections to the database: `host/process`, and since when it does."""

    name: str
    since: datetime


WORKER_NAME = "callwright worker "
"""What a worker calls itself before its own name."""


async def list_workers(connection: Connection) -> list[Worker]:
    """List the workers that are connected to the database now.

    Args:
        connection: Of the role that logs in, as the workers do too; others do not see since when they are there.
    """
    rows = await connection.fetch(
        """
        SELECT substr(application_name, $1) AS name, min(backend_start) AS since FROM pg_stat_activity
        WHERE datname = current_database() AND starts_with(application_name, $2) AND backend_start IS NOT NULL
        GROUP BY name ORDER BY name
        """,
        len(WORKER_NAME) + 1,
        WORKER_NAME,
    )
    return [Worker(*row.values()) for row in rows]


@dataclass(frozen=True, slots=True)
class Database:
    """The database: the server's version, the bytes on its disk, whether it only reads."""

    version: str
    size: int
    only_reads: bool


async def read_database(connection: Connection) -> Database:
    """Ask the database for itself."""
    row = await connection.fetchrow(
        """
        SELECT current_setting('server_version'), pg_database_size(current_database()), pg_is_in_recovery()
        """
    )
    assert row is not None
    return Database(*row.values())


@dataclass(frozen=True, slots=True)
class Made:
    """How many results of the last day an engine made; `version` is the analysis's, or the transcript's quality."""

    engine: str
    version: str | None
    rubric: str | None
    count: int


async def read_transcribers(connection: Connection) -> list[Made]:
    """By which speech engines the transcripts of the last day were made, of at most `MOST_SAMPLED`."""
    return await _made(connection, "SELECT engine, quality AS version, NULL AS rubric FROM transcripts")


async def read_analysers(connection: Connection) -> list[Made]:
    """By which analysis engines and rubrics the analyses of the last day were made, of at most `MOST_SAMPLED`."""
    return await _made(connection, "SELECT engine, version, rubric FROM analyses")


async def _made(connection: Connection, results: str) -> list[Made]:
    rows = await connection.fetch(
        f"""
        SELECT engine, version, rubric, count(*) AS made
        FROM ({results} WHERE made_at > now() - $1::interval AND {_LIVE} LIMIT $2) AS counted
        GROUP BY engine, version, rubric ORDER BY made DESC, engine, version, rubric
        """,  # noqa: S608
        RECENT,
        MOST_SAMPLED,
    )
    return [Made(*row.values()) for row in rows]


async def list_rubrics(connection: Connection, *, most: int) -> list[dict[str, Any]]:
    """List the rubrics in force of the subtenants that have one of their own, the last applied first."""
    rows = await connection.fetch(
        """
        SELECT p.partner_id, p.name AS partner, s.tenant_id, s.subtenant_id, r.version, r.name, r.applied_at,
            r.applied_by
        FROM (
            SELECT DISTINCT ON (partner_id, subtenant_no) partner_id, subtenant_no, version, body ->> 'name' AS name,
                applied_at, applied_by
            FROM rubrics ORDER BY partner_id, subtenant_no, version DESC
        ) AS r
        JOIN partners p USING (partner_id) JOIN subtenants s USING (partner_id, subtenant_no)
        ORDER BY r.applied_at DESC LIMIT $1
        """,
        most,
    )
    return [dict(row) for row in rows]
