"""What is released stays in service while the next release migrates: a migration may add, and take nothing away."""

from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest

from callwright.db import migrate as module
from callwright.db.migrate import migrate, migrations
from catalogue import tables

FIRST_RELEASE = 22
"""Its last migration. Those before it were applied while nothing was in service."""
ALLOWED: dict[str, str] = {}
"""What a migration takes away nevertheless, and the release that had stopped to name it."""

Catalogue = dict[str, dict[tuple[str, str], tuple[Any, ...]]]
TYPE, NOT_NULL, DEFAULT, IDENTITY, GENERATED = range(1, 6)
"""Places in what the catalogue says of a column."""


@pytest.fixture
async def released(empty_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A database of the first release."""
    connection = await asyncpg.connect(empty_database_url)
    with patch.object(module, "migrations", lambda: [m for m in migrations() if m.version <= FIRST_RELEASE]):
        await migrate(connection)
    yield connection
    await connection.close()


async def catalogue(connection: asyncpg.Connection) -> Catalogue:
    """The tables, and the functions that statements call."""
    functions = await connection.fetch(
        """
        SELECT proname || '(' || pg_get_function_arguments(oid) || ')' AS name, pg_get_function_result(oid) AS result
        FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
        """
    )
    return {**await tables(connection), "": {("function", row["name"]): (row["result"],) for row in functions}}


def broken(before: Catalogue, after: Catalogue) -> list[str]:
    """What statements of the release before may stumble over: what they name is gone, or takes less than it took."""
    found = [f"table {table} is gone" for table in before if table not in after]
    for table in before.keys() & after.keys():
        old, new = before[table], after[table]
        for kind, name in old.keys() - new.keys():
            if kind in {"column", "function"} or (kind == "index" and _unique(old[kind, name])):
                found.append(f"{kind} {table}.{name} is gone")
        for kind, name in new.keys() - old.keys():
            if kind == "column" and _must_be_given(new[kind, name]):
                found.append(f"column {table}.{name} must be given by who does not know it")
            if (
                kind == "constraint"
                and new[kind, name][0] in {"c", "f", "u", "x"}
                and not _of_new_columns(old, new, name)
            ):
                found.append(f"constraint {table}.{name} refuses what was taken")
        for kind, name in old.keys() & new.keys():
            found += _changed(f"{kind} {table}.{name}", kind, old[kind, name], new[kind, name])
    return sorted(found)


def _unique(index: tuple[Any, ...]) -> bool:
    return bool(index[2])  # by which ON CONFLICT finds what is there


def _must_be_given(column: tuple[Any, ...]) -> bool:
    return bool(column[NOT_NULL] and column[DEFAULT] is None and not column[IDENTITY] and not column[GENERATED])


def _of_new_columns(old: dict[Any, Any], new: dict[Any, Any], constraint: str) -> bool:
    """Whether a constraint names none of the columns that were there."""
    said = new["constraint", constraint][1]
    return not any(kind == "column" and f"{name}" in said.replace("(", " ").split() for kind, name in old)


def _changed(what: str, kind: str, old: tuple[Any, ...], new: tuple[Any, ...]) -> list[str]:
    if kind in {"function", "constraint"}:
        return [f"{what} is another"] if old != new else []
    if kind != "column":
        return []
    found = [f"{what} has another type"] if old[TYPE] != new[TYPE] else []
    if _must_be_given(new) and not _must_be_given(old):
        found.append(f"{what} must be given by who left it out")
    elif new[NOT_NULL] and not old[NOT_NULL]:
        found.append(f"{what} takes no null any more")
    return found


async def test_the_migrations_after_the_first_release_break_nothing(released: asyncpg.Connection) -> None:
    before = await catalogue(released)
    await migrate(released)
    assert [each for each in broken(before, await catalogue(released)) if each not in ALLOWED] == []


BREAKING = {
    "DROP TABLE rate_stamps": "table rate_stamps is gone",
    "ALTER TABLE batches RENAME TO bunches": "table batches is gone",
    "ALTER TABLE calls DROP COLUMN industry": "column calls.industry is gone",
    "ALTER TABLE calls RENAME COLUMN industry TO trade": "column calls.industry is gone",
    "ALTER TABLE calls ALTER COLUMN attempts TYPE bigint": "column calls.attempts has another type",
    "ALTER TABLE agents ALTER COLUMN name SET NOT NULL": "column agents.name must be given by who left it out",
    "ALTER TABLE agents ALTER COLUMN name SET DEFAULT '', ALTER COLUMN name SET NOT NULL": (
        "column agents.name takes no null any more"
    ),
    "ALTER TABLE agents ADD COLUMN tone text NOT NULL": ("column agents.tone must be given by who does not know it"),
    "ALTER TABLE calls ALTER COLUMN state DROP DEFAULT": "column calls.state must be given by who left it out",
    "ALTER TABLE agents ADD CONSTRAINT named CHECK (name <> '')": ("constraint agents.named refuses what was taken"),
    "ALTER TABLE calls DROP CONSTRAINT calls_state_check, ADD CONSTRAINT calls_state_check CHECK (state <> '')": (
        "constraint calls.calls_state_check is another"
    ),
    "ALTER TABLE subtenants DROP CONSTRAINT subtenants_partner_id_subtenant_no_key": (
        "index subtenants.subtenants_partner_id_subtenant_no_key is gone"
    ),
    "DROP FUNCTION name_key CASCADE": "function .name_key(kind text, name text) is gone",
}


async def test_what_breaks_the_release_before_is_told(released: asyncpg.Connection) -> None:
    before = await catalogue(released)
    for migration, told in BREAKING.items():
        tried = released.transaction()
        await tried.start()
        await released.execute(migration)
        assert told in broken(before, await catalogue(released)), migration
        await tried.rollback()


async def test_what_is_added_breaks_nothing(released: asyncpg.Connection) -> None:
    before = await catalogue(released)
    await released.execute(
        """
        ALTER TABLE calls ADD COLUMN tone text CHECK (tone <> ''), ADD COLUMN weight integer NOT NULL DEFAULT 1;
        CREATE INDEX calls_by_tone ON calls (partner_id, tone);
        CREATE TABLE tones (partner_id bigint NOT NULL, tone text NOT NULL, PRIMARY KEY (partner_id, tone));
        CALL protect('tones');
        DROP INDEX callbacks_by_time;
        CREATE FUNCTION louder(tone text) RETURNS text LANGUAGE sql RETURN upper(tone);
        """
    )
    assert broken(before, await catalogue(released)) == []
