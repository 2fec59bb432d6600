"""Insights in words: sentences that figures make true, each with the counts it rests on and the calls behind it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from callwright.reports.insights import Overview

# From when on a figure is worth a sentence is our own choice; fewer calls than these say nothing.
LEAST_CONTACTS = 20
LEAST_CALLS = 20
LEAST_OF_AGENT = 10
LOW_INTEREST, HIGH_INTEREST = 0.10, 0.30
CHANGE_OF_CALLS = 0.20
CHANGE_OF_QUALITY = 5.0
LOW_ENGAGED = 0.40
COMMON_CONCERN = 0.15
LOW_SHARE_OF_POINTS = 0.60
MUCH_TALK = 0.65
MANY_NOT_ASSESSED = 0.25
MANY_FAILED = 0.05
STANDS_OUT = 1.5
"""So much more often than the team are an agent's customers interested, or the other way round."""

Tone = Literal["good", "warning", "neutral"]


@dataclass(frozen=True, slots=True)
class Insight:
    """A sentence.

    Attributes:
        text: With its counts.
        figure: The part of the dashboard that it rests on.
        tone: How it is meant.
        calls: The filter of the calls behind it, as names of `Asked` and of `call_list.Wanted`; empty for all calls.
    """

    text: str
    figure: Literal["calls", "intent", "engaged", "concerns", "gaps", "talk", "quality", "leaderboard"]
    tone: Tone
    calls: dict[str, str] = field(default_factory=dict)


def in_words(found: Overview) -> list[Insight]:
    """Say what stands out; nothing where there are too few calls to say it of."""
    return [*_interest(found), *_changes(found), *_conversation(found), *_agents(found), *_left_out(found)]


def percent(share: float) -> str:
    """A share as people write it: two figures that count, and whole percents from ten on."""
    value = 100 * share
    digits = 0 if value >= 9.95 or not value else 1 if value >= 0.095 else 2
    written = f"{value:.{digits}f}"
    return f"{written.rstrip('0').rstrip('.') if digits else written} %"


def _interest(found: Overview) -> Iterator[Insight]:
    contacts, interested = found.now.assessed_contacts, found.now.label_contacts.get("INTERESTED", 0)
    if contacts < LEAST_CONTACTS:
        return
    share, calls = interested / contacts, {"intent": "INTERESTED"}
    counts = f"({interested:,} of {contacts:,})"
    if share < LOW_INTEREST:
        only = f"Only {percent(share)} of" if interested else "No"
        yield Insight(f"{only} customers showed high intent {counts}.", "intent", "warning", calls)
    elif share >= HIGH_INTEREST:
        yield Insight(f"{percent(share)} of customers showed high intent {counts}.", "intent", "good", calls)


def _changes(found: Overview) -> Iterator[Insight]:
    now, before = found.now, found.before
    days = (found.asked.until - found.asked.since).days
    period = "the day before" if days == 1 else f"the {days} days before"
    if before.calls >= LEAST_CALLS and abs(change := now.calls / before.calls - 1) >= CHANGE_OF_CALLS:
        which: tuple[str, Tone] = ("up", "good") if change > 0 else ("down", "warning")
        counts = f"({now.calls:,} against {before.calls:,})"
        yield Insight(f"Calls are {which[0]} {percent(abs(change))} on {period} {counts}.", "calls", which[1])
    if min(now.quality_calls, before.quality_calls) >= LEAST_CALLS and now.quality and before.quality is not None:
        points = now.quality - before.quality
        if abs(points) >= CHANGE_OF_QUALITY:
            which = ("rose", "good") if points > 0 else ("fell", "warning")
            yield Insight(
                f"Quality {which[0]} from {before.quality:.0f} to {now.quality:.0f} against {period} "
                f"({now.quality_calls:,} calls judged).",
                "quality",
                which[1],
            )


def _conversation(found: Overview) -> Iterator[Insight]:
    now = found.now
    if now.calls >= LEAST_CALLS and now.engaged / now.calls < LOW_ENGAGED:
        share = percent(now.engaged / now.calls)
        text = f"Only {share} of calls lasted over 2 minutes ({now.engaged:,} of {now.calls:,})."
        yield Insight(text, "engaged", "warning", {"engaged": "yes"})
    if found.concerns and now.completed >= LEAST_CALLS:
        first = found.concerns[0]
        if first.calls / now.completed >= COMMON_CONCERN:
            share = percent(first.calls / now.completed)
            text = f"{first.name} stood in the way in {share} of calls ({first.calls:,} of {now.completed:,})."
            yield Insight(text, "concerns", "neutral", {"concern": first.name})
    gaps = [gap for gap in found.gaps if gap.calls >= LEAST_CALLS and gap.share < LOW_SHARE_OF_POINTS]
    if gaps:
        gap = gaps[0]
        text = f"Agents reach {percent(gap.share)} of the points for {gap.name} ({gap.calls:,} calls judged)."
        yield Insight(text, "gaps", "warning", {"parameter": gap.name})
    if now.calls >= LEAST_CALLS and now.talk_ratio is not None and now.talk_ratio > MUCH_TALK:
        hours = now.sided_ms / 3_600_000
        text = f"Agents speak {percent(now.talk_ratio)} of the time (of {hours:,.1f} hours of talk)."
        yield Insight(text, "talk", "warning")


def _agents(found: Overview) -> Iterator[Insight]:
    lines = [line for line in found.agents if line.now.assessed >= LEAST_OF_AGENT]
    assessed, interested = found.now.assessed, found.now.interested
    if len(lines) < 2 or assessed < LEAST_CALLS or not interested:
        return
    team = interested / assessed
    best = max(lines, key=lambda line: (line.now.interest or 0, line.now.assessed))
    if best.now.interest and best.now.interest >= STANDS_OUT * team:
        counts = f"({best.now.interested:,} of {best.now.assessed:,})"
        yield Insight(
            f"{best.name or best.agent_id} found interest in {percent(best.now.interest)} of calls {counts}; "
            f"all agents in {percent(team)}.",
            "leaderboard",
            "good",
            {"agent_id": best.agent_id, "intent": "INTERESTED"},
        )


def _left_out(found: Overview) -> Iterator[Insight]:
    now = found.now
    failed, silent = now.labels["FAILED"], now.labels["NOT_ASSESSED"]
    if now.completed >= LEAST_CALLS and silent / now.completed >= MANY_NOT_ASSESSED:
        share = percent(silent / now.completed)
        text = f"The intent of {share} of calls was not assessed ({silent:,} of {now.completed:,})."
        yield Insight(text, "intent", "neutral", {"intent": "NOT_ASSESSED"})
    if now.calls >= LEAST_CALLS and failed / now.calls >= MANY_FAILED:
        text = f"{percent(failed / now.calls)} of calls could not be processed ({failed:,} of {now.calls:,})."
        yield Insight(text, "calls", "warning", {"intent": "FAILED"})
