"""The worker is told to stop in the middle of a call: the next one does it, and no try is counted."""

import asyncio

from callwright.db import Pool
from callwright.worker import tools_of, work
from journey_house import RECORDINGS, House, working

TURNS = [{"speaker": "customer", "start": 1, "end": 2, "text": "Hello, who is this?"}]


async def test_a_step_that_takes_too_long_is_given_back_and_done_by_the_next(house: House, pool: Pool) -> None:
    asked = asyncio.Event()
    url = house.serve(RECORDINGS / "next-step-booked.mp3")
    at_once = house.recordings.routes["/next-step-booked.mp3"]

    async def hang(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.Event().wait()

    house.recordings.routes["/next-step-booked.mp3"] = hang
    await house.push(house.record("call", url, transcript=TURNS))
    stop = asyncio.Event()
    async with tools_of(house.settings) as tools:
        task = asyncio.create_task(work(tools, stop=stop, compute=1, drain=0.1))
        await asked.wait()
        stop.set()
        await task
    assert tuple(await pool.fetchrow("SELECT state, attempts FROM calls") or ()) == ("received", 0)
    assert await pool.fetchval("SELECT status::text FROM pgqueuer") == "queued"
    house.recordings.routes["/next-step-booked.mp3"] = at_once
    async with working(house.settings):
        assert (await house.ended("call"))["status"] == "completed"
