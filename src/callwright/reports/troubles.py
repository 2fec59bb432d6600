"""What went wrong, over all partners, for the operator: failed calls, callbacks, logins; in pages, the newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callwright.db import Connection
from callwright.reports import ATTEMPTS_SHOWN


@dataclass(frozen=True, slots=True)
class WantedFailures:
    """Which failed calls; what is None makes no difference.

    Attributes:
        since: Failed then or later.
        until: Failed before.
    """

    partner_id: int | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def list_failed_calls(
    connection: Connection, wanted: WantedFailures, *, most: int, after: tuple[datetime, int, str] | None = None
) -> list[dict[str, Any]]:
    """List calls that failed, the last to fail first.

    Args:
        connection: The database.
        wanted: Which ones.
        most: How many.
        after: When the last one of the page before failed, its partner and its id.
    """
    rows = await connection.fetch(
        """
        SELECT c.partner_id, p.name AS partner, s.tenant_id, s.subtenant_id, c.call_id, c.failed_at, c.failure_code,
            c.failure_message, c.callback_state
        FROM (
            SELECT * FROM calls
            WHERE failed_at IS NOT NULL AND ($1::bigint IS NULL OR partner_id = $1)
                AND ($2::text IS NULL OR failure_code = $2)
                AND failed_at >= coalesce($3::timestamptz, '-infinity')
                AND failed_at < coalesce($4::timestamptz, 'infinity')
                AND (failed_at, partner_id, call_id) < (coalesce($5::timestamptz, 'infinity'), $6::bigint, $7::text)
            ORDER BY failed_at DESC, partner_id DESC, call_id DESC LIMIT $8
        ) AS c
        JOIN partners p USING (partner_id) JOIN subtenants s USING (partner_id, subtenant_no)
        ORDER BY c.failed_at DESC, c.partner_id DESC, c.call_id DESC
        """,
        *(wanted.partner_id, wanted.code, wanted.since, wanted.until),
        *(after or (None, 0, "")),
        most,
    )
    return [dict(row) for row in rows]


@dataclass(frozen=True, slots=True)
class WantedCallbacks:
    """Which callbacks; what is None makes no difference.

    Attributes:
        undelivered: Only those that were given up.
        since: Made then or later.
        until: Made before.
    """

    partner_id: int | None = None
    undelivered: bool = True
    call_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_AFTER = """
    c.created_at >= coalesce($3::timestamptz, '-infinity') AND c.created_at < coalesce($4::timestamptz, 'infinity')
    AND (c.created_at, c.callback_id) <= (coalesce($5::timestamptz, 'infinity'), $6::text)
    AND (c.created_at, c.callback_id, c.partner_id) < (coalesce($5::timestamptz, 'infinity'), $6, $7::bigint)
"""
_NEWEST = """
    SELECT c.created_at, c.callback_id FROM callbacks c
    WHERE c.partner_id = s.partner_id AND c.subtenant_no = s.subtenant_no AND {which} AND {after}
    ORDER BY c.created_at DESC, c.callback_id DESC LIMIT $8
"""
"""The newest of each subtenant, read off its index alone; those of all together need no index of their own then."""


async def list_callbacks(
    connection: Connection, wanted: WantedCallbacks, *, most: int, after: tuple[datetime, str, int] | None = None
) -> list[dict[str, Any]]:
    """List callbacks with their tries, the newest first.

    Args:
        connection: The database.
        wanted: Which ones.
        most: How many.
        after: When the last one of the page before was made, its id and its partner.
    """
    state = "c.state = 'undelivered'" if wanted.undelivered else "true"
    of_call = "$2::text IS NULL" if wanted.call_id is None else "c.call_id = $2::text"
    newest = _NEWEST.format(which=f"{state} AND {of_call}", after=_AFTER)
    rows = await connection.fetch(
        f"""
        SELECT c.partner_id, p.name AS partner, s.tenant_id, s.subtenant_id, c.callback_id, c.call_id, c.url, c.state,
            c.attempts AS tried, c.created_at,
            CASE WHEN c.state = 'pending' THEN c.next_attempt_at END AS next_attempt_at
        FROM (
            SELECT s.partner_id, n.callback_id FROM subtenants s CROSS JOIN LATERAL ({newest}) AS n
            WHERE $1::bigint IS NULL OR s.partner_id = $1
            ORDER BY n.created_at DESC, n.callback_id DESC, s.partner_id DESC LIMIT $8
        ) AS found
        JOIN callbacks c USING (partner_id, callback_id) JOIN partners p USING (partner_id)
        JOIN subtenants s USING (partner_id, subtenant_no)
        ORDER BY c.created_at DESC, c.callback_id DESC, c.partner_id DESC
        """,  # noqa: S608
        *(wanted.partner_id, wanted.call_id, wanted.since, wanted.until),
        *(after or (None, "", 0)),
        most,
    )
    tries = await connection.fetch(
        """
        SELECT a.partner_id, a.callback_id, a.attempt, a.started_at, a.elapsed_ms, a.http_status, a.error
        FROM unnest($1::bigint[], $2::text[], $3::integer[]) AS c (partner_id, callback_id, tried)
        JOIN callback_attempts a ON a.partner_id = c.partner_id AND a.callback_id = c.callback_id
            AND a.attempt > c.tried - $4
        ORDER BY a.attempt
        """,
        *([row[name] for row in rows] for name in ("partner_id", "callback_id", "tried")),
        ATTEMPTS_SHOWN,
    )
    found: dict[tuple[int, str], list[dict[str, Any]]] = {(row["partner_id"], row["callback_id"]): [] for row in rows}
    for each in tries:
        found[each["partner_id"], each["callback_id"]].append(dict(each))
    return [{**row, "tries": found[row["partner_id"], row["callback_id"]]} for row in rows]


async def list_logins(connection: Connection, *, most: int, after: int | None = None) -> list[dict[str, Any]]:
    """List logins at the API and at the console, the newest first.

    Args:
        connection: The database.
        most: How many.
        after: The number of the last one of the page before.
    """
    rows = await connection.fetch(
        """
        SELECT a.login_no, a.at, a.door, a.outcome, p.name AS partner, a.api_key, a.address, a.request_id
        FROM login_audit a LEFT JOIN partners p USING (partner_id)
        WHERE $1::bigint IS NULL OR a.login_no < $1 ORDER BY a.login_no DESC LIMIT $2
        """,
        after,
        most,
    )
    return [dict(row) for row in rows]
