"""The reports in the OpenAPI document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from callwright.api import report_examples, report_models, rollup_examples, rollup_models
from callwright.api.openapi_parts import parameters, query, responses

ANSWERS = (
    *(report_models.SummaryData, report_models.IntentReportData, report_models.ConcernsData),
    *(report_models.PitchGapsData, report_models.TrendsData, report_models.DispositionsReportData),
    *(report_models.LeaderboardData, report_models.ContactsData, report_models.CallsBehindData),
)


@dataclass(frozen=True)
class _Report:
    """A report; `values` are an example of its query."""

    path: str
    operation: str
    answer: str
    example: dict[str, Any]
    summary: str
    description: str
    asked: TypeAdapter[Any] = report_models.REPORT_QUERY
    values: Mapping[str, str] = field(default_factory=lambda: report_examples.QUERY)


_LONG_TABLE = "A table has at most 10,000 rows; a `Link` leads to the next."
_REPORTS = (
    _Report(
        *("summary", "reportSummary", "SummaryData", report_examples.SUMMARY),
        summary="Ask what the calls of a period come to",
        description="Totals with those of as many days before, and sentences that say what stands out. The calls are "
        "those that ended on days of the period.",
    ),
    _Report(
        *("intent", "reportIntent", "IntentReportData", report_examples.INTENT),
        summary="Ask for the buying intent",
        description="How many calls had which intent, of how many it was not assessed, and how many failed.",
    ),
    _Report(
        *("concerns", "reportConcerns", "ConcernsData", report_examples.CONCERNS),
        summary="Ask what stood in the way",
        description="In how many calls each concern came up, the most frequent first.",
    ),
    _Report(
        *("pitch-gaps", "reportPitchGaps", "PitchGapsData", report_examples.PITCH_GAPS),
        summary="Ask for the agents' pitch gaps",
        description="How much of the points of each quality parameter was reached, the weakest first.",
    ),
    _Report(
        *("trends", "reportTrends", "TrendsData", report_examples.TRENDS),
        summary="Ask for the figures over time",
        description="Calls, quality, the agents' share of the talk and intents, step by step.",
    ),
    _Report(
        *("dispositions", "reportDispositions", "DispositionsReportData", report_examples.DISPOSITIONS),
        summary="Ask for dispositions over time",
        description="How often each was set, on the day of the call that brought it or of the request that set it.",
    ),
    _Report(
        *("leaderboard", "reportLeaderboard", "LeaderboardData", report_examples.LEADERBOARD),
        summary="Ask for the leaderboard",
        description="The figures of each agent, now and in as many days before. How agents speak is told by "
        "`reports/agents`.",
    ),
    _Report(
        *("contacts", "reportContacts", "ContactsData", report_examples.CONTACTS),
        summary="List the contacts of a period",
        description="Customers who had a call in it, by id, with what all of their calls come to. A page shows what "
        f"the pages before did not. {_LONG_TABLE}",
        asked=report_models.CONTACTS_QUERY,
        values=report_examples.CONTACTS_QUERY,
    ),
    _Report(
        *("calls", "reportCalls", "CallsBehindData", report_examples.CALLS),
        summary="List the calls behind a figure",
        description="Those that ended last first. A page shows what the pages before did not, whatever is sent "
        f"meanwhile. {_LONG_TABLE}",
        asked=report_models.ENDED_CALLS_QUERY,
        values=report_examples.CALLS_QUERY,
    ),
)


def paths(base: str) -> dict[str, Any]:
    """Every report below a path."""
    found = {each.path: _report(each) for each in _REPORTS} | {"agents": _agents()}
    for listing in ("contacts", "calls"):
        found[listing]["responses"]["200"]["headers"]["Link"] = {"$ref": "#/components/headers/Link"}
    return {f"{base}/reports/{path}": {"get": operation} for path, operation in found.items()}


def _report(told: _Report) -> dict[str, Any]:
    answers = responses(told.answer, told.example, 422, faults=report_examples.FAULTS)
    answers["200"]["content"]["text/csv"] = {"schema": {"type": "string"}, "example": report_examples.TABLES[told.path]}
    return {
        "operationId": told.operation,
        "summary": told.summary,
        "description": told.description,
        "tags": ["Reports"],
        "parameters": [*query(told.asked, told.values), *parameters()],
        "responses": answers,
    }


def _agents() -> dict[str, Any]:
    answers = responses("AgentsData", rollup_examples.AGENTS, 422, faults=rollup_examples.AGENTS_FAULTS)
    answers["200"]["content"]["text/csv"] = {"schema": {"type": "string"}, "example": rollup_examples.AGENTS_TABLE}
    return {
        "operationId": "reportAgents",
        "summary": "Ask how the agents spoke",
        "description": "Their calls that ended in the period, taken together: talk, interruptions, silences, "
        "pace, questions, quality and intents.",
        "tags": ["Reports"],
        "parameters": [*query(rollup_models.AGENTS_QUERY, rollup_examples.AGENTS_QUERY), *parameters()],
        "responses": answers,
    }
