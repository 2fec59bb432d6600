"""The large tables partitioned by partner with millions of calls in them: how long that takes, how fast all is then."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncpg

from bench import dashboards, growth
from bench.figures import Figure
from bench.house import House, a_server, add_accounts, furnished, serving
from bench.scale import Scale
from callwright import db, rollups
from callwright.db import Scope, partitions
from callwright.db.partitions import INTO

SHOWN = 5
"""A dashboard has one call for so many that are stored: to count its rollups takes longer than all else."""


@dataclass(frozen=True, slots=True)
class _Speed:
    """Calls per second, the median seconds of each reading, and the milliseconds of each question of a dashboard."""

    rate: float
    read: float
    page: float
    filtered: float
    questions: dict[str, float]


@dataclass(slots=True)
class _Disk:
    """What a folder takes, in bytes: at the most, and afterwards."""

    most: int = 0
    after: int = 0


async def measure(scale: Scale) -> list[Figure]:
    """Ingest, reading and dashboards before and after, on one database; the API is stopped in between."""
    stored = scale.stored[1]
    async with a_server() as (folder, url):
        (folder / "api").mkdir()
        house = await furnished(folder / "api", url)
        await growth.fill(house, stored)
        manager = await _with_a_dashboard(house, stored // SHOWN)
        before = await _speed(house, manager, stored, scale)
        took, gigabytes, disk = await _partitioned(house, folder)
        after = await _speed(house, manager, stored, scale)
    slowest = max(before.questions, key=lambda name: before.questions[name])
    worst = max(before.questions, key=lambda name: after.questions[name] / before.questions[name])
    return [
        Figure(
            f"partitioned into {INTO}",
            f"{took / 60:.1f} minutes",
            note=f"{stored:,} calls with what hangs on them, and {stored // SHOWN:,} that a dashboard is made of: "
            f"{gigabytes:.1f} GB of tables and indexes; the data folder took {disk.most / 1e9:.1f} GB at the most, and "
            f"{disk.after / 1e9:.1f} GB afterwards",
        ),
        Figure(
            "ingest, partitioned",
            f"{after.rate:,.0f} calls/s",
            f"{before.rate:,.0f} calls/s before",
            after.rate / before.rate,
            0.75,
        ),
        _slower("GET calls/{id}, partitioned", after.read * 1000, before.read * 1000),
        _slower("GET calls, a page, partitioned", after.page * 1000, before.page * 1000),
        _slower("GET calls, a page of one agent, partitioned", after.filtered * 1000, before.filtered * 1000),
        _slower(f"{slowest}, partitioned", after.questions[slowest], before.questions[slowest], "the slowest question"),
        Figure(
            f"{worst}, partitioned",
            f"{after.questions[worst]:.2f} ms",
            f"{before.questions[worst]:.2f} ms before",
            after.questions[worst] / before.questions[worst],
            note="the question that lost most",
        ),
    ]  # fmt: skip


def _slower(name: str, after: float, before: float, note: str = "") -> Figure:
    return Figure(name, f"{after:.2f} ms", f"{before:.2f} ms before", after / before, 2.0, at_most=True, note=note)


async def _with_a_dashboard(house: House, count: int) -> Scope:
    """Add a partner with a year of calls that have ended, counted; gives its large subtenant."""
    [account] = await add_accounts(house.url, house.environment["CALLWRIGHT_SECRET_KEY"], 1)
    subtenants = await dashboards.fill(house.url, account.scope, count)
    pool = await db.open_pool(house.url, size=2, name="bench")
    await rollups.keep_house(pool, asyncio.Event())
    await pool.close()
    await dashboards.analyse(house.url, "contact_rollups", "day_rollups", "day_calls")
    return Scope(account.scope.partner_id, subtenants[0])


async def _speed(house: House, manager: Scope, stored: int, scale: Scale) -> _Speed:
    async with serving(house) as api:
        taken = await growth.in_turns([(house, api, stored)], scale)
    pool = await db.open_pool(house.url, size=2, name="bench")
    questions = await dashboards.milliseconds(pool, manager)
    await pool.close()
    return _Speed(
        median(taken.rates[0]), median(taken.reads[0]), median(taken.pages[0]), median(taken.filtered[0]), questions
    )


async def _partitioned(house: House, folder: Path) -> tuple[float, float, _Disk]:
    """Partition the tables; gives the seconds, the gigabytes of the tables, and what the disk was asked for."""
    connection = await asyncpg.connect(house.url)
    await connection.execute("CHECKPOINT")
    plan = await partitions.plan(connection, None)
    disk = _Disk()
    async with _watched(folder, disk):
        began = time.perf_counter()
        await partitions.partition(connection, plan, lambda _doing, _done: None)
        took = time.perf_counter() - began
        await connection.execute("CHECKPOINT")
    await connection.close()
    return took, sum(plan.todo.values()) / 1e9, disk


@asynccontextmanager
async def _watched(folder: Path, disk: _Disk) -> AsyncIterator[None]:
    async def look() -> None:
        while True:
            disk.most = max(disk.most, await asyncio.to_thread(_bytes, folder))
            await asyncio.sleep(1)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        disk.after = _bytes(folder)


def _bytes(folder: Path) -> int:
    """What the files of a folder take; those that go meanwhile are left out."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:
            continue
    return total
