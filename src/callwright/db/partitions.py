"""The large tables hash-partitioned by partner: made so while nobody is at work, one transaction for each."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import asyncpg

from callwright.db import AWAY, Connection
from callwright.db.migrate import LOCK
from callwright.db.table_form import Form, in_the_way, quoted, read_form
from callwright.errors import SetupError

LARGE = (
    *("calls", "batches", "customers", "dispositions", "recordings", "transcripts", "analyses", "former_analyses"),
    *("ended_calls", "callbacks", "callback_attempts", "contact_rollups", "day_rollups", "day_calls", "erased_calls"),
)
"""What grows with every call. The others hold a row for a partner, a person's act or some hours, and stay whole."""

INTO, MOST = 16, 128
"""How many partitions a table gets where nobody says, and at most."""

PIECE = 4096
"""Blocks that are copied at a time: what is done shows every second or so."""

BESIDE = 2**30
"""Bytes that are to stay free beside the copy of a table: the server's log, and what is sorted for an index."""

LOCK_SECONDS = 5.0
"""How long a table is waited for that another session works on."""

ANALYSE_SECONDS = 600.0
"""How long the statistics of a table may take."""

IN_USE_LOOKS, IN_USE_PAUSE_SECONDS = 4, 0.5
"""A session that is closed is seen by the others for a moment more."""

Told = Callable[[str, int], None]
"""Called with what is being done and how many more bytes of the tables are done."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do.

    Attributes:
        into: How many partitions each table gets.
        done: The tables that are partitioned.
        todo: The others, with their bytes.
    """

    into: int
    done: list[str]
    todo: dict[str, int]

    @property
    def room(self) -> int:
        """Bytes that must be free: each table is copied before the old one is dropped."""
        return max(self.todo.values(), default=0) * 5 // 4 + BESIDE


_SIZES = """
    SELECT c.relname AS name, c.relkind = 'p' AS partitioned,
        pg_total_relation_size(c.oid) AS size, (SELECT count(*) FROM pg_inherits WHERE inhparent = c.oid) AS parts
    FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY($1)
    ORDER BY array_position($1, c.relname::text)
"""

# Rights that a new table has by default; those of the one before are what counts. $2: the identity columns.
_GIVEN = """
    SELECT DISTINCT format('REVOKE ALL ON %s %s FROM %s', CASE WHEN c.relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
        c.oid::regclass, CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END) AS given
    FROM pg_class c, aclexplode(c.relacl)
    WHERE grantee <> c.relowner AND (c.oid = to_regclass($1)
        OR c.oid = ANY(SELECT pg_get_serial_sequence($1, name)::regclass FROM unnest($2::text[]) AS name))
"""

_GROWN = """
    SELECT t.oid::regclass::text
    FROM pg_class t JOIN pg_inherits i ON i.inhparent = t.oid JOIN pg_class part ON part.oid = i.inhrelid
    WHERE t.relkind = 'p' AND t.relnamespace = current_schema()::regnamespace AND t.relname = ANY($1)
        AND pg_has_role(t.relowner, 'USAGE')
    GROUP BY t.oid, t.reltuples HAVING sum(greatest(part.reltuples, 0)) > 1.25 * greatest(t.reltuples, 0) + 1000
    LIMIT 1
"""

_SCHEMA = "SELECT quote_ident(current_schema()), quote_ident(current_schema() || '_partitions')"


async def plan(connection: Connection, into: int | None) -> Plan:
    """Look what is partitioned.

    Args:
        connection: To a database whose schema is up to date.
        into: How many partitions each table is to have; None for as many as the others have, or `INTO`.

    Raises:
        SetupError: No such number can be, or the tables have another number of them.
    """
    if into is not None and not 2 <= into <= MOST:
        raise SetupError(f"Tables cannot be partitioned into {into} here", f"Give a number from 2 to {MOST}")
    rows = await connection.fetch(_SIZES, LARGE)
    there = {row["parts"] for row in rows if row["partitioned"]}
    if into is not None and there - {into}:
        raise SetupError(
            f"The tables are partitioned into {min(there)} already, and the number cannot be changed",
            "Leave --into out; another number takes a new database and a restored dump of the rows",
        )
    return Plan(
        into or min(there, default=INTO),
        [row["name"] for row in rows if row["partitioned"]],
        {row["name"]: row["size"] for row in rows if not row["partitioned"]},
    )


async def refuse_in_use(connection: Connection) -> None:
    """See that no other process of Callwright works on the database.

    Raises:
        SetupError: One does.
    """
    rows: list[asyncpg.Record] = []
    for _ in range(IN_USE_LOOKS):
        rows = await connection.fetch(
            """
            SELECT application_name AS name, count(*) AS sessions FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'callwright%'
            GROUP BY 1 ORDER BY 1
            """
        )
        if not rows:
            return
        await asyncio.sleep(IN_USE_PAUSE_SECONDS)
    who = ", ".join(f"{row['name']} ({row['sessions']} sessions)" for row in rows)
    raise SetupError(
        f"Callwright is at work on this database: {who}",
        "Stop every `callwright up`, `serve`, `worker` and command until the tables are copied",
    )


async def partition(connection: Connection, what: Plan, told: Told) -> None:
    """Make the tables partitioned ones: the same rows, keys, indexes, rights and policies under the same names.

    Each table is copied, counted and put in the old one's place in one transaction that keeps everybody else from it.
    Whatever breaks it off leaves each table as it was or as it is to be, and the next run goes on.

    Args:
        connection: With no transaction open, of the role that owns the tables, and not through PgBouncer.
        what: As `plan` gave it.
        told: Told of what is done; the bytes add up to those of `what`.

    Raises:
        SetupError: Somebody works on a table, something else rests on it, or the server cannot do it.
    """
    with _faults_explained():
        for table in what.todo:
            if others := await in_the_way(connection, table):
                raise SetupError(
                    f"This rests on the table {table} and would be lost: {', '.join(others)}",
                    "Drop it, run the command again, and make it anew afterwards",
                )
        await _make_schema(connection)
        for table, size in what.todo.items():
            async with connection.transaction(isolation="read_committed"):  # what is read under the lock is the latest
                rows = await _replace(connection, table, what.into, _shared_out(told, size))
            if rows:  # a table that was found empty is planned for as such, until it is found otherwise
                told(f"{table}: tidied", 0)
                await connection.execute(f"VACUUM (ANALYZE) {table}")


def _shared_out(told: Told, size: int) -> Told:
    """Tell of a table's bytes, all of them and no more, however they were counted on the way."""
    left = size

    def tell(doing: str, done: int) -> None:
        nonlocal left
        some = min(max(done, 0), left)
        left -= some
        told(doing, some)

    return tell


async def keep_house(connection: Connection, stop: asyncio.Event) -> str | None:
    """Renew the statistics of one partitioned table whose partitions have grown by a quarter since.

    PostgreSQL does that for the partitions by itself, and not for the table that they make up: a plan that joins it
    would rest on guesses.

    Args:
        connection: With no transaction open.
        stop: Breaks it off.

    Returns:
        The table; None where none has grown so far.
    """
    table: str | None = await connection.fetchval(_GROWN, list(LARGE))
    if table is None:
        return None
    only = "ONLY " if connection.get_server_version() >= (18,) else ""
    statement = f"ANALYZE (SKIP_LOCKED) {only}{table}"
    renewing = asyncio.ensure_future(connection.execute(statement, timeout=ANALYSE_SECONDS))
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait((renewing, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not renewing.done():
        renewing.cancel()
    with suppress(asyncio.CancelledError):
        await renewing
    return table


async def _make_schema(connection: Connection) -> None:
    """The partitions' own schema: what is granted on all tables of ours, now or later, is not granted on them."""
    _, partitions = await connection.fetchrow(_SCHEMA)  # type: ignore[misc]
    if await connection.fetchval("SELECT to_regnamespace($1)", partitions) is not None:
        return
    owner = await connection.fetchval(
        """
        SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relname = 'calls'
        """
    )
    try:
        await connection.execute(f"CREATE SCHEMA {partitions} AUTHORIZATION {owner}")
    except asyncpg.InsufficientPrivilegeError as error:
        raise SetupError(
            f"The database role may not make the schema of the partitions: {error}",
            f"Let a superuser run: CREATE SCHEMA {partitions} AUTHORIZATION {owner}",
        ) from error


async def _replace(connection: Connection, table: str, into: int, told: Told) -> int:
    """Put a partitioned table in a table's place; gives how many rows it has."""
    schema, partitions = await connection.fetchrow(_SCHEMA)  # type: ignore[misc]
    await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'; SET LOCAL statement_timeout = 0")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    form = await read_form(connection, table)
    old, names = f"{partitions}.{table}", [f"{partitions}.{table}_{number:02}" for number in range(into)]
    await connection.execute("SELECT set_config('default_tablespace', $1, true)", form.tablespace)
    await connection.execute(f"SET LOCAL ROLE {form.owner}")
    for statement in form.first:
        await connection.execute(statement)
    # Out of the way with its indexes and sequences, so that all names are free. The owner then reads every row of it.
    await connection.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    await connection.execute(f"ALTER TABLE {table} SET SCHEMA {partitions}")
    await _make_empty(connection, form, f"{schema}.{table}", old, names)
    rows = await _copy(connection, form, f"{schema}.{table}", old, told)
    await _make_indexes(connection, form, partitions, names, told)
    await _carry_on(connection, form)
    for name in names:  # closed to whoever names a partition: it is the table whose policies and rights count
        await connection.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    await connection.execute(f"DROP TABLE {old}")
    told(f"{table}: done", form.size + sum(each.size for each in form.indexes))
    return rows


async def _make_empty(connection: Connection, form: Form, table: str, old: str, names: Sequence[str]) -> None:
    await connection.execute(
        f"""
        CREATE TABLE {table} (LIKE {old} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED
            INCLUDING IDENTITY INCLUDING STORAGE INCLUDING COMPRESSION INCLUDING COMMENTS)
        PARTITION BY HASH (partner_id)
        """
    )
    options = f" WITH ({form.options})" if form.options else ""
    for number, name in enumerate(names):
        await connection.execute(
            f"CREATE TABLE {name} PARTITION OF {table} "
            f"FOR VALUES WITH (MODULUS {len(names)}, REMAINDER {number}){options}"
        )
    for each in (table, *names):
        for setting in form.settings:
            await connection.execute(f"ALTER TABLE {each} {setting}")


async def _copy(connection: Connection, form: Form, table: str, old: str, told: Told) -> int:
    """Copy the rows, some blocks at a time: nobody can change them meanwhile. Gives how many there are."""
    copied = 0
    for first in range(0, form.blocks, PIECE):
        done = await connection.execute(
            f"""
            INSERT INTO {table} ({form.columns}) OVERRIDING SYSTEM VALUE
            SELECT {form.columns} FROM {old} WHERE ctid >= '({first},0)' AND ctid < '({first + PIECE},0)'
            """  # noqa: S608
        )
        copied += int(done.rsplit(maxsplit=1)[-1])
        told(f"{form.name}: rows", form.size * min(PIECE, form.blocks - first) // form.blocks)
    counted = await connection.fetchrow(f"SELECT (SELECT count(*) FROM {old}), (SELECT count(*) FROM {table})")  # noqa: S608
    if counted is None or tuple(counted) != (copied, copied):
        raise SetupError(
            f"Of {form.name} {copied} rows were copied, and not as many are there: {counted}",
            "Nothing of it was kept: look at the server's log and its disks, then run the command again",
        )
    return copied


async def _make_indexes(connection: Connection, form: Form, schema: str, names: Sequence[str], told: Told) -> None:
    """Build each index on one partition after the other; the table's own then consists of them."""
    for index in form.indexes:
        for number, name in enumerate(names):
            await connection.execute(index.made(name, index.part(number)))
            told(f"{form.name}: {index.name}, {number + 1} of {len(names)}", index.size // len(names))
        await connection.execute(index.made(form.name, index.name))
        of_partitions = [f"{schema}.{quoted(index.part(number))}" for number in range(len(names))]
        for each in (quoted(index.name), *of_partitions):
            for setting in index.statistics:
                await connection.execute(f"ALTER INDEX {each} {setting}")
        if index.identifies:
            for each, of in ((form.name, index.name), *((n, index.part(at)) for at, n in enumerate(names))):
                await connection.execute(f"ALTER TABLE {each} REPLICA IDENTITY USING INDEX {quoted(of)}")


async def _carry_on(connection: Connection, form: Form) -> None:
    """Give the table all else that the old one has, and let it count on where that one stopped."""
    for column, sequence in form.sequences.items():
        await connection.execute(
            """
            SELECT setval(pg_get_serial_sequence($1, $2)::regclass, last)
            FROM pg_sequence_last_value($3::oid::regclass) AS last WHERE last IS NOT NULL
            """,
            *(form.name, column, sequence),
        )
    given = await connection.fetch(_GIVEN, form.name, list(form.sequences))
    for statement in (*(each["given"] for each in given), *form.afterwards):
        await connection.execute(statement)


@contextmanager
def _faults_explained() -> Iterator[None]:
    again = "what was done is kept, and the same command goes on"
    try:
        yield
    except asyncpg.LockNotAvailableError as error:
        raise SetupError(
            f"Another session works on the tables: {error}",
            "Stop it (`SELECT * FROM pg_stat_activity` shows who it is), then run the command again",
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise SetupError(
            f"The database role may not do that: {error}",
            "Run the command with the role that owns the tables, and that may create tables in their schema",
        ) from error
    except asyncpg.DependentObjectsStillExistError as error:
        raise SetupError(
            f"Something else rests on the table: {error}",
            f"Drop it, run the command again, and make it anew afterwards: {again}",
        ) from error
    except asyncpg.DiskFullError as error:
        raise SetupError(
            f"The server's disk is full: {error}", f"Make room, then run the command again: {again}"
        ) from error
    except asyncpg.OutOfMemoryError as error:
        raise SetupError(
            f"The server has no room for so many locks: {error}",
            f"Raise max_locks_per_transaction or give a smaller --into, then run the command again: {again}",
        ) from error
    except AWAY as error:
        raise SetupError(
            f"The database went away: {str(error) or type(error).__name__}", f"Run the command again: {again}"
        ) from error
