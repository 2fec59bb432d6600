"""Fetching from servers that mean no good: every answer has its code, and what fails leaves nothing in the store."""

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from callwright.errors import StepFailed
from callwright.outbound import Outbound, Policy
from callwright.recordings import Stored
from callwright.recordings.fetch import FetchLimits, fetch
from callwright.recordings.store import Store
from local_server import LocalServer, serve
from recordings.media import tones, wav

KEY = "recordings/7/ab/abcdef"
WAV = wav(tones(20, 8000, 400, 700), 8000)
PATIENT = FetchLimits(max_bytes=1_000_000, max_seconds=60, stall_seconds=30)
QUICK = FetchLimits(max_bytes=1_000_000, max_seconds=5, stall_seconds=0.3)


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with serve() as local:
        yield local


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    async with Outbound(Policy(allowed_networks=(ip_network("127.0.0.0/8"),))) as client:
        yield client


class Fetching:
    """A fetch into a store of its own, and what it left there."""

    def __init__(self, outbound: Outbound, folder: Path) -> None:
        self.outbound = outbound
        self.folder = folder
        self.store = Store(str(folder))

    async def __call__(self, url: str, limits: FetchLimits = PATIENT) -> Stored:
        return await fetch(url, outbound=self.outbound, store=self.store, key=KEY, limits=limits)

    async def failure(self, url: str, limits: FetchLimits = QUICK) -> StepFailed:
        with pytest.raises(StepFailed) as failed:
            await self(url, limits)
        for _ in range(200):
            if not any(path.is_file() for path in self.folder.rglob("*")):
                break
            await asyncio.sleep(0.01)
        else:
            raise AssertionError("something was left in the store")
        message = failed.value.message
        assert message.endswith(".")
        assert message[0].isupper()
        assert "Traceback" not in message
        return failed.value


@pytest.fixture
def fetching(outbound: Outbound, tmp_path: Path) -> Fetching:
    return Fetching(outbound, tmp_path / "store")


async def test_a_recording_comes_into_the_store_as_it_was_sent(server: LocalServer, fetching: Fetching) -> None:
    stored = await fetching(server.answer("/call.mp3", WAV, headers="content-type: text/html\r\n"))
    assert stored == Stored(KEY, len(WAV), hashlib.sha256(WAV).hexdigest(), "wav")
    assert (fetching.folder / KEY).read_bytes() == WAV


async def test_redirects_lead_to_the_recording(server: LocalServer, fetching: Fetching) -> None:
    server.answer("/real", WAV)
    for hop in range(5):
        server.answer(f"/{hop}", status=302, headers=f"location: {'/real' if hop == 4 else f'/{hop + 1}'}\r\n")
    assert (await fetching(server.url("/0"))).size == len(WAV)


async def test_a_chunked_answer_without_a_length_is_fetched(server: LocalServer, fetching: Fetching) -> None:
    async def chunked(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for start in range(0, len(WAV), 1000):
            part = WAV[start : start + 1000]
            writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        writer.write(b"0\r\n\r\n")

    server.routes["/chunked"] = chunked
    assert (await fetching(server.url("/chunked"))).sha256 == hashlib.sha256(WAV).hexdigest()


@pytest.mark.parametrize(
    ("status", "code", "retry"),
    [
        *((404, "recording_not_found", False), (410, "recording_not_found", False)),
        *((401, "recording_forbidden", False), (403, "recording_forbidden", False)),
        *((500, "recording_server_error", True), (502, "recording_server_error", True)),
        *((503, "recording_server_error", True), (429, "recording_server_error", True)),
        *((425, "recording_server_error", True), (408, "recording_timeout", True)),
        *((400, "recording_unreachable", False), (418, "recording_unreachable", False)),
        *((204, "recording_unreachable", False), (304, "recording_unreachable", False)),
    ],
)
async def test_every_status_has_its_code(
    server: LocalServer, fetching: Fetching, status: int, code: str, retry: bool
) -> None:
    body = b"" if status in (204, 304) else b"nothing here"
    failure = await fetching.failure(server.answer("/x", body, status=status))
    assert (failure.code, failure.retry, failure.retry_after) == (code, retry, None)
    assert str(status) in failure.message


@pytest.mark.parametrize(("header", "seconds"), [("17", 17), ("999999999", 86400), ("soon", None)])
async def test_retry_after_is_passed_on(
    server: LocalServer, fetching: Fetching, header: str, seconds: float | None
) -> None:
    failure = await fetching.failure(server.answer("/x", status=429, headers=f"retry-after: {header}\r\n"))
    assert failure.retry_after == seconds


async def test_a_web_page_is_refused_after_its_first_bytes(server: LocalServer, fetching: Fetching) -> None:
    sent = 0

    async def page(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n\r\n<!doctype html><html>")
        while sent < 100_000_000:
            writer.write(b" " * 65536)
            await writer.drain()
            sent += 65536

    server.routes["/page"] = page
    failure = await fetching.failure(server.url("/page"), FetchLimits())
    assert failure.message == "The address answered with a web page, not with a recording."
    assert (failure.code, failure.retry) == ("recording_not_audio", False)
    assert sent < 20_000_000


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"", "", "recording_empty"),
        (b'{"message": "expired"}', "", "recording_not_audio"),
        (b"#EXTM3U\nhttp://169.254.169.254/", "", "recording_not_audio"),
        (gzip.compress(WAV, mtime=0), "content-encoding: gzip\r\n", "recording_unsupported_format"),
        (gzip.compress(WAV, mtime=0), "", "recording_unsupported_format"),
        (b"\x00" * 40_000, "", "recording_unsupported_format"),
        (WAV[:44] + bytes(1_000_000), "", "recording_too_large"),
    ],
)
async def test_bodies_that_are_no_recording_are_refused(
    server: LocalServer, fetching: Fetching, body: bytes, headers: str, code: str
) -> None:
    failure = await fetching.failure(server.answer("/x", body, headers=headers))
    assert (failure.code, failure.retry) == (code, False)


async def test_an_endless_recording_stops_at_the_limit(server: LocalServer, fetching: Fetching) -> None:
    async def endless(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + WAV[:44])
        while True:
            writer.write(bytes(65536))
            await writer.drain()

    server.routes["/endless"] = endless
    failure = await fetching.failure(server.url("/endless"), FetchLimits(max_bytes=20_000_000))
    assert (failure.code, failure.message) == ("recording_too_large", "The recording is larger than 20 MB.")


@pytest.mark.parametrize(("pause", "limits"), [(0.01, FetchLimits(max_seconds=0.4)), (60, QUICK)])
async def test_a_slow_recording_runs_out_of_time(
    server: LocalServer, fetching: Fetching, pause: float, limits: FetchLimits
) -> None:
    async def slow(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n" + WAV[:40_000])
        while not writer.is_closing():
            writer.write(b"\0")
            await asyncio.sleep(pause)

    server.routes["/slow"] = slow
    failure = await fetching.failure(server.url("/slow"), limits)
    assert (failure.code, failure.retry) == ("recording_timeout", True)


@pytest.mark.parametrize("sent", [100, 40_000, len(WAV) - 1])
async def test_a_cut_download_is_truncated_and_tried_again(server: LocalServer, fetching: Fetching, sent: int) -> None:
    async def cut(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(WAV)}\r\n\r\n".encode() + WAV[:sent])
        writer.close()

    server.routes["/cut"] = cut
    failure = await fetching.failure(server.url("/cut"))
    assert (failure.code, failure.retry) == ("recording_truncated", True)


async def test_a_circle_of_redirects_ends(server: LocalServer, fetching: Fetching) -> None:
    failure = await fetching.failure(server.answer("/a", status=302, headers="location: /a\r\n"))
    assert (failure.code, failure.retry) == ("recording_too_many_redirects", False)
    assert len(server.requests) == 6


@pytest.mark.parametrize("target", ["http://10.0.0.1/x", "http://169.254.169.254/latest", "file:///etc/passwd"])
async def test_a_redirect_inwards_is_refused(server: LocalServer, fetching: Fetching, target: str) -> None:
    failure = await fetching.failure(server.answer("/a", status=302, headers=f"location: {target}\r\n"))
    assert (failure.code, failure.retry) == ("recording_address_refused", False)


@pytest.mark.parametrize("url", ["http://[::1]/x", "http://user:hunter2@127.0.0.1/x", "ftp://127.0.0.1/x", "nonsense"])
async def test_an_address_that_is_not_for_us_is_refused(fetching: Fetching, url: str) -> None:
    failure = await fetching.failure(url)
    assert failure.code == "recording_address_refused"
    assert "hunter2" not in failure.message


async def test_a_server_that_is_not_there_is_tried_again(fetching: Fetching) -> None:
    failure = await fetching.failure("http://127.0.0.1:1/x.mp3")
    assert (failure.code, failure.retry) == ("recording_unreachable", True)


async def test_no_credentials_and_no_cookies_go_out(server: LocalServer, fetching: Fetching) -> None:
    await fetching(server.answer("/x", WAV, headers="set-cookie: a=b\r\n"))
    await fetching(server.url("/x"))
    heads = b"".join(server.requests).lower()
    assert b"cookie" not in heads
    assert b"authorization" not in heads
    assert b"accept-encoding: identity" in heads
