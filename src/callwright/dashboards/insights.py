"""`/view-insights`: what a subtenant's calls come to over a period, each figure with the calls behind it."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from callwright import rollups
from callwright.dashboards import live
from callwright.dashboards.asking import (
    AGENTS,
    CHANGES,
    CONTACTS,
    INSIGHTS,
    INTENT_NAMES,
    PERIODS,
    Question,
    read_question,
)
from callwright.dashboards.embed import PageError, PageRoute, Viewing
from callwright.dashboards.lists import agents_context, contacts_context
from callwright.dashboards.rendering import address, render
from callwright.reports import viewers
from callwright.reports.changes import read_marks
from callwright.reports.choices import read_choices
from callwright.reports.contact_list import list_contacts
from callwright.reports.insights import Overview, Point, read_overview
from callwright.reports.spoken import in_words
from callwright.spreadsheet import table

if TYPE_CHECKING:
    from callwright.db.reads import Reads

router = APIRouter(route_class=PageRoute)

INTENT_TONES = {"INTERESTED": "good", "NEUTRAL": "level", "NOT_INTERESTED": "bad", "NOT_QUALIFIED": "warn"}
MOST_SHOWN = 8
"""Of concerns, pitch gaps and dispositions; the rest can be opened."""
MOST_LISTED = 100
"""Of each of them with what can be opened: a partner's own words may be without end. The CSV file has all."""


@router.get(INSIGHTS)
async def insights(request: Request, viewer: Viewing) -> Response:
    """Show the dashboard of the viewer's subtenant, or of one agent of it."""
    question = read_question(request, viewer)
    reads: Reads = request.app.state.reads
    contacts = contacts_context(request, question, shown=10)
    async with reads.transaction(viewer.scope) as connection:
        if viewer.agent_id is not None and not await viewers.has_agent(connection, viewer.scope, viewer.agent_id):
            raise PageError(404, "This agent is not known here", "No call of this team names an agent of that id.")
        mark = (await read_marks(connection, [viewer.scope]))[viewer.scope]
        choices = await read_choices(connection, viewer.scope, question.asked.customer_id)
        listed = await list_contacts(connection, viewer.scope, question.asked, contacts["page"])
    found = await read_overview(reads, viewer.scope, question.asked)
    if request.query_params.get("format") == "csv":
        return _figures_table(found)
    return render(
        request,
        viewer,
        "insights.html",
        ask=question,
        found=found,
        words=in_words(found),
        choices=choices,
        agent_name=dict(choices.agents).get(viewer.agent_id or ""),
        periods=[
            (f"{each} days" if each < 365 else "Year", question.url(days=each), each == question.days)
            for each in PERIODS
        ],
        names=INTENT_NAMES,
        buying=_buying(question, found),
        trend=_trend(question, found),
        dispositions=_dispositions(question, found),
        most=MOST_SHOWN,
        listed=MOST_LISTED,
        changes=address(viewer, CHANGES, shown=live.written(mark)),
        lists={"agents": AGENTS, "contacts": CONTACTS},
        **agents_context(request, question, found.agents, shown=10),
        contacts={**contacts, "found": listed[0], "more": listed[1]},
    )


def _buying(question: Question, found: Overview) -> list[dict[str, Any]]:
    """The calls by intent, those without one last; for the ring and for the list beside it."""
    return [
        {
            "name": INTENT_NAMES[label],
            "count": found.now.labels[label],
            "share": found.now.labels[label] / found.now.calls if found.now.calls else 0.0,
            "tone": INTENT_TONES.get(label, "none"),
            "link": question.calls(intent=label),
        }
        for label in rollups.LABELS
        if found.now.labels[label] or label in rollups.INTENTS
    ]


def _steps(found: Overview) -> list[date]:
    days = (found.asked.until - found.asked.since).days
    return [found.asked.since + timedelta(days=each) for each in range(0, days, found.step)]


def _span(found: Overview, day: date) -> dict[str, object]:
    """The filter for a step of a trend."""
    last = min(day + timedelta(days=found.step), found.asked.until) - timedelta(days=1)
    return {"days": None, "from": day.isoformat(), "to": last.isoformat()}


def _trend(question: Question, found: Overview) -> list[dict[str, Any]]:
    """Calls, quality and the agents' share of the talk by step; None where nothing tells."""
    points: dict[date, Point] = {point.day: point for point in found.trend}
    told = []
    for day in _steps(found):
        sums = points[day].sums if day in points else None
        ratio, quality = (sums.talk_ratio, sums.quality) if sums else (None, None)
        told.append(
            {
                "day": day,
                "calls": sums.calls if sums else 0,
                "quality": None if quality is None else round(quality, 1),
                "talk": None if ratio is None else round(100 * ratio, 1),
                "link": question.calls(**_span(found, day)),
            }
        )
    return told


def _dispositions(question: Question, found: Overview) -> dict[str, Any]:
    """How often each was set: by step in the drawing, all together in the table, which has the rarer ones too."""
    steps = _steps(found)
    named = list(found.dispositions.items())[:MOST_LISTED]
    return {
        "days": steps,
        "drawn": [
            {
                "name": name,
                "counts": [by_day.get(day, 0) for day in steps],
                "links": [question.calls(told=name, **_span(found, day)) for day in steps],
            }
            for name, by_day in named[:MOST_SHOWN]
        ],
        "rows": [(name, sum(by_day.values()), question.calls(told=name)) for name, by_day in named],
        "all": len(found.dispositions),
    }


def _figures_table(found: Overview) -> Response:
    """Every figure of the page but the lists', a row each."""
    return table("insights.csv", ("part", "name", "from", "to", "figure", "period before"), _rows(found))


def _rows(found: Overview) -> Iterator[tuple[object, ...]]:
    asked, now, before = found.asked, found.now, found.before
    period = asked.since.isoformat(), (asked.until - timedelta(days=1)).isoformat()
    totals = {
        "calls": (now.calls, before.calls),
        "unique contacts": (now.contacts, before.contacts),
        "calls over 2 minutes": (now.engaged, before.engaged),
        "average duration, seconds": (_rounded(now.seconds), _rounded(before.seconds)),
        "agents' share of talk, percent": tuple(
            each and _rounded(100 * each) for each in (now.talk_ratio, before.talk_ratio)
        ),
        "average quality": (_rounded(now.quality), _rounded(before.quality)),
        "average intent score": (_rounded(now.score), _rounded(before.score)),
    }
    for name, figures in totals.items():
        yield ("totals", name, *period, *figures)
    for label in rollups.LABELS:
        yield ("buying intent", INTENT_NAMES[label], *period, now.labels[label], before.labels[label])
    for concern in found.concerns:
        yield ("concerns", concern.name, *period, concern.calls, None)
    for gap in found.gaps:
        yield ("share of points reached, percent", gap.name, *period, round(100 * gap.share, 1), None)
    for point in found.trend:
        last = min(point.day + timedelta(days=found.step), asked.until) - timedelta(days=1)
        span = point.day.isoformat(), last.isoformat()
        yield ("trend", "calls", *span, point.sums.calls, None)
        yield ("trend", "average quality", *span, _rounded(point.sums.quality), None)
        ratio = point.sums.talk_ratio
        yield ("trend", "agents' share of talk, percent", *span, None if ratio is None else _rounded(100 * ratio), None)
    for name, by_day in found.dispositions.items():
        for day, count in sorted(by_day.items()):
            last = min(day + timedelta(days=found.step), asked.until) - timedelta(days=1)
            yield ("dispositions set", name, day.isoformat(), last.isoformat(), count, None)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
