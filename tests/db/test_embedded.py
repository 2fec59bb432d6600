"""The embedded server: it starts where it can, keeps what was committed, and never outlives its owner."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from callwright.db import embedded as module
from callwright.db.embedded import DataFolderInUse, EmbeddedPostgres, embedded, socket_dir
from callwright.errors import SetupError

OWNER = """
import asyncio, sys
from pathlib import Path
from callwright.db.embedded import EmbeddedPostgres

async def main():
    server = EmbeddedPostgres(Path(sys.argv[1]), shared=sys.argv[2] == "shared")
    print(await server.start(), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()

asyncio.run(main())
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(tmp_path / "data")
    await made.start()
    yield made
    await made.stop()


def owner(data_dir: Path, kind: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """A process of its own that runs a server until its standard input closes; returns once the server answers."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", OWNER, str(data_dir), kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql://")
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=30)


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int) -> bool:
    for _ in range(500):
        if not lives(pid):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_it_is_postgresql_18_with_unicode_and_without_a_port(server: EmbeddedPostgres) -> None:
    assert str(await ask(server.url, "SHOW server_version")).startswith("18.")
    assert await ask(server.url, "SELECT lower('ÄÉΣЖ')") == "äéσж"
    assert await ask(server.url, "SHOW server_encoding") == "UTF8"
    assert await ask(server.url, "SHOW listen_addresses") == ""
    assert await ask(server.url, "SHOW fsync") == "on"


async def test_only_its_user_can_reach_it(server: EmbeddedPostgres) -> None:
    for folder in (server.data_dir, socket_dir(server.data_dir), server.data_dir / "postgres"):
        assert folder.stat().st_mode & 0o077 == 0, folder


async def test_what_was_committed_is_there_after_a_restart(server: EmbeddedPostgres) -> None:
    await ask(server.url, "CREATE TABLE kept AS SELECT 42 AS n")
    await server.stop()
    assert not server.running
    await server.start()
    assert await ask(server.url, "SELECT n FROM kept") == 42


async def test_a_crash_of_the_server_loses_nothing_and_it_starts_again(server: EmbeddedPostgres) -> None:
    await ask(server.url, "CREATE TABLE kept AS SELECT 42 AS n")
    pid = postmaster(server.data_dir)
    os.kill(pid, signal.SIGKILL)
    assert await gone(pid)
    assert not server.running
    await server.start()
    assert await ask(server.url, "SELECT n FROM kept") == 42


async def test_it_ends_with_an_owner_that_is_killed_and_starts_again_at_once(tmp_path: Path) -> None:
    process = owner(tmp_path, "alone")
    pid = postmaster(tmp_path)
    process.kill()
    process.communicate()
    server = EmbeddedPostgres(tmp_path)
    assert await ask(await server.start(), "SELECT 1") == 1  # while the other may still be shutting down
    assert await gone(pid)
    await server.stop()


async def test_a_second_owner_is_told_who_has_the_data(tmp_path: Path) -> None:
    process = owner(tmp_path, "alone")
    with pytest.raises(DataFolderInUse, match=f"in use by process {process.pid}") as refused:
        await EmbeddedPostgres(tmp_path).start()
    assert "--data-dir" in refused.value.fix
    end(process)


async def test_a_command_uses_the_server_that_runs(tmp_path: Path) -> None:
    process = owner(tmp_path, "shared")
    pid = postmaster(tmp_path)
    async with embedded(tmp_path) as url:
        assert await ask(url, "SELECT 1") == 1
        assert postmaster(tmp_path) == pid
    assert lives(pid)  # the command's end is not the server's
    end(process)
    assert await gone(pid)


async def test_a_command_starts_the_server_for_its_own_time(tmp_path: Path) -> None:
    async with embedded(tmp_path) as url:
        pid = postmaster(tmp_path)
        assert await ask(url, "SELECT 1") == 1
    assert await gone(pid)


async def test_two_commands_at_once_take_turns(tmp_path: Path) -> None:
    process = owner(tmp_path, "alone")

    async def command() -> object:
        async with embedded(tmp_path) as url:
            return await ask(url, "SELECT 1")

    waiting = asyncio.create_task(command())
    await asyncio.sleep(0.2)
    assert not waiting.done()
    end(process)
    assert await waiting == 1


async def test_a_process_number_left_behind_prevents_no_start(server: EmbeddedPostgres) -> None:
    await server.stop()
    left = server.data_dir / "postgres" / "postmaster.pid"
    left.write_text(f"{os.getpid()}\n{server.data_dir}/postgres\n1\n5432\n{server.data_dir}/run\n\n  1  1\nready\n")
    await server.start()
    assert postmaster(server.data_dir) != os.getpid()


async def test_files_that_were_not_finished_are_made_anew(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    async with embedded(tmp_path) as url:
        assert await ask(url, "SELECT 1") == 1
    assert not unfinished.exists()


async def test_variables_of_postgresql_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PGPORT": "1",
        "PGOPTIONS": "-c nonsense=1",
        "PGSSLMODE": "verify-full",
        "PGDATA": "/x",
    }.items():
        monkeypatch.setenv(name, value)
    server = EmbeddedPostgres(tmp_path)
    await server.start()
    monkeypatch.delenv("PGOPTIONS")
    assert await ask(server.url, "SHOW port") == "5432"
    await server.stop()


async def test_a_long_path_puts_the_socket_elsewhere(tmp_path: Path) -> None:
    long = tmp_path / ("n" * 120)
    async with embedded(long) as url:
        assert await ask(url, "SELECT 1") == 1
    assert str(long) not in url
    assert socket_dir(long).stat().st_mode & 0o077 == 0
    socket_dir(long).rmdir()


async def test_a_socket_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o777)
    with pytest.raises(SetupError, match="Other users may write"):
        await EmbeddedPostgres(tmp_path).start()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (["FATAL:  configuration file contains errors"], "FATAL:  configuration file contains errors"),
        (["LOG:  starting", "PANIC:  no space", "LOG:  database system is shut down"], "PANIC:  no space"),
        (["FATAL:  the database system is starting up", "LOG:  database system is shut down"], "LOG:  database system"),
        (["PANIC:  before", "", "FATAL:  no space", "LOG:  shut down"], "FATAL:  no space"),
        ([], "it said nothing"),
    ],
)
def test_the_reason_is_found_in_the_log(said: list[str], reason: str) -> None:
    assert module._reason("\n".join(said) + "\n").startswith(reason)


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, configuration={"shared_buffers": "nonsense"})
    with pytest.raises(SetupError, match=r"did not start: .*shared_buffers") as refused:
        await server.start()
    assert "postgres.log" in refused.value.fix
    async with embedded(tmp_path) as url:  # and holds nothing
        assert await ask(url, "SELECT 1") == 1


async def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(SetupError, match="cannot be used"):
        await EmbeddedPostgres(tmp_path / "data").start()


async def test_other_systems_are_told_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SetupError, match="Linux only") as refused:
        await EmbeddedPostgres(tmp_path).start()
    assert "CALLWRIGHT_DATABASE_URL" in refused.value.fix


async def test_the_log_is_moved_aside_when_it_is_long(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOG_BYTES", 10)
    await server.stop()
    await server.start()
    assert "shut down" in (server.data_dir / "postgres.log.1").read_text()


def test_the_lock_names_its_holder(tmp_path: Path) -> None:
    process = owner(tmp_path, "shared")
    assert json.loads((tmp_path / "postgres.lock").read_text()) == {"pid": process.pid, "shared": True}
    end(process)
