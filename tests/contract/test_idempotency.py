"""`Idempotency-Key`, beyond the contract: a write that is sent again is done once and answered the same."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from callwright import customers, idempotency, redelivery
from callwright.db import Connection, everywhere
from callwright.errors import Unavailable
from contract.test_callbacks import with_callbacks
from partner_api import DISPOSITION, Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
UNDER_WAY = {"success": False, "message": "A request with this Idempotency-Key is under way"}
OTHER_REQUEST = {
    "success": False,
    "message": "Validation failed",
    "errors": [{"field": "Idempotency-Key", "message": "Idempotency-Key must not be sent again with another request"}],
}


@pytest_asyncio.fixture(loop_scope="module")
async def own(door: Door) -> AsyncIterator[Door]:
    """The door for a partner of this test's own, whose customer a call of two subtenants has brought in."""
    made = await door.for_another(("acme", "sales"), ("acme", "support"))
    await made.post(a_batch(a_record("one", customer__disposition_status="new")))
    await made.post(a_batch(a_record("two", customer__disposition_status="new")), sub_tenant_id="support")
    yield made


async def put(door: Door, status: str, key: str | None = KEY, **changes: str | None) -> httpx.Response:
    body = {"customer_id": "customer123", "disposition_status": status}
    headers = door.headers(idempotency_key=None, **changes)
    if key is not None:
        headers["idempotency-key"] = key
    return await door.client.put(DISPOSITION, content=json.dumps(body), headers=headers)


async def history(door: Door, **changes: str | None) -> list[str]:
    data = (await door.get("customers/customer123", **changes)).json()["data"]
    return [entry["status"] for entry in data["disposition_history"]]


async def test_a_disposition_is_set_once(own: Door) -> None:
    first = await put(own, "won")
    again = await put(own, "won")
    assert (first.status_code, first.content) == (again.status_code, again.content) == (200, b'{"success":true}')
    assert again.headers["content-type"] == first.headers["content-type"]
    assert await history(own) == ["won", "new"]
    assert (await put(own, "won", f'"{KEY}"')).status_code == 200, "as a string of structured fields too"
    assert await history(own) == ["won", "new"]
    await put(own, "won", None)
    await put(own, "won", "another")
    assert await history(own) == ["won", "won", "won", "new"]


async def test_a_key_belongs_to_its_request(own: Door) -> None:
    await put(own, "won")
    answer = await put(own, "lost")
    assert (answer.status_code, answer.json()) == (422, OTHER_REQUEST)
    headers = {**own.headers(), "idempotency-key": KEY}
    answer = await own.client.post("/api/v1/partner/calls/one/callback", headers=headers)
    assert (answer.status_code, answer.json()) == (422, OTHER_REQUEST)
    assert await history(own) == ["won", "new"]
    assert (await put(own, "lost", sub_tenant_id="support")).status_code == 200, "a key of another subtenant's"
    assert await history(own, sub_tenant_id="support") == ["lost", "new"]
    other = await own.for_another(("acme", "sales"))
    await other.post(a_batch(a_record("one", customer__disposition_status="new")))
    assert (await put(other, "lost")).status_code == 200, "a key of another partner's"
    assert await history(other) == ["lost", "new"]


async def test_what_was_refused_is_not_kept(own: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(customers, "set_disposition", away)
        assert (await put(own, "won")).status_code == 503
    body = json.dumps({"customer_id": "nobody", "disposition_status": "won"})
    headers = {**own.headers(), "idempotency-key": KEY}
    assert (await own.client.put(DISPOSITION, content=body, headers=headers)).status_code == 404
    assert (await put(own, "won")).status_code == 200
    assert await history(own) == ["won", "new"]


async def test_two_at_a_time(own: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, goes_on = asyncio.Event(), asyncio.Event()
    real = customers.set_disposition

    async def slowly(*arguments: Any) -> None:
        begun.set()
        await goes_on.wait()
        await real(*arguments)

    monkeypatch.setattr(customers, "set_disposition", slowly)
    first = asyncio.create_task(put(own, "won"))
    await begun.wait()
    answer = await put(own, "won")
    assert (answer.status_code, answer.json()) == (409, UNDER_WAY)
    goes_on.set()
    assert (await first).status_code == 200
    assert (await put(own, "won")).status_code == 200
    assert await history(own) == ["won", "new"]


async def test_many_at_a_time(own: Door) -> None:
    answers = await asyncio.gather(*(put(own, "won") for _ in range(12)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert (await put(own, "won")).status_code == 200
    assert await history(own) == ["won", "new"]


async def test_a_key_is_kept_for_a_day(own: Door) -> None:
    async def age(hours: float) -> None:
        async with everywhere(own.pool) as lent:
            await lent.execute(
                "UPDATE idempotent_answers SET answered_at = now() - $2::interval WHERE partner_id = $1",
                *(own.partner.partner_id, timedelta(hours=hours)),
            )

    await put(own, "won")
    await age(23.9)
    await put(own, "won")
    assert await history(own) == ["won", "new"]
    await age(24.1)
    assert (await put(own, "lost")).status_code == 200
    assert await history(own) == ["lost", "won", "new"]
    assert (await put(own, "lost")).status_code == 200
    assert await history(own) == ["lost", "won", "new"], "it is kept anew"
    async with everywhere(own.pool) as lent:
        await idempotency.keep_house(lent)
        assert await kept(lent, own) == 1
        await age(24.1)
    async with everywhere(own.pool) as lent:
        await idempotency.keep_house(lent)
        assert await kept(lent, own) == 0


async def kept(connection: Connection, door: Door) -> int:
    found: int = await connection.fetchval(
        "SELECT count(*) FROM idempotent_answers WHERE partner_id = $1", door.partner.partner_id
    )
    return found


async def test_callbacks_are_sent_again_once(own: Door) -> None:
    [callback_id] = await with_callbacks(own, "sent")
    headers = {**own.headers(), "idempotency-key": KEY}
    path = "/api/v1/partner/calls/sent/callback"
    first = await own.client.post(path, headers=headers)
    assert first.json()["data"]["resent"] is True
    async with everywhere(own.pool) as lent:  # it arrives
        await lent.execute(
            "UPDATE callbacks SET state = 'delivered' WHERE callback_id = $1 AND partner_id > 0", callback_id
        )
        await lent.execute("UPDATE calls SET callback_state = 'delivered' WHERE call_id = 'sent' AND partner_id > 0")
    again = await own.client.post(path, headers=headers)
    assert again.content == first.content, "as it was answered, though it stands otherwise now"
    assert (await own.get("callbacks")).json()["data"]["callbacks"][0]["state"] == "delivered"
    assert (await own.client.post(path, headers=own.headers())).json()["data"]["resent"] is True


async def test_undelivered_ones_are_sent_again_once(own: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery, "MOST_AT_A_TIME", 1)
    ids = await with_callbacks(own, "a", "b")
    async with everywhere(own.pool) as lent:
        await lent.execute("UPDATE callbacks SET state = 'undelivered' WHERE partner_id = $1", own.partner.partner_id)
    headers = {**own.headers(), "idempotency-key": KEY}
    answers = [
        await own.client.post(
            "/api/v1/partner/callbacks/resend",
            content=json.dumps({"callback_ids": [ids[0]], "unknown": unknown}),
            headers=headers,
        )
        for unknown in (1, 2)
    ]
    assert [answer.json()["data"]["resent"] for answer in answers] == [1, 1]
    body = json.dumps({"callback_ids": [ids[1]]})
    answer = await own.client.post("/api/v1/partner/callbacks/resend", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (422, OTHER_REQUEST)


@pytest.mark.parametrize("key", ["", " ", '""', 'a"b', '"a', "a b", "é", "x" * 256, "a\\b"])
async def test_keys_that_are_none(own: Door, key: str) -> None:
    body = json.dumps({"customer_id": "customer123", "disposition_status": "won"})
    headers = httpx.Headers([*own.headers().multi_items(), ("idempotency-key", key)], encoding="utf-8")
    answer = await own.client.put(DISPOSITION, content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["message"] == "Idempotency-Key must be 1 to 255 visible characters, sent once"
    assert await history(own) == ["new"]


async def test_a_doubled_key_is_none(own: Door) -> None:
    body = json.dumps({"customer_id": "customer123", "disposition_status": "won"})
    headers = [*own.headers().multi_items(), ("idempotency-key", "a"), ("idempotency-key", "a")]
    assert (await own.client.put(DISPOSITION, content=body, headers=headers)).status_code == 400


async def test_the_longest_key(own: Door) -> None:
    for key in ("x" * 255, f'"{"x" * 255}"'):
        assert (await put(own, "won", key)).status_code == 200
    assert await history(own) == ["won", "new"]
