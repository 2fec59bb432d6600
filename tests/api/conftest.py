"""A database for the whole session and, for each module, the door with a partner of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from partner_api import Door, open_door


@pytest.fixture(scope="session")
def shared_database_url(server_url: str, template: str, names: Iterator[str]) -> Iterator[str]:
    """A database that tests share: the partner of one never meets the partner of another."""
    name = next(names)

    async def administer(statement: str) -> None:
        connection = await asyncpg.connect(server_url)
        await connection.execute(statement)
        await connection.close()

    with asyncio.Runner() as runner:
        runner.run(administer(f"CREATE DATABASE {name} TEMPLATE {template}"))
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
        runner.run(administer(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(shared_database_url: str) -> AsyncIterator[Door]:
    """The door, and a partner of the module's own with tenant `acme` and subtenant `sales`."""
    async with open_door(shared_database_url) as opened:
        yield opened
