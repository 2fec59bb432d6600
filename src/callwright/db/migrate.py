"""The schema's migrations: applied in order, once, each in its own transaction."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

import asyncpg
import structlog

from callwright.db import Connection
from callwright.db.roles import ensure_roles, grant_tables
from callwright.errors import SetupError

LOCK = 0x63616C6C  # "call": any number does, as long as every release of Callwright uses the same
OLDEST_SERVER = 15

LOCK_TRIES, LOCK_PAUSE_SECONDS = 6, 3.0
"""A migration waits 5 s for a table; between two tries whoever waits behind it goes on."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Migration:
    """One page of `db/migrations`, as `0001_partners.sql`."""

    version: int
    name: str
    sql: str
    sha256: str


def migrations() -> list[Migration]:
    """Every migration that this release knows, in order."""
    pages = sorted(
        (p for p in files("callwright.db").joinpath("migrations").iterdir() if p.name.endswith(".sql")),
        key=lambda p: p.name,
    )
    known = []
    for page in pages:
        version, name = page.name.removesuffix(".sql").split("_", 1)
        body = page.read_bytes()
        known.append(Migration(int(version), name, body.decode(), hashlib.sha256(body).hexdigest()))
    return known


async def migrate(connection: Connection) -> list[str]:
    """Bring the schema up to date; safe to call from many processes at once.

    The queue's tables are its own: call `queue.install` afterwards.

    Args:
        connection: A connection with no transaction open, of a role that may create tables.

    Returns:
        The migrations that were applied now, as `0001_partners`.

    Raises:
        SetupError: The server is too old, an applied migration was altered, the role may not create tables, or the
            tables stayed locked.
    """
    server = connection.get_server_version()
    if server.major < OLDEST_SERVER:
        raise SetupError(
            f"PostgreSQL {server.major} is too old",
            f"Use PostgreSQL {OLDEST_SERVER} or newer in CALLWRIGHT_DATABASE_URL",
        )
    await ensure_roles(connection)
    with _faults_explained():
        return [_label(m) for m in migrations() if await _apply_patiently(connection, m)]


async def pending(connection: Connection) -> list[str]:
    """The migrations that the database does not have yet, as `0001_partners`.

    Raises:
        SetupError: An applied migration was altered.
    """
    applied = await _applied(connection)
    for migration in migrations():
        _refuse_altered(migration, applied.get(migration.version))
    return [_label(m) for m in migrations() if m.version not in applied]


async def _apply_patiently(connection: Connection, migration: Migration) -> bool:
    for left in reversed(range(LOCK_TRIES)):
        try:
            return await _apply(connection, migration)
        except asyncpg.LockNotAvailableError:
            if not left:
                raise
            log.warning("tables locked by another session, migration tried again", migration=_label(migration))
            await asyncio.sleep(LOCK_PAUSE_SECONDS)
    raise AssertionError


async def _apply(connection: Connection, migration: Migration) -> bool:
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '60s'")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        before = (await _applied(connection)).get(migration.version)
        if before is not None:
            _refuse_altered(migration, before)
            return False
        # Behind a lock that we wait for, everybody else's queries queue up: rather fail and try again.
        await connection.execute("SET LOCAL lock_timeout = '5s'")
        await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                version    integer PRIMARY KEY,
                name       text NOT NULL,
                sha256     text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now()
            )
            """
        )
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)",
            migration.version,
            migration.name,
            migration.sha256,
        )
        # Under the same lock, as two sessions that grant at once disturb each other, and with the tables or not at all.
        await grant_tables(connection)
        return True


async def _applied(connection: Connection) -> dict[int, str]:
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return {}
    rows = await connection.fetch("SELECT version, sha256 FROM schema_migrations")
    return {row["version"]: row["sha256"] for row in rows}


def _refuse_altered(migration: Migration, sha256: str | None) -> None:
    if sha256 not in (None, migration.sha256):
        raise SetupError(
            f"The migration {_label(migration)} is not the one that this database was made with",
            "Restore that file; a change of the schema goes into a new migration",
        )


def _label(migration: Migration) -> str:
    return f"{migration.version:04}_{migration.name}"


@contextmanager
def _faults_explained() -> Iterator[None]:
    try:
        yield
    except asyncpg.LockNotAvailableError as error:
        raise SetupError(
            f"The tables are locked by another session, so the migration was given up after {LOCK_TRIES} tries",
            "Run `callwright migrate` again; `SELECT * FROM pg_stat_activity` shows who holds them",
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise SetupError(
            f"The database role may not create the tables: {error}",
            "Make it the owner of the database, or GRANT CREATE ON SCHEMA public to it",
        ) from error
