"""Keeping what steps made: in the transaction that moves the call on, with others of its partner that come to it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import asyncpg
import structlog

from callwright import calls, queue, results, traces
from callwright.calls import Call
from callwright.db import Connection, Pool
from callwright.kill_points import reached
from callwright.together import Together

log = structlog.get_logger()

LINGER_SECONDS = 0.02
"""How long one waits for others: a transaction of its own costs as much as all that is written in it."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a step's work leaves to be done in the transaction that moves the call, where to, and what follows."""

    save: Callable[[Connection], Awaitable[None]]
    leaves: Literal["fetched", "transcribed", "completed"]
    next: queue.Step | None
    otherwise: "Made | None" = None
    """What of it is kept where the database refuses the whole."""


Item: TypeAlias = tuple[queue.Step, Call, Made]


class Keeping:
    """Moves calls on with what was made of them; a database that is away is waited for.

    Args:
        pool: The database.
    """

    def __init__(self, pool: Pool) -> None:
        # A recording that the database forgets as it crashes is fetched again, and what follows it forgotten too.
        self._fetched = Together(pool, _kept, patient=True, linger=LINGER_SECONDS, durable=False)
        self._others = Together(pool, _kept, patient=True, linger=LINGER_SECONDS)

    async def keep(self, step: queue.Step, call: Call, made: Made) -> tuple[bool, Made]:
        """Save what was made, or what the database takes of it; gives whether a call has it, and what that was."""
        together = self._fetched if made.leaves == "fetched" else self._others
        try:
            with traces.part("save"):
                return await together(call.partner_id, (step, call, made)), made
        except asyncpg.PostgresError:
            if made.otherwise is None:
                raise
            log.exception("not saved as a whole", call_id=call.call_id, partner_id=call.partner_id)
            return await self.keep(step, call, made.otherwise)


async def _kept(connection: Connection, partner_id: int, items: Sequence[Item]) -> list[bool]:
    moved = await calls.move(connection, partner_id, [(call, made.leaves) for _, call, made in items])
    following: dict[tuple[queue.Step, bool], list[str]] = {}
    kept, enqueued = [], set[queue.Step]()
    for step, call, made in items:
        if call.call_id not in moved:
            kept.append(not (step == "fetch" and await _ended_without_a_recording(connection, call)))
            continue
        moved.discard(call.call_id)  # were there two jobs for it, one has saved it
        reached(f"{step}-moved")
        await made.save(connection)
        reached(f"{step}-saved")
        if made.next:
            following.setdefault((made.next, call.backfill), []).append(call.call_id)
            enqueued.add(step)
        kept.append(True)
    for (follows, backfill), call_ids in following.items():
        await queue.enqueue_all(connection, follows, partner_id, call_ids, backfill=backfill)
    for step in enqueued:
        reached(f"{step}-enqueued")
    return kept


async def _ended_without_a_recording(connection: Connection, call: Call) -> bool:
    """Whether a call has failed, or is gone, before what was just stored could become its recording."""
    if await calls.state_of(connection, call.partner_id, call.call_id) not in (None, "failed"):
        return False
    return await results.progress_of(connection, call.partner_id, call.call_id) == "received"
