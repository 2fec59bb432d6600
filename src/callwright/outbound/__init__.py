"""The only HTTP client that leaves the house: checked addresses, bounded answers, nothing kept between requests."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import httpcore
import httpx

from callwright import __version__
from callwright.errors import SetupError
from callwright.kill_points import reached
from callwright.outbound.connections import Connections
from callwright.outbound.guard import (
    AddressRefused,
    CheckedNetwork,
    NameFailed,
    NameSilent,
    Policy,
    Resolver,
    check_url,
)
from callwright.outbound.names import LookUps
from callwright.outbound.network import LoopNetwork
from callwright.outbound.stream import BoundedStream

__all__ = [
    "AddressRefused",
    "Answer",
    "ExchangeFailed",
    "Outbound",
    "Policy",
    "Response",
    "check_url",
    "retry_after_seconds",
]

Reason = Literal["timeout", "name", "connect", "tls", "protocol", "cut", "redirects"]
KEPT_HEADERS = ("content-type", "retry-after")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class ExchangeFailed(Exception):
    """A request without a whole answer.

    Args:
        reason: `timeout`, `name` (not resolved), `connect`, `tls`, `protocol` (not HTTP), `cut` (the answer broke
            off) or `redirects` (too many).
        message: A sentence for the partner.
        hung: Whether it failed because nobody answered: the server, or the name servers of its name.
    """

    def __init__(self, reason: Reason, message: str, *, hung: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.hung = hung


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose body has not been read yet.

    Attributes:
        status: The status code.
        headers: Its headers; case does not matter.
        url: Where it came from, after redirects.
    """

    status: int
    headers: httpx.Headers
    url: httpx.URL
    _body: httpcore.Response

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it was sent, without undoing any content encoding; to be read inside `Outbound.stream`."""
        return _Counted(self._body.aiter_stream(), self._body.extensions["network_stream"])


@dataclass(slots=True)
class _Counted:
    """The chunks of a body, told to the connection that brought them."""

    chunks: AsyncIterator[bytes]
    stream: httpcore.AsyncNetworkStream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self.chunks)
        if isinstance(self.stream, BoundedStream):  # after 101 it is another, and no body follows
            self.stream.body(len(chunk))
        return chunk


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a POST.

    Attributes:
        status: The status code.
        headers: `KEPT_HEADERS` where they were sent, by their lower-case name.
        body: The first bytes of the body, as sent.
        complete: Whether `body` is all of it.
        elapsed: Seconds from the call to the end of `body`.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool
    elapsed: float


def retry_after_seconds(value: str | None) -> float | None:
    """Seconds that a `Retry-After` header asks for (RFC 9110, section 10.2.3: seconds or a date), or None."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


class Outbound:
    """A client for addresses that others chose: one per process, closed by `async with`.

    Every connection goes to an address that was checked for this very connection; it is kept open for further
    requests to the same scheme, host and port only. No proxies, no cookies, no credentials of its own.

    Args:
        policy: What may be reached.
        resolve: Name and port to addresses; the system's resolver by default.
        network: What opens connections to addresses; for tests.

    Raises:
        SetupError: The policy's CA file cannot be used.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        resolve: Resolver | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._look_ups = LookUps()
        self._connections = Connections(
            _tls(policy.ca_file),
            CheckedNetwork(policy, resolve or self._look_ups, network or LoopNetwork()),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._connections.aclose()
        self._look_ups.close()

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        timeout: float,  # noqa: ASYNC109 - the deadline is part of what is promised, not the caller's afterthought
        stall: float = 20.0,
        max_redirects: int = 0,
        https_only: bool = False,
    ) -> AsyncIterator[Response]:
        """Send a request and hand over its answer while it arrives.

        Args:
            method: As `GET`; with redirects followed, only `GET` makes sense.
            url: Checked here, and again at every redirect.
            headers: Sent beside host, user agent and `accept-encoding: identity`; an `authorization` among them
                does not follow a redirect.
            content: The body.
            timeout: Seconds for everything: name, connection, request, redirects and the reading of the answer.
            stall: Seconds without a byte after which the exchange is given up.
            max_redirects: How many are followed; with 0 a redirect is an answer like any other.
            https_only: Whether plain http is refused, at redirects too.

        Raises:
            AddressRefused: The address, or one that it redirects to, must not be reached.
            ExchangeFailed: There was no answer, or it broke off, or the time was up.
        """
        sent = {"accept": "*/*", "user-agent": f"callwright/{__version__}", **(headers or {})}
        limits = {"connect": stall, "read": stall, "write": stall}
        progress = _Progress()
        with _translated(progress):
            async with asyncio.timeout(timeout) as progress.deadline:
                for _ in range(max_redirects + 1):
                    target = progress.target = check_url(url, https_only=https_only)
                    named = [("host", target.netloc.decode("ascii")), *sent.items(), ("accept-encoding", "identity")]
                    async with self._connections.stream(
                        method, _core_url(target), headers=named, content=content, timeouts=limits
                    ) as raw:
                        answered = httpx.Headers(raw.headers)
                        location = answered.get("location") if raw.status in _REDIRECTS else None
                        if not (max_redirects and location):
                            progress.answered = True
                            yield Response(raw.status, answered, target, raw)
                            return
                    url = _joined(target, location)
                    sent.pop("authorization", None)
                raise ExchangeFailed("redirects", f"The address redirects more than {max_redirects} times.")

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        timeout: float,  # noqa: ASYNC109 - as in `stream`
        max_answer_bytes: int = 8192,
        https_only: bool = True,
    ) -> Answer:
        """Send a POST and read the beginning of its answer; redirects are answers like any other.

        Args:
            url: Where to.
            body: What.
            headers: With a content type.
            timeout: Seconds for everything.
            max_answer_bytes: How much of the answer is read.
            https_only: Whether plain http is refused.

        Raises:
            AddressRefused: As in `stream`.
            ExchangeFailed: As in `stream`, where it failed before the answer's status and headers were there.
        """
        started = time.monotonic()
        head: tuple[int, dict[str, str]] | None = None
        read, complete = bytearray(), True
        try:
            async with self.stream(
                "POST", url, headers=headers, content=body, timeout=timeout, stall=timeout, https_only=https_only
            ) as response:
                kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
                head = response.status, kept
                reached("callback-sent")
                async for chunk in response.chunks():
                    read += chunk
                    if len(read) > max_answer_bytes:
                        complete = False
                        break
        except ExchangeFailed:
            if head is None:
                raise
            complete = False  # the status has said what came of it, whatever became of the rest
        return Answer(*head, bytes(read[:max_answer_bytes]), complete, time.monotonic() - started)


@dataclass(slots=True)
class _Progress:
    """How far an exchange came, to name its failure."""

    deadline: asyncio.Timeout | None = None
    target: httpx.URL | None = None
    answered: bool = False


@contextmanager
def _translated(progress: _Progress) -> Iterator[None]:
    """Turn what httpcore and the deadline raise into `ExchangeFailed`."""
    try:
        yield
    except NameFailed as error:
        raise ExchangeFailed("name", str(error), hung=isinstance(error, NameSilent)) from error
    except (httpcore.TimeoutException, TimeoutError) as error:
        ours = isinstance(error, httpcore.TimeoutException) or (progress.deadline and progress.deadline.expired())
        if not ours:
            raise
        raise ExchangeFailed("timeout", f"{_server(progress)} did not answer in time.", hung=True) from error
    except httpcore.ConnectError as error:
        if error.args and isinstance(error.args[0], ssl.SSLError):
            raise ExchangeFailed("tls", f"{_server(progress)} could not show a valid certificate.") from error
        raise ExchangeFailed("connect", f"{_server(progress)} could not be reached.") from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        if progress.answered:
            raise ExchangeFailed("cut", f"{_server(progress)} broke off its answer.") from error
        raise ExchangeFailed("protocol", f"{_server(progress)} gave no valid HTTP answer.") from error


def _core_url(target: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)


def _server(progress: _Progress) -> str:
    return f"The server {progress.target.host}" if progress.target else "The server"


def _joined(target: httpx.URL, location: str | None) -> str:
    try:
        return str(target.join(location or ""))
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise AddressRefused("The address redirects to something that is not a URL.") from None


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError):
            raise SetupError(
                "The file of CALLWRIGHT_CA_FILE cannot be read as certificates.", "Name a readable PEM file."
            ) from None
    return context
