"""The worker's lanes: nothing that a database, a stop or a neighbour does drops a job, and the dead leave no voices."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from callwright import audit, queue, worker
from callwright.db import Pool, open_pool, transaction
from callwright.db.embedded import EmbeddedPostgres
from callwright.db.migrate import migrate
from callwright.errors import SetupError
from callwright.sealing import Sealer
from callwright.worker import Handler, Running, check_secret_key, lane, scratch_folder
from submissions import SEALER, onboard


class Seen:
    """A handler that notes what it was given, and finishes a job only where its gate is open."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.done: list[str] = []
        self.closed: dict[str, asyncio.Event] = {}

    async def __call__(self, partner_id: int, of: str) -> None:
        self.begun.append(of)
        if of in self.closed:
            await self.closed[of].wait()
        self.done.append(of)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not done():  # noqa: ASYNC110 - nothing tells us
            await asyncio.sleep(0.02)


async def enqueue(pool: Pool, step: queue.Step, *ids: str) -> None:
    async with transaction(pool) as connection:
        for of in ids:
            await queue.enqueue(connection, step, 1, of)


async def jobs(pool: Pool) -> list[tuple[str, str]]:
    rows = await pool.fetch("SELECT payload, status::text FROM pgqueuer ORDER BY id")
    return [(orjson.loads(row["payload"])["id"], row["status"]) for row in rows]


@asynccontextmanager
async def working(
    pool: Pool, handlers: dict[str, Handler], *, tasks: int = 2, drain: float = 30
) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(lane(pool, handlers, Running(stop, drain), tasks=tasks))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(30):
            await running


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server of this test's own, which it may stop."""
    made = EmbeddedPostgres(tmp_path / "server")
    await made.start()
    yield made
    await made.stop()


async def test_a_database_that_goes_away_stops_no_job_and_holds_up_no_other(server: EmbeddedPostgres) -> None:
    pool = await open_pool(server.url, size=10, name="tests")
    async with pool.acquire() as connection:
        await migrate(connection)
        await queue.install(connection)
    seen = Seen()
    seen.closed["long"] = asyncio.Event()
    async with working(pool, {"transcribe": seen}):
        await enqueue(pool, "transcribe", "long")
        await until(lambda: seen.begun == ["long"])
        await server.stop()
        await server.start()
        await enqueue(pool, "transcribe", "short")
        await until(lambda: "short" in seen.done)
        assert seen.done == ["short"]
        seen.closed["long"].set()
        await until(lambda: "long" in seen.done)
    assert await jobs(pool) == []
    pool.terminate()


async def test_told_to_stop_it_gives_back_what_takes_too_long(pool: Pool) -> None:
    seen = Seen()
    seen.closed["long"] = asyncio.Event()
    async with working(pool, {"transcribe": seen}, drain=0.1):
        await enqueue(pool, "transcribe", "long")
        await until(lambda: seen.begun == ["long"])
    assert seen.done == []
    assert await jobs(pool) == [("long", "queued")]


async def test_told_to_stop_it_finishes_what_it_can(pool: Pool) -> None:
    seen = Seen()
    gate = seen.closed["quick"] = asyncio.Event()
    async with working(pool, {"transcribe": seen}):
        await enqueue(pool, "transcribe", "quick")
        await until(lambda: seen.begun == ["quick"])
        asyncio.get_running_loop().call_later(0.1, gate.set)
    assert seen.done == ["quick"]
    assert await jobs(pool) == []


async def test_a_job_that_is_cancelled_is_not_deleted(pool: Pool) -> None:
    tasks: list[asyncio.Task[Any] | None] = []

    async def handler(partner_id: int, of: str) -> None:
        tasks.append(asyncio.current_task())
        if len(tasks) == 1:
            await asyncio.Event().wait()

    async with working(pool, {"transcribe": handler}):
        await enqueue(pool, "transcribe", "call")
        await until(lambda: len(tasks) == 1)
        assert tasks[0] is not None
        tasks[0].cancel()
        await until(lambda: len(tasks) == 2)
    assert await jobs(pool) == []


async def test_in_a_backlog_calls_are_brought_to_their_end_first(pool: Pool) -> None:
    await enqueue(pool, "transcribe", "t1", "t2", "t3")
    await enqueue(pool, "analyse", "a1")
    seen = Seen()
    async with working(pool, {"transcribe": seen, "analyse": seen}):
        await until(lambda: len(seen.done) == 4)
    assert seen.begun[0] == "a1"


def test_the_folders_of_killed_workers_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    left = tmp_path / f"{worker.SCRATCH}killed"
    left.mkdir()
    (left / "samples").write_bytes(b"a voice")
    with scratch_folder(tmp_path) as living:
        (living / "samples").write_bytes(b"another")
        with scratch_folder(tmp_path) as second:
            assert {living, second} == set(tmp_path.iterdir())
            assert (living / "samples").exists()
    assert not list(tmp_path.iterdir())


def test_no_link_leads_the_cleaning_elsewhere(tmp_path: Path) -> None:
    precious, scratch = tmp_path / "precious", tmp_path / "tmp"
    precious.mkdir()
    scratch.mkdir()
    (precious / "file").touch()
    (scratch / f"{worker.SCRATCH}link").symlink_to(precious)
    with scratch_folder(scratch):
        pass
    assert (precious / "file").exists()


async def test_another_secret_key_shows_at_the_start(pool: Pool) -> None:
    await check_secret_key(pool, SEALER)
    await onboard(pool)
    await check_secret_key(pool, SEALER)
    with pytest.raises(SetupError, match="CALLWRIGHT_SECRET_KEY"):
        await check_secret_key(pool, Sealer(bytes(32)))


async def test_housekeeping_forgets_old_logins(pool: Pool) -> None:
    async with transaction(pool) as connection:
        for days in (91, 1):
            await audit.record(connection, "refused", f"key-{days}", address="127.0.0.1", request_id=f"r{days}")
        await connection.execute(
            "UPDATE login_audit SET at = now() - make_interval(days => split_part(request_id, 'r', 2)::int)"
        )
    stop = asyncio.Event()
    task = asyncio.create_task(worker._keep_house(pool, stop))
    async with transaction(pool) as connection:
        for _ in range(200):
            if await connection.fetchval("SELECT count(*) FROM login_audit") == 1:
                break
            await asyncio.sleep(0.02)
        kept = await connection.fetchval("SELECT array_agg(request_id) FROM login_audit")
    stop.set()
    await task
    assert kept == ["r1"]
