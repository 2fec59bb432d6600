"""A host that never answers, beside one that does: what its pending callbacks cost the other partner.

`python -m bench.fairness [PENDING]`: callbacks in a second of a partner with a backlog, and the wait of one at a time,
with and without thousands pending for the other's host. The queue and the lane are real, the hosts' times are slept.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from callwright import db, queue
from callwright.bells import Bell
from callwright.db import Pool, open_pool
from callwright.db.embedded import EmbeddedPostgres
from callwright.db.migrate import migrate
from callwright.lanes import Running, lane
from callwright.slots import Slots
from callwright.worker import DELIVER_TASKS

DEAD, LIVE = 1, 2
TIMEOUT_SECONDS, ANSWER_SECONDS = 15.0, 0.05
BACKLOG, SINGLES, PAUSE_SECONDS = 1500, 60, 0.2


@dataclass
class Hosts:
    """Receivers: one that lets everybody wait, one that answers."""

    hung: int = 0
    done: dict[str, float] = field(default_factory=dict)

    async def __call__(self, partner_id: int, of: str) -> bool:
        """Take a callback; says whether it hung."""
        if partner_id == DEAD:
            self.hung += 1
            await asyncio.sleep(TIMEOUT_SECONDS)
            return True
        await asyncio.sleep(ANSWER_SECONDS)
        self.done[of] = time.monotonic()
        return False


async def enqueue(pool: Pool, partner_id: int, ids: list[str], host: str) -> None:
    """Enqueue deliveries, as the pipeline does."""
    async with db.everywhere(pool) as connection:
        for of in ids:
            await queue.enqueue(connection, "deliver", partner_id, of, host=host)
    queue.ledger().settle_soon(pool)


async def measure(pool: Pool, name: str) -> None:
    """Measure the live partner's callbacks, beside what else is in the queue."""
    hosts, stop = Hosts(), asyncio.Event()
    slots = Slots(DELIVER_TASKS)
    worker = asyncio.create_task(lane(pool, "deliver", hosts, Running(stop, 0.0), Bell(DELIVER_TASKS), slots=slots))
    await asyncio.sleep(3)  # the other's are taken first
    backlog = [f"backlog-{n}" for n in range(BACKLOG)]
    await enqueue(pool, LIVE, backlog, "live.example.com")
    began = time.monotonic()
    while not hosts.done.keys() >= set(backlog):  # noqa: ASYNC110 - nothing tells us
        await asyncio.sleep(0.05)
    seconds = time.monotonic() - began
    waits = []
    for n in range(SINGLES):
        asked = time.monotonic()
        await enqueue(pool, LIVE, [f"single-{n}"], "live.example.com")
        while f"single-{n}" not in hosts.done:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        waits.append(time.monotonic() - asked)
        await asyncio.sleep(PAUSE_SECONDS)
    stop.set()
    await worker
    waits.sort()
    print(  # noqa: T201
        f"{name}: {BACKLOG / seconds:.0f} callbacks/s; one at a time {statistics.median(waits) * 1000:.0f} ms median, "
        f"{waits[int(0.95 * len(waits))] * 1000:.0f} ms at the 95th percentile; {hosts.hung} hung"
    )


async def main(pending: int) -> None:
    """Measure without and with the dead host."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        pool = await open_pool(await server.start(), size=20, name="bench")
        async with pool.acquire() as connection:
            await migrate(connection)
            await queue.install(connection)
        await measure(pool, "without")
        for start in range(0, pending, 500):
            await enqueue(pool, DEAD, [f"dead-{start + n}" for n in range(500)], "dead.example.com")
        await measure(pool, f"with {pending} pending for a dead host")
        await measure(pool, "with them, a while later")
        await pool.close()
        await server.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000))
