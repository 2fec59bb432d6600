"""Callbacks: signed, sent and logged by the worker, against a bare loop of the same HTTP library."""

import asyncio
import time
from contextlib import ExitStack
from statistics import median

import httpcore
import httpx

from bench.figures import Figure
from bench.house import House, a_house, first_line
from bench.partner import Partner, a_partner
from bench.pipeline import accept, stub_worker, until_received
from bench.scale import Scale
from bench.stub_worker import analysis
from callwright import callbacks, calls, db, summaries
from callwright.worker import DELIVER_TASKS

ALONE = 64
"""Connections of the bare loop: what it is held against is not to change with the places of the worker."""


async def measure(scale: Scale) -> list[Figure]:
    """Figure 7."""
    async with a_house() as house, a_partner(house) as partner:
        rates: list[float] = []
        bare: list[float] = []
        for _ in range(2):
            body = await prepare(house, partner, scale.callbacks // 2)
            bare.append(await bare_loop(partner, body, scale.callbacks))
            rates.append(await delivered(house, partner, scale.callbacks // 2))
        await prepare(house, partner, scale.callbacks // 2)
        by_two = await delivered(house, partner, scale.callbacks // 2, workers=2)
    return [
        Figure(
            "callbacks delivered, signed and logged",
            f"{median(rates):,.0f} /s",
            f"{median(bare):,.0f} /s by httpcore alone",
            median(ours / alone for ours, alone in zip(rates, bare, strict=True)),
            0.40,
            note=f"over TLS to a receiver on loopback, {DELIVER_TASKS} at a time, alone {ALONE}; "
            f"{len(body):,} bytes each",
        ),
        Figure(
            "callbacks, two workers", f"{by_two:,.0f} /s", f"{median(rates):,.0f} /s by one", by_two / median(rates)
        ),
    ]


async def prepare(house: House, partner: Partner, count: int) -> bytes:
    """Bring calls to their end with a callback that is due, by the code that does so; gives a body."""
    await accept(house, partner.places(), count)
    pool, body = await db.open_pool(house.url, size=2, name="bench"), b""
    async with db.everywhere(pool) as connection:
        waiting = await connection.fetch("SELECT partner_id, call_id FROM calls WHERE state = 'received'")
    for partner_id, call_id in waiting:
        async with db.transaction(pool, partner_id) as connection:
            call = await calls.begin_step(connection, partner_id, call_id, "received")
            told = call and summaries.told_of(call)
            assert told, "every call of the bench is called back"
            body = summaries.payload(told, analysis(60.0), None)
            await callbacks.prepare(connection, told, body)
    async with db.everywhere(pool) as connection:
        await connection.execute("UPDATE calls SET state = 'completed', ended_at = now() WHERE state = 'received'")
        await connection.execute("DELETE FROM pgqueuer WHERE entrypoint = 'fetch'")
    await pool.close()
    return body


async def delivered(house: House, partner: Partner, count: int, *, workers: int = 1) -> float:
    """Callbacks per second, from workers that are ready and a full queue to the last one."""
    wanted = await partner.received() + count
    with ExitStack() as stack:
        running = [stack.enter_context(stub_worker(house, partner)) for _ in range(workers)]
        for process, log in running:
            await first_line(process, log)
        started, before = time.perf_counter(), await partner.received()
        await until_received(partner, wanted, log)
        return (wanted - before) / (time.perf_counter() - started)


async def bare_loop(partner: Partner, body: bytes, count: int) -> float:
    """POSTs per second of the same body over `ALONE` connections, and nothing else."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_verify_locations(cafile=partner.trusted)
    left = iter(range(count))
    headers = [("host", "127.0.0.1"), ("content-type", "application/json"), ("content-length", str(len(body)))]

    async def one() -> None:
        # A pool for each: one pool looks through all of its connections, for each of them, at every request.
        async with httpcore.AsyncConnectionPool(ssl_context=context, max_connections=1) as pool:
            for _ in left:
                answer = await pool.request("POST", partner.callbacks, headers=headers, content=body)
                assert answer.status == httpx.codes.NO_CONTENT

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(ALONE)))
    return count / (time.perf_counter() - started)
