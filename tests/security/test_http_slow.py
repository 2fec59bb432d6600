"""Clients that take their time: what they hold is let go, and who is only slow is served."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from callwright.api import body, wire
from real_server import a_server
from security.hostile_bodies import POST
from security.hostile_heads import HEALTH, HOST
from security.raw_http import DEADLINE, GOOD, KEYS, Connection, check_alive, check_refusal
from security.test_http import key_lines

IN_MODULE = pytest.mark.asyncio(loop_scope="module")

BODY = POST + KEYS + b"content-length: 1000000\r\n\r\n"
CHUNKED = POST + KEYS + b"transfer-encoding: chunked\r\n\r\n"
PACKED = POST + KEYS + b"content-encoding: gzip\r\ncontent-length: 1000000\r\n\r\n" + gzip.compress(b"{}")[:10]
NOWHERE = b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\n"


@dataclass(frozen=True)
class Slow:
    """What is sent at once, what is sent every now and then after it, and the answers before the hang-up."""

    first: bytes
    drip: bytes = b""
    statuses: tuple[int, ...] = ()


SLOW = {
    "nothing at all": Slow(b""),
    "half a start line": Slow(b"GET /hea"),
    "start line by bytes": Slow(b"GET /", b"x"),
    "empty lines": Slow(b"", b"\r\n"),
    "header by bytes": Slow(HEALTH + b"x: ", b"y"),
    "header after header": Slow(HEALTH + HOST, b"x: y\r\n"),
    "headers that do not end": Slow(HEALTH + HOST),
    "nothing after an answer": Slow(GOOD, statuses=(200,)),
    "empty lines after an answer": Slow(GOOD, b"\r\n", statuses=(200,)),
    "half a request after an answer": Slow(GOOD + b"GET /", b"x", statuses=(200,)),
    "half a request behind a refused one": Slow(NOWHERE[:-11] + b"0\r\n\r\nGET /", b"x", statuses=(404,)),
    "no body": Slow(BODY, statuses=(400,)),
    "half a body": Slow(BODY + b'{"data": [', statuses=(400,)),
    "body by bytes": Slow(BODY, b" ", (400,)),
    "body by chunks": Slow(CHUNKED, b"1\r\n \r\n", (400,)),
    "half a chunk": Slow(CHUNKED + b"5\r\n{", statuses=(400,)),
    "no last chunk": Slow(CHUNKED + b"2\r\n{}\r\n", statuses=(400,)),
    "chunk size by digits": Slow(CHUNKED, b"0", (400,)),
    "chunk extension by bytes": Slow(CHUNKED + b"2;", b"x", (400,)),
    "trailers by bytes": Slow(CHUNKED + b"2\r\n{}\r\n0\r\n", b"x: y\r\n", (400,)),
    "packed body by bytes": Slow(PACKED, b"\0", (400,)),
    "body without keys": Slow(BODY.replace(KEYS, b""), b" ", (401,)),
    "body for nobody": Slow(NOWHERE, b" ", (404,)),
    "chunks for nobody": Slow(NOWHERE.replace(b"content-length: 1000000", b"transfer-encoding: chunked"), b"0", (404,)),
    "no body after leave to send it": Slow(BODY.replace(KEYS, KEYS + b"expect: 100-continue\r\n"), b"", (100, 400)),
    "body after none was wanted": Slow(BODY.replace(KEYS, b"expect: 100-continue\r\n"), b" ", (401,)),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(module_database_url: str) -> AsyncIterator[tuple[int, bytes]]:
    """The port of a server of little patience, and the header lines that it lets in."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HEAD_SECONDS", "IDLE_SECONDS", "REST_SECONDS"):
            patch.setattr(wire, name, 1.0)
        patch.setattr(body, "BODY_SECONDS", 1.0)
        patch.setenv("CALLWRIGHT_RATE_LIMIT", "100000")
        async with a_server(module_database_url) as (port, _, _):
            yield port, await key_lines(module_database_url)


@IN_MODULE
async def test_slow(server: tuple[int, bytes]) -> None:
    """All at once: the server has them beside each other, and the test is no slower than they are."""
    port, keys = server
    ends = await asyncio.gather(*(_try(port, slow, keys) for slow in SLOW.values()), return_exceptions=True)
    assert {name: end for name, end in zip(SLOW, ends, strict=True) if end is not None} == {}
    await check_alive(port)


async def _try(port: int, slow: Slow, keys: bytes) -> None:
    async with asyncio.timeout(DEADLINE):
        connection = await Connection.open(port)
        await connection.send(slow.first.replace(KEYS, keys))
        dripping = asyncio.create_task(_drip(connection, slow.drip))
        for status in slow.statuses:
            answer = await connection.answer()
            assert answer is not None, f"hung up instead of answering {status}"
            assert answer.status == status, answer
            if status >= 400:
                check_refusal(answer)
        assert await connection.answer() is None
        dripping.cancel()
        connection.close()


async def _drip(connection: Connection, piece: bytes) -> None:
    while piece:
        await connection.send(piece)
        await asyncio.sleep(0.02)


@IN_MODULE
async def test_a_body_behind_an_answer_is_given_its_time(
    server: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that leaves while the next request's body arrives does not hurry that body."""
    port, keys = server
    monkeypatch.setattr(body, "BODY_SECONDS", 10.0)
    async with asyncio.timeout(DEADLINE):
        connection = await Connection.open(port)
        await connection.send(GOOD + POST + keys + b"content-length: 2\r\n\r\n{")
        first = await connection.answer()
        await asyncio.sleep(1.5 * wire.REST_SECONDS)
        await connection.send(b"}")
        second = await connection.answer()
        connection.close()
    assert first is not None
    assert second is not None
    assert (first.status, second.status) == (200, 422)


MANY = b"GET /openapi.json HTTP/1.1\r\nhost: h\r\n\r\n" * 400


@IN_MODULE
async def test_a_client_that_does_not_read_is_let_go(
    server: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, _ = server
    lost = asyncio.Event()
    noted = wire.GuardedProtocol.connection_lost

    def connection_lost(protocol: wire.GuardedProtocol, error: Exception | None) -> None:
        noted(protocol, error)
        lost.set()

    monkeypatch.setattr(wire.GuardedProtocol, "connection_lost", connection_lost)
    monkeypatch.setattr(wire, "STALL_SECONDS", 0.2)
    async with asyncio.timeout(DEADLINE):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(MANY)
        await lost.wait()
        writer.close()
        await check_alive(port)


@IN_MODULE
async def test_a_client_that_reads_slowly_is_served(server: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    port, _ = server
    monkeypatch.setattr(wire, "STALL_SECONDS", 0.5)
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(MANY.removesuffix(b"\r\n") + b"connection: close\r\n\r\n")
        got = 0
        while chunk := await reader.read(262_144):
            got += len(chunk)
            await asyncio.sleep(0.005)
        writer.close()
    alone = await Connection.open(port)
    await alone.send(MANY[: len(MANY) // 400])
    answer = await alone.answer()
    alone.close()
    assert answer is not None
    assert got > 400 * len(answer.body)
