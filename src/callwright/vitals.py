"""What an operator's machines may ask of a process, at an address of its own: its metrics, and how it is."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson
import structlog
import uvicorn

from callwright import db, metrics
from callwright.db import Pool
from callwright.errors import SetupError, Unavailable
from callwright.reports import operation

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

log = structlog.get_logger(__name__)

QUEUE_SECONDS = 5.0
"""How old the figures of the queue may be, however often they are asked for."""

PATIENCE_SECONDS = 2.0
"""How long a scrape waits for them: Prometheus waits 10 s for all of it."""

MOST_COUNTED = 10_000
"""What there is more of is not counted to its end: looking at the queue must not cost the more, the longer it is."""

MOST_AT_A_TIME = 20
"""Connections; beyond that one is refused."""

DRAIN_SECONDS = 2

Fault = Callable[[], Awaitable[str | None]]
"""Says why a process is not ready; None where it is."""


class Queue:
    """How long the queue is, read when it is asked for.

    Args:
        pool: The database.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def look(self) -> None:
        """Bring the metrics of the queue up to date; while the database is away they are gone, rather than wrong."""
        async with self._reading:
            if time.monotonic() - self._read_at < QUEUE_SECONDS:
                return
            self._read_at = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS), db.beside(self._pool) as connection:
                    steps = await operation.read_queue(connection, most=MOST_COUNTED)
            except (Unavailable, TimeoutError, asyncpg.PostgresError) as error:
                log.warning("the queue was not looked at", error=type(error).__name__)
                metrics.DATABASE_UP.set(0)
                metrics.QUEUE_JOBS.clear()
                metrics.QUEUE_AGE.clear()
                return
            metrics.DATABASE_UP.set(1)
            for step in steps:
                for state in ("due", "later", "running"):
                    metrics.QUEUE_JOBS.labels(step.step, state).set(getattr(step, state))
                metrics.QUEUE_AGE.labels(step.step).set(step.waited)


def watch_pool(name: str, pool: Pool) -> None:
    """Tell of a pool's connections from now on.

    Args:
        name: What it is for: a value of the label `pool`.
        pool: Whose.
    """
    connections = partial(metrics.DATABASE_CONNECTIONS.labels, name)
    connections("busy").set_function(lambda: pool.get_size() - pool.get_idle_size())
    connections("idle").set_function(pool.get_idle_size)
    metrics.DATABASE_MOST.labels(name).set(pool.get_max_size())


class Vitals:
    """The application behind the address.

    Args:
        of: Which process it is.
        fault: Asked for readiness.
        look: Called before metrics are told, to bring up to date what is not by itself.
    """

    def __init__(self, of: metrics.Process, fault: Fault, look: Callable[[], Awaitable[None]] | None = None) -> None:
        self._of = of
        self._fault = fault
        self._look = look

    async def __call__(self, scope: "Scope", _receive: "Receive", send: "Send") -> None:
        """Answer one request."""
        assert scope["type"] == "http"
        status, kind, body = await self._answer(scope["method"], scope["path"])
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})

    async def _answer(self, method: str, path: str) -> tuple[int, str, bytes]:
        if method not in ("GET", "HEAD"):
            return _said(405, "only to be read")
        if path == "/metrics":
            if self._look is not None:
                await self._look()
            return 200, metrics.CONTENT_TYPE, metrics.exposition(self._of)
        if path == "/healthz":
            return _said(200, "alive")
        if path == "/readyz":
            fault = await self._fault()
            return _said(200, "ready") if fault is None else _said(503, "not ready", reason=fault)
        return _said(404, "not found")


def _said(status: int, word: str, **more: Any) -> tuple[int, str, bytes]:  # noqa: ANN401 - becomes JSON
    return status, "application/json", orjson.dumps({"status": word, **more})


class _Server(uvicorn.Server):
    """uvicorn beside the process's own work, which alone takes signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


@asynccontextmanager
async def told(address: tuple[str, int] | None, vitals: Vitals) -> AsyncIterator[None]:
    """Answer at an address as long as the block runs; without one, nobody is answered.

    Args:
        address: Host and port.
        vitals: What answers.

    Raises:
        SetupError: The address cannot be listened at.
    """
    if address is None:
        yield
        return
    config = uvicorn.Config(
        vitals, lifespan="off", ws="none", log_config=None, access_log=False, server_header=False,
        limit_concurrency=MOST_AT_A_TIME, timeout_keep_alive=90, timeout_graceful_shutdown=DRAIN_SECONDS,
    )  # fmt: skip
    with _listening(*address) as listener:
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise SetupError(
            f"Metrics cannot be told at {host}:{port}: {error}",
            "Set CALLWRIGHT_METRICS_ADDRESS to an address of this machine and a free port, or not at all",
        ) from error
