"""The envelope: the one shape of every answer, the headers that every answer carries, and one log line for each."""

import re
import time
from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from callwright import metrics
from callwright.api.deprecation import deprecation_headers
from callwright.errors import ApiError, NotFound, Unavailable, ValidationFailed

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from callwright.limits import Allowance

log = structlog.get_logger(__name__)

MOST_REQUESTS_AT_A_TIME = 500
"""In one process; what comes on top is told to come back, instead of making all the others wait."""

CLIENT_GONE = 499
"""nginx's number for a client that left before it was answered; for the log alone."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Envelope(Response):
    """An answer in the contract's shape."""

    media_type = "application/json; charset=utf-8"


def success(data: object = None) -> Envelope:
    """Make the answer of a request that succeeded.

    Args:
        data: What there is to say, if anything.
    """
    content = {"success": True} if data is None else {"success": True, "data": data}
    return Envelope(orjson.dumps(content, option=orjson.OPT_UTC_Z))


def refusal(error: ApiError) -> Envelope:
    """Make the answer of a request that failed."""
    content: dict[str, object] = {"success": False, "message": error.message}
    if isinstance(error, ValidationFailed):
        content["errors"] = error.faults
    retry_after = getattr(error, "retry_after", None)
    headers = None if retry_after is None else {"retry-after": str(ceil(retry_after))}
    return Envelope(orjson.dumps(content), error.status, headers)


async def _on_api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return refusal(error)


async def _on_http_error(request: Request, error: Exception) -> Response:
    """Answer what the router itself refuses: an unknown path, or a method that the path does not have."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return refusal(NotFound())
    answer = Envelope(orjson.dumps({"success": False, "message": error.detail}), error.status_code, error.headers)
    if error.status_code == 405:
        answer.headers["allow"] = ", ".join(sorted(_methods_of(request)))
    return answer


def _methods_of(request: Request) -> set[str]:
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in routes for method in getattr(route, "methods", None) or ()}


def use_envelope(app: FastAPI) -> None:
    """Make an application answer everything in the envelope."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_middleware(EnvelopeMiddleware)


class EnvelopeMiddleware:
    """Gives every answer its request id and its rate limit headers, turns a crash into a 500, writes the log line.

    Args:
        app: The application.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app
        self._running = 0

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with structlog.contextvars.bound_contextvars(request_id=request_id_of(scope["headers"])):
            await self._serve(scope, receive, send)

    async def _serve(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        began = time.perf_counter()
        state = scope.setdefault("state", {})
        request_id = structlog.contextvars.get_contextvars()["request_id"]
        status = 0

        async def send_with_headers(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    *_limit_headers(state),
                    *deprecation_headers(scope["path"]),
                ]
            await send(message)

        self._running += 1
        metrics.REQUESTS_RUNNING.inc()
        try:
            if self._running > MOST_REQUESTS_AT_A_TIME:
                raise Unavailable
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            status = status or CLIENT_GONE
        except Exception as error:
            if not isinstance(error, ApiError):
                log.exception("request crashed")
            if status:
                raise  # the answer has begun: the server cuts the connection
            answer = refusal(error if isinstance(error, ApiError) else ApiError())
            await answer(scope, receive, send_with_headers)
        finally:
            self._running -= 1
            metrics.REQUESTS_RUNNING.dec()
            seconds = time.perf_counter() - began
            _count(scope, status or CLIENT_GONE, seconds)
            _write_log_line(scope, status, seconds)


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The client's own id of a request where it sent one well-formed one, else a new one.

    Args:
        headers: Names in lower case, and values.
    """
    sent = [value for name, value in headers if name == b"x-request-id"]
    own = sent[0].decode("latin-1") if len(sent) == 1 else ""
    return own if _REQUEST_ID.fullmatch(own) else uuid4().hex


def _limit_headers(state: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """Tell a partner its limit and what is left of it, as draft-ietf-httpapi-ratelimit-headers-10 does.

    `t` is the seconds until one more request is free.
    """
    if "limit" not in state:
        return []
    most: int
    allowance: Allowance
    most, allowance = state["limit"]
    left = f'"partner";r={allowance.remaining};t={max(ceil(allowance.wait_seconds), 0)}'
    return [(b"ratelimit-policy", f'"partner";q={most};w=60'.encode()), (b"ratelimit", left.encode())]


def _count(scope: "Scope", status: int, seconds: float) -> None:
    """Count a request; neither its path nor a method that somebody made up becomes a label."""
    method = scope["method"] if scope["method"] in METHODS else "other"
    route = getattr(scope.get("route"), "path", "none")
    metrics.REQUESTS.labels(method, route, status).inc()
    metrics.REQUEST_SECONDS.labels(method, route).observe(seconds)


def _write_log_line(scope: "Scope", status: int, seconds: float) -> None:
    """Write who asked for what and what came of it; never a header, a body or the path's own words."""
    log.info(
        "request",
        method=scope["method"],
        route=getattr(scope.get("route"), "path", None),
        status=status,
        ms=round(seconds * 1000, 1),
        partner=scope["state"].get("partner"),
    )
