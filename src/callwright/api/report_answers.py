"""The figures of the dashboard in the words of the API, and as the rows of a table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from fastapi.responses import Response

from callwright import rollups
from callwright.api.envelope import success
from callwright.reports.asked import Asked
from callwright.reports.call_list import EndedCall
from callwright.reports.contact_list import Contact
from callwright.reports.insights import AgentLine, Overview, Sums, Totals
from callwright.reports.spoken import in_words
from callwright.spreadsheet import table

FIGURES = (
    *("calls", "engaged_calls", "average_seconds", "talk_seconds", "talk_ratio", "quality_average", "quality_calls"),
    *("intent_score_average", "assessed", "interested"),
)
_TOTALS = (*FIGURES, "completed", "failed", "contacts")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a report says.

    Attributes:
        data: As JSON, without the period.
        columns: Of the table.
        rows: Of the table; each has the columns, and may have more.
    """

    data: dict[str, object]
    columns: Sequence[str]
    rows: Iterable[Mapping[str, Any]]


def written(name: str, answer: Answer, asked: Asked, time_zone: str, *, as_table: bool) -> Response:
    """Write an answer as JSON with its period, or as a file of a name."""
    if as_table:
        rows = ([_cell(row[column]) for column in answer.columns] for row in answer.rows)
        return table(f"{name}.csv", answer.columns, rows)
    return success({**_days(asked.since, asked.until), "time_zone": time_zone, **answer.data})


def summary(found: Overview) -> Answer:
    """The totals, those of the period before, and the words."""
    now, before = _totals(found.now), _totals(found.before)
    words = [
        {"text": each.text, "figure": each.figure, "tone": each.tone, "calls": each.calls} for each in in_words(found)
    ]
    days_before = _days(found.asked.before.since, found.asked.before.until)
    rows = [{"figure": name, "now": now[name], "before": before[name]} for name in _TOTALS]
    data: dict[str, object] = {"now": now, "before": {**days_before, **before}, "words": words}
    return Answer(data, ("figure", "now", "before"), rows)


def intents(found: Overview) -> Answer:
    """The calls by intent."""
    rows = [
        {
            "intent": label,
            "calls": found.now.labels[label],
            "share": _share(found.now.labels[label], found.now.calls),
            "contacts": found.now.label_contacts.get(label, 0),
            "calls_before": found.before.labels[label],
        }
        for label in rollups.LABELS
    ]
    return _listed("intents", rows, "intent", "calls", "share", "contacts", "calls_before")


def concerns(found: Overview) -> Answer:
    """What stood in the way."""
    rows = [
        {"concern": each.name, "calls": each.calls, "share": _share(each.calls, found.now.completed)}
        for each in found.concerns
    ]
    return _listed("concerns", rows, "concern", "calls", "share")


def pitch_gaps(found: Overview) -> Answer:
    """The quality parameters, the weakest first."""
    rows = [{"parameter_name": gap.name, "share": round(gap.share, 4), "calls": gap.calls} for gap in found.gaps]
    return _listed("pitch_gaps", rows, "parameter_name", "share", "calls")


def trends(found: Overview) -> Answer:
    """Every step of the period, with or without calls."""
    points = {point.day: point.sums for point in found.trend}
    days = range(0, (found.asked.until - found.asked.since).days, found.step)
    firsts = [found.asked.since + timedelta(days=each) for each in days]
    rows = [{**_step(found, first), **_figures(points.get(first, Sums()))} for first in firsts]
    return Answer({"days_of_a_step": found.step, "points": rows}, ("first_day", "last_day", *FIGURES), rows)


def dispositions(found: Overview) -> Answer:
    """How often each disposition was set, by step."""
    lines = [
        {
            "disposition": name,
            "times": sum(by_day.values()),
            "points": [{**_step(found, day), "times": times} for day, times in sorted(by_day.items())],
        }
        for name, by_day in found.dispositions.items()
    ]
    rows = [
        {"disposition": name, **_step(found, day), "times": times}
        for name, by_day in found.dispositions.items()
        for day, times in sorted(by_day.items())
    ]
    columns = ("disposition", "first_day", "last_day", "times")
    return Answer({"days_of_a_step": found.step, "dispositions": lines}, columns, rows)


def leaderboard(found: Sequence[AgentLine]) -> Answer:
    """The agents, now and in the period before."""
    lines: list[dict[str, Any]] = [
        {"agent_id": each.agent_id, "name": each.name, "now": _figures(each.now), "before": _figures(each.before)}
        for each in found
    ]
    rows = [
        {**line, **line["now"], **{f"{name}_before": value for name, value in line["before"].items()}} for line in lines
    ]
    columns = ("agent_id", "name", *FIGURES, *(f"{name}_before" for name in FIGURES))
    return Answer({"agents": lines}, columns, rows)


def contacts(found: Sequence[Contact], cursor: str | None) -> Answer:
    """A page of contacts."""
    return _page("contacts", found, Contact, cursor)


def calls(found: Sequence[EndedCall], cursor: str | None) -> Answer:
    """A page of calls."""
    return _page("calls", found, EndedCall, cursor)


def _page(
    name: str, found: Sequence[Contact | EndedCall], kind: type[Contact | EndedCall], cursor: str | None
) -> Answer:
    columns = kind.__slots__
    rows = [{column: _rounded(getattr(each, column), 2) for column in columns} for each in found]
    return Answer({name: rows, "next_cursor": cursor}, columns, rows)


def _listed(name: str, rows: list[dict[str, Any]], *columns: str) -> Answer:
    return Answer({name: rows}, columns, rows)


def _figures(sums: Sums) -> dict[str, Any]:
    return {
        "calls": sums.calls,
        "engaged_calls": sums.engaged,
        "average_seconds": _rounded(sums.seconds, 1),
        "talk_seconds": _rounded(sums.talk_seconds, 3),
        "talk_ratio": _rounded(sums.talk_ratio, 3),
        "quality_average": _rounded(sums.quality, 1),
        "quality_calls": sums.quality_calls,
        "intent_score_average": _rounded(sums.score, 1),
        "assessed": sums.assessed,
        "interested": sums.interested,
    }


def _totals(totals: Totals) -> dict[str, Any]:
    failed = totals.labels[rollups.FAILED]
    return {**_figures(totals), "completed": totals.completed, "failed": failed, "contacts": totals.contacts}


def _step(found: Overview, first: date) -> dict[str, object]:
    return _days(first, min(first + timedelta(days=found.step), found.asked.until))


def _days(since: date, until: date) -> dict[str, object]:
    return {"first_day": since, "last_day": until - timedelta(days=1)}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _rounded(value: object, digits: int) -> object:
    return round(value, digits) if isinstance(value, float) else value


def _cell(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else value
