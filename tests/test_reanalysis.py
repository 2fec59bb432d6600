"""Stored calls analysed again: what was before is kept, nobody is called back, and calls that come in go first."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from callwright import calls, db, queue, reanalysis, reports, results, rubrics
from callwright.analysis import Analysis, Conversation
from callwright.analysis.built_in import INSIDE_SALES, built_in
from callwright.analysis.rubric import Rubric
from callwright.analysis.rules import RulesAnalyser
from callwright.db import Pool, Scope
from callwright.errors import SetupError, StepFailed
from callwright.judging import judge
from callwright.reanalysis import Span, analyse_again
from callwright.reports import agents, contacts, judgeable
from callwright.transcription import Transcript
from callwright.transcription.conversation import from_partner
from submissions import onboard, scope, submission

SINCE = datetime(2025, 1, 1, tzinfo=UTC)
COLLECTIONS = replace(built_in("collections"), version=1)
INSIDE_SALES_1 = replace(INSIDE_SALES, version=1)


def transcript() -> Transcript:
    """A short call."""
    said = [
        ("agent", 0.0, 3.0, "Hello, this is Asha from Acme. Is this a good time?"),
        ("customer", 3.5, 5.0, "Yes, go on."),
        ("agent", 5.5, 9.0, "What do you use for your calls today?"),
        ("customer", 9.5, 14.0, "A spreadsheet. It is too expensive to lose calls, so please send me the offer."),
    ]
    return from_partner([{"speaker": s, "start": a, "end": b, "text": t} for s, a, b, t in said])  # type: ignore[typeddict-item]


async def judged_once(pool: Pool, *call_ids: str) -> Scope:
    """Completed calls, judged by the rubric in force."""
    whose = await scope(pool)
    await calls.accept(pool, whose, [submission(each, callback_url="https://x.example/hook") for each in call_ids])
    async with db.transaction(pool, whose.partner_id) as lent:
        rubric = await rubrics.current(lent, whose)
    analysis = await RulesAnalyser().analyse(Conversation((), (), 5.0), rubric)
    for call_id in call_ids:
        async with db.everywhere(pool) as lent:
            await results.save_transcript(lent, whose.partner_id, call_id, transcript())
            await results.save_analysis(lent, whose.partner_id, call_id, analysis)
            await lent.execute("UPDATE calls SET state = 'completed', callback_state = 'delivered', ended_at = now()")
            await lent.execute("DELETE FROM pgqueuer")
    return whose


@pytest.fixture
async def whose(pool: Pool) -> Scope:
    """The scope of five judged calls, in one of two subtenants."""
    await onboard(pool)
    return await judged_once(pool, *(f"c{n}" for n in range(5)))


async def again(pool: Pool, whose: Scope, rubric: Rubric, analyser: Any = None) -> dict[str, bool]:
    """Judge them again; what was told of each."""
    told: dict[str, bool] = {}
    await analyse_again(pool, analyser or RulesAnalyser(), Span(whose, rubric, SINCE, None), told.__setitem__)
    return told


async def test_the_new_analysis_is_current_and_the_one_before_is_kept(pool: Pool, rows: Pool, whose: Scope) -> None:
    before = {row["call_id"]: row for row in await rows.fetch("SELECT * FROM analyses")}
    assert await again(pool, whose, COLLECTIONS) == {f"c{n}": True for n in range(5)}
    for former in await rows.fetch("SELECT * FROM former_analyses"):
        assert former["analysis_no"] == 1
        assert {**former, "analysis_no": None} == {**before[former["call_id"]], "analysis_no": None}
    await again(pool, whose, INSIDE_SALES)
    async with db.transaction(pool, whose) as lent:
        call = await reports.read_call(lent, whose, "c1")
        analysis = await results.read_analysis(lent, whose.partner_id, "c1")
    assert analysis is not None
    assert (analysis.rubric, len(analysis.quality)) == ("inside-sales/0", len(INSIDE_SALES.parameters))
    history: Any = call["analysis_history"]
    assert [each["rubric"] for each in history] == ["collections/1", "inside-sales/0"], "the newest first"
    assert set(history[0]) == {"made_at", "engine", "version", "rubric", "intent", "intent_score", "quality_score"}
    assert history[0]["made_at"] > history[1]["made_at"]


async def test_it_is_judged_as_the_pipeline_judges(pool: Pool, whose: Scope) -> None:
    await again(pool, whose, COLLECTIONS)
    async with db.transaction(pool, whose) as lent:
        call = await judgeable.read_judgeable(lent, whose.partner_id, "c0")
        analysis = await results.read_analysis(lent, whose.partner_id, "c0")
    assert call is not None
    expected = await judge(RulesAnalyser(), transcript(), COLLECTIONS, call.start_time, call.end_time)
    assert analysis == expected
    assert any("the rest was not assessed" in note for note in expected.notes), "the recording is shorter than the call"


async def test_nobody_is_called_back_and_no_call_moves(pool: Pool, rows: Pool, whose: Scope) -> None:
    before = await rows.fetch("SELECT * FROM calls ORDER BY call_id")
    await again(pool, whose, COLLECTIONS)
    assert await rows.fetch("SELECT * FROM calls ORDER BY call_id") == before
    assert await rows.fetchval("SELECT count(*) FROM callbacks") == 0
    async with db.beside(pool) as lent:
        assert await lent.fetchval("SELECT count(*) FROM pgqueuer") == 0


async def test_the_customers_rollup_and_the_agents_report_go_by_the_new_analysis(pool: Pool, whose: Scope) -> None:
    async def told() -> tuple[Any, Any]:
        async with db.transaction(pool, whose) as lent:
            rollup = (await contacts.read_customer(lent, whose, "customer-1"))["rollup"]
            report: Any = await agents.read_agents(lent, whose, agents.Period(SINCE, datetime.max.replace(tzinfo=UTC)))
        return rollup, report["agents"][0]

    rollup, agent = await told()
    assert (rollup["objections"], agent["quality"]["calls"], agent["metrics"]["agent_questions"]) == ([], 0, None)
    await again(pool, whose, INSIDE_SALES_1)
    rollup, agent = await told()
    assert [(each["category"], each["calls"]) for each in rollup["objections"]] == [("Pricing", 5)]
    assert (agent["calls"]["total"], agent["quality"]["calls"], agent["metrics"]["agent_questions"]) == (5, 5, 10)
    before = {each["parameter_name"] for each in agent["quality"]["parameters"]}
    await again(pool, whose, COLLECTIONS)
    rollup, agent = await told()
    assert (rollup["calls"]["completed"], agent["calls"]["total"]) == (5, 5), "no call counts twice"
    assert "Identity Check" in {each["parameter_name"] for each in agent["quality"]["parameters"]} - before


async def test_what_is_judged_already_and_what_is_not_done_is_passed_over(pool: Pool, rows: Pool, whose: Scope) -> None:
    await rows.execute("UPDATE calls SET state = 'transcribed', ended_at = NULL WHERE call_id = 'c0'")
    await rows.execute("UPDATE calls SET start_time = '2024-12-31' WHERE call_id = 'c1'")
    assert await again(pool, whose, INSIDE_SALES) == {}
    assert await again(pool, whose, COLLECTIONS) == {"c2": True, "c3": True, "c4": True}
    assert await again(pool, whose, COLLECTIONS) == {}
    until = Span(whose, replace(COLLECTIONS, version=2), SINCE, datetime(2025, 6, 1, tzinfo=UTC))
    async with db.transaction(pool, whose) as lent:
        assert await judgeable.count_not_judged_by(lent, reanalysis.wanted(until, RulesAnalyser())) == 0


async def test_another_subtenants_calls_are_left_alone(pool: Pool, whose: Scope) -> None:
    other = await scope(pool, subtenant="other")
    assert await again(pool, other, COLLECTIONS) == {}


async def test_a_newer_version_of_the_engine_judges_again(pool: Pool, whose: Scope) -> None:
    newer = RulesAnalyser()
    newer.version = "rules-newer"
    assert len(await again(pool, whose, INSIDE_SALES, newer)) == 5


class Engine:
    """Fails as it is told, else judges as the rules do."""

    name, version = "rules", "rules-test"

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)

    async def analyse(self, conversation: Conversation, rubric: Rubric) -> Analysis:
        failure = self.failures.pop(0) if self.failures else None
        if failure:
            raise failure
        return replace(RulesAnalyser().judge(conversation, rubric), version=self.version)


async def test_rules_in_the_place_of_a_model_are_kept_once(pool: Pool, rows: Pool, whose: Scope) -> None:
    class Away(RulesAnalyser):
        name = "llm"  # what the command asks for, and what never answers in its schema

        def judge(self, conversation: Conversation, rubric: Rubric) -> Analysis:
            return replace(super().judge(conversation, rubric), engine="rules")

    for _ in range(2):
        assert await again(pool, whose, COLLECTIONS, Away()) == {f"c{n}": True for n in range(5)}, "it is tried again"
    assert await rows.fetchval("SELECT count(*) FROM former_analyses") == 5, "what says the same is no history"


async def test_two_at_the_same_time_keep_each_result_once(pool: Pool, rows: Pool, whose: Scope) -> None:
    told = await asyncio.gather(*(again(pool, whose, COLLECTIONS, Engine()) for _ in range(3)))
    assert all(any(each.get(f"c{n}") for each in told) for n in range(5))
    kept = await rows.fetch("SELECT call_id, rubric FROM former_analyses ORDER BY 1")
    assert [tuple(row) for row in kept] == [(f"c{n}", INSIDE_SALES.label) for n in range(5)], "whoever came second"


async def test_a_call_that_cannot_be_judged_keeps_what_it_has(pool: Pool, rows: Pool, whose: Scope) -> None:
    told = await again(pool, whose, COLLECTIONS, Engine(StepFailed("analysis_failed", "No.")))
    assert sorted(told.values()) == [False, True, True, True, True]
    assert await rows.fetchval("SELECT count(*) FROM former_analyses") == 4
    assert len(await again(pool, whose, COLLECTIONS, Engine())) == 1


async def test_an_engine_that_is_away_is_waited_for_and_then_given_up(
    pool: Pool, rows: Pool, whose: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reanalysis, "ENGINE_WAITS", (0.0, 0.0))
    away = StepFailed("analysis_failed", "The model does not answer.", ours=True)
    assert len(await again(pool, whose, COLLECTIONS, Engine(away, None, away))) == 5
    with pytest.raises(SetupError, match="The model does not answer"):
        await again(pool, whose, INSIDE_SALES, Engine(*[away] * 20))
    assert await rows.fetchval("SELECT count(*) FROM former_analyses") == 5, "what was done is kept"


async def test_calls_that_wait_for_their_analysis_go_first(
    pool: Pool, whose: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with db.transaction(pool, whose.partner_id) as lent:
        await queue.enqueue(lent, "analyse", whose.partner_id, "live", delay=-5)
    async with db.beside(pool) as lent:
        assert await queue.is_behind(lent, "analyse", 1)
        assert not await queue.is_behind(lent, "analyse", 60)
        assert not await queue.is_behind(lent, "fetch", 1)
    slept: list[float] = []
    elsewhere = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds != 0.5:  # somebody else's: the module is everybody's
            await elsewhere(seconds)
            return
        slept.append(seconds)
        if len(slept) == 3:  # the worker has taken it
            async with db.beside(pool) as lent:
                await lent.execute("DELETE FROM pgqueuer")

    monkeypatch.setattr("callwright.reanalysis.asyncio.sleep", sleep)
    assert len(await again(pool, whose, COLLECTIONS)) == 5
    assert slept == [0.5] * 3
    async with db.transaction(pool, whose.partner_id) as lent:
        await queue.enqueue(lent, "analyse", whose.partner_id, "live", delay=-5)
    slept[:] = [0.0] * 10
    assert len(await again(pool, whose, INSIDE_SALES)) == 5, "under steady load it does not stand still"
    assert sum(slept) == 3 * reanalysis.MOST_GIVEN_WAY


async def test_a_call_that_is_gone_meanwhile_stays_gone(pool: Pool, rows: Pool, whose: Scope) -> None:
    class Slow(Engine):
        async def analyse(self, conversation: Conversation, rubric: Rubric) -> Analysis:
            await rows.execute("DELETE FROM analyses WHERE call_id = 'c0'")
            return await super().analyse(conversation, rubric)

    told = await again(pool, whose, COLLECTIONS, Slow())
    assert told["c0"] is False
    assert await rows.fetchval("SELECT count(*) FROM former_analyses WHERE call_id = 'c0'") == 0
