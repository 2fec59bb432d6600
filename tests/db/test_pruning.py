"""On tables that are partitioned by partner, what is done for a partner touches its partition alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from callwright import calls, db, rollups
from callwright.db import Pool, Scope, open_pool, partitions
from callwright.db.partitions import LARGE
from journey_house import built
from lives import Life
from submissions import onboard, scope, submission

INTO = 3
READ = (
    *("calls", "calls?agent_id=a1", "calls?customer_id=k1&status=completed", "calls?intent=INTERESTED", "calls/{call}"),
    *("customers/k1", "batches/{batch}", "callbacks", "dispositions", "rubric", "usage?month=2026-03", "tenants"),
    *("reports/agents?since=2026-03-01T00:00:00Z", "reports/summary?since=2026-03-20&until=2026-04-10"),
    *(f"reports/{name}?since=2026-03-20&until=2026-04-10" for name in ("trends", "dispositions", "leaderboard")),
    *(f"reports/{name}?since=2026-03-20&until=2026-04-10&disposition=won" for name in ("summary", "contacts", "calls")),
)
TOUCHED = """
    SELECT relname, seq_scan + idx_scan + n_tup_ins + n_tup_upd + n_tup_del AS touched FROM pg_stat_all_tables
    WHERE schemaname = 'public_partitions' ORDER BY 1
"""


@pytest.fixture
async def plain(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A database as the migrations make it."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
async def test_what_is_done_for_a_partner_touches_its_partitions_alone(
    plain: asyncpg.Connection, database_url: str, tmp_path: Path, mode: str
) -> None:
    """What PostgreSQL counts at each partition says so of every statement at once, as it was really planned."""
    await partitions.partition(plain, await partitions.plan(plain, INTO), lambda *_: None)
    name = await plain.fetchval("SELECT quote_ident(current_database())")
    await plain.execute(f"ALTER DATABASE {name} SET plan_cache_mode = '{mode}'")
    before = await open_pool(database_url, size=1, name="tests")
    for name in ("one", "two", "three", "four"):  # whose rows would be found
        await onboard(before, name)
        await calls.accept(before, await scope(before, name), [submission()])
    await before.close()
    await plain.execute("SELECT pg_stat_force_next_flush()")
    already = {row["relname"]: row["touched"] for row in await plain.fetch(TOUCHED)}
    pool = await open_pool(database_url, size=4, name="tests")
    async with built(pool, database_url, tmp_path) as house:
        ours = await scope(pool, tenant="tenant", subtenant="subtenant")
        await _a_life_and_all_that_is_asked_of_it(pool, ours, house.client)
        async with db.transaction(pool, ours) as connection:
            await rollups.count_again(connection, ours, set())
    await pool.close()
    mine = await plain.fetchval(
        "SELECT n FROM generate_series(0, $1 - 1) AS n "
        "WHERE satisfies_hash_partition('calls'::regclass, $1, n, $2::bigint)",
        *(INTO, ours.partner_id),
    )
    touched = {row["relname"]: row["touched"] - already[row["relname"]] for row in await plain.fetch(TOUCHED)}
    assert len(touched) == INTO * len(LARGE)
    assert {name: count for name, count in touched.items() if count and not name.endswith(f"_{mine:02}")} == {}
    unused = {name[:-3] for name, count in touched.items() if not count and name.endswith(f"_{mine:02}")}
    assert unused <= {"callback_attempts", "recordings"}, "nothing was asked of these"


async def _a_life_and_all_that_is_asked_of_it(pool: Pool, ours: Scope, client: httpx.AsyncClient) -> None:
    life = Life(pool, ours, 5)
    for _ in range(20):
        await life.step()
    sent = await calls.accept(
        pool, ours, [submission("last", callback_url="https://crm.example.com", customer_id="k1")]
    )
    for path in READ:
        asked = f"/api/v1/partner/{path}".format(call=life.completed[0], batch=sent.batch_id)
        answer = await client.get(asked)
        assert answer.status_code == 200, (asked, answer.text)
    for path in (f"calls/{life.completed[0]}", "customers/k2"):
        answer = await client.delete(f"/api/v1/partner/{path}")
        assert answer.status_code in {200, 202}, answer.text
