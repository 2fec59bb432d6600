"""Test mode as a partner's engineer meets it: what ids ask for comes, callbacks too, and nothing else is asked."""

from dataclasses import replace
from typing import Any

import pytest

from callwright import canned, pipeline, together
from callwright.canned import FAILURES, INTENTS, MAGIC
from callwright.db import Pool, everywhere
from callwright.reports import operation
from callwright.worker import tools_of
from journey_house import House


@pytest.mark.usefixtures("worker")
async def test_every_magic_id_comes_to_what_it_says_and_is_called_back(rehearsal: House, pool: Pool) -> None:
    asked = [each for each in MAGIC if each != canned.SLOW]
    url = rehearsal.recordings.url("/never.mp3")
    records = [rehearsal.record(each, url) for each in asked]
    assert (await rehearsal.push(*records))["accepted"] == len(asked)
    for each in asked:
        call = await rehearsal.ended(each)
        assert call["callback_status"] == "delivered"
        assert call["recording"] is None
        if each in FAILURES:
            assert (call["status"], call["failure"]["code"], call["transcript"]) == ("failed", FAILURES[each], None)
            continue
        assert (call["status"], call["analysis"]["intent"]) == ("completed", INTENTS.get(each))
        assert (call["transcript"]["engine"], call["analysis"]["engine"]) == ("test", "test")
        assert call["analysis"]["notes"] == [canned.NOTE]
    told = rehearsal.called_back()  # each is verified with the test key's secret
    assert set(told) == set(asked)
    for each, body in told.items():
        assert (list(body)[-1], body["test"], body["meta"]) == ("test", True, {"campaign": "Q1", "attempt": 2})
        assert (body["error"] or "").partition(":")[0] == FAILURES.get(each, "")
        assert body["intent"] == INTENTS.get(each)
    assert rehearsal.recordings.requests == [], "nothing is fetched"
    async with everywhere(pool) as lent:
        assert await operation.read_failures(lent) == {}, "the operator's figures are of live calls"
        assert await operation.read_analysers(lent) == []


async def test_nothing_but_the_database_is_asked(rehearsal: House, pool: Pool, rows: Pool) -> None:
    asked = ("any", "test_fail_internal_error")
    await rehearsal.push(*(rehearsal.record(each, "https://x.example/1.mp3") for each in asked))
    async with tools_of(rehearsal.settings) as tools:
        nothing: dict[str, Any] = dict.fromkeys(("outbound", "store", "transcriber", "analyser", "scratch"))
        for each in asked:
            bare = replace(tools, **nothing)
            assert await pipeline.walk(bare, "fetch", rehearsal.partner.partner_id, each) is None, "no host was asked"
    states = await rows.fetch("SELECT state FROM calls ORDER BY call_id")
    assert [row["state"] for row in states] == ["completed", "failed"]
    assert {row["entrypoint"] for row in await rows.fetch("SELECT entrypoint FROM pgqueuer")} == {"fetch", "deliver"}


async def test_a_slow_call_stays_received_for_as_long_as_it_says(rehearsal: House, rows: Pool) -> None:
    await rehearsal.push(rehearsal.record("test_slow", "https://x.example/1.mp3"))
    await rows.execute("DELETE FROM pgqueuer")
    async with tools_of(rehearsal.settings) as tools:
        await pipeline.walk(tools, "fetch", rehearsal.partner.partner_id, "test_slow")
        assert (await rehearsal.call("test_slow"))["status"] == "received"
        wait = await rows.fetchval("SELECT execute_after - created FROM pgqueuer WHERE entrypoint = 'fetch'")
        assert wait.total_seconds() == pytest.approx(canned.SLOW_SECONDS, abs=1)
        await pipeline.walk(tools, "fetch", rehearsal.partner.partner_id, "test_slow")
    assert (await rehearsal.call("test_slow"))["status"] == "completed"


async def test_the_end_of_a_test_call_is_durable(rehearsal: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step of a live call need not be, as it can be done again; a callback may be on its way at once."""
    asked: list[bool] = []

    real = together.saved

    async def saved(*given: Any, durable: bool = True, **others: Any) -> Any:
        asked.append(durable)
        return await real(*given, durable=durable, **others)

    monkeypatch.setattr("callwright.together.saved", saved)
    await rehearsal.push(rehearsal.record("any", "https://x.example/1.mp3"))
    async with tools_of(rehearsal.settings) as tools:
        await pipeline.walk(tools, "fetch", rehearsal.partner.partner_id, "any")
    assert asked == [True]


@pytest.mark.usefixtures("worker")
async def test_a_rubric_of_the_test_key_counts_for_test_calls(rehearsal: House) -> None:
    rubric = (await rehearsal.client.get("/api/v1/partner/rubric")).json()["data"]["rubric"]
    mine = {**rubric, "name": "mine", "parameters": rubric["parameters"][:2]}
    assert (await rehearsal.client.put("/api/v1/partner/rubric", json=mine)).status_code == 200
    await rehearsal.push(rehearsal.record("any", "https://x.example/1.mp3"))
    analysis = (await rehearsal.ended("any"))["analysis"]
    assert analysis["rubric"] == "mine/1"
    assert [each["parameter_name"] for each in analysis["quality"]] == [each["name"] for each in mine["parameters"]]
