"""Whether this process lives, and whether it can serve."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from callwright import db
from callwright.db.migrate import pending
from callwright.errors import SetupError, Unavailable

router = APIRouter()


@router.get("/healthz")
async def alive() -> JSONResponse:
    """Say that the process answers."""
    return JSONResponse({"status": "alive"})


@router.get("/readyz")
async def ready(request: Request) -> JSONResponse:
    """Say whether the database answers and has every table that this release needs."""
    try:
        async with db.beside(request.app.state.pool) as connection:
            waiting = await pending(connection)
    except Unavailable:
        return _not_ready("the database does not answer")
    except SetupError as error:
        return _not_ready(error.message)
    return _not_ready(f"migrations to apply: {', '.join(waiting)}") if waiting else JSONResponse({"status": "ready"})


def _not_ready(reason: str) -> JSONResponse:
    return JSONResponse({"status": "not ready", "reason": reason}, 503, {"retry-after": "2"})
