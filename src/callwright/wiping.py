"""Wiping test data: all that a test twin has sent and all that came of it, a bounded piece at a time."""

from dataclasses import dataclass

import asyncpg
import structlog

from callwright import db
from callwright.db import Connection, Pool
from callwright.errors import Forbidden
from callwright.partners import Partner
from callwright.together import again_after_deadlock

log = structlog.get_logger()

KEPT = (
    *("partners", "partner_secrets", "subtenants", "retention_rules", "login_audit", "erasure_audit"),
    *("erasure_orders", "erasure_people", "erased_files"),
)
"""Tables that stay as they are: that there is a test key, for whom it acts, how long their data is kept, who has tried
to come in with it, and what was erased. An erasure that is under way goes on, and then forgets what it was about."""

CALLS_AT_A_TIME = 500
ROWS_AT_A_TIME = 5_000
PIECES = 20
"""Transactions of one request: some seconds of work at most."""

# Whatever has a partner's rows is found in the catalogue, so that no table that comes later is forgotten. Whoever
# counts rollups locks the row of rolled_subtenants: once it is gone, nothing that is being deleted is counted any more.
_TABLES = """
    SELECT quote_ident(c.relname) AS name, bool_or(a.attname = 'call_id') AS of_calls
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> ALL($1::text[])
    GROUP BY c.relname HAVING bool_or(a.attname = 'partner_id')
    ORDER BY c.relname <> 'rolled_subtenants', c.relname
"""


@dataclass(frozen=True, slots=True)
class Wiped:
    """How many rows were deleted, and whether there may be more."""

    deleted: int
    more: bool


async def wipe(pool: Pool, twin: Partner, *, pieces: int = PIECES) -> Wiped:
    """Delete test data, each piece in a transaction that sees the twin's rows alone: live data is not there.

    A call that is worked on meanwhile is deleted before or after it ends, and leaves nothing. What is in the queue
    stays: a job whose call is gone ends without doing anything.

    Args:
        pool: The database.
        twin: Whose data.
        pieces: Transactions, at most.

    Raises:
        Forbidden: This is a live partner.
        Unavailable: The database is away; what was deleted until then is gone.
    """
    if twin.test_of is None:
        raise Forbidden("Only a test key deletes test data")
    deleted = 0
    for _ in range(pieces):
        some = await _piece(pool, twin.partner_id)
        if some is None:
            log.info("test data wiped", partner_id=twin.partner_id, rows=deleted)
            return Wiped(deleted, more=False)
        deleted += some
    return Wiped(deleted, more=True)


async def _piece(pool: Pool, partner_id: int) -> int | None:
    """Delete some rows; gives how many, or None where nothing is left."""

    async def piece() -> int | None:
        async with db.transaction(pool, partner_id) as connection:
            tables = await connection.fetch(_TABLES, KEPT)
            of_calls = await _calls(connection, partner_id, [each["name"] for each in tables if each["of_calls"]])
            return of_calls or await _others(connection, partner_id, [each["name"] for each in tables])

    try:
        return await again_after_deadlock(piece)
    except asyncpg.DeadlockDetectedError:  # with the work on these calls, time and again
        return 0


async def _calls(connection: Connection, partner_id: int, tables: list[str]) -> int:
    """Delete some calls and all that hangs on them, which is only seen while they are there."""
    asked = await connection.fetch(
        "SELECT call_id FROM calls WHERE partner_id = $1 ORDER BY call_id LIMIT $2", partner_id, CALLS_AT_A_TIME
    )
    call_ids = [row["call_id"] for row in asked]
    if not call_ids:
        return 0
    # Locked, so that nobody adds to them any more: callbacks before calls, as everybody who locks both.
    for table in ("callbacks", "calls"):
        await connection.execute(
            f"SELECT FROM {table} WHERE partner_id = $1 AND call_id = ANY($2) FOR UPDATE",
            partner_id,
            call_ids,
        )
    gone = await connection.execute(
        """
        DELETE FROM callback_attempts WHERE partner_id = $1 AND callback_id IN (
            SELECT callback_id FROM callbacks WHERE partner_id = $1 AND call_id = ANY($2))
        """,
        partner_id,
        call_ids,
    )
    deleted = _count(gone)
    for table in [*(name for name in tables if name != "calls"), "calls"]:
        gone = await connection.execute(
            f"DELETE FROM {table} WHERE partner_id = $1 AND call_id = ANY($2)",  # noqa: S608
            partner_id,
            call_ids,
        )
        deleted += _count(gone)
    return deleted


async def _others(connection: Connection, partner_id: int, tables: list[str]) -> int | None:
    """Delete some rows of the first table that has any; gives how many, or None where none has."""
    for table in tables:
        if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table} WHERE partner_id = $1)", partner_id):  # noqa: S608
            gone = await connection.execute(
                f"""
                DELETE FROM {table} WHERE partner_id = $1
                    AND ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE partner_id = $1 LIMIT $2))
                """,  # noqa: S608
                partner_id,
                ROWS_AT_A_TIME,
            )
            return _count(gone)
    return None


def _count(tag: str) -> int:
    """The rows of a command's answer, as `DELETE 5`."""
    return int(tag.rsplit(maxsplit=1)[-1])
