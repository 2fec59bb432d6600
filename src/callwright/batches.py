"""Batches: which calls each has brought, in the order of the request; and what is left of one when calls are erased."""

from uuid import UUID

from callwright import tombstones
from callwright.db import Connection

RECORD = """
    INSERT INTO batches (partner_id, batch_id, subtenant_no, call_ids, duplicates)
    SELECT $1, $3, $2, $5::text[], array_agg(fresh.call_id IS NULL OR NOT asked.first ORDER BY asked.ord)
    FROM (
        SELECT call_id, ord, row_number() OVER (PARTITION BY call_id ORDER BY ord) = 1 AS first
        FROM unnest($5::text[]) WITH ORDINALITY AS u(call_id, ord)
    ) AS asked
    LEFT JOIN fresh USING (call_id)
"""
"""The part of the ingest statement that keeps the batch; `fresh` has the calls that are new, $5 all that were sent."""

ALL_KNOWN = """
    INSERT INTO batches (partner_id, batch_id, subtenant_no, call_ids, duplicates)
    VALUES ($1, $3, $2, $4, array_fill(true, ARRAY[cardinality($4::text[])]))
"""
"""What is kept of a batch without a new call."""


async def forget(connection: Connection, partner_id: int, batch_ids: list[UUID], call_ids: list[str]) -> None:
    """Take the ids of erased calls out of batches; their places stay, as nulls."""
    if call_ids:
        await connection.execute(
            """
            UPDATE batches SET call_ids = ARRAY(
                SELECT CASE WHEN id <> ALL($3::text[]) THEN id END
                FROM unnest(call_ids) WITH ORDINALITY AS asked (id, ord) ORDER BY ord)
            WHERE partner_id = $1 AND batch_id = ANY($2::uuid[])
            """,
            *(partner_id, batch_ids, call_ids),
        )


async def drop_emptied(connection: Connection, partner_id: int, batch_ids: list[UUID]) -> int:
    """Delete those batches whose calls are all erased; gives how many."""
    gone: int = await connection.fetchval(
        """
        WITH gone AS (
            DELETE FROM batches WHERE partner_id = $1 AND batch_id = ANY($2::uuid[])
                AND array_remove(call_ids, NULL) = '{}' RETURNING 1
        )
        SELECT count(*) FROM gone
        """,
        *(partner_id, batch_ids),
    )
    return gone


async def drop(connection: Connection, partner_id: int, batch_ids: list[UUID]) -> int:
    """Delete batches whose time is over; gives how many were there."""
    gone: int = await connection.fetchval(
        """
        WITH gone AS (DELETE FROM batches WHERE partner_id = $1 AND batch_id = ANY($2::uuid[]) RETURNING 1)
        SELECT count(*) FROM gone
        """,
        *(partner_id, batch_ids),
    )
    return gone


async def forget_erased(connection: Connection, partner_id: int, *, after: str, most: int) -> str | None:
    """Take the ids of erased calls out of those batches that brought them once more, as duplicates.

    Args:
        connection: With a transaction open.
        partner_id: Whose batches.
        after: The id of the last batch that was looked at; empty at first.
        most: Batches to look at.

    Returns:
        Where to go on; None where that was all.
    """
    last: UUID | None = await connection.fetchval(
        f"""
        WITH page AS MATERIALIZED (
            SELECT batch_id, call_ids, duplicates FROM batches
            WHERE partner_id = $1 AND ($2::text = '' OR batch_id > nullif($2, '')::uuid) ORDER BY batch_id LIMIT $3
        ), cleared AS (
            SELECT batch_id, ARRAY(
                SELECT CASE WHEN NOT {tombstones.is_erased("id")} THEN id END
                FROM unnest(call_ids) WITH ORDINALITY AS asked (id, ord) ORDER BY ord) AS call_ids
            FROM page WHERE true = ANY(duplicates)
        ), changed AS (
            UPDATE batches b SET call_ids = c.call_ids FROM cleared c
            WHERE b.partner_id = $1 AND b.batch_id = c.batch_id AND b.call_ids IS DISTINCT FROM c.call_ids
        )
        SELECT batch_id FROM page ORDER BY batch_id OFFSET $3 - 1
        """,  # noqa: S608
        *(partner_id, after, most),
    )
    return None if last is None else str(last)
