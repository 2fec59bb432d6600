"""Wiping: of test data nothing is left, and live data is as it was."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from callwright import erasing, partners, pipeline, retention, rollups, twins, wiping
from callwright.db import Pool, everywhere, transaction
from callwright.errors import Forbidden
from callwright.keeping import Made
from callwright.partners import Partner
from callwright.retention import Rule
from callwright.worker import tools_of
from journey_house import RECORDINGS, House, working
from submissions import SEALER

BASE = "/api/v1/partner"
MARKER = "okapi"
CATALOGUE = """
    SELECT relname AS name,
        EXISTS (SELECT FROM pg_attribute a WHERE attrelid = c.oid AND attname = 'partner_id') AS of_partners
    FROM pg_class c WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') ORDER BY relname
"""


async def twin_of(pool: Pool) -> Partner:
    async with everywhere(pool) as lent:
        return await twins.find_twin(lent, "acme")


async def rows_of(rows: Pool, partner_id: int) -> dict[str, list[str]]:
    """What every table has of a partner, as text."""
    found = {}
    for table in await rows.fetch(CATALOGUE):
        if table["of_partners"]:
            query = f"SELECT t::text FROM {table['name']} t WHERE partner_id = $1 ORDER BY 1"
            listed = await rows.fetch(query, partner_id)
            found[table["name"]] = [row["t"] for row in listed]
    return {name: kept for name, kept in found.items() if kept}


async def filled(house: House, prefix: str, *call_ids: str) -> None:
    """Calls that have ended, and everything else that a partner can bring in."""
    who = {"agent": {"id": f"{prefix}-agent"}, "customer": {"id": f"{prefix}-customer", "name": prefix}}
    url = house.serve(RECORDINGS / "next-step-booked.mp3")
    said = [{"speaker": "agent", "start": 0.5, "end": 2.0, "text": f"This is {prefix}."}]
    sent = [house.record(f"{each}-{prefix}", url, transcript=said, **who) for each in call_ids]
    await house.push(*sent)
    for each in sent:
        await house.ended(each["call"]["id"])
    told = {"customer_id": f"{prefix}-customer", "disposition_status": prefix}
    await house.client.put("/api/v1/partner/ingest/disposition-status", json=told)
    rubric = (await house.client.get("/api/v1/partner/rubric")).json()["data"]["rubric"]
    await house.client.put("/api/v1/partner/rubric", json={**rubric, "name": prefix})


async def test_test_data_is_wiped_and_live_data_is_not_touched(
    house: House, pool: Pool, rows: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_headers, live = dict(house.client.headers), house.partner
    async with everywhere(pool) as lent:
        test = await twins.add_test_key(lent, await partners.get_partner(lent, "acme"), sealer=SEALER)
    async with working(house.settings):
        await filled(house, "gnu", "one", "two")
        house.client.headers.update({"x-api-key": test.api_key, "x-api-secret": test.api_secret})
        rehearsal = replace(house, partner=test)
        await filled(rehearsal, MARKER, "one", "two", "test_fail_recording_empty", "test_intent_neutral", "five")
    await rollups.keep_house(pool, asyncio.Event())
    before, theirs = await rows_of(rows, live.partner_id), await rows_of(rows, test.partner_id)
    assert len(theirs["calls"]) == 5
    assert {"recordings", "transcripts", "day_rollups"} <= set(before)
    assert set(before) - {"recordings"} <= set(theirs), "whatever a live call leaves, a test call leaves too"

    house.client.headers.update(live_headers)
    refused = await house.client.delete(f"{BASE}/test-data")
    assert (refused.status_code, refused.json()["message"]) == (403, "Only a test key deletes test data")
    assert await rows_of(rows, test.partner_id) == theirs

    monkeypatch.setattr(wiping, "CALLS_AT_A_TIME", 2)
    monkeypatch.setattr(wiping, "ROWS_AT_A_TIME", 2)
    part = await wiping.wipe(pool, await twin_of(pool), pieces=2)
    assert (part.more, part.deleted > 0) == (True, True)
    assert len((await rows_of(rows, test.partner_id))["calls"]) == 1, "two calls a piece"
    tenant = {name: house.client.headers.pop(name) for name in ("x-tenant-id", "x-sub-tenant-id")}  # it needs none
    house.client.headers.update({"x-api-key": test.api_key, "x-api-secret": test.api_secret})
    wiped = (await house.client.delete(f"{BASE}/test-data")).json()["data"]
    while wiped["more"]:
        wiped = (await house.client.delete(f"{BASE}/test-data")).json()["data"]
    house.client.headers.update(tenant)
    assert set(await rows_of(rows, test.partner_id)) <= set(wiping.KEPT)
    assert await rows_of(rows, live.partner_id) == before
    for table in await rows.fetch(CATALOGUE):
        left = [row["t"] for row in await rows.fetch(f"SELECT t::text FROM {table['name']} t")]
        assert not [row for row in left if MARKER in row or MARKER.encode().hex() in row], table["name"]

    assert (await rehearsal.push(rehearsal.record(f"one-{MARKER}", "https://x.example/1.mp3")))["accepted"] == 1
    assert await wiping.wipe(pool, await twin_of(pool)) != wiping.Wiped(0, more=False)
    assert await wiping.wipe(pool, await twin_of(pool)) == wiping.Wiped(0, more=False)


async def worked_on(rehearsal: House, meanwhile: Callable[[], Awaitable[object]], patch: pytest.MonkeyPatch) -> None:
    """Push a test call, and do something between its work and the save."""
    step = pipeline.OF_A_TEST_CALL

    async def work(tools: pipeline.Tools, call: Any, known: Any) -> Made:
        made = await step.work(tools, call, known)
        await meanwhile()
        return made

    patch.setattr(pipeline, "OF_A_TEST_CALL", replace(step, work=work))
    await rehearsal.push(rehearsal.record("any", "https://x.example/1.mp3"))
    async with tools_of(rehearsal.settings) as tools:
        await pipeline.walk(tools, "fetch", rehearsal.partner.partner_id, "any")


async def test_a_call_that_is_wiped_while_it_is_worked_on_leaves_nothing(
    rehearsal: House, pool: Pool, rows: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wipe() -> None:
        await wiping.wipe(pool, await twin_of(pool))

    await worked_on(rehearsal, wipe, monkeypatch)
    assert set(await rows_of(rows, rehearsal.partner.partner_id)) <= set(wiping.KEPT)


async def test_a_call_that_is_erased_while_it_is_worked_on_leaves_its_mark_and_its_proof(
    rehearsal: House, rows: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def erase() -> None:
        answer = await rehearsal.client.delete(f"{BASE}/calls/any")
        assert answer.json()["data"]["status"] == "erased"

    await worked_on(rehearsal, erase, monkeypatch)
    left = set(await rows_of(rows, rehearsal.partner.partner_id)) - set(wiping.KEPT)
    assert left <= {"erased_calls", "recounts_due", "rolled_subtenants"}


async def test_a_test_call_is_erased_as_a_live_one_until_its_data_is_wiped(
    rehearsal: House, pool: Pool, rows: Pool
) -> None:
    record = rehearsal.record("any", "https://x.example/1.mp3")
    async with working(rehearsal.settings):
        await rehearsal.push(record)
        await rehearsal.ended("any")
        told = (await rehearsal.client.delete(f"{BASE}/calls/any")).json()["data"]
        assert (told["status"], told["calls"], told["customers"], told["files"]) == ("erased", 1, 1, 0)
        assert (await rehearsal.push(record))["calls"] == [{"id": "any", "status": "duplicate"}]
    assert (await rehearsal.client.get(f"{BASE}/calls/any")).status_code == 404
    await wiping.wipe(pool, await twin_of(pool))
    left = await rows_of(rows, rehearsal.partner.partner_id)
    assert set(left) - set(wiping.KEPT) == set()
    assert (await rehearsal.client.get(f"{BASE}/erasures/{told['erasure_id']}")).json()["data"] == told, (
        "the proof stays"
    )
    assert (await rehearsal.push(record))["calls"] == [{"id": "any", "status": "accepted"}]


async def test_test_calls_are_erased_by_a_rule_of_their_own_which_wiping_leaves(
    rehearsal: House, pool: Pool, rows: Pool
) -> None:
    await rehearsal.push(rehearsal.record("old", "https://x.example/1.mp3"))
    async with everywhere(pool) as lent:
        scope = await partners.find_scope(lent, rehearsal.partner.partner_id, "tenant", "subtenant")
    async with transaction(pool, scope) as connection:
        await retention.set_rule(connection, scope, Rule(recordings_days=7, everything_days=30))
    async with tools_of(rehearsal.settings) as tools:
        await pipeline.walk(tools, "fetch", rehearsal.partner.partner_id, "old")
        await rows.execute("UPDATE batches SET received_at = received_at - interval '31 days'")
        await rehearsal.push(rehearsal.record("new", "https://x.example/1.mp3"))
        await erasing.keep_house(pool, tools.store, asyncio.Event())
    assert [row["call_id"] for row in await rows.fetch("SELECT call_id FROM calls")] == ["new"]
    [proof] = await rows.fetch("SELECT kind, calls, done_at FROM erasure_audit WHERE partner_id = $1", scope.partner_id)
    assert (proof["kind"], proof["calls"], proof["done_at"] is not None) == ("rule for everything", 1, True)
    await wiping.wipe(pool, await twin_of(pool))
    async with transaction(pool, scope) as connection:
        assert await retention.rule_of(connection, scope) == Rule(7, 30)


@pytest.mark.usefixtures("house")
async def test_a_live_partner_is_never_wiped(pool: Pool) -> None:
    async with everywhere(pool) as lent:
        partner = await partners.get_partner(lent, "acme")
    with pytest.raises(Forbidden):
        await wiping.wipe(pool, partner)


async def test_what_is_seen_by_its_call_alone_is_deleted_with_it(rows: Pool) -> None:
    """Else it would be left behind, where no transaction of the partner's finds it any more."""
    hanging = await rows.fetch(
        """
        SELECT c.relname AS name,
            EXISTS (SELECT FROM pg_attribute a WHERE attrelid = c.oid AND attname = 'call_id') AS of_calls
        FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid
        WHERE p.polname = 'partner' AND pg_get_expr(p.polqual, p.polrelid) LIKE '%EXISTS%'
        """
    )
    assert {row["name"] for row in hanging if not row["of_calls"]} == {"callback_attempts"}
