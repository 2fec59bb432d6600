"""What a call's page is told: its customer, the conversations, the call as corrected, its recording."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from callwright import db, results
from callwright.corrections import Given, correct
from callwright.db import Pool, Scope
from callwright.errors import NotFound
from callwright.recordings import Decoded, Stored
from callwright.reports import call_page, contacts
from callwright.reports.call_page import CallPage, read_call_page, read_conversations, read_recorded, read_waveform
from callwright.reports.contacts import MOST_CALLS
from callwright.transcription import Span, Transcript, Turn
from judged import DAY, accept, analysis, ended, judged
from submissions import onboard, scope

TRANSCRIPT = Transcript(
    "test", None, "en", "draft", "channels",
    (Turn(0, "agent", 0, 5, "Good morning."), Turn(1, "customer", 5, 10, "How much is it?")),
    (Span("agent", 0, 5), Span("customer", 5, 10)), 10.0, 0.9,
)  # fmt: skip
STORED = Stored("recordings/1/ab/abc", 1000, "ab" * 32, "wav")
DECODED = Decoded(Path("unused"), 2, 160_000, 10.0, "pcm_mulaw", 8000, 2, 10.0, (bytes([9, 1]), bytes([1, 8])))


async def page(pool: Pool, whose: Scope, call_id: str) -> CallPage:
    async with db.transaction(pool, whose) as connection:
        return await read_call_page(connection, whose, call_id)


async def say(pool: Pool, whose: Scope, call_id: str, given: Given) -> None:
    async with db.transaction(pool, whose) as connection:
        await correct(connection, whose, call_id, given)


async def heard(pool: Pool, whose: Scope, call_id: str, transcript: Transcript = TRANSCRIPT) -> None:
    async with db.transaction(pool, whose.partner_id) as connection:
        await results.save_recording(connection, whose.partner_id, call_id, STORED)
        await results.save_decoded(connection, whose.partner_id, call_id, DECODED)
        await results.save_transcript(connection, whose.partner_id, call_id, transcript)


@pytest.fixture
async def whose(pool: Pool) -> Scope:
    await onboard(pool)
    return await scope(pool)


async def test_the_customer_with_its_owner_and_all_its_conversations(pool: Pool, whose: Scope) -> None:
    named = {"customer_name": "Asha", "customer_email": "asha@example.com", "disposition_status": "warm"}
    await ended(pool, whose, "one", analysis(quality_score=60), day=0, agent_id="a", agent_name="Ann", **named)
    await ended(pool, whose, "two", analysis(quality_score=90), day=2, agent_id="b", agent_name="Bob", seconds=300)
    await ended(pool, whose, "lost", None, day=1, agent_id="a")
    await ended(pool, whose, "other", analysis(), customer_id="somebody-else")
    shown = await page(pool, whose, "one")
    lead = shown.lead
    assert (lead.name, lead.email, lead.disposition_status) == ("Asha", "asha@example.com", "warm")
    assert (lead.owner_id, lead.owner_name) == ("b", "Bob"), "of the latest call, whichever is shown"
    assert (lead.calls, lead.conversation_seconds) == (2, 900)
    assert shown.rollup is not None
    assert shown.rollup["quality"] == {"average": 75.0, "calls": 2}
    assert shown.rollup["talk_ratio"] == 0.6
    listed = [(each.call_id, each.completed, each.agent_name, each.quality_score) for each in shown.conversations]
    assert listed == [("two", True, "Bob", 90), ("lost", False, "Ann", None), ("one", True, "Ann", 60)]
    assert shown.next_conversation is None
    assert (shown.call.contact_number, shown.call.agent_name) == ("+12025550123", "Ann")


async def test_the_conversations_come_in_pages(pool: Pool, whose: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_page, "CONVERSATIONS", 2)
    for number in range(5):
        await ended(pool, whose, f"call-{number}", analysis(), day=number // 2)
    found, after = [], None
    async with db.transaction(pool, whose) as connection:
        while True:
            some, after = await read_conversations(connection, whose, "customer-1", after)
            found.append([each.call_id for each in some])
            if after is None:
                break
    assert found == [["call-4", "call-3"], ["call-2", "call-1"], ["call-0"]]


async def test_a_call_as_corrected_with_the_machines_beside_it(pool: Pool, whose: Scope) -> None:
    made = analysis(quality=(judged("Opening", 4), judged("Closing", None, 10)), quality_score=40)
    await ended(pool, whose, "one", made)
    await heard(pool, whose, "one")
    plain = await page(pool, whose, "one")
    assert plain.judged is not None
    assert (plain.judged.quality_score, plain.judged.intent, plain.judged.intent_by) == (40, "INTERESTED", None)
    assert [(turn.speaker, turn.text) for turn in plain.turns] == [
        ("agent", "Good morning."),
        ("customer", "How much is it?"),
    ]
    for given in (
        Given("speaker", "0", "customer", "Ann"),
        Given("text", "1", "How much is this?", "Ann"),
        Given("intent", "", "NEUTRAL", "Ann"),
        Given("score", "Closing", "10", "Ann"),
    ):
        await say(pool, whose, "one", given)
    shown = await page(pool, whose, "one")
    assert shown.judged is not None
    first, second = shown.turns
    assert (first.speaker, first.machine.speaker, first.text_by) == ("customer", "agent", None)
    assert (second.text, second.machine.text) == ("How much is this?", "How much is it?")
    assert second.text_by is not None
    assert second.text_by.said_by == "Ann"
    assert (shown.judged.intent, shown.judged.machine_intent) == ("NEUTRAL", "INTERESTED")
    _, closing = shown.judged.quality
    assert (closing.entry.inference_score, closing.entry.status) == (10, "Done")
    assert (closing.machine.inference_score, closing.machine.status) == (None, "Not Applicable")
    assert (shown.judged.quality_score, shown.judged.machine_quality_score) == (70, 40)
    assert len(shown.said) == 4
    assert shown.rollup is not None
    assert shown.rollup["quality"] == {"average": 40.0, "calls": 1}, "rollups count what the machine said"


async def test_the_leads_intent_shows_who_corrected_it_in_the_call_that_it_is_of(pool: Pool, whose: Scope) -> None:
    await ended(pool, whose, "one", analysis(), day=0)
    await ended(pool, whose, "two", analysis(intent="NEUTRAL"), day=1)
    await say(pool, whose, "two", Given("intent", "", "NOT_INTERESTED", "Ann"))
    for call_id in ("one", "two"):
        by = (await page(pool, whose, call_id)).lead_intent_by
        assert by is not None
        assert (by.value, by.machine_value) == ("NOT_INTERESTED", "NEUTRAL")


async def test_a_call_that_is_under_way_or_failed_has_what_there_is_of_it(pool: Pool, whose: Scope) -> None:
    await accept(pool, whose, "new", agent_id="a", agent_name="Ann")
    shown = await page(pool, whose, "new")
    assert (shown.call.state, shown.call.has_recording, shown.call.seconds) == ("received", False, None)
    assert (shown.transcript, shown.analysis, shown.judged, shown.rollup, shown.turns) == (None, None, None, None, [])
    assert (shown.lead.owner_name, shown.lead.calls, shown.conversations) == ("Ann", 0, [])
    await ended(pool, whose, "failed", None)
    failed = (await page(pool, whose, "failed")).call
    assert (failed.state, failed.failure_code, failed.failure_message) == (
        "failed",
        "recording_not_audio",
        "Nothing in it.",
    )


async def test_the_recording_and_its_waveform(pool: Pool, whose: Scope) -> None:
    await ended(pool, whose, "one", analysis())
    await ended(pool, whose, "two", None)
    await heard(pool, whose, "one")
    async with db.transaction(pool, whose) as connection:
        recorded = await read_recorded(connection, whose, "one")
        shown = await read_waveform(connection, whose, "one")
        for call_id in ("two", "three"):
            assert await read_recorded(connection, whose, call_id) is None
            assert await read_waveform(connection, whose, call_id) is None
    assert recorded is not None
    assert shown is not None
    assert (recorded.key, recorded.size, recorded.sha256) == (STORED.key, 1000, "ab" * 32)
    assert (recorded.codec, recorded.channels, recorded.seconds) == ("pcm_mulaw", 2, 10.0)
    assert (shown.agent, shown.customer, shown.neither) == ([9, 1], [1, 8], [])


async def test_of_one_voice_nobody_is_shown_to_speak(pool: Pool, whose: Scope) -> None:
    await ended(pool, whose, "one", analysis())
    await heard(pool, whose, "one", replace(TRANSCRIPT, speakers="single"))
    async with db.transaction(pool, whose) as connection:
        shown = await read_waveform(connection, whose, "one")
    assert shown is not None
    assert (shown.agent, shown.customer, shown.neither) == ([], [], [9, 8])


async def test_another_subtenant_sees_nothing(pool: Pool, whose: Scope) -> None:
    await ended(pool, whose, "one", analysis())
    await heard(pool, whose, "one")
    other = await scope(pool, subtenant="other")
    async with db.transaction(pool, other) as connection:
        with pytest.raises(NotFound):
            await read_call_page(connection, other, "one")
        assert await read_recorded(connection, other, "one") is None
        assert await read_waveform(connection, other, "one") is None
        assert await read_conversations(connection, other, "customer-1") == ([], None)


MANY = 12_000


def scanned(plan: dict[str, Any], table: str) -> int:
    """The rows of a table that a plan has looked at."""
    own = plan["Actual Loops"] * (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))
    here = round(own) if plan.get("Relation Name", "").startswith(table) else 0
    return here + sum(scanned(part, table) for part in plan.get("Plans", ()))


@pytest.fixture
async def caller(pool: Pool, whose: Scope) -> Scope:
    """A subtenant with a customer of very many calls, `call-0` the latest; only the last ten told anything."""
    for number in range(10):
        await ended(pool, whose, f"call-{number}", analysis(), day=-number, customer_id="everybody")
    async with db.transaction(pool, whose) as connection:
        await connection.execute(
            """
            INSERT INTO ended_calls (partner_id, subtenant_no, customer_id, end_time, call_id, start_time, agent_id,
                completed)
            SELECT partner_id, subtenant_no, customer_id, end_time - n * interval '1 minute', 'call-' || 9 + n,
                start_time - n * interval '1 minute', agent_id, true
            FROM ended_calls, generate_series(1, $3) AS n
            WHERE partner_id = $1 AND subtenant_no = $2 AND call_id = 'call-9'
            """,
            *(whose.partner_id, whose.subtenant_no, MANY - 10),
        )
    await pool.execute("ANALYZE ended_calls")  # as autovacuum does in a while: PostgreSQL 15 would take it for empty
    return whose


async def test_a_customer_of_very_many_calls_is_read_within_bounds(pool: Pool, caller: Scope) -> None:
    shown = await page(pool, caller, "call-3")
    assert [each.call_id for each in shown.conversations] == [f"call-{n}" for n in range(20)]
    assert shown.next_conversation == (shown.conversations[-1].end_time, "call-19")
    async with db.transaction(pool, caller) as connection:
        following, _ = await read_conversations(connection, caller, "everybody", shown.next_conversation)
    assert [each.call_id for each in following] == [f"call-{n}" for n in range(20, 40)]
    assert shown.rollup is not None
    assert (shown.lead.calls, shown.rollup["older_calls_left_out"]) == (10_000, True)


@pytest.mark.parametrize(
    ("statement", "more", "most"),
    [
        (call_page._CONVERSATIONS, (None, None, call_page.CONVERSATIONS + 1), call_page.CONVERSATIONS + 1),
        (call_page._CONVERSATIONS, (DAY - timedelta(days=9, hours=5), "x", 21), 21),
        (call_page._LEAD, ("agent-1", MOST_CALLS), MOST_CALLS + 1),
        (contacts._ROLLUP, (MOST_CALLS, 5, 20, 100), MOST_CALLS + 1),
    ],
)
async def test_no_statement_looks_at_all_of_very_many_calls(
    pool: Pool, caller: Scope, statement: str, more: tuple[object, ...], most: int
) -> None:
    async with db.transaction(pool, caller) as connection:
        # Here nearly every row is the customer's, so that PostgreSQL 15 would rather read the whole small table.
        await connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        told = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", caller.partner_id, caller.subtenant_no, "everybody", *more
        )
    looked_at = scanned(told[0]["Plan"], "ended_calls")
    assert 0 < looked_at <= most + 5, "an index is read a row too far"
