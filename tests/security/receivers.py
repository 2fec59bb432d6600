"""Servers that mean no good, and a house to meet them in."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from authority import authority
from callwright.callbacks import Delivery, Outcome, RetryPolicy, attempt
from callwright.credentials import make_webhook_secret
from callwright.errors import StepFailed
from callwright.outbound import Outbound, Policy
from callwright.recordings.fetch import FetchLimits, fetch
from callwright.recordings.store import Store
from local_server import LocalServer, serve
from recordings.media import tones, wav

SHORT, LONG = 0.8, 20.0
"""Seconds for one exchange: with a server that never ends it, and with one that does."""

SLACK = 10.0
MOST_SENT = 40_000_000
"""What the system's own buffers may swallow of what nobody reads, in bytes."""

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
SECRETS = [make_webhook_secret()]
WAV = wav(tones(3, 8000, 440), 8000)
OK = b"HTTP/1.1 200 OK\r\n"
MOST_GROWN = 64_000
"""How much more memory the process may have held than before, in KB."""

SILENT = "The server localhost did not answer in time."
NO_HTTP = "The server localhost gave no valid HTTP answer."
NO_TLS = "The server localhost could not show a valid certificate."


@dataclass
class House:
    """A server of somebody else's over TLS, a client of ours that trusts it, and what was sent to us."""

    server: LocalServer
    policy: Policy
    folder: Path
    sent: int = 0
    deadline: float = LONG

    async def call_back(self) -> Outcome:
        async with Outbound(self.policy) as outbound:
            return await self.told_by(outbound)

    async def told_by(self, outbound: Outbound, path: str = "/x") -> Outcome:
        url = self.server.url(path, scheme="https", host="localhost")
        delivery = Delivery(1, "msg_1", "call-1", url, b"{}", 1, 4)
        return await attempt(outbound, delivery, SECRETS, RetryPolicy(timeout=self.deadline))

    async def fetch(self) -> StepFailed | None:
        url = self.server.url("/x", scheme="https", host="localhost")
        store = Store(str(self.folder / "store"))
        limits = FetchLimits(max_bytes=1_000_000, max_seconds=self.deadline, stall_seconds=self.deadline)
        try:
            async with Outbound(self.policy) as outbound:
                await fetch(url, outbound=outbound, store=store, key="k", limits=limits)
        except StepFailed as failure:
            await asyncio.sleep(0.05)
            assert [path for path in (self.folder / "store").rglob("*") if path.is_file()] == []
            return failure
        return None

    def behaves(self, behaviour: "Behaviour") -> None:
        async def route(request: bytes, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                for part in behaviour():
                    if part is PAUSE:
                        await asyncio.sleep(0.02)
                    elif part is END:
                        writer.close()
                        return
                    else:
                        self.sent += len(part)
                        writer.write(part)
                        await writer.drain()
                        await asyncio.sleep(0)
                await asyncio.sleep(60)

        self.server.routes["/x"] = route


Behaviour = Callable[[], Iterator[bytes]]
PAUSE, END = b"<pause>", b"<end>"


@asynccontextmanager
async def a_house(folder: Path) -> AsyncIterator[House]:
    ca_file, tls = authority(folder, "localhost")
    async with serve(tls) as server:
        yield House(server, Policy(allowed_networks=LOOPBACK, ca_file=ca_file), folder)


def once(*parts: bytes) -> Behaviour:
    return lambda: iter(parts)


def endless(start: bytes, part: bytes, *, pause: bool = False) -> Behaviour:
    def behave() -> Iterator[bytes]:
        yield start
        while True:
            yield part
            if pause:
                yield PAUSE

    return behave


def dripped(text: bytes) -> Behaviour:
    return lambda: (part for byte in text for part in (bytes([byte]), PAUSE))


CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
RETRIED, FINAL = True, False

SERVERS: dict[str, tuple[Behaviour, int | None, str | None, str, bool]] = {
    # what it does: the status and error of a callback's try; the code of a fetch, and whether it is tried again
    "an endless text": (endless(OK + b"\r\n", b"x" * 65536), 200, None, "recording_not_audio", FINAL),
    "an endless recording": (endless(OK + b"\r\n" + WAV, bytes(65536)), 200, None, "recording_too_large", FINAL),
    "a gzip bomb": (
        once(OK + b"content-encoding: gzip\r\n\r\n" + gzip.compress(bytes(20_000_000)), END),
        *(200, None, "recording_unsupported_format", FINAL),
    ),
    "ten thousand headers": (
        once(OK + b"a: b\r\n" * 10_000 + b"\r\nhello", END),
        *(200, None, "recording_not_audio", FINAL),
    ),
    "thirty thousand headers": (
        once(OK + b"a: b\r\n" * 30_000 + b"\r\n"),
        *(None, NO_HTTP, "recording_unreachable", RETRIED),
    ),
    "one header of a megabyte": (once(OK + b"a: " + b"b" * 1_000_000), None, NO_HTTP, "recording_unreachable", RETRIED),
    "endless headers": (endless(OK, b"a: b\r\n" * 1000), None, NO_HTTP, "recording_unreachable", RETRIED),
    "a dripping status": (dripped(OK * 9), None, SILENT, "recording_timeout", RETRIED),
    "dripping headers": (endless(OK, b"a: b\r\n", pause=True), None, SILENT, "recording_timeout", RETRIED),
    "a dripping body": (endless(OK + b"\r\n" + WAV, b"\0", pause=True), 200, None, "recording_timeout", RETRIED),
    "dripping chunks": (endless(CHUNKED, b"1\r\nx\r\n", pause=True), 200, None, "recording_timeout", RETRIED),
    "silence": (once(), None, SILENT, "recording_timeout", RETRIED),
    "silence after the head": (once(OK + b"content-length: 9\r\n\r\n"), 200, None, "recording_timeout", RETRIED),
    "an end at once": (once(END), None, NO_HTTP, "recording_unreachable", RETRIED),
    "an end in the status": (once(OK[:9], END), None, NO_HTTP, "recording_unreachable", RETRIED),
    "an end in the headers": (once(OK + b"a: ", END), None, NO_HTTP, "recording_unreachable", RETRIED),
    "an end in the body": (
        once(OK + b"content-length: 999999\r\n\r\n" + WAV, END),
        *(200, None, "recording_truncated", RETRIED),
    ),
    "an end in a chunk": (once(CHUNKED + b"ffff\r\n" + WAV, END), 200, None, "recording_truncated", RETRIED),
    "a length too short": (
        once(OK + b"content-length: 4\r\n\r\n" + WAV, END),
        *(200, None, "recording_unsupported_format", FINAL),
    ),
    "a length of none": (once(OK + b"content-length: 0\r\n\r\n" + WAV, END), 200, None, "recording_empty", FINAL),
    "a negative length": (once(OK + b"content-length: -1\r\n\r\nx"), None, NO_HTTP, "recording_unreachable", RETRIED),
    "two lengths": (
        once(OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nxx"),
        *(None, NO_HTTP, "recording_unreachable", RETRIED),
    ),
    "a length of nineteen digits": (
        once(OK + b"content-length: " + b"9" * 19 + b"\r\n\r\nx", END),
        *(200, None, "recording_too_large", FINAL),
    ),
    "a length of five thousand digits": (
        once(OK + b"content-length: " + b"9" * 5000 + b"\r\n\r\nx"),
        *(None, NO_HTTP, "recording_unreachable", RETRIED),
    ),
    "100 for ever": (
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
        *(None, NO_HTTP, "recording_unreachable", RETRIED),
    ),
    "103 for ever": (
        endless(b"", b"HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n" * 200),
        *(None, NO_HTTP, "recording_unreachable", RETRIED),
    ),
    "100, dripping": (
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=True),
        *(None, SILENT, "recording_timeout", RETRIED),
    ),
    "101": (
        once(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nabc"),
        *(None, NO_HTTP, "recording_unreachable", RETRIED),
    ),
    "chunks with endless names": (
        endless(CHUNKED + b"4\r\nRIFF\r\n", b"1;" + b"a" * 60_000 + b"\r\n\0\r\n"),
        *(200, None, "recording_truncated", RETRIED),
    ),
    "chunks of one byte for ever": (endless(CHUNKED, b"1\r\nx\r\n" * 9999), 200, None, "recording_not_audio", FINAL),
    "a chunk of a huge size": (once(CHUNKED + b"f" * 40 + b"\r\nx"), 200, None, "recording_truncated", RETRIED),
    "a chunk without a size": (once(CHUNKED + b"\r\nx"), 200, None, "recording_truncated", RETRIED),
    "endless trailers": (
        endless(CHUNKED + f"{len(WAV):x}\r\n".encode() + WAV + b"\r\n0\r\n", b"a: b\r\n" * 1000),
        *(200, None, "recording_truncated", RETRIED),
    ),
    "HTTP/0.9": (once(b"<html>hello</html>\n", END), None, NO_HTTP, "recording_unreachable", RETRIED),
    "HTTP/2": (once(b"\0\0\x12\x04\0\0\0\0\0" + bytes(18)), None, NO_HTTP, "recording_unreachable", RETRIED),
    "another protocol": (once(b"220 mail.example ESMTP\r\n\r\n"), None, NO_HTTP, "recording_unreachable", RETRIED),
    "rubbish": (once(bytes(range(256)) * 9 + b"\r\n\r\n"), None, NO_HTTP, "recording_unreachable", RETRIED),
    "endless rubbish": (endless(b"", b"\xff" * 65536), None, NO_HTTP, "recording_unreachable", RETRIED),
    "a status of words": (once(b"HTTP/1.1 good OK\r\n\r\n", END), None, NO_HTTP, "recording_unreachable", RETRIED),
    "a status of four digits": (
        once(b"HTTP/1.1 2000 OK\r\n\r\n", END),
        *(None, NO_HTTP, "recording_unreachable", RETRIED),
    ),
    "a status that nobody knows, with colours": (
        once(b"HTTP/1.1 999 \x1b[31mNo\r\ncontent-length: 0\r\n\r\n"),
        *(999, "The receiver answered 999.", "recording_server_error", RETRIED),
    ),
    "a header with NUL": (once(OK + b"a: b\0c\r\n\r\n"), None, NO_HTTP, "recording_unreachable", RETRIED),
    "a header without a name": (once(OK + b": b\r\n\r\n"), None, NO_HTTP, "recording_unreachable", RETRIED),
    "a redirect to itself": (
        once(b"HTTP/1.1 302 X\r\ncontent-length: 0\r\nlocation: /x\r\n\r\n"),
        *(302, "The receiver answered 302.", "recording_too_many_redirects", FINAL),
    ),
    "a redirect with an endless body": (
        endless(b"HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:1/\r\n\r\n", bytes(65536)),
        *(307, "The receiver answered 307.", "recording_unreachable", RETRIED),
    ),
}  # fmt: skip
