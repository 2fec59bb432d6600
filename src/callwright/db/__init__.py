"""PostgreSQL: the pool, explicit transactions, the schema and the embedded server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import orjson

from callwright import metrics
from callwright.db import roles
from callwright.db.pooler import ways
from callwright.errors import Unavailable

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = Any

ACQUIRE_SECONDS = 5.0
"""How long a request waits for a free connection before it is answered 503."""

STATEMENT_SECONDS = 30.0
"""No statement of ours takes longer on a healthy database."""


class NoConnectionFree(OSError):
    """Nobody has been asked anything yet: others have every connection, or none could be opened in time."""


AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InternalClientError,
    asyncpg.ReadOnlySQLTransactionError,
    TimeoutError,
    OSError,
)
"""What asyncpg raises while the database is down, starting, stopping, full or out of connections."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose data a request may touch."""

    partner_id: int
    subtenant_no: int


async def _prepare(connection: Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=lambda v: orjson.dumps(v).decode(), decoder=orjson.loads
        )


async def open_pool(url: str, *, size: int, name: str, plan_once: bool = False) -> Pool:
    """Open a pool of connections; the caller closes it. The database need not be there yet.

    Args:
        url: A PostgreSQL URL; with `pgbouncer=true` one of PgBouncer in transaction mode.
        size: The most connections that are open at a time; they are opened when needed.
        name: What `pg_stat_activity` shows as the application.
        plan_once: Whether a statement is planned once on a connection, whatever it is asked with later.

    Raises:
        SetupError: The address cannot be used.
    """
    plans = {"plan_cache_mode": "force_generic_plan"} if plan_once else {}
    return await asyncpg.create_pool(
        **ways(url, {"application_name": name, "timezone": "UTC", "jit": "off", **plans}),
        min_size=0,
        max_size=size,
        timeout=ACQUIRE_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        init=_prepare,
        reset=_left_clean,
    )


@asynccontextmanager
async def transaction(
    pool: Pool, whose: Scope | int, *, durable: bool = True, reads: bool = False
) -> AsyncIterator[Connection]:
    """Run the block in one transaction that sees one partner's rows; keep it short, never compute or call out in it.

    Row level security stands behind the queries: rows of others are not there, whatever a query asks for.

    Args:
        pool: The database.
        whose: A partner's number, or a scope: then rows of its other subtenants are not there either.
        durable: False where nothing is lost if the database crashes within a second and this has not taken place: what
            came after it has then not taken place either.
        reads: True where it may write nothing.

    Raises:
        Unavailable: The database is away. Whether a commit that was under way took place is then unknown, so every
            writer must be safe to repeat.
    """
    partner_id, subtenant = (whose.partner_id, str(whose.subtenant_no)) if isinstance(whose, Scope) else (whose, "")
    begin = f"""
        BEGIN{" READ ONLY" if reads else ""}; SET LOCAL ROLE {roles.ONE_PARTNER};
        SET LOCAL callwright.partner_id = '{partner_id:d}';
        SET LOCAL callwright.subtenant_no = '{subtenant}'{"" if durable else "; SET LOCAL synchronous_commit = off"}
    """
    async with _begun(pool, begin) as lent:
        yield lent


@asynccontextmanager
async def everywhere(pool: Pool, *, reads: bool = False) -> AsyncIterator[Connection]:
    """Run the block in one transaction that sees every row: logins, housekeeping, the operator's commands.

    Args:
        pool: The database.
        reads: True where it may write nothing.

    Raises:
        Unavailable: As `transaction`.
    """
    async with _begun(pool, f"BEGIN{' READ ONLY' if reads else ''}; SET LOCAL ROLE {roles.EVERY_PARTNER}") as lent:
        yield lent


@asynccontextmanager
async def beside(pool: Pool) -> AsyncIterator[Connection]:
    """Lend a connection for what is no partner's row: rate limits, jobs, the schema. Each statement is a transaction.

    Raises:
        Unavailable: The database is away, or no connection came free in time.
    """
    asked = time.perf_counter()
    try:
        try:
            lent = await pool.acquire(timeout=ACQUIRE_SECONDS)
        except TimeoutError as error:
            raise NoConnectionFree from error
        metrics.DATABASE_WAIT.observe(time.perf_counter() - asked)
        try:
            yield lent
        finally:
            await pool.release(lent)
    except AWAY as error:
        metrics.DATABASE_AWAY.inc()
        raise Unavailable from error


@asynccontextmanager
async def _begun(pool: Pool, begin: str) -> AsyncIterator[Connection]:
    """Begin in one round trip; asyncpg's own transactions would need one for each setting."""
    async with beside(pool) as lent:
        try:
            await lent.execute(begin)
            yield lent
        except BaseException:
            with suppress(*AWAY):
                await lent.execute("ROLLBACK")
            raise
        if await lent.execute("COMMIT") != "COMMIT":  # an error inside was passed over: nothing has been kept
            raise asyncpg.InFailedSQLTransactionError("the transaction was rolled back")


async def _left_clean(_connection: Connection) -> None:
    """Spare the round trip that would reset a session: nothing of ours outlives its transaction."""


async def wait_until_back(pool: Pool, *, pause: float = 0.5) -> None:
    """Return once the database answers again, however long that takes."""
    while True:
        try:
            async with beside(pool) as lent:
                await lent.fetchval("SELECT 1")
        except Unavailable:
            await asyncio.sleep(pause)
        else:
            return
