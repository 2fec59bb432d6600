"""Analyses, and calls that have ended with one, for tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from callwright import calls, results
from callwright.analysis import (
    Action,
    Analysis,
    Bant,
    Chapter,
    Metrics,
    Qualification,
    QualityScore,
    Statement,
)
from callwright.db import Pool, Scope, transaction
from submissions import submission

DAY = datetime(2026, 1, 1, 10, tzinfo=UTC)
NOTHING_SAID = Bant()
METRICS = Metrics(60.0, 40.0, 0.6, 20.0, 2, 1, 10.0, 0.8)


def judged(name: str, reached: int | None, maximum: int = 10) -> QualityScore:
    """One parameter of the scorecard."""
    status = "Not Applicable" if reached is None else "Partially Done"
    return QualityScore(name, "Why.", None, reached, maximum, status, is_fatal=False, turns=(0,))  # type: ignore[arg-type]


def analysis(**changes: Any) -> Analysis:
    """What a call means; `changes` by the names of `Analysis`."""
    plain = Analysis(
        engine="rules",
        version="rules-1",
        model=None,
        draft=False,
        intent="INTERESTED",
        intent_score=74,
        intent_justification="They asked for an offer.",
        intent_turns=(3,),
        summary=(Chapter("Pricing", "The price was discussed.", (1, 2)),),
        bant=Bant(
            needs=Statement("Fewer missed callbacks", (1,)),
            objection=Statement("Too expensive", (2,)),
            concern_categories=Statement("Pricing", (2,)),
            objection_handling=Statement("A monthly plan", (4,)),
        ),
        qualification=(Qualification("Budget", "5,000", (5,)), Qualification("Authority", "The CFO", (6,))),
        quality=(judged("Setting Context", 8), judged("Courtesy", None, 5), judged("Listening", 5, 5)),
        quality_score=82,
        metrics=METRICS,
        talking_points=(Statement("They compare two vendors.", (7,)),),
        suggested_actions=(Action("Send the offer.", "agent", "by Friday", (8,), "2026-01-09"),),
        rubric="inside-sales/0",
    )
    return replace(plain, **changes)


async def accept(pool: Pool, whose: Scope, call_id: str, *, day: float = 0, seconds: float = 600, **sent: Any) -> None:
    """Accept a call that began so many days after `DAY`."""
    start = DAY + timedelta(days=day)
    times = {"start_time": start.isoformat(), "end_time": (start + timedelta(seconds=seconds)).isoformat()}
    await calls.accept(pool, whose, [submission(call_id, **{**times, **sent})])


async def end(pool: Pool, whose: Scope, call_id: str, made: Analysis | None) -> None:
    """End a call that was received: with an analysis as completed, else as failed."""
    async with transaction(pool, whose.partner_id) as connection:
        call = await calls.begin_step(connection, whose.partner_id, call_id, "received")
        assert call is not None
        if made is None:
            assert await calls.fail(connection, call, "recording_not_audio", "Nothing in it.")
        else:
            assert await calls.move(connection, call.partner_id, [(call, "completed")])
            await results.save_analysis(connection, whose.partner_id, call_id, made)


async def ended(pool: Pool, whose: Scope, call_id: str, made: Analysis | None, **sent: Any) -> None:
    """A call that came in and has ended."""
    await accept(pool, whose, call_id, **sent)
    await end(pool, whose, call_id, made)
