"""A real streaming replica: what it is asked, what it never is, and what comes of it when it lags, fails or is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from callwright import doctor
from callwright.dashboards.live import Changes
from callwright.db import Scope, everywhere, open_pool
from callwright.db import reads as module
from callwright.db.reads import Reads, reads_of
from callwright.doctor import Finding
from callwright.errors import Unavailable
from callwright.reports.changes import CallOf
from callwright.settings import Settings
from partner_api import Door, a_batch, a_record, open_door
from replica import Pair, a_pair

SINCE = "since=2023-01-01T00:00:00Z"
BY_REPLICA = (
    *("calls", "dispositions", "search?q=price", "search?q=price&scope=tenant", "search/all?q=price"),
    *(f"reports/{name}" for name in ("summary", "intent", "concerns", "pitch-gaps", "trends", "dispositions")),
    *("reports/leaderboard", "reports/contacts", "reports/calls", f"reports/agents?{SINCE}"),
)
BY_DATABASE = ("calls/a", "customers/customer123", "callbacks", "rubric", "tenants", "usage")
PAGES = ("/view-insights", *(f"/view-insights/{part}" for part in ("agents", "contacts", "calls")))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    async with a_pair(tmp_path_factory.mktemp("pair")) as running:
        yield running


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)


@pytest.fixture
async def door(pair: Pair) -> AsyncIterator[Door]:
    async with open_door(pair.primary.url, read_database_url=pair.replica.url) as opened:
        await until(lambda: opened.app.state.reads.follows)
        yield opened


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if done():
                return
            await asyncio.sleep(0.02)


async def listed(door: Door) -> set[str]:
    answer = await door.get("calls")
    assert answer.status_code == 200, answer.text
    return {call["id"] for call in answer.json()["data"]["calls"]}


async def told_of(door: Door, call_id: str) -> bytes:
    """What a page of a call is told that shows an older state."""
    async with everywhere(door.pool) as connection:
        row = await connection.fetchrow("SELECT partner_id, subtenant_no FROM calls WHERE call_id = $1", call_id)
    assert row is not None
    told = Changes(door.app.state.reads, pause=0.02)
    news = told.watch_call(CallOf(Scope(*row.values()), call_id), 60, "an older state")
    async with asyncio.timeout(5):  # before the replica is too far behind to be asked
        await anext(news)
        found = await anext(news)
    await news.aclose()
    await told.close()
    return found


async def test_reports_lists_searches_and_dashboards_ask_the_replica_and_nothing_else_does(
    pair: Pair, door: Door
) -> None:
    batch = (await door.post(a_batch(a_record("a")))).json()["data"]["batch_id"]
    token = (await door.get("dashboard/auth/token")).json()["data"]["token"]
    await pair.level()
    asked = pair.asked()
    for path in (*BY_DATABASE, f"batches/{batch}"):
        assert (await door.get(path)).status_code == 200, path
    assert (await door.client.get(f"/call-details/a?token={token}")).status_code == 409
    assert pair.asked() == asked, "what a partner may have just written"
    for path in BY_REPLICA:
        answer = await door.get(path)
        assert answer.status_code == 200, (path, answer.text)
        assert pair.asked() > asked, path
        asked = pair.asked()
    for path in PAGES:
        assert (await door.client.get(f"{path}?token={token}")).status_code == 200, path
        assert pair.asked() > asked, path
        asked = pair.asked()
    assert await listed(door) == {"a"}


async def test_row_level_security_holds_at_the_replica(pair: Pair, door: Door) -> None:
    other = await door.for_another(("acme", "sales"))
    await door.post(a_batch(a_record("ours")))
    await other.post(a_batch(a_record("theirs")))
    await pair.level()
    reads: Reads = door.app.state.reads
    async with reads.everywhere() as connection:
        rows = await connection.fetch(
            "SELECT partner_id, subtenant_no, call_id FROM calls WHERE call_id IN ('ours', 'theirs') ORDER BY call_id"
        )
    assert [row["call_id"] for row in rows] == ["ours", "theirs"]
    for row in rows:
        scope = Scope(row["partner_id"], row["subtenant_no"])
        for whose in (scope, scope.partner_id):
            async with reads.transaction(whose) as connection:
                assert await connection.fetchval("SELECT pg_is_in_recovery()")
                seen = [each["call_id"] for each in await connection.fetch("SELECT call_id FROM calls")]
            assert seen == [row["call_id"]]
        async with reads.transaction(Scope(scope.partner_id, scope.subtenant_no + 100)) as connection:
            assert await connection.fetch("SELECT FROM calls") == []


async def test_what_lags_too_far_is_not_asked_until_it_has_caught_up(
    pair: Pair, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: Reads = door.app.state.reads
    await pair.at_replica("SELECT pg_wal_replay_pause()")
    await door.post(a_batch(a_record("late")))
    assert await listed(door) == set(), "a list may be some seconds old"
    assert (await door.get("calls/late")).status_code == 200, "a call by its id is not"
    assert await told_of(door, "late") == b"event: change\ndata: received\n\n", "nor is the news of its page"
    monkeypatch.setattr(module, "MOST_BEHIND_SECONDS", 0.5)
    await until(lambda: not reads.follows)
    asked = pair.asked()
    assert await listed(door) == {"late"}
    assert pair.asked() == asked
    await pair.at_replica("SELECT pg_wal_replay_resume()")
    await until(lambda: reads.follows)
    assert await listed(door) == {"late"}
    assert pair.asked() > asked


async def test_the_database_answers_at_once_while_the_replica_is_away(pair: Pair, door: Door) -> None:
    reads: Reads = door.app.state.reads
    await door.post(a_batch(a_record("a")))
    await pair.level()
    assert await listed(door) == {"a"}
    await pair.replica.stop()
    async with asyncio.timeout(5):
        assert await listed(door) == {"a"}
    assert not reads.follows
    await pair.replica.start()
    await door.post(a_batch(a_record("b")))
    await pair.level()
    reads._not_before = 0.0  # as it is 10 s later
    await until(lambda: reads.follows)
    asked = pair.asked()
    assert await listed(door) == {"a", "b"}
    assert pair.asked() > asked


async def test_a_read_that_the_replica_breaks_off_is_unavailable_and_the_next_one_is_the_databases(pair: Pair) -> None:
    primary, pool = await asyncpg.connect(pair.primary.url), await open_pool(pair.primary.url, size=2, name="tests")

    async def ended() -> None:
        await pair.at_replica("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(2%'")

    async def in_the_way() -> None:
        await primary.execute("ALTER TABLE calls ADD COLUMN more int")

    async def a_read(reads: Reads) -> None:
        async with reads.transaction(1) as connection:
            await connection.fetch("SELECT FROM calls")
            await connection.execute("SELECT pg_sleep(20)")

    async with reads_of(pool, pair.replica.url, size=2, name="tests") as reads:
        for trouble in (ended, in_the_way):
            await until(lambda: reads.follows)
            running = asyncio.create_task(a_read(reads))
            await asyncio.sleep(0.3)
            await trouble()
            with pytest.raises(Unavailable):
                await running
            async with reads.transaction(1) as connection:
                assert not await connection.fetchval("SELECT pg_is_in_recovery()")
            reads._not_before = 0.0  # as it is 10 s later
    await primary.close()
    await pool.close()


async def test_the_doctor_knows_it(pair: Pair) -> None:
    await pair.level()
    settings = Settings(database_url=SecretStr(pair.primary.url), read_database_url=SecretStr(pair.replica.url))
    assert await doctor._replica(settings) == Finding("read replica", "ok", "Answers, and follows")


async def test_what_is_no_replica_of_it_is_not_asked(pair: Pair) -> None:
    pool = await open_pool(pair.primary.url, size=2, name="tests")
    told: list[Any] = []
    async with reads_of(pool, pair.primary.url, size=2, name="tests") as reads:
        await until(lambda: len(reads._sent) > 3)
        told.append(reads.follows)
    await pool.close()
    assert told == [False]


async def test_a_read_writes_nothing_where_there_is_no_replica_either(database_url: str) -> None:
    pool = await open_pool(database_url, size=1, name="tests")
    for began in (Reads(pool).transaction(1), Reads(pool).everywhere()):
        with pytest.raises(Unavailable):
            async with began as connection:
                await connection.execute("DELETE FROM calls")
    await pool.close()
