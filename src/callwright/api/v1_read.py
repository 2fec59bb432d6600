"""What partners ask after: a call, a batch, a customer (contract, section 7)."""

from fastapi import APIRouter, Request

from callwright import customers, db, reports
from callwright.api.auth import Admitted
from callwright.api.envelope import Envelope, success
from callwright.errors import NotFound

router = APIRouter(prefix="/api/v1/partner")


# An id may hold a slash: it arrives percent-encoded, and the server has undone that before the path is matched.
@router.get("/calls/{call_id:path}")
async def call(request: Request, caller: Admitted, call_id: str) -> Envelope:
    """Tell how a call stands and what came of it."""
    _refuse_impossible(call_id, "Call not found")
    async with db.connection(request.app.state.pool) as connection:
        return success(await reports.read_call(connection, caller.scope, call_id))


@router.get("/batches/{batch_id:path}")
async def batch(request: Request, caller: Admitted, batch_id: str) -> Envelope:
    """Tell how the calls of a batch stand."""
    _refuse_impossible(batch_id, "Batch not found")
    async with db.connection(request.app.state.pool) as connection:
        return success(await reports.read_batch(connection, caller.scope, batch_id))


@router.get("/customers/{customer_id:path}")
async def customer(request: Request, caller: Admitted, customer_id: str) -> Envelope:
    """Tell who a customer is and the dispositions that it was in."""
    _refuse_impossible(customer_id, "Customer not found")
    async with db.connection(request.app.state.pool) as connection:
        return success(await customers.read_customer(connection, caller.scope, customer_id))


def _refuse_impossible(identifier: str, message: str) -> None:
    """Nothing has such an id, and PostgreSQL could not even be asked."""
    if not identifier or "\0" in identifier:
        raise NotFound(message)
