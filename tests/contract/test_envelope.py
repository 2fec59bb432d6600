"""Section 1.2: the envelope."""

from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from callwright.errors import Unavailable
from partner_api import BATCH_CALL, DISPOSITION, Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")


def refused(answer: httpx.Response, status: int, message: str) -> None:
    assert (answer.status_code, answer.json()) == (status, {"success": False, "message": message})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1/partner", "/api/v2/partner/x", "/api/v1/partner/nothing/", "/x"]
)
async def test_unknown_path(door: Door, method: str, path: str) -> None:
    """Unknown path: 404 `Not found`."""
    refused(await door.client.request(method, path, headers=door.headers()), 404, "Not found")


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        (BATCH_CALL, "GET", "POST"),
        (BATCH_CALL, "OPTIONS", "POST"),
        (DISPOSITION, "POST", "PUT"),
        ("/api/v1/partner/calls/x", "POST", "DELETE, GET"),
        ("/api/v1/partner/batches/x", "PUT", "GET"),
        ("/api/v1/partner/customers/x", "PATCH", "DELETE, GET"),
    ],
)
async def test_wrong_method(door: Door, path: str, method: str, allowed: str) -> None:
    """Wrong method: 405 (with `Allow`)."""
    answer = await door.client.request(method, path, headers=door.headers())
    refused(answer, 405, "Method Not Allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "application/json; charset=latin-1",
        "json",
    ],
)
async def test_wrong_media_type(door: Door, media_type: str) -> None:
    """Wrong media type: 415, told before the body is looked at."""
    headers = door.headers()
    headers["content-type"] = media_type
    answer = await door.client.post(BATCH_CALL, content=b"{", headers=headers)
    refused(answer, 415, "Content-Type must be application/json")


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON ; charset=UTF-8", None])
async def test_right_media_type(door: Door, media_type: str | None) -> None:
    """JSON in, JSON out (`application/json`; charset UTF-8)."""
    headers = door.headers()
    del headers["content-type"]
    if media_type is not None:
        headers["content-type"] = media_type
    answer = await door.client.post(BATCH_CALL, content=b"{", headers=headers)
    refused(answer, 400, "Malformed JSON")


async def test_too_large(door: Door) -> None:
    """Too large: 413."""
    answer = await door.client.post(BATCH_CALL, content=b" " * (5 * 1024 * 1024 + 1), headers=door.headers())
    refused(answer, 413, "Request body is larger than 5 MB")


MALFORMED = {
    "empty": b"",
    "blank": b" \n",
    "cut": b'{"data": [',
    "trailing": b'{"data": []} x',
    "two documents": b"{}{}",
    "not UTF-8": b'{"data": "\xff"}',
    "UTF-16": '{"data": []}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"data": []}',
    "NaN": b'{"data": NaN}',
    "Infinity": b'{"data": -Infinity}',
    "lone surrogate": rb'{"data": "\ud800"}',
    "surrogates the wrong way round": rb'{"data": "\udc00\ud800"}',
    "surrogate as bytes": b'{"data": "\xed\xa0\x80"}',
    "doubled name": b'{"data": [], "data": []}',
    "doubled name, escaped": rb'{"data": [], "d\u0061ta": []}',
    "doubled name, behind an escaped colon": rb'{"data": ["\u003a"], "data": ["\u003a"]}',
    "doubled name, deeper and unknown": b'{"data": [], "x": [{"a": {"b": 1, "b" : 2}}]}',
    "raw NUL": b'{"data": "\x00"}',
    "raw newline in a text": b'{"data": "\n"}',
    "nesting": b'{"data": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "nesting of objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "endless integer": b'{"data": ' + b"9" * 5_000 + b"}",
    "number too large": b'{"data": 1e400}',
    "leading zero": b'{"data": 01}',
    "single quotes": b"{'data': []}",
    "comment": b'{"data": [] /* none */}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_json(door: Door, body: bytes) -> None:
    """Malformed JSON: 400."""
    refused(await door.client.post(BATCH_CALL, content=body, headers=door.headers()), 400, "Malformed JSON")


async def test_crash(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Crash: 500 `Internal server error` (never a stack trace, an SQL text or a path)."""

    async def crash(*arguments: Any) -> None:
        raise RuntimeError("SELECT secrets FROM /etc/passwd")

    monkeypatch.setattr("callwright.calls.accept", crash)
    with capture_logs() as logs:
        refused(await door.post(a_batch(a_record())), 500, "Internal server error")
    assert any(line["event"] == "request crashed" and line["exc_info"] for line in logs)


async def test_database_away(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database is away: 503 with `Retry-After`, never a hang and never a 200."""

    async def away(*arguments: Any) -> None:
        raise Unavailable

    monkeypatch.setattr("callwright.calls.accept", away)
    answer = await door.post(a_batch(a_record()))
    refused(answer, 503, "Service temporarily unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_request_id_of_the_client(door: Door) -> None:
    """Every answer carries `x-request-id` (the client's own if it sent a well-formed one)."""
    for path in ("/api/v1/partner/calls/x", "/nowhere", "/healthz"):
        answer = await door.client.get(path, headers={"x-request-id": "Trace-1.2_3"})
        assert answer.headers["x-request-id"] == "Trace-1.2_3"


@pytest.mark.parametrize("value", ["", " ", "a b", "a/b", "x" * 129, "é", "a\r\nset-cookie: x"])
async def test_malformed_request_id(door: Door, value: str) -> None:
    """Every answer carries `x-request-id` (the client's own if it sent a well-formed one)."""
    answer = await door.client.get("/healthz", headers=[(b"x-request-id", value.encode("latin-1"))])
    assert answer.headers.get_list("x-request-id") != [value]
    assert len(answer.headers["x-request-id"]) == 32


async def test_success_without_data(door: Door) -> None:
    """Success: `200` with `{"success": true}` and, where there is something to say, `"data": {...}`."""
    await door.post(a_batch(a_record("envelope")))
    answer = await door.put({"customer_id": "customer123"})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert set((await door.get("calls/envelope")).json()) == {"success", "data"}
