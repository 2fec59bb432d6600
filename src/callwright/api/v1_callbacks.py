"""Callbacks that did not arrive: partners list them and have them sent again (contract, section 7)."""

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from fastapi import APIRouter, Request

from callwright import db, redelivery, reports
from callwright.api.auth import Admitted
from callwright.api.body import read_body
from callwright.api.callback_models import CALLBACK_QUERY, RESEND
from callwright.api.envelope import Envelope, success
from callwright.api.once import answered_once
from callwright.api.queries import PAGE, cursor_of, moment, place_of, read_query
from callwright.callbacks import Wanted
from callwright.db import Connection
from callwright.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

router = APIRouter(prefix="/api/v1/partner")


# The rest of the path is the id, whatever it ends with: of `calls/a/callback/callback` it is `a/callback`.
@router.post("/calls/{call_id:path}/callback")
async def resend_of_call(request: Request, caller: Admitted, call_id: str) -> Envelope:
    """Send a call's callback again; one that is pending stays as it is."""
    if not call_id or "\0" in call_id:
        raise NotFound("Call not found")  # nothing has such an id, and PostgreSQL could not even be asked

    async def send_again(connection: Connection) -> object:
        return {"call_id": call_id, **asdict(await redelivery.resend_of_call(connection, caller.scope, call_id))}

    return await answered_once(request, caller, None, send_again)


@router.get("/callbacks")
async def list_callbacks(request: Request, caller: Admitted) -> Envelope:
    """List the callbacks of the tenant and subtenant, the newest first."""
    query = read_query(request, CALLBACK_QUERY)
    most = int(query.get("limit", PAGE))
    wanted = Wanted(
        caller.scope.partner_id,
        caller.scope.subtenant_no,
        state=query.get("state"),
        call_id=query.get("call_id"),
        since=moment(query.get("since")),
        until=moment(query.get("until")),
    )
    after = place_of(query["cursor"]) if "cursor" in query else None
    async with db.transaction(request.app.state.pool, caller.scope) as connection:
        found = await reports.list_callbacks(connection, wanted, most=most + 1, after=after)
    page, rest = found[:most], found[most:]
    last = page[-1] if rest else None
    cursor = last and cursor_of(cast("datetime", last["created_at"]), str(last["callback_id"]))
    return success({"callbacks": page, "next_cursor": cursor})


@router.post("/callbacks/resend")
async def resend(request: Request, caller: Admitted) -> Envelope:
    """Send undelivered callbacks of the tenant and subtenant again; answered once that is durable."""
    body = await read_body(request, RESEND)
    wanted = Wanted(
        caller.scope.partner_id,
        caller.scope.subtenant_no,
        since=moment(body.get("since")),
        until=moment(body.get("until")),
        callback_ids=body.get("callback_ids"),
    )

    async def send_again(connection: Connection) -> object:
        return asdict(await redelivery.resend_undelivered(connection, wanted))

    return await answered_once(request, caller, body, send_again)
