"""Section 2: `POST /api/v1/partner/ingest/batch-call`."""

import asyncio
import gzip
import json
import zlib
from typing import Any
from uuid import UUID

import orjson
import pytest

from callwright.db import everywhere
from partner_api import ABSENT, BATCH_CALL, Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT = 5 * 1024 * 1024


async def entries(door: Door, *records: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await door.post(a_batch(*records))
    assert answer.status_code == 200, answer.text
    told: list[dict[str, Any]] = answer.json()["data"]["calls"]
    return told


async def test_answer(door: Door) -> None:
    """Answer, MUST: 200 with `batch_id`, `accepted`, `duplicates`, `calls`, in the order of the request."""
    await door.post(a_batch(a_record("a2")))
    answer = await door.post(a_batch(a_record("a3"), a_record("a2"), a_record("a1")))
    assert answer.status_code == 200
    told = answer.json()
    UUID(told["data"].pop("batch_id"))
    assert told == {
        "success": True,
        "data": {
            "accepted": 2,
            "duplicates": 1,
            "calls": [
                {"id": "a3", "status": "accepted"},
                {"id": "a2", "status": "duplicate"},
                {"id": "a1", "status": "accepted"},
            ],
        },
    }


async def test_fifty_calls(door: Door) -> None:
    """Ingests 1 to 50 calls in one request."""
    told = await entries(door, *(a_record(f"fifty{n}") for n in range(50)))
    assert [entry["status"] for entry in told] == ["accepted"] * 50


async def test_minimal_record(door: Door) -> None:
    """`agent.email`, `agent.name`, `customer.name`, …: not required; `null` … is the same as leaving it out."""
    optional = ["industry", "function", "callback_url", "metadata", "custom_fields", "transcript"]
    optional += ["agent__name", "agent__email", "customer__name", "customer__email", "customer__disposition_status"]
    assert await entries(door, a_record("minimal", **dict.fromkeys(optional, ABSENT))) == [
        {"id": "minimal", "status": "accepted"}
    ]
    assert await entries(door, a_record("minimal", **dict.fromkeys(optional))) == [
        {"id": "minimal", "status": "duplicate"}
    ]


async def test_unknown_fields(door: Door) -> None:
    """Fields that nobody knows are ignored, not refused."""
    record = a_record("unknown", call__direction="in", agent__x=None, zone={"a": [1, "\0"]})
    assert await entries(door, record) == [{"id": "unknown", "status": "accepted"}]
    assert await entries(door, a_record("unknown")) == [{"id": "unknown", "status": "duplicate"}]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2023-01-01T10:00:00Z", "2023-01-01T10:00:01+00:00"),
        ("2023-01-01T10:00:00.25Z", "2023-01-01T10:00:00.250001Z"),
        ("2024-02-29T23:59Z", "2024-02-29T23:59:59.999999999Z"),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z"),
    ],
)
async def test_times(door: Door, start: str, end: str) -> None:
    """ISO 8601, UTC (`Z` or `+00:00`, fractions of a second allowed); end after start."""
    await entries(door, a_record(f"times {start}", call__start_time=start, call__end_time=end))
    call = (await door.get(f"calls/times {start}")).json()["data"]
    assert call["start_time"].startswith(start[:16])
    assert call["start_time"].endswith("Z")


@pytest.mark.parametrize(
    "url",
    ["http://h/x", "HTTPS://example.com/a.mp3?token=%20&x=1#t", "https://user:pw@h:8443/x", "http://[2001:db8::1]/x",
     "http://10.0.0.1/", "https://bücher.example/März.mp3", "https://h?x", "https://h.example.com:65535"],
)  # fmt: skip
async def test_urls(door: Door, url: str) -> None:
    """Absolute http(s) URL; what may be fetched is decided when it is (section 6)."""
    assert (await entries(door, a_record(url, call__recording_url=url)))[0]["status"] == "accepted"


@pytest.mark.parametrize("number", ["+12", "+123456789012345", "+999"])
async def test_numbers(door: Door, number: str) -> None:
    """E.164: `+`, then 2 to 15 digits, the first not 0."""
    assert (await entries(door, a_record(number, call__contact_number=number)))[0]["status"] == "accepted"


@pytest.mark.parametrize(
    "email", ["a@example.com", "first.last+tag@sub.example.co.uk", "o'neill@example.com", "用户@例子.中国", "a@b.io"]
)
async def test_emails(door: Door, email: str) -> None:
    """`agent.email` optional, valid."""
    assert (await entries(door, a_record(email, agent__email=email)))[0]["status"] == "accepted"


async def test_metadata_verbatim(door: Door) -> None:
    """Object, at most 5 keys, values strings or numbers; comes back verbatim."""
    metadata = {"z": 'é\u2028"', "a": 2, "float": 0.1, "large": 123456789012345678901234567890, "": -0.5}
    await entries(door, a_record("metadata", metadata=metadata))
    assert (await door.get("calls/metadata")).json()["data"]["metadata"] == metadata
    assert list((await door.get("calls/metadata")).json()["data"]["metadata"]) == list(metadata)


async def test_custom_fields_and_transcript(door: Door) -> None:
    """At most 10 of `{internal_name, value}` · `transcript`, where the partner already has one."""
    fields = [{"internal_name": f"f{n}", "value": "x"} for n in range(10)]
    turns = [{"speaker": "customer", "start": 0, "end": 1.5, "text": "Hi", "confidence": 1}]
    assert await entries(door, a_record("fields", custom_fields=fields, transcript=turns)) == [
        {"id": "fields", "status": "accepted"}
    ]
    assert (await door.get("calls/fields")).json()["data"]["custom_fields"] == fields


async def test_idempotent(door: Door) -> None:
    """A call that the partner has sent before … is a `duplicate`, changes nothing …; `"changed": true`."""
    await entries(door, a_record("twice"))
    assert await entries(door, a_record("twice")) == [{"id": "twice", "status": "duplicate"}]
    changed = a_record("twice", customer__name="Another", customer__id="another", industry="Other")
    assert await entries(door, changed) == [{"id": "twice", "status": "duplicate", "changed": True}]
    call = (await door.get("calls/twice")).json()["data"]
    assert (call["industry"], call["customer_id"]) == ("Technology", "customer123")
    assert (await door.get("customers/another")).status_code == 404


async def test_same_content_in_other_words(door: Door) -> None:
    """`"changed": true` where its content differs: the same instant written otherwise is no difference."""
    await entries(door, a_record("words", metadata={"a": 1, "b": 2}))
    other = a_record("words", metadata={"b": 2, "a": 1}, call__start_time="2023-01-01T10:00:00.000+00:00")
    assert await entries(door, other) == [{"id": "words", "status": "duplicate"}]


async def test_twice_in_one_body(door: Door) -> None:
    """Or twice in one body, is a `duplicate`."""
    assert await entries(door, a_record("body"), a_record("body"), a_record("body", industry="x")) == [
        {"id": "body", "status": "accepted"},
        {"id": "body", "status": "duplicate"},
        {"id": "body", "status": "duplicate", "changed": True},
    ]


async def test_race(door: Door) -> None:
    """Even when two requests race."""
    records = [a_record(f"race{n}") for n in range(20)]
    answers = await asyncio.gather(*(door.post(a_batch(*records)) for _ in range(5)))
    assert sum(answer.json()["data"]["accepted"] for answer in answers) == 20
    assert sum(answer.json()["data"]["duplicates"] for answer in answers) == 80


async def test_unique_over_tenants(door: Door) -> None:
    """Unique over all calls of the partner (not of the tenant)."""
    partner = await door.for_another(("acme", "sales"), ("acme", "support"))
    await entries(partner, a_record("one"))
    answer = await partner.post(a_batch(a_record("one")), sub_tenant_id="support")
    assert answer.json()["data"]["calls"] == [{"id": "one", "status": "duplicate"}]
    assert (await partner.get("calls/one", sub_tenant_id="support")).status_code == 404
    other = await door.for_another(("acme", "sales"))
    assert await entries(other, a_record("one")) == [{"id": "one", "status": "accepted"}]


async def test_people_are_brought_up_to_date(door: Door) -> None:
    """A later call's name or email wins; an absent one erases nothing."""
    await entries(door, a_record("p1", customer__id="p", customer__name="First", customer__email="first@example.com"))
    await entries(door, a_record("p2", customer__id="p", customer__name="Second", customer__email=ABSENT))
    await entries(door, a_record("p3", customer__id="p", customer__name=None, customer__email=None))
    customer = (await door.get("customers/p")).json()["data"]
    assert (customer["name"], customer["email"]) == ("Second", "first@example.com")


async def test_customers_are_known_by_subtenant(door: Door) -> None:
    """A customer is known by (partner, tenant, subtenant, `customer.id`)."""
    places = [("acme", "sales"), ("acme", "support"), ("other", "sales")]
    partner = await door.for_another(*places)
    for tenant, subtenant in places:
        record = a_record(f"{tenant} {subtenant}", customer__name=tenant, customer__disposition_status=subtenant)
        await partner.post(a_batch(record), tenant_id=tenant, sub_tenant_id=subtenant)
    await partner.put({"customer_id": "customer123", "disposition_status": "won"}, sub_tenant_id="support")
    for (tenant, subtenant), status in zip(places, ["sales", "won", "sales"], strict=True):
        answer = await partner.get("customers/customer123", tenant_id=tenant, sub_tenant_id=subtenant)
        customer = answer.json()["data"]
        assert (customer["name"], customer["disposition_status"]) == (tenant, status)


async def test_late_calls(door: Door) -> None:
    """`disposition_status` takes effect at `end_time`: a call that arrives late never overwrites a newer status."""

    async def status_after(day: str, status: str) -> object:
        times = {"call__start_time": f"{day}T10:00:00Z", "call__end_time": f"{day}T11:00:00Z"}
        record = a_record(f"late {status}", customer__id="late", customer__disposition_status=status, **times)
        await entries(door, record)
        return (await door.get("customers/late")).json()["data"]["disposition_status"]

    assert await status_after("2023-01-02", "second") == "second"
    assert await status_after("2023-01-01", "first") == "second"
    assert await status_after("2023-01-03", "third") == "third"
    await door.put({"customer_id": "late", "disposition_status": "by hand"})
    assert await status_after("2023-01-04", "fourth") == "by hand"
    assert await status_after("9000-01-01", "ahead") == "ahead"
    await door.put({"customer_id": "late", "disposition_status": "at once"})
    history = (await door.get("customers/late")).json()["data"]["disposition_history"]
    newest_first = ["at once", "ahead", "by hand", "fourth", "third", "second", "first"]
    assert [entry["status"] for entry in history] == newest_first


async def test_durable(door: Door) -> None:
    """Sent only after everything is durable (committed): the calls and their jobs."""
    await entries(door, a_record("durable"))
    async with everywhere(door.pool) as lent:
        payloads = await lent.fetch("SELECT convert_from(payload, 'UTF8') AS payload FROM pgqueuer")
    told = [json.loads(row["payload"]) for row in payloads]
    jobs = [(job["partner_id"], job["id"]) for job in told].count((door.partner.partner_id, "durable"))
    assert jobs == 1


async def test_size_limit(door: Door) -> None:
    """At most 5 MB (5 * 1024 * 1024 bytes, counted while reading, whatever `Content-Length` says)."""
    body = orjson.dumps(a_batch(a_record("size")))
    full = body + b" " * (LIMIT - len(body))
    for length in (None, "1", "99999999999"):
        headers = door.headers()
        if length is not None:
            headers["content-length"] = length
        assert (await door.client.post(BATCH_CALL, content=full, headers=headers)).status_code == 200
        assert (await door.client.post(BATCH_CALL, content=full + b" ", headers=headers)).status_code == 413


@pytest.mark.parametrize(("encoding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_size_limit_of_encoded_bodies(door: Door, encoding: str, encode: Any) -> None:
    """Also under `Content-Encoding`."""
    body = orjson.dumps(a_batch(a_record("encoded")))
    full = body + b" " * (LIMIT - len(body))
    headers = door.headers()
    headers["content-encoding"] = encoding
    assert (await door.client.post(BATCH_CALL, content=encode(full), headers=headers)).status_code == 200
    for large in (full + b" ", bytes(50 * 1024 * 1024)):
        answer = await door.client.post(BATCH_CALL, content=encode(large), headers=headers)
        assert (answer.status_code, answer.json()["message"]) == (413, "Request body is larger than 5 MB")
