"""The migrations: in order, once, whoever runs them."""

import asyncio
import re
from unittest.mock import patch

import asyncpg
import pytest

from callwright import queue
from callwright.db import migrate as module
from callwright.db.migrate import Migration, migrate, migrations, pending
from callwright.errors import SetupError


def test_migrations_are_numbered_without_gaps() -> None:
    assert [m.version for m in migrations()] == list(range(1, len(migrations()) + 1))


async def test_an_empty_database_gets_every_migration_once(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    names = [f"{m.version:04}_{m.name}" for m in migrations()]
    assert await pending(connection) == names
    assert await migrate(connection) == names
    assert await pending(connection) == []
    assert await migrate(connection) == []
    rows = await connection.fetch("SELECT * FROM schema_migrations ORDER BY version")
    assert [(r["version"], r["name"], r["sha256"]) for r in rows] == [
        (m.version, m.name, m.sha256) for m in migrations()
    ]
    await connection.close()


async def test_the_queue_is_installed_twice_without_harm(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    await queue.install(connection)
    await queue.install(connection)
    assert await connection.fetchval("SELECT count(*) FROM pgqueuer") == 0
    await connection.close()


async def test_many_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    connections = [await asyncpg.connect(empty_database_url) for _ in range(5)]
    applied = await asyncio.gather(*(migrate(c) for c in connections))
    assert sorted(name for names in applied for name in names) == [f"{m.version:04}_{m.name}" for m in migrations()]
    for connection in connections:
        await connection.close()


async def test_an_altered_migration_is_refused(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    await migrate(connection)
    await connection.execute("UPDATE schema_migrations SET sha256 = 'other' WHERE version = 2")
    with pytest.raises(SetupError, match="0002_customers is not the one"):
        await migrate(connection)
    with pytest.raises(SetupError, match="0002_customers is not the one"):
        await pending(connection)
    await connection.close()


async def test_a_migration_that_fails_leaves_nothing_of_itself(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    broken = [
        Migration(1, "whole", "CREATE TABLE whole (n int)", "a"),
        Migration(2, "broken", "CREATE TABLE half (n int); SELECT 1 / 0", "b"),
    ]
    with patch.object(module, "migrations", lambda: broken), pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(connection)
    assert await connection.fetchval("SELECT to_regclass('whole')") == "whole"
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    with patch.object(module, "migrations", lambda: broken):
        assert await pending(connection) == ["0002_broken"]
    await connection.close()


WAITS = Migration(1, "waits", "SET LOCAL lock_timeout = '50ms'; DROP TABLE held", "a")


async def test_a_locked_table_ends_the_migration_with_a_sentence(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "migrations", lambda: [WAITS])
    connection, other = [await asyncpg.connect(empty_database_url) for _ in range(2)]
    await other.execute("CREATE TABLE held (n int)")
    async with other.transaction():
        await other.execute("SELECT * FROM held")
        with pytest.raises(SetupError, match=r"locked by another session.* after 6 tries") as refused:
            await migrate(connection)
    assert "pg_stat_activity" in refused.value.fix
    await connection.close()
    await other.close()


async def test_a_table_that_comes_free_is_migrated_and_nobody_waits_behind_it(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "migrations", lambda: [WAITS])
    connection, other, third = [await asyncpg.connect(empty_database_url) for _ in range(3)]
    await other.execute("CREATE TABLE held (n int)")
    given_up = asyncio.Event()

    async def pause(_seconds: float) -> None:
        given_up.set()
        await third.fetch("SELECT * FROM held", timeout=5)
        await held.rollback()

    monkeypatch.setattr(asyncio, "sleep", pause)
    held = other.transaction()
    await held.start()
    await other.execute("SELECT * FROM held")
    assert await migrate(connection) == ["0001_waits"]
    assert given_up.is_set()
    for each in (connection, other, third):
        await each.close()


async def test_a_schema_that_is_up_to_date_is_migrated_without_a_lock(empty_database_url: str) -> None:
    connection, busy = [await asyncpg.connect(empty_database_url) for _ in range(2)]
    await migrate(connection)
    await queue.install(connection)
    async with busy.transaction():
        await busy.execute("LOCK TABLE pgqueuer, calls IN ROW EXCLUSIVE MODE")
        await connection.execute("SET lock_timeout = '100ms'")
        assert await migrate(connection) == []
        await queue.install(connection)
    await connection.close()
    await busy.close()


async def test_a_role_without_rights_reads_what_to_do(empty_database_url: str, server_url: str) -> None:
    role = f"poor_{re.sub('[^a-z0-9]', '', empty_database_url[-16:].lower())}"
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(f"CREATE ROLE {role}")
    await connection.execute(f"GRANT {role} TO CURRENT_USER")  # who need not be a superuser to take it on
    try:
        await connection.execute(f"SET ROLE {role}")
        with pytest.raises(SetupError, match="may not create the tables") as refused:
            await migrate(connection)
        assert "GRANT CREATE" in refused.value.fix
    finally:
        await connection.execute("RESET ROLE")
        await connection.execute(f"DROP ROLE {role}")
        await connection.close()


async def test_a_server_that_is_too_old_is_named(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OLDEST_SERVER", 99)
    connection = await asyncpg.connect(empty_database_url)
    with pytest.raises(SetupError, match="is too old") as refused:
        await migrate(connection)
    assert "CALLWRIGHT_DATABASE_URL" in refused.value.fix
    assert await connection.fetchval("SELECT to_regclass('schema_migrations')") is None
    await connection.close()
