"""Workers that join, are told to leave and are killed under load: the others go on, and the ledger is in balance."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from chaos.house import House, Process, a_house
from chaos.load import Load, tone
from chaos.test_signals import ready, until

WITHIN_SECONDS = 30.0
"""In which the calls come to their end that a killed worker had in hand: twice `worker.COMPUTE_HEARTBEAT`."""

PATIENCE_SECONDS = 120.0
NAMESPACE, OURS, THEIRS = f"callwright-{os.getpid()}", "10.213.77.1", "10.213.77.2"


def steps_done(process: Process) -> int:
    return process.log.read_text("utf-8").count('"step done"') if process.log.exists() else 0


async def takes_part(process: Process) -> None:
    """Wait until a worker has done something from now on."""
    before = steps_done(process)

    async def more() -> bool:
        return steps_done(process) > before

    await until(more)


@pytest.mark.timeout(300)
async def test_workers_join_and_leave_under_load(tmp_path: Path, database_url: str) -> None:
    async with a_house(tmp_path, database_url, workers=2) as house:
        await ready(house)
        load, told, killed = Load(house, 7), house.processes["worker-1"], house.processes["worker-2"]
        async with load.running():
            await load.recovered()
            joined = house.join("worker-3")
            await takes_part(joined)
            told.stop(signal.SIGTERM)

            async def has_ended() -> bool:
                return bool(told.ends)

            await until(has_ended)
            await load.recovered()
            await takes_part(killed)
            killed.stop()
            took = await load.caught_up()
            await load.recovered()
        figures = await house.settled(PATIENCE_SECONDS)
    assert told.ends == [0], "it ended by itself, and in order"
    assert (killed.ends, joined.ends) == ([-signal.SIGKILL], [-signal.SIGKILL]), "the one at the end of the test"
    assert figures.lost == 0
    assert figures.promised > 30, "there was a load"
    assert took < WITHIN_SECONDS, "what was on its way then, in the hands of the killed one too, is called back in time"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


@pytest.fixture
def other_host() -> Iterator[tuple[str, ...]]:
    """A network namespace that reaches this one at `OURS` and nothing else; gives the command that runs one there."""
    near, far = f"cw{os.getpid()}a"[-15:], f"cw{os.getpid()}b"[-15:]
    try:
        ip("netns", "add", NAMESPACE)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no network namespace can be made here")
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", NAMESPACE)
        ip("addr", "add", f"{OURS}/30", "dev", near)
        ip("link", "set", near, "up")
        for words in (
            ("addr", "add", f"{THEIRS}/30", "dev", far),
            ("link", "set", far, "up"),
            ("link", "set", "lo", "up"),
        ):
            ip("-n", NAMESPACE, *words)
        yield (str(shutil.which("ip")), "netns", "exec", NAMESPACE)
    finally:
        subprocess.run(["ip", "netns", "del", NAMESPACE], check=False, capture_output=True, timeout=10)


@asynccontextmanager
async def by_tcp(database_url: str) -> AsyncIterator[tuple[str, set[str]]]:
    """The database at `OURS` over TCP, where the tests' own server may listen at a socket alone.

    Gives its address there, and from where somebody has connected.
    """
    peers = set()
    found = urlsplit(database_url)
    folder = parse_qs(found.query).get("host", [""])[0]
    port = int(parse_qs(found.query).get("port", [""])[0] or found.port or 5432)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.add(writer.get_extra_info("peername")[0])
        if folder.startswith("/"):
            behind = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        else:
            behind = await asyncio.open_connection(found.hostname, port)
        with suppress(ConnectionError):
            await asyncio.gather(handed_on(reader, behind[1]), handed_on(behind[0], writer))

    server = await asyncio.start_server(connected, OURS, 0)
    async with server:
        at = f"{OURS}:{server.sockets[0].getsockname()[1]}"
        login = found.netloc.rpartition("@")[0] or "postgres"
        yield f"postgresql://{login}@{at}/{unquote(found.path).lstrip('/')}", peers


async def handed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


async def test_a_worker_on_another_host_does_its_steps(
    tmp_path: Path, database_url: str, other_host: tuple[str, ...]
) -> None:
    """It reaches the database, over TCP, and the store; neither the partner's servers nor anything else."""
    async with by_tcp(database_url) as (url, peers), a_house(tmp_path, database_url, workers=0) as house:
        near = house.join("near", "--steps", "fetch,deliver")
        far = house.join("far", "--steps", "transcribe,analyse", before=other_host, DATABASE_URL=url)
        await ready(house)
        recording = house.recordings.answer("/tone.wav", tone())
        await house.push([called_back(house, f"call-{n}", recording) for n in range(5)])
        figures = await house.settled(PATIENCE_SECONDS)
        done = {name: steps_done(process) for name, process in (("near", near), ("far", far))}
    assert (figures.completed, figures.lost, figures.callbacks) == (5, 0, 5)
    assert done == {"near": 5, "far": 5}, "the rules judge where the words are found"
    assert peers == {THEIRS}


def called_back(house: House, call_id: str, recording: str) -> dict[str, object]:
    return house.record(call_id, recording, callback_url=house.callback_url)
