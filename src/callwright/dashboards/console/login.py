"""Logging in at the console by a link that is valid once, and out again."""

from math import ceil
from typing import Literal

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from callwright import audit, console_sessions, db
from callwright.dashboards.console.door import (
    HOME,
    LOGIN,
    ConsoleRoute,
    Operating,
    Sent,
    forget_session,
    keep_session,
    origin_of,
    read_form,
)
from callwright.dashboards.embed import PageError
from callwright.dashboards.rendering import render
from callwright.limits import FAILED_LOGINS, Allowance, Limiter, counted_for

router = APIRouter(route_class=ConsoleRoute)


@router.get(LOGIN)
async def ask(request: Request) -> Response:
    """Show a button, so that whatever looks at links before people do uses none of them up."""
    return render(request, None, "console/login.html", code=request.query_params.get("code", ""))


@router.post(LOGIN)
async def log_in(request: Request) -> Response:
    """Begin a session by the code of a link."""
    form = await read_form(request)
    code = form.get("code", [""])[0]
    limiter: Limiter = request.app.state.limiter
    bucket = f"console:{_address(request)}"
    _refuse_shut(await limiter.look(bucket, FAILED_LOGINS))
    async with db.everywhere(request.app.state.pool) as connection:
        answer = RedirectResponse(HOME, 303)
        session = await console_sessions.begin(connection, code)
        if session is not None:
            keep_session(answer, session, origin_of(request))  # where that cannot be, the link is not used up
    if session is None:
        allowance = await limiter.take(bucket, FAILED_LOGINS)
        _refuse_shut(allowance)
        await _note(request, "wrong link")
        if not allowance.remaining:  # said once: what comes while the address is shut is written down no more
            await _note(request, "shut out")
        raise PageError(
            403,
            "This link is not valid",
            "It was used already, or is older than ten minutes. Run `callwright console` for a new one.",
        )
    await _note(request, "let in")
    return answer


@router.post("/console/logout")
async def log_out(request: Request, who: Operating, _form: Sent) -> Response:
    """End the session."""
    async with db.everywhere(request.app.state.pool) as connection:
        await console_sessions.end(connection, who.session)
    answer = RedirectResponse(LOGIN, 303)
    forget_session(answer)
    return answer


def _refuse_shut(allowance: Allowance) -> None:
    """Refuse an address that has failed too often."""
    if not allowance.allowed:
        wait = str(max(ceil(allowance.wait_seconds), 1))
        raise PageError(429, "Too many wrong links", f"Try again in {wait} seconds.", headers={"retry-after": wait})


async def _note(request: Request, outcome: Literal["let in", "wrong link", "shut out"]) -> None:
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    async with db.everywhere(request.app.state.pool) as connection:
        await audit.record_console(connection, outcome, address=_address(request), request_id=request_id)


def _address(request: Request) -> str:
    return counted_for(request.client.host if request.client else None)
