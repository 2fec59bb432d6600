"""The envelope: its log line, and what it does when there is too much to do."""

import asyncio

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from callwright.api import envelope
from partner_api import BATCH_CALL, Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_one_line_for_each_request(door: Door) -> None:
    headers = door.headers()
    headers["x-request-id"] = "trace-7"
    with capture_logs([merge_contextvars]) as logs:
        await door.client.get("/api/v1/partner/calls/+441234567890?token=secret", headers=headers)
    [line] = logs
    assert line.pop("ms") >= 0
    assert len(line.pop("partner")) == 32
    assert line == {
        "event": "request",
        "log_level": "info",
        "request_id": "trace-7",
        "method": "GET",
        "route": "/api/v1/partner/calls/{call_id:path}",
        "status": 404,
    }


async def test_nothing_that_was_sent_is_logged(door: Door) -> None:
    with capture_logs([merge_contextvars]) as logs:
        await door.post(a_batch(a_record("logged")))
        await door.post(a_batch(a_record("logged", agent__email="+1234567890")))
        await door.get("calls/nowhere/at-all", api_secret="wrong", tenant_id=None)
    written = repr(logs)
    assert len(logs) == 3
    for told in ("logged", "1234567890", "example.com", "acme", "wrong", door.partner.api_key, door.partner.api_secret):
        assert told not in written


async def test_too_many_at_a_time(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "MOST_REQUESTS_AT_A_TIME", 3)
    answers = await asyncio.gather(*(door.client.get("/readyz") for _ in range(6)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 200, 200, 503, 503, 503]
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.json() == {"success": False, "message": "Service temporarily unavailable"}
    assert refused.headers["retry-after"]
    assert (await door.client.get("/readyz")).status_code == 200


async def test_client_that_leaves(door: Door) -> None:
    """A client that hangs up in the middle of its body is no crash."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": BATCH_CALL,
        "raw_path": BATCH_CALL.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in door.headers().raw],
        "client": None,
    }
    messages: list[dict[str, object]] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent = []

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    async def send(message: object) -> None:
        sent.append(message)

    with capture_logs() as logs:
        await door.app(scope, receive, send)
    assert sent == []
    assert [(line["event"], line["status"]) for line in logs] == [("request", 499)]
