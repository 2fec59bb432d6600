"""Ingest over HTTP against pgbench: new batches, single calls, the same batches again; and with a slow fsync."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench import pgbench
from bench.batches import fresh, patched, records, request
from bench.figures import Figure, not_applicable
from bench.house import Api, House, a_house, add_accounts, serving
from bench.load import Next, drive, until
from bench.scale import Scale

BATCH = 50
MANY_PARTNERS = 500
SLOW_FSYNC = 3
"""Milliseconds: a disk in a network."""

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
static int slow(const char *name, int fd) {
    int (*real)(int) = (int (*)(int)) dlsym(RTLD_NEXT, name);
    usleep(MILLISECONDS * 1000);
    return real(fd);
}
int fsync(int fd) { return slow("fsync", fd); }
int fdatasync(int fd) { return slow("fdatasync", fd); }
"""


@dataclass(slots=True)
class Rounds:
    """Calls per second, one entry for each round; the rounds of each kind follow each other closely."""

    ours: list[float] = field(default_factory=list)
    pgbench: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)

    def ratio(self, other: list[float]) -> float:
        """Ours over another, round by round."""
        return median(one / two for one, two in zip(self.ours, other, strict=True))


async def measure(scale: Scale) -> list[Figure]:
    """Figures 1, 2, 4 and 10."""
    async with a_house() as house, serving(house) as api:
        batches = await rounds(house, api, size=BATCH, clients=4, scale=scale, beside=True)
        singles = await rounds(house, api, size=1, clients=16, scale=scale)
        crowd = await from_many(house, api, scale)
    again = median(two / one for one, two in zip(batches.ours, batches.again, strict=True))
    return [
        Figure(
            "batches of 50 new calls over HTTP",
            _calls(batches.ours),
            f"{_calls(batches.pgbench)} by pgbench, same statement",
            batches.ratio(batches.pgbench),
            0.50,
            note="4 connections, 4 partners, one API process as `callwright up` runs it; aim: 0.60",
        ),
        Figure(
            "batches, against the bare rows",
            _calls(batches.ours),
            f"{_calls(batches.bare)} by pgbench, rows of calls alone",
            batches.ratio(batches.bare),
        ),
        Figure(
            "requests with a single call",
            _calls(singles.ours),
            f"{_calls(singles.pgbench)} by pgbench, same statement",
            singles.ratio(singles.pgbench),
            0.25,
            note="16 connections",
        ),
        Figure("the same batches again", _calls(batches.again), f"{_calls(batches.ours)} new", again, 1.5),
        Figure(
            f"batches of {MANY_PARTNERS} partners in turn",
            _calls(crowd.ours),
            f"{_calls(crowd.bare)} of 4 partners",
            crowd.ratio(crowd.bare),
            note="each request of a partner that has sent none for a while reads its login and its subtenant anew",
        ),
        await slow_disk(scale),
    ]


async def rounds(house: House, api: Api, *, size: int, clients: int, scale: Scale, beside: bool = False) -> Rounds:
    """Ours and pgbench in turns, after a warm-up of both; with `beside` the bare rows and the duplicates as well."""
    full, bare = await pgbench.accept_script(house, size), await pgbench.bare_script(house, size)
    found = Rounds()
    for number in range(scale.rounds + 1):
        seconds = scale.seconds if number else 1.0
        sent: list[list[str]] = []
        ours = size * await new_calls(house, api, size=size, clients=clients, seconds=seconds, sent=sent)
        theirs = size * await pgbench.run(house, full, clients=clients, seconds=seconds)
        if number:
            found.ours.append(ours)
            found.pgbench.append(theirs)
        if number and beside:
            again = await same_calls(house, api, size=size, clients=clients, seconds=seconds, sent=sent)
            found.again.append(size * again)
            found.bare.append(size * await pgbench.run(house, bare, clients=clients, seconds=seconds))
    return found


async def from_many(house: House, api: Api, scale: Scale) -> Rounds:
    """Batches of many partners in turn, and of those that there are (as `bare`)."""
    accounts = await add_accounts(house.url, house.environment["CALLWRIGHT_SECRET_KEY"], MANY_PARTNERS)
    bodies = cycle([request(account, records(BATCH)) for account in accounts])
    found = Rounds()
    for _ in range(scale.rounds):
        streams = [until(scale.seconds, lambda: patched(next(bodies), fresh())) for _ in range(4)]
        found.ours.append(BATCH * (await drive(api.port, streams, b'"accepted":%d,' % BATCH)).rate)
        found.bare.append(BATCH * await new_calls(house, api, size=BATCH, clients=4, seconds=scale.seconds))
    return found


async def new_calls(
    house: House, api: Api, *, size: int, clients: int, seconds: float, sent: list[list[str]] | None = None
) -> float:
    """Post calls that nobody has seen.

    Args:
        house: Whose partners post.
        api: To which API.
        size: Calls in each request.
        clients: Connections.
        seconds: How long.
        sent: Gets, for each connection, what its requests' ids were told apart by.

    Returns:
        Requests per second.
    """
    streams: list[Next] = []
    for template in templates(house, size, clients):
        own: list[str] = []
        streams.append(until(seconds, partial(_new, template, own)))
        if sent is not None:
            sent.append(own)
    return (await drive(api.port, streams, b'"accepted":%d,' % size)).rate


def _new(template: bytes, sent: list[str]) -> bytes:
    sent.append(fresh())
    return patched(template, sent[-1])


async def same_calls(
    house: House, api: Api, *, size: int, clients: int, seconds: float, sent: list[list[str]]
) -> float:
    """Post on each connection what was posted on it before; gives requests per second."""
    streams: list[Next] = []
    for template, own in zip(templates(house, size, clients), sent, strict=True):
        streams.append(until(seconds, partial(_again, template, cycle(own))))
    return (await drive(api.port, streams, b'"duplicates":%d,' % size)).rate


def _again(template: bytes, own: Iterator[str]) -> bytes:
    return patched(template, next(own))


def templates(house: House, size: int, clients: int) -> list[bytes]:
    """A request with marks for each connection; connections are dealt out to the partners in turn."""
    return [request(house.accounts[number % len(house.accounts)], records(size)) for number in range(clients)]


@contextmanager
def slow_fsync() -> Iterator[Path | None]:
    """A library that makes fsync slow; None where no compiler is there."""
    compiler = shutil.which("cc")
    if compiler is None:
        yield None
        return
    with TemporaryDirectory(prefix="callwright-bench-") as name:
        Path(name).chmod(0o755)  # the server may run as another user
        source, library = Path(name) / "slow.c", Path(name) / "slow.so"
        source.write_text(SHIM.replace("MILLISECONDS", str(SLOW_FSYNC)))
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        yield library


async def slow_disk(scale: Scale) -> Figure:
    """Figure 10: commits that wait for the disk must wait together."""
    title = f"batches of 50 where fsync takes {SLOW_FSYNC} ms longer"
    with slow_fsync() as library:
        if library is None:
            return not_applicable(title, "no C compiler here")
        async with a_house(library) as house, serving(house) as api:
            found = await rounds(house, api, size=BATCH, clients=4, scale=scale)
    return Figure(
        title,
        _calls(found.ours),
        f"{_calls(found.pgbench)} by pgbench, same statement",
        found.ratio(found.pgbench),
        0.50,
    )


def _calls(rates: list[float]) -> str:
    return f"{median(rates):,.0f} calls/s"
