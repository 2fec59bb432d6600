"""From an outage to the result, and what is done again: a call that is retried, a callback that is sent twice."""

import asyncio
import json

from callwright import pipeline
from callwright.db import Pool, transaction
from journey_house import RECORDINGS, House, working
from local_server import serve

TURNS = [{"speaker": "customer", "start": 1, "end": 2, "text": "Hello, who is this?"}]
AWAY_FOR = 5
"""More often than a step is tried for any other reason."""


def webhook_ids(house: House) -> list[str]:
    heads = [request.split(b"\r\n\r\n")[0].decode().lower() for request in house.receiver.requests]
    return [line.split(": ")[1] for head in heads for line in head.split("\r\n") if line.startswith("webhook-id")]


async def test_a_speech_server_that_is_away_fails_no_call(house: House) -> None:
    asked = 0
    async with serve() as speech:

        async def comes_back(request: bytes, writer: asyncio.StreamWriter) -> None:
            nonlocal asked
            asked += 1
            body = json.dumps({"text": "Hello, who is this?"}).encode()
            status = 503 if asked <= AWAY_FOR else 200
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)

        speech.routes["/v1/audio/transcriptions"] = comes_back
        settings = house.settings.model_copy(update={"transcriber": f"openai:{speech.url('')}#m"})
        await house.push(house.record("call", house.serve(RECORDINGS / "nobody-there.wav")))
        async with working(settings):
            call = await house.ended("call")
    assert (call["status"], call["failure"]) == ("completed", None)
    assert asked > AWAY_FOR
    assert len(house.receiver.requests) == 1


async def test_a_failed_call_that_is_retried_ends_well_and_calls_back_anew(house: House, pool: Pool) -> None:
    missing = house.recordings.answer("/next-step-booked.mp3", status=404)
    await house.push(house.record("call", missing, transcript=TURNS))
    async with working(house.settings):
        assert (await house.ended("call"))["failure"]["code"] == "recording_not_found"
        house.serve(RECORDINGS / "next-step-booked.mp3")
        async with transaction(pool, house.partner.partner_id) as connection:
            await pipeline.retry(connection, house.partner.partner_id, "call")
        call = await house.until("call", lambda c: c["status"] == "completed" and c["callback_status"] == "delivered")
    assert call["failure"] is None
    assert house.called_back()["call"]["status"] == "completed", "the last word"
    assert len(set(webhook_ids(house))) == 2


async def test_what_was_not_delivered_is_sent_again_when_asked_for(house: House) -> None:
    house.receiver.answer("/hook", status=500)
    url = house.serve(RECORDINGS / "next-step-booked.mp3")
    await house.push(*(house.record(call_id, url, transcript=TURNS) for call_id in ("one", "two")))
    async with working(house.settings):
        for call_id in ("one", "two"):
            assert (await house.ended(call_id))["callback_status"] == "undelivered"
        house.receiver.answer("/hook")
        base = "/api/v1/partner"
        first = (await house.client.post(f"{base}/calls/one/callback")).json()["data"]
        listed = (await house.client.get(f"{base}/callbacks?state=undelivered")).json()["data"]["callbacks"]
        since = {"since": listed[0]["created_at"]}
        resent = (await house.client.post(f"{base}/callbacks/resend", json=since)).json()["data"]
        for call_id in ("one", "two"):
            assert (await house.ended(call_id))["callback_status"] == "delivered"
    assert first["resent"]
    assert [(each["call_id"], [a["http_status"] for a in each["attempts"]]) for each in listed] == [("two", [500] * 4)]
    assert resent == {"resent": 1, "more": False}
    ids = webhook_ids(house)
    assert len(set(ids)) == 2
    assert sorted(ids.count(each) for each in set(ids)) == [5, 5]
    assert set(house.called_back()) == {"one", "two"}
