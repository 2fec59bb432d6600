"""Verification of callbacks: what Callwright signs is taken, and nothing else; over a rotation too."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callwright.callbacks import Delivery, Told, signed_headers
from callwright.credentials import make_webhook_secret
from callwright.summaries import payload
from callwright_client import InvalidWebhook, Webhook

AT = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
OLD, NEW = make_webhook_secret(), make_webhook_secret()
BODY = payload(Told(1, 1, "call-1", "a", "c", '{"campaign": "Q1 ü"}', "https://x.example"), None, "recording_silent: …")


def signed(*secrets: str, body: bytes = BODY) -> dict[str, str]:
    delivery = Delivery(1, "msg_1", "call-1", "https://hooks.example.com", body, 1, 4)
    return signed_headers(delivery, list(secrets), AT)


def at(seconds: float) -> Callable[[], float]:
    return (AT + timedelta(seconds=seconds)).timestamp


def test_what_callwright_signs_is_taken() -> None:
    summary = Webhook(OLD, clock=at(0)).verify(BODY, signed(OLD))
    assert (summary["call_id"], summary["status"], summary["meta"]) == ("call-1", "failed", {"campaign": "Q1 ü"})
    assert summary == Webhook(OLD, clock=at(0)).verify(BODY.decode(), signed(OLD))


@pytest.mark.parametrize("known", [(OLD,), (NEW,), (OLD, NEW), (NEW, OLD)])
def test_a_rotation_is_survived_in_any_order(known: tuple[str, ...]) -> None:
    """During the overlap a callback has two signatures; before and after it has one."""
    webhook = Webhook(*known, clock=at(0))
    assert webhook.verify(BODY, signed(OLD, NEW))
    for secret in known:
        assert webhook.verify(BODY, signed(secret))
    for secret in {OLD, NEW} - set(known):
        with pytest.raises(InvalidWebhook, match="fits none"):
            webhook.verify(BODY, signed(secret))


@pytest.mark.parametrize(("seconds", "good"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_a_signature_is_good_for_five_minutes(seconds: int, good: bool) -> None:
    webhook = Webhook(OLD, clock=at(seconds))
    if good:
        assert webhook.verify(BODY, signed(OLD))
    else:
        with pytest.raises(InvalidWebhook, match="too old"):
            webhook.verify(BODY, signed(OLD))
    assert Webhook(OLD, clock=at(seconds), tolerance=400).verify(BODY, signed(OLD))


@given(st.data())
def test_a_body_that_was_touched_is_refused(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(BODY) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != BODY[place]))
    touched = BODY[:place] + bytes([byte]) + BODY[place + 1 :]
    with pytest.raises(InvalidWebhook, match="fits none"):
        Webhook(OLD, clock=at(0)).verify(touched, signed(OLD))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"webhook-id": None}, "webhook-id is missing"),
        ({"webhook-timestamp": None}, "webhook-timestamp is missing"),
        ({"webhook-signature": None}, "webhook-signature is missing"),
        ({"webhook-id": "msg_2"}, "fits none"),
        ({"webhook-id": "\ud800"}, "fits none"),
        ({"webhook-timestamp": ""}, "is no time"),
        ({"webhook-timestamp": "-1"}, "is no time"),
        ({"webhook-timestamp": "1e9"}, "is no time"),
        ({"webhook-timestamp": "\u0661\u0662"}, "is no time"),
        ({"webhook-timestamp": "9" * 5000}, "is no time"),
        ({"webhook-timestamp": str(int(AT.timestamp()) + 1)}, "fits none"),
        ({"webhook-signature": ""}, "fits none"),
        ({"webhook-signature": "v1"}, "fits none"),
        ({"webhook-signature": "v1,"}, "fits none"),
        ({"webhook-signature": "v1,ü v1,==== v2,AAAA " * 100}, "fits none"),
    ],
)
def test_headers_that_do_not_fit(changes: dict[str, str | None], reason: str) -> None:
    headers = {name: value for name, value in {**signed(OLD), **changes}.items() if value is not None}
    with pytest.raises(InvalidWebhook, match=reason):
        Webhook(OLD, clock=at(0)).verify(BODY, headers)


def test_a_signature_of_another_version_is_of_no_use() -> None:
    headers = signed(OLD)
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v1a,")
    with pytest.raises(InvalidWebhook):
        Webhook(OLD, clock=at(0)).verify(BODY, headers)


def test_headers_as_frameworks_have_them() -> None:
    message = Message()
    for name, value in signed(OLD).items():
        message[name.title()] = value
    for headers in (message, httpx.Headers(signed(OLD)), {name.upper(): v for name, v in signed(OLD).items()}):
        assert Webhook(OLD, clock=at(0)).verify(BODY, headers)


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"{", b"\xff", b"[" * 100_000])
def test_what_is_signed_but_no_callback(body: bytes) -> None:
    headers = signed(OLD)
    signature = _signature(OLD, body, headers)
    with pytest.raises(InvalidWebhook, match="not a JSON object"):
        Webhook(OLD, clock=at(0)).verify(body, {**headers, "webhook-signature": signature})


def _signature(secret: str, body: bytes, headers: dict[str, str]) -> str:
    """As the specification has it, by hand."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


@pytest.mark.parametrize("secrets", [(), ("",), ("whsec_",), ("whsec_!!",), (OLD, "secret?")])
def test_a_secret_that_is_none(secrets: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="secret"):
        Webhook(*secrets)
