"""The token that opens a tenant's dashboards (contract, section 4)."""

from typing import TYPE_CHECKING

import orjson
from fastapi import APIRouter, Request

from callwright.api.auth import Admitted
from callwright.api.envelope import Envelope
from callwright.api.token_models import answer

if TYPE_CHECKING:
    from callwright.token_keys import TokenKeys

router = APIRouter(prefix="/api/v1/partner")


@router.get("/dashboard/auth/token")
async def make_token(request: Request, caller: Admitted) -> Envelope:
    """Make a token for the tenant and subtenant; its shape is the contract's, and not the envelope."""
    keys: TokenKeys = request.app.state.token_keys
    token = await keys.sign(caller.partner.partner_id, caller.tenant_id, caller.subtenant_id)
    return Envelope(orjson.dumps(answer(token)), headers={"cache-control": "no-store"})
