"""Lanes: nothing that a database, a stop or a neighbour does drops a job or holds one up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from callwright import queue
from callwright.bells import Bell
from callwright.db import Pool, everywhere, open_pool
from callwright.db.embedded import EmbeddedPostgres
from callwright.db.migrate import migrate
from callwright.lanes import Handler, PatientDriver, Running, lane
from callwright.slots import Slots


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


async def enqueue(pool: Pool, step: queue.Step, *ids: str, partner_id: int = 1, host: str | None = None) -> None:
    async with everywhere(pool) as connection:
        for of in ids:
            await queue.enqueue(connection, step, partner_id, of, host=host)


async def jobs(pool: Pool) -> list[tuple[str, str]]:
    rows = await pool.fetch("SELECT payload, status::text FROM pgqueuer ORDER BY id")
    return [(orjson.loads(row["payload"])["id"], row["status"]) for row in rows]


@asynccontextmanager
async def working(
    pool: Pool,
    step: queue.Step,
    handler: Handler,
    *,
    tasks: int = 2,
    drain: float = 30,
    slots: Slots | None = None,
) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(lane(pool, step, handler, Running(stop, drain), Bell(tasks), slots=slots))
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
    async with working(pool, "transcribe", seen):
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
    async with working(pool, "transcribe", seen, drain=0.1):
        await enqueue(pool, "transcribe", "long")
        await until(lambda: seen.begun == ["long"])
    assert seen.done == []
    assert await jobs(pool) == [("long", "queued")]


async def test_told_to_stop_it_finishes_what_it_can(pool: Pool) -> None:
    seen = Seen()
    gate = seen.closed["quick"] = asyncio.Event()
    async with working(pool, "transcribe", seen):
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

    async with working(pool, "transcribe", handler):
        await enqueue(pool, "transcribe", "call")
        await until(lambda: len(tasks) == 1)
        assert tasks[0] is not None
        tasks[0].cancel()
        await until(lambda: len(tasks) == 2)
    assert await jobs(pool) == []


def bulk(partner_id: int, jobs: int) -> str:
    """A statement that enqueues many jobs of a step ($1) as `enqueue` would, and bills them."""
    cost = queue.SCALE // 100
    return f"""
        WITH jobs AS (
            INSERT INTO pgqueuer (priority, entrypoint, payload, status)
            SELECT -n * {cost}, $1::text,
                   convert_to(format('{{"partner_id": {partner_id}, "id": "%s"}}', n), 'UTF8'), 'queued'
            FROM generate_series(0, {jobs - 1}) AS n
        )
        INSERT INTO fair_order VALUES ($1::text, 0), ($1::text || '/{partner_id}', {jobs * cost})
    """


@pytest.mark.parametrize("step", queue.STEPS)
async def test_a_backfill_delays_no_other_partners_call_at_any_step(pool: Pool, step: queue.Step) -> None:
    await pool.execute(bulk(1, 10_000), step)
    begun: list[tuple[int, str]] = []
    came = 0

    async def handler(partner_id: int, of: str) -> None:
        nonlocal came
        begun.append((partner_id, of))
        if len(begun) == 30:
            await enqueue(pool, step, "single", partner_id=2)
            came = len(begun)

    async with working(pool, step, handler, tasks=4):
        await until(lambda: (2, "single") in begun)
    assert begun.index((2, "single")) - came <= 12
    assert await pool.fetchval("SELECT count(*) FROM pgqueuer") >= 9_900


async def test_a_host_that_hangs_takes_no_places_of_others(pool: Pool) -> None:
    dead = asyncio.Event()
    seen: dict[int, list[str]] = {1: [], 2: []}
    most = together = 0

    async def handler(partner_id: int, of: str) -> bool:
        nonlocal most, together
        seen[partner_id].append(of)
        if partner_id == 1:
            together += 1
            most = max(most, together)
            await dead.wait()
            together -= 1
        return False

    await enqueue(pool, "deliver", *map(str, range(60)), partner_id=1, host="dead.example.com")
    async with working(pool, "deliver", handler, tasks=16, slots=Slots(16)):
        try:
            await until(lambda: len(seen[1]) == 8)
            await enqueue(pool, "deliver", *map(str, range(60)), partner_id=2, host="live.example.com")
            await until(lambda: len(seen[2]) == 60)
            assert (most, len(seen[1])) == (8, 8)
            assert await pool.fetchval("SELECT max(attempts) FROM pgqueuer") == 0
        finally:
            dead.set()
    assert sorted(seen[2], key=int) == [str(n) for n in range(60)]


async def test_a_host_that_answers_again_is_told_everything_at_once(pool: Pool) -> None:
    dead, done = True, 0

    async def handler(partner_id: int, of: str) -> bool:
        nonlocal done
        done += not dead
        return dead

    slots = Slots(16)
    assert [slots.take(1, "a") for _ in range(3)] == [None] * 3
    for _ in range(3):
        slots.free(1, "a", 15, hung=True)
    assert slots.take(1, "a") is None
    await enqueue(pool, "deliver", *map(str, range(100)), host="a")
    async with working(pool, "deliver", handler, tasks=16, slots=slots):
        aside = "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'deliver waiting'"
        async with asyncio.timeout(30):
            while await pool.fetchval(aside) < 100:  # noqa: ASYNC110 - nothing tells us
                await asyncio.sleep(0.02)
        assert await pool.fetchval("SELECT max(execute_after) > now() + interval '1 minute' FROM pgqueuer")
        dead = False
        slots.free(1, "a", 15, hung=None)
        await enqueue(pool, "deliver", "next", host="a")
        await until(lambda: done == 101)
    assert await jobs(pool) == []


async def test_what_found_no_place_comes_again(pool: Pool) -> None:
    seen = Seen()
    gate = seen.closed["first"] = seen.closed["too"] = asyncio.Event()
    async with working(pool, "deliver", seen, tasks=4, slots=Slots(4)):  # two places for a host
        await enqueue(pool, "deliver", "first", "too", host="a")
        await until(lambda: len(seen.begun) == 2)
        await enqueue(pool, "deliver", "second", host="a")
        await enqueue(pool, "deliver", "elsewhere", host="b")
        await until(lambda: "elsewhere" in seen.done)
        assert "second" not in seen.begun
        gate.set()
        await until(lambda: "second" in seen.done)
    assert await jobs(pool) == []


async def test_a_retry_keeps_its_place_in_the_order(pool: Pool) -> None:
    tags: list[int] = []

    async def handler(partner_id: int, of: str) -> None:
        tags.append(await pool.fetchval("SELECT priority FROM pgqueuer"))
        if len(tags) == 1:
            raise asyncio.CancelledError

    await pool.execute(bulk(1, 3), "fetch")
    await pool.execute("DELETE FROM pgqueuer WHERE priority > -20000")
    async with working(pool, "fetch", handler):
        await until(lambda: len(tags) == 2)
    assert tags == [-20_000, -20_000]


async def test_what_follows_is_begun_without_a_look_at_the_clock(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callwright.lanes.POLL", timedelta(minutes=5))
    analysed, stop = Seen(), asyncio.Event()
    ahead = Bell(2)
    behind = Bell(2, following=ahead)

    async def transcribed(partner_id: int, of: str) -> None:
        await enqueue(pool, "analyse", of)

    await enqueue(pool, "transcribe", *"abcde")
    async with asyncio.TaskGroup() as group:
        group.create_task(lane(pool, "analyse", analysed, Running(stop, 30), ahead))
        await until(lambda: ahead.wake is not None)
        await asyncio.sleep(0.3)  # it has found nothing, and would look again in five minutes
        group.create_task(lane(pool, "transcribe", transcribed, Running(stop, 30), behind))
        await until(lambda: sorted(analysed.done) == list("abcde"))
        stop.set()


def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many jobs each question to the queue gave, from now on."""
    answers: list[int] = []
    real = Queries.dequeue

    async def dequeue(self: Queries, *args: Any, **named: Any) -> list[Job]:
        jobs = await real(self, *args, **named)
        answers.append(len(jobs))
        return jobs

    monkeypatch.setattr(Queries, "dequeue", dequeue)
    return answers


async def test_a_lane_without_a_place_asks_for_nothing(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callwright.lanes.POLL", timedelta(milliseconds=20))
    answers, seen = asked(monkeypatch), Seen()
    gate = seen.closed["a"] = seen.closed["b"] = asyncio.Event()
    await enqueue(pool, "transcribe", "a", "b", "c")
    async with working(pool, "transcribe", seen):
        await until(lambda: len(seen.begun) == 2)
        before = list(answers)
        await asyncio.sleep(0.5)
        assert answers == before
        gate.set()
        await until(lambda: "c" in seen.done)


async def test_a_question_that_was_answered_in_full_is_not_asked_again(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callwright.lanes.POLL", timedelta(minutes=5))
    answers, seen = asked(monkeypatch), Seen()
    seen.closed["a"] = seen.closed["b"] = asyncio.Event()
    await enqueue(pool, "transcribe", "a", "b")
    async with working(pool, "transcribe", seen, tasks=16):  # eight at a time
        await until(lambda: len(seen.begun) == 2)
        await asyncio.sleep(0.2)
        assert answers == [2], "there were fewer than it would have taken"
        seen.closed["a"].set()
        await until(lambda: len(seen.done) == 2)


@pytest.mark.parametrize("tasks", [2, 4, 32])
@pytest.mark.parametrize("slots", [Slots, lambda _: None], ids=["slots", "places"])
async def test_every_place_that_comes_free_is_taken_without_a_look_at_the_clock(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, tasks: int, slots: Callable[[int], Slots | None]
) -> None:
    monkeypatch.setattr("callwright.lanes.POLL", timedelta(minutes=5))
    done = 0

    async def handler(partner_id: int, of: str) -> None:
        nonlocal done
        await asyncio.sleep(0.002 * (int(of) % 5))
        done += 1

    await enqueue(pool, "fetch", *map(str, range(200)), host="a")
    async with working(pool, "fetch", handler, tasks=tasks, slots=slots(tasks)):
        await until(lambda: done == 200)
    assert await jobs(pool) == []


async def test_jobs_that_were_taken_and_never_heard_of_use_up_no_places(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, lost = PatientDriver.fetch, list[int]()

    async def fetch(self: PatientDriver, query: str, *args: object) -> list[dict[str, object]]:
        rows = await real(self, query, *args)
        if rows and "priority" in rows[0] and not lost:
            lost.append(len(rows))
            return await real(self, query, *args)  # as where the answer is lost, and the question is asked again
        return rows

    monkeypatch.setattr(PatientDriver, "fetch", fetch)
    seen = Seen()
    await enqueue(pool, "transcribe", *map(str, range(12)))
    async with working(pool, "transcribe", seen, tasks=8):
        await until(lambda: len(seen.done) == 12 - lost[0] if lost else False)
    assert lost == [4]


async def test_a_partner_leaves_others_their_places_in_a_lane_that_defers(pool: Pool) -> None:
    behind, seen, stop = Bell(4), Seen(), asyncio.Event()
    behind.picked.update(range(4))
    bell = Bell(32, following=behind, defers=True)  # eight places: four at a host that nobody knows yet
    for of in map(str, range(12)):
        seen.closed[of] = asyncio.Event()
    await enqueue(pool, "fetch", *map(str, range(12)), host="slow")
    slots = Slots(32, now=bell.most)
    task = asyncio.create_task(lane(pool, "fetch", seen, Running(stop, 0.1), bell, slots=slots))
    await until(lambda: len(seen.begun) == 4)
    await enqueue(pool, "fetch", "other", partner_id=2, host="b")
    await until(lambda: "other" in seen.done)
    assert len(seen.begun) == 5
    stop.set()
    await task
