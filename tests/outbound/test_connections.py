"""Connections are kept for the same server, no more than so many, and not where the server has ended them."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from callwright.outbound import Outbound, Policy, connections
from local_server import LocalServer, serve

LOOPBACK = Policy(allowed_networks=(ip_network("127.0.0.0/8"),))


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    async with Outbound(LOOPBACK) as client:
        yield client


async def ask(outbound: Outbound, server: LocalServer, *, times: int) -> None:
    """Ask at the same time."""
    url = server.answer("/", b"yes")
    answers = await asyncio.gather(*(outbound.post(url, b"", {}, timeout=5, https_only=False) for _ in range(times)))
    assert [answer.body for answer in answers] == [b"yes"] * times


async def test_each_request_has_a_connection_of_its_own_and_leaves_it_to_the_next(outbound: Outbound) -> None:
    async with serve() as server:
        await ask(outbound, server, times=20)
        opened = server.connections
        assert opened <= 20
        for _ in range(3):
            await ask(outbound, server, times=opened)
        assert server.connections == opened


async def test_no_more_are_kept_than_the_bound(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "KEPT", 3)
    async with serve() as first, serve() as second:
        for server in (first, second, first):
            await asyncio.gather(ask(outbound, server, times=5), ask(outbound, server, times=5))
            assert outbound._connections._count <= 3
        assert sum(len(kept) for kept in outbound._connections._idle.values()) == outbound._connections._count


async def test_one_that_the_server_has_ended_is_not_used_again(outbound: Outbound) -> None:
    async with serve() as server:

        async def once(request: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        server.routes["/once"] = once
        for _ in range(5):
            answer = await outbound.post(server.url("/once"), b"", {}, timeout=5, https_only=False)
            assert answer.status == 200
            await asyncio.sleep(0.05)  # the end of the connection arrives
        assert server.connections == 5


async def test_one_that_lay_too_long_is_closed(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "KEPT_SECONDS", 0.05)
    async with serve() as first, serve() as second:
        await ask(outbound, first, times=1)
        await asyncio.sleep(0.1)
        await ask(outbound, second, times=1)
        assert len(outbound._connections._idle) == 1, "the other server's was closed when this one's came back"
        await asyncio.sleep(0.1)
        await ask(outbound, second, times=1)
        assert second.connections == 2


async def test_one_whose_answer_was_not_read_is_not_kept(outbound: Outbound) -> None:
    async with serve() as server:
        url = server.answer("/large", b"x" * 1_000_000)
        async with outbound.stream("GET", url, timeout=5) as response:
            assert response.status == 200
        assert outbound._connections._count == 0
