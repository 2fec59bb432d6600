"""The two drivers over real sockets: what breaks is sent again, no redirect is followed, both have the same methods."""

import asyncio
import inspect
import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import httpx
import pytest

from callwright_client import (
    ApiError,
    AsyncClient,
    BadRequest,
    CallRecord,
    Client,
    ConnectionFailed,
    PushReport,
    RateLimited,
    drivers,
)
from callwright_client.client import Methods
from client.conftest import Desk
from local_server import LocalServer, serve
from partner_api import a_record

BATCH, CALL = "/api/v1/partner/ingest/batch-call", "/api/v1/partner/calls/a"


def accepted(*call_ids: str) -> bytes:
    calls = [{"id": call_id, "status": "accepted"} for call_id in call_ids]
    data = {"batch_id": "b-1", "accepted": len(calls), "duplicates": 0, "calls": calls}
    return json.dumps({"success": True, "data": data}).encode()


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with serve() as running:
        yield running


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the drivers would have slept."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(drivers, "time", type("Time", (), {"sleep": staticmethod(slept.append)}))
    monkeypatch.setattr(drivers, "asyncio", type("Asyncio", (), {"sleep": staticmethod(sleep)}))
    return slept


@pytest.fixture(params=[Client, AsyncClient])
async def desk(request: pytest.FixtureRequest, server: LocalServer) -> AsyncIterator[Desk]:
    kind = cast("type[Client | AsyncClient]", request.param)
    opened = Desk(kind(server.url(""), "key", "secret", "ä-tenant", "sales", deadline=20.0))
    yield opened
    await opened.close()


async def test_an_answer_that_is_lost_is_asked_for_again(server: LocalServer, desk: Desk, waits: list[float]) -> None:
    async def cut_once(request: bytes, writer: asyncio.StreamWriter) -> None:
        if len(server.requests) == 1:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
            writer.close()
        else:
            body = accepted("a")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    server.routes[BATCH] = cut_once
    report: PushReport = await desk.ask("push_calls", [a_record("a")])
    assert (report.accepted, report.calls[0].sent_again, len(waits)) == (1, True, 1)
    first, second = server.requests
    assert first == second
    assert "x-tenant-id: ä-tenant".encode() in first
    assert b"user-agent: callwright-client/" in first


async def test_retry_after_is_kept(server: LocalServer, desk: Desk, waits: list[float]) -> None:
    server.answer(CALL, b'{"success": false, "message": "Over"}', status=429, headers="Retry-After: 9\r\n")
    monotonic = iter([0.0] * 12 + [100.0] * 100)
    desk.client._core._clock = lambda: next(monotonic)
    with pytest.raises(RateLimited, match="429: Over") as refused:
        await desk.ask("get_call", "a")
    assert refused.value.retry_after == 9.0
    assert waits
    assert all(9.0 <= wait <= 9.0 + 2 ** len(waits) for wait in waits)


async def test_a_redirect_is_an_error(server: LocalServer, desk: Desk) -> None:
    there = server.answer("/elsewhere", b"{}")
    server.answer(CALL, status=307, headers=f"location: {there}\r\n")
    with pytest.raises(ApiError, match="307"):
        await desk.ask("get_call", "a")
    assert len(server.requests) == 1


async def test_nobody_there(server: LocalServer, desk: Desk, waits: list[float]) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and does not listen
        desk.client._core._base = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        desk.client._core._deadline = 0.0
        with pytest.raises(ConnectionFailed, match="ConnectError"):
            await desk.ask("get_call", "a")


async def test_a_push_that_is_broken_off_tells_what_was_done(server: LocalServer, desk: Desk) -> None:
    async def once(request: bytes, writer: asyncio.StreamWriter) -> None:
        good = len(server.requests) == 1
        body = (
            accepted(*(f"c{n}" for n in range(50)))
            if good
            else b'{"success": false, "message": "Tenant ID is required"}'
        )
        status = 200 if good else 400
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body)

    server.routes[BATCH] = once
    with pytest.raises(BadRequest) as broken:
        await desk.ask("push_calls", (a_record(f"c{n}") for n in range(120)))
    report = broken.value.report
    assert report is not None
    assert (report.accepted, len(report.calls), len(server.requests)) == (50, 50, 2)


async def test_what_answers_a_batch_with_too_little(server: LocalServer, desk: Desk) -> None:
    for body in (accepted(), b'{"success": true}', b'{"success": true, "data": {"batch_id": "b", "calls": [5]}}'):
        server.answer(BATCH, body)
        with pytest.raises(Exception, match="does not tell what became of each"):
            await desk.ask("push_calls", [a_record("a")])


async def test_calls_may_come_from_an_async_iterator(server: LocalServer) -> None:
    async def calls() -> AsyncIterator[CallRecord]:
        for name in ("a", "b"):
            yield cast("CallRecord", a_record(name))

    server.answer(BATCH, accepted("a", "b"))
    async with AsyncClient(server.url(""), "key", "secret", "acme", "sales") as client:
        assert (await client.push_calls(calls())).accepted == 2
        assert [each.call_id async for each in client.push_each(calls())] == ["a", "b"]


async def test_what_is_cancelled_gives_its_place_back(server: LocalServer) -> None:
    asked = asyncio.Event()

    async def never(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.Event().wait()

    server.routes[CALL] = never
    async with AsyncClient(server.url(""), "key", "secret", "acme", "sales") as client:
        task = asyncio.create_task(client.get_call("a"))
        await asked.wait()
        assert client._core._pace._under_way == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client._core._pace._under_way == 0


async def test_an_http_client_of_the_callers_stays_open(server: LocalServer) -> None:
    server.answer(CALL, b'{"success": true, "data": {"id": "a"}}')
    async with httpx.AsyncClient() as http:
        async with AsyncClient(server.url(""), "key", "secret", "acme", "sales", http_client=http) as client:
            assert (await client.get_call("a"))["id"] == "a"
        assert not http.is_closed
    with httpx.Client() as blocking:
        with Client(server.url(""), "key", "secret", "acme", "sales", http_client=blocking):
            pass
        assert not blocking.is_closed


def public(kind: type) -> dict[str, Any]:
    return {name: member for name, member in inspect.getmembers(kind) if not name.startswith("_")}


def shapes() -> Iterator[tuple[str, Any, Any]]:
    blocking = Client("https://cw.example", "key", "secret", "acme", "sales")
    later = AsyncClient("https://cw.example", "key", "secret", "acme", "sales")
    for name in public(Client):
        if name != "close":
            yield name, getattr(blocking, name), getattr(later, name)


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    assert public(Client).keys() - {"close"} == public(AsyncClient).keys() - {"aclose"}
    for name, blocking, later in shapes():
        assert list(inspect.signature(blocking).parameters) == list(inspect.signature(later).parameters), name
        assert "core" not in inspect.signature(blocking).parameters
        assert (blocking.__doc__ or "").strip(), name
        assert blocking.__name__ == later.__name__ == name
    assert inspect.signature(Client).replace(return_annotation=None).parameters.keys() == (
        inspect.signature(AsyncClient).parameters.keys()
    )


def test_a_method_tells_what_it_is_before_there_is_a_client() -> None:
    assert (Methods.get_call.__doc__ or "").startswith("A call")
    assert (Client.list_calls.__doc__ or "").startswith("Calls received")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_secrets_are_not_shown(kind: Any) -> None:
    client = kind("https://cw.example", "the-key", "the-secret", "acme", "sales")
    assert "the-secret" not in repr(client) + str(client) + repr(client._core)
