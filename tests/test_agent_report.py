"""The report on agents: each measure put together as its kind demands, nothing made up that was not assessed."""

from dataclasses import fields
from datetime import timedelta
from typing import Any

from callwright import db
from callwright.analysis import Metrics
from callwright.db import Pool, Scope
from callwright.reports import agents
from judged import DAY, NOTHING_SAID, analysis, ended, judged
from submissions import onboard, scope


async def report(pool: Pool, whose: Scope, *, days: tuple[float, float] = (0, 30), agent_id: str | None = None) -> Any:
    since, until = (DAY + timedelta(days=day) for day in days)
    async with db.transaction(pool, whose) as connection:
        return await agents.read_agents(connection, whose, agents.Period(since, until, agent_id))


async def test_measures_are_put_together_as_their_kind_demands(pool: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    short = Metrics(30.0, 10.0, 0.75, 12.0, 1, 0, 2.0, 0.4)
    long = Metrics(100.0, 300.0, 0.25, 80.0, 2, 5, 30.0, 1.0)
    third = Metrics(10.0, 10.0, 0.5, 5.0, 0, 0, 0.0, 0.8)
    for name, metrics in (("short", short), ("long", long), ("third", third)):
        await ended(pool, whose, name, analysis(metrics=metrics), agent_name="Asha")
    await ended(pool, whose, "failed", None)
    [agent] = (await report(pool, whose))["agents"]
    assert (agent["agent_id"], agent["name"]) == ("agent-1", "Asha")
    assert agent["calls"] == {"total": 4, "completed": 3, "failed": 1}
    found = agent["metrics"]
    assert list(found) == list(agents.MEASURES)
    assert (found["agent_talk_seconds"], found["customer_talk_seconds"]) == (140.0, 320.0)
    assert found["talk_ratio"] == round(140 / 460, 3), "of the sums, no mean of shares"
    assert found["longest_monologue_seconds"] == 80.0
    assert (found["agent_interruptions"], found["customer_interruptions"]) == (3, 5)
    assert found["silence_seconds"] == 32.0
    assert found["response_latency_seconds"] == 0.8, "the median of the calls"
    assert agent["assessed"]["talk_ratio"] == 3


async def test_what_no_call_assessed_is_null_and_what_some_did_says_so(pool: Pool, rows: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    for name in ("old", "new", "newer"):
        await ended(pool, whose, name, analysis(metrics=Metrics(60.0, 30.0, 2 / 3, 9.0, 0, 0, 1.0, None)))
    [agent] = (await report(pool, whose))["agents"]
    unknown = [name for name, value in agent["metrics"].items() if value is None]
    assert {"agent_questions", "agent_words_per_minute", "silences", "response_latency_seconds"} <= set(unknown)
    assert {agent["assessed"][name] for name in unknown} == {0}
    for name, words, talk in (("new", 120, 60), ("newer", 180, 120)):
        await rows.execute(
            """
            UPDATE ended_calls SET metrics = metrics || jsonb_build_object(
                'agent_questions', 4, 'silences', 0, 'agent_words_per_minute', $2::int, 'agent_talk_seconds', $3::int)
            WHERE call_id = $1
            """,
            *(name, words, talk),
        )
    [agent] = (await report(pool, whose))["agents"]
    assert (agent["metrics"]["agent_questions"], agent["assessed"]["agent_questions"]) == (8, 2)
    assert (agent["metrics"]["silences"], agent["assessed"]["silences"]) == (0, 2)
    assert agent["metrics"]["agent_words_per_minute"] == 160.0, "by the talk time of the two calls that have a rate"


async def test_where_nobody_knows_who_speaks_nothing_is_laid_to_the_agent(pool: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    await ended(pool, whose, "one voice", analysis(metrics=Metrics(500.0, 0.0, None, 500.0, 9, 9, 7.0, 3.0)))
    [agent] = (await report(pool, whose))["agents"]
    known = {name: value for name, value in agent["metrics"].items() if value is not None}
    assert known == {"silence_seconds": 7.0}
    await ended(pool, whose, "two voices", analysis(metrics=Metrics(30.0, 10.0, 0.75, 12.0, 1, 0, 2.0, 0.4)))
    [agent] = (await report(pool, whose))["agents"]
    assert (agent["metrics"]["agent_talk_seconds"], agent["metrics"]["silence_seconds"]) == (30.0, 9.0)


async def test_quality_and_intents(pool: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    await ended(pool, whose, "one", analysis(quality=(judged("Pitch", 10), judged("Tone", None)), quality_score=100))
    again = (judged("Pitch", 1, 5), judged("Tone", 3, 4))
    await ended(pool, whose, "two", analysis(quality=again, quality_score=50, intent="NEUTRAL"))
    await ended(pool, whose, "three", analysis(quality=(), quality_score=None, intent=None, bant=NOTHING_SAID))
    await ended(pool, whose, "failed", None)
    [agent] = (await report(pool, whose))["agents"]
    assert agent["quality"] == {
        "average": 75.0,
        "calls": 2,
        "parameters": [
            {"parameter_name": "Pitch", "score": 73.3, "calls": 2},  # 11 of 15
            {"parameter_name": "Tone", "score": 75.0, "calls": 1},
        ],
    }
    assert agent["intents"] == {
        "INTERESTED": 1,
        "NOT_INTERESTED": 0,
        "NEUTRAL": 1,
        "NOT_QUALIFIED": 0,
        "NOT_AVAILABLE": 0,
        "not_assessed": 1,
    }


async def test_the_period_and_whose_calls(pool: Pool, monkeypatch: Any) -> None:
    await onboard(pool)
    whose, other = await scope(pool), await scope(pool, subtenant="other")
    for day, agent_id in ((0, "a"), (1, "a"), (1, "b"), (2, "b"), (3, "b")):
        await ended(pool, whose, f"{agent_id}{day}", analysis(), day=day, seconds=60, agent_id=agent_id)
    await ended(pool, other, "theirs", analysis(), agent_id="theirs")

    async def counted(**asked: Any) -> list[tuple[str, int]]:
        return [(each["agent_id"], each["calls"]["total"]) for each in (await report(pool, whose, **asked))["agents"]]

    assert await counted() == [("b", 3), ("a", 2)], "who had the most calls first"
    assert await counted(agent_id="a") == [("a", 2)]
    assert await counted(agent_id="theirs") == []
    minute = 60 / 86_400
    assert await counted(days=(1 + minute, 2 + minute)) == [("a", 1), ("b", 1)], "by the end: since is in, until is not"
    assert await counted(days=(50, 60)) == []
    assert not (await report(pool, whose))["more"]
    monkeypatch.setattr(agents, "MOST_AGENTS", 1)
    assert (await report(pool, whose))["more"]
    assert await counted() == [("b", 3)]


def test_every_metric_of_a_call_has_its_place() -> None:
    assert {field.name for field in fields(Metrics)} <= set(agents.MEASURES)
    kinds = (*agents.SUMS, *agents.LONGEST, *agents.MEDIANS, *agents.RATES, "talk_ratio")
    assert sorted(kinds) == sorted(agents.MEASURES)
