"""Fair order: while several partners have a backlog, each gets its share, in every step, whoever came first."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGQUIT
from uuid import uuid4

import orjson
import pytest
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.queries import Queries
from pgqueuer.types import QueueEntrypoint, QueueManagerId

from callwright import calls, queue
from callwright.db import Pool, Scope, everywhere, open_pool
from callwright.db.embedded import EmbeddedPostgres
from callwright.db.migrate import migrate
from callwright.partners import set_partner
from callwright.queue import Ledger, Step, ledger
from submissions import onboard, scope, submission

COST = queue.SCALE // 100


@pytest.fixture(autouse=True)
def _settled_when_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush in the middle of a batch may leave a gap in a partner's tags; here only what a test asks for is told."""
    monkeypatch.setattr(queue, "SETTLE_SECONDS", 60)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls of the tests have ended at a fixed time; they belong to a backfill where a test says so."""
    monkeypatch.setattr(queue, "BACKFILL_AFTER", datetime.now(UTC) - datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
async def partners(pool: Pool) -> list[Scope]:
    """Three partners."""
    found = []
    for name in ("a", "b", "c"):
        await onboard(pool, name)
        found.append(await scope(pool, name))
    return found


async def share(pool: Pool, partner: Scope, share: int) -> None:
    async with everywhere(pool) as connection:
        await set_partner(connection, partner.partner_id, share=share)


async def put(
    pool: Pool, step: Step, partner: Scope, jobs: int, *, settle: bool = True, backfill: bool = False
) -> None:
    """Enqueue jobs as the house does: the first step's in batches, another's one by one."""
    if step == "fetch":
        ids = [f"{'old' if backfill else 'new'}-{uuid4()}" for _ in range(jobs)]
        when = {"start_time": "2025-12-01T10:00:00Z", "end_time": "2025-12-01T10:30:00Z"} if backfill else {}
        for start in range(0, jobs, 50):
            await calls.accept(pool, partner, [submission(of, **when) for of in ids[start : start + 50]])
    else:
        async with everywhere(pool) as connection:
            for _ in range(jobs):
                await queue.enqueue(connection, step, partner.partner_id, f"{uuid4()}", backfill=backfill)
    if settle:
        await ledger().settle(pool)


async def serve(pool: Pool, step: Step, most: int) -> list[int]:
    """Do the next jobs, one after the other; gives whose they were."""
    return [about["partner_id"] for about in await served_of(pool, step, most)]


async def served_of(pool: Pool, step: Step, most: int) -> list[queue.JobPayload]:
    queries = Queries(AsyncpgPoolDriver(pool))
    served = []
    for _ in range(most):
        jobs = await queries.dequeue(
            batch_size=1,
            entrypoints={QueueEntrypoint(step): EntrypointExecutionParameter(concurrency_limit=0)},
            queue_manager_id=QueueManagerId(uuid4()),
            global_concurrency_limit=None,
            heartbeat_timeout=timedelta(seconds=30),
        )
        for job in jobs:
            queue.take(job)
            await queries.log_jobs([(job, "successful", None)])
            served.append(queue.payload_of(job))
    await ledger().settle(pool)
    return served


@pytest.mark.parametrize("step", queue.STEPS)
async def test_a_single_call_goes_before_a_backfill(pool: Pool, partners: list[Scope], step: Step) -> None:
    a, b, _ = partners
    await put(pool, step, a, 300)
    await serve(pool, step, 10)
    await put(pool, step, b, 1)
    assert b.partner_id in (await serve(pool, step, 3))


@pytest.mark.parametrize("step", queue.STEPS)
async def test_a_partners_fresh_call_goes_before_its_own_backfill(
    pool: Pool, partners: list[Scope], step: Step
) -> None:
    a, *_ = partners
    await put(pool, step, a, 300, backfill=True)
    await serve(pool, step, 10)
    await put(pool, step, a, 1)
    assert [about.get("backfill") for about in await served_of(pool, step, 3)].count(None) == 1


@pytest.mark.parametrize("step", queue.STEPS)
async def test_a_backfill_gets_a_tenth_beside_fresh_calls_and_all_without(
    pool: Pool, partners: list[Scope], step: Step
) -> None:
    a, b, _ = partners
    await put(pool, step, a, 200, backfill=True)
    await put(pool, step, b, 100)
    served = Counter(await serve(pool, step, 110))
    assert abs(served[a.partner_id] - 10) <= 1
    assert await serve(pool, step, 100) == [a.partner_id] * 100


async def test_one_fresh_call_makes_no_backfill_of_a_batch(pool: Pool, partners: list[Scope]) -> None:
    old = {"start_time": "2025-12-01T10:00:00Z", "end_time": "2025-12-01T10:30:00Z"}
    await calls.accept(pool, partners[0], [submission("old", **old), submission("new")])
    await calls.accept(pool, partners[0], [submission("older", **old)])
    backfill = {about["id"]: about.get("backfill") for about in await served_of(pool, "fetch", 3)}
    assert backfill == {"old": None, "new": None, "older": True}
    async with everywhere(pool) as connection:
        begun = [await calls.begin_step(connection, partners[0].partner_id, of, "received") for of in backfill]
    assert {call.call_id: call.backfill for call in begun if call} == {"old": True, "new": False, "older": True}


async def test_the_order_of_two_partners_is_exact(pool: Pool, partners: list[Scope]) -> None:
    a, b, _ = (partner.partner_id for partner in partners)
    await put(pool, "fetch", partners[0], 6)
    await put(pool, "fetch", partners[1], 4)
    assert await serve(pool, "fetch", 10) == [a, b, a, b, a, b, a, b, a, a]


async def test_a_larger_share_gets_more_in_proportion(pool: Pool, partners: list[Scope]) -> None:
    a, b, c = partners
    await share(pool, b, 300)
    await share(pool, c, 50)
    for partner in partners:
        await put(pool, "fetch", partner, 400)
    served = Counter(await serve(pool, "fetch", 450))
    assert abs(served[a.partner_id] - 100) <= 2
    assert abs(served[b.partner_id] - 300) <= 2
    assert abs(served[c.partner_id] - 50) <= 2


@pytest.mark.parametrize("step", queue.STEPS)
async def test_nobody_is_punished_for_what_nobody_else_wanted(pool: Pool, partners: list[Scope], step: Step) -> None:
    a, b, _ = partners
    await put(pool, step, a, 200)
    assert len(await serve(pool, step, 300)) == 200
    await put(pool, step, b, 20)
    await put(pool, step, a, 20)
    assert abs(Counter(await serve(pool, step, 20))[a.partner_id] - 10) <= 1


async def test_nobody_saves_up_what_it_did_not_use(pool: Pool, partners: list[Scope]) -> None:
    a, b, _ = partners
    await put(pool, "fetch", b, 1)
    await put(pool, "fetch", a, 300)
    await serve(pool, "fetch", 200)
    await put(pool, "fetch", b, 100)
    assert abs(Counter(await serve(pool, "fetch", 40))[a.partner_id] - 20) <= 1


async def test_batches_at_the_same_time_stand_one_behind_the_other(pool: Pool, partners: list[Scope]) -> None:
    await put(pool, "fetch", partners[1], 1)  # there is a clock
    await asyncio.gather(*(put(pool, "fetch", partners[0], 50, settle=False) for _ in range(20)))
    tags = await pool.fetch("SELECT -priority / $1::bigint AS place FROM pgqueuer ORDER BY 1", COST)
    assert len({row["place"] for row in tags}) == 1000
    await ledger().settle(pool)
    line = f"fetch/{partners[0].partner_id}"
    assert await pool.fetchval("SELECT tag FROM fair_order WHERE line = $1", line) == 1000 * COST


async def test_calls_keep_the_order_of_their_batch(pool: Pool, partners: list[Scope]) -> None:
    ids = ["z", "m", "a"]
    await calls.accept(pool, partners[0], [submission(of) for of in ids])
    rows = await pool.fetch("SELECT payload FROM pgqueuer ORDER BY priority DESC")
    assert [orjson.loads(row["payload"])["id"] for row in rows] == ids


async def test_duplicates_cost_nothing(pool: Pool, partners: list[Scope]) -> None:
    batch = [submission(f"call-{n}") for n in range(50)]
    for _ in range(4):
        await calls.accept(pool, partners[0], batch)
    await ledger().settle(pool)
    line = f"fetch/{partners[0].partner_id}"
    assert await pool.fetchval("SELECT tag FROM fair_order WHERE line = $1", line) == 50 * COST


async def test_several_processes_bill_one_line(
    pool: Pool, partners: list[Scope], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, _ = partners
    loop, processes = asyncio.get_running_loop(), [Ledger(), Ledger(), Ledger()]
    for _ in range(4):
        for process in processes:
            monkeypatch.setitem(queue._LEDGERS, loop, process)
            await put(pool, "fetch", a, 50, settle=False)
        await asyncio.gather(*(process.settle(pool) for process in processes))
    assert await pool.fetchval("SELECT tag FROM fair_order WHERE line = $1", f"fetch/{a.partner_id}") == 600 * COST
    await put(pool, "fetch", b, 300)
    served = Counter(await serve(pool, "fetch", 400))
    assert abs(served[a.partner_id] - served[b.partner_id]) <= 100  # what three did not know of each other


async def test_a_process_that_dies_loses_accounting_and_nothing_else(
    pool: Pool, partners: list[Scope], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, _ = partners
    await put(pool, "fetch", a, 100)
    await put(pool, "fetch", a, 50, settle=False)
    monkeypatch.setitem(queue._LEDGERS, asyncio.get_running_loop(), Ledger())
    await put(pool, "fetch", a, 50)
    await put(pool, "fetch", b, 1)
    served = await serve(pool, "fetch", 300)
    assert len(served) == 201
    assert b.partner_id in served[:3]


async def test_a_job_that_is_given_back_keeps_its_tag(pool: Pool, partners: list[Scope]) -> None:
    await put(pool, "fetch", partners[0], 3)
    await pool.execute("DELETE FROM pgqueuer WHERE priority > $1", -2 * COST)
    queries = Queries(AsyncpgPoolDriver(pool))
    (job,) = await queries.dequeue(
        batch_size=1,
        entrypoints={QueueEntrypoint("fetch"): EntrypointExecutionParameter(concurrency_limit=0)},
        queue_manager_id=QueueManagerId(uuid4()),
        global_concurrency_limit=None,
        heartbeat_timeout=timedelta(seconds=30),
    )
    await queries.retry_job(job, timedelta(0), None)
    assert await pool.fetchval("SELECT priority FROM pgqueuer WHERE status = 'queued'") == -2 * COST


async def test_tags_outgrow_32_bits(pool: Pool, partners: list[Scope]) -> None:
    a, b, _ = partners
    await pool.execute("INSERT INTO fair_order VALUES ('fetch', $1)", 10**15)
    await put(pool, "fetch", a, 2)
    await put(pool, "fetch", b, 2)
    assert await serve(pool, "fetch", 4) == [p.partner_id for p in (a, b, a, b)]
    assert await pool.fetchval("SELECT max(priority) FROM pgqueuer_log") == -(10**15)


async def test_a_queue_of_before_gets_room_for_tags(pool: Pool, partners: list[Scope]) -> None:
    for table in ("pgqueuer", "pgqueuer_log", "pgqueuer_statistics"):
        await pool.execute(f"ALTER TABLE {table} ALTER COLUMN priority TYPE integer")
    await pool.execute(
        "INSERT INTO pgqueuer (priority, entrypoint, payload, status) VALUES (1, 'fetch', '{}', 'queued')"
    )
    async with pool.acquire() as connection:
        await queue.install(connection)
        await queue.install(connection)
    await pool.execute("INSERT INTO fair_order VALUES ('fetch', $1)", 10**15)
    await put(pool, "fetch", partners[0], 1)
    assert [row["priority"] for row in await pool.fetch("SELECT priority FROM pgqueuer ORDER BY id")] == [1, -(10**15)]


async def test_lost_clocks_are_told_by_the_queue(pool: Pool, partners: list[Scope]) -> None:
    a, b, c = partners
    await put(pool, "fetch", a, 300)
    await put(pool, "fetch", c, 150)
    await serve(pool, "fetch", 200)  # a has 200 left, c 50
    async with pool.acquire() as connection:
        await queue.keep_house(connection)
        await connection.execute("TRUNCATE fair_order")
    await put(pool, "fetch", b, 1)
    assert b.partner_id in await serve(pool, "fetch", 4)
    async with pool.acquire() as connection:
        await queue.keep_house(connection)  # a's line goes on behind what it has in the queue
    await put(pool, "fetch", a, 100)
    served = Counter(await serve(pool, "fetch", 90))
    assert abs(served[a.partner_id] - served[c.partner_id]) <= 4


async def test_a_fresh_call_does_not_queue_behind_a_backfill_when_the_clocks_are_lost(
    pool: Pool, partners: list[Scope]
) -> None:
    await put(pool, "fetch", partners[0], 300, backfill=True)
    async with pool.acquire() as connection:
        await queue.keep_house(connection)
        await connection.execute("TRUNCATE fair_order")
        await queue.keep_house(connection)
    lines = await pool.fetch("SELECT line FROM fair_order ORDER BY 1")
    assert [row["line"] for row in lines] == [f"fetch/{partners[0].partner_id}/backfill", "restored"]
    await put(pool, "fetch", partners[0], 1)
    assert None in [about.get("backfill") for about in await served_of(pool, "fetch", 2)]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server of this test's own, which it may break."""
    made = EmbeddedPostgres(tmp_path / "server")
    await made.start()
    yield made
    await made.stop()


async def test_a_crash_of_the_database_loses_the_clocks_and_no_order(server: EmbeddedPostgres) -> None:
    pool = await open_pool(server.url, size=10, name="tests")
    async with pool.acquire() as connection:
        await migrate(connection)
        await queue.install(connection)
    await onboard(pool, "a")
    await onboard(pool, "b")
    a, b = await scope(pool, "a"), await scope(pool, "b")
    await put(pool, "fetch", a, 200)
    await serve(pool, "fetch", 50)
    postmaster = int((server.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
    await pool.execute("CHECKPOINT")
    os.kill(postmaster, SIGQUIT)  # ends at once, without writing anything out
    await server.stop()
    await server.start()
    pool.terminate()
    pool = await open_pool(server.url, size=10, name="tests")
    assert await pool.fetchval("SELECT count(*) FROM fair_order") == 0
    await put(pool, "fetch", b, 1)
    served = await serve(pool, "fetch", 300)
    assert len(served) == 151
    assert b.partner_id in served[:3]
    pool.terminate()
