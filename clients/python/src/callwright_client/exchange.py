"""The core without I/O: requests go out as values, answers come in, and what to do next is decided in between."""

import json
import random
import re
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

from callwright_client.errors import (
    ERRORS,
    ApiError,
    CallwrightError,
    ConnectionFailed,
    RateLimited,
    UnexpectedAnswer,
    ValidationFailed,
)
from callwright_client.pace import Pace

PREFIX = "/api/v1/partner/"

FIRST_WAIT = 0.5
"""Seconds of the longest wait before the first retry; it doubles with each further one."""

LONGEST_WAIT = 30.0

WORTH_A_RETRY = frozenset({409, 429, 500, 502, 503, 504})
"""What may pass: 409 is that an earlier try is still under way; 502 and 504 are a proxy's."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """Send this, and say what came back.

    Attributes:
        timeout: Seconds for connecting, and for each silence of the server's.
    """

    method: str
    url: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes | None
    timeout: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Let this many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered.

    Attributes:
        headers: By name in small letters.
        doubtful: Whether an earlier try may have been carried out although its answer was lost.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came; `again` is False where the request itself cannot be sent."""

    reason: str
    again: bool = True


Flow: TypeAlias = Generator[Send | Wait, Answer | Lost | None, T]
"""Steps for a driver: it answers a `Send` with what came of it and a `Wait` with None, and ends with the result."""


class Core:
    """Whom the requests are for, and how patiently they are sent.

    Args:
        base_url: Where Callwright is, as `https://callwright.example.com`.
        headers: Credentials, tenant and subtenant by header.
        timeout: As in `Send`.
        deadline: Seconds after which no further try of a request is begun.
        pace: The partner's.
        clock: Seconds; only goes forward.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        timeout: float,
        deadline: float,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("base_url must be an absolute http(s) URL, as https://callwright.example.com")
        for name, value in headers.items():
            if not value.strip() or not value.isprintable():
                raise ValueError(f"{name.removeprefix('x-').replace('-', '_')} must be printable text, and not blank")
        self._base = base_url.rstrip("/") + PREFIX
        self._headers = tuple((name.encode(), value.encode()) for name, value in headers.items())
        self._timeout = timeout
        self._deadline = deadline
        self._pace = pace or Pace()
        self._clock = clock

    def for_headers(self, headers: Mapping[str, str]) -> "Core":
        """The same with some headers replaced, and with the same pace."""
        before = {name.decode(): value.decode() for name, value in self._headers}
        return Core(
            self._base.removesuffix(PREFIX),
            {**before, **headers},
            timeout=self._timeout,
            deadline=self._deadline,
            pace=self._pace,
            clock=self._clock,
        )

    def data(
        self,
        method: str,
        path: str,
        *,
        query: Iterable[tuple[str, str]] = (),
        body: object = None,
        idempotency_key: str | None = None,
    ) -> Flow[Any]:
        """Ask, and take what there is to say out of the envelope; `body` is written as JSON.

        Raises:
            CallwrightError: As `exchange`.
        """
        content = None if body is None else encoded(body)
        answer = yield from self.exchange(method, path, query=query, content=content, idempotency_key=idempotency_key)
        return data_of(answer)

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Iterable[tuple[str, str]] = (),
        content: bytes | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[Answer]:
        """Send a request, again where that can help, until it is answered or the deadline is over.

        Args:
            method: Its method.
            path: Below `/api/v1/partner/`, percent-encoded.
            query: What follows the `?`.
            content: JSON in UTF-8.
            idempotency_key: By which the server knows another try of the same; None where it needs none.

        Raises:
            ApiError: The server refused it.
            ConnectionFailed: There was no answer.
        """
        until = self._clock() + self._deadline
        asked = urlencode(list(query), quote_via=quote)
        url = self._base + path + (f"?{asked}" if asked else "")
        request_id = uuid4().hex
        headers = (*self._headers, (b"x-request-id", request_id.encode()))
        if content is not None:
            headers = (*headers, (b"content-type", b"application/json"))
        if idempotency_key is not None:
            headers = (*headers, (b"idempotency-key", idempotency_key.encode()))
        send = Send(method, url, headers, content, self._timeout)
        longest, doubtful = FIRST_WAIT, False
        while True:
            outcome = yield from self._one_try(send, until)
            error = fault_of(outcome, request_id)
            if error is None:
                assert isinstance(outcome, Answer)
                return replace(outcome, doubtful=doubtful)
            if not worth_a_retry(outcome):
                raise error
            doubtful = doubtful or not isinstance(error, RateLimited)
            wait = (getattr(error, "retry_after", None) or 0.0) + random.uniform(0.0, longest)
            if self._clock() + wait > until:
                raise error
            yield Wait(wait)
            longest = min(longest * 2, LONGEST_WAIT)

    def _one_try(self, send: Send, until: float) -> Flow[Answer | Lost]:
        """Wait for a place among the partner's requests, send, and take in what the answer says of the limit."""
        while wait := self._pace.enter(self._clock()):
            if self._clock() + wait > until:
                raise RateLimited("Rate limit reached; the request was not sent.", 429, retry_after=wait)
            yield Wait(wait)
        counted = True
        try:
            left = max(until - self._clock(), 1.0)
            outcome = yield replace(send, timeout=min(send.timeout, left))
            assert outcome is not None
            if isinstance(outcome, Answer):
                said = outcome.headers
                self._pace.learn(said.get("ratelimit-policy", ""), said.get("ratelimit", ""), self._clock())
                counted = outcome.status != 429
            return outcome
        finally:
            self._pace.leave(self._clock(), counted=counted)


def worth_a_retry(outcome: Answer | Lost) -> bool:
    """Whether the same request may succeed later."""
    return outcome.again if isinstance(outcome, Lost) else outcome.status in WORTH_A_RETRY


def fault_of(outcome: Answer | Lost, request_id: str) -> CallwrightError | None:
    """The error that an outcome stands for; None where it is a success.

    Args:
        outcome: What came of a request.
        request_id: What we sent as `x-request-id`; told where no answer has another.
    """
    if isinstance(outcome, Lost):
        return ConnectionFailed(f"{outcome.reason} (request {request_id})")
    if 200 <= outcome.status < 300:
        return None
    told = _object(outcome.body)
    message = told.get("message")
    known = ERRORS.get(outcome.status, ApiError)
    error = known(
        message if isinstance(message, str) else f"The server answered {outcome.status}.",
        outcome.status,
        outcome.headers.get("x-request-id", request_id),
        retry_after_seconds(outcome.headers.get("retry-after")),
    )
    if isinstance(error, ValidationFailed):
        return ValidationFailed(error.message, error.status, error.request_id, error.retry_after, _faults(told))
    return error


def _object(body: bytes) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        value = json.loads(body)
        if isinstance(value, dict):
            return value
    return {}


def _faults(told: dict[str, Any]) -> list[Any]:
    errors = told.get("errors")
    return [
        {"field": str(each.get("field", "")), "message": str(each.get("message", ""))}
        for each in (errors if isinstance(errors, list) else [])
        if isinstance(each, dict)
    ]


def data_of(answer: Answer) -> Any:  # noqa: ANN401 - whatever the endpoint answers
    """What an answer of success has to say; None where that is nothing.

    Raises:
        UnexpectedAnswer: It is not in the API's envelope.
    """
    told = _object(answer.body)
    if told.get("success") is not True and told.get("code") != "RESPONSE_SUCCESS":
        raise UnexpectedAnswer(f"The answer with status {answer.status} is not Callwright's. Is base_url right?")
    return told.get("data")


def retry_after_seconds(value: str | None) -> float | None:
    """What a `Retry-After` asks for, in seconds or as a date (RFC 9110, section 10.2.3); None for anything else."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def encoded(body: object) -> bytes:
    """Write a body as it is sent: JSON in UTF-8, a time of day with its zone in UTC.

    Raises:
        ValueError: It cannot be written: a time without a zone, NaN, a text that is not Unicode, something endless.
        TypeError: It holds what JSON has no form for.
    """
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode()
    except RecursionError:
        raise ValueError("nested too deep") from None


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return utc(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def utc(moment: datetime | str) -> str:
    """A moment as the API takes it: ISO 8601 in UTC, with `Z`; a text is sent as it is.

    Raises:
        ValueError: It has no time zone.
    """
    if isinstance(moment, str):
        return moment
    if moment.utcoffset() is None:
        raise ValueError("a time needs its time zone, as datetime.now(UTC) has it")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def in_path(identifier: str) -> str:
    """An id as one part of a path, whatever is in it."""
    encoded_id = quote(identifier, safe="")
    return encoded_id.replace(".", "%2E") if identifier in (".", "..") else encoded_id
