"""Calls whose tries died with their workers are worked on one at a time, and hold up nobody else."""

import asyncio

from callwright.db import Pool
from journey_house import RECORDINGS, House, working

TURNS = [{"speaker": "customer", "start": 1, "end": 2, "text": "Hello, who is this?"}]


async def test_two_that_may_kill_their_worker_are_never_worked_on_together(house: House, rows: Pool) -> None:
    at_once = house.recordings.routes
    url = house.serve(RECORDINGS / "nobody-there.wav")
    whole = at_once["/nobody-there.wav"]
    under_way, together, go_on = 0, 0, asyncio.Event()

    async def slowly(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, together
        under_way += 1
        together = max(together, under_way)
        await go_on.wait()
        await whole(request, writer)
        under_way -= 1

    at_once["/suspect.wav"] = slowly
    suspects = [house.record(f"suspect-{n}", house.recordings.url("/suspect.wav"), transcript=TURNS) for n in range(3)]
    await house.push(*suspects)
    await rows.execute("UPDATE calls SET open_tries = 2, attempts = 2")
    async with working(house.settings):
        await house.push(house.record("other", url, transcript=TURNS))
        assert (await house.ended("other"))["status"] == "completed"
        go_on.set()
        ended = [await house.ended(f"suspect-{n}") for n in range(3)]
    assert [call["status"] for call in ended] == ["completed"] * 3
    assert together == 1


async def test_a_try_that_came_to_an_end_speaks_for_the_call(house: House, rows: Pool) -> None:
    await house.push(house.record("call", house.recordings.answer("/busy", status=503)))
    await rows.execute("UPDATE calls SET open_tries = 1")
    async with working(house.settings):
        await house.ended("call")
    call = await rows.fetchrow("SELECT attempts, open_tries FROM calls")
    assert call is not None
    assert tuple(call) == (4, 1), "the last try is the one that set it aside"
