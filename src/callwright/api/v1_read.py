"""What partners ask after: a call, a batch, a customer (contract, section 7)."""

from fastapi import APIRouter, Request

from callwright import db, reports
from callwright.api.auth import Admitted
from callwright.api.call_models import CALL_QUERY, cursor_of_calls, place_of_calls
from callwright.api.disposition_models import CHANGES_QUERY, cursor_of_changes, place_of_changes
from callwright.api.envelope import Envelope, success
from callwright.api.queries import PAGE, moment, read_query
from callwright.errors import NotFound
from callwright.reports import contacts, disposition_list
from callwright.reports.disposition_list import WantedChanges

router = APIRouter(prefix="/api/v1/partner")


@router.get("/calls")
async def list_calls(request: Request, caller: Admitted) -> Envelope:
    """List the calls of the tenant and subtenant, those that were received last first."""
    query = read_query(request, CALL_QUERY)
    wanted = reports.WantedCalls(
        since=moment(query.get("since")),
        until=moment(query.get("until")),
        agent_id=query.get("agent_id"),
        customer_id=query.get("customer_id"),
        state=query.get("status"),
        intent=query.get("intent"),
        disposition=query.get("disposition"),
    )
    after = place_of_calls(query["cursor"]) if "cursor" in query else None
    async with request.app.state.reads.transaction(caller.scope) as connection:
        page, place = await reports.list_calls(
            connection, caller.scope, wanted, most=int(query.get("limit", PAGE)), after=after
        )
    return success({"calls": page, "next_cursor": place and cursor_of_calls(place)})


@router.get("/dispositions")
async def list_changes(request: Request, caller: Admitted) -> Envelope:
    """List the changes of dispositions, those that took effect last first."""
    query = read_query(request, CHANGES_QUERY)
    wanted = WantedChanges(
        moment(query.get("since")), moment(query.get("until")), query.get("customer_id"), query.get("status")
    )
    after = place_of_changes(query["cursor"]) if "cursor" in query else None
    async with request.app.state.reads.transaction(caller.scope) as connection:
        page, place = await disposition_list.list_changes(
            connection, caller.scope, wanted, most=int(query.get("limit", PAGE)), after=after
        )
    return success({"dispositions": page, "next_cursor": place and cursor_of_changes(place)})


# An id may hold a slash: it arrives percent-encoded, and the server has undone that before the path is matched.
@router.get("/calls/{call_id:path}")
async def call(request: Request, caller: Admitted, call_id: str) -> Envelope:
    """Tell how a call stands and what came of it."""
    _refuse_impossible(call_id, "Call not found")
    async with db.transaction(request.app.state.pool, caller.scope) as connection:
        return success(await reports.read_call(connection, caller.scope, call_id))


@router.get("/batches/{batch_id:path}")
async def batch(request: Request, caller: Admitted, batch_id: str) -> Envelope:
    """Tell how the calls of a batch stand."""
    _refuse_impossible(batch_id, "Batch not found")
    async with db.transaction(request.app.state.pool, caller.scope) as connection:
        return success(await reports.read_batch(connection, caller.scope, batch_id))


@router.get("/customers/{customer_id:path}")
async def customer(request: Request, caller: Admitted, customer_id: str) -> Envelope:
    """Tell who a customer is, the dispositions that it was in, and what its calls come to."""
    _refuse_impossible(customer_id, "Customer not found")
    async with db.transaction(request.app.state.pool, caller.scope) as connection:
        return success(await contacts.read_customer(connection, caller.scope, customer_id))


def _refuse_impossible(identifier: str, message: str) -> None:
    """Nothing has such an id, and PostgreSQL could not even be asked."""
    if not identifier or "\0" in identifier:
        raise NotFound(message)
