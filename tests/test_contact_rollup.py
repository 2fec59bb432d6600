"""The rollup of a customer: the latest by the call's own time, whatever the order in which calls arrive."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callwright import calls, db, ended_calls, results
from callwright.analysis import Action, Analysis, Bant, Metrics, Qualification, Statement
from callwright.db import Pool, Scope, open_pool
from callwright.errors import NotFound
from callwright.reports import contacts
from judged import DAY, NOTHING_SAID, accept, analysis, end, ended
from submissions import onboard, scope


async def rollup(pool: Pool, whose: Scope, customer_id: str = "customer-1") -> Any:
    async with db.transaction(pool, whose) as connection:
        return (await contacts.read_customer(connection, whose, customer_id))["rollup"]


async def test_nothing_before_a_call_is_completed(pool: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    with pytest.raises(NotFound):
        await rollup(pool, whose)
    await accept(pool, whose, "one")
    assert await rollup(pool, whose) is None
    await ended(pool, whose, "two", None)
    assert await rollup(pool, whose) is None, "a call that failed tells nothing"
    await end(pool, whose, "one", analysis())
    assert (await rollup(pool, whose))["calls"] == {"total": 2, "completed": 1, "failed": 1}


async def test_every_part_names_its_call(pool: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    await ended(pool, whose, "one", analysis())
    found = await rollup(pool, whose)
    at = DAY + timedelta(seconds=600)
    of = {"call_id": "one", "end_time": at}
    assert (found["first_call_at"], found["last_call_at"]) == (DAY, at)
    assert (found["total_talk_seconds"], found["talk_ratio"]) == (100.0, 0.6)
    assert found["intent"] == {
        "intent": "INTERESTED",
        "intent_score": 74,
        "intent_justification": "They asked for an offer.",
        "turns": [3],
        **of,
    }
    assert found["bant"]["needs"] == {"text": "Fewer missed callbacks", "turns": [1], **of}
    assert found["bant"]["concern_categories"] == {"text": "Pricing", "turns": [2], **of}
    assert found["objections"] == [
        {
            "category": "Pricing",
            "calls": 1,
            "came_up_again": False,
            "objection": "Too expensive",
            "objection_handling": "A monthly plan",
            "last_call_id": "one",
            "last_end_time": at,
        }
    ]
    assert found["qualification"] == [
        {"label": "Authority", "answer": "The CFO", "turns": [6], **of},
        {"label": "Budget", "answer": "5,000", "turns": [5], **of},
    ]
    assert found["talking_points"] == [{"text": "They compare two vendors.", "turns": [7], **of}]
    assert found["suggested_actions"] == [
        {"text": "Send the offer.", "owner": "agent", "due": "by Friday", "due_date": "2026-01-09", "turns": [8], **of}
    ]
    assert found["quality"] == {"average": 82.0, "calls": 1}
    assert found["trend"] == {"calls": [{**of, "intent_score": 74, "quality_score": 82}], "left_out": 0}


async def test_a_call_that_arrives_late_overwrites_nothing_newer(pool: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    await ended(pool, whose, "new", analysis(intent_score=90), day=9)
    before = await rollup(pool, whose)
    older = analysis(intent="NOT_INTERESTED", intent_score=5, quality_score=10)
    older = replace(older, bant=replace(older.bant, needs=Statement("Nothing", (1,))))
    older = replace(older, qualification=(Qualification("Budget", "None", (1,)), Qualification("Team Size", "9", (2,))))
    await ended(pool, whose, "old", older, day=1)
    after = await rollup(pool, whose)
    assert (after["intent"], after["bant"]) == (before["intent"], before["bant"])
    assert {each["label"]: each["call_id"] for each in after["qualification"]} == {
        "Budget": "new",
        "Authority": "new",
        "Team Size": "old",  # the only one that spoke of it
    }
    assert (after["objections"][0]["calls"], after["objections"][0]["last_call_id"]) == (2, "new")
    assert after["objections"][0]["came_up_again"]
    assert [each["call_id"] for each in after["trend"]["calls"]] == ["old", "new"]
    assert (after["first_call_at"], after["last_call_at"]) == (DAY + timedelta(days=1), before["last_call_at"])
    assert after["quality"] == {"average": 46.0, "calls": 2}


async def test_the_latest_that_was_assessed_stands_where_a_newer_call_says_nothing(pool: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    await ended(pool, whose, "spoke", analysis(), day=0)
    nothing = {"intent": None, "intent_score": None, "quality_score": None, "bant": NOTHING_SAID, "qualification": ()}
    await ended(pool, whose, "silent", analysis(**nothing, talking_points=(), suggested_actions=()), day=5)
    await ended(pool, whose, "failed", None, day=6)
    found = await rollup(pool, whose)
    assert {part["call_id"] for part in (found["intent"], *found["bant"].values())} == {"spoke"}
    assert found["trend"]["calls"][-1]["intent_score"] is None
    assert found["quality"] == {"average": 82.0, "calls": 1}
    assert found["last_call_at"] == DAY + timedelta(days=6, seconds=600)


async def test_what_was_never_assessed_is_null(pool: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    one_voice = Metrics(50.0, 0.0, None, 50.0, 0, 0, 5.0, None)
    nothing = {"intent": None, "intent_score": None, "quality_score": None, "bant": NOTHING_SAID, "qualification": ()}
    await ended(pool, whose, "one", analysis(**nothing, metrics=one_voice, talking_points=(), suggested_actions=()))
    found = await rollup(pool, whose)
    assert (found["intent"], found["talk_ratio"], found["total_talk_seconds"]) == (None, None, 50.0)
    assert set(found["bant"].values()) == {None}
    assert found["quality"] == {"average": None, "calls": 0}
    assert [found[name] for name in ("objections", "qualification", "talking_points", "suggested_actions")] == [[]] * 4


async def test_actions_are_open_until_their_day_has_passed_and_the_two_spoke_again(pool: Pool) -> None:
    def action(text: str, day: str | None) -> Action:
        return Action(text, "agent", None, (1,), day)

    await onboard(pool)
    whose = await scope(pool)
    first = (action("Send the offer.", "2026-01-03"), action("Ask the CFO.", "2026-01-20"), action("Think.", None))
    await ended(pool, whose, "one", analysis(suggested_actions=first), day=0)
    assert [each["text"] for each in (await rollup(pool, whose))["suggested_actions"]] == [
        *("Send the offer.", "Ask the CFO.", "Think."),
    ]
    await ended(pool, whose, "two", analysis(suggested_actions=(action("THINK. ", None),)), day=4)
    actions = (await rollup(pool, whose))["suggested_actions"]
    assert [(each["text"], each["call_id"]) for each in actions] == [("THINK. ", "two"), ("Ask the CFO.", "one")]
    for number in range(contacts.RECENT_CALLS):
        await ended(pool, whose, f"later{number}", analysis(suggested_actions=(), talking_points=()), day=5 + number)
    found = await rollup(pool, whose)
    assert (found["suggested_actions"], found["talking_points"]) == ([], []), "of the newest calls alone"


async def test_bounds_are_said(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    await onboard(pool)
    whose = await scope(pool)
    for number in range(5):
        await ended(pool, whose, f"c{number}", analysis() if number else None, day=number)
    monkeypatch.setattr(contacts, "TREND_CALLS", 3)
    trend = (await rollup(pool, whose))["trend"]
    assert ([each["call_id"] for each in trend["calls"]], trend["left_out"]) == (["c2", "c3", "c4"], 1)
    monkeypatch.setattr(contacts, "MOST_CALLS", 5)
    assert not (await rollup(pool, whose))["older_calls_left_out"]
    monkeypatch.setattr(contacts, "MOST_CALLS", 2)
    found = await rollup(pool, whose)
    assert (found["older_calls_left_out"], found["calls"]["total"]) == (True, 2)
    monkeypatch.setattr(contacts, "MOST_LISTED", 1)
    found = await rollup(pool, whose)
    assert [len(found[name]) for name in ("qualification", "talking_points", "suggested_actions")] == [1, 1, 1]


async def test_customers_and_subtenants_are_kept_apart(pool: Pool) -> None:
    await onboard(pool)
    whose, other = await scope(pool), await scope(pool, subtenant="other")
    await ended(pool, whose, "one", analysis())
    await ended(pool, whose, "two", analysis(), customer_id="customer-2")
    await ended(pool, other, "three", analysis())
    for owner, customer_id, call_id in (
        (whose, "customer-1", "one"),
        (whose, "customer-2", "two"),
        (other, "customer-1", "three"),
    ):
        found = await rollup(pool, owner, customer_id)
        assert (found["calls"]["total"], found["intent"]["call_id"]) == (1, call_id)


WORDS = st.sampled_from(["a", "b", "c"])
SCORES = st.none() | st.integers(0, 100)
SAID = st.none() | WORDS.map(lambda word: Statement(word, (0,)))
ANALYSES = st.builds(
    analysis,
    intent=st.sampled_from([None, "INTERESTED", "NEUTRAL"]),
    intent_score=SCORES,
    quality_score=SCORES,
    bant=st.builds(
        Bant,
        needs=SAID,
        objection=SAID,
        concern_categories=st.none() | st.sampled_from(["Pricing", "Support"]).map(lambda word: Statement(word, (0,))),
        objection_handling=SAID,
    ),
    qualification=st.lists(
        st.builds(Qualification, WORDS, WORDS, st.just((1,))), max_size=2, unique_by=lambda q: q.label
    ).map(tuple),
    metrics=st.builds(
        Metrics,
        *(st.integers(0, 90).map(float), st.integers(0, 90).map(float), st.sampled_from([None, 0.5])),
        *(st.just(1.0), st.just(0), st.just(0), st.just(0.0), st.none()),
    ),
)
EVENTS = st.lists(st.tuples(st.sampled_from("ABCDE"), st.none() | ANALYSES), min_size=1, max_size=9)
DAYS = st.fixed_dictionaries({name: st.integers(0, 3) for name in "ABCDE"})


@settings(
    max_examples=max(settings().max_examples // 4, 1),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(EVENTS, DAYS)
def test_the_rollup_is_what_a_recount_gives(
    database_url: str, events: list[tuple[str, Analysis | None]], days: dict[str, int]
) -> None:
    """Calls arrive in any order, fail, are taken up again, and are analysed again."""

    async def run() -> None:
        pool = await open_pool(database_url, size=1, name="tests")
        try:
            name = uuid4().hex
            await onboard(pool, name)
            whose = await scope(pool, name)
            now: dict[str, Analysis | None] = {}
            for call_id, made in events:
                await happen(pool, whose, call_id, made, now, days[call_id])
            assert await rollup(pool, whose) == recount(now, days)
        finally:
            pool.terminate()

    asyncio.run(run())


async def happen(
    pool: Pool, whose: Scope, call_id: str, made: Analysis | None, now: dict[str, Analysis | None], day: int
) -> None:
    """A call ends; one that had failed is taken up again first, one that was completed is analysed again."""
    if call_id not in now:
        await ended(pool, whose, call_id, made, day=day)
    elif now[call_id] is None:
        async with db.transaction(pool, whose.partner_id) as connection:
            assert await calls.retry(connection, whose.partner_id, call_id, "received")
        await end(pool, whose, call_id, made)
    elif made is not None:
        async with db.transaction(pool, whose.partner_id) as connection:
            await connection.execute(
                "DELETE FROM analyses WHERE partner_id = $1 AND call_id = $2", whose.partner_id, call_id
            )
            await results.save_analysis(connection, whose.partner_id, call_id, made)
    else:
        return  # a completed call does not fail
    now[call_id] = made


def recount(now: dict[str, Analysis | None], days: dict[str, int]) -> dict[str, Any] | None:
    """The same from the analyses themselves, by walking them from the oldest to the newest."""
    ordered = sorted(now, key=lambda call_id: (days[call_id], call_id))
    done = [(call_id, made) for call_id in ordered if (made := now[call_id])]
    if not done:
        return None
    scores = [made.quality_score for _, made in done if made.quality_score is not None]
    talk = [made.metrics for _, made in done]
    sided = [each for each in talk if each.talk_ratio is not None]
    both = sum(each.agent_talk_seconds + each.customer_talk_seconds for each in sided)
    last = {"call_id": done[-1][0], "end_time": end_of(days[done[-1][0]])}
    trend = [
        {"intent_score": made.intent_score, "quality_score": made.quality_score}
        | {"call_id": call_id, "end_time": end_of(days[call_id])}
        for call_id, made in done
    ]
    return {
        "calls": {"total": len(now), "completed": len(done), "failed": len(now) - len(done)},
        "older_calls_left_out": False,
        "first_call_at": DAY + timedelta(days=min(days[call_id] for call_id in now)),
        "last_call_at": end_of(max(days[call_id] for call_id in now)),
        "total_talk_seconds": sum(each.agent_talk_seconds + each.customer_talk_seconds for each in talk),
        "talk_ratio": round(sum(each.agent_talk_seconds for each in sided) / both, 3) if both else None,
        **walked(done, days),
        "talking_points": [{"text": "They compare two vendors.", "turns": [7], **last}],
        "suggested_actions": [
            {
                "text": "Send the offer.",
                "owner": "agent",
                "due": "by Friday",
                "due_date": "2026-01-09",
                "turns": [8],
                **last,
            }
        ],
        "quality": {
            "average": pytest.approx(sum(scores) / len(scores), abs=0.051) if scores else None,
            "calls": len(scores),
        },
        "trend": {"calls": trend, "left_out": 0},
    }


def walked(done: list[tuple[str, Analysis]], days: dict[str, int]) -> dict[str, Any]:
    """What a later call overwrites."""
    names = ended_calls.BANT_FIELDS
    bant: dict[str, Any] = dict.fromkeys(names)
    intent, topics, objections, times = None, {}, {}, Counter[str]()
    for number, (call_id, made) in enumerate(done):
        of = {"call_id": call_id, "end_time": end_of(days[call_id])}
        if made.intent:
            why = {"intent_justification": made.intent_justification, "turns": list(made.intent_turns)}
            intent = {"intent": made.intent, "intent_score": made.intent_score, **why, **of}
        said = {name: getattr(made.bant, name) for name in names}
        bant |= {name: {"text": each.text, "turns": [0], **of} for name, each in said.items() if each}
        for topic in made.qualification:
            topics[topic.label] = (number, {"label": topic.label, "answer": topic.answer, "turns": [1], **of})
        if category := said["concern_categories"]:
            times[category.text] += 1
            objections[category.text] = (
                number,
                {
                    "category": category.text,
                    "calls": times[category.text],
                    "came_up_again": times[category.text] > 1,
                    **{name: said[name] and said[name].text for name in ("objection", "objection_handling")},
                    **{f"last_{name}": value for name, value in of.items()},
                },
            )
    return {
        "intent": intent,
        "bant": bant,
        "objections": newest_first(objections),
        "qualification": newest_first(topics),
    }


def end_of(day: int) -> datetime:
    return DAY + timedelta(days=day, seconds=600)


def newest_first(found: dict[str, tuple[int, Any]]) -> list[Any]:
    return [each for _, _, each in sorted((-number, name, each) for name, (number, each) in found.items())]
