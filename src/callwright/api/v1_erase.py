"""Erasure: a call, a customer, or whoever has a number or an address, is gone for good (contract, section 7)."""

from dataclasses import asdict
from uuid import UUID

import structlog
from fastapi import APIRouter, Request

from callwright import audit, db, erasing
from callwright.api.auth import Admitted, Caller
from callwright.api.body import read_body
from callwright.api.envelope import Envelope, success
from callwright.api.erasure_models import ERASURE
from callwright.audit import Asker, ErasureKind
from callwright.erasing import Wanted
from callwright.errors import NotFound, ValidationFailed

router = APIRouter(prefix="/api/v1/partner")

ANSWER_SECONDS = 8.0
"""How long a partner waits for all of it to be gone; a worker goes on with the rest."""

_KINDS: dict[str, ErasureKind] = {"customer_id": "customer", "phone": "phone", "email": "email"}


# An id may hold a slash: it arrives percent-encoded, and the server has undone that before the path is matched.
@router.delete("/calls/{call_id:path}")
async def erase_call(request: Request, caller: Admitted, call_id: str) -> Envelope:
    """Erase a call; one that was erased already is told of as at first."""
    return await _erased(request, caller, "call", call_id)


@router.delete("/customers/{customer_id:path}")
async def erase_customer(request: Request, caller: Admitted, customer_id: str) -> Envelope:
    """Erase a customer with all its calls."""
    return await _erased(request, caller, "customer", customer_id)


@router.post("/erasures")
async def erase(request: Request, caller: Admitted) -> Envelope:
    """Erase whoever has this id, number or address."""
    body = await read_body(request, ERASURE)
    named = [name for name in _KINDS if name in body]
    if len(named) > 1:
        words = f"must be left out, as {named[0]} is there"
        raise ValidationFailed([{"field": name, "message": f"{name} {words}"} for name in named[1:]])
    return await _erased(request, caller, _KINDS[named[0]], str(body[named[0]]))  # type: ignore[literal-required]


@router.get("/erasures/{erasure_id:path}")
async def read(request: Request, caller: Admitted, erasure_id: str) -> Envelope:
    """Tell what an erasure has come to."""
    try:
        return await _told(request, caller, UUID(erasure_id))
    except ValueError:
        raise NotFound("Erasure not found") from None


async def _erased(request: Request, caller: Caller, kind: ErasureKind, subject: str) -> Envelope:
    if not subject or "\0" in subject:
        raise NotFound(f"{kind.capitalize()} not found")  # nothing has such an id, and PostgreSQL could not be asked
    pool, partner_id = request.app.state.pool, caller.scope.partner_id
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    asker = Asker("api", caller.partner.api_key, request_id)
    async with db.transaction(pool, caller.scope) as connection:
        wanted = Wanted(partner_id, caller.scope.subtenant_no, kind, subject)
        erasure_id = await erasing.begin(connection, wanted, asker)
    await erasing.carry_out_within(pool, request.app.state.open_store, partner_id, erasure_id, ANSWER_SECONDS)
    return await _told(request, caller, erasure_id)


async def _told(request: Request, caller: Caller, erasure_id: UUID) -> Envelope:
    scope = caller.scope
    # Of the whole partner, as its operator may have had erased what is all tenants' with one proof.
    async with db.transaction(request.app.state.pool, scope.partner_id) as connection:
        found = await audit.read_erasure(connection, scope.partner_id, erasure_id, scope.subtenant_no)
    if found is None:
        raise NotFound("Erasure not found")
    status = "pending" if found.done_at is None else "erased"
    plain = {**asdict(found), "erasure_id": str(found.erasure_id), "status": status}
    names = "erasure_id", "kind", "status", "asked_at", "done_at", "calls", "customers", "agents", "rows", "files"
    return success({name: plain[name] for name in names})
