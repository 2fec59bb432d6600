"""The pipeline with engines that answer at once, and how far decoding alone would go; batches while it is busy."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from subprocess import Popen
from tempfile import TemporaryDirectory

import asyncpg

from bench.batches import MARK, Places, fresh, patched, records, request, submissions
from bench.figures import BenchFailed, Figure
from bench.house import House, a_house, first_line, running, serving, tail
from bench.load import paced
from bench.partner import Partner, a_partner
from bench.processors import seconds_of
from bench.scale import Scale
from callwright import calls, db
from callwright.recordings.audio import decode

BATCH = 50
STILL_SECONDS = 90.0
"""Without a callback for so long, the pipeline is taken to be stuck."""
POSTS_PER_SECOND = 2


async def measure(scale: Scale) -> list[Figure]:
    """Figures 3 and 5."""
    async with a_house() as house, a_partner(house) as partner:
        decoding = [await decodings(house.folder / "recording.wav", scale.seconds)]
        once = await piped(house, partner, scale.piped)
        with_two = await piped(house, partner, scale.piped, workers=2)
        decoding.append(await decodings(house.folder / "recording.wav", scale.seconds))
        busy = await while_busy(house, partner, scale)
    rate = once.rate
    pairs = max(1.0, (os.cpu_count() or 2) / 2)
    p99 = quantiles(busy, n=100, method="inclusive")[98]
    return [
        Figure(
            "pipeline with stub engines",
            f"{rate / pairs:,.0f} calls/s per pair of cores",
            "100 calls/s",
            rate / pairs / 100,
            1.0,
            note="from fetch to signed callback; recordings of 60 s, mu-law, 8 kHz, decoded for real; the servers of "
            "recordings and callbacks and the database share the cores",
        ),
        Figure("pipeline, against decoding alone", f"{rate:,.0f} calls/s", f"{median(decoding):,.0f} decodings/s",
               rate / median(decoding)),
        Figure("processor time of a call", f"{sum(once.spent.values()) * 1000:.1f} ms", note=", ".join(
               f"{name} {seconds * 1000:.1f} ms" for name, seconds in once.spent.items())),
        Figure("pipeline, two workers", f"{with_two.rate:,.0f} calls/s", f"{rate:,.0f} calls/s by one",
               with_two.rate / rate, note="on the same cores"),
        Figure("database of a million calls", f"{once.size / 1e3:.1f} GB", note="of a minute each, with all that is "
               "kept of them; recordings are in the store, as large as they were sent"),
        Figure(
            "p99 of a batch while the pipeline is busy",
            f"{p99 * 1000:,.0f} ms",
            f"{median(busy) * 1000:,.0f} ms, the median",
            p99 / median(busy),
            5.0,
            at_most=True,
            note=f"{len(busy)} batches of 50, {POSTS_PER_SECOND} a second from each of 2 partners, timed from when "
            "each was due",
        ),
    ]  # fmt: skip


async def accept(house: House, places: Places, count: int) -> None:
    """Bring calls in as the API does, without HTTP."""
    pool = await db.open_pool(house.url, size=2, name="bench")
    for number in range(0, count, BATCH):
        scope = house.accounts[number // BATCH % len(house.accounts)].scope
        by, sent = fresh(), submissions(records(min(BATCH, count - number), places))
        for each in sent:
            for name in ("call_id", "customer_id", "recording_url"):
                each[name] = each[name].replace(MARK, by)
        await calls.accept(pool, scope, sent)
    await asyncio.sleep(0.2)  # the accounts of the queue's fair order are settled a moment later
    await pool.close()


@contextmanager
def stub_worker(house: House, partner: Partner) -> Iterator[tuple[Popen[bytes], Path]]:
    """A worker with stub engines, and its log."""
    log = house.folder / "worker.log"
    environment = {**house.environment, "CALLWRIGHT_CA_FILE": str(partner.trusted)}
    with running(["bench.stub_worker"], environment, log) as process:
        yield process, log


@dataclass(frozen=True, slots=True)
class Piped:
    """What calls took from workers that are ready and a full queue to the last callback.

    Attributes:
        rate: Calls per second.
        size: Bytes in the database for each.
        spent: Seconds of a processor for each, by whose: PostgreSQL's, the first worker's, and its decoders'.
    """

    rate: float
    size: float
    spent: dict[str, float]


async def piped(house: House, partner: Partner, count: int, *, workers: int = 1) -> Piped:
    """Have calls processed."""
    before = await database_size(house)
    await accept(house, partner.places(), count)
    wanted = await partner.received() + count
    with ExitStack() as stack:
        running = [stack.enter_context(stub_worker(house, partner)) for _ in range(workers)]
        for process, log in running:
            await first_line(process, log)
        started, done, at_first = time.perf_counter(), await partner.received(), spent(house, running[0][0].pid)
        await until_received(partner, wanted, running[0][1])
        rate = (wanted - done) / (time.perf_counter() - started)
        at_last = spent(house, running[0][0].pid)
    of_each = {name: (at_last[name] - seconds) / (wanted - done) for name, seconds in at_first.items()}
    return Piped(rate, (await database_size(house) - before) / count, of_each)


def spent(house: House, worker: int) -> dict[str, float]:
    """Seconds of a processor that PostgreSQL, a worker and its decoders have used so far."""
    postmaster = int((house.folder / "data/postgres/postmaster.pid").read_text().split()[0])
    own, decoders = seconds_of(worker)
    return {"PostgreSQL": sum(seconds_of(postmaster)), "the worker": own, "decoding": decoders}


async def database_size(house: House) -> int:
    """Bytes on disk, once what is done is cleared away."""
    connection = await asyncpg.connect(house.url)
    await connection.execute("DELETE FROM pgqueuer_log")
    await connection.execute("VACUUM (FULL) pgqueuer_log")
    await connection.execute("VACUUM (FULL) pgqueuer")
    size: int = await connection.fetchval("SELECT pg_database_size(current_database())")
    await connection.close()
    return size


async def until_received(partner: Partner, wanted: int, log: Path) -> None:
    """Wait for so many callbacks.

    Raises:
        BenchFailed: None has come for a long time.
    """
    last, at = -1, time.perf_counter()
    while (now := await partner.received()) < wanted:
        if now != last:
            last, at = now, time.perf_counter()
        if time.perf_counter() - at > STILL_SECONDS:
            raise BenchFailed(f"{now} of {wanted} callbacks came; the log ends: {tail(log)}")
        await asyncio.sleep(0.05)


async def decodings(recording: Path, seconds: float) -> float:
    """Decodings per second of the same recording, one at a time for each core."""
    done, deadline = 0, time.perf_counter() + seconds

    async def one(folder: Path) -> None:
        nonlocal done
        while time.perf_counter() < deadline:
            await decode(recording, scratch=folder, of="bench")
            done += 1

    with TemporaryDirectory(prefix="callwright-bench-") as name:
        folders = [Path(name) / str(number) for number in range(os.cpu_count() or 1)]
        for folder in folders:
            folder.mkdir()
        started = time.perf_counter()
        await asyncio.gather(*(one(folder) for folder in folders))
        return done / (time.perf_counter() - started)


async def while_busy(house: House, partner: Partner, scale: Scale) -> list[float]:
    """The seconds that each batch takes while there is more than enough to do; what comes in is done as well."""
    count = round(scale.paced_seconds * POSTS_PER_SECOND)
    await accept(house, partner.places(), scale.piped)
    async with serving(house) as api:
        with stub_worker(house, partner):
            await asyncio.sleep(2)
            streams = []
            for account in house.accounts[:2]:
                template = request(account, records(BATCH, partner.places()))
                streams.append(
                    paced(api.port, partial(_new, template), b'"accepted":50,', every=1 / POSTS_PER_SECOND, count=count)
                )
            found = await asyncio.gather(*streams)
    return [seconds for stream in found for seconds in stream]


def _new(template: bytes) -> bytes:
    return patched(template, fresh())
