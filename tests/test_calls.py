"""Accepting a batch: once, durably, whole, whoever races."""

import asyncio
from typing import Any

import pytest

from callwright import calls, customers, reports
from callwright.calls import Entry
from callwright.db import Pool, Scope, everywhere
from callwright.errors import NotFound
from submissions import onboard, scope, submission


@pytest.fixture
async def ours(pool: Pool) -> Scope:
    await onboard(pool)
    return await scope(pool)


async def count(pool: Pool, table: str) -> int:
    async with everywhere(pool) as lent:
        return int(await lent.fetchval(f"SELECT count(*) FROM {table}"))


async def test_a_batch_is_stored_with_its_people_and_one_job_per_call(pool: Pool, ours: Scope) -> None:
    accepted = await calls.accept(pool, ours, [submission(f"c{n}", agent_name="Ann") for n in range(3)])
    assert accepted.entries == [Entry(f"c{n}", "accepted") for n in range(3)]
    counts = {t: await count(pool, t) for t in ("calls", "agents", "customers", "batches", "pgqueuer")}
    assert counts == {"calls": 3, "agents": 1, "customers": 1, "batches": 1, "pgqueuer": 3}


async def test_a_call_sent_again_is_a_duplicate_and_changes_nothing(pool: Pool, ours: Scope) -> None:
    await calls.accept(pool, ours, [submission(customer_name="First")])
    again = await calls.accept(pool, ours, [submission(customer_name="Second", disposition_status="x")])
    assert again.entries == [Entry("call-1", "duplicate", changed=True)]
    async with everywhere(pool) as lent:
        read = await customers.read_customer(lent, ours, "customer-1")
    assert (read["name"], read["disposition_status"], read["disposition_history"]) == ("First", None, [])
    assert await count(pool, "pgqueuer") == 1


async def test_the_same_content_in_another_order_of_keys_is_unchanged(pool: Pool, ours: Scope) -> None:
    await calls.accept(pool, ours, [submission(metadata={"a": 1, "b": "x"})])
    again = await calls.accept(pool, ours, [submission(metadata={"b": "x", "a": 1})])
    assert again.entries == [Entry("call-1", "duplicate", changed=False)]


async def test_twice_in_one_body(pool: Pool, ours: Scope) -> None:
    accepted = await calls.accept(
        pool, ours, [submission(), submission(), submission(agent_id="other"), submission("call-2")]
    )
    assert accepted.entries == [
        Entry("call-1", "accepted"),
        Entry("call-1", "duplicate"),
        Entry("call-1", "duplicate", changed=True),
        Entry("call-2", "accepted"),
    ]
    async with everywhere(pool) as lent:
        batch = await reports.read_batch(lent, ours, str(accepted.batch_id))
    assert (batch["accepted"], batch["duplicates"]) == (2, 2)
    assert await count(pool, "agents") == 1


async def test_racing_batches_accept_each_call_once(pool: Pool, ours: Scope) -> None:
    ids = [f"c{n}" for n in range(50)]
    batches = [[submission(i, agent_id=f"a{n}-{i}") for i in (ids if n % 2 else ids[::-1])] for n in range(8)]
    results = await asyncio.gather(*(calls.accept(pool, ours, batch) for batch in batches))
    accepted = [e.id for r in results for e in r.entries if e.status == "accepted"]
    assert sorted(accepted) == sorted(ids)
    assert await count(pool, "pgqueuer") == 50
    assert await count(pool, "agents") == 50


async def test_ids_are_the_partners_not_the_tenants(pool: Pool, ours: Scope) -> None:
    await calls.accept(pool, ours, [submission()])
    elsewhere = await scope(pool, subtenant="other")
    assert (await calls.accept(pool, elsewhere, [submission()])).entries[0].status == "duplicate"
    async with everywhere(pool) as lent:
        with pytest.raises(NotFound):
            await reports.read_call(lent, elsewhere, "call-1")


async def test_two_partners_never_meet(pool: Pool, ours: Scope) -> None:
    await onboard(pool, "other")
    theirs = await scope(pool, "other")
    await calls.accept(pool, ours, [submission(customer_name="Ours")])
    assert (await calls.accept(pool, theirs, [submission(customer_name="Theirs")])).entries[0].status == "accepted"
    async with everywhere(pool) as lent:
        assert (await customers.read_customer(lent, ours, "customer-1"))["name"] == "Ours"
        assert (await customers.read_customer(lent, theirs, "customer-1"))["name"] == "Theirs"


async def test_a_later_name_wins_and_an_absent_one_erases_nothing(pool: Pool, ours: Scope) -> None:
    await calls.accept(pool, ours, [submission("1", customer_name="A", customer_email="a@example.com")])
    await calls.accept(pool, ours, [submission("2", customer_name="B"), submission("3")])
    async with everywhere(pool) as lent:
        read = await customers.read_customer(lent, ours, "customer-1")
    assert (read["name"], read["email"]) == ("B", "a@example.com")


async def test_unchanged_people_are_not_written(pool: Pool, ours: Scope) -> None:
    await calls.accept(pool, ours, [submission("1", agent_name="A", customer_name="C")])
    query = "SELECT (SELECT xmin::text FROM agents) AS agent, (SELECT xmin::text FROM customers) AS customer"
    async with everywhere(pool) as lent:
        before = await lent.fetchrow(query)
        await calls.accept(pool, ours, [submission("2", agent_name="A"), submission("3", customer_name="C")])
        assert await lent.fetchrow(query) == before


async def dispositions(pool: Pool, ours: Scope) -> tuple[object, list[str]]:
    async with everywhere(pool) as lent:
        read: Any = await customers.read_customer(lent, ours, "customer-1")
    return read["disposition_status"], [entry["status"] for entry in read["disposition_history"]]


async def test_a_disposition_takes_effect_at_the_calls_end(pool: Pool, ours: Scope) -> None:
    def call(call_id: str, hour: int, status: str) -> Any:
        return submission(call_id, end_time=f"2026-01-01T{hour}:00:00+00:00", disposition_status=status)

    await calls.accept(pool, ours, [call("1", 12, "noon"), call("2", 15, "three"), call("3", 14, "two")])
    assert await dispositions(pool, ours) == ("three", ["three", "two", "noon"])
    await calls.accept(pool, ours, [call("4", 13, "late arrival")])
    assert await dispositions(pool, ours) == ("three", ["three", "two", "late arrival", "noon"])


async def test_the_same_status_again_still_moves_its_time(pool: Pool, ours: Scope) -> None:
    def call(call_id: str, hour: int, status: str) -> Any:
        return submission(call_id, end_time=f"2026-01-01T{hour}:00:00+00:00", disposition_status=status)

    await calls.accept(pool, ours, [call("1", 10, "a")])
    await calls.accept(pool, ours, [call("2", 12, "a")])
    await calls.accept(pool, ours, [call("3", 11, "b")])
    assert (await dispositions(pool, ours))[0] == "a"


async def test_the_api_puts_a_customer_into_a_disposition_at_once(pool: Pool, ours: Scope) -> None:
    ahead = submission(end_time="2099-01-01T00:00:00+00:00", disposition_status="clock ahead")
    await calls.accept(pool, ours, [ahead])
    async with everywhere(pool) as lent:
        await customers.set_disposition(lent, ours, "customer-1", "won")
        await customers.set_disposition(lent, ours, "customer-1", None)
        with pytest.raises(NotFound, match="Customer not found"):
            await customers.set_disposition(lent, ours, "nobody", "won")
    assert await dispositions(pool, ours) == ("won", ["won", "clock ahead"])


async def test_metadata_comes_back_verbatim(pool: Pool, ours: Scope) -> None:
    await calls.accept(pool, ours, [submission(metadata={"z": 1, "a": 2.50, "big": 2**70, "ü": "\u2028"})])
    async with everywhere(pool) as lent:
        call = await calls.begin_step(lent, ours.partner_id, "call-1", "received")
    assert call is not None
    assert call.metadata_json == '{"z":1,"a":2.5,"big":1180591620717411303424,"ü":"\u2028"}'


async def test_a_step_is_begun_once_per_state_and_counted(pool: Pool, ours: Scope) -> None:
    await calls.accept(pool, ours, [submission()])
    async with everywhere(pool) as lent:
        first = await calls.begin_step(lent, ours.partner_id, "call-1", "received")
        second = await calls.begin_step(lent, ours.partner_id, "call-1", "received")
        assert first is not None
        assert second is not None
        assert (first.attempts, second.attempts) == (1, 2)
        assert await calls.move(lent, first.partner_id, [(first, "fetched")])
        assert not await calls.move(lent, second.partner_id, [(second, "fetched")])
        assert not await calls.fail(lent, second, "internal_error", "x")
        assert await calls.begin_step(lent, ours.partner_id, "call-1", "received") is None


async def test_when_a_call_failed_is_kept_until_it_is_tried_again(pool: Pool, ours: Scope) -> None:
    await calls.accept(pool, ours, [submission()])
    times = "SELECT ended_at, failed_at FROM calls WHERE partner_id = $1"
    async with everywhere(pool) as lent:
        call = await calls.begin_step(lent, ours.partner_id, "call-1", "received")
        assert call is not None
        assert await calls.fail(lent, call, "recording_not_found", "It is gone.")
        ended_at, failed_at = tuple(await lent.fetchrow(times, ours.partner_id) or ())
        assert ended_at == failed_at is not None
        assert await calls.retry(lent, ours.partner_id, "call-1", "received")
        assert tuple(await lent.fetchrow(times, ours.partner_id) or ()) == (None, None)
        call = await calls.begin_step(lent, ours.partner_id, "call-1", "received")
        assert call is not None
        assert await calls.move(lent, call.partner_id, [(call, "completed")])
        ended_at, failed_at = tuple(await lent.fetchrow(times, ours.partner_id) or ())
        assert (ended_at is None, failed_at) == (False, None)


async def test_a_try_that_is_taken_back_does_not_count(pool: Pool, ours: Scope) -> None:
    await calls.accept(pool, ours, [submission()])
    async with everywhere(pool) as lent:
        first = await calls.begin_step(lent, ours.partner_id, "call-1", "received")
        assert first is not None
        await calls.take_back_try(lent, first)
        again = await calls.begin_step(lent, ours.partner_id, "call-1", "received")
        assert again is not None
        assert again.attempts == 1
        assert await calls.move(lent, again.partner_id, [(again, "fetched")])
        await calls.take_back_try(lent, first)
        after = await calls.begin_step(lent, ours.partner_id, "call-1", "fetched")
        assert after is not None
        assert after.attempts == 1
