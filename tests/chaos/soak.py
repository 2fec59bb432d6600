"""The soak: the API, the workers and the database are killed at random under load, and a judge says what came of it.

`make soak MINUTES=60` runs it by hand; the suite runs a short one.
"""

import argparse
import asyncio
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from rich.console import Console
from rich.table import Table

from callwright.db.embedded import EmbeddedPostgres
from callwright.up import _keep_running, prepare
from chaos.house import House, a_house
from chaos.ledger import Figures
from chaos.load import Load

LEAST_PAUSE, LONGEST_PAUSE = 5.0, 20.0
"""Seconds between two kills."""

DATABASE = "database"
WORKERS = 2
SETTLING_SECONDS = 180.0
"""The last kill may have hit a call whose callback had just been refused: its next try is a minute away."""

TELL_SECONDS = 5.0

OWN_SERVER = pytest.mark.skipif(
    "CALLWRIGHT_TEST_DATABASE_URL" in os.environ, reason="runs a server of its own, whatever server the others use"
)
"""For tests that break the server itself: on a second server of others' the suite would only do the same again."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run came to.

    Attributes:
        figures: The judge's.
        accepted: Calls that an answer named as accepted; fewer than promised, as an answer may be lost.
        duplicates: Entries that an answer named as a duplicate.
        kills: By process.
        longest_recovery: Seconds from a kill until a call that was pushed right after it was called back.
    """

    figures: Figures
    accepted: int
    duplicates: int
    kills: Counter[str]
    longest_recovery: float


@asynccontextmanager
async def a_database(folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server with the schema, started again when it dies, as `callwright up` does."""
    server = EmbeddedPostgres(folder)
    keeping = None
    try:
        await prepare(await server.start())
        keeping = asyncio.create_task(_keep_running(server))
        yield server
    finally:
        if keeping is not None:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
        await server.stop()


async def soak(folder: Path, seconds: float, *, seed: int, tell: Callable[[str], None]) -> Report:
    """Kill processes at random for some time, then judge.

    Args:
        folder: For data, logs and journals.
        seconds: How long.
        seed: Of what is killed when.
        tell: Gets a line of progress every few seconds.

    Raises:
        AssertionError: The ledger is not in balance; the message names every call that is at fault.
    """
    async with a_database(folder / "server") as server, a_house(folder, server.url, workers=WORKERS) as house:
        load, kills, recoveries = Load(house, seed), Counter[str](), [0.0]
        telling = asyncio.create_task(_tell(tell, load, kills))
        try:
            async with load.running():
                await load.recovered()  # everything has come up
                deadline = time.monotonic() + seconds
                for name, pause in _plan([*house.processes, DATABASE], seed):
                    if time.monotonic() > deadline:
                        break
                    _kill(name, house, server)
                    kills[name] += 1
                    waiting = asyncio.create_task(asyncio.sleep(pause))
                    recoveries.append(await load.recovered())
                    await waiting
            figures = await house.settled(SETTLING_SECONDS)
        finally:
            telling.cancel()
    return Report(figures, load.accepted, load.duplicates, kills, max(recoveries))


def _plan(names: list[str], seed: int) -> Iterator[tuple[str, float]]:
    """What is killed and how long it is let be, without end: each in turn, in an order that changes."""
    chance = random.Random(seed)
    while True:
        for name in chance.sample(names, len(names)):
            yield name, chance.uniform(LEAST_PAUSE, LONGEST_PAUSE)


def _kill(name: str, house: House, server: EmbeddedPostgres) -> None:
    """Kill a process as a power cut would."""
    if name != DATABASE:
        house.processes[name].send(signal.SIGKILL)
    elif server._process is not None:
        server._process.kill()


async def _tell(tell: Callable[[str], None], load: Load, kills: Counter[str]) -> None:
    began = time.monotonic()
    while True:
        minutes, seconds = divmod(int(time.monotonic() - began), 60)
        heard = len(load.heard)
        tell(f"{minutes:3d}:{seconds:02d}  {load.accepted} accepted, {heard} called back, {kills.total()} kills")
        await asyncio.sleep(TELL_SECONDS)


def _table(report: Report) -> Table:
    table = Table(box=None, show_header=False)
    figures = report.figures
    rows: dict[str, object] = {
        "calls promised": figures.promised,
        "named accepted": report.accepted,
        "named duplicates": report.duplicates,
        "completed": figures.completed,
        "failed with a reason": figures.failed,
        "lost": figures.lost,
        "callbacks": figures.callbacks,
        "repeated callbacks": figures.repeated,
        **{f"kills of {name}": count for name, count in sorted(report.kills.items())},
        "longest recovery": f"{report.longest_recovery:.1f} s",
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def main() -> None:
    """Run it by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    console = Console(highlight=False)
    console.print(f"Soak of {given.minutes:g} minutes, seed {given.seed}")
    with tempfile.TemporaryDirectory(prefix="callwright-soak-") as folder:
        try:
            report = asyncio.run(soak(Path(folder), given.minutes * 60, seed=given.seed, tell=console.print))
        except AssertionError as fault:
            console.print(f"The ledger is not in balance.\n{fault}", markup=False)
            sys.exit(1)
    console.print(_table(report))


if __name__ == "__main__":
    main()
