"""For each module, the door with a partner of its own."""

from collections.abc import AsyncIterator

import pytest_asyncio

from partner_api import Door, open_door


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(module_database_url: str) -> AsyncIterator[Door]:
    """The door, and a partner of the module's own with tenant `acme` and subtenant `sales`."""
    async with open_door(module_database_url) as opened:
        yield opened
