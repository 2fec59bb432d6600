"""Tells open pages that calls have ended: one look at the database for all viewers, a few bytes to each."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response

from callwright.dashboards.asking import CHANGES
from callwright.dashboards.embed import PageError, PageRoute, Viewing
from callwright.dashboards.flowing import Flow
from callwright.db import Scope
from callwright.db.reads import Reads
from callwright.errors import Unavailable
from callwright.reports.changes import Mark, is_later, read_marks

log = structlog.get_logger(__name__)

router = APIRouter(route_class=PageRoute)

POLL_SECONDS = 3.0
MOST_VIEWERS = 200
"""Of a process: each is a connection that stays open. Half of them at most are of one subtenant."""
SILENCE_SECONDS = 20.0
"""After so long something is sent that says nothing, so that whatever lies between does not take us for gone."""
LONGEST_SECONDS = 3600.0
"""Then the page asks again, and shows its token again."""


class Changes:
    """Looks now and then, as long as somebody watches, and tells who has to be told.

    Args:
        reads: The database, or the replica that the pages are made by.
        pause: Seconds between two looks.
        most: Viewers at a time.
    """

    def __init__(self, reads: Reads, *, pause: float = POLL_SECONDS, most: int = MOST_VIEWERS) -> None:
        self._reads, self._pause, self._most = reads, pause, most
        self._watched: Counter[Scope] = Counter()
        self._marks: dict[Scope, Mark] = {}
        self._happened = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def full(self, scope: Scope) -> bool:
        """Whether there is no place for another viewer of a subtenant."""
        mine = self._watched[scope] >= max(self._most // 2, 1)
        return self._closed or mine or self._watched.total() >= self._most

    async def watch(self, scope: Scope, seconds: float, shown: Mark | None = None) -> AsyncGenerator[bytes, None]:
        """Server-sent events: `change` each time that calls of the subtenant have ended or changed.

        Args:
            scope: Whose calls.
            seconds: How long the token lets its viewer watch.
            shown: The mark at which the viewer's page was made, so that what came since is told, too.
        """
        self._watched[scope] += 1
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        try:
            yield b"retry: 5000\n\n"
            end, known = time.monotonic() + min(seconds, LONGEST_SECONDS), shown
            while not self._closed and (left := end - time.monotonic()) > 0:
                mark = await self._wait(scope, known, min(left, SILENCE_SECONDS))
                if mark is not None:
                    later, known = known is not None and is_later(mark, known), mark
                    if later:
                        yield b"event: change\ndata: calls\n\n"
                elif not self._closed:
                    yield b":\n\n"
        finally:
            self._watched -= Counter([scope])

    async def _wait(self, scope: Scope, known: Mark | None, seconds: float) -> Mark | None:
        """The subtenant's mark, once it is another than the one that is known; None where the time is up first."""

        def new() -> Mark | None:
            mark = self._marks.get(scope)  # of a look before the page was made, where its number is lower
            return None if mark is None or mark == known or (known and mark[0] < known[0]) else mark

        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._happened:
                await self._happened.wait_for(lambda: self._closed or new() is not None)
        return None if self._closed else new()

    async def _look(self) -> None:
        while self._watched and not self._closed:
            try:
                async with self._reads.everywhere() as connection:
                    marks = await read_marks(connection, list(self._watched))
            except Unavailable:
                log.warning("database away, viewers wait")
            except Exception:
                log.exception("viewers wait")  # the next look may find what this one did not
            else:
                async with self._happened:
                    self._marks = marks
                    self._happened.notify_all()
            await asyncio.sleep(self._pause)
        self._task = None
        self._marks = {}

    async def close(self) -> None:
        """End what is being watched: the server stops."""
        self._closed = True
        async with self._happened:
            self._happened.notify_all()
        if self._task is not None:
            self._task.cancel()


def written(mark: Mark) -> str:
    """A mark as it stands in an address."""
    return "-".join(map(str, mark))


def _shown(request: Request) -> Mark | None:
    """The mark at which the page that asks was made."""
    found = re.fullmatch(r"(\d{1,18})-(\d{1,18})", request.query_params.get("shown", ""))
    return found and (int(found[1]), int(found[2]))


@router.get(CHANGES)
async def changes(request: Request, viewer: Viewing) -> Response:
    """Tell of changes until the token expires or the viewer goes."""
    told: Changes = request.app.state.changes
    if told.full(viewer.scope):
        raise PageError(
            503, "Too many pages are open", "This one is not kept up to date; reload it to see what is new."
        )
    left = viewer.expires_at.timestamp() - datetime.now(UTC).timestamp()
    news = told.watch(viewer.scope, max(left, 0.0), _shown(request))
    return Flow(news, 200, {"cache-control": "no-store", "x-accel-buffering": "no"}, "text/event-stream")
