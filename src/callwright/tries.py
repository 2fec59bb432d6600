"""The tries of a step: each is counted as it begins, and calls that broke off twice are worked on one at a time."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal, TypeVar

import asyncpg

from callwright import calls, db, metrics, queue, traces
from callwright.calls import Call, State
from callwright.db import Connection, Pool
from callwright.errors import FailureCode, Unavailable
from callwright.kill_points import reached
from callwright.together import Together

T = TypeVar("T")

Read = Callable[[Connection, Call], Awaitable[T]]
"""What a step must know of a call beside the call itself."""


@dataclass(frozen=True, slots=True)
class Try(Generic[T]):
    """A try of a step that has begun.

    Attributes:
        call: Whose it is.
        known: Gives what was read for it in the same transaction, or raises why that is not to be understood: that too
            is found out by a try that counts.
    """

    call: Call
    known: Callable[[], T]


ALONE_WAIT_SECONDS = 3.0
"""About how long a call that must be worked on alone waits before it asks again."""


def count_step(
    step: queue.Step,
    call: Call,
    outcome: Literal["done", "retried", "outage", "failed"],
    code: FailureCode | None = None,
) -> None:
    """Count a step that ended; what test calls come to says nothing of how all stands."""
    traces.note(outcome if code is None else f"{outcome}: {code}", failed=outcome == "failed")
    if not call.test:
        metrics.STEPS.labels(step, outcome, code or "").inc()


def timed(step: queue.Step) -> AbstractContextManager[object]:
    """Measure how long a step takes that is done within another."""
    return metrics.STEP_SECONDS.labels(step).time()


class Tries:
    """Where tries of steps begin, those of a partner's calls that come together in one transaction.

    A call that kills its worker takes those beside it along. All of them are begun again, and were they done side by
    side again, they would be set aside together. So those that broke off twice get one place between them.

    Args:
        pool: The database.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._alone = asyncio.Lock()
        self._beginnings: dict[State, Together[tuple[str, Read[Any]], Try[Any] | None]] = {}

    @asynccontextmanager
    async def begun(
        self, step: queue.Step, finds: State, read: Read[T], partner_id: int, call_id: str
    ) -> AsyncIterator[Try[T] | None]:
        """Begin a try for the block's time; None where there is nothing to do, now or ever.

        Args:
            step: What is done.
            finds: The state in which the step finds the call.
            read: What the step must know.
            partner_id: Whose call it is.
            call_id: The partner's own id.

        Raises:
            Unavailable: The database is away; the job must be given back.
        """
        async with AsyncExitStack() as stack:
            tried = await self._begin(partner_id, call_id, finds, read)
            if tried is None and self._alone.locked():  # it may be one that has to wait
                await _put_off(self._pool, step, partner_id, call_id)
            elif tried is None:
                await stack.enter_async_context(self._alone)
                tried = await self._begin_alone(partner_id, call_id, finds, read)
            if tried is not None:
                reached(f"{step}-begun")
                stack.enter_context(traces.within(step, partner_id, call_id, tried.call.attempts))
            began = time.perf_counter()
            try:
                yield tried
                if tried is not None and not tried.call.test:
                    metrics.STEP_SECONDS.labels(step).observe(time.perf_counter() - began)
            except Unavailable:  # nor is a database that is away of the call's making
                if tried is not None:
                    await db.wait_until_back(self._pool)
                    await _take_back(self._pool, tried.call)
                raise
            except asyncio.CancelledError:  # told to stop, by nothing in the call: a poisoned one is known by its tries
                if tried is not None:
                    await _take_back(self._pool, tried.call)
                raise

    async def _begin(self, partner_id: int, call_id: str, finds: State, read: Read[T]) -> Try[T] | None:
        # A try that the database forgets as it crashes is no try that broke a worker: those are what is counted.
        beginning = self._beginnings.get(finds)
        if beginning is None:
            beginning = self._beginnings[finds] = Together(self._pool, partial(_begun, finds), durable=False)
        begin = asyncio.ensure_future(beginning(partner_id, (call_id, read)))
        try:
            return await asyncio.shield(begin)
        except asyncio.CancelledError:
            with suppress(Unavailable):
                if (tried := await begin) is not None:
                    await _take_back(self._pool, tried.call)
            raise

    async def _begin_alone(self, partner_id: int, call_id: str, finds: State, read: Read[T]) -> Try[T] | None:
        async with db.transaction(self._pool, partner_id, durable=False) as connection:
            return (await _begun(finds, connection, partner_id, [(call_id, read)], alone=True))[0]


async def _begun(
    finds: State,
    connection: Connection,
    partner_id: int,
    asked: Sequence[tuple[str, Read[Any]]],
    *,
    alone: bool = False,
) -> list[Try[Any] | None]:
    ids = [call_id for call_id, _ in asked]
    begun = await calls.begin_steps(connection, partner_id, ids, finds, alone=alone)
    tries: list[Try[Any] | None] = []
    for call_id, read in asked:
        call = begun.pop(call_id, None)  # were there two jobs for it, the second begins a try of its own
        tries.append(None if call is None else Try(call, await _known(connection, call, read)))
    return tries


async def _known(connection: Connection, call: Call, read: Read[T]) -> Callable[[], T]:
    try:
        value = await read(connection, call)
    except (*db.AWAY, asyncpg.PostgresError):
        raise
    except Exception as fault:  # noqa: BLE001 - it is raised where it is asked for
        found = fault

        def raising() -> T:
            raise found

        return raising
    return lambda: value


async def enqueue_again(connection: Connection, step: queue.Step, call: Call, wait: float) -> None:
    """Enqueue a step of a call for another try after so many seconds, in the caller's transaction."""
    host = queue.host_of(call.recording_url) if step == "fetch" else None
    await queue.enqueue(connection, step, call.partner_id, call.call_id, host=host, delay=wait, backfill=call.backfill)


async def _put_off(pool: Pool, step: queue.Step, partner_id: int, call_id: str) -> None:
    async with db.transaction(pool, partner_id) as connection:
        wait = random.uniform(0.5, 1.5) * ALONE_WAIT_SECONDS
        await queue.enqueue(connection, step, partner_id, call_id, delay=wait)


async def _take_back(pool: Pool, call: Call) -> None:
    with suppress(Unavailable):
        async with db.transaction(pool, call.partner_id) as connection:
            await calls.take_back_try(connection, call)
