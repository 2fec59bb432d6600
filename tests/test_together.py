"""Work that jobs do together: each gets its own result, and a fault reaches whoever shared in it."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from callwright import db
from callwright.db import Connection, Pool
from callwright.errors import Unavailable
from callwright.together import ENOUGH, MOST_AT_A_TIME, Together
from submissions import onboard


class Work:
    """Doubles numbers, and notes which partner's were done at a time."""

    def __init__(self) -> None:
        self.done: list[tuple[int, list[int]]] = []
        self.faults: list[Exception] = []

    async def __call__(self, connection: Connection, partner_id: int, items: Sequence[int]) -> list[int]:
        self.done.append((partner_id, list(items)))
        if self.faults:
            raise self.faults.pop(0)
        seen = await connection.fetchval("SELECT count(*) FROM partners")
        assert seen == 1, "the transaction sees one partner's rows"
        return [2 * item for item in items]


@pytest.fixture
def work() -> Work:
    return Work()


async def test_what_is_asked_for_meanwhile_is_done_in_one_transaction(pool: Pool, work: Work) -> None:
    one, other = await onboard(pool, "one"), await onboard(pool, "other")
    together = Together(pool, work)
    numbers = range(MOST_AT_A_TIME + 7)
    asked = [together(partner.partner_id, number) for number in numbers for partner in (one, other)]
    assert await asyncio.gather(*asked) == [2 * number for number in numbers for _ in (one, other)]
    for partner in (one, other):
        done = [items for partner_id, items in work.done if partner_id == partner.partner_id]
        assert [number for items in done for number in items] == list(numbers)
        assert max(map(len, done)) == MOST_AT_A_TIME


async def test_a_fault_reaches_everybody_who_shared_in_it_and_nobody_else(pool: Pool, work: Work) -> None:
    partner_id = (await onboard(pool)).partner_id
    together = Together(pool, work)
    work.faults = [Unavailable()]
    asked = [asyncio.create_task(together(partner_id, number)) for number in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    assert await together(partner_id, 3) == 6


async def test_who_is_cancelled_takes_nobody_along(pool: Pool, work: Work) -> None:
    partner_id = (await onboard(pool)).partner_id
    together = Together(pool, work)
    asked = [asyncio.create_task(together(partner_id, number)) for number in range(3)]
    await asyncio.sleep(0)
    asked[1].cancel()
    assert [await asked[0], await asked[2]] == [0, 4]
    assert asked[1].cancelled()


async def test_what_deadlocked_is_done_again(pool: Pool, work: Work) -> None:
    partner_id = (await onboard(pool)).partner_id
    work.faults = [asyncpg.DeadlockDetectedError("head-on")] * 2
    assert await Together(pool, work)(partner_id, 4) == 8
    assert len(work.done) == 3


async def test_the_patient_wait_for_a_database_that_is_away(
    pool: Pool, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callwright.together.SAVE_PAUSE", 0.01)
    partner_id = (await onboard(pool)).partner_id
    work.faults = [Unavailable()]
    assert await Together(pool, work, patient=True)(partner_id, 4) == 8


async def test_who_is_at_fault_takes_nobody_along(pool: Pool) -> None:
    partner_id = (await onboard(pool)).partner_id

    async def work(connection: Connection, _: int, items: Sequence[int]) -> list[int]:
        return [await connection.fetchval("SELECT 10 / $1::integer", item) for item in items]

    together = Together(pool, work)
    answers = await asyncio.gather(*(together(partner_id, number) for number in (1, 0, 2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, asyncpg.DivisionByZeroError, int]
    assert (answers[0], answers[2]) == (10, 5)


async def test_nobody_waits_for_more_than_enough(pool: Pool, work: Work) -> None:
    partner_id = (await onboard(pool)).partner_id
    together = Together(pool, work, linger=3600)
    async with asyncio.timeout(30):
        await asyncio.gather(*(together(partner_id, number) for number in range(ENOUGH)))
    assert [len(items) for _, items in work.done] == [ENOUGH]
    assert await Together(pool, work, linger=0.01)(partner_id, 4) == 8


@pytest.mark.parametrize("durable", [True, False])
async def test_what_may_be_forgotten_is_not_waited_for(pool: Pool, durable: bool) -> None:
    async def work(connection: Connection, _: int, items: Sequence[int]) -> list[bool]:
        switched = "SELECT source = 'session' AND setting = 'off' FROM pg_settings WHERE name = 'synchronous_commit'"
        return [await connection.fetchval(switched)] * len(items)

    partner_id = (await onboard(pool)).partner_id
    for patient in (True, False):
        assert await Together(pool, work, patient=patient, durable=durable)(partner_id, 1) is not durable


@pytest.mark.parametrize("patient", [True, False])
async def test_who_is_waited_for_holds_up_nobody(pool: Pool, patient: bool) -> None:
    partner_id = (await onboard(pool)).partner_id
    gate, held = asyncio.Event(), 0

    async def work(_: Connection, __: int, items: Sequence[int]) -> list[int]:
        nonlocal held
        if 13 in items and not gate.is_set():
            if len(items) > 1:
                raise Unavailable from TimeoutError()  # as where a row is held for longer than a statement may take
            held += 1
            await gate.wait()
        return list(items)

    together = Together(pool, work, patient=patient)
    held_up = asyncio.create_task(together(partner_id, 13))
    async with asyncio.timeout(30):
        beside = await asyncio.gather(together(partner_id, 1), together(partner_id, 2))
        assert list(beside) == [1, 2]
        assert await together(partner_id, 3) == 3, "nor who comes later"
        assert held == 1
        assert not held_up.done()
        gate.set()
        assert await held_up == 13


async def test_where_no_connection_is_free_a_group_waits_as_one(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    partner_id = (await onboard(pool)).partner_id
    groups: list[list[int]] = []

    async def work(_: Connection, __: int, items: Sequence[int]) -> list[int]:
        groups.append(list(items))
        return list(items)

    monkeypatch.setattr(db, "ACQUIRE_SECONDS", 0.05)
    together = Together(pool, work, patient=True)
    taken = [await pool.acquire() for _ in range(pool.get_max_size())]
    asked = asyncio.gather(*(together(partner_id, number) for number in range(3)))
    await asyncio.sleep(0.3)
    monkeypatch.undo()
    for connection in taken:
        await pool.release(connection)
    async with asyncio.timeout(30):
        assert await asked == [0, 1, 2]
    assert groups == [[0, 1, 2]], "each alone would have wanted a connection of its own"
