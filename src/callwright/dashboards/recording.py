"""A call's recording, streamed with ranges to whoever may see the call, and its waveform."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Final, TypeVar

import orjson
import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from callwright import db
from callwright.dashboards.embed import PageError, PageRoute, Viewer, Viewing
from callwright.dashboards.flowing import Flow
from callwright.db import Connection, Scope
from callwright.errors import StepFailed, Unavailable
from callwright.recordings.listening import Listening, Playable
from callwright.recordings.store import AWAY
from callwright.reports import call_page

router = APIRouter(route_class=PageRoute)
log = structlog.get_logger(__name__)

T = TypeVar("T")

NO_RECORDING = "There is nothing to play", "This call has no recording here, or it is not yours to hear."

_RANGE: Final = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*")


# An id may hold a slash: it arrives percent-encoded, and the server has undone that before the path is matched.
@router.api_route("/call-recording/{call_id:path}", methods=["GET", "HEAD"])
async def recording(request: Request, viewer: Viewing, call_id: str) -> Response:
    """Stream a recording, or the one range of it that is asked for (RFC 9110, section 14); several are sent whole.

    Where the operator wants it so, who asks is sent on to the store, by a link that nobody else is told.
    """
    recorded = await _found(request, viewer, call_id, call_page.read_recorded)
    listening: Listening = request.app.state.listening
    await request.state.holds.aclose()  # a copy may have to be made first: that waits for others, and asks no database
    try:
        playable = await listening.playable(recorded)
        link = await listening.link(playable) if request.method == "GET" else None
        return RedirectResponse(link) if link else await _answer(request, listening, playable)
    except FileNotFoundError:
        raise PageError(404, *NO_RECORDING) from None
    except StepFailed as failure:
        log.warning("recording cannot be played", call_id=call_id, reason=str(failure))
        raise PageError(409, "This recording cannot be played", failure.message) from failure
    except AWAY as error:
        log.exception("store away", call_id=call_id)
        raise Unavailable from error


@router.get("/call-waveform/{call_id:path}")
async def waveform(request: Request, viewer: Viewing, call_id: str) -> Response:
    """Give who is heard when, as numbers from 0 to 255 over equal slices of the recording."""
    shown = await _found(request, viewer, call_id, call_page.read_waveform)
    return Response(orjson.dumps(asdict(shown)), media_type="application/json")


async def _found(
    request: Request, viewer: Viewer, call_id: str, read: Callable[[Connection, Scope, str], Awaitable[T | None]]
) -> T:
    """What there is of a call's recording; an id that PostgreSQL cannot even be asked for is nobody's."""
    if not call_id or "\0" in call_id:
        raise PageError(404, *NO_RECORDING)
    async with db.transaction(request.app.state.pool, viewer.scope) as connection:
        found = await read(connection, viewer.scope, call_id)
    if found is None:
        raise PageError(404, *NO_RECORDING)
    return found


async def _answer(request: Request, listening: Listening, playable: Playable) -> Response:
    tag, size = f'"{playable.tag}"', playable.size
    headers = {"accept-ranges": "bytes", "etag": tag, "cross-origin-resource-policy": "same-origin"}
    if tag in (each.strip() for each in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    asked = _asked(request, tag)
    start, end = (0, size) if asked is None else _place(asked, size)
    if asked is not None and start >= end:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{size}"})
    headers["content-length"] = str(end - start)
    if asked is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    status = 200 if asked is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=playable.media_type)
    body = listening.stream(playable, start, end)
    first = await anext(body, b"")  # a store that is away, or has lost it, is told while it can be
    return Flow(body, status, headers, playable.media_type, first)


def _asked(request: Request, tag: str) -> tuple[str, str] | None:
    """The two ends of the one range that is asked for; None where all is to be sent.

    So it is where several are asked for or a unit is unknown, which a server may pass over, and where what the client
    has the beginning of is not what there is now (`If-Range`; a date is no tag of ours).
    """
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found is None or not (found[1] or found[2]) or (found[1] and found[2] and int(found[1]) > int(found[2])):
        return None
    if request.headers.get("if-range", tag) != tag:
        return None
    return found[1], found[2]


def _place(asked: tuple[str, str], size: int) -> tuple[int, int]:
    """From where up to, not including, where a range is, in a file of so many bytes; nothing where it lies outside."""
    first, last = asked
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size
