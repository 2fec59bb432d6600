"""What belongs to a partner as a whole: its tenants, and what it has used in a month."""

from dataclasses import dataclass
from datetime import date, datetime

from callwright import rollups
from callwright.db import Connection


@dataclass(frozen=True, slots=True)
class TenantLine:
    """A tenant and subtenant.

    Attributes:
        calls: Those that have ended, as far as they have been counted.
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
        SELECT s.tenant_id, s.subtenant_id, s.created_at, coalesce(d.calls, 0), coalesce(d.failed, 0),
            (SELECT count(*) FROM agents a WHERE a.partner_id = $1 AND a.subtenant_no = s.subtenant_no),
            (SELECT max(received_at) FROM batches b WHERE b.partner_id = $1 AND b.subtenant_no = s.subtenant_no)
        FROM (
            SELECT * FROM subtenants
            WHERE partner_id = $1 AND ($2::text IS NULL OR (tenant_id, subtenant_id) > ($2, $3))
            ORDER BY tenant_id, subtenant_id LIMIT $4
        ) AS s
        CROSS JOIN LATERAL (
            SELECT sum(calls)::bigint AS calls,
                (sum(calls) FILTER (WHERE label = '{rollups.FAILED}'))::bigint AS failed
            FROM day_rollups
            WHERE partner_id = $1 AND subtenant_no = s.subtenant_no AND agent_id = ''
        ) AS d
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
        SELECT d.day, sum(d.calls)::bigint,
            coalesce(sum(d.calls) FILTER (WHERE d.label = '{rollups.FAILED}'), 0)::bigint,
            sum(d.milliseconds)::float8 / 1000
        FROM subtenants s
        CROSS JOIN LATERAL (
            SELECT day, label, calls, milliseconds FROM day_rollups
            WHERE partner_id = $1 AND subtenant_no = s.subtenant_no AND agent_id = '' AND day >= $2 AND day < $3
                AND label <> '{rollups.NO_CALL}'
        ) AS d
        WHERE s.partner_id = $1
        GROUP BY d.day ORDER BY d.day
        """,  # noqa: S608
        partner_id,
        since,
        until,
    )
    return [DayLine(*row.values()) for row in rows]
