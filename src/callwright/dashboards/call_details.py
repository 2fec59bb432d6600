"""`/call-details/{call-id}`: one customer, its conversations, and one of them to listen to, read and judge."""

import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from callwright import db
from callwright.dashboards import live
from callwright.dashboards.asking import moment_of
from callwright.dashboards.embed import PageError, PageRoute, Viewer, Viewing
from callwright.dashboards.rendering import render
from callwright.db import Connection, Scope
from callwright.errors import NotFound
from callwright.recordings import listening
from callwright.reports import call_page
from callwright.reports.call_page import CallPage
from callwright.reports.changes import CallOf

router = APIRouter(route_class=PageRoute)

T = TypeVar("T")

WELL_COVERED = 0.9
"""The share of the speech that a transcript should cover; below it the page says that words are missing."""

UNKNOWN = "This call is not known here", "No call of this team has that id."


# An id may hold a slash: it arrives percent-encoded, and the server has undone that before the path is matched.
@router.get("/call-details/{call_id:path}")
async def call_details(request: Request, viewer: Viewing, call_id: str) -> HTMLResponse:
    """Show a call that is completed; of one that is not, how it stands."""
    page = await read_page(request, viewer, call_id)
    if page.call.state != "completed":
        return render(request, viewer, "call_waiting.html", status=409, call=page.call)
    origin: str | None = request.app.state.recordings_origin
    request.state.media_origins = () if origin is None else (origin,)
    link_seconds = None if origin is None else listening.LINK_SECONDS
    return render(request, viewer, "call_details.html", **shown(page), link_seconds=link_seconds)


@router.get("/call-state/{call_id:path}")
async def call_state(request: Request, viewer: Viewing, call_id: str) -> HTMLResponse:
    """Say how a call stands, for the page of one that is under way; that is opened anew once there is more to show."""
    facts = await _found(request, viewer, call_id, call_page.read_facts)
    answer = render(request, viewer, "call/state.html", call=facts)
    if facts.state == "completed":
        answer.headers["hx-refresh"] = "true"
    return answer


@router.get("/call-changes/{call_id:path}")
async def call_changes(request: Request, viewer: Viewing, call_id: str) -> Response:
    """Tell that a call is in another state than the page shows."""
    await _found(request, viewer, call_id, call_page.read_facts)
    call, shown = CallOf(viewer.scope, call_id), request.query_params.get("shown")
    return live.streamed(request, viewer, lambda told, seconds: told.watch_call(call, seconds, shown))


@router.get("/call-conversations/{call_id:path}")
async def conversations(request: Request, viewer: Viewing, call_id: str) -> HTMLResponse:
    """Give the customer's conversations before one of them, for the list."""
    facts = await _found(request, viewer, call_id, call_page.read_facts)
    after = _cursor(request)
    async with db.transaction(request.app.state.pool, viewer.scope) as connection:
        found, following = await call_page.read_conversations(connection, viewer.scope, facts.customer_id, after)
    return render(
        request, viewer, "call/conversations.html", call=facts, conversations=found, next_conversation=following
    )


async def read_page(request: Request, viewer: Viewer, call_id: str) -> CallPage:
    """Read all that a call's page shows.

    Raises:
        PageError: The viewer's subtenant has no such call.
    """
    return await _found(request, viewer, call_id, call_page.read_call_page)


def shown(page: CallPage) -> dict[str, Any]:
    """What the templates of a call's page are given."""
    coverage = page.transcript.coverage if page.transcript else None
    return {
        "page": page,
        "call": page.call,
        "lead": page.lead,
        "conversations": page.conversations,
        "next_conversation": page.next_conversation,
        "name": page.lead.name or f"Customer {page.call.customer_id}",
        "spoken": _language(page),
        "times": {turn.machine.id: (turn.machine.start, turn.machine.end) for turn in page.turns},
        "written": lambda day: f"{date.fromisoformat(day):%-d %b %Y}",
        "coverage": coverage if coverage is not None and coverage < WELL_COVERED else None,
    }


def _language(page: CallPage) -> str | None:
    """The language in which the words are read out, where it is not the page's and an engine has told its code."""
    told = page.transcript.language if page.transcript else None
    return told if told and told != "en" and re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?", told) else None


def refuse_impossible(call_id: str) -> None:
    """Nothing has such an id, and PostgreSQL could not even be asked."""
    if not call_id or "\0" in call_id:
        raise PageError(404, *UNKNOWN)


async def _found(
    request: Request, viewer: Viewer, call_id: str, read: Callable[[Connection, Scope, str], Awaitable[T]]
) -> T:
    refuse_impossible(call_id)
    async with db.transaction(request.app.state.pool, viewer.scope) as connection:
        try:
            return await read(connection, viewer.scope, call_id)
        except NotFound:
            raise PageError(404, *UNKNOWN) from None


def _cursor(request: Request) -> tuple[datetime, str]:
    ended, before = moment_of(request.query_params.get("ended", "")), request.query_params.get("before")
    if ended is None or before is None or "\0" in before:
        raise PageError(404, "There is no such part of the list", "Open the page again.")
    return ended, before
