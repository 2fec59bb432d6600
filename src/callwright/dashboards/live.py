"""Tells open pages what has come of calls: one look at the database for all viewers, a few bytes to each."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from datetime import UTC, datetime

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response

from callwright import db
from callwright.dashboards.asking import CHANGES
from callwright.dashboards.embed import PageError, PageRoute, Viewer, Viewing
from callwright.dashboards.flowing import Flow
from callwright.db import Scope
from callwright.db.reads import Reads
from callwright.errors import Unavailable
from callwright.reports.changes import CallOf, Mark, is_later, read_marks, read_states

log = structlog.get_logger(__name__)

router = APIRouter(route_class=PageRoute)

POLL_SECONDS = 3.0
MOST_VIEWERS = 200
"""Of a process: each is a connection that stays open. Half of them at most are of one subtenant."""
SILENCE_SECONDS = 20.0
"""After so long something is sent that says nothing, so that whatever lies between does not take us for gone."""
LONGEST_SECONDS = 3600.0
"""Then the page asks again, and shows its token again."""


Subject = Scope | CallOf
"""What a viewer watches: all calls of a subtenant, or one that is under way."""


class Changes:
    """Looks now and then, as long as somebody watches, and tells who has to be told.

    Args:
        reads: The database, and the replica that figures and lists are made by.
        pause: Seconds between two looks.
        most: Viewers at a time.
    """

    def __init__(self, reads: Reads, *, pause: float = POLL_SECONDS, most: int = MOST_VIEWERS) -> None:
        self._reads, self._pause, self._most = reads, pause, most
        self._watched: Counter[Subject] = Counter()
        self._marks: dict[Scope, Mark] = {}
        self._states: dict[CallOf, str] = {}
        self._happened = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def full(self, scope: Scope) -> bool:
        """Whether there is no place for another viewer of a subtenant."""
        mine = sum(count for subject, count in self._watched.items() if _scope_of(subject) == scope)
        return self._closed or mine >= max(self._most // 2, 1) or self._watched.total() >= self._most

    def watch(self, scope: Scope, seconds: float, shown: Mark | None = None) -> AsyncGenerator[bytes, None]:
        """Server-sent events: `change` each time that calls of the subtenant have ended or changed.

        Args:
            scope: Whose calls.
            seconds: How long the token lets its viewer watch.
            shown: The mark at which the viewer's page was made, so that what came since is told, too.
        """
        known = shown

        def news() -> bytes | None:
            nonlocal known
            mark = self._marks.get(scope)  # of a look before the page was made, where its number is lower
            if mark is None or mark == known or (known and mark[0] < known[0]):
                return None
            later, known = known is not None and is_later(mark, known), mark
            return b"event: change\ndata: calls\n\n" if later else None

        return self._tell(scope, seconds, news)

    def watch_call(self, call: CallOf, seconds: float, shown: str | None = None) -> AsyncGenerator[bytes, None]:
        """Server-sent events: `change` each time that a call is in another state, with that state.

        Args:
            call: Which.
            seconds: How long the token lets its viewer watch.
            shown: The state that the viewer's page shows.
        """
        known = shown

        def news() -> bytes | None:
            nonlocal known
            state = self._states.get(call)
            if state is None or state == known:
                return None
            known = state
            return f"event: change\ndata: {state}\n\n".encode()

        return self._tell(call, seconds, news)

    async def _tell(
        self, subject: Subject, seconds: float, news: Callable[[], bytes | None]
    ) -> AsyncGenerator[bytes, None]:
        self._watched[subject] += 1
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        try:
            yield b"retry: 5000\n\n"
            end = time.monotonic() + min(seconds, LONGEST_SECONDS)
            while not self._closed and (left := end - time.monotonic()) > 0:
                told = await self._wait(news, min(left, SILENCE_SECONDS))
                if not self._closed:
                    yield told or b":\n\n"
        finally:
            self._watched -= Counter([subject])

    async def _wait(self, news: Callable[[], bytes | None], seconds: float) -> bytes | None:
        """What is to be told, once there is anything; None where the time is up first."""
        told = None

        def some() -> bool:
            nonlocal told
            told = news()
            return told is not None or self._closed

        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._happened:
                await self._happened.wait_for(some)
        return told

    async def _look(self) -> None:
        while self._watched and not self._closed:
            try:
                marks, states = await self._read_marks(), await self._read_states()
            except Unavailable:
                log.warning("database away, viewers wait")
            except Exception:
                log.exception("viewers wait")  # the next look may find what this one did not
            else:
                async with self._happened:
                    self._marks, self._states = marks, states
                    self._happened.notify_all()
            await asyncio.sleep(self._pause)
        self._task = None
        self._marks, self._states = {}, {}

    async def _read_marks(self) -> dict[Scope, Mark]:
        scopes = [subject for subject in self._watched if isinstance(subject, Scope)]
        if not scopes:
            return {}
        async with self._reads.everywhere() as connection:
            return await read_marks(connection, scopes)

    async def _read_states(self) -> dict[CallOf, str]:
        """By the database, as the page of a call is: it would be told, and ask, as long as a replica is behind it."""
        calls = [subject for subject in self._watched if isinstance(subject, CallOf)]
        if not calls:
            return {}
        async with db.everywhere(self._reads.primary, reads=True) as connection:
            return await read_states(connection, calls)

    async def close(self) -> None:
        """End what is being watched: the server stops."""
        self._closed = True
        async with self._happened:
            self._happened.notify_all()
        if self._task is not None:
            self._task.cancel()


def _scope_of(subject: Subject) -> Scope:
    return subject.scope if isinstance(subject, CallOf) else subject


def written(mark: Mark) -> str:
    """A mark as it stands in an address."""
    return "-".join(map(str, mark))


def _shown(request: Request) -> Mark | None:
    """The mark at which the page that asks was made."""
    found = re.fullmatch(r"(\d{1,18})-(\d{1,18})", request.query_params.get("shown", ""))
    return found and (int(found[1]), int(found[2]))


def streamed(
    request: Request, viewer: Viewer, watch: Callable[[Changes, float], AsyncGenerator[bytes, None]]
) -> Response:
    """Answer with what `watch` tells, until the token expires or the viewer goes.

    Raises:
        PageError: Too many are watching.
    """
    told: Changes = request.app.state.changes
    if told.full(viewer.scope):
        raise PageError(
            503, "Too many pages are open", "This one is not kept up to date; reload it to see what is new."
        )
    left = viewer.expires_at.timestamp() - datetime.now(UTC).timestamp()
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Flow(watch(told, max(left, 0.0)), 200, headers, "text/event-stream")


@router.get(CHANGES)
async def changes(request: Request, viewer: Viewing) -> Response:
    """Tell that calls of the viewer's subtenant have ended."""
    shown = _shown(request)
    return streamed(request, viewer, lambda told, seconds: told.watch(viewer.scope, seconds, shown))
