"""Callbacks that are sent again because somebody asks: on the callback and on its call, in one transaction."""

from dataclasses import dataclass, replace

from callwright import callbacks, calls, reports
from callwright.callbacks import Wanted
from callwright.calls import CallbackState
from callwright.db import Connection, Scope
from callwright.errors import NotFound

MOST_AT_A_TIME = 1_000
"""How many callbacks one request or transaction sends again."""


@dataclass(frozen=True, slots=True)
class OfCall:
    """How the callback of a call stands after it was asked for again; the id is None where the call has not ended."""

    callback_id: str | None
    callback_status: CallbackState
    resent: bool


@dataclass(frozen=True, slots=True)
class Resent:
    """How many callbacks are on their way again, and whether there may be more of those that were wanted."""

    resent: int
    more: bool


async def resend_of_call(connection: Connection, scope: Scope, call_id: str) -> OfCall:
    """Send the newest callback of a call again; one that is pending already is left as it is.

    Args:
        connection: With a transaction open.
        scope: Whose call it is.
        call_id: The partner's own id.

    Raises:
        NotFound: The subtenant has no such call, or the call has no callback.
    """
    state = await reports.callback_state_of(connection, scope, call_id)
    if state == "none":
        raise NotFound("Callback not found")
    callback_id = await callbacks.newest(connection, scope.partner_id, call_id)
    if state == "pending" or callback_id is None:
        return OfCall(callback_id, "pending", resent=False)
    if not await resend_one(
        connection, scope.partner_id, callback_id
    ):  # somebody else was faster, or it was tried too often
        return OfCall(callback_id, await reports.callback_state_of(connection, scope, call_id), resent=False)
    return OfCall(callback_id, "pending", resent=True)


async def resend_undelivered(connection: Connection, wanted: Wanted, *, most: int = MOST_AT_A_TIME) -> Resent:
    """Send callbacks that could not be delivered again, the oldest first.

    Those that are found are pending afterwards, so that asking again goes on with the next.

    Args:
        connection: With a transaction open.
        wanted: Which ones; of these, the undelivered.
        most: At most so many.

    Raises:
        NotFound: `wanted` names callbacks that are not there.
    """
    if wanted.callback_ids is not None:
        named = replace(wanted, since=None, until=None, state=None)
        if await callbacks.count(connection, named) < len(set(wanted.callback_ids)):
            raise NotFound("Callback not found")
    found = await callbacks.find(connection, replace(wanted, state="undelivered"), most=most)
    resent = await _resend(connection, wanted.partner_id, found)
    return Resent(resent, more=len(found) == most)


async def resend_one(connection: Connection, partner_id: int, callback_id: str) -> bool:
    """Send a callback that has ended again, delivered or not; False where that cannot be."""
    return await _resend(connection, partner_id, [callback_id]) == 1


async def _resend(connection: Connection, partner_id: int, callback_ids: list[str]) -> int:
    call_ids = await callbacks.resend(connection, partner_id, callback_ids)
    await calls.set_callback_state(connection, partner_id, call_ids, "pending")
    return len(call_ids)
