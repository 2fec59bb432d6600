"""The lists of the dashboard: the leaderboard, the contacts and the calls behind a figure; as pages, parts and CSV."""

import re
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from callwright.dashboards.asking import (
    AGENTS,
    CALLS,
    CONTACTS,
    INTENT_NAMES,
    Question,
    moment_of,
    read_question,
    text_of,
)
from callwright.dashboards.embed import PageError, PageRoute, Viewing
from callwright.dashboards.rendering import render
from callwright.reports.call_list import EndedCall, Place, Wanted, list_ended
from callwright.reports.choices import read_choices
from callwright.reports.contact_list import SORTS, Contact, Page, list_contacts
from callwright.reports.insights import AgentLine, read_agents
from callwright.spreadsheet import table

router = APIRouter(route_class=PageRoute)

CALLS_SHOWN, CONTACTS_SHOWN = 50, 25
MOST_IN_TABLE = 10_000
"""Rows of a CSV file."""
LONGEST_SEARCH = 100

_COLUMNS = tuple(each.name for each in fields(Contact))
_CALL_COLUMNS = tuple(each.name for each in fields(EndedCall))

AGENT_SORTS: dict[str, Callable[[AgentLine], Any]] = {
    "name": lambda line: (line.name or line.agent_id).lower(),
    "calls": lambda line: line.now.calls,
    "talk": lambda line: line.now.talk_seconds,
    "quality": lambda line: line.now.quality,
    "interest": lambda line: line.now.interest,
}


def agents_context(
    request: Request, question: Question, found: list[AgentLine], *, shown: int | None
) -> dict[str, Any]:
    """The leaderboard, sorted as the address says."""
    sort = request.query_params.get("agents-by", "calls")
    sort = sort if sort in AGENT_SORTS else "calls"
    order = "asc" if request.query_params.get("agents-order") == "asc" else "desc"
    key = AGENT_SORTS[sort]
    lines = [line for line in found if line.now.calls] or found
    known = sorted((line for line in lines if key(line) is not None), key=key, reverse=order == "desc")
    ordered = known + [line for line in lines if key(line) is None]
    path = AGENTS if shown is None else None

    def link(column: str, direction: str) -> str:
        return question.url(*(path,) if path else (), agents_by=column, agents_order=direction)

    return {
        "agents": {
            "lines": ordered[:shown],
            "all": len(ordered),
            "sort": sort,
            "order": order,
            "link": link,
            "csv": question.url(AGENTS, agents_by=sort, agents_order=order, format="csv"),
            "whole": None
            if shown is None or len(ordered) <= shown
            else question.url(AGENTS, agents_by=sort, agents_order=order),
        }
    }


@router.get(AGENTS)
async def agents(request: Request, viewer: Viewing) -> Response:
    """Show the whole leaderboard."""
    question = read_question(request, viewer)
    found = await read_agents(request.app.state.reads, viewer.scope, question.asked)
    context = agents_context(request, question, found, shown=None)
    if request.query_params.get("format") == "csv":
        return _agents_table(context["agents"]["lines"])
    return render(request, viewer, "agents.html", ask=question, **context)


def _agents_table(lines: list[AgentLine]) -> Response:
    names = ("calls", "talk_seconds", "quality", "interested", "assessed")
    return table(
        "leaderboard.csv",
        ("agent_id", "name", *names, *(f"{name} in the period before" for name in names)),
        [
            (
                line.agent_id,
                line.name,
                *(_rounded(getattr(part, name)) for part in (line.now, line.before) for name in names),
            )
            for line in lines
        ],
    )


def contacts_context(request: Request, question: Question, *, shown: int = CONTACTS_SHOWN) -> dict[str, Any]:
    """Which contacts the address asks for, and the addresses of others."""
    params = request.query_params
    sort = params.get("contacts-by", "last_call")
    order = "asc" if params.get("contacts-order") == "asc" else "desc"
    sort = sort if sort in SORTS else "last_call"
    search = (text_of(request, "search") or "")[:LONGEST_SEARCH].strip()
    skip = int(skipped) if re.fullmatch(r"\d{1,6}", skipped := params.get("skip", "")) else 0
    page = Page(search, sort, order == "desc", skip, shown)

    def link(column: str, direction: str) -> str:
        return question.url(CONTACTS, contacts_by=column, contacts_order=direction, search=search)

    def at(place: int) -> str:
        return question.url(CONTACTS, contacts_by=sort, contacts_order=order, search=search, skip=place or None)

    return {
        "page": page,
        "sort": sort,
        "order": order,
        "link": link,
        "earlier": at(max(0, skip - shown)) if skip else None,
        "later": at(skip + shown),
        "csv": question.url(CONTACTS, contacts_by=sort, contacts_order=order, search=search, format="csv"),
    }


@router.get(CONTACTS)
async def contacts(request: Request, viewer: Viewing) -> Response:
    """Show a page of the contacts; to htmx the part of it that the dashboard holds."""
    question = read_question(request, viewer)
    context = contacts_context(request, question)
    as_table = request.query_params.get("format") == "csv"
    page: Page = context["page"]
    if as_table:
        page = Page(page.search, page.sort, page.descending, 0, MOST_IN_TABLE)
    async with request.app.state.reads.transaction(viewer.scope) as connection:
        found, more = await list_contacts(connection, viewer.scope, question.asked, page)
    if as_table:
        return table("contacts.csv", _COLUMNS, [[_rounded(getattr(each, name)) for name in _COLUMNS] for each in found])
    return render(request, viewer, "contacts.html", ask=question, contacts={**context, "found": found, "more": more})


@router.get(CALLS)
async def calls(request: Request, viewer: Viewing) -> Response:
    """Show the calls behind a figure."""
    question = read_question(request, viewer)
    engaged = request.query_params.get("engaged") == "yes"
    wanted = Wanted(engaged, text_of(request, "concern"), text_of(request, "parameter"), text_of(request, "told"))
    as_table = request.query_params.get("format") == "csv"
    async with request.app.state.reads.transaction(viewer.scope) as connection:
        choices = await read_choices(connection, viewer.scope, question.asked.customer_id)
        found, place = await list_ended(
            connection, viewer.scope, question.asked, wanted,
            most=MOST_IN_TABLE if as_table else CALLS_SHOWN, after=None if as_table else _place(request),
        )  # fmt: skip
    if as_table:
        return _calls_table(found)
    also: dict[str, object] = {
        "engaged": "yes" if engaged else None,
        "concern": wanted.concern,
        "parameter": wanted.parameter,
        "told": wanted.told,
    }
    later = place and question.calls(**also, after=f"{place.end_time.isoformat()}~{place.call_id}")
    return render(
        request,
        viewer,
        "calls.html",
        ask=question,
        calls=found,
        wanted=wanted,
        also=also,
        agent_name=dict(choices.agents).get(viewer.agent_id or ""),
        intent_name=INTENT_NAMES.get(question.asked.intent or ""),
        customer_name=choices.customer,
        first=question.calls(**also) if request.query_params.get("after") else None,
        later=later,
        csv=question.calls(**also, format="csv"),
    )


def _place(request: Request) -> Place | None:
    """Where the page before has ended.

    Raises:
        PageError: The address was changed by hand.
    """
    given = request.query_params.get("after", "").replace("\0", "")
    if not given:
        return None
    at, _, call_id = given.partition("~")
    time = moment_of(at)
    if time is None or not call_id:
        raise PageError(400, "This address is not right", "The place in the list that it names is none.")
    return Place(time, call_id)


def _calls_table(found: list[EndedCall]) -> Response:
    return table(
        "calls.csv", _CALL_COLUMNS, [[_rounded(getattr(each, name)) for name in _CALL_COLUMNS] for each in found]
    )


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 2)
    return value.isoformat() if isinstance(value, datetime) else value
