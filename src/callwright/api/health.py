"""Whether this process lives, and whether it can serve."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from callwright.db.readiness import fault_of

router = APIRouter()


@router.get("/healthz")
async def alive() -> JSONResponse:
    """Say that the process answers."""
    return JSONResponse({"status": "alive"})


@router.get("/readyz")
async def ready(request: Request) -> JSONResponse:
    """Say whether the database answers and has every table that this release needs."""
    fault = await fault_of(request.app.state.pool)
    if fault is None:
        return JSONResponse({"status": "ready"})
    return JSONResponse({"status": "not ready", "reason": fault}, 503, {"retry-after": "2"})
