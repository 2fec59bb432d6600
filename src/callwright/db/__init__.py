"""PostgreSQL: the pool, explicit transactions, the schema and the embedded server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import orjson

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
    """Whose data a request or a job may touch."""

    partner_id: int
    subtenant_no: int


async def _prepare(connection: Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=lambda v: orjson.dumps(v).decode(), decoder=orjson.loads
        )


async def open_pool(url: str, *, size: int, name: str) -> Pool:
    """Open a pool of connections; the caller closes it. The database need not be there yet.

    Args:
        url: A PostgreSQL URL.
        size: The most connections that are open at a time; they are opened when needed.
        name: What `pg_stat_activity` shows as the application.
    """
    return await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        timeout=ACQUIRE_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        init=_prepare,
        server_settings={"application_name": name, "timezone": "UTC", "jit": "off"},
    )


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    """Lend a connection on which each statement is its own transaction.

    Raises:
        Unavailable: The database is away, or no connection came free in time.
    """
    try:
        async with pool.acquire(timeout=ACQUIRE_SECONDS) as lent:
            yield lent
    except AWAY as error:
        raise Unavailable from error


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """Run the block in one transaction; keep it short, and never compute or call out in it.

    Raises:
        Unavailable: The database is away. Whether a commit that was under way took place is then unknown, so every
            writer must be safe to repeat.
    """
    async with connection(pool) as lent, lent.transaction():
        yield lent


async def wait_until_back(pool: Pool, *, pause: float = 0.5) -> None:
    """Return once the database answers again, however long that takes."""
    while True:
        try:
            async with connection(pool) as lent:
                await lent.fetchval("SELECT 1")
        except Unavailable:
            await asyncio.sleep(pause)
        else:
            return
