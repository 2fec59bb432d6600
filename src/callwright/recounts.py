"""What no longer is as it was counted: a log that whoever changes an ended call adds to, in the same transaction."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from callwright.db import Connection, Scope

DAYS_AT_A_TIME = 16

NOTE = """
    INSERT INTO recounts_due (partner_id, subtenant_no, at, customer_id)
    SELECT partner_id, subtenant_no, at, customer_id FROM changed
"""
"""The last part of a statement that gives `changed`: rows of partner, subtenant, time and customer. It adds a row and
waits for nobody."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be counted again; `last` is the highest number of an entry that was taken."""

    days: list[date]
    customers: list[str]
    last: int


async def subtenants(connection: Connection) -> list[Scope]:
    """Those of which something is to be counted again, or everything, as the time zone is another than it was."""
    rows = await connection.fetch(
        """
        SELECT partner_id, subtenant_no FROM recounts_due
        UNION
        SELECT r.partner_id, r.subtenant_no FROM rolled_subtenants r
        JOIN partners p ON p.partner_id = r.partner_id AND p.time_zone <> r.time_zone
        ORDER BY 1, 2
        """
    )
    return [Scope(*row.values()) for row in rows]


async def note_every_day(connection: Connection, scope: Scope) -> None:
    """Note each day on which a subtenant had calls, or was told a disposition without one."""
    await connection.execute(
        """
        WITH RECURSIVE house AS (
            SELECT time_zone FROM rolled_subtenants WHERE partner_id = $1 AND subtenant_no = $2
        ), times AS (
            (SELECT end_time AS at FROM ended_calls WHERE partner_id = $1 AND subtenant_no = $2
             ORDER BY end_time LIMIT 1)
            UNION ALL
            SELECT later.end_time FROM times, house, LATERAL (
                SELECT end_time FROM ended_calls WHERE partner_id = $1 AND subtenant_no = $2
                    AND end_time > times.at
                    AND end_time >= ((times.at AT TIME ZONE time_zone)::date + 1)::timestamp AT TIME ZONE time_zone
                        - interval '3 hours'  -- a midnight that comes twice
                    AND (end_time AT TIME ZONE time_zone)::date > (times.at AT TIME ZONE time_zone)::date
                ORDER BY end_time LIMIT 1
            ) AS later
        )
        INSERT INTO recounts_due (partner_id, subtenant_no, at)
        SELECT $1, $2, at FROM times
        UNION ALL
        SELECT $1, $2, min(effective_at) FROM dispositions, house
        WHERE partner_id = $1 AND subtenant_no = $2 AND source = 'api'
        GROUP BY (effective_at AT TIME ZONE time_zone)::date
        """,
        scope.partner_id,
        scope.subtenant_no,
    )


async def take(connection: Connection, scope: Scope, but: Collection[date] = ()) -> Due:
    """Take some days off the log, the newest first, with all that is noted of them.

    What is taken has to be counted in a later statement of the same transaction: that one then sees every call whose
    entry was taken, and an entry that comes meanwhile stays.

    Args:
        connection: With a transaction open, read committed.
        scope: Whose days.
        but: Those that are left.
    """
    rows = await connection.fetch(
        """
        WITH noted AS (
            SELECT d.due_no, (d.at AT TIME ZONE r.time_zone)::date AS day
            FROM recounts_due d
            JOIN rolled_subtenants r ON r.partner_id = d.partner_id AND r.subtenant_no = d.subtenant_no
            WHERE d.partner_id = $1 AND d.subtenant_no = $2
        )
        DELETE FROM recounts_due d USING noted
        WHERE d.partner_id = $1 AND d.subtenant_no = $2 AND d.due_no = noted.due_no
            AND noted.day IN (
                SELECT DISTINCT day FROM noted WHERE day <> ALL ($4::date[]) ORDER BY day DESC LIMIT $3)
        RETURNING noted.day, d.customer_id, d.due_no
        """,
        scope.partner_id,
        scope.subtenant_no,
        DAYS_AT_A_TIME,
        list(but),
    )
    days, customers = ({row[name] for row in rows} - {None} for name in ("day", "customer_id"))
    return Due(sorted(days), sorted(customers), max((row["due_no"] for row in rows), default=0))


async def forget_customers(connection: Connection, scope: Scope, customer_ids: list[str]) -> None:
    """Take customers out of what is noted, as they have been counted; their days stay noted."""
    await connection.execute(
        """
        UPDATE recounts_due SET customer_id = NULL
        WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = ANY($3::text[])
        """,
        *(scope.partner_id, scope.subtenant_no, customer_ids),
    )
