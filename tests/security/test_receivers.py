"""Servers that mean no good, as receivers of callbacks and as keepers of recordings: bounded, named, and harmless."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from authority import authority
from callwright.callbacks import LONGEST_WAIT_SECONDS, RetryPolicy
from callwright.logs import mask
from callwright.outbound import Outbound, Policy, retry_after_seconds
from local_server import Route, serve
from security.receivers import (
    END,
    LONG,
    LOOPBACK,
    MOST_GROWN,
    MOST_SENT,
    NO_HTTP,
    NO_TLS,
    OK,
    SERVERS,
    SHORT,
    SILENT,
    SLACK,
    WAV,
    House,
    a_house,
    endless,
    once,
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("name", SERVERS)
async def test_a_hostile_server_costs_little_and_is_named(house: House, name: str) -> None:
    behaviour, status, error, code, retry = SERVERS[name]
    house.behaves(behaviour)
    house.deadline = SHORT if code == "recording_timeout" else LONG
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome, failure = await asyncio.gather(house.call_back(), house.fetch())
    took, grown = time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (outcome.http_status, outcome.error) == (status, error)
    assert failure is not None
    assert (failure.code, failure.retry) == (code, retry), failure.message
    assert took < SHORT + SLACK
    assert grown < MOST_GROWN
    assert house.sent < MOST_SENT


async def test_what_holds_up_one_exchange_holds_up_no_other(house: House) -> None:
    house.behaves(endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=True))
    house.server.answer("/good", b"thanks")
    house.deadline = SHORT
    started = time.monotonic()
    async with Outbound(house.policy) as outbound:
        slow = [asyncio.create_task(house.told_by(outbound)) for _ in range(50)]
        await asyncio.sleep(0.1)
        good = await replace(house, deadline=LONG).told_by(outbound, "/good")
        assert (good.error, good.answer) == (None, "thanks")
        assert {outcome.error for outcome in await asyncio.gather(*slow)} == {SILENT}
    assert time.monotonic() - started < LONG


async def test_a_connection_that_has_ended_is_not_used_again(house: House) -> None:
    house.behaves(once(OK + b"\r\nuntil the end", END))
    async with Outbound(house.policy) as outbound:
        outcomes = [await house.told_by(outbound) for _ in range(5)]
    assert [(outcome.error, outcome.answer) for outcome in outcomes] == [(None, "until the end")] * 5
    assert house.server.connections == 5


NASTY = (
    b"\x1b]0;owned\x07\x1b[2J\r\n2026-01-01 [info] step done\0\x00\x7f\x9b\xc2\x9b \xe2\x80\xae \xf0\x9f\x98\x80 \xff"
    * 40
)


@pytest.mark.parametrize("status", [200, 500])
async def test_what_is_kept_of_an_answer_does_nothing_to_a_terminal_or_a_log(house: House, status: int) -> None:
    house.behaves(once(f"HTTP/1.1 {status} X\r\ncontent-length: {len(NASTY)}\r\n\r\n".encode() + NASTY))
    outcome = await house.call_back()
    assert outcome.answer
    assert outcome.answer.isprintable()
    assert len(outcome.answer) <= 500
    assert outcome.error is None or outcome.error.isprintable()
    assert mask(NASTY.decode("latin-1")).isprintable()


RETRY_AFTER: dict[bytes, float | None] = {
    b"0": 0, b"1": 1, b"17": 17, b"00017": 17, b"  17  ": 17, b"999999999": 999_999_999, b"9" * 400: 999_999_999,
    b"-1": None, b"-99999999999": None, b"+5": None, b"1.5": None, b"1e9": None, b"0x10": None, b"inf": None,
    b"NaN": None, b"": None, b"soon": None, b"\xd9\xa3": None, b"17, 18": None, b"17;18": None, b"Wed": None,
    b"2099-01-01T00:00:00Z": None,
    b"Wed, 21 Oct 2015 07:28:00 GMT": 0, b"Wed, 99 Oct 2015 07:28:00 GMT": None,
    b"Wed, 21 Oct 99999 07:28:00 GMT": None,
    b"Wed, 21 Oct 2015 07:28:00 +9999999999": None,
    b"Thu, 01 Jan 0001 00:00:00 +2359": 0, b"a" * 5000: None,
    b"Wed, 21 Oct 2015 99:99:99 GMT": None, b"," * 500: None, b"Mon, 1 1 1 1 1 1 1 1": None,
}  # fmt: skip


@pytest.mark.parametrize("value", RETRY_AFTER, ids=lambda value: repr(value)[:30])
async def test_a_wish_for_a_later_try_is_read_strictly_and_bounded(house: House, value: bytes) -> None:
    house.behaves(once(b"HTTP/1.1 503 X\r\ncontent-length: 0\r\nretry-after: " + value + b"\r\n\r\n"))
    outcome = await house.call_back()
    assert (outcome.http_status, outcome.retry_after) == (503, RETRY_AFTER[value])
    failure = await house.fetch()
    assert failure is not None
    assert (failure.code, failure.retry) == ("recording_server_error", True)
    assert failure.retry_after is None or 0 <= failure.retry_after <= 86_400
    assert 0 < RetryPolicy().wait(1, outcome.retry_after) <= LONGEST_WAIT_SECONDS


def test_a_date_at_the_end_of_time_is_no_fault() -> None:
    for zone in ("GMT", "+2359", "-2359"):
        wanted = retry_after_seconds(f"Fri, 31 Dec 9999 23:59:59 {zone}")
        assert wanted is not None
        assert RetryPolicy().wait(1, wanted) == LONGEST_WAIT_SECONDS


@asynccontextmanager
async def raw(behave: Route) -> AsyncIterator[int]:
    """A server that speaks below HTTP, and its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behave(await reader.read(1), writer)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(handle(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def stalls(_: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def drips(_: bytes, writer: asyncio.StreamWriter) -> None:
    for byte in b"\x16\x03\x03\x40\x00" + bytes(9999):  # a handshake's record of 16 KB, a byte at a time
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


async def floods(_: bytes, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"\x16\x03\x03\x40\x00" + bytes(16384))
        await writer.drain()


async def ends(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def alerts(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x15\x03\x03\x00\x02\x02\x28")
    await writer.drain()


async def speaks_plainly(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"content-length: 2\r\n\r\nok")
    await writer.drain()


@pytest.mark.parametrize(
    ("behave", "errors"),
    [
        (stalls, {SILENT}), (drips, {SILENT}), (floods, {NO_TLS, SILENT}), (alerts, {NO_TLS}),
        (speaks_plainly, {NO_TLS}),
        (ends, {NO_TLS, "The server localhost could not be reached."}),
    ],
)  # fmt: skip
async def test_a_handshake_that_goes_nowhere_ends(house: House, behave: Route, errors: set[str]) -> None:
    async with raw(behave) as port:
        house.server.port = port
        house.deadline = SHORT if SILENT in errors else LONG
        started = time.monotonic()
        outcome, failure = await asyncio.gather(house.call_back(), house.fetch())
    assert outcome.error in errors
    assert failure is not None
    assert failure.message in errors
    assert failure.retry
    assert time.monotonic() - started < SHORT + SLACK


async def test_rubbish_inside_of_tls_is_named_before_and_after_the_head(house: House) -> None:
    async def below(start: bytes, writer: asyncio.StreamWriter) -> None:
        transport = writer.transport
        writer.write(start)
        await writer.drain()
        await asyncio.sleep(0.05)
        transport._ssl_protocol._transport.write(b"not a TLS record at all")  # type: ignore[attr-defined]
        await asyncio.sleep(60)

    for start, error, code in (
        (b"", NO_HTTP, "recording_unreachable"),
        (OK + b"\r\n" + WAV, None, "recording_truncated"),
    ):

        async def route(request: bytes, writer: asyncio.StreamWriter, start: bytes = start) -> None:
            await below(start, writer)

        house.server.routes["/x"] = route
        assert (await house.call_back()).error == error
        failure = await house.fetch()
        assert failure is not None
        assert (failure.code, failure.retry) == (code, True)


@pytest.mark.parametrize("fault", ["expired", "another name", "an unknown authority"])
async def test_a_certificate_that_is_not_good_gets_no_request(tmp_path: Path, fault: str) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    ca_file, tls = authority(
        theirs, "other.example" if fault == "another name" else "localhost", expired=fault == "expired"
    )
    if fault == "an unknown authority":
        ca_file, _ = authority(tmp_path, "localhost")
    async with serve(tls) as server:
        server.answer("/x", WAV)
        house = House(server, Policy(allowed_networks=LOOPBACK, ca_file=ca_file), tmp_path)
        assert (await house.call_back()).error == NO_TLS
        failure = await house.fetch()
    assert failure is not None
    assert (failure.code, failure.message, failure.retry) == ("recording_unreachable", NO_TLS, True)
    assert server.requests == []
