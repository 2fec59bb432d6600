"""Reads that may be some seconds old: by a replica as long as it follows the database, else by the database itself."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import asyncpg
import structlog

from callwright.db import AWAY, Connection, Pool, Scope, beside, everywhere, open_pool, transaction
from callwright.errors import Unavailable

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""How often a process looks how far the replica has come."""

MOST_BEHIND_SECONDS = 10.0
"""What the replica has not got after this long sends all reads to the database, until it has."""

AVOIDED_SECONDS = 10.0
"""How long the replica is not asked after it has failed a read, so that a client that tries again is answered."""

_CANCELLED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""A replica cancels a read that stands in the way of what it has to replay for longer than it may wait."""


Begin = Callable[[Pool], AbstractAsyncContextManager[Connection]]


class Reads:
    """Begins transactions that only read.

    Args:
        pool: The database.
        replica: A streaming replica of it, where there is one.

    Attributes:
        primary: The database, for what must not be old.
    """

    def __init__(self, pool: Pool, replica: Pool | None = None) -> None:
        self.primary = pool
        self._replica = replica
        self._sent: deque[tuple[int, float]] = deque(maxlen=600)
        self._level_at = float("-inf")
        self._not_before = float("-inf")
        self._told: str | None = "not looked at yet"

    @asynccontextmanager
    async def transaction(self, whose: Scope | int) -> AsyncIterator[Connection]:
        """As `db.transaction`, but nothing can be written and what is read may be `MOST_BEHIND_SECONDS` old.

        Raises:
            Unavailable: Both are away, or the replica failed on the way; the database answers who tries again.
        """
        async with self._begun(lambda pool: transaction(pool, whose, reads=True)) as lent:
            yield lent

    @asynccontextmanager
    async def everywhere(self) -> AsyncIterator[Connection]:
        """As `db.everywhere`, likewise.

        Raises:
            Unavailable: As `transaction`.
        """
        async with self._begun(lambda pool: everywhere(pool, reads=True)) as lent:
            yield lent

    @asynccontextmanager
    async def _begun(self, begin: Begin) -> AsyncIterator[Connection]:
        async with AsyncExitStack() as stack:
            lent = await self._by_replica(stack, begin)
            if lent is None:
                yield await stack.enter_async_context(begin(self.primary))
                return
            try:
                yield lent
            except AWAY as error:
                if not isinstance(error, TimeoutError):  # what is too slow there is no work for the database
                    self._avoid("away")
                raise
            except _CANCELLED as error:
                self._avoid("it cancelled a read that held its replay up")
                raise Unavailable from error

    async def _by_replica(self, stack: AsyncExitStack, begin: Begin) -> Connection | None:
        """A transaction of the replica's; None where the database has to answer."""
        if self._replica is None or not self.follows:
            return None
        try:
            return await stack.enter_async_context(begin(self._replica))
        except Unavailable:
            self._avoid("away")
            return None

    @property
    def follows(self) -> bool:
        """Whether the replica is asked now."""
        now = time.monotonic()
        return now >= self._not_before and now - self._level_at <= MOST_BEHIND_SECONDS

    async def watch(self) -> None:
        """Look how far the replica has come, again and again."""
        assert self._replica is not None
        while True:
            try:
                await self._look(self._replica)
            except (Unavailable, asyncpg.PostgresError) as error:
                self._tell(f"does not tell how far it is: {error.__cause__ or error}")
            else:
                self._tell(None if self.follows else "behind, or avoided after a fault")
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, replica: Pool) -> None:
        """Note where the database's log ends now, and which of these notes the replica has come past.

        Clocks of two machines, and how old the last commit is, would tell nothing of a database that rests.
        """
        async with beside(self.primary) as lent:
            at, end = time.monotonic(), await lent.fetchval("SELECT (pg_current_wal_lsn() - '0/0')::bigint")
        self._sent.append((end, at))
        async with beside(replica) as lent:
            come = await lent.fetchval(
                "SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::bigint END"
            )
        while come is not None and self._sent and self._sent[0][0] <= come:
            self._level_at = self._sent.popleft()[1]

    def _avoid(self, why: str) -> None:
        self._not_before = time.monotonic() + AVOIDED_SECONDS
        self._tell(why)

    def _tell(self, trouble: str | None) -> None:
        if trouble == self._told:
            return
        self._told = trouble
        if trouble is None:
            log.info("replica answers reads")
        else:
            log.warning("replica not asked, the database answers", reason=trouble)


@asynccontextmanager
async def reads_of(pool: Pool, replica_url: str | None, *, size: int, name: str) -> AsyncIterator[Reads]:
    """Reads by a replica that is watched for the time of the block; by the database alone without an address.

    Args:
        pool: The database.
        replica_url: The replica, which need not be there yet.
        size: The most connections to the replica at a time.
        name: What its `pg_stat_activity` shows as the application.
    """
    if replica_url is None:
        yield Reads(pool)
        return
    async with await open_pool(replica_url, size=size, name=name) as replica:
        reads = Reads(pool, replica)
        watching = asyncio.create_task(reads.watch())
        try:
            yield reads
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
