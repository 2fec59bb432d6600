"""Verifies callbacks, which are signed by Standard Webhooks."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterable
from typing import Protocol, cast

from callwright_client.errors import InvalidWebhook
from callwright_client.models import CallSummary

TOLERANCE = 300.0
"""Seconds that a signature may be old, or the clocks apart, as the specification's own libraries have it."""


class Headers(Protocol):
    """Whatever keeps headers: a dict, or what a web framework has."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Names and values."""


class Webhook:
    """Tells a callback of Callwright's from any other.

    Args:
        secrets: The partner's webhook secrets, `whsec_...`: one, or while it is replaced the old and the new one.
        tolerance: Seconds that the signature may be old, or in the future.
        clock: Seconds since 1970.

    Raises:
        ValueError: No secret, or one that is none.
    """

    def __init__(self, *secrets: str, tolerance: float = TOLERANCE, clock: Callable[[], float] = time.time) -> None:
        if not secrets:
            raise ValueError("a webhook secret is needed, as callwright partner add shows it")
        self._keys = [_key(secret) for secret in secrets]
        self._tolerance = tolerance
        self._clock = clock

    def verify(self, body: bytes | str, headers: Headers) -> CallSummary:
        """Check a callback and give its content.

        Source: the Standard Webhooks specification, https://www.standardwebhooks.com.

        Args:
            body: As it came, to the byte; what was parsed and written again has another signature.
            headers: Of the request, in any case.

        Raises:
            InvalidWebhook: Not signed with one of the secrets, too old, or no callback: answer 401 and do nothing.
        """
        raw = body.encode(errors="replace") if isinstance(body, str) else body
        found = {name.lower(): value for name, value in headers.items()}
        try:
            name, sent_at, signatures = (found[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))
        except KeyError as missing:
            raise InvalidWebhook(f"The header {missing.args[0]} is missing.") from None
        self._check_time(sent_at)
        signed = f"{name}.{sent_at}.".encode(errors="replace") + raw
        expected = [hmac.digest(key, signed, hashlib.sha256) for key in self._keys]
        if not any(hmac.compare_digest(one, each) for each in _signatures(signatures) for one in expected):
            raise InvalidWebhook("The signature fits none of the secrets.")
        return _content(raw)

    def _check_time(self, sent_at: str) -> None:
        if not (sent_at.isascii() and sent_at.isdigit() and len(sent_at) <= 12):
            raise InvalidWebhook("The header webhook-timestamp is no time.")
        if abs(self._clock() - int(sent_at)) > self._tolerance:
            raise InvalidWebhook("The signature is too old, or one of the clocks is wrong.")


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("a webhook secret is whsec_ and base64")
    return key


def _signatures(header: str) -> Iterable[bytes]:
    """The signatures of version 1; others are of no use here."""
    for each in header.split(" "):
        version, _, signature = each.partition(",")
        if version == "v1":
            try:
                yield base64.b64decode(signature, validate=True)
            except (binascii.Error, ValueError):
                continue


def _content(raw: bytes) -> CallSummary:
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InvalidWebhook("The body is not a JSON object.")
    return cast("CallSummary", content)
