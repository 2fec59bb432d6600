"""The connections of the API all held by slow statements: 503 in time, no hang, and no 200 that is not kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest

from callwright import db
from callwright.db import Pool
from callwright.web import POOL_CONNECTIONS
from partner_api import BATCH_CALL, Door, a_batch, a_record
from real_server import a_door, a_server

ACQUIRE, STATEMENT = 1.0, 4.0
CALLS = [f"call-{number}" for number in range(3 * POOL_CONNECTIONS)]


@pytest.fixture
async def door(database_url: str, rows: Pool, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    """A real server that waits less long than usual, and somebody who may come in without end."""
    monkeypatch.setattr(db, "ACQUIRE_SECONDS", ACQUIRE)
    monkeypatch.setattr(db, "STATEMENT_SECONDS", STATEMENT)
    async with a_server(database_url) as (port, _, _):
        limits = httpx.Limits(max_connections=len(CALLS) + 1)
        address = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits, trust_env=False) as client:
            door = await a_door(client, database_url)
            await rows.execute("UPDATE partners SET rate_limit = 1000000")
            assert (await door.get("calls/none")).status_code == 404
            yield door


@asynccontextmanager
async def nothing_can_be_written(database_url: str) -> AsyncIterator[None]:
    """Hold the table of the calls, so that each statement on it waits."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def post(door: Door, call_id: str) -> int:
    """Send one call; gives the status of the answer, which is in the contract's shape."""
    answer = await door.client.post(BATCH_CALL, json=a_batch(a_record(call_id)), headers=door.headers())
    if answer.status_code == 503:
        assert answer.json() == {"success": False, "message": "Service temporarily unavailable"}
        assert int(answer.headers["retry-after"]) >= 1
    else:
        assert answer.json()["data"]["calls"] == [{"id": call_id, "status": "accepted"}]
    return answer.status_code


async def kept(rows: Pool) -> set[str]:
    """The calls that are there with a job each."""
    calls = {row["call_id"] for row in await rows.fetch("SELECT call_id FROM calls")}
    jobs = await rows.fetch("SELECT convert_from(payload, 'UTF8')::json ->> 'id' AS call_id FROM pgqueuer")
    assert sorted(row["call_id"] for row in jobs) == sorted(calls)
    return calls


async def test_all_are_told_to_come_back_and_nothing_is_kept(door: Door, database_url: str, rows: Pool) -> None:
    async with asyncio.timeout(60):  # where it hung, it would be for good
        async with nothing_can_be_written(database_url):
            answers = await asyncio.gather(*(post(door, call_id) for call_id in CALLS))
            alive = await door.client.get("/healthz")
        assert set(answers) == {503}
        assert alive.status_code == 200
        assert await kept(rows) == set()
        again = await asyncio.gather(*(post(door, call_id) for call_id in CALLS))
    assert set(again) == {200}, "and it works again without being restarted"
    assert await kept(rows) == set(CALLS)


async def test_what_was_answered_200_is_kept_and_nothing_else(door: Door, database_url: str, rows: Pool) -> None:
    async with asyncio.timeout(60):
        async with nothing_can_be_written(database_url):
            asked = {call_id: asyncio.create_task(post(door, call_id)) for call_id in CALLS}
            while sum(task.done() for task in asked.values()) < len(CALLS) - POOL_CONNECTIONS:
                await asyncio.wait([t for t in asked.values() if not t.done()], return_when=asyncio.FIRST_COMPLETED)
        statuses = {call_id: await task for call_id, task in asked.items()}
    assert set(statuses.values()) == {200, 503}
    assert await kept(rows) == {call_id for call_id, status in statuses.items() if status == 200}
