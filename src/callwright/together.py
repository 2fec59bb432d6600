"""Work on the database that jobs do together: one transaction for all of a partner's that want the same at a time."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import asyncpg
import structlog

from callwright import db
from callwright.db import Connection, Pool
from callwright.errors import Unavailable

log = structlog.get_logger()

T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_AT_A_TIME = 100
ENOUGH = 16
"""For so many, nobody lingers: what they share is then a small part of what each costs."""
DEADLOCK_TRIES = 5
SAVE_PAUSE, LONGEST_SAVE_PAUSE = 0.5, 15.0


async def again_after_deadlock(transaction: Callable[[], Awaitable[T]]) -> T:
    """Run a transaction; one that meets another head-on is run again, as nothing of it was kept.

    Args:
        transaction: Begins it, does its work and commits it.

    Raises:
        asyncpg.DeadlockDetectedError: So did the last try.
    """
    for tries_left in reversed(range(DEADLOCK_TRIES)):
        try:
            return await transaction()
        except asyncpg.DeadlockDetectedError:
            if not tries_left:
                raise
            await asyncio.sleep(random.uniform(0.01, 0.1))
    raise AssertionError("the last try returns or raises")


async def saved(
    pool: Pool,
    partner_id: int,
    save: Callable[[Connection], Awaitable[T]],
    *,
    durable: bool = True,
    held_up: bool = True,
) -> T:
    """Run a transaction that may be repeated, again and again where the database is away: the work is done once.

    Args:
        pool: The database.
        partner_id: Whose rows.
        save: What is done in it.
        durable: As `db.transaction`.
        held_up: Whether one that takes too long, as somebody holds a row of it, is repeated too.

    Raises:
        Unavailable: It took too long, and is not to be repeated then.
    """
    pause = SAVE_PAUSE
    while True:
        try:
            async with db.transaction(pool, partner_id, durable=durable) as connection:
                return await save(connection)
        except Unavailable as error:
            if not held_up and _is_held_up(error):
                raise
            log.warning("the database is away or full, a save waits", partner_id=partner_id, seconds=pause)
            await asyncio.sleep(pause)  # one that is full answers every question, and takes no row
            await db.wait_until_back(pool)
            pause = min(2 * pause, LONGEST_SAVE_PAUSE)


def _is_held_up(error: BaseException) -> bool:
    """Whether a transaction took too long, which need not be the whole database's doing."""
    return isinstance(error, Unavailable) and isinstance(error.__cause__, TimeoutError | asyncpg.QueryCanceledError)


class Together(Generic[Item, Result]):
    """A piece of work that is done for whoever has asked while the last time was under way.

    Whoever asks alone waits for nobody. Of many, each would pay for a transaction of its own: that is three round trips
    and a commit, and most of the time that a callback takes.

    Args:
        pool: The database.
        work: Does it for a partner, in a transaction that may be repeated; gives a result for each item, in order.
        patient: Whether a database that is away is waited for.
        linger: Seconds that the first one waits for others, unless there are enough.
        durable: As `db.transaction`.
    """

    def __init__(
        self,
        pool: Pool,
        work: Callable[[Connection, int, Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        patient: bool = False,
        linger: float = 0.0,
        durable: bool = True,
    ) -> None:
        self._pool = pool
        self._work = work
        self._patient = patient
        self._linger = linger
        self._durable = durable
        self._waiting: dict[int, list[tuple[Item, asyncio.Future[Result]]]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._enough: dict[int, asyncio.Event] = {}
        self._apart: set[asyncio.Task[None]] = set()

    async def __call__(self, partner_id: int, item: Item) -> Result:
        """Have it done for one item; when this returns, it is committed.

        Raises:
            Unavailable: As `db.transaction`, unless it is patient.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(partner_id, []).append((item, done))
        if partner_id not in self._tasks:
            self._enough[partner_id] = asyncio.Event()
            self._tasks[partner_id] = asyncio.create_task(self._run(partner_id))
        if len(self._waiting[partner_id]) >= ENOUGH:
            self._enough[partner_id].set()
        return await done

    async def _run(self, partner_id: int) -> None:
        enough = self._enough[partner_id]
        # A timeout would end each wait by a cancellation, which remembers its frames, and they it: that is garbage.
        timer = asyncio.get_running_loop().call_later(self._linger, enough.set)
        await enough.wait()
        timer.cancel()
        while waiting := self._waiting.pop(partner_id, []):
            now, later = waiting[:MOST_AT_A_TIME], waiting[MOST_AT_A_TIME:]
            if later:
                self._waiting[partner_id] = later
            await self._do(partner_id, now)
        del self._tasks[partner_id], self._enough[partner_id]

    async def _do(self, partner_id: int, now: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._transaction(partner_id, [item for item, _ in now])
        except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
            away = isinstance(error, Unavailable) and not _is_held_up(error)
            if len(now) > 1 and isinstance(error, Exception) and not away:
                for each in now:  # one of them is at fault, or held up: nobody else is to suffer for it
                    task = asyncio.create_task(self._do(partner_id, [each]))
                    self._apart.add(task)
                    task.add_done_callback(self._apart.discard)
                return
            for _, done in now:
                if not done.done():
                    done.set_exception(error)
        else:
            for (_, done), result in zip(now, results, strict=True):
                if not done.done():  # whoever wanted it may have been cancelled
                    done.set_result(result)

    async def _transaction(self, partner_id: int, items: Sequence[Item]) -> Sequence[Result]:
        async def work(connection: Connection) -> Sequence[Result]:
            return await self._work(connection, partner_id, items)

        async def transaction() -> Sequence[Result]:
            if self._patient:
                return await saved(self._pool, partner_id, work, durable=self._durable, held_up=len(items) == 1)
            async with db.transaction(self._pool, partner_id, durable=self._durable) as connection:
                return await work(connection)

        return await again_after_deadlock(transaction)
