"""What is sent again on request: of which callbacks, how many at a time, and what is never sent again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callwright import callbacks, calls, pipeline, redelivery, reports
from callwright.callbacks import Told, Wanted
from callwright.db import Pool, Scope, everywhere
from callwright.errors import NotFound, SetupError
from submissions import onboard, scope, submission

START = datetime(2026, 1, 1, tzinfo=UTC)
STATES = "SELECT callback_id, state FROM callbacks ORDER BY created_at"


async def ended(pool: Pool, count: int, state: str = "undelivered", *, subtenant: str = "s") -> Scope:
    """Calls that have failed a minute apart, each with a callback in this state, made at the same time."""
    whose = await scope(pool, subtenant=subtenant)
    ids = [f"{subtenant}{n:03}" for n in range(count)]
    await calls.accept(pool, whose, [submission(each, callback_url="https://x.example/hook") for each in ids])
    async with everywhere(pool) as lent:
        for n, call_id in enumerate(ids):
            call = await calls.begin_step(lent, whose.partner_id, call_id, "received")
            assert call is not None
            await calls.fail(lent, call, "recording_not_found", "It is gone.")
            told = Told(whose.partner_id, whose.subtenant_no, call_id, "a", "k", None, "https://x.example/hook")
            await callbacks.prepare(lent, told, b"{}")
            await lent.execute(
                """
                UPDATE callbacks SET created_at = $2, state = $3, attempts = 4,
                    callback_id = 'msg_' || lpad(to_hex($4::int), 24, '0')
                WHERE call_id = $1
                """,
                call_id,
                START + timedelta(minutes=n),
                state,
                n if subtenant == "s" else n + 1000,
            )
        await calls.set_callback_state(lent, whose.partner_id, ids, state)  # type: ignore[arg-type]
        await lent.execute("DELETE FROM pgqueuer")
    return whose


async def seen(pool: Pool, query: str, *values: object) -> list[tuple[Any, ...]]:
    async with everywhere(pool) as lent:
        return [tuple(row) for row in await lent.fetch(query, *values)]


async def test_a_range_is_sent_again_oldest_first_and_in_parts(pool: Pool) -> None:
    await onboard(pool)
    whose = await ended(pool, 7)
    wanted = Wanted(whose.partner_id, whose.subtenant_no, since=START + timedelta(minutes=1))
    async with everywhere(pool) as lent:
        told = [await redelivery.resend_undelivered(lent, wanted, most=4) for _ in range(3)]
    assert [(each.resent, each.more) for each in told] == [(4, True), (2, False), (0, False)]
    states = await seen(pool, STATES)
    assert [state for _, state in states] == ["undelivered", *["pending"] * 6]
    assert await seen(pool, "SELECT count(*), min(entrypoint) FROM pgqueuer") == [(6, "deliver")]
    assert await seen(pool, "SELECT callback_state, count(*) FROM calls GROUP BY 1 ORDER BY 2") == [
        ("undelivered", 1),
        ("pending", 6),
    ]
    assert await seen(pool, "SELECT DISTINCT allowed - attempts FROM callbacks WHERE state = 'pending'") == [(4,)]


async def test_until_is_not_included_and_other_subtenants_are_not_touched(pool: Pool) -> None:
    await onboard(pool)
    whose = await ended(pool, 3)
    await ended(pool, 3, subtenant="t")
    wanted = Wanted(whose.partner_id, whose.subtenant_no, since=START, until=START + timedelta(minutes=2))
    async with everywhere(pool) as lent:
        assert (await redelivery.resend_undelivered(lent, wanted)).resent == 2
    assert await seen(pool, "SELECT call_id FROM callbacks WHERE state = 'pending' ORDER BY 1") == [
        ("s000",),
        ("s001",),
    ]


async def test_what_is_named_must_all_be_there(pool: Pool) -> None:
    await onboard(pool)
    whose = await ended(pool, 2)
    await ended(pool, 1, subtenant="t")
    ids = [callback_id for (callback_id,) in await seen(pool, "SELECT callback_id FROM callbacks ORDER BY call_id")]
    async with everywhere(pool) as lent:
        for unknown in ("msg_none", ids[2]):
            wanted = Wanted(whose.partner_id, whose.subtenant_no, callback_ids=[ids[0], unknown])
            with pytest.raises(NotFound, match="Callback not found"):
                await redelivery.resend_undelivered(lent, wanted)
        wanted = Wanted(whose.partner_id, whose.subtenant_no, callback_ids=[ids[0], ids[0], ids[1]])
        assert (await redelivery.resend_undelivered(lent, wanted)).resent == 2


@pytest.mark.parametrize("state", ["pending", "delivered", "replaced"])
async def test_of_many_only_the_undelivered_are_sent_again(pool: Pool, state: str) -> None:
    await onboard(pool)
    whose = await ended(pool, 1, state if state != "replaced" else "undelivered")
    async with everywhere(pool) as lent:
        await lent.execute("UPDATE callbacks SET state = $1", state)
        assert (await redelivery.resend_undelivered(lent, Wanted(whose.partner_id, since=START))).resent == 0
    assert [row[1] for row in await seen(pool, STATES)] == [state]


@pytest.mark.parametrize("state", ["delivered", "undelivered"])
async def test_a_calls_callback_is_sent_again_once(pool: Pool, state: str) -> None:
    await onboard(pool)
    whose = await ended(pool, 1, state)
    async with everywhere(pool) as lent:
        first = await redelivery.resend_of_call(lent, whose, "s000")
        second = await redelivery.resend_of_call(lent, whose, "s000")
    assert (first.callback_status, first.resent) == ("pending", True)
    assert (second.callback_id, second.callback_status, second.resent) == (first.callback_id, "pending", False)
    assert await seen(pool, "SELECT count(*) FROM pgqueuer") == [(1,)]


async def test_a_callback_that_was_tried_too_often_stays_as_it_is(pool: Pool) -> None:
    await onboard(pool)
    whose = await ended(pool, 1, "delivered")
    async with everywhere(pool) as lent:
        await lent.execute("UPDATE callbacks SET attempts = $1", callbacks.MOST_ATTEMPTS)
        told = await redelivery.resend_of_call(lent, whose, "s000")
    assert (told.callback_status, told.resent) == ("delivered", False)


async def test_a_call_that_is_processed_again_sends_its_new_result_alone(pool: Pool) -> None:
    await onboard(pool)
    whose = await ended(pool, 1)
    async with everywhere(pool) as lent:
        await pipeline.retry(lent, whose.partner_id, "s000")
        with pytest.raises(SetupError, match="it is received"):
            await pipeline.retry(lent, whose.partner_id, "s000")
        with pytest.raises(NotFound):
            await pipeline.retry(lent, whose.partner_id, "none")
        call = await reports.read_call(lent, whose, "s000")
        assert (call["status"], call["failure"], call["ended_at"]) == ("received", None, None)
        assert call["callback_status"] == "pending"
        assert (await redelivery.resend_undelivered(lent, Wanted(whose.partner_id, since=START))).resent == 0
        [old] = await callbacks.find(lent, Wanted(whose.partner_id, state="replaced"), most=9)
        assert await callbacks.resend(lent, whose.partner_id, [old]) == []
        told = await redelivery.resend_of_call(lent, whose, "s000")
        assert (told.callback_status, told.resent) == ("pending", False)
    assert await seen(pool, "SELECT entrypoint FROM pgqueuer") == [("fetch",)]


async def test_an_older_result_never_follows_a_newer_one(pool: Pool) -> None:
    await onboard(pool)
    whose = await ended(pool, 1, "delivered")
    [(old, _)] = await seen(pool, STATES)
    async with everywhere(pool) as lent:
        await callbacks.prepare(lent, Told(*whose_call(whose), "a", "k", None, "https://x.example/"), b"{}")
        assert await callbacks.resend(lent, whose.partner_id, [old]) == []


def whose_call(whose: Scope) -> tuple[int, int, str]:
    return whose.partner_id, whose.subtenant_no, "s000"


async def test_an_outcome_that_comes_late_says_nothing_on_a_call_that_is_processed_again(pool: Pool) -> None:
    await onboard(pool)
    whose = await ended(pool, 1, "pending")
    [(callback_id, _)] = await seen(pool, STATES)
    async with everywhere(pool) as lent:
        await lent.execute("UPDATE callbacks SET next_attempt_at = now(), attempts = 0")
        [delivery] = (await callbacks.begin_attempts(lent, whose.partner_id, [callback_id])).values()
        await pipeline.retry(lent, whose.partner_id, "s000")
        late = callbacks.Outcome(START, 0.1, 200, None, "", None)
        tried = [(delivery, late)]
        assert await callbacks.finish_attempts(lent, whose.partner_id, tried, callbacks.RetryPolicy()) == ["replaced"]
        await calls.set_callback_state(lent, whose.partner_id, ["s000"], "delivered")
    assert await seen(pool, "SELECT state, callback_state FROM calls") == [("received", "pending")]
    assert await seen(pool, "SELECT http_status FROM callback_attempts") == [(200,)]


@pytest.mark.parametrize(
    ("made", "state", "step"),
    [("", "received", "fetch"), ("r", "fetched", "transcribe"), ("rt", "transcribed", "analyse")],
)
async def test_a_failed_call_goes_on_with_the_step_that_failed(pool: Pool, made: str, state: str, step: str) -> None:
    await onboard(pool)
    whose = await ended(pool, 1)
    async with everywhere(pool) as lent:
        if "r" in made:
            await lent.execute(
                """
                INSERT INTO recordings (partner_id, call_id, subtenant_no, store_key, size, sha256, container)
                SELECT partner_id, call_id, subtenant_no, 'k', 1, '', 'wav' FROM calls
                """
            )
        if "t" in made:
            await lent.execute(
                """
                INSERT INTO transcripts (partner_id, call_id, engine, quality, body)
                SELECT partner_id, call_id, 'test', 'final', '{}' FROM calls
                """
            )
        await lent.execute("UPDATE calls SET attempts = 4, outages = 9")
        await pipeline.retry(lent, whose.partner_id, "s000")
    assert await seen(pool, "SELECT state, attempts, outages, failure_code FROM calls") == [(state, 0, 0, None)]
    assert await seen(pool, "SELECT entrypoint FROM pgqueuer") == [(step,)]


async def test_failed_calls_are_found_by_code_and_time(pool: Pool) -> None:
    await onboard(pool)
    whose = await ended(pool, 3)
    now = datetime.now(UTC)
    async with everywhere(pool) as lent:
        await lent.execute("UPDATE calls SET failure_code = 'analysis_failed' WHERE call_id = 's001'")
        await lent.execute("UPDATE calls SET ended_at = $1 WHERE call_id = 's002'", now - timedelta(days=2))
        asked = [
            await reports.list_failed(lent, whose.partner_id, code, since)
            for code, since in (
                (None, None),
                ("analysis_failed", None),
                ("recording_not_found", now - timedelta(days=1)),
                ("recording_silent", None),
            )
        ]
    assert [sorted(each) for each in asked] == [["s000", "s001", "s002"], ["s001"], ["s000"], []]
