"""Callbacks: the contract's body, signatures that verify, retries that end, and every try kept."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from authority import authority
from callwright import callbacks, calls, credentials, partners, reports, summaries
from callwright.callbacks import Delivery, RetryPolicy, Told
from callwright.db import Pool, everywhere
from callwright.outbound import Outbound, Policy
from callwright.partners import NewPartner
from local_server import LocalServer, serve
from submissions import SEALER, onboard, scope, submission

RETRIES = RetryPolicy(timeout=2, first_wait=10, factor=6, jitter=0.2)
FIELDS = [
    *("call_id", "type", "customer_id", "agent_id", "status", "error", "intent", "intent_justification"),
    *("intent_score", "quality_score", "summary", "bant", "qualification", "quality", "meta"),
]


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[LocalServer]:
    _, tls = authority(tmp_path, "localhost")
    async with serve(tls) as local:
        yield local


@pytest.fixture
async def outbound(receiver: LocalServer, tmp_path: Path) -> AsyncIterator[Outbound]:
    policy = Policy(allowed_networks=(ip_network("127.0.0.0/8"), ip_network("::1/128")), ca_file=tmp_path / "ca.pem")
    async with Outbound(policy) as client:
        yield client


async def prepared(pool: Pool, url: str, metadata: str | None = '{"n": 1180591620717411303424}') -> NewPartner:
    """A partner with one call that has ended and its callback."""
    new = await onboard(pool)
    await calls.accept(pool, await scope(pool), [submission(callback_url=url)])
    told = Told(new.partner_id, (await scope(pool)).subtenant_no, "call-1", "agent-1", "customer-1", metadata, url)
    async with everywhere(pool) as lent:
        await callbacks.prepare(lent, told, summaries.payload(told, None, "recording_not_found: It is gone."))
    return new


async def begin(pool: Pool, new: NewPartner) -> tuple[Delivery, list[str]]:
    """Begin the next try, whenever it is due."""
    async with everywhere(pool) as lent:
        callback_id = await lent.fetchval("UPDATE callbacks SET next_attempt_at = now() RETURNING callback_id")
        [delivery] = (await callbacks.begin_attempts(lent, new.partner_id, [callback_id])).values()
        return delivery, await partners.webhook_secrets(lent, new.partner_id, SEALER)


async def one_try(pool: Pool, outbound: Outbound, new: NewPartner) -> callbacks.State | None:
    delivery, secrets = await begin(pool, new)
    outcome = await callbacks.attempt(outbound, delivery, secrets, RETRIES)
    async with everywhere(pool) as lent:
        [state] = await callbacks.finish_attempts(lent, new.partner_id, [(delivery, outcome)], RETRIES)
        return state


def received(server: LocalServer, index: int = -1) -> tuple[dict[str, str], bytes]:
    head, body = server.requests[index].split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, body


def test_the_body_has_every_field_of_the_contract() -> None:
    told = Told(1, 1, "c", "a", "k", None, "https://x.example")
    body = json.loads(summaries.payload(told, None, "recording_empty: Nothing."))
    assert list(body) == FIELDS
    assert (body["status"], body["error"], body["meta"]) == ("failed", "recording_empty: Nothing.", {})
    assert {body[name] for name in FIELDS[6:14]} == {None}


async def test_a_delivered_callback_verifies_and_is_sent_once(
    pool: Pool, receiver: LocalServer, outbound: Outbound
) -> None:
    new = await prepared(pool, receiver.answer("/hook", b"thanks").replace("http://127.0.0.1", "https://localhost"))
    assert await one_try(pool, outbound, new) == "delivered"
    headers, body = received(receiver)
    assert headers["content-type"] == "application/json"
    assert b'"meta":{"n": 1180591620717411303424}' in body
    assert Webhook(new.webhook_secret).verify(body.decode(), headers)["call_id"] == "call-1"
    with pytest.raises(WebhookVerificationError):
        Webhook(new.webhook_secret).verify(body.decode() + " ", headers)
    async with everywhere(pool) as lent:
        kept = await lent.fetchrow("SELECT attempt, http_status, error, answer FROM callback_attempts")
        assert kept is not None
        assert tuple(kept.values()) == (1, 200, None, "thanks")
        assert await callbacks.begin_attempts(lent, new.partner_id, [headers["webhook-id"]]) == {}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226])
async def test_every_2xx_acknowledges(pool: Pool, receiver: LocalServer, outbound: Outbound, status: int) -> None:
    new = await prepared(pool, receiver.answer("/hook", status=status).replace("http://127.0.0.1", "https://localhost"))
    assert await one_try(pool, outbound, new) == "delivered"
    assert receiver.requests[0].startswith(b"POST /hook HTTP/1.1\r\n")


async def test_the_next_try_waits_as_long_as_the_receiver_asks(
    pool: Pool, receiver: LocalServer, outbound: Outbound
) -> None:
    url = receiver.answer("/hook", status=503, headers="retry-after: 900\r\n")
    new = await prepared(pool, url.replace("http://127.0.0.1", "https://localhost"))
    assert await one_try(pool, outbound, new) == "pending"
    async with everywhere(pool) as lent:
        waits = [
            await lent.fetchval("SELECT extract(epoch FROM next_attempt_at - now())::float8 FROM callbacks"),
            await lent.fetchval("SELECT max(extract(epoch FROM execute_after - now()))::float8 FROM pgqueuer"),
        ]
    assert all(890 < wait <= 900 for wait in waits), waits


async def test_during_a_rotation_both_secrets_verify(pool: Pool, receiver: LocalServer, outbound: Outbound) -> None:
    new = await prepared(pool, receiver.answer("/hook").replace("http://127.0.0.1", "https://localhost"))
    async with everywhere(pool) as lent:
        newer = await partners.rotate_webhook_secret(lent, new.partner_id, sealer=SEALER, overlap_seconds=3600)
    await one_try(pool, outbound, new)
    headers, body = received(receiver)
    for secret in (new.webhook_secret, newer):
        assert Webhook(secret).verify(body.decode(), headers)["type"] == "CALL_SUMMARY"


@pytest.mark.parametrize("status", [301, 404, 410, 429, 500])
async def test_anything_else_is_retried_three_times_with_one_id_and_then_kept(
    pool: Pool, receiver: LocalServer, outbound: Outbound, status: int
) -> None:
    url = receiver.answer("/hook", b"no\x00", status=status, headers="location: https://localhost/elsewhere\r\n")
    new = await prepared(pool, url.replace("http://127.0.0.1", "https://localhost"))
    states = [await one_try(pool, outbound, new) for _ in range(4)]
    assert states == ["pending", "pending", "pending", "undelivered"]
    assert len(receiver.requests) == 4  # no redirect was followed
    assert len({received(receiver, n)[0]["webhook-id"] for n in range(4)}) == 1
    assert len({received(receiver, n)[1] for n in range(4)}) == 1
    async with everywhere(pool) as lent:
        wanted = callbacks.Wanted(new.partner_id, state="undelivered")
        found: list[Any] = await reports.list_callbacks(lent, wanted, most=10)
        jobs = await lent.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'deliver'")
    [listed] = found
    assert (listed["state"], listed["next_attempt_at"]) == ("undelivered", None)
    assert [(a["attempt"], a["http_status"]) for a in listed["attempts"]] == [(n, status) for n in range(1, 5)]
    assert str(status) in listed["attempts"][0]["error"]
    assert jobs == 4


async def test_a_try_is_recorded_once_however_often_that_is_tried(
    pool: Pool, rows: Pool, receiver: LocalServer, outbound: Outbound
) -> None:
    receiver.answer("/hook", status=500)
    new = await prepared(pool, receiver.url("/hook", scheme="https", host="localhost"))
    delivery, secrets = await begin(pool, new)
    outcome = await callbacks.attempt(outbound, delivery, secrets, RETRIES)
    for _ in range(2):  # as where the answer to the commit was lost
        async with everywhere(pool) as lent:
            assert await callbacks.finish_attempts(lent, new.partner_id, [(delivery, outcome)], RETRIES) == ["pending"]
    assert await rows.fetchval("SELECT count(*) FROM callback_attempts") == 1
    assert await rows.fetchval("SELECT count(*) FROM pgqueuer WHERE execute_after > now()") == 1


async def test_no_answer_in_time_is_an_outcome(pool: Pool, receiver: LocalServer, outbound: Outbound) -> None:
    async def silent(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    receiver.routes["/hook"] = silent
    new = await prepared(pool, receiver.url("/hook", scheme="https", host="localhost"))
    delivery, secrets = await begin(pool, new)
    outcome = await callbacks.attempt(outbound, delivery, secrets, RetryPolicy(timeout=0.2))
    assert outcome.http_status is None
    assert outcome.error == "The server localhost did not answer in time."


async def test_a_private_address_is_never_called(pool: Pool) -> None:
    new = await prepared(pool, "https://10.1.2.3/hook")
    async with Outbound(Policy()) as strict:
        assert await one_try(pool, strict, new) == "pending"
    async with everywhere(pool) as lent:
        assert "not on the public internet" in await lent.fetchval("SELECT error FROM callback_attempts")


async def test_sent_again_by_hand_keeps_id_and_body_and_may_be_tried_as_often(
    pool: Pool, receiver: LocalServer, outbound: Outbound
) -> None:
    new = await prepared(pool, receiver.answer("/hook", status=500).replace("http://127.0.0.1", "https://localhost"))
    for _ in range(4):
        await one_try(pool, outbound, new)
    callback_id = received(receiver)[0]["webhook-id"]
    async with everywhere(pool) as lent:
        assert await callbacks.resend(lent, new.partner_id, [callback_id, "msg_none"]) == ["call-1"]
        assert await callbacks.resend(lent, new.partner_id, [callback_id]) == [], "it is under way"
    receiver.answer("/hook")
    assert await one_try(pool, outbound, new) == "delivered"
    assert received(receiver)[0]["webhook-id"] == callback_id
    assert received(receiver)[1] == received(receiver, 0)[1]
    async with everywhere(pool) as lent:
        assert await lent.fetchval("SELECT array_agg(attempt ORDER BY attempt) FROM callback_attempts") == [
            *range(1, 6)
        ]


async def test_what_is_told_again_has_its_id_again_and_anything_else_another(pool: Pool) -> None:
    """As after a restore of a database to before it was told; and as where a call was processed again meanwhile."""
    new = await prepared(pool, "https://partner.example.com/hook")
    whose = new.partner_id, (await scope(pool)).subtenant_no

    async def told(call_id: str, body: bytes, *, forgotten: bool = True) -> str:
        of = Told(*whose, call_id, "agent-1", "customer-1", None, "https://partner.example.com/hook")
        async with everywhere(pool) as lent:
            await lent.execute("DELETE FROM callbacks WHERE $1", forgotten)
            await callbacks.prepare(lent, of, body)
            callback_id = await callbacks.newest(lent, new.partner_id, call_id)
            assert callback_id is not None
            return callback_id

    first = await told("call-1", b"one")
    assert re.fullmatch("msg_[0-9a-f]{24}", first)
    assert await told("call-1", b"one") == first
    second = await told("call-1", b"one", forgotten=False)
    assert len({first, second, await told("call-1", b"two"), await told("call-2", b"one")}) == 4
    async with everywhere(pool) as lent:
        await lent.execute("UPDATE partners SET tombstone_salt = '\\x00'")
    assert await told("call-1", b"one") != first, "nobody without the salt can tell it from what was said"


async def test_what_was_acknowledged_late_is_delivered_all_the_same(
    pool: Pool, receiver: LocalServer, outbound: Outbound
) -> None:
    new = await prepared(pool, receiver.answer("/hook").replace("http://127.0.0.1", "https://localhost"))
    delivery, secrets = await begin(pool, new)
    async with everywhere(pool) as lent:  # by another worker, which had not heard of this one for long
        assert await callbacks.end(lent, delivery, "undelivered")
    outcome = await callbacks.attempt(outbound, delivery, secrets, RETRIES)
    async with everywhere(pool) as lent:
        assert await callbacks.finish_attempts(lent, new.partner_id, [(delivery, outcome)], RETRIES) == ["delivered"]
        assert not await callbacks.end(lent, delivery, "undelivered"), "what was delivered stays so"
        assert await lent.fetchval("SELECT state FROM callbacks") == "delivered"


def test_waits_grow_and_a_receivers_wish_is_honoured_within_bounds() -> None:
    waits = [RETRIES.wait(n, None) for n in (1, 2, 3)]
    bounds = [(8, 12), (48, 72), (288, 432)]
    assert all(low <= wait <= high for wait, (low, high) in zip(waits, bounds, strict=True))
    assert RETRIES.wait(1, 100) == 100
    assert RETRIES.wait(1, 10**9) == callbacks.LONGEST_WAIT_SECONDS


def test_the_timestamp_is_the_try_and_the_id_is_the_callback() -> None:
    delivery = Delivery(1, "msg_1", "c", "https://x.example", b"{}", 2, 4)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    headers = callbacks.signed_headers(delivery, [credentials.make_webhook_secret()], at)
    assert headers["webhook-timestamp"] == str(int(at.timestamp()))
    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-signature"].startswith("v1,")
