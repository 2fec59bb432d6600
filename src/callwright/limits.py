"""Rate limits: at most so many requests in any minute, counted across every process and machine."""

import asyncio
import time
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Protocol, cast

import asyncpg
import structlog
from limits.aio.storage import RedisStorage
from limits.errors import StorageError
from redis.asyncio import ConnectionPool

from callwright import db, metrics
from callwright.db import Connection, Pool
from callwright.errors import SetupError

log = structlog.get_logger(__name__)

WINDOW = timedelta(minutes=1)
SECONDS = int(WINDOW.total_seconds())

FAILED_LOGINS = 60
"""Wrong credentials that an address may send in a minute."""

IDLE = timedelta(minutes=10)
"""After so long without a request it is forgotten who sent the last one."""

FORGOTTEN_AT_A_TIME = 1_000

PAUSE_MS = 100
"""How long requests may be kept waiting for that."""

REDIS_SECONDS = 0.5
"""How long a request waits for Redis, for all that it asks of it."""

REST_SECONDS = 1.0
"""How often a Redis that is away is asked whether it is back, beside the requests."""

TELL_SECONDS = 60.0
"""How often the log says that it is away."""

ROUNDED = 0.0001
"""Seconds that Redis may tell a time too early: its scripts write fourteen digits of it."""

CHECKS = 10_000
"""More than all processes ask in a minute whether it is back: each of these is to be written."""

# Valkey speaks the protocol of Redis.
SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whether a request was within the limit, how many are left, and the seconds until one more is free."""

    allowed: bool
    remaining: int
    wait_seconds: float


class Limiter(Protocol):
    """Counts requests by bucket, in a moving window of a minute."""

    async def take(self, bucket: str, most: int) -> Allowance:
        """Count a request where the bucket has room for it."""

    async def look(self, bucket: str, most: int) -> Allowance:
        """Say how the bucket stands; `allowed` where it has room for one more."""

    async def aclose(self) -> None:
        """Close what it opened."""


async def take_request(connection: Connection, bucket: str, most: int, *, take: bool = True) -> Allowance:
    """Take one request from a bucket: a moving window of a minute, exact over all processes.

    Args:
        connection: On which each statement is its own transaction.
        bucket: Whose requests are counted, as `partner:7`.
        most: Requests allowed in any minute.
        take: Whether to count this one, or only to look.
    """
    row = await connection.fetchrow("SELECT * FROM take_request($1, $2, $3, $4)", bucket, most, WINDOW, take)
    assert row is not None
    return Allowance(*row.values())


async def keep_house(connection: Connection) -> None:
    """Forget whose requests have all left the window long ago: every address that ever came has a row.

    Args:
        connection: On which no transaction is open.
    """
    idle = await connection.fetch(
        """
        SELECT bucket FROM rate_windows w WHERE NOT EXISTS (
            SELECT FROM rate_stamps s WHERE s.bucket = w.bucket AND s.taken_at > now() - $1::interval)
        LIMIT $2
        """,
        IDLE,
        FORGOTTEN_AT_A_TIME,
    )
    if not idle:
        return
    with suppress(asyncpg.LockNotAvailableError):  # the next time, then
        async with connection.transaction():
            await connection.execute("SELECT set_config('lock_timeout', $1, true)", f"{PAUSE_MS}ms")
            await connection.execute("LOCK TABLE rate_windows IN EXCLUSIVE MODE")  # `take_request` counts on its row
            await connection.execute(
                """
                WITH gone AS (
                    DELETE FROM rate_windows w WHERE bucket = ANY($1) AND NOT EXISTS (
                        SELECT FROM rate_stamps s WHERE s.bucket = w.bucket AND s.taken_at > now() - $2::interval)
                    RETURNING bucket)
                DELETE FROM rate_stamps WHERE bucket IN (SELECT bucket FROM gone)
                """,
                [row["bucket"] for row in idle],
                IDLE,
            )


class DatabaseLimiter:
    """Counts in PostgreSQL, where no Redis is set up.

    Args:
        pool: The database.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def aclose(self) -> None:
        """Nothing to close: the pool is its owner's."""

    async def take(self, bucket: str, most: int) -> Allowance:
        """Count a request where the bucket has room for it."""
        async with db.beside(self._pool) as connection:
            return await take_request(connection, bucket, most)

    async def look(self, bucket: str, most: int) -> Allowance:
        """Say how the bucket stands; `allowed` where it has room for one more."""
        async with db.beside(self._pool) as connection:
            return await take_request(connection, bucket, most, take=False)


class RedisLimiter:
    """Counts in Valkey or Redis. While it is away, requests are served uncounted, at once, and the log says so.

    The library tells it the time by the clock of each machine: the windows are as exact as those clocks agree.

    Args:
        url: `redis://`, `rediss://`, `valkey://` or `valkeys://`.

    Raises:
        SetupError: The address cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._connections = _connections(url)
        pool = cast("str", self._connections)  # the library's types know options of plain values alone
        self._storage = RedisStorage(
            "async+redis://",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix="callwright",
            connection_pool=pool,
        )
        self._return: asyncio.Task[None] | None = None
        self._uncounted = 0
        self._told = False
        self._tell_from = 0.0

    async def aclose(self) -> None:
        """Close the connections."""
        if self._return is not None:
            self._return.cancel()
            await asyncio.gather(self._return, return_exceptions=True)
        await self._connections.aclose()

    async def take(self, bucket: str, most: int) -> Allowance:
        """Count a request where the bucket has room for it."""
        return await self._ask(bucket, most, take=True)

    async def look(self, bucket: str, most: int) -> Allowance:
        """Say how the bucket stands; `allowed` where it has room for one more."""
        return await self._ask(bucket, most, take=False)

    async def check(self) -> None:
        """See whether requests can be counted.

        Raises:
            StorageError: It is away, or refuses.
            TimeoutError: It did not answer in time.
        """
        await self._count("check", CHECKS, take=True)

    async def _ask(self, bucket: str, most: int, *, take: bool) -> Allowance:
        if self._return is not None:
            return self._let_in(most)
        try:
            return await self._count(bucket, most, take=take)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, requests are served
            if self._return is None:  # of those that have waited for it together, the first
                self._return = asyncio.create_task(self._wait_until_back(), context=Context())
                self._tell(error)
            return self._let_in(most)

    async def _count(self, bucket: str, most: int, *, take: bool) -> Allowance:
        """Ask the storage itself: the library's strategies begin a new window for a partner whose limit is changed."""
        async with asyncio.timeout(REDIS_SECONDS):  # for all of it: connecting, logging in, both questions
            taken = take and await self._storage.acquire_entry(bucket, most, SECONDS)
            oldest, used = await self._storage.get_moving_window(bucket, most, SECONDS)
        remaining = max(most - used, 0)
        wait = oldest + SECONDS + ROUNDED - time.time() if used else 0.0
        return Allowance(taken if take else remaining > 0, remaining, min(max(wait, 0.0), SECONDS))

    def _let_in(self, most: int) -> Allowance:
        """Serve a request uncounted: every one that is passes here."""
        self._uncounted += 1
        metrics.UNCOUNTED.inc()
        return Allowance(allowed=True, remaining=most, wait_seconds=0.0)

    async def _wait_until_back(self) -> None:
        """Ask again beside the requests, so that none of them waits for what does not answer."""
        while True:
            await asyncio.sleep(REST_SECONDS)
            try:
                await self._connections.disconnect(inuse_connections=False)  # who knows what became of those
                await self.check()
            except Exception as error:  # noqa: BLE001 - as above
                self._tell(error)
            else:
                break
        if self._told:
            log.warning("rate limits are kept again: Redis is back", uncounted=self._uncounted)
        self._told, self._uncounted, self._return = False, 0, None

    def _tell(self, error: Exception) -> None:
        """Say once in a while that it is away: when it goes, and as long as it is."""
        if time.monotonic() < self._tell_from:
            return
        self._tell_from, self._told = time.monotonic() + TELL_SECONDS, True
        log.error("rate limits are not kept: Redis is away", error=reason_of(error), uncounted=self._uncounted)


def reason_of(error: Exception) -> str:
    """What to tell people of what `RedisLimiter.check` raised."""
    if isinstance(error, TimeoutError):
        return f"no answer within {REDIS_SECONDS:g} s"
    cause = error.storage_error if isinstance(error, StorageError) else error
    return f"{type(cause).__name__}: {cause}"


def _connections(url: str) -> ConnectionPool:
    """The client's own reading of the address: the library's wants a port, and repeats the password in what it says."""
    scheme, _, rest = url.partition("://")
    try:
        if not rest:
            raise ValueError
        return ConnectionPool.from_url(
            f"{SCHEMES[scheme]}://{rest}", socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
        )
    except (KeyError, ValueError):
        raise SetupError(
            "CALLWRIGHT_REDIS_URL is not the address of a Valkey or Redis",
            "Write it as valkey://:password@host:6379/0; in the password %2F stands for /, %23 for #, %40 for @",
        ) from None


def counted_for(host: str | None) -> str:
    """Who failed logins are counted for: the client's IPv4 address, or its IPv6 network, which is one customer's.

    Args:
        host: The client, as the server tells it; None where it tells none.
    """
    try:
        address = ip_address(host or "")
    except ValueError:
        return "local"
    return str(ip_network((address, 64), strict=False) if isinstance(address, IPv6Address) else address)
