"""Fixtures of the journey: the house without a worker, and a worker beside it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callwright.db import Pool
from journey_house import House, built, working


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
