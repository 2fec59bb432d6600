"""One browser and one Callwright for the tests of a module."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from browser import gallery
from browser.host import Sites, sites
from dashboards.conftest import door
from partner_api import Door

__all__ = ["door"]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser: CALLWRIGHT_TEST_CHROMIUM's, which must then be there, else the machine's."""
    if named := os.environ.get("CALLWRIGHT_TEST_CHROMIUM"):
        program = shutil.which(named)
        assert program, f"CALLWRIGHT_TEST_CHROMIUM names {named}, and there is no such program"
        return program
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no Chromium here; on Debian: apt-get install chromium")
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def places(door: Door, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sites]:
    """Callwright, pages of others, and a browser to see them with."""
    door.app.router.routes.extend(gallery.router.routes)
    async with sites(door.app, tmp_path_factory.mktemp("sites"), chromium) as served:
        yield served


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, which finds what keeps people out."""
    return (Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


@pytest.fixture(scope="session")
def pictures() -> Path | None:
    """Where screenshots go: the folder that CALLWRIGHT_SCREENSHOTS names; nowhere without it."""
    named = os.environ.get("CALLWRIGHT_SCREENSHOTS")
    if named is None:
        return None
    folder = Path(named)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
