"""What belongs to a partner as a whole: its tenants, and what it has used in a month."""

from dataclasses import dataclass
from datetime import date, datetime

from callwright import rollups
from callwright.db import Connection


@dataclass(frozen=True, slots=True)
class TenantLine:
    """A tenant and subtenant.

    Attributes:
        calls: Those that have ended.
        failed: Those of them that failed.
        agents: Who had calls, ended or not.
        last_received_at: When the last batch came in; None before any has.
    """

    tenant_id: str
    subtenant_id: str
    created_at: datetime
    calls: int
    failed: int
    agents: int
    last_received_at: datetime | None


@dataclass(frozen=True, slots=True)
class DayLine:
    """The calls of all tenants that ended on a day, and how long they lasted together."""

    day: date
    calls: int
    failed: int
    call_seconds: float


# What is due to be counted again is counted here, from the calls themselves, so that nobody waits for a worker. `house`
# has the subtenants, each with the time zone that its days are of, and whether days are kept by it; $1 is the partner.
_COUNTED = """
due AS MATERIALIZED (
    SELECT DISTINCT d.subtenant_no, (d.at AT TIME ZONE h.time_zone)::date AS day
    FROM recounts_due d JOIN house h ON h.subtenant_no = d.subtenant_no WHERE d.partner_id = $1 AND h.kept
), spans AS (
    SELECT d.subtenant_no, h.time_zone, d.day AS since, d.day + 1 AS until
    FROM due d JOIN house h ON h.subtenant_no = d.subtenant_no WHERE d.day >= {since} AND d.day < {until}
    UNION ALL SELECT subtenant_no, time_zone, {since}, {until} FROM house WHERE NOT kept
), counted AS (
    SELECT h.subtenant_no, d.day, d.calls, CASE WHEN d.label = '{failed}' THEN d.calls ELSE 0 END AS failed,
        d.milliseconds
    FROM house h
    CROSS JOIN LATERAL (
        SELECT day, label, calls, milliseconds FROM day_rollups
        WHERE partner_id = $1 AND subtenant_no = h.subtenant_no AND agent_id = '' AND label <> '{no_call}'
            AND day >= {since} AND day < {until} OFFSET 0
    ) AS d
    WHERE h.kept AND (h.subtenant_no, d.day) NOT IN (SELECT subtenant_no, day FROM due)
    UNION ALL
    SELECT s.subtenant_no, e.day, count(*), count(*) FILTER (WHERE NOT e.completed), sum(e.milliseconds)
    FROM spans s
    CROSS JOIN LATERAL (
        SELECT (end_time AT TIME ZONE s.time_zone)::date AS day, completed,
            (extract(epoch FROM end_time - start_time) * 1000)::bigint AS milliseconds
        FROM ended_calls
        WHERE partner_id = $1 AND subtenant_no = s.subtenant_no
            AND end_time >= s.since::timestamp AT TIME ZONE s.time_zone - interval '3 hours'
            AND end_time < s.until::timestamp AT TIME ZONE s.time_zone + interval '3 hours' OFFSET 0
    ) AS e
    WHERE e.day >= s.since AND e.day < s.until GROUP BY s.subtenant_no, e.day
)
"""


def _counted(since: str, until: str) -> str:
    """The calls of each subtenant's days, as SQL, from the day `since` on and before `until`, which are SQL as well."""
    return _COUNTED.format(since=since, until=until, failed=rollups.FAILED, no_call=rollups.NO_CALL)


async def list_tenants(
    connection: Connection, partner_id: int, *, most: int, after: tuple[str, str] | None = None
) -> tuple[list[TenantLine], bool]:
    """List the tenants and subtenants that a partner acts for, by name.

    Args:
        connection: With a transaction open for the partner as a whole.
        partner_id: Whose they are.
        most: How many.
        after: The tenant and subtenant that the page before has ended with.

    Returns:
        The page, and whether there are more.
    """
    rows = await connection.fetch(
        f"""
        WITH page AS MATERIALIZED (
            SELECT * FROM subtenants
            WHERE partner_id = $1 AND ($2::text IS NULL OR (tenant_id, subtenant_id) > ($2, $3))
            ORDER BY tenant_id, subtenant_id LIMIT $4
        ), house AS (  -- all days together are the same by whichever zone they were kept
            SELECT s.subtenant_no, coalesce(nullif(r.time_zone, ''), 'UTC') AS time_zone,
                coalesce(r.time_zone, '') <> '' AS kept
            FROM page s LEFT JOIN rolled_subtenants r ON r.partner_id = $1 AND r.subtenant_no = s.subtenant_no
        ), {_counted("date '-infinity'", "date 'infinity'")}
        SELECT s.tenant_id, s.subtenant_id, s.created_at, coalesce(d.calls, 0), coalesce(d.failed, 0),
            (SELECT count(*) FROM agents a WHERE a.partner_id = $1 AND a.subtenant_no = s.subtenant_no),
            (SELECT max(received_at) FROM batches b WHERE b.partner_id = $1 AND b.subtenant_no = s.subtenant_no)
        FROM page s
        LEFT JOIN (
            SELECT subtenant_no, sum(calls)::bigint AS calls, sum(failed)::bigint AS failed
            FROM counted GROUP BY subtenant_no
        ) AS d ON d.subtenant_no = s.subtenant_no
        ORDER BY s.tenant_id, s.subtenant_id
        """,  # noqa: S608
        partner_id,
        *(after or (None, None)),
        most + 1,
    )
    return [TenantLine(*row.values()) for row in rows[:most]], len(rows) > most


async def read_days(connection: Connection, partner_id: int, since: date, until: date) -> list[DayLine]:
    """Count the calls that ended on each day from `since` on and before `until`, by the partner's time zone.

    Args:
        connection: With a transaction open for the partner as a whole.
        partner_id: Whose calls.
        since: The first day.
        until: The day after the last one.
    """
    rows = await connection.fetch(
        f"""
        WITH house AS (
            SELECT s.subtenant_no, p.time_zone, r.time_zone IS NOT DISTINCT FROM p.time_zone AS kept
            FROM partners p
            JOIN subtenants s ON s.partner_id = p.partner_id
            LEFT JOIN rolled_subtenants r ON r.partner_id = s.partner_id AND r.subtenant_no = s.subtenant_no
            WHERE p.partner_id = $1
        ), {_counted("$2::date", "$3::date")}
        SELECT day, sum(calls)::bigint, sum(failed)::bigint, sum(milliseconds)::float8 / 1000
        FROM counted GROUP BY day ORDER BY day
        """,  # noqa: S608
        partner_id,
        since,
        until,
    )
    return [DayLine(*row.values()) for row in rows]
