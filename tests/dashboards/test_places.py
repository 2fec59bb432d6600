"""Places for pages: a partner who asks for very many waits for its own, and holds up nobody else."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

from callwright.places import Places
from callwright.reports import call_page
from dashboards.test_pages import words
from dashboards.viewing import screen_of
from judged import analysis
from partner_api import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def places(door: Door) -> Iterator[Places]:
    """Two places, one of them for each partner; who does not get one does not wait long."""
    kept, door.app.state.places = door.app.state.places, Places(2, 1, patience=0.2)
    yield door.app.state.places
    door.app.state.places = kept


async def test_a_partner_holds_up_nobody_but_itself(
    door: Door, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen, other = await screen_of(door), await screen_of(door)
    await other.call("theirs", analysis())
    real, begun, go_on = call_page.read_call_page, asyncio.Event(), asyncio.Event()

    async def slow(connection: Any, scope: Any, call_id: str) -> Any:
        if call_id == "slow":
            begun.set()
            await go_on.wait()
        return await real(connection, scope, call_id)

    monkeypatch.setattr(call_page, "read_call_page", slow)
    first = asyncio.create_task(screen.open("/call-details/slow"))
    await begun.wait()
    refused = await screen.open("/view-insights")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "Many pages are asked for just now." in words(refused)
    assert (await other.open("/call-details/theirs")).status_code == 200
    go_on.set()
    assert (await first).status_code == 404
    assert (await screen.open("/view-insights")).status_code == 200, "the place is free again, whatever became of it"


async def test_who_only_listens_holds_no_place(door: Door, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    screen, began = await screen_of(door), asyncio.Event()

    async def news(*_: object) -> AsyncGenerator[bytes, None]:
        began.set()
        yield b":\n\n"
        await asyncio.Event().wait()

    monkeypatch.setattr(door.app.state.changes, "watch", news)
    stream = asyncio.create_task(screen.open("/view-insights/changes"))
    async with places.one(0):  # another's
        await began.wait()
        assert (await screen.open("/view-insights")).status_code == 200
    stream.cancel()
