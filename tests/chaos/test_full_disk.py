"""A disk of ours is full: calls are refused or wait, and once there is room all goes on, without a restart by hand."""

import asyncio
import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from callwright.db import Pool
from chaos.house import BATCH_CALL, House, a_house
from chaos.load import tone
from chaos.soak import OWN_SERVER, a_database

PATIENCE_SECONDS = 120.0
FULL_SECONDS = 15.0
"""How long the database's disk stays full once somebody has been told so."""

MEGABYTE = 1_000_000
DISK_MEGABYTES = 120
MNT_DETACH = 2
BALLAST = "ballast"

Disk = Callable[[Path, int], Path]

LIBC = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def disk() -> Iterator[Disk]:
    """Makes a folder a file system of so many megabytes of its own; skips where that is not permitted."""
    made: list[Path] = []

    def make(folder: Path, megabytes: int) -> Path:
        folder.mkdir(parents=True)
        options = f"size={megabytes * MEGABYTE},mode=700".encode()
        if LIBC.mount(b"none", os.fsencode(folder), b"tmpfs", 0, options) != 0:
            pytest.skip(f"a file system cannot be mounted here: {os.strerror(ctypes.get_errno())}")
        made.append(folder)
        return folder

    yield make
    for folder in made:
        LIBC.umount2(os.fsencode(folder), MNT_DETACH)


def fill(folder: Path, *, but: int = 0) -> None:
    """Leave only so many megabytes of a file system free."""
    with (folder / BALLAST).open("wb", buffering=0) as ballast:
        for block in (MEGABYTE, 4096):
            with suppress(OSError):
                while True:
                    ballast.write(bytes(block))
        ballast.truncate(ballast.tell() - but * MEGABYTE)


def empty(folder: Path) -> None:
    """Make room again."""
    (folder / BALLAST).unlink()


@OWN_SERVER
@pytest.mark.timeout(300)
@pytest.mark.parametrize("left", [0, 8], ids=["no room for a row", "no room for the log"])
async def test_a_full_disk_of_the_database(tmp_path: Path, disk: Disk, left: int) -> None:
    """Without room for a row a statement fails; without room for its log the server ends, and is started again."""
    folder = disk(tmp_path / "disk", DISK_MEGABYTES)
    async with a_database(folder / "server") as server, a_house(tmp_path, server.url) as house:
        url = house.recordings.answer("/tone.wav", tone())
        await house.push([house.record(f"before-{n}", url, callback_url=house.callback_url) for n in range(10)])
        fill(folder, but=left)
        refused = await until_full(house, url)
        ended = " PANIC: " in (folder / "server" / "postgres.log").read_text()
        empty(folder)
        for batch in refused:
            await asyncio.wait_for(house.push(batch), PATIENCE_SECONDS)
        figures = await house.settled(PATIENCE_SECONDS)
    assert ended == bool(left)
    assert (figures.lost, figures.failed) == (0, 0)


async def until_full(house: House, url: str) -> list[list[dict[str, Any]]]:
    """Push large batches until they are refused, and for some time more; gives those that were not answered 200."""
    refused: list[list[dict[str, Any]]] = []
    until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    number = 0
    while asyncio.get_running_loop().time() < until:
        number += 1
        large = {"random": os.urandom(40_000).hex()}  # nothing to compress
        batch = [house.record(f"during-{number}", url, metadata=large)]
        answer = await asyncio.wait_for(house.client.post(BATCH_CALL, json={"data": batch}), PATIENCE_SECONDS)
        if answer.status_code == 200:
            house.ledger.answered(answer.json()["data"])
            continue
        assert answer.status_code == 503
        assert answer.json() == {"success": False, "message": "Service temporarily unavailable"}
        assert int(answer.headers["retry-after"]) >= 1
        if not refused:
            until = asyncio.get_running_loop().time() + FULL_SECONDS
        refused.append(batch)
        await asyncio.sleep(0.1)
    assert refused, "it was never full"
    return refused


@pytest.mark.timeout(300)
@pytest.mark.parametrize("where", ["data/store", "tmp"])
async def test_a_full_disk_of_the_worker(tmp_path: Path, disk: Disk, database_url: str, rows: Pool, where: str) -> None:
    """A call waits for room, and is not given up for what is no fault of its own."""
    folder = disk(tmp_path / where, 10)
    async with a_house(tmp_path, database_url) as house:
        recording = tone(60.0)
        url = house.recordings.answer("/tone.wav", recording)
        await house.push([house.record("before", url)])
        await house.settled(PATIENCE_SECONDS)
        fill(folder)
        await house.push([house.record("during", url, callback_url=house.callback_url)])
        async with asyncio.timeout(PATIENCE_SECONDS):
            while house.processes["worker-1"].log.read_text().count("an outage of ours holds up a call") < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        call = await rows.fetchrow("SELECT state, attempts FROM calls WHERE call_id = 'during'")
        assert call is not None
        assert tuple(call) == ("received" if where == "data/store" else "fetched", 0), "no try is used up"
        empty(folder)
        figures = await house.settled(PATIENCE_SECONDS)
    assert (figures.completed, figures.lost, figures.callbacks) == (2, 0, 1)
