"""For each module, the door with a partner of its own; some modules are asked in test mode too."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from partner_api import Door, open_door

IN_TEST_MODE_TOO = {"test_batch_call", "test_disposition_status", "test_headers", "test_reads"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test key has the same answers as a live one."""
    if metafunc.module.__name__.rpartition(".")[2] in IN_TEST_MODE_TOO and "door" in metafunc.fixturenames:
        metafunc.parametrize("door", ["live", "test"], indirect=True, scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(request: pytest.FixtureRequest, module_database_url: str) -> AsyncIterator[Door]:
    """The door, and a partner of the module's own with tenant `acme` and subtenant `sales`."""
    async with open_door(module_database_url, test=getattr(request, "param", "live") == "test") as opened:
        yield opened
