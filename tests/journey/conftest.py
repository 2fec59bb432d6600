"""Fixtures of the journey: the house without a worker, a worker beside it, and the house as a test key sees it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from callwright import partners, twins
from callwright.db import Pool, everywhere
from journey_house import House, built, working
from submissions import SEALER


@pytest.fixture
async def house(pool: Pool, database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """The API without a worker."""
    async with built(pool, database_url, tmp_path) as made:
        yield made


@pytest.fixture
async def worker(house: House) -> AsyncIterator[None]:
    """A worker beside the API."""
    async with working(house.settings):
        yield


@pytest.fixture
async def rehearsal(house: House, pool: Pool) -> House:
    """The house as the partner's test key sees it."""
    async with everywhere(pool) as lent:
        test = await twins.add_test_key(lent, await partners.get_partner(lent, "acme"), sealer=SEALER)
    house.client.headers.update({"x-api-key": test.api_key, "x-api-secret": test.api_secret})
    return replace(house, partner=test)
