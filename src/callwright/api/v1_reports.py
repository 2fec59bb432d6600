"""What the calls of a subtenant come to (contract, section 7: `GET reports/…`), as JSON and CSV."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from callwright.api import report_answers
from callwright.api.auth import Admitted, Caller
from callwright.api.envelope import success
from callwright.api.queries import PAGE, mark_of, moment, parts_of, read_query
from callwright.api.report_answers import Answer, written
from callwright.api.report_models import CONTACTS_QUERY, ENDED_CALLS_QUERY, REPORT_QUERY, place_of_ended
from callwright.api.report_period import asked_of, unknown_zone
from callwright.api.rollup_models import AGENTS_QUERY, LONGEST_PERIOD
from callwright.db import Connection
from callwright.errors import Unavailable
from callwright.places import NoPlace, Places
from callwright.reports import agents, insights
from callwright.reports.asked import Asked, knows_zone
from callwright.reports.call_list import Wanted, list_ended
from callwright.reports.contact_list import Page, list_contacts
from callwright.spreadsheet import table

router = APIRouter(prefix="/api/v1/partner/reports")

MOST_ROWS = 10_000
"""Of a table of contacts or calls; where there are more, a link leads to the next."""

_LAST = datetime.max.replace(tzinfo=UTC)


@router.get("/summary")
async def of_totals(request: Request, caller: Admitted) -> Response:
    """Tell the totals of a period, those of the one before, and what stands out."""
    return await _of_period(request, caller, "summary", report_answers.summary)


@router.get("/intent")
async def of_intents(request: Request, caller: Admitted) -> Response:
    """Tell how many calls had which buying intent."""
    return await _of_period(request, caller, "intent", report_answers.intents)


@router.get("/concerns")
async def of_concerns(request: Request, caller: Admitted) -> Response:
    """Tell what stood in the way."""
    return await _of_period(request, caller, "concerns", report_answers.concerns)


@router.get("/pitch-gaps")
async def of_pitch_gaps(request: Request, caller: Admitted) -> Response:
    """Tell how much of each quality parameter was reached."""
    return await _of_period(request, caller, "pitch-gaps", report_answers.pitch_gaps)


@router.get("/trends")
async def of_trends(request: Request, caller: Admitted) -> Response:
    """Tell the figures step by step."""
    return await _of_period(request, caller, "trends", report_answers.trends)


@router.get("/dispositions")
async def of_dispositions(request: Request, caller: Admitted) -> Response:
    """Tell how often each disposition was set, step by step."""
    return await _of_period(request, caller, "dispositions", report_answers.dispositions)


async def _of_period(
    request: Request, caller: Caller, name: str, answer: Callable[[insights.Overview], Answer]
) -> Response:
    """Read all figures of a period, as the dashboard does, and tell some of them."""
    query = read_query(request, REPORT_QUERY)
    asked = asked_of(query, caller.partner.time_zone)
    async with _known(request, caller, asked):
        found = await insights.read_overview(request.app.state.reads, caller.scope, asked)
    return _written(name, answer(found), query, asked, caller)


@router.get("/leaderboard")
async def of_leaderboard(request: Request, caller: Admitted) -> Response:
    """Tell the figures of each agent, now and in the period before."""
    query = read_query(request, REPORT_QUERY)
    asked = asked_of(query, caller.partner.time_zone)
    async with _known(request, caller, asked):
        found = await insights.read_agents(request.app.state.reads, caller.scope, asked)
    return _written("leaderboard", report_answers.leaderboard(found), query, asked, caller)


@router.get("/contacts")
async def of_contacts(request: Request, caller: Admitted) -> Response:
    """List the customers who had a call in a period, by id."""
    query = read_query(request, CONTACTS_QUERY)
    asked = asked_of(query, caller.partner.time_zone)
    after = parts_of(query["cursor"])[0] if "cursor" in query else None
    page = Page(query.get("search", ""), "id", descending=False, most=_most(query), after=after)
    async with _reading(request, caller, asked) as connection:
        found, more = await list_contacts(connection, caller.scope, asked, page)
    answer = report_answers.contacts(found, mark_of(found[-1].customer_id) if more else None)
    return _written("contacts", answer, query, asked, caller)


@router.get("/calls")
async def of_calls(request: Request, caller: Admitted) -> Response:
    """List the calls behind a figure, those that ended last first."""
    query = read_query(request, ENDED_CALLS_QUERY)
    asked = asked_of(query, caller.partner.time_zone)
    wanted = Wanted("engaged" in query, query.get("concern"), query.get("parameter"), query.get("disposition_set"))
    after = place_of_ended(query["cursor"]) if "cursor" in query else None
    async with _reading(request, caller, asked) as connection:
        found, place = await list_ended(connection, caller.scope, asked, wanted, most=_most(query), after=after)
    answer = report_answers.calls(found, place and mark_of(place.end_time.isoformat(), place.call_id))
    return _written("calls", answer, query, asked, caller)


@asynccontextmanager
async def _place(request: Request, caller: Caller) -> AsyncIterator[None]:
    """Wait for one of the partner's places, which are those of its pages too, as both read much.

    Raises:
        Unavailable: None came free in time.
    """
    places: Places = request.app.state.places
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(places.one(caller.scope.partner_id))
        except NoPlace:
            raise Unavailable from None
        yield


@asynccontextmanager
async def _reading(request: Request, caller: Caller, asked: Asked) -> AsyncIterator[Connection]:
    """A place, and a transaction in which the database knows the time zone.

    Raises:
        ValidationFailed: It does not.
        Unavailable: As `_place`.
    """
    async with _place(request, caller), request.app.state.reads.transaction(caller.scope) as connection:
        await _check_zone(connection, asked)
        yield connection


@asynccontextmanager
async def _known(request: Request, caller: Caller, asked: Asked) -> AsyncIterator[None]:
    """A place, once the database is seen to know the time zone.

    Raises:
        ValidationFailed: It does not.
        Unavailable: As `_place`.
    """
    async with _place(request, caller):
        if asked.time_zone is not None:
            async with request.app.state.reads.transaction(caller.scope) as connection:
                await _check_zone(connection, asked)
        yield


async def _check_zone(connection: Connection, asked: Asked) -> None:
    """Refuse a time zone that the database does not know."""
    if asked.time_zone is not None and not await knows_zone(connection, asked.time_zone):
        raise unknown_zone()


def _most(query: Mapping[str, Any]) -> int:
    """How many rows a page has; a table as many as there are, up to a bound."""
    return MOST_ROWS if query.get("format") == "csv" else int(query.get("limit", PAGE))


def _written(name: str, answer: Answer, query: Mapping[str, Any], asked: Asked, caller: Caller) -> Response:
    time_zone, as_table = asked.time_zone or caller.partner.time_zone, query.get("format") == "csv"
    response = written(name, answer, asked, time_zone, as_table=as_table)
    if as_table and (cursor := answer.data.get("next_cursor")):
        response.headers["link"] = f'<?{urlencode({**query, "cursor": cursor})}>; rel="next"'
    return response


@router.get("/agents")
async def of_agents(request: Request, caller: Admitted) -> Response:
    """Tell how the agents spoke over a period."""
    query = read_query(request, AGENTS_QUERY)
    since = datetime.fromisoformat(query["since"])
    until = moment(query.get("until")) or (since + LONGEST_PERIOD if since < _LAST - LONGEST_PERIOD else _LAST)
    period = agents.Period(since, until, query.get("agent_id"))
    async with _place(request, caller), request.app.state.reads.transaction(caller.scope) as connection:
        found = await agents.read_agents(connection, caller.scope, period)
    return _agents_table(found) if query.get("format") == "csv" else success(found)


def _agents_table(found: dict[str, Any]) -> Response:
    """One row an agent; a column for each quality parameter that any of them was judged by."""
    listed = found["agents"]
    scores = [{each["parameter_name"]: each["score"] for each in agent["quality"]["parameters"]} for agent in listed]
    parameters = sorted({name for each in scores for name in each})
    headings = [
        *("agent_id", "name", "calls", "completed", "failed", *agents.MEASURES, "quality_average", "quality_calls"),
        *(f"intent {name}" for name in (*agents.INTENTS, "not_assessed")),
        *(f"assessed {name}" for name in agents.MEASURES),
        *(f"quality {name}" for name in parameters),
    ]
    rows = [
        [
            *(agent["agent_id"], agent["name"], *agent["calls"].values(), *agent["metrics"].values()),
            *(agent["quality"]["average"], agent["quality"]["calls"], *agent["intents"].values()),
            *agent["assessed"].values(),
            *(own.get(name) for name in parameters),
        ]
        for agent, own in zip(listed, scores, strict=True)
    ]
    return table("agents.csv", headings, rows)
