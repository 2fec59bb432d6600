"""The tries of a step: each is counted as it begins, and calls that broke off twice are worked on one at a time."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import asyncpg

from callwright import calls, db, metrics, queue, traces
from callwright.calls import Call, State
from callwright.db import Connection, Pool
from callwright.errors import FailureCode, Unavailable
from callwright.kill_points import reached

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


@asynccontextmanager
async def begun(
    pool: Pool, alone: asyncio.Lock, step: queue.Step, finds: State, read: Read[T], partner_id: int, call_id: str
) -> AsyncIterator[Try[T] | None]:
    """Begin a try for the block's time; None where there is nothing to do, now or ever.

    A call that kills its worker takes those beside it along. All of them are begun again, and were they done side by
    side again, they would be set aside together. So those that broke off twice get one place between them.

    Args:
        pool: The database.
        alone: That place, of this process.
        step: What is done.
        finds: The state in which the step finds the call.
        read: What the step must know.
        partner_id: Whose call it is.
        call_id: The partner's own id.

    Raises:
        Unavailable: The database is away; the job must be given back.
    """
    async with AsyncExitStack() as stack:
        tried = await _begin(pool, partner_id, call_id, finds, read, alone=False)
        if tried is None and alone.locked():  # it may be one that has to wait
            await _put_off(pool, step, partner_id, call_id)
        elif tried is None:
            await stack.enter_async_context(alone)
            tried = await _begin(pool, partner_id, call_id, finds, read, alone=True)
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
                await db.wait_until_back(pool)
                await _take_back(pool, tried.call)
            raise
        except asyncio.CancelledError:  # told to stop, by nothing in the call: a poisoned one is known by its tries
            if tried is not None:
                await _take_back(pool, tried.call)
            raise


async def _begin(
    pool: Pool, partner_id: int, call_id: str, finds: State, read: Read[T], *, alone: bool
) -> Try[T] | None:
    # A try that the database forgets as it crashes is no try that broke a worker: those are what is counted.
    async with db.transaction(pool, partner_id, durable=False) as connection:
        call = await calls.begin_step(connection, partner_id, call_id, finds, alone=alone)
        return None if call is None else Try(call, await _known(connection, call, read))


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
