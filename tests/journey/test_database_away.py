"""The database goes away in the middle of everything: 503 meanwhile, and nothing lost once it is back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from callwright import queue
from callwright.db import open_pool
from callwright.db.embedded import EmbeddedPostgres
from callwright.db.migrate import migrate
from journey_house import RECORDINGS, House, built, working

TURNS = [{"speaker": "customer", "start": 1, "end": 2, "text": "Hello, who is this?"}]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server of this test's own, which it may stop."""
    made = EmbeddedPostgres(tmp_path / "server")
    connection = await asyncpg.connect(await made.start())
    await migrate(connection)
    await queue.install(connection)
    await connection.close()
    yield made
    if made.running:
        await made.stop()


@pytest.fixture
async def house(server: EmbeddedPostgres, tmp_path: Path) -> AsyncIterator[House]:
    pool = await open_pool(server.url, size=5, name="tests")
    async with built(pool, server.url, tmp_path) as made:
        yield made
    pool.terminate()


async def test_503_while_it_is_away_and_every_call_done_once_it_is_back(house: House, server: EmbeddedPostgres) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    url = house.serve(RECORDINGS / "next-step-booked.mp3")
    at_once = house.recordings.routes["/next-step-booked.mp3"]

    async def slowly(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await go_on.wait()
        await at_once(request, writer)

    house.recordings.routes["/next-step-booked.mp3"] = slowly
    async with working(house.settings):
        await house.push(*(house.record(f"c{n}", url, transcript=TURNS) for n in range(5)))
        await asked.wait()
        await server.stop()
        go_on.set()  # the downloads end while nothing can be saved
        for method, path in (("POST", "ingest/batch-call"), ("GET", "calls/c1"), ("GET", "customers/customer-1")):
            answer = await house.client.request(method, f"/api/v1/partner/{path}", json={"data": []})
            assert answer.status_code == 503
            assert answer.json() == {"success": False, "message": "Service temporarily unavailable"}
            assert int(answer.headers["retry-after"]) >= 1
        assert (await house.client.get("/healthz")).status_code == 200
        assert (await house.client.get("/readyz")).status_code == 503
        await server.start()
        calls = [await house.ended(f"c{n}") for n in range(5)]
    assert [(c["status"], c["callback_status"]) for c in calls] == [("completed", "delivered")] * 5
    assert set(house.called_back()) == {f"c{n}" for n in range(5)}
    assert len(house.receiver.requests) == 5
    assert len(house.recordings.requests) == 5  # what was fetched is saved, not fetched again
