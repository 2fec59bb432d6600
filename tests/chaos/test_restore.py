"""The guide to backups is carried out, under load, and the ledger says what came of it."""

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from callwright import calls
from callwright.db import open_pool
from callwright.db.embedded import CLUSTER, LOCK, EmbeddedPostgres
from callwright.up import prepare
from chaos.guide import Guide
from chaos.house import House, a_house
from chaos.load import tone
from chaos.soak import OWN_SERVER
from chaos.test_kill_points import NO_ENGINE
from docs.pages import ROOT, blocks
from submissions import onboard, scope, submission

PAGE = "docs/how-to/back-up-and-restore.md"
SETTLING_SECONDS = 60.0
PUSHERS, OPEN_CALLS = 2, 15
FOLLOWED = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
pytestmark = OWN_SERVER


class Partner:
    """Somebody who sends one batch after the other, and knows what he has sent when."""

    def __init__(self, house: House) -> None:
        self.batches: list[tuple[list[dict[str, Any]], datetime]] = []
        """Each batch that was answered 200, and when."""
        self._house = house
        self._number = 0
        self._recording = house.recordings.answer("/tone.wav", tone(0.2))
        self._missing = house.recordings.answer("/missing.wav", status=404)

    @property
    def answered(self) -> set[str]:
        """Every call that a 200 has named."""
        return {each["call"]["id"] for batch, _ in self.batches for each in batch}

    async def push(self, size: int = 3) -> None:
        """Send a new batch, with a call of every seven that fails, until it is answered."""
        batch = [self._record() for _ in range(size)]
        await self._house.push(batch)
        self.batches.append((batch, datetime.now(UTC)))

    async def push_again(self) -> None:
        """Send everything again, as a partner does who was told of a restore."""
        for batch, _ in self.batches:
            await self._house.push(batch)

    @asynccontextmanager
    async def pushing(self) -> AsyncIterator[None]:
        """Push as long as the block runs."""
        stop = asyncio.Event()

        async def push_on() -> None:
            while not stop.is_set():
                if len(self.answered) < len(self._house.ledger.callbacks()) + OPEN_CALLS:
                    await self.push()
                await asyncio.sleep(0.3)

        async with asyncio.TaskGroup() as group:
            for _ in range(PUSHERS):
                group.create_task(push_on())
            yield
            stop.set()

    def _record(self) -> dict[str, Any]:
        self._number += 1
        url = self._recording if self._number % 7 else self._missing
        return self._house.record(f"call-{self._number}", url, callback_url=self._house.callback_url)


@asynccontextmanager
async def a_server(folder: Path, **configuration: str) -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL that is there for the time of the block, unless it is killed before."""
    server = EmbeddedPostgres(folder, configuration={"max_connections": "100", **configuration})
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


async def heard(house: House, more: int) -> None:
    """Wait until so many more calls were called back."""
    wanted = len(house.ledger.callbacks()) + more
    while len(house.ledger.callbacks()) < wanted:  # noqa: ASYNC110 - other processes do the work
        await asyncio.sleep(0.05)


async def there(url: str) -> set[str]:
    """Which calls a database has."""
    connection = await asyncpg.connect(url)
    try:
        return {row["call_id"] for row in await connection.fetch("SELECT call_id FROM calls")}
    finally:
        await connection.close()


def files(folder: Path) -> list[Path]:
    """Every file in a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


async def kill(server: EmbeddedPostgres) -> None:
    """Pull the plug of a server, and wait for the last of its processes."""
    assert server._process is not None
    server._process.kill()
    await server.stop()
    with (server.data_dir / LOCK).open() as lock:  # which each of them holds
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(0.02)
            else:
                return


@pytest.fixture
def guide(tmp_path: Path) -> Guide:
    """The page, with folders of the test's."""
    backups = tmp_path / "backups"
    (backups / "wal").mkdir(parents=True)
    folders = {
        "BACKUPS": backups,
        "BASE": backups / "base",
        "WAL": backups / "wal",
        "STORE": tmp_path / "data" / "store",
    }
    return Guide(PAGE, **{name: str(path) for name, path in folders.items()})


def test_the_programs_of_the_embedded_server_are_where_the_page_says() -> None:
    block = next(each for each in blocks(ROOT / PAGE, "sh") if "pginstall" in each.body)
    typed = ["bash", "-euc", f"{block.body}\nPATH=${{PATH%%:*}} pg_dump --version"]
    assert "(PostgreSQL) 18" in subprocess.run(typed, cwd=ROOT, check=True, capture_output=True, text=True).stdout


async def test_a_dump_that_was_taken_under_load(tmp_path: Path, guide: Guide) -> None:
    async with (
        a_server(tmp_path / "old") as old,
        a_server(tmp_path / "new") as new,
    ):
        await prepare(old.url)
        await guide.type("A role for backups", server=old)
        async with a_house(tmp_path, old.url, TRANSCRIBER=NO_ENGINE) as house:
            guide.variables |= {**house.processes["worker-1"].environment, "CALLWRIGHT_TRANSCRIBER": "pocketsphinx"}
            partner = Partner(house)
            erased = house.record("erased", house.recordings.url("/tone.wav"))
            await house.client.post("/api/v1/partner/ingest/batch-call", json={"data": [erased]})
            async with partner.pushing():
                await heard(house, 5)
                before = partner.answered
                await guide.type("Dump every night", having="pg_dump", server=old)
                await guide.type("Dump every night", having="cp -a", server=old)
                await house.client.delete("/api/v1/partner/calls/erased")
                await guide.type("Erase again what was erased", having="export")
                await heard(house, OPEN_CALLS + 5)
            async with house.closed(signal.SIGKILL):
                await old.stop()
                shutil.rmtree(tmp_path / "old")
                await guide.type("From a dump", server=new)
                house.move_to(new.url)
                guide.variables["CALLWRIGHT_DATABASE_URL"] = new.url
                restored = await there(new.url)
                assert before <= restored - {"erased"} <= partner.answered
                assert "erased" in restored, "a backup has what was erased since"
                assert "up to date" in await guide.type("Restore", having="migrate", server=new)
                assert "Erased again: 1 calls" in await guide.type("Erase again what was erased", having="reapply")
                lost = partner.answered - restored
                house.ledger.lost(lost)
            await find_orphans(guide, house, new)
            await partner.push_again()
            answer = await house.client.post("/api/v1/partner/ingest/batch-call", json={"data": [erased]})
            assert answer.json()["data"]["duplicates"] == 1
            figures = await house.settled(SETTLING_SECONDS)
    assert lost, "some came after the dump"
    assert figures.promised == len(partner.answered)
    assert figures.lost == 0
    assert figures.repeated > 0, (
        "what was told after the dump was told once more, under the same id and with the same bytes"
    )


async def test_the_last_moment_and_any_moment_before_it(tmp_path: Path, guide: Guide) -> None:
    settings = guide.settings("Keep every change", having="archive_mode")
    async with AsyncExitStack() as stack:
        old = await stack.enter_async_context(a_server(tmp_path / "old", **settings))
        await prepare(old.url)
        await guide.type("A role for backups", server=old)
        house = await stack.enter_async_context(a_house(tmp_path, old.url, TRANSCRIBER=NO_ENGINE))
        partner = Partner(house)
        async with partner.pushing():
            await heard(house, 5)
            await guide.type("Keep every change", having="pg_basebackup", server=old)
            await heard(house, 5)
        until, by_then = datetime.now(UTC), partner.answered
        async with partner.pushing():
            await heard(house, OPEN_CALLS)
            await kill(old)
            async with house.closed(signal.SIGKILL):
                by_the_end = partner.answered
                guide.variables |= {"OLD": str(old.data_dir / CLUSTER), "UNTIL": until.isoformat()}
                new = await restored(guide, tmp_path / "new", "recovery.signal", "OLD")
                await stack.enter_async_context(running(new))
                assert by_the_end <= await there(new.url), "whatever was answered is there"
                house.move_to(new.url)
        figures = await house.settled(SETTLING_SECONDS)
        assert (figures.promised, figures.lost) == (len(partner.answered), 0)
        then = await restored(guide, tmp_path / "then", "recovery.signal", "OLD", "recovery_target_time")
        async with running(then):
            assert by_then == await there(then.url)
    assert len(by_then) < len(by_the_end)


async def test_a_disk_that_is_lost_takes_no_accepted_call_along(tmp_path: Path, guide: Guide) -> None:
    async with AsyncExitStack() as stack:
        old = await stack.enter_async_context(a_server(tmp_path / "old"))
        await prepare(old.url)
        await guide.type("A role for backups", server=old)
        await guide.type("Keep every change", having="pg_basebackup", server=old)
        receiving = await guide.start(guide.commands("Keep every change", having="pg_receivewal"), old)
        stack.callback(ended, receiving)
        connection = await asyncpg.connect(old.url)
        for name, value in guide.settings("Keep every change", having="synchronous").items():
            await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        await connection.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(SETTLING_SECONDS):
            while not await connection.fetchval(FOLLOWED):  # noqa: ASYNC110 - another process connects
                await asyncio.sleep(0.05)
        answered = await accepted_until_killed(old)
        ended(receiving)
        await receiving.wait()
        shutil.rmtree(old.data_dir)
        new = await restored(guide, tmp_path / "new", "recovery.signal", ".partial")
        async with running(new):
            assert len(answered) >= 100
            assert answered <= await there(new.url)
            assert await prepare(new.url) == []


async def accepted_until_killed(server: EmbeddedPostgres) -> set[str]:
    """Accept calls until a server is killed in the middle of it; gives those that were accepted."""
    pool = await open_pool(server.url, size=4, name="tests")
    await onboard(pool)
    whose, answered = await scope(pool), set[str]()

    async def push_on(pusher: int) -> None:
        for number in range(10_000):
            call_id = f"call-{pusher}-{number}"
            await calls.accept(pool, whose, [submission(call_id)])
            answered.add(call_id)

    pushers = [asyncio.create_task(push_on(number)) for number in range(4)]
    while len(answered) < 100:  # noqa: ASYNC110 - the pushers do the work
        await asyncio.sleep(0.01)
    await kill(server)
    await asyncio.gather(*pushers, return_exceptions=True)
    pool.terminate()
    return answered


def ended(shell: asyncio.subprocess.Process) -> None:
    """End a shell with what it runs."""
    with suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGTERM)


async def test_nothing_is_an_orphan_where_the_database_does_not_show_every_row(tmp_path: Path, guide: Guide) -> None:
    heading = "Recordings without a call, and calls without a recording"
    stored = tmp_path / "data" / "store" / "recordings" / "1" / "ab" / ("ab" * 32)
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"of a call")
    os.utime(stored, (0, 0))
    of_last_time = tmp_path / "backups" / "orphans"
    async with a_server(tmp_path / "server") as server:
        await prepare(server.url)
        connection = await asyncpg.connect(server.url)
        await connection.execute("CREATE ROLE short_sighted LOGIN; GRANT pg_read_all_data TO short_sighted")
        await connection.close()
        for user, why in (
            ("short_sighted", "row-level security"),
            ("nobody_here", "nobody_here"),
            ("callwright", "orphans: No such file"),  # the database has no recording at all
        ):
            of_last_time.write_text(f"recordings/1/ab/{stored.name}\n")
            shell = await guide.start(f"export PGUSER={user}\n{guide.commands(heading)}", server)
            told, _ = await shell.communicate()
            assert shell.returncode
            assert why in told.decode()
            assert stored.exists()


async def find_orphans(guide: Guide, house: House, server: EmbeddedPostgres) -> None:
    """Leave a recording of no call and its copy behind, and have the commands remove these two alone."""
    orphan = house.store / "recordings" / "1" / "ab" / ("ab" * 32)
    orphan.parent.mkdir(exist_ok=True)
    before = len(files(house.store))
    for path in (orphan, orphan.with_name(f"{orphan.name}.copy-1.mp3")):
        path.write_bytes(b"of a call that was lost, and is not sent again")
        os.utime(path, (0, 0))
    await guide.type("Recordings without a call, and calls without a recording", server=server)
    assert len(files(house.store)) == before


async def restored(guide: Guide, folder: Path, *blocks: str) -> EmbeddedPostgres:
    """A server of files that the guide's commands have made: those of its blocks that have these words in them."""
    (folder / CLUSTER).mkdir(mode=0o700, parents=True)
    guide.variables["PGDATA"] = str(folder / CLUSTER)
    for each in blocks:
        heading = "To a time" if each == "recovery_target_time" else "To the last moment"
        await guide.type(heading, having=each)
    return EmbeddedPostgres(folder)


@asynccontextmanager
async def running(server: EmbeddedPostgres) -> AsyncIterator[None]:
    """Have a server answer, and write, for the time of the block."""
    try:
        connection = await asyncpg.connect(await server.start())
        while await connection.fetchval("SELECT pg_is_in_recovery()"):  # noqa: ASYNC110 - the server does the work
            await asyncio.sleep(0.05)
        await connection.close()
        yield
    finally:
        await server.stop()
