"""The tries of a step: each is counted as it begins, and calls that broke off twice are worked on one at a time."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from callwright import calls, db, queue
from callwright.calls import Call, State
from callwright.db import Pool
from callwright.errors import Unavailable
from callwright.kill_points import reached

ALONE_WAIT_SECONDS = 3.0
"""About how long a call that must be worked on alone waits before it asks again."""


@asynccontextmanager
async def begun(
    pool: Pool, alone: asyncio.Lock, step: queue.Step, finds: State, partner_id: int, call_id: str
) -> AsyncIterator[Call | None]:
    """Begin a try for the block's time; None where there is nothing to do, now or ever.

    A call that kills its worker takes those beside it along. All of them are begun again, and were they done side by
    side again, they would be set aside together. So those that broke off twice get one place between them.

    Args:
        pool: The database.
        alone: That place, of this process.
        step: What is done.
        finds: The state in which the step finds the call.
        partner_id: Whose call it is.
        call_id: The partner's own id.

    Raises:
        Unavailable: The database is away; the job must be given back.
    """
    async with AsyncExitStack() as stack:
        call = await _begin(pool, partner_id, call_id, finds, alone=False)
        if call is None and alone.locked():  # it may be one that has to wait
            await _put_off(pool, step, partner_id, call_id)
        elif call is None:
            await stack.enter_async_context(alone)
            call = await _begin(pool, partner_id, call_id, finds, alone=True)
        if call is not None:
            reached(f"{step}-begun")
        try:
            yield call
        except Unavailable:  # nor is a database that is away of the call's making
            if call is not None:
                await db.wait_until_back(pool)
                await _take_back(pool, call)
            raise
        except asyncio.CancelledError:  # told to stop, by nothing in the call: a poisoned one is known by its tries
            if call is not None:
                await _take_back(pool, call)
            raise


async def _begin(pool: Pool, partner_id: int, call_id: str, finds: State, *, alone: bool) -> Call | None:
    async with db.transaction(pool, partner_id) as connection:
        return await calls.begin_step(connection, partner_id, call_id, finds, alone=alone)


async def _put_off(pool: Pool, step: queue.Step, partner_id: int, call_id: str) -> None:
    async with db.transaction(pool, partner_id) as connection:
        wait = random.uniform(0.5, 1.5) * ALONE_WAIT_SECONDS
        await queue.enqueue(connection, step, partner_id, call_id, delay=wait)


async def _take_back(pool: Pool, call: Call) -> None:
    with suppress(Unavailable):
        async with db.transaction(pool, call.partner_id) as connection:
            await calls.take_back_try(connection, call)
