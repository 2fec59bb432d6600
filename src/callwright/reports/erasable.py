"""What an erasure finds: calls page by page, people who still have one, and what hangs on calls, counted."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from callwright import tombstones
from callwright.db import Connection, Scope
from callwright.erasures import Order, Person

SCANNED = 20_000
"""Calls that are looked at in one statement: there is no index by customer or phone, which the ingest would pay for."""


@dataclass(frozen=True, slots=True)
class Meant:
    """Whose calls are looked for.

    Attributes:
        subtenant_no: Only calls of this one; None for all of the partner's.
        phone: Those with this number.
        customers: And those of these customers.
        before: Only those that came in until then.
    """

    partner_id: int
    subtenant_no: int | None
    phone: str | None
    customers: Sequence[Person]
    before: datetime


async def has_call(connection: Connection, scope: Scope, call_id: str) -> bool:
    """Whether a subtenant has a call of this id."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM calls WHERE partner_id = $1 AND subtenant_no = $2 AND call_id = $3)",
        *(scope.partner_id, scope.subtenant_no, call_id),
    )
    return found


async def find_calls(connection: Connection, meant: Meant, *, after: str, most: int) -> tuple[list[str], str | None]:
    """Find some calls.

    Args:
        connection: The database.
        meant: Whose.
        after: Where the page before has ended; empty at first.
        most: How many.

    Returns:
        Their ids, and where to go on; None where that was all.
    """
    row = await connection.fetchrow(
        f"""
        WITH page AS MATERIALIZED (
            SELECT call_id, received_at <= $4 AND ($5::bigint IS NULL OR subtenant_no = $5) AND (
                contact_number = $6 OR (subtenant_no, customer_id) IN (
                    SELECT number, id FROM unnest($7::bigint[], $8::text[]) AS of (number, id))) AS wanted
            FROM calls WHERE partner_id = $1 AND call_id > $2 ORDER BY call_id LIMIT {SCANNED}
        ), found AS (
            SELECT call_id FROM page WHERE wanted ORDER BY call_id LIMIT $3
        )
        SELECT ARRAY(SELECT call_id FROM found ORDER BY call_id) AS call_ids,
            CASE WHEN (SELECT count(*) FROM found) = $3 THEN (SELECT max(call_id) FROM found)
                 WHEN (SELECT count(*) FROM page) = {SCANNED} THEN (SELECT max(call_id) FROM page) END AS place
        """,  # noqa: S608
        *(meant.partner_id, after, most, meant.before, meant.subtenant_no, meant.phone),
        [each.subtenant_no for each in meant.customers],
        [each.person_id for each in meant.customers],
    )
    assert row is not None, "counting gives a row"
    return row["call_ids"], row["place"]


async def still_there(connection: Connection, order: Order) -> tuple[list[Person], str | None]:
    """Find who of an order's people has a call, among some calls from its place on; and where to go on, likewise."""
    rows = await connection.fetch(
        f"""
        WITH page AS MATERIALIZED (
            SELECT call_id, subtenant_no, agent_id, customer_id FROM calls
            WHERE partner_id = $1 AND call_id > $2 ORDER BY call_id LIMIT {SCANNED}
        ), seen AS (
            SELECT 'agent' AS kind, subtenant_no, agent_id AS person_id FROM page
            UNION SELECT 'customer', subtenant_no, customer_id FROM page
        )
        SELECT p.kind, p.subtenant_no, p.person_id FROM erasure_people p JOIN seen USING (kind, subtenant_no, person_id)
        WHERE p.partner_id = $1 AND p.erasure_id = $3
        UNION ALL SELECT NULL, NULL, call_id FROM (
            SELECT call_id FROM page ORDER BY call_id OFFSET {SCANNED - 1}
        ) AS last
        """,  # noqa: S608
        *(order.partner_id, order.place, order.erasure_id),
    )
    place = next((row["person_id"] for row in rows if row["kind"] is None), None)
    return [Person(*row.values()) for row in rows if row["kind"] is not None], place


async def came_since(connection: Connection, order: Order) -> list[Person]:
    """Find who has a call that came in since an order's phase began, or shortly before: a scan may have missed it."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT kind, c.subtenant_no, person_id
        FROM batches b
        CROSS JOIN LATERAL unnest(b.call_ids) AS asked (call_id)
        JOIN calls c ON c.partner_id = $1 AND c.call_id = asked.call_id
        CROSS JOIN LATERAL (VALUES ('agent', c.agent_id), ('customer', c.customer_id)) AS who (kind, person_id)
        WHERE b.partner_id = $1 AND b.received_at >= $2::timestamptz - interval '5 minutes'
        """,
        *(order.partner_id, order.since),
    )
    return [Person(*row.values()) for row in rows]


async def find_undone(connection: Connection, partner_id: int, after: str) -> tuple[dict[UUID, list[str]], str | None]:
    """Find calls that are here though they were erased, by the erasure; and where to go on, None where that was all."""
    rows = await connection.fetch(
        f"""
        WITH page AS MATERIALIZED (
            SELECT call_id FROM calls WHERE partner_id = $1 AND call_id > $2 ORDER BY call_id LIMIT {SCANNED}
        )
        SELECT e.erasure_id, p.call_id FROM page p
        JOIN erased_calls e ON e.partner_id = $1 AND e.mark = {tombstones.mark_of("p.call_id")}
        UNION ALL SELECT NULL, call_id FROM (SELECT call_id FROM page ORDER BY call_id OFFSET {SCANNED - 1}) AS last
        """,  # noqa: S608
        *(partner_id, after),
    )
    found: dict[UUID, list[str]] = defaultdict(list)
    for row in rows:
        if row["erasure_id"] is not None:
            found[row["erasure_id"]].append(row["call_id"])
    return dict(found), next((row["call_id"] for row in rows if row["erasure_id"] is None), None)


async def oldest_batches(
    connection: Connection, scope: Scope, before: datetime, *, most: int
) -> tuple[list[UUID], list[str]]:
    """Find the oldest batches that came in before a time, and those of the subtenant's calls that they brought in."""
    rows = await connection.fetch(
        """
        SELECT batch_id, array_remove(call_ids, NULL) AS call_ids FROM batches
        WHERE partner_id = $1 AND subtenant_no = $2 AND received_at < $3 ORDER BY received_at, batch_id LIMIT $4
        """,
        *(scope.partner_id, scope.subtenant_no, before, most),
    )
    found = await connection.fetch(
        """
        SELECT call_id FROM calls
        WHERE partner_id = $1 AND subtenant_no = $2 AND call_id = ANY($3::text[]) AND batch_id = ANY($4::uuid[])
        """,
        *(scope.partner_id, scope.subtenant_no, [each for row in rows for each in row["call_ids"]]),
        [row["batch_id"] for row in rows],
    )
    return [row["batch_id"] for row in rows], [row["call_id"] for row in found]


async def old_recordings(connection: Connection, scope: Scope, before: datetime, *, most: int) -> list[str]:
    """Find calls that have ended and whose recordings were fetched before a time, the oldest first."""
    rows = await connection.fetch(
        """
        SELECT r.call_id FROM recordings r JOIN calls c ON c.partner_id = r.partner_id AND c.call_id = r.call_id
        WHERE r.partner_id = $1 AND r.subtenant_no = $2 AND r.fetched_at < $3 AND r.removed_at IS NULL
            AND c.state IN ('completed', 'failed')
        ORDER BY r.fetched_at LIMIT $4
        """,
        *(scope.partner_id, scope.subtenant_no, before, most),
    )
    return [row["call_id"] for row in rows]


_HANGS_ON_CALLS = (
    *("calls", "recordings", "transcripts", "transcript_pieces", "analyses", "former_analyses", "corrections"),
    *("dispositions", "callbacks"),
)


async def count_rows(connection: Connection, partner_id: int, call_ids: Sequence[str]) -> dict[str, int]:
    """Count what hangs on calls, by table; those without a row are left out."""
    counts = ", ".join(
        f"(SELECT count(*) FROM {table} WHERE partner_id = $1 AND call_id = ANY($2::text[])) AS {table}"  # noqa: S608
        for table in _HANGS_ON_CALLS
    )
    row = await connection.fetchrow(f"SELECT {counts}", partner_id, call_ids)
    assert row is not None, "counting gives a row"
    return {table: count for table, count in row.items() if count}


async def find_customers(
    connection: Connection,
    partner_id: int,
    subtenant_no: int | None,
    *,
    customer_id: str | None = None,
    email: str | None = None,
) -> list[Person]:
    """Find customers by the partner's own id, or by address whatever its capitals; of one subtenant or of all."""
    rows = await connection.fetch(
        """
        SELECT 'customer' AS kind, subtenant_no, customer_id FROM customers
        WHERE partner_id = $1 AND ($2::bigint IS NULL OR subtenant_no = $2)
            AND ($3::text IS NULL OR customer_id = $3) AND ($4::text IS NULL OR lower(email) = lower($4))
        """,
        *(partner_id, subtenant_no, customer_id, email),
    )
    return [Person(*row.values()) for row in rows]
