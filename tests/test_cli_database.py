"""`callwright db partition`: what it asks, what it refuses, and that it can be run twice."""

import asyncio
import shutil
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import pytest
import typer

from callwright.db import partitions
from callwright.db.partitions import LARGE
from test_cli import Run, _as_before, on_database, run

__all__ = ["_as_before", "on_database", "run"]


def partitioned(url: str) -> int:
    async def ask() -> int:
        connection = await asyncpg.connect(url)
        try:
            return len((await partitions.plan(connection, None)).done)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_it_asks_says_what_it_needs_and_runs_once(run: Run, on_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer, "confirm", lambda _question: False)
    asked = run("db", "partition", "--into", "2")
    assert f"{len(LARGE)} tables of " in asked
    assert "must be free on the database's server" in asked
    assert partitioned(on_database) == 0
    assert "partitioned by partner, into 2 each" in run("db", "partition", "--into", "2", "--yes")
    assert partitioned(on_database) == len(LARGE)
    again = run("db", "partition", "--yes")
    assert again == f"The {len(LARGE)} large tables are partitioned already, into 2 each.\n"
    assert "into 2 already" in run("db", "partition", "--into", "4", fails=1)


def test_a_disk_that_is_too_full_is_told_before_anything_is_copied(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLWRIGHT_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=5_000_000))
    told = run("db", "partition", "--yes", fails=1)
    assert f"The disk of {tmp_path} has 5.0 MB free, and 1.1 GB are needed" in told
    assert "Make room there" in told


def test_it_refuses_while_somebody_is_at_work(run: Run, on_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "IN_USE_PAUSE_SECONDS", 0.01)

    async def session() -> asyncpg.Connection:
        return await asyncpg.connect(on_database, server_settings={"application_name": "callwright web"})

    with asyncio.Runner() as runner:
        working = runner.run(session())
        told = run("db", "partition", "--yes", fails=1)
        working.terminate()
    assert "Callwright is at work on this database: callwright web (1 sessions)" in told
    assert "Stop every `callwright up`" in told
    assert partitioned(on_database) == 0
