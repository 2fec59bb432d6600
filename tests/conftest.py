"""What tests share: one PostgreSQL server for the session, a fresh database for each test that asks."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import structlog
from hypothesis import settings

from callwright import queue
from callwright.db import Pool, open_pool, partitions
from callwright.db.embedded import EmbeddedPostgres
from callwright.db.migrate import migrate
from callwright.db.roles import EVERY_PARTNER
from s3_server import BUCKET, S3Server, an_s3

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}

settings.register_profile("long", max_examples=2_000)
"""For hours by hand (--hypothesis-profile=long); every bound on examples is a share of this number."""


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server to make databases on: CALLWRIGHT_TEST_DATABASE_URL's, else an embedded one for this session."""
    if url := os.environ.get("CALLWRIGHT_TEST_DATABASE_URL"):
        yield url
        return
    server = EmbeddedPostgres(tmp_path_factory.mktemp("server"), configuration=FAST)
    with asyncio.Runner() as runner:  # in the main thread, whose end is the server's
        yield runner.run(server.start())
        runner.run(server.stop())


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command that runs in the tests' process sets up logging for all of it, as at `warning`."""
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, sys.excepthook
    yield
    if structlog.is_configured():
        root.handlers[:], sys.excepthook, logging.raiseExceptions = handlers, hook, True
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()


@pytest.fixture(scope="session")
def names() -> Iterator[str]:
    """What the databases of this session's are called: parallel workers and sessions share a server."""
    return iter(lambda: f"test_{os.getpid()}_{os.urandom(4).hex()}", "")


@pytest.fixture(scope="session")
def template(server_url: str, names: Iterator[str]) -> Iterator[str]:
    """The name of a database with the schema, to copy; with CALLWRIGHT_TEST_PARTITIONS partitioned into as many."""
    name = next(names)

    async def make() -> None:
        await administer(server_url, f"CREATE DATABASE {name}")
        connection = await asyncpg.connect(of_database(server_url, name))
        await migrate(connection)
        await queue.install(connection)
        if into := os.environ.get("CALLWRIGHT_TEST_PARTITIONS"):
            await partitions.partition(connection, await partitions.plan(connection, int(into)), lambda *_: None)
        await connection.close()

    with asyncio.Runner() as runner:
        runner.run(make())
        yield name
        runner.run(drop_database(server_url, name))


@pytest.fixture
async def empty_database_url(server_url: str, names: Iterator[str]) -> AsyncIterator[str]:
    """A database of this test's own with nothing in it."""
    name = next(names)
    await administer(server_url, f"CREATE DATABASE {name}")
    yield of_database(server_url, name)
    await drop_database(server_url, name)


@pytest.fixture
async def database_url(server_url: str, template: str, names: Iterator[str]) -> AsyncIterator[str]:
    """A database of this test's own with the schema and the queue's tables."""
    name = next(names)
    await administer(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield of_database(server_url, name)
    await drop_database(server_url, name)


@pytest.fixture(scope="module")
def module_database_url(server_url: str, template: str, names: Iterator[str]) -> Iterator[str]:
    """A database as `database_url`'s for all tests of a module: each has a partner of its own there.

    And no more than a module: failed logins are counted by address, and from loopback all tests come alike.
    """
    name = next(names)
    with asyncio.Runner() as runner:
        runner.run(administer(server_url, f"CREATE DATABASE {name} TEMPLATE {template}"))
        yield of_database(server_url, name)
        runner.run(drop_database(server_url, name))


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on `database_url`."""
    opened = await open_pool(database_url, size=10, name="tests")
    yield opened
    opened.terminate()


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Pool]:
    """A pool on `database_url` that sees every row, for looking at what was written."""
    opened = await asyncpg.create_pool(
        database_url, min_size=0, max_size=4, server_settings={"role": EVERY_PARTNER, "timezone": "UTC"}
    )
    yield opened
    opened.terminate()


@pytest.fixture(scope="session")
def shared_audio() -> Path:
    """The folder of real recordings beside the repository; skips where it is absent."""
    folder = Path(__file__).parents[2] / "shared" / "audio"
    if not folder.is_dir():
        pytest.skip("no real recordings beside the repository")
    return folder


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server for this session; skips where there is none."""
    with an_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3_url(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a store of this test's own on it, with an environment that leads there."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{os.urandom(8).hex()}"


async def administer(server_url: str, statement: str) -> None:
    """Run one statement that cannot run in a transaction."""
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def drop_database(server_url: str, name: str) -> None:
    """Drop a database and end whatever a test left connected to it.

    A role that is no superuser is refused FORCE while autovacuum works there; the plain statement ends autovacuum.
    """
    try:
        await administer(server_url, f"DROP DATABASE {name} WITH (FORCE)")
    except asyncpg.InsufficientPrivilegeError:
        await administer(server_url, f"DROP DATABASE {name}")


def of_database(server_url: str, name: str) -> str:
    """The address of another database on the same server."""
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()
