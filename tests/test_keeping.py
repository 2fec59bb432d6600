"""What steps made is kept together, and what is wrong with one of them costs the others nothing."""

import asyncio

import asyncpg
import pytest

from callwright import calls, db
from callwright.calls import Call
from callwright.db import Connection, Pool, Scope
from callwright.keeping import Keeping, Made
from submissions import onboard, scope, submission

STATES = "SELECT call_id, state FROM calls ORDER BY call_id"
JOBS = """
    SELECT convert_from(payload, 'UTF8')::json ->> 'id' FROM pgqueuer WHERE entrypoint = 'transcribe'
    ORDER BY priority DESC
"""


@pytest.fixture
async def ours(pool: Pool) -> Scope:
    await onboard(pool)
    return await scope(pool)


async def begun(pool: Pool, ours: Scope, *call_ids: str) -> list[Call]:
    await calls.accept(pool, ours, [submission(call_id) for call_id in call_ids])
    async with db.transaction(pool, ours.partner_id) as connection:
        found = await calls.begin_steps(connection, ours.partner_id, call_ids, "received")
    assert set(found) == set(call_ids)
    return [found[call_id] for call_id in call_ids]


class Saves:
    """Notes in which transaction each was saved; the database refuses some."""

    def __init__(self, *refused: str) -> None:
        self.in_transaction: dict[str, int] = {}
        self._refused = refused

    def made(self, call: Call, otherwise: Made | None = None) -> Made:
        async def save(connection: Connection) -> None:
            if call.call_id in self._refused:
                await connection.execute("SELECT 1 / 0")
            self.in_transaction[call.call_id] = await connection.fetchval("SELECT txid_current()")

        return Made(save, "fetched", "transcribe", otherwise)


async def test_what_comes_together_is_kept_in_one_transaction_and_followed_in_order(pool: Pool, ours: Scope) -> None:
    keeping, saves = Keeping(pool), Saves()
    three = await begun(pool, ours, "a", "b", "c")
    done = await asyncio.gather(*(keeping.keep("fetch", call, saves.made(call)) for call in three))
    assert [kept for kept, _ in done] == [True] * 3
    assert len(set(saves.in_transaction.values())) == 1
    assert [row["state"] for row in await pool.fetch(STATES)] == ["fetched"] * 3
    assert [row[0] for row in await pool.fetch(JOBS)] == ["a", "b", "c"]


async def test_what_the_database_refuses_of_one_is_refused_to_that_one_alone(pool: Pool, ours: Scope) -> None:
    keeping, saves = Keeping(pool), Saves("b")
    a, b, c = await begun(pool, ours, "a", "b", "c")
    plain = Made(Saves().made(b).save, "fetched", None)
    keeps = (keeping.keep("fetch", call, saves.made(call)) for call in (a, b, c))
    done = await asyncio.gather(*keeps, return_exceptions=True)
    assert [type(each) for each in done] == [tuple, asyncpg.DivisionByZeroError, tuple]
    assert [row["state"] for row in await pool.fetch(STATES)] == ["fetched", "received", "fetched"]
    kept, made = await keeping.keep("fetch", b, saves.made(b, plain))
    assert (kept, made) == (True, plain), "what it was to be otherwise"
    assert sorted(row[0] for row in await pool.fetch(JOBS)) == ["a", "c"], "once split, each is saved alone"


async def test_what_somebody_else_has_moved_is_not_saved_again(pool: Pool, ours: Scope) -> None:
    keeping, saves = Keeping(pool), Saves()
    a, b = await begun(pool, ours, "a", "b")
    async with db.transaction(pool, ours.partner_id) as connection:
        assert await calls.move(connection, ours.partner_id, [(a, "fetched"), (b, "fetched")]) == {"a", "b"}
        assert await calls.fail(connection, (await again(connection, "b")), "internal_error", "x")
    done = await asyncio.gather(*(keeping.keep("fetch", call, saves.made(call)) for call in (a, b)))
    assert [kept for kept, _ in done] == [True, False], "of one that has failed without a recording, none is kept"
    assert saves.in_transaction == {}
    assert await pool.fetch(JOBS) == []


async def again(connection: Connection, call_id: str) -> Call:
    partner_id = await connection.fetchval("SELECT partner_id FROM calls WHERE call_id = $1", call_id)
    call = await calls.begin_step(connection, partner_id, call_id, "fetched")
    assert call is not None
    return call
