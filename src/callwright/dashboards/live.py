"""Tells open pages that calls have ended: one look at the database for all viewers, a few bytes to each."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from callwright import db
from callwright.dashboards.asking import CHANGES
from callwright.dashboards.embed import PageError, PageRoute, Viewing
from callwright.db import Pool, Scope
from callwright.errors import Unavailable
from callwright.reports.changes import Mark, is_later, read_marks

log = structlog.get_logger(__name__)

router = APIRouter(route_class=PageRoute)

POLL_SECONDS = 3.0
MOST_VIEWERS = 200
"""Of a process: each is a connection that stays open."""
SILENCE_SECONDS = 20.0
"""After so long something is sent that says nothing, so that whatever lies between does not take us for gone."""
LONGEST_SECONDS = 3600.0
"""Then the page asks again, and shows its token again."""


class Changes:
    """Looks now and then, as long as somebody watches, and tells who has to be told.

    Args:
        pool: The database.
        pause: Seconds between two looks.
        most: Viewers at a time.
    """

    def __init__(self, pool: Pool, *, pause: float = POLL_SECONDS, most: int = MOST_VIEWERS) -> None:
        self._pool, self._pause, self._most = pool, pause, most
        self._watched: Counter[Scope] = Counter()
        self._marks: dict[Scope, Mark] = {}
        self._counts: Counter[Scope] = Counter()
        self._happened = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def full(self) -> bool:
        """Whether there is no place for another viewer."""
        return self._closed or self._watched.total() >= self._most

    async def watch(self, scope: Scope, seconds: float) -> AsyncGenerator[bytes, None]:
        """Server-sent events: `change` each time that calls of the subtenant have ended or changed.

        Args:
            scope: Whose calls.
            seconds: How long the token lets its viewer watch.
        """
        self._watched[scope] += 1
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        try:
            yield b"retry: 5000\n\n"
            end, seen = time.monotonic() + min(seconds, LONGEST_SECONDS), self._counts[scope]
            while not self._closed and (left := end - time.monotonic()) > 0:
                await self._wait(scope, seen, min(left, SILENCE_SECONDS))
                if self._counts[scope] != seen:
                    seen = self._counts[scope]
                    yield b"event: change\ndata: calls\n\n"
                elif not self._closed:
                    yield b":\n\n"
        finally:
            self._watched -= Counter([scope])

    async def _wait(self, scope: Scope, seen: int, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._happened:
                await self._happened.wait_for(lambda: self._closed or self._counts[scope] != seen)

    async def _look(self) -> None:
        while self._watched and not self._closed:
            try:
                async with db.everywhere(self._pool) as connection:
                    marks = await read_marks(connection, list(self._watched))
            except Unavailable:
                log.warning("database away, viewers wait")
            else:
                await self._tell(marks)
            await asyncio.sleep(self._pause)
        self._task = None
        self._marks.clear()

    async def _tell(self, marks: dict[Scope, Mark]) -> None:
        """Count a change for each subtenant whose mark is later than the one before, or than none."""
        for scope in self._watched:
            mark, before = marks.get(scope, (0, 0)), self._marks.get(scope)
            if before is not None and is_later(mark, before):
                self._counts[scope] += 1
            if before is None or mark[0]:
                self._marks[scope] = mark
        async with self._happened:
            self._happened.notify_all()

    async def close(self) -> None:
        """End what is being watched: the server stops."""
        self._closed = True
        async with self._happened:
            self._happened.notify_all()
        if self._task is not None:
            self._task.cancel()


@router.get(CHANGES)
async def changes(request: Request, viewer: Viewing) -> Response:
    """Tell of changes until the token expires or the viewer goes."""
    told: Changes = request.app.state.changes
    if told.full:
        raise PageError(
            503, "Too many pages are open", "This one is not kept up to date; reload it to see what is new."
        )
    left = viewer.expires_at.timestamp() - datetime.now(UTC).timestamp()
    return StreamingResponse(
        told.watch(viewer.scope, max(left, 0.0)),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )
