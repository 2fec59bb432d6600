"""Stored calls that are analysed again: nothing is transcribed, nobody is called back, and calls that come in go first.

What is judged already is passed over, and each call is one transaction: the work can be broken off anywhere and begun
again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from callwright import db, queue, results
from callwright.analysis import Analysis
from callwright.analysis.engine import Analyser
from callwright.analysis.rubric import Rubric
from callwright.db import Pool, Scope
from callwright.errors import SetupError, StepFailed
from callwright.judging import judge
from callwright.reports import judgeable
from callwright.reports.judgeable import Judgeable, NotJudgedBy

log = structlog.get_logger()

AT_A_TIME = 2
"""Calls, beside the eight that a worker analyses."""

PAGE = 500

BEHIND_SECONDS = 1.0
"""A call that comes in and has waited for its analysis for longer goes first."""

MOST_GIVEN_WAY = 5.0
"""Seconds that are given way for at a time, so that under steady load the work is slow and does not stand still."""

ENGINE_WAITS = (5.0, 20.0, 60.0)
"""Seconds to wait for an engine that is away before each further try."""


@dataclass(frozen=True, slots=True)
class Span:
    """Calls of a subtenant that began in a span of time, and the rubric that they are to be judged by."""

    scope: Scope
    rubric: Rubric
    since: datetime
    until: datetime | None


def wanted(span: Span, analyser: Analyser) -> NotJudgedBy:
    """Those of them that are not judged by this rubric and engine yet."""
    return NotJudgedBy(span.scope, span.since, span.until, analyser.name, analyser.version, span.rubric.label)


async def analyse_again(pool: Pool, analyser: Analyser, span: Span, done: Callable[[str, bool], None]) -> None:
    """Judge the calls of a span that are not judged by its rubric yet.

    Args:
        pool: The database.
        analyser: The engine.
        span: Which calls, and by what.
        done: Is told of each call when it has been seen to, and whether it has an analysis by this rubric now.

    Raises:
        SetupError: The engine stayed away.
        Unavailable: The database is away.
    """
    after = ""
    while True:
        async with db.transaction(pool, span.scope) as connection:
            page = await judgeable.list_not_judged_by(connection, wanted(span, analyser), after=after, most=PAGE)
        if not page:
            return
        after = page[-1]
        for first in range(0, len(page), AT_A_TIME):
            await _give_way(pool)
            some = page[first : first + AT_A_TIME]
            came = await asyncio.gather(*(_one(pool, analyser, span, each) for each in some), return_exceptions=True)
            for call_id, outcome in zip(some, came, strict=True):
                if isinstance(outcome, BaseException):
                    raise outcome
                done(call_id, outcome)


async def _give_way(pool: Pool) -> None:
    given = 0.0
    while given < MOST_GIVEN_WAY:
        async with db.beside(pool) as connection:
            if not await queue.is_behind(connection, "analyse", BEHIND_SECONDS):
                return
        await asyncio.sleep(0.5)
        given += 0.5


async def _one(pool: Pool, analyser: Analyser, span: Span, call_id: str) -> bool:
    partner_id = span.scope.partner_id
    async with db.transaction(pool, partner_id) as connection:
        call = await judgeable.read_judgeable(connection, partner_id, call_id)
    if call is None:
        return False
    try:
        analysis = await _judged(analyser, call, span.rubric)
    except StepFailed as failure:
        log.warning("call not analysed again", call_id=call_id, partner_id=partner_id, reason=str(failure))
        return False
    if (analysis.engine, analysis.version, analysis.rubric) == call.judged_by:
        return True  # the rules in the place of a language model, once more: they would say the same
    async with db.transaction(pool, partner_id) as connection:
        return await results.replace_analysis(connection, partner_id, call_id, analysis, made_at=call.made_at)


async def _judged(analyser: Analyser, call: Judgeable, rubric: Rubric) -> Analysis:
    for wait in (*ENGINE_WAITS, None):
        try:
            return await judge(analyser, call.transcript, rubric, call.start_time, call.end_time)
        except StepFailed as failure:
            if not (failure.retry or failure.ours):
                raise
            if wait is None:
                raise SetupError(
                    f"The analysis engine is away: {failure.message}",
                    "Run the same command again when it is back; what is done is kept, and is not done again",
                ) from failure
            await asyncio.sleep(max(wait, min(failure.retry_after or 0.0, 300.0)))
    raise AssertionError("the last try returns or raises")
