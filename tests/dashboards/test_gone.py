"""Viewers who go in the middle of something: they hold no place and are no fault of ours."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from dashboards.viewing import Screen, screen_of
from partner_api import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Nothing is given back by chance."""
    gc.disable()
    yield
    gc.enable()


def asking(screen: Screen, method: str, path: str) -> dict[str, Any]:
    """A request as the server gives it to the application."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"callwright.test"), (b"authorization", f"Bearer {screen.token}".encode())],
        "client": ("198.18.0.1", 1),
        "server": ("callwright.test", 80),
    }


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("takes", [True, False])
async def test_a_viewer_who_is_gone_has_no_place(door: Door, takes: bool) -> None:
    """Whether the stream waits for news at that moment, or for the viewer to take what was sent."""
    screen = await screen_of(door)
    gone, began = asyncio.Event(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            began.set()
            await (asyncio.sleep(0) if takes else asyncio.Event().wait())

    watched = door.app.state.changes._watched
    running = asyncio.create_task(door.app(asking(screen, "GET", "/view-insights/changes"), receive, send))
    await began.wait()
    during = watched[await screen.scope()]
    gone.set()
    await running
    assert (during, watched[await screen.scope()]) == (1, 0)


async def test_a_form_that_breaks_off_is_no_crash(door: Door) -> None:
    screen, answered = await screen_of(door), list[int]()

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answered.append(message.get("status", 0))

    with capture_logs() as logs:
        await door.app(asking(screen, "POST", "/call-corrections/x"), receive, send)
    assert (answered[0], [line for line in logs if line["event"] == "page crashed"]) == (400, [])
