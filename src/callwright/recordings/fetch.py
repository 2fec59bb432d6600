"""Fetch a recording from where the partner keeps it, straight into the store."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import httpx

from callwright import metrics, traces
from callwright.errors import FailureCode, StepFailed
from callwright.kill_points import reached
from callwright.outbound import AddressRefused, ExchangeFailed, Outbound, Response, retry_after_seconds
from callwright.recordings import MEDIA_TYPES, Container, Stored
from callwright.recordings.sniff import HEAD, sniff
from callwright.recordings.store import Store

MEGABYTE = 1_000_000
_LONGEST_WAIT = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What fetching one recording may take.

    Attributes:
        max_bytes: The largest recording.
        max_seconds: Time for all of it, redirects included.
        stall_seconds: Time without a byte.
        max_redirects: How many are followed.
    """

    max_bytes: int = 500 * MEGABYTE
    max_seconds: float = 600
    stall_seconds: float = 20
    max_redirects: int = 5


DEFAULT_LIMITS = FetchLimits()


async def fetch(
    url: str,
    *,
    outbound: Outbound,
    store: Store,
    key: str,
    limits: FetchLimits = DEFAULT_LIMITS,
    again: bool = True,
) -> Stored:
    """Fetch a recording into the store; where this raises, nothing is stored.

    Args:
        url: As the partner sent it; no credentials are sent along.
        outbound: The client; its policy decides what may be reached.
        store: Where to.
        key: The recording's name in the store; what had the name before is replaced.
        limits: What it may take.
        again: Whether a try that was killed may have left something in the store; to look for it takes the longer the
            more recordings there are.

    Raises:
        StepFailed: With a code that begins with `recording_`; with `retry` for what may pass: timeouts, broken
            connections, 5xx, 408, 425 and 429, with the `Retry-After` that came with it.
    """
    try:
        if again:
            await store.clear(key)
        async with outbound.stream(
            "GET",
            url,
            timeout=limits.max_seconds,
            stall=limits.stall_seconds,
            max_redirects=limits.max_redirects,
        ) as response:
            _check_answer(response, limits)
            reached("download-begun")
            download = _Download(response, limits)
            with traces.part("download"):
                async with aclosing(download.chunks()) as chunks:
                    size = await store.put(key, chunks, media_type=download.media_type)
                traces.tell("bytes", size)
            metrics.RECORDING_BYTES.inc(size)
            return Stored(key=key, size=size, sha256=download.digest.hexdigest(), container=download.container)
    except AddressRefused as refusal:
        raise StepFailed("recording_address_refused", str(refusal)) from None
    except ExchangeFailed as failure:
        raise _failed(failure) from None


class _Download:
    """A body on its way to the store: bounded, hashed, and known by its first bytes before any is passed on."""

    container: Container

    def __init__(self, response: Response, limits: FetchLimits) -> None:
        self.digest = hashlib.sha256()
        self._response = response
        self._limits = limits

    def media_type(self) -> str:
        """What it is, once its beginning is known."""
        return MEDIA_TYPES[self.container]

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body, once its beginning is known to be a recording's."""
        held, size, known = b"", 0, False
        async for chunk in self._response.chunks():
            size += len(chunk)
            if size > self._limits.max_bytes:
                raise _too_large(self._limits)
            self.digest.update(chunk)
            held += chunk
            if not known and len(held) < HEAD:
                continue
            if not known:
                self.container, known = sniff(held[:HEAD]), True
            yield held
            reached("download-half")
            held = b""
        if not known:
            self.container = sniff(held)
            yield held


def _check_answer(response: Response, limits: FetchLimits) -> None:
    """Judge an answer by its head."""
    if response.status != httpx.codes.OK:
        wait = retry_after_seconds(response.headers.get("retry-after"))
        raise _refused(response.status, None if wait is None else min(wait, _LONGEST_WAIT))
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise StepFailed(
            "recording_unsupported_format", "The server sent the recording compressed although it was asked not to."
        )
    declared = response.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > limits.max_bytes:
        raise _too_large(limits)


def _refused(status: int, wait: float | None) -> StepFailed:
    """The failure that a status stands for."""
    if status in (404, 410):
        return StepFailed("recording_not_found", f"There is no recording at the address (it answered {status}).")
    if status in (401, 403, 407):
        return StepFailed(
            "recording_forbidden",
            f"The recording may not be fetched without credentials (the address answered {status}).",
        )
    if status == 408:
        return StepFailed("recording_timeout", "The server gave up waiting (408).", retry=True, retry_after=wait)
    retry = status >= 500 or status in (425, 429)
    code: FailureCode = "recording_server_error" if retry else "recording_unreachable"
    return StepFailed(code, f"The address answered {status} instead of the recording.", retry=retry, retry_after=wait)


def _failed(failure: ExchangeFailed) -> StepFailed:
    """The failure that an exchange without a whole answer stands for."""
    codes: dict[str, FailureCode] = {
        "timeout": "recording_timeout",
        "cut": "recording_truncated",
        "redirects": "recording_too_many_redirects",
    }
    code = codes.get(failure.reason, "recording_unreachable")
    return StepFailed(code, str(failure), retry=failure.reason != "redirects")


def _too_large(limits: FetchLimits) -> StepFailed:
    return StepFailed("recording_too_large", f"The recording is larger than {limits.max_bytes // MEGABYTE} MB.")
