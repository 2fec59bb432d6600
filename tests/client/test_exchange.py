"""What the core decides: what is sent again, when, and until when; which error stands for which answer."""

import json
import pickle
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from callwright_client import errors
from callwright_client.endpoints import get_call, list_calls, resend_callback, resend_callbacks, set_disposition
from callwright_client.errors import (
    ERRORS,
    ApiError,
    ConnectionFailed,
    RateLimited,
    ServerError,
    Unavailable,
    UnexpectedAnswer,
    ValidationFailed,
)
from callwright_client.exchange import LONGEST_WAIT, Core, Lost, retry_after_seconds
from client.stage import HEADERS, OK, Stage, answer

UNAVAILABLE = b'{"success": false, "message": "Service temporarily unavailable"}'


@pytest.fixture
def longest_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every wait as long as it can be."""
    monkeypatch.setattr(random, "uniform", lambda low, high: high)


def test_a_request_that_is_answered_is_sent_once() -> None:
    stage = Stage([answer()])
    assert stage.run(get_call(stage.core(), "call 1"))["id"] == "call-1"
    (sent,) = stage.sent
    assert (sent.method, sent.url, sent.body) == ("GET", "https://cw.example/api/v1/partner/calls/call%201", None)
    assert {name.decode(): value.decode() for name, value in sent.headers}.items() >= HEADERS.items()
    assert stage.waits == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 413, 415, 422])
def test_what_stays_refused_is_sent_once(status: int) -> None:
    stage = Stage([answer(status, b'{"success": false, "message": "No"}', x_request_id="r-1")])
    with pytest.raises(ERRORS.get(status, ApiError)) as refused:
        stage.run(get_call(stage.core(), "call-1"))
    error = refused.value
    assert isinstance(error, ApiError)
    assert (error.message, error.status, error.request_id, error.retry_after) == ("No", status, "r-1", None)
    assert type(error) is ERRORS.get(status, ApiError)
    assert len(stage.sent) == 1


@pytest.mark.parametrize(
    "failing", [answer(409), answer(500), answer(502, b"<html>"), answer(503), answer(504), Lost("ReadTimeout")]
)
def test_what_may_pass_is_tried_again_with_growing_waits(failing: object, longest_jitter: None) -> None:
    stage = Stage([failing, failing, failing, answer()])  # type: ignore[list-item]
    assert stage.run(get_call(stage.core(), "call-1"))["id"] == "call-1"
    assert stage.waits == [0.5, 1.0, 2.0]
    ids = {value for sent in stage.sent for name, value in sent.headers if name == b"x-request-id"}
    assert len(ids) == 1, "all tries have one id"


def test_jitter_is_full_and_never_earlier_than_asked() -> None:
    stage = Stage([answer(503, retry_after="7")])
    with pytest.raises(Unavailable):
        stage.run(get_call(stage.core(deadline=3000.0), "call-1"))
    spread = [wait - 7 for wait in stage.waits]
    assert all(0 <= wait <= LONGEST_WAIT for wait in spread)
    assert len(spread) > 50
    late = spread[7:]
    assert min(late) < LONGEST_WAIT * 0.25
    assert max(late) > LONGEST_WAIT * 0.75


def test_no_try_begins_after_the_deadline(longest_jitter: None) -> None:
    stage = Stage([answer(500, b'{"success": false, "message": "Internal server error"}')], latency=3.0)
    with pytest.raises(ServerError):
        stage.run(get_call(stage.core(deadline=20.0), "call-1"))
    assert stage.now <= 1000 + 20 + 3
    assert stage.waits == [0.5, 1.0, 2.0, 4.0]


def test_a_wait_beyond_the_deadline_is_told_at_once() -> None:
    stage = Stage([answer(503, UNAVAILABLE, retry_after="600")])
    with pytest.raises(Unavailable) as refused:
        stage.run(get_call(stage.core(), "call-1"))
    assert (refused.value.retry_after, len(stage.sent), stage.waits) == (600.0, 1, [])


def test_a_try_has_no_more_time_than_is_left() -> None:
    stage = Stage([Lost("ReadTimeout"), answer()], latency=100.0)
    stage.run(get_call(stage.core(timeout=60.0), "call-1"))
    assert stage.sent[0].timeout == 60.0
    assert 19.0 < stage.sent[1].timeout < 20.1


def test_no_answer_is_an_error_that_names_the_request() -> None:
    stage = Stage([Lost("ConnectError: refused")], latency=50.0)
    with pytest.raises(ConnectionFailed, match=r"ConnectError: refused \(request [0-9a-f]{32}\)"):
        stage.run(get_call(stage.core(), "call-1"))
    stage = Stage([Lost("LocalProtocolError: no", again=False)])
    with pytest.raises(ConnectionFailed):
        stage.run(get_call(stage.core(), "call-1"))
    assert len(stage.sent) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"ok": true}', b'"\xff"', b"[" * 100_000])
def test_an_answer_of_another_server_is_told(body: bytes) -> None:
    stage = Stage([answer(200, body)])
    with pytest.raises(UnexpectedAnswer, match="base_url"):
        stage.run(get_call(stage.core(), "call-1"))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"message": 5}', b'{"message": "x", "errors": 5}'])
def test_a_refusal_without_words_has_its_status(body: bytes) -> None:
    stage = Stage([answer(422, body)])
    with pytest.raises(ValidationFailed, match="422") as refused:
        stage.run(get_call(stage.core(), "call-1"))
    assert refused.value.faults == ()


def test_faults_are_told() -> None:
    faults = [{"field": "since", "message": "since must be a valid ISO 8601 date string in UTC"}]
    stage = Stage([answer(422, json.dumps({"message": "Validation failed", "errors": faults}).encode())])
    with pytest.raises(
        ValidationFailed, match=r"422: Validation failed \(request .+\); since: since must be"
    ) as refused:
        stage.run(list_calls(stage.core(), since="yesterday").page(None, 100))
    assert list(refused.value.faults) == faults
    again = pickle.loads(pickle.dumps(refused.value))
    assert (again.faults, str(again)) == (refused.value.faults, str(refused.value))


def test_every_error_is_a_callwright_error_and_says_its_status() -> None:
    for status, kind in ERRORS.items():
        assert issubclass(kind, errors.CallwrightError)
        assert (kind.__doc__ or "").startswith(f"{status}: ")


def test_retry_after_in_both_its_forms() -> None:
    assert retry_after_seconds("17") == 17.0
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)
    assert 55 < (retry_after_seconds(in_a_minute) or 0) <= 60
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert [retry_after_seconds(value) for value in (None, "", "soon", "-5", "1e9", "9" * 20)] == [None] * 6


def test_more_is_asked_for_until_nothing_is_left() -> None:
    told = [
        b'{"success": true, "data": {"resent": %d, "more": %s}}' % each for each in ((1000, b"true"), (7, b"false"))
    ]
    stage = Stage([answer(200, body) for body in told])
    assert stage.run(resend_callbacks(stage.core(), since="2026-01-05T10:00:00Z")) == 1007
    assert len(stage.sent) == len({*keys_of(stage)}) == 2, "a second request with the key of the first does nothing"


def keys_of(stage: Stage) -> list[str]:
    return [value.decode() for sent in stage.sent for name, value in sent.headers if name == b"idempotency-key"]


def test_all_tries_of_a_write_have_one_key_and_each_write_has_its_own() -> None:
    stage = Stage([Lost("ReadTimeout"), answer(409), answer()])
    core = stage.core()
    stage.run(set_disposition(core, "customer-1", "won"))
    assert len(stage.sent) == len(keys_of(stage)) == 3
    assert len({*keys_of(stage)}) == 1
    stage.run(set_disposition(core, "customer-1", "won"))
    stage.run(resend_callback(core, "call-1"))
    assert len({*keys_of(stage)}) == 3
    stage.run(set_disposition(core, "customer-1", "won", idempotency_key="deal-7"))
    stage.run(resend_callback(core, "call-1", idempotency_key="deal-7"))
    assert keys_of(stage)[-2:] == ["deal-7", "deal-7"]


def test_what_needs_no_key_has_none() -> None:
    stage = Stage([answer()])
    stage.run(get_call(stage.core(), "call-1"))
    assert keys_of(stage) == []


def test_a_server_that_always_has_more_is_not_asked_for_ever() -> None:
    stage = Stage([answer(200, b'{"success": true, "data": {"resent": 0, "more": true}}')])
    assert stage.run(resend_callbacks(stage.core(), callback_ids=["msg_1"])) == 0


@pytest.mark.parametrize(
    "base_url",
    ["", "callwright.example.com", "ftp://cw.example", "https://", "https://cw.example/?a=1", "https://x/#y"],
)
def test_an_address_that_cannot_be_right(base_url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        Core(base_url, HEADERS, timeout=1.0, deadline=1.0)


@pytest.mark.parametrize("value", ["", " ", "a\r\nx-api-key: b", "a\0"])
def test_a_header_that_cannot_be_sent(value: str) -> None:
    with pytest.raises(ValueError, match="tenant_id"):
        Core("https://cw.example", {**HEADERS, "x-tenant-id": value}, timeout=1.0, deadline=1.0)


def test_a_path_before_the_api_is_kept() -> None:
    stage = Stage([answer(200, OK)])
    core = Core("https://cw.example/voice/", HEADERS, timeout=1.0, deadline=1.0).for_headers({"x-tenant-id": "other"})
    stage.run(get_call(core, "a"))
    assert stage.sent[0].url == "https://cw.example/voice/api/v1/partner/calls/a"
    assert (b"x-tenant-id", b"other") in stage.sent[0].headers
    assert (b"x-api-key", b"key") in stage.sent[0].headers


def test_rate_limited_for_longer_than_the_deadline() -> None:
    stage = Stage([answer(ratelimit_policy='"partner";q=1;w=600', ratelimit='"partner";r=0;t=600')])
    core = stage.core()
    stage.run(get_call(core, "a"))
    with pytest.raises(RateLimited, match="not sent") as refused:
        stage.run(get_call(core, "a"))
    assert (refused.value.retry_after, len(stage.sent)) == (600.0, 1)
