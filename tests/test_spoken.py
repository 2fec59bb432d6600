"""Insights in words: true where they are said, with their counts, and silent where there is too little to say it of."""

from datetime import date
from typing import Any

import pytest

from callwright import rollups
from callwright.reports import spoken
from callwright.reports.asked import Asked
from callwright.reports.insights import AgentLine, Concern, Gap, Overview, Sums, Totals
from callwright.reports.spoken import in_words, percent
from docs.pages import page

MONTH = Asked(date(2026, 10, 26), date(2026, 11, 25))


def totals(calls: int = 100, **changes: Any) -> Totals:
    """Calls of which nothing stands out."""
    labels = dict.fromkeys(rollups.LABELS, 0) | {"INTERESTED": calls // 5, "NEUTRAL": calls - calls // 5}
    plain: dict[str, Any] = {
        "calls": calls, "engaged": calls, "milliseconds": calls * 300_000, "sided_ms": calls * 200_000,
        "agent_ms": calls * 100_000, "quality_sum": calls * 70, "quality_calls": calls, "labels": labels,
        "contacts": calls, "assessed_contacts": calls, "assessed": calls, "interested": calls // 5,
        "label_contacts": {"INTERESTED": calls // 5},
    }  # fmt: skip
    return Totals(**{**plain, **changes})


def overview(now: Totals | None = None, before: Totals | None = None, **changes: Any) -> Overview:
    plain: dict[str, Any] = {"trend": [], "concerns": [], "gaps": [], "dispositions": {}, "agents": []}
    return Overview(MONTH, 1, now or totals(), before or totals(), **{**plain, **changes})


def agent(name: str, assessed: int, interested: int) -> AgentLine:
    return AgentLine(name, None, Sums(calls=assessed, assessed=assessed, interested=interested), Sums())


def labels(**counts: int) -> dict[str, int]:
    return dict.fromkeys(rollups.LABELS, 0) | counts


SAID = {
    "Only 2.4 % of customers showed high intent (3 of 124).": overview(
        totals(100, assessed_contacts=124, label_contacts={"INTERESTED": 3})
    ),
    "No customers showed high intent (0 of 20).": overview(totals(assessed_contacts=20, label_contacts={})),
    "34 % of customers showed high intent (34 of 100).": overview(totals(label_contacts={"INTERESTED": 34})),
    "Calls are up 34 % on the 30 days before (412 against 307).": overview(totals(412), totals(307)),
    "Calls are down 50 % on the 30 days before (50 against 100).": overview(totals(50)),
    "Quality fell from 70 to 60 against the 30 days before (100 calls judged).": overview(totals(quality_sum=6_000)),
    "Only 39 % of calls lasted over 2 minutes (39 of 100).": overview(totals(engaged=39)),
    "Pricing stood in the way in 15 % of calls (15 of 100).": overview(concerns=[Concern("Pricing", 15)]),
    "Agents reach 42 % of the points for Closing (38 calls judged).": overview(
        gaps=[Gap("Rare", 0.1, 3), Gap("Closing", 0.42, 38)]
    ),
    "Agents speak 71 % of the time (of 5.6 hours of talk).": overview(totals(agent_ms=14_200_000)),
    "one found interest in 40 % of calls (4 of 10); all agents in 20 %.": overview(
        agents=[agent("one", 10, 4), agent("two", 90, 16)]
    ),
    "The intent of 25 % of calls was not assessed (25 of 100).": overview(
        totals(labels=labels(NEUTRAL=60, INTERESTED=15, NOT_ASSESSED=25))
    ),
    "5 % of calls could not be processed (5 of 100).": overview(
        totals(labels=labels(NEUTRAL=80, INTERESTED=15, FAILED=5))
    ),
}


@pytest.mark.parametrize("sentence", SAID)
def test_what_stands_out_is_said_with_its_counts(sentence: str) -> None:
    assert [each.text for each in in_words(SAID[sentence])] == [sentence]


def test_nothing_stands_out_of_an_ordinary_month() -> None:
    assert in_words(overview()) == []


def test_few_calls_say_nothing() -> None:
    few = totals(
        19, engaged=0, agent_ms=19 * 200_000, labels=labels(FAILED=10, NOT_ASSESSED=9), assessed_contacts=19,
        label_contacts={},
    )  # fmt: skip
    agents = [agent("one", 9, 9), agent("two", 9, 0)]
    found = overview(few, totals(19), concerns=[Concern("Pricing", 9)], gaps=[Gap("Closing", 0.0, 19)], agents=agents)
    assert in_words(found) == []


def test_each_sentence_leads_to_its_figure_and_its_calls() -> None:
    by_figure = {figure.figure: figure.calls for found in SAID.values() for figure in in_words(found)}
    assert by_figure["concerns"] == {"concern": "Pricing"}
    assert by_figure["gaps"] == {"parameter": "Closing"}
    assert by_figure["engaged"] == {"engaged": "yes"}
    assert by_figure["leaderboard"] == {"agent_id": "one", "intent": "INTERESTED"}
    assert {"intent", "calls", "talk", "quality"} < by_figure.keys()


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "0 %"),
        (0.024, "2.4 %"),
        (0.05, "5 %"),
        (0.0996, "10 %"),
        (0.1, "10 %"),
        (1.0, "100 %"),
        (0.0004, "0.04 %"),
    ],
)
def test_shares_are_written_as_people_do(share: float, said: str) -> None:
    assert percent(share) == said


def test_the_page_on_rollups_says_from_when_on() -> None:
    text = " ".join(page("docs/explanation/rollups.md").split())
    assert f"fewer than {spoken.LOW_INTEREST:.0%} or at least {spoken.HIGH_INTEREST:.0%}".replace("%", " %") in text
    assert f"quality by {spoken.CHANGE_OF_QUALITY:g} points" in text
    assert f"more than {100 * spoken.MUCH_TALK:g} % of the time" in text
    assert f"interested {spoken.STANDS_OUT} times as often as all" in text
    assert f"A sentence needs {spoken.LEAST_CALLS} calls or contacts, one on an agent {spoken.LEAST_OF_AGENT}" in text
