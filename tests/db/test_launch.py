"""Programs that end with their owner, and PostgreSQL under root and under ordinary users."""

import os
import select
import subprocess
import sys
from pathlib import Path
from signal import SIGTERM, Signals

import asyncpg
import pytest

from callwright.db import embedded, launch
from callwright.db.embedded import EmbeddedPostgres
from callwright.db.launch import launched

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

MIDDLE = """
import subprocess, sys, time
from signal import SIGTERM
from callwright.db.launch import launched
inner = subprocess.Popen(launched(["/bin/sleep", "60"], at_owners_end=SIGTERM))
print(inner.pid, flush=True)
time.sleep(60)
"""

WITHOUT_NAMESPACES = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import launch

def refuse():
    raise PermissionError(1, "unshare: Operation not permitted")

launch._enter_namespace = refuse
launch.main(sys.argv[1:])
"""


def test_a_program_ends_with_an_owner_that_is_killed() -> None:
    middle = subprocess.Popen([sys.executable, "-c", MIDDLE], stdout=subprocess.PIPE, text=True)
    assert middle.stdout is not None
    inner = int(middle.stdout.readline())
    pidfd = os.pidfd_open(inner)
    middle.kill()
    middle.communicate()
    readable, _, _ = select.select([pidfd], [], [], 10)
    os.close(pidfd)
    assert readable, "the program outlived its owner"


def test_a_program_does_not_start_after_its_owner_ended() -> None:
    command = launched(["/bin/echo", "started"], at_owners_end=SIGTERM)
    command[4] = "1"  # as if another process had asked
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "owner ended first" in done.stderr


def test_a_program_that_cannot_start_says_so() -> None:
    done = subprocess.run(
        launched(["/nonexistent/program"], at_owners_end=SIGTERM), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "cannot start /nonexistent/program: [Errno 2] No such file" in done.stderr


async def version(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


@as_root
async def test_root_without_namespaces_runs_it_as_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_namespaces(program: list[str | Path], *, at_owners_end: Signals, not_as_root: Path) -> list[str]:
        python, *_, script, owner, signal, data = launched(
            program, at_owners_end=at_owners_end, not_as_root=not_as_root
        )[:7]
        words = [str(word) for word in program]
        return [python, "-I", "-S", "-c", WITHOUT_NAMESPACES, str(Path(script).parent), owner, signal, data, *words]

    monkeypatch.setattr(embedded, "launched", without_namespaces)
    server = EmbeddedPostgres(tmp_path)
    assert (await version(await server.start())).startswith("18.")
    await server.stop()
    assert (tmp_path / "postgres").stat().st_uid == launch._nobody()[0]
    monkeypatch.undo()
    assert (await version(await server.start())).startswith("18.")  # the next start runs it as the files' owner
    await server.stop()
    assert (tmp_path / "postgres").stat().st_uid == launch._nobody()[0]


@as_root
def test_an_ordinary_user_runs_it(tmp_path: Path) -> None:
    """An ordinary user who may pass other users' folders, as the interpreter may lie in one of root's."""
    uid, gid = launch._nobody()
    os.chown(tmp_path, uid, gid)
    program = """
import asyncio, os, sys
from pathlib import Path
from callwright.db.embedded import embedded

async def main():
    async with embedded(Path(sys.argv[1])):
        print(os.geteuid())

asyncio.run(main())
"""
    become = (
        f"import os, sys; sys.path.insert(0, {str(Path(launch.__file__).parent)!r}); import launch; "
        f"launch._become({uid}, {gid}); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", become, "-c", program, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{uid}\n", "")
    assert (tmp_path / "data" / "postgres").stat().st_uid == uid
