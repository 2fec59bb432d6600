"""Tries: what ends one that is not of the call's making gives it back."""

import asyncio

import pytest

from callwright import calls, db, tries
from callwright.calls import Call
from callwright.db import Connection, Pool, Scope
from callwright.errors import Unavailable
from submissions import onboard, scope, submission


@pytest.fixture
async def ours(pool: Pool) -> Scope:
    await onboard(pool)
    found = await scope(pool)
    await calls.accept(pool, found, [submission()])
    return found


async def nothing(*_: object) -> None:
    """What these tries read."""


async def counted(rows: Pool) -> tuple[int, int]:
    row = await rows.fetchrow("SELECT attempts, open_tries FROM calls")
    assert row is not None
    return row["attempts"], row["open_tries"]


@pytest.mark.parametrize("why", [Unavailable, asyncio.CancelledError])
async def test_a_database_that_is_away_and_a_stop_use_up_no_try(
    pool: Pool, rows: Pool, ours: Scope, why: type[BaseException]
) -> None:
    async def broken_off() -> None:
        async with tries.Tries(pool).begun("fetch", "received", nothing, ours.partner_id, "call-1") as begun:
            assert begun is not None
            assert begun.call.attempts == 1
            raise why

    for _ in range(2 * calls.TRIES):
        with pytest.raises(why):
            await broken_off()
    assert await counted(rows) == (0, 0)


async def test_what_breaks_off_otherwise_is_counted(pool: Pool, rows: Pool, ours: Scope) -> None:
    with pytest.raises(ZeroDivisionError):
        async with tries.Tries(pool).begun("fetch", "received", nothing, ours.partner_id, "call-1"):
            _ = 1 / 0
    assert await counted(rows) == (1, 1)


async def test_what_is_read_comes_along_and_what_is_not_to_be_understood_counts_too(
    pool: Pool, rows: Pool, ours: Scope
) -> None:
    async def read(connection: Connection, call: Call) -> str:
        assert call.attempts == 1, "the second time"
        return f"{call.call_id} {await connection.fetchval('SELECT 1')}"

    known = []
    for _ in range(2):
        async with tries.Tries(pool).begun("fetch", "received", read, ours.partner_id, "call-1") as begun:
            assert begun is not None
            known.append(begun.known)
    assert known[0]() == "call-1 1"
    with pytest.raises(AssertionError, match="the second time"):
        known[1]()
    assert await counted(rows) == (2, 2)


async def test_the_count_has_an_end(pool: Pool, rows: Pool, ours: Scope) -> None:
    await rows.execute("UPDATE calls SET attempts = 1000, open_tries = 1000")
    async with db.transaction(pool, ours.partner_id) as connection:
        call = await calls.begin_step(connection, ours.partner_id, "call-1", "received", alone=True)
    assert call is not None
    assert await counted(rows) == (1000, 1000)


async def test_tries_that_begin_together_share_a_transaction(pool: Pool, rows: Pool, ours: Scope) -> None:
    await calls.accept(pool, ours, [submission("call-2"), submission("call-3")])

    async def read(connection: Connection, _: Call) -> int:
        number: int = await connection.fetchval("SELECT txid_current()")
        return number

    beginning = tries.Tries(pool)

    async def begun(call_id: str) -> int:
        async with beginning.begun("fetch", "received", read, ours.partner_id, call_id) as tried:
            assert tried is not None
            assert (tried.call.call_id, tried.call.attempts) == (call_id, 1)
            return tried.known()

    assert len(set(await asyncio.gather(*(begun(f"call-{number}") for number in (1, 2, 3))))) == 1
    assert {tuple(row) for row in await rows.fetch("SELECT attempts, open_tries FROM calls")} == {(1, 1)}


async def test_a_stop_while_a_try_begins_uses_up_none(pool: Pool, rows: Pool, ours: Scope) -> None:
    reading, gate = asyncio.Event(), asyncio.Event()

    async def read(*_: object) -> None:
        reading.set()
        await gate.wait()

    async def broken_off() -> None:
        async with tries.Tries(pool).begun("fetch", "received", read, ours.partner_id, "call-1"):
            raise AssertionError("it was stopped before")

    beginning = asyncio.create_task(broken_off())
    await reading.wait()
    beginning.cancel()
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    assert await counted(rows) == (0, 0)
