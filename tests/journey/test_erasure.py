"""What was erased is nowhere: every table and every file is read through for the marks that a call was full of."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from callwright import db, pipeline, queue, rollups
from callwright.analysis.rules import RulesAnalyser
from callwright.corrections import Given, correct
from callwright.db import Pool, Scope
from callwright.keeping import Made
from callwright.recordings import key_of
from journey_house import PATIENCE_SECONDS, RECORDINGS, House, working

MARK = "Qzx7"
"""In every field that a partner can send, and in what was said."""

PHONE = "+12025550187"
OTHER_PHONE = "+12025550123"
ID_MARK = "qzx7-call"
BASE = "/api/v1/partner"


def marked(house: House, call_id: str = ID_MARK, **changes: Any) -> dict[str, Any]:
    """A call that is full of marks."""
    turns = [
        ("agent", f"Hello, this is {MARK}agent from Brightdesk, am I speaking with {MARK}customer?"),
        ("customer", f"Yes, {MARK}customer here. We want to buy it, but it is too expensive for {MARK}company."),
        ("agent", "We have a monthly plan. What is your budget?"),
        ("customer", f"Our budget is 5,000 dollars. Mail the contract to {MARK}talk@example.com tomorrow."),
    ]
    record = house.record(
        call_id,
        house.serve(RECORDINGS / "nobody-there.wav"),
        agent={"id": f"{MARK}-agent", "name": f"{MARK} Agent", "email": f"{MARK}agent@example.com"},
        customer={
            "id": f"{MARK}-customer",
            "name": f"{MARK} Customer",
            "email": f"{MARK}@example.com",
            "disposition_status": f"{MARK} interested",
        },
        industry=f"{MARK} industry",
        function=f"{MARK} function",
        metadata={f"{MARK} key": f"{MARK} value"},
        custom_fields=[{"internal_name": f"{MARK} field", "value": f"{MARK} field value"}],
        transcript=[
            {"speaker": who, "start": 3.0 * at, "end": 3.0 * at + 2.5, "text": text}
            for at, (who, text) in enumerate(turns)
        ],
    )
    record["call"]["contact_number"] = PHONE
    record["call"]["recording_url"] += f"?{MARK}"
    record["callback_url"] += f"?{MARK}"
    return {**record, **changes}


def unpacked(value: bytes) -> list[bytes]:
    """Bytes as they are, and as what they may be packed from."""
    found = [value]
    for unpack in (zlib.decompress, gzip.decompress, lambda packed: zlib.decompress(packed, -15)):
        try:
            found.append(unpack(value))
        except (zlib.error, OSError, EOFError):
            continue
    return found


async def found_in_database(rows: Pool, *marks: str) -> list[str]:
    """Where in the whole database a mark is: each row and column as text, and bytes as such, packed or not."""
    found = []
    wanted = [mark.lower() for mark in marks]
    for (table,) in await rows.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"):
        for record in await rows.fetch(f'SELECT *, t::text AS "whole row" FROM "{table}" AS t'):
            for column, value in record.items():
                texts = [str(value)]
                for each in value if isinstance(value, list) else [value]:
                    if isinstance(each, bytes):
                        texts += [raw.decode("utf-8", "replace") for raw in unpacked(each)]
                found += [f"{table}.{column}: {mark}" for mark in wanted if any(mark in text.lower() for text in texts)]
    return found


def files(house: House) -> list[Path]:
    return [path for path in (house.settings.data_dir / "store").rglob("*") if path.is_file()]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something to be so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.05)


async def nothing_to_do(rows: Pool) -> bool:
    return not await rows.fetchval("SELECT count(*) FROM pgqueuer")


async def counted(pool: Pool, rows: Pool) -> None:
    """Count again what is due, as the worker does."""
    while await rows.fetchval("SELECT count(*) FROM recounts_due"):
        await rollups.keep_house(pool, asyncio.Event())


async def full_of_marks(house: House, pool: Pool, rows: Pool) -> None:
    """A call that went the whole way, was corrected, told of again, sent again and listened to."""
    house.recordings.answer("/404", status=404)
    await house.push(marked(house))
    call = await house.ended(ID_MARK)
    assert (call["status"], call["callback_status"]) == ("completed", "delivered"), call["failure"]
    again = await house.push(marked(house), house.record("other", house.recordings.url("/404")))
    assert [each["status"] for each in again["calls"]] == ["duplicate", "accepted"]
    row = await rows.fetchrow("SELECT partner_id, subtenant_no FROM subtenants")
    assert row is not None
    whose = Scope(*row.values())
    async with db.transaction(pool, whose) as connection:
        await correct(connection, whose, ID_MARK, Given("text", "1", f"{MARK} was said", f"{MARK} Manager"))
        await correct(connection, whose, ID_MARK, Given("intent", "", "NOT_INTERESTED", f"{MARK} Manager"))
    answer = await house.client.put(
        f"{BASE}/ingest/disposition-status",
        json={"customer_id": f"{MARK}-customer", "disposition_status": f"{MARK} won"},
        headers={"idempotency-key": "won"},
    )
    assert answer.status_code == 200
    resent = await house.client.post(f"{BASE}/calls/{ID_MARK}/callback", headers={"idempotency-key": f"{MARK}-again"})
    assert resent.json()["data"]["resent"]
    await house.until(ID_MARK, lambda each: each["callback_status"] == "delivered")
    token = (await house.client.get(f"{BASE}/dashboard/auth/token")).json()["data"]["token"]
    heard = await house.client.get(f"/call-recording/{ID_MARK}", params={"token": token})
    assert heard.status_code == 200, heard.text
    await rows.execute(
        """
        INSERT INTO former_analyses (partner_id, call_id, analysis_no, engine, body, made_at)
        SELECT partner_id, call_id, 1, engine, body, made_at FROM analyses
        """
    )
    await rows.execute(
        """
        INSERT INTO transcript_pieces (partner_id, call_id, number, basis, body)
        SELECT partner_id, call_id, 1, 'x', body FROM transcripts
        """
    )
    await counted(pool, rows)
    there = {where.partition(".")[0] for where in await found_in_database(rows, MARK, PHONE, ID_MARK)}
    assert there >= {
        *("calls", "batches", "agents", "customers", "dispositions", "callbacks", "contact_rollups"),
        *("day_calls", "day_rollups"),
        *("transcripts", "transcript_pieces", "analyses", "former_analyses", "corrections", "ended_calls"),
    }, "else the search would show nothing"
    assert len(files(house)) == 2
    await house.until("other", lambda each: each["status"] == "failed")


@pytest.mark.parametrize("by", ["call", "customer", "phone", "email"])
async def test_nothing_is_left_of_what_was_erased(house: House, pool: Pool, rows: Pool, by: str) -> None:
    async with working(house.settings):
        await full_of_marks(house, pool, rows)
        called_back = len(house.receiver.requests)
        if by in ("call", "customer"):
            subject = ID_MARK if by == "call" else f"{MARK}-customer"
            answer = await house.client.delete(f"{BASE}/{by}s/{subject}")
        else:
            subject = PHONE if by == "phone" else f"{MARK.upper()}@EXAMPLE.com"
            answer = await house.client.post(f"{BASE}/erasures", json={by: subject})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()["data"]
        assert (told["status"], told["calls"], told["customers"], told["agents"]) == ("erased", 1, 1, 1)
        assert told["rows"] > 12
        assert told["files"] == 2, "the recording, and the copy that was listened to"
        assert told["done_at"] is not None
        await counted(pool, rows)
        assert await found_in_database(rows, MARK, PHONE, ID_MARK) == []
        assert files(house) == []
        assert (await house.client.get(f"{BASE}/erasures/{told['erasure_id']}")).json()["data"] == told
        for path, message in (
            (f"calls/{ID_MARK}", "Call not found"),
            (f"customers/{MARK}-customer", "Customer not found"),
        ):
            unknown = await house.client.get(f"{BASE}/{path}")
            assert (unknown.status_code, unknown.json()["message"]) == (404, message)
        await sent_again(house, rows)
        assert not [each for each in house.receiver.requests[called_back:] if ID_MARK.encode() in each]
    [proof] = await rows.fetch("SELECT * FROM erasure_audit")
    assert (proof["kind"], proof["asked_by"], proof["who"]) == (by, "api", house.partner.api_key)
    assert proof["request_id"]


async def sent_again(house: House, rows: Pool) -> None:
    """Assert that the call does not come back with a later batch, the same or changed."""
    changed = marked(house)
    changed["customer"]["name"] = f"{MARK} Another"
    pushed = [await house.push(marked(house)), await house.push(changed, house.record("new", "https://x.example"))]
    assert [each["calls"][0] for each in pushed] == [{"id": ID_MARK, "status": "duplicate"}] * 2
    assert pushed[1]["calls"][1]["status"] == "accepted"
    batch = (await house.client.get(f"{BASE}/batches/{pushed[1]['batch_id']}")).json()["data"]
    assert (batch["accepted"], batch["duplicates"], batch["erased"]) == (1, 1, 1)
    assert [each["id"] for each in batch["calls"]] == ["new"]
    await until(partial(nothing_to_do, rows))
    assert await found_in_database(rows, MARK, PHONE, ID_MARK) == []
    assert files(house) == []


async def test_a_call_that_was_erased_twice_is_told_of_as_at_first(house: House) -> None:
    await house.push(marked(house))
    first, again = [await house.client.delete(f"{BASE}/calls/{ID_MARK}") for _ in range(2)]
    assert first.status_code == 200
    assert first.json() == again.json()
    stranger = {"x-sub-tenant-id": "another"}
    unknown = await house.client.delete(f"{BASE}/calls/{ID_MARK}", headers=stranger)
    assert unknown.status_code == 404


async def test_who_has_another_call_stays(house: House, rows: Pool) -> None:
    other = marked(house, "other")
    other["call"]["contact_number"] = OTHER_PHONE
    other["customer"]["disposition_status"] = "lost"
    other["call"]["end_time"] = "2026-01-01T10:00:10Z"
    await house.push(marked(house), other)
    told = (await house.client.post(f"{BASE}/erasures", json={"phone": PHONE})).json()["data"]
    assert (told["calls"], told["customers"], told["agents"]) == (1, 0, 0)
    customer = (await house.client.get(f"{BASE}/customers/{MARK}-customer")).json()["data"]
    assert customer["name"] == f"{MARK} Customer"
    assert customer["disposition_status"] == "lost", "as its other call says; the later one is gone"
    assert [each["call_id"] for each in customer["disposition_history"]] == ["other"]
    assert await rows.fetchval("SELECT name FROM agents") == f"{MARK} Agent"
    listed = (await house.client.get(f"{BASE}/calls")).json()["data"]["calls"]
    assert [each["id"] for each in listed] == ["other"]


async def test_a_customer_that_comes_again_later_is_another(house: House) -> None:
    await house.push(marked(house), marked(house, "second"))
    told = (await house.client.delete(f"{BASE}/customers/{MARK}-customer")).json()["data"]
    assert (told["calls"], told["customers"], told["agents"]) == (2, 1, 1)
    await house.push(marked(house, "third"))
    customer = (await house.client.get(f"{BASE}/customers/{MARK}-customer")).json()["data"]
    assert [each["call_id"] for each in customer["disposition_history"]] == ["third"]


async def test_nobody_has_that_number(house: House, rows: Pool) -> None:
    told = (await house.client.post(f"{BASE}/erasures", json={"phone": "+12025550199"})).json()["data"]
    assert (told["status"], told["calls"], told["rows"], told["files"]) == ("erased", 0, 0, 0)
    assert await found_in_database(rows, "+12025550199") == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, "customer_id should not be empty"),
        ({"phone": "0151 123"}, "phone must be a valid phone number in E.164 format"),
        ({"email": "nobody"}, "email must be an email"),
        ({"customer_id": "a", "phone": PHONE}, "phone must be left out, as customer_id is there"),
    ],
)
async def test_who_is_to_be_erased_must_be_said(house: House, body: dict[str, Any], fault: str) -> None:
    answer = await house.client.post(f"{BASE}/erasures", content=json.dumps(body))
    assert answer.status_code == 422
    assert [each["message"] for each in answer.json()["errors"]] == [fault]


async def erased_under_the_work(house: House, rows: Pool) -> None:
    """Assert that an erasure that came while a worker was at the call has left nothing, nor a word to the receiver."""
    await until(partial(nothing_to_do, rows))
    assert await found_in_database(rows, MARK, PHONE, ID_MARK) == []
    assert files(house) == []
    assert house.receiver.requests == []


STEPS: tuple[queue.Step, ...] = ("fetch", "transcribe", "analyse")


@pytest.mark.parametrize("before", [True, False], ids=["as it begins", "as it is to be saved"])
@pytest.mark.parametrize("name", STEPS)
async def test_a_call_that_is_erased_on_its_way(
    house: House, rows: Pool, name: queue.Step, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    erased = asyncio.Event()
    step = pipeline.STEPS[name]

    async def erase() -> None:
        answer = await house.client.delete(f"{BASE}/calls/{ID_MARK}")
        assert answer.status_code == 200, answer.text

    async def work(tools: pipeline.Tools, call: Any, known: Any) -> Made:
        try:
            if before:
                await erase()
            made = await step.work(tools, call, known)
            if not before:
                await erase()
            return made
        finally:
            erased.set()

    monkeypatch.setitem(pipeline.STEPS, name, pipeline.Step(step.finds, step.read, work))
    monkeypatch.setattr(RulesAnalyser, "at_once", name != "analyse")
    async with working(house.settings):
        await house.push(marked(house))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await erased.wait()
        await erased_under_the_work(house, rows)


async def test_a_call_that_is_erased_while_its_callback_is_under_way(house: House, rows: Pool) -> None:
    """The one try that had begun may arrive; no other follows, and nothing is kept of the answer."""
    house.receiver.answer("/hook", status=503, body=f"{MARK} is not here".encode())
    async with working(house.settings):
        await house.push(marked(house))
        await house.until(ID_MARK, lambda each: each["status"] == "completed")
        answer = await house.client.delete(f"{BASE}/calls/{ID_MARK}")
        assert answer.status_code == 200
        tried = len(house.receiver.requests)
        await until(partial(nothing_to_do, rows))
    assert len(house.receiver.requests) <= tried + 1
    assert await found_in_database(rows, MARK, PHONE, ID_MARK) == []


async def test_a_step_that_is_to_be_tried_again_is_not(house: House, rows: Pool) -> None:
    record = marked(house)
    record["call"]["recording_url"] = house.recordings.url("/nobody-there.wav")
    house.recordings.answer("/nobody-there.wav", status=503)

    async def asked() -> bool:
        return bool(house.recordings.requests)

    async with working(house.settings):
        await house.push(record)
        await until(asked)
        assert (await house.client.delete(f"{BASE}/calls/{ID_MARK}")).status_code == 200
        await erased_under_the_work(house, rows)


async def test_what_a_worker_that_died_had_stored_is_cleared_away(house: House, rows: Pool) -> None:
    """The job of a call that is gone comes to another worker, which looks whether the dead one left its recording."""
    await house.push(marked(house))
    await rows.execute("UPDATE pgqueuer SET status = 'picked', heartbeat = now() - interval '1 hour'")
    assert (await house.client.delete(f"{BASE}/calls/{ID_MARK}")).status_code == 200
    late = house.settings.data_dir / "store" / key_of(house.partner.partner_id, ID_MARK)
    late.parent.mkdir(parents=True, exist_ok=True)
    late.write_bytes(b"a voice")

    async def cleared() -> bool:
        return not late.exists()

    async with working(house.settings):
        await until(cleared)
    assert files(house) == []
