"""What is not a call's or a receiver's fault costs neither a try: a stop in the middle, a key that opens nothing."""

import asyncio
from dataclasses import replace

from callwright.db import Pool
from callwright.sealing import Sealer
from callwright.worker import Width, tools_of, work
from journey_house import RECORDINGS, House, working

TURNS = [{"speaker": "customer", "start": 1, "end": 2, "text": "Hello, who is this?"}]
JOB_TRIES = "SELECT attempts FROM pgqueuer WHERE entrypoint = 'deliver'"


async def test_a_step_that_takes_too_long_is_given_back_and_done_by_the_next(house: House, rows: Pool) -> None:
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
        task = asyncio.create_task(work(tools, stop=stop, width=Width(1), drain=0.1))
        await asked.wait()
        stop.set()
        await task
    assert tuple(await rows.fetchrow("SELECT state, attempts FROM calls") or ()) == ("received", 0)
    assert await rows.fetchval("SELECT status::text FROM pgqueuer") == "queued"
    house.recordings.routes["/next-step-booked.mp3"] = at_once
    async with working(house.settings):
        assert (await house.ended("call"))["status"] == "completed"


async def test_a_worker_with_another_secret_key_uses_up_no_try_of_a_callback(house: House, rows: Pool) -> None:
    await house.push(house.record("call", house.recordings.answer("/gone", status=404)))
    stop = asyncio.Event()
    async with tools_of(house.settings) as tools:
        task = asyncio.create_task(work(replace(tools, sealer=Sealer(bytes(32))), stop=stop, width=Width(1)))
        async with asyncio.timeout(30):
            while not await rows.fetchval(JOB_TRIES):  # noqa: ASYNC110 - nothing tells us
                await asyncio.sleep(0.05)
        stop.set()
        await task
    await rows.execute("UPDATE pgqueuer SET execute_after = now()")
    async with working(house.settings):
        assert (await house.ended("call"))["callback_status"] == "delivered"
    assert await rows.fetchval("SELECT attempts FROM callbacks") == 1
