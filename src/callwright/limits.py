"""Rate limits: at most so many requests in any minute, counted across every process and machine."""

import time
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Protocol, cast

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

from callwright import db, metrics
from callwright.db import Connection, Pool

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = structlog.get_logger(__name__)

WINDOW = timedelta(minutes=1)

FAILED_LOGINS = 60
"""Wrong credentials that an address may send in a minute."""

REDIS_SECONDS = 0.5
"""How long a request waits for Redis."""

REST_SECONDS = 1.0
"""How long Redis is left alone after it failed, so that not every request waits for it."""


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
    """Counts in Valkey or Redis. While it is away, requests are served and the fault is logged.

    Args:
        url: `redis://`, `rediss://` or `valkey://`.
    """

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        self._storage = RedisStorage(
            f"async+{scheme.replace('valkey', 'redis')}://{rest}",
            wrap_exceptions=True,
            implementation="redispy",
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
        )
        self._window = MovingWindowRateLimiter(self._storage)
        self._rests_until = 0.0

    async def aclose(self) -> None:
        """Close the connections."""
        assert isinstance(self._storage.bridge, RedispyBridge)
        await cast("Redis", self._storage.bridge.get_connection()).aclose()

    async def take(self, bucket: str, most: int) -> Allowance:
        """Count a request where the bucket has room for it."""
        return await self._ask(bucket, most, take=True)

    async def look(self, bucket: str, most: int) -> Allowance:
        """Say how the bucket stands; `allowed` where it has room for one more."""
        return await self._ask(bucket, most, take=False)

    async def _ask(self, bucket: str, most: int, *, take: bool) -> Allowance:
        if time.monotonic() < self._rests_until:
            metrics.UNCOUNTED.inc()
            return Allowance(allowed=True, remaining=most, wait_seconds=0.0)
        item = RateLimitItemPerMinute(most)
        try:
            taken = take and await self._window.hit(item, bucket)
            stats = await self._window.get_window_stats(item, bucket)
        except StorageError as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            metrics.UNCOUNTED.inc()
            log.error("rate limits are not kept: Redis is away", error=str(error.storage_error))  # noqa: TRY400
            return Allowance(allowed=True, remaining=most, wait_seconds=0.0)
        remaining = max(stats.remaining, 0)
        wait = max(stats.reset_time - time.time(), 0.0) if remaining < most else 0.0
        return Allowance(taken if take else remaining > 0, remaining, wait)


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
