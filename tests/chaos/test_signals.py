"""Processes that are told to stop in the middle, or stand still and go on: nothing is lost, and nothing done twice."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from chaos.house import BATCH_CALL, House, a_house
from journey_house import RECORDINGS
from local_server import LocalServer

PATIENCE_SECONDS = 120.0
RECORDING = RECORDINGS / "nobody-there.wav"


class Gate:
    """Keeps whoever asks for a path waiting, until it is let through.

    Args:
        server: Whose path.
        path: One that has a route.
    """

    def __init__(self, server: LocalServer, path: str) -> None:
        self._waiting: asyncio.Queue[asyncio.Event] = asyncio.Queue()
        self._behind = server.routes[path]
        server.routes[path] = self._route

    async def next(self) -> asyncio.Event:
        """Wait for somebody to ask; set what this gives to let him through."""
        return await asyncio.wait_for(self._waiting.get(), PATIENCE_SECONDS)

    async def _route(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        through = asyncio.Event()
        self._waiting.put_nowait(through)
        await through.wait()
        await self._behind(request, writer)


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    """Wait until a question is answered with something true."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - other processes do the work
            await asyncio.sleep(0.1)


async def ready(house: House) -> None:
    """Wait until the API answers and every worker says that it is ready."""

    async def all_are() -> bool:
        with suppress(httpx.TransportError):
            workers = [p.log.read_text() for name, p in house.processes.items() if name != "serve" and p.log.exists()]
            alive = (await house.client.get("/readyz")).is_success
            return (
                alive and len(workers) == len(house.processes) - 1 and all("worker ready" in said for said in workers)
            )
        return False

    await until(all_are)


def head_of(house: House, length: int) -> bytes:
    """The head of a batch as it is on the wire."""
    names = ("x-api-key", "x-api-secret", "x-tenant-id", "x-sub-tenant-id")
    lines = [f"{name}: {house.client.headers[name]}" for name in names]
    lines += ["host: localhost", "content-type: application/json", f"content-length: {length}"]
    return "\r\n".join([f"POST {BATCH_CALL} HTTP/1.1", *lines, "\r\n"]).encode()


@pytest.fixture
def house_of(tmp_path: Path, database_url: str) -> Any:
    """Starts a house on this test's database."""
    return lambda **settings: a_house(tmp_path, database_url, **settings)


async def test_api_told_to_stop_while_bodies_arrive(house_of: Any) -> None:
    async with house_of(workers=1) as house:
        await ready(house)
        url = house.recordings.answer("/missing.wav", status=404)
        batches = [[house.record(f"call-{n}-{m}", url) for m in range(20)] for n in range(12)]
        stopping = asyncio.Event()
        talks = [asyncio.create_task(talk(house, batch, n / 11, stopping)) for n, batch in enumerate(batches)]
        await asyncio.sleep(0.5)  # for the beginnings to arrive
        house.processes["serve"].send(signal.SIGTERM)
        await asyncio.sleep(0.2)
        stopping.set()
        answers = await asyncio.wait_for(asyncio.gather(*talks), PATIENCE_SECONDS)
        whole = [answer for answer in answers if answer.startswith(b"HTTP/1.1 200")]
        assert all(answer.startswith(b"HTTP/1.1 503") for answer in answers if answer and answer not in whole)
        for answer in whole:
            house.ledger.answered(json.loads(answer.partition(b"\r\n\r\n")[2])["data"])
        kept = house.ledger.promised()
        async with house.looking() as connection:
            there = {row["call_id"] for row in await connection.fetch("SELECT call_id FROM calls")}
        assert set(kept) <= there, "a 200 is kept"
        for batch in batches:
            await house.push(batch)
        figures = await house.settled(PATIENCE_SECONDS)
        assert house.processes["serve"].ends == [0], "it ended by itself, and in order"
    assert (figures.promised, figures.failed, figures.lost) == (240, 240, 0)
    assert whole, "what had arrived in part was brought to its end"


async def talk(house: House, batch: list[dict[str, Any]], share: float, stopping: asyncio.Event) -> bytes:
    """Send a part of a batch, and the rest once the server was told to stop; gives the answer, or nothing."""
    body = json.dumps({"data": batch}).encode()
    answer = b""
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection(house.client.base_url.host, house.client.base_url.port)
        try:
            cut = round(share * len(body))
            writer.write(head_of(house, len(body)) + body[:cut])
            await writer.drain()
            await stopping.wait()
            writer.write(body[cut:])
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            answer = head + await reader.readexactly(length)
        finally:
            writer.close()
    return answer


async def test_worker_told_to_stop_in_mid_step_gives_the_call_back_uncounted(house_of: Any) -> None:
    async with house_of() as house:
        await ready(house)
        url = house.recordings.answer("/call.wav", RECORDING.read_bytes())
        gate, worker = Gate(house.recordings, "/call.wav"), house.processes["worker-1"]
        await house.push([house.record("call", url, callback_url=house.callback_url)])
        await gate.next()
        worker.send(signal.SIGTERM)
        again = await gate.next()
        assert worker.ends == [0], "it ended by itself, and in order"
        async with house.looking() as connection:
            assert await connection.fetchval("SELECT attempts FROM calls") == 1, "only the try that is under way"
        again.set()
        figures = await house.settled(PATIENCE_SECONDS)
    assert (figures.completed, figures.lost, figures.callbacks) == (1, 0, 1)


@pytest.mark.parametrize("where", ["/call.wav", "/hook"])
async def test_what_a_worker_that_stands_still_has_in_hand_is_taken_over(house_of: Any, where: str) -> None:
    """And when it goes on, it changes nothing that the other has done meanwhile."""
    async with house_of(workers=2) as house:
        await ready(house)
        url = house.recordings.answer("/call.wav", RECORDING.read_bytes())
        gate = Gate(house.recordings if where == "/call.wav" else house.receiver, where)
        first, second = house.processes["worker-1"], house.processes["worker-2"]
        second.send(signal.SIGSTOP)
        await house.push([house.record("call", url, callback_url=house.callback_url)])
        held = await gate.next()
        first.send(signal.SIGSTOP)
        second.send(signal.SIGCONT)
        (await gate.next()).set()
        figures = await house.settled(PATIENCE_SECONDS)
        assert (figures.completed, figures.lost, figures.callbacks) == (1, 0, 1)
        held.set()
        first.send(signal.SIGCONT)
        first.send(signal.SIGTERM)  # it ends what it has in hand

        async def has_ended() -> bool:
            return bool(first.ends)

        await until(has_ended)
        figures = await house.settled(PATIENCE_SECONDS)
        assert (first.ends, second.ends) == ([0], [])
    assert (figures.completed, figures.callbacks) == (1, 1 if where == "/call.wav" else 2)
