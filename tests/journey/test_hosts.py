"""A host that is slow, or that is to be spared, has so many downloads at a time and holds up no other."""

import asyncio

from callwright.db import Pool
from journey_house import RECORDINGS, House, working
from local_server import serve

TURNS = [{"speaker": "customer", "start": 1, "end": 2, "text": "Hello, who is this?"}]
ASIDE = "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'fetch waiting'"


async def test_of_one_host_no_more_is_downloaded_at_a_time_than_is_set(house: House, rows: Pool) -> None:
    under_way = most = 0
    go_on = asyncio.Event()
    whole = (RECORDINGS / "nobody-there.wav").read_bytes()

    async def slowly(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await go_on.wait()
        under_way -= 1
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(whole)}\r\n\r\n".encode() + whole)

    async with serve() as slow:
        slow.routes["/slow.wav"] = slowly
        await house.push(*(house.record(f"slow-{n}", slow.url("/slow.wav"), transcript=TURNS) for n in range(4)))
        url = house.serve(RECORDINGS / "nobody-there.wav")
        async with working(house.settings.model_copy(update={"host_concurrency": 2})):
            async with asyncio.timeout(30):
                while await rows.fetchval(ASIDE) < 2:  # noqa: ASYNC110 - nothing tells us
                    await asyncio.sleep(0.05)
            await house.push(*(house.record(f"quick-{n}", url, transcript=TURNS) for n in range(4)))
            for n in range(4):
                assert (await house.ended(f"quick-{n}"))["status"] == "completed"
            assert most == 2
            tried = await rows.fetch("SELECT attempts FROM calls WHERE call_id LIKE 'slow-%' ORDER BY attempts")
            assert [row["attempts"] for row in tried] == [0, 0, 1, 1], "to wait for a place is no try"
            go_on.set()
            for n in range(4):
                assert (await house.ended(f"slow-{n}"))["status"] == "completed"
    assert most == 2
