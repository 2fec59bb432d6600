"""A real server on a real port, a partner of each test's own, and both clients asked in the same words."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest
import pytest_asyncio

from callwright import partners
from callwright.db import Pool, everywhere, open_pool
from callwright.partners import NewPartner
from callwright_client import AsyncClient, Client, Page
from partner_api import add_partner
from real_server import a_server


@dataclass(frozen=True)
class House:
    """Where the server is, and its database."""

    url: str
    pool: Pool

    async def partner(
        self,
        *,
        rate_limit: int = 100_000,
        tenants: Sequence[tuple[str, str]] = (("acme", "sales"), ("acme", "support")),
    ) -> NewPartner:
        """A new partner with these tenants and subtenants."""
        added = await add_partner(self.pool, *tenants)
        async with everywhere(self.pool) as lent:
            await partners.set_partner(lent, added.partner_id, rate_limit=rate_limit)
        return added

    async def requests(self, partner: NewPartner) -> int:
        """How many requests of a partner's the server has counted in the last minute."""
        async with everywhere(self.pool) as lent:
            bucket = f"partner:{partner.partner_id}"
            counted: int = await lent.fetchval("SELECT count(*) FROM rate_stamps WHERE bucket = $1", bucket)
        return counted


@dataclass(frozen=True)
class Desk:
    """One of the two clients, asked in the same words: `await desk.ask("get_call", "call-1")`."""

    client: Client | AsyncClient

    async def ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method; what it iterates over comes as a list."""
        method = getattr(self.client, name)
        if isinstance(self.client, Client):
            return await asyncio.to_thread(lambda: _whole(method(*args, **kwargs)))
        asked = method(*args, **kwargs)
        return [each async for each in asked] if hasattr(asked, "__aiter__") else await asked

    async def page(self, name: str, cursor: str | None, *, limit: int = 100, **kwargs: Any) -> Page[Any]:
        """One page of a list."""
        listed = getattr(self.client, name)(**kwargs)
        if isinstance(self.client, Client):
            listed_page: Page[Any] = await asyncio.to_thread(listed.page, cursor, limit=limit)
            return listed_page
        awaited: Page[Any] = await listed.page(cursor, limit=limit)
        return awaited

    async def close(self) -> None:
        if isinstance(self.client, Client):
            self.client.close()
        else:
            await self.client.aclose()


def _whole(answer: Any) -> Any:
    return list(answer) if hasattr(answer, "__next__") else answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_database_url: str) -> AsyncIterator[House]:
    """The server."""
    async with a_server(module_database_url) as (port, _, _):
        pool = await open_pool(module_database_url, size=2, name="tests")
        yield House(f"http://127.0.0.1:{port}", pool)
        await pool.close()


@pytest_asyncio.fixture(loop_scope="module")
async def partner(house: House) -> NewPartner:
    """A partner of the test's own."""
    return await house.partner()


@pytest_asyncio.fixture(loop_scope="module", params=[Client, AsyncClient])
async def desk(request: pytest.FixtureRequest, house: House, partner: NewPartner) -> AsyncIterator[Desk]:
    """Each client in turn."""
    kind = cast("type[Client | AsyncClient]", request.param)
    opened = Desk(kind(house.url, partner.api_key, partner.api_secret, "acme", "sales"))
    yield opened
    await opened.close()
