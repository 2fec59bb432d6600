"""Test data: what a test key has sent is deleted by it (docs/how-to/test-your-integration.md)."""

from dataclasses import asdict

from fastapi import APIRouter, Request

from callwright import wiping
from callwright.api.auth import AdmittedPartner
from callwright.api.envelope import Envelope, success

router = APIRouter(prefix="/api/v1/partner")


@router.delete("/test-data")
async def wipe(request: Request, partner: AdmittedPartner) -> Envelope:
    """Delete all test data of the partner, of every tenant and subtenant, as far as one request can."""
    return success(asdict(await wiping.wipe(request.app.state.pool, partner)))
