"""What a person corrects: kept beside the machine's with who and when, checked against the call, taken back."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from callwright import corrections, db, results
from callwright.analysis import Analysis
from callwright.corrections import Correction, Given, Kind, correct, history, in_force, latest
from callwright.db import Pool, Scope
from callwright.errors import NotFound, ValidationFailed
from callwright.transcription import Span, Transcript, Turn
from judged import DAY, analysis, ended
from submissions import onboard, scope

TRANSCRIPT = Transcript(
    "test", None, "en", "final", "channels",
    (Turn(0, "agent", 0, 2, "Good morning."), Turn(1, "customer", 2, 4, "How much is it?")),
    (Span("agent", 0, 2), Span("customer", 2, 4)), 4.0, 1.0,
)  # fmt: skip


@pytest.fixture
async def whose(pool: Pool) -> Scope:
    """A subtenant with the call `one`, which has a transcript and an analysis, and `failed`, which has neither."""
    await onboard(pool)
    ours = await scope(pool)
    await ended(pool, ours, "one", analysis())
    await ended(pool, ours, "failed", None)
    async with db.transaction(pool, ours.partner_id) as connection:
        await results.save_transcript(connection, ours.partner_id, "one", TRANSCRIPT)
    return ours


async def say(
    pool: Pool, whose: Scope, kind: Kind, subject: str, value: str | None, by: str = "Ann", call_id: str = "one"
) -> None:
    async with db.transaction(pool, whose) as connection:
        await correct(connection, whose, call_id, Given(kind, subject, value, by))


async def said(pool: Pool, whose: Scope, call_id: str = "one") -> list[Correction]:
    async with db.transaction(pool, whose) as connection:
        return await history(connection, whose.partner_id, call_id)


async def judge_again(pool: Pool, whose: Scope, again: Analysis) -> None:
    async with db.transaction(pool, whose.partner_id) as connection:
        made_at = await connection.fetchval("SELECT made_at FROM analyses WHERE call_id = 'one' AND partner_id > 0")
        assert await results.replace_analysis(connection, whose.partner_id, "one", again, made_at=made_at)


async def test_each_kind_is_kept_beside_what_the_machine_said(pool: Pool, whose: Scope, rows: Pool) -> None:
    before = await rows.fetch("SELECT body::text FROM transcripts UNION ALL SELECT body::text FROM analyses")
    await say(pool, whose, "speaker", "1", "agent")
    await say(pool, whose, "text", "1", "  How much\nis\tthis? ", by=" Ann \u0000 Lee ")
    await say(pool, whose, "intent", "", "NOT_QUALIFIED")
    await say(pool, whose, "score", "Setting Context", "010")
    await say(pool, whose, "score", "Courtesy", "0")
    assert [(each.kind, each.subject, each.machine_value, each.value) for each in await said(pool, whose)] == [
        ("speaker", "1", "customer", "agent"),
        ("text", "1", "How much is it?", "How much is this?"),
        ("intent", "", "INTERESTED", "NOT_QUALIFIED"),
        ("score", "Setting Context", "8", "10"),
        ("score", "Courtesy", None, "0"),
    ]
    first, second, *_ = await said(pool, whose)
    assert (first.said_by, second.said_by, first.rubric) == ("Ann", "Ann Lee", None)
    moment = await rows.fetchval("SELECT now()")
    assert timedelta(0) <= moment - first.said_at < timedelta(minutes=5)
    assert await rows.fetch("SELECT body::text FROM transcripts UNION ALL SELECT body::text FROM analyses") == before


async def test_a_later_one_supersedes_and_can_be_taken_back_and_all_is_kept(pool: Pool, whose: Scope) -> None:
    await say(pool, whose, "intent", "", "NEUTRAL")
    await say(pool, whose, "intent", "", "NOT_INTERESTED", by="Bob")
    assert latest(await said(pool, whose))["intent", ""].said_by == "Bob"
    await say(pool, whose, "intent", "", None, by="Cid")
    assert latest(await said(pool, whose)) == {}
    await say(pool, whose, "intent", "", "NEUTRAL")
    await say(pool, whose, "intent", "", "INTERESTED", by="Dan")  # as the machine says
    assert latest(await said(pool, whose)) == {}
    assert [(each.said_by, each.value) for each in await said(pool, whose)] == [
        ("Ann", "NEUTRAL"),
        ("Bob", "NOT_INTERESTED"),
        ("Cid", None),
        ("Ann", "NEUTRAL"),
        ("Dan", None),
    ]


@pytest.mark.parametrize(
    ("kind", "subject", "value", "message"),
    [
        ("speaker", "2", "agent", "subject is no turn of this call"),
        ("speaker", "", "agent", "subject is no turn of this call"),
        ("speaker", "0", "manager", "value must be one of agent, customer"),
        ("speaker", "0", "agent", "value is what it says already"),
        ("text", "0", " \t\u0000\ud800 ", "value should not be empty"),
        ("text", "0", "x" * 5001, "value must be shorter than or equal to 5000 characters"),
        ("text", "0", " Good  morning. ", "value is what it says already"),
        ("text", "0", None, "value is what it says already"),
        ("intent", "", "interested", "value must be one of INTERESTED"),
        ("intent", "1", "NEUTRAL", "subject must be empty"),
        ("score", "Setting", "3", "subject is no quality parameter"),
        ("score", "Setting Context", "11", "value must be a whole number from 0 to 10"),
        ("score", "Setting Context", "-1", "value must be a whole number"),
        ("score", "Setting Context", "7.5", "value must be a whole number"),
        ("score", "Setting Context", "٣", "value must be a whole number"),
        ("score", "Setting Context", "9" * 5000, "value must be a whole number"),
        ("score", "Setting Context", "8", "value is what it says already"),
        ("score", "Courtesy", None, "value is what it says already"),
    ],
)
async def test_what_the_call_cannot_have_is_refused(
    pool: Pool, whose: Scope, kind: Kind, subject: str, value: str | None, message: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await say(pool, whose, kind, subject, value)
    [fault] = refused.value.faults
    assert fault["message"].startswith(message)
    assert fault["message"].split()[0] == fault["field"]
    assert await said(pool, whose) == []


@pytest.mark.parametrize("name", ["", " \n", "x" * 101])
async def test_who_says_it_must_have_a_name(pool: Pool, whose: Scope, name: str) -> None:
    with pytest.raises(ValidationFailed, match="Validation failed"):
        await say(pool, whose, "intent", "", "NEUTRAL", by=name)


async def test_a_call_that_has_nothing_to_correct_or_is_somebody_elses_is_refused(pool: Pool, whose: Scope) -> None:
    for kind, subject, value in (("speaker", "0", "agent"), ("intent", "", "NEUTRAL"), ("score", "Courtesy", "1")):
        with pytest.raises(ValidationFailed):
            await say(pool, whose, kind, subject, value, call_id="failed")  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        await say(pool, whose, "intent", "", "NEUTRAL", call_id="two")
    other = await scope(pool, subtenant="other")
    with pytest.raises(NotFound):
        await say(pool, other, "intent", "", "NEUTRAL")
    await say(pool, whose, "intent", "", "NEUTRAL")
    assert await said(pool, other) == [], "row level security hides what hangs on a call that is not there"


async def test_of_two_who_say_the_same_at_once_one_is_kept(pool: Pool, whose: Scope) -> None:
    twice = (say(pool, whose, "intent", "", "NEUTRAL", by) for by in ("Ann", "Bob"))
    outcomes = await asyncio.gather(*twice, return_exceptions=True)
    assert [type(each) for each in outcomes if each] == [ValidationFailed]
    assert [(each.value, each.machine_value) for each in await said(pool, whose)] == [("NEUTRAL", "INTERESTED")]


async def test_no_more_is_kept_than_people_say(pool: Pool, whose: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrections, "MOST_OF_A_CALL", 2)
    await say(pool, whose, "intent", "", "NEUTRAL")
    await say(pool, whose, "speaker", "0", "customer")
    with pytest.raises(ValidationFailed):
        await say(pool, whose, "intent", "", "NOT_QUALIFIED")


async def test_when_a_call_is_analysed_again_what_was_said_of_the_call_stays(pool: Pool, whose: Scope) -> None:
    await say(pool, whose, "text", "1", "How much is this?")
    await say(pool, whose, "intent", "", "NEUTRAL")
    await say(pool, whose, "score", "Setting Context", "10")
    again = replace(analysis(intent="NOT_INTERESTED"), version="rules-2")
    await judge_again(pool, whose, again)
    assert {key[0] for key in in_force(await said(pool, whose), again)} == {"text", "intent", "score"}
    other_rubric = replace(again, rubric="inside-sales/1")
    await judge_again(pool, whose, other_rubric)
    assert {key[0] for key in in_force(await said(pool, whose), other_rubric)} == {"text", "intent"}
    assert len(await said(pool, whose)) == 3, "a score by a former rubric is kept in the history"
    await say(pool, whose, "score", "Setting Context", "9")
    now = in_force(await said(pool, whose), other_rubric)["score", "Setting Context"]
    assert (now.value, now.rubric, now.machine_value) == ("9", "inside-sales/1", "8")


def test_a_score_that_its_parameter_cannot_have_any_more_is_not_in_force() -> None:
    given = Correction("score", "Listening", "5", "4", "inside-sales/0", "Ann", DAY)
    assert in_force([given], analysis()).keys() == {("score", "Listening")}
    assert in_force([replace(given, value="6")], analysis()) == {}
    assert in_force([replace(given, subject="Gone")], analysis()) == {}
    assert in_force([given], None) == {}
