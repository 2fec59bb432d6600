"""The server itself: bounds on bytes and time, and a clean stop; over real connections."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from callwright import web
from callwright.api import wire
from callwright.errors import SetupError
from callwright.settings import Settings
from partner_api import BATCH_CALL, SECRET_KEY, a_batch, a_record
from real_server import a_door, a_server, talk
from redis_server import free_port


async def test_answers(database_url: str) -> None:
    async with a_server(database_url) as (port, _, _):
        answer = await talk(port, b"GET /api/v1/partner/calls/x HTTP/1.1\r\nhost: h\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        assert b"\r\nserver:" not in answer
        assert b'{"success":false,"message":"API key and secret are required"}' in answer
        doubled = await talk(port, b"GET /x HTTP/1.1\r\nhost: h\r\n\r\nGET /y HTTP/1.1\r\nhost: h\r\n\r\n")
        assert doubled.count(b"HTTP/1.1 404 Not Found") >= 1


@pytest.mark.parametrize(
    "head",
    [
        [b"GET /healthz HTTP/1.1\r\n", *[b"x-header: " + b"x" * 60_000] * 3],
        [b"GET /" + b"x" * 60_000, b"x" * 60_000],
        [b"GET /healthz HTTP/1.1\r\n" + b"x: y\r\n" * 200 + b"\r\n"],
        [b"GET /\xff HTTP/1.1\r\n\r\n"],
        [b"GET /healthz HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"],
        [b"GET /healthz HTTP/1.1\r\nhost: h\r\nx: a\x00b\r\n\r\n"],
        [b"\x16\x03\x01\x02\x00\x01\x00"],
    ],
    ids=["long headers", "long path", "many headers", "path of bytes", "two lengths", "NUL", "TLS"],
)
async def test_hostile_heads(database_url: str, head: list[bytes]) -> None:
    async with a_server(database_url) as (port, _, _):
        answer = await talk(port, *head)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
        if answer:
            assert b"\r\nx-request-id: " in answer
            assert b"\r\ncontent-type: application/json; charset=utf-8\r\n" in answer
            assert json.loads(answer.partition(b"\r\n\r\n")[2]).keys() == {"success", "message"}
        assert (await talk(port, b"GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")


async def test_slow_head(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_server(database_url) as (port, _, _):
        monkeypatch.setattr(wire, "HEAD_SECONDS", 0.1)
        async with asyncio.timeout(10):
            assert await talk(port) == b""
            assert await talk(port, b"GET /healthz HTTP/1.1\r\nhost:") == b""


async def test_body_that_nobody_reads(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_server(database_url) as (port, _, _), asyncio.timeout(10):
        monkeypatch.setattr(wire, "REST_SECONDS", 0.1)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
        answer = await reader.readuntil(b"}")
        assert answer.startswith(b"HTTP/1.1 404 ")
        assert await reader.read() == b"", "the connection is closed"
        writer.close()


@pytest.mark.parametrize("chunked", [True, False])
async def test_large_body(database_url: str, chunked: bool) -> None:
    """The rest of a body that is too large is read and dropped, so that the client comes to read the answer."""
    large = b" " * 12_000_000

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    async with a_server(database_url) as (port, _, _), httpx.AsyncClient() as client:
        door = await a_door(client, database_url)
        content = pieces() if chunked else large
        answer = await client.post(f"http://127.0.0.1:{port}{BATCH_CALL}", content=content, headers=door.headers())
        assert (answer.status_code, answer.json()["message"]) == (413, "Request body is larger than 5 MB")
        assert (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200


async def test_body_that_comes_with_its_head(database_url: str) -> None:
    """A request that is read in one piece is not taken for a long head, whatever came before it on the connection."""
    body = b" " * 150_000
    head = b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with a_server(database_url) as (port, _, _), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(head + body)
            answer = await reader.readuntil(b"}")
            assert answer.startswith(b"HTTP/1.1 404 "), answer
        writer.close()


async def test_a_trailer_is_no_header(database_url: str) -> None:
    """What comes behind a body must not say who sends it, although the parser hands it over like a header."""
    async with a_server(database_url) as (port, _, _), httpx.AsyncClient() as client, asyncio.timeout(10):
        credentials = (await a_door(client, database_url)).headers()
        trailers = "".join(f"{name}: {value}\r\n" for name, value in credentials.items()).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"POST %s HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n" % BATCH_CALL.encode()
        writer.write(head + b"2\r\n{}\r\n0\r\n" + trailers + b"\r\n")
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 401 ")
        writer.close()


@pytest.mark.parametrize("beside", [b"2;" + b"x" * 200_000 + b"\r\n{}\r\n", b"0\r\n" + b"a: b\r\n" * 40_000])
async def test_what_is_endless_beside_a_body_is_refused(database_url: str, beside: bytes) -> None:
    async with a_server(database_url) as (port, _, _), httpx.AsyncClient() as client, asyncio.timeout(10):
        headers = {"host": "h", "transfer-encoding": "chunked", **(await a_door(client, database_url)).headers()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {BATCH_CALL} HTTP/1.1\r\n{lines}\r\n".encode()
        answer = await talk(
            port, head, *(beside[start : start + 4096] for start in range(0, len(beside), 4096)), b"\r\n"
        )
        # Where the server has hung up while we were sending, its answer may be lost with the connection.
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 "), answer


async def test_tiny_chunks_are_a_body_like_any_other(database_url: str) -> None:
    async with a_server(database_url) as (port, _, _), httpx.AsyncClient() as client:
        door = await a_door(client, database_url)
        content = httpx.Request("POST", "http://h", json=a_batch(a_record(metadata={"a": "x" * 30_000}))).content

        async def bytewise() -> AsyncIterator[bytes]:
            for position in range(len(content)):
                yield content[position : position + 1]

        answer = await client.post(f"http://127.0.0.1:{port}{BATCH_CALL}", content=bytewise(), headers=door.headers())
        assert answer.status_code == 200, answer.text


async def test_stop_waits_for_running_requests(database_url: str) -> None:
    async with a_server(database_url) as (port, stop, running), httpx.AsyncClient() as client:
        door = await a_door(client, database_url)
        begun = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            body = httpx.Request("POST", "http://h", json=a_batch(a_record())).content
            yield body[:10]
            begun.set()
            await asyncio.sleep(0.3)
            yield body[10:]

        request = asyncio.create_task(
            client.post(f"http://127.0.0.1:{port}{BATCH_CALL}", content=slow(), headers=door.headers())
        )
        await begun.wait()
        stop.set()
        assert (await request).status_code == 200
        await running
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{port}/healthz")


async def test_port_in_use(database_url: str) -> None:
    async with a_server(database_url) as (port, _, _):
        settings = Settings(database_url=database_url, secret_key=SECRET_KEY)
        with pytest.raises(SetupError, match=f"could not start on 127.0.0.1:{port}"):
            await web.serve(settings, host="127.0.0.1", port=port, stop=asyncio.Event())


async def test_no_database() -> None:
    with pytest.raises(SetupError, match="CALLWRIGHT_DATABASE_URL is not set"):
        web.create_app(Settings())


async def test_no_secret_key(database_url: str) -> None:
    with pytest.raises(SetupError, match="CALLWRIGHT_SECRET_KEY is not set"):
        web.create_app(Settings(database_url=database_url))


async def test_database_away_at_the_start() -> None:
    """It serves all the same, and every request says that it should be sent again."""
    headers = {"x-api-key": "key", "x-api-secret": "secret"}
    async with a_server(f"postgresql://127.0.0.1:{free_port()}/x") as (port, _, _), httpx.AsyncClient() as client:
        for path in ("/readyz", "/api/v1/partner/calls/x"):
            answer = await client.get(f"http://127.0.0.1:{port}{path}", headers=headers)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
