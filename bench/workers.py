"""How throughput grows with workers: 1, 2 and 4 of them against so many times one."""

import asyncio
import os
import time
from contextlib import ExitStack

from bench.figures import Figure
from bench.house import House, a_house, first_line, running
from bench.partner import Partner, a_partner
from bench.pipeline import accept, until_received
from bench.scale import Scale

ENGINE_SECONDS, QUICK_ENGINE_SECONDS = 0.25, 0.1
"""What a stub engine takes that is waited for, as a GPU or a speech server is: one call at a time in each worker."""

EACH_HAS = 10
"""Calls that a worker may have in hand; nobody takes them over at the end, when there is nothing else to do."""

CORES_OF_A_WORKER = 4
"""With its decoders, its part of PostgreSQL, and the partner's servers: below that the cores are used up."""


async def measure(scale: Scale) -> list[Figure]:
    """Figures of so many workers against so many times one."""
    counts = (1, 2) if scale.quick else (1, 2, 4)
    takes = QUICK_ENGINE_SECONDS if scale.quick else ENGINE_SECONDS
    async with a_house() as house, a_partner(house) as partner:
        calls = 10 if scale.quick else 50
        waiting = [await rate(house, partner, each, calls * each, takes) for each in counts]
        busy = [] if scale.quick else [await rate(house, partner, each, scale.piped // 4, 0.0) for each in counts]
    note = (
        f"each engine takes {takes} s and is waited for, one call at a time in each worker; recordings are "
        "fetched and decoded, callbacks signed and delivered, for real"
    )
    figures = [figure(f"workers whose engines are waited for: {n}", n, waiting, counts, 0.9, note) for n in counts[1:]]
    figures.append(
        Figure("one such worker, against its engine", f"{waiting[0]:.1f} calls/s", f"{1 / takes:.1f} calls/s",
               waiting[0] * takes, 0.9)
    )  # fmt: skip
    for n in counts[1:] if busy else ():
        enough = (os.cpu_count() or 1) >= CORES_OF_A_WORKER * n
        note = "" if enough else f"{os.cpu_count()} cores, which one uses up"
        name = f"workers whose engines answer at once: {n}"
        figures.append(figure(name, n, busy, counts, 0.9 if enough else None, note))
    return figures


def figure(
    name: str, workers: int, rates: list[float], counts: tuple[int, ...], bound: float | None, note: str
) -> Figure:
    """What so many workers do against so many times what one does."""
    measured, one = rates[counts.index(workers)], rates[0]
    against = f"{workers * one:,.1f} calls/s, {workers} times one"
    return Figure(name, f"{measured:,.1f} calls/s", against, measured / (workers * one), bound, note=note)


async def rate(house: House, partner: Partner, workers: int, count: int, engine_seconds: float) -> float:
    """Calls per second of so many workers, from the first callbacks on, while every one of them has more to do."""
    spare = EACH_HAS * workers
    before = await partner.received()
    await accept(house, partner.places(), spare + count)
    environment = {
        **house.environment,
        "CALLWRIGHT_CA_FILE": str(partner.trusted),
        "CALLWRIGHT_WORKER_CONCURRENCY": "1",
        "BENCH_ENGINE_SECONDS": str(engine_seconds),
    }
    with ExitStack() as stack:
        logs = [house.folder / f"worker-{number}.log" for number in range(workers)]
        for log in logs:
            log.unlink(missing_ok=True)
        processes = [stack.enter_context(running(["bench.stub_worker"], environment, log)) for log in logs]
        await asyncio.gather(*(first_line(process, log) for process, log in zip(processes, logs, strict=True)))
        await until_received(partner, before + 2 * workers, logs[0])
        started, first = time.perf_counter(), await partner.received()
        await until_received(partner, before + count, logs[0])
        done, elapsed = await partner.received() - first, time.perf_counter() - started
        await until_received(partner, before + spare + count, logs[0])  # the next ones begin with an empty queue
    return done / elapsed
