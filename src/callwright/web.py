"""Composition root of the API: settings in, an ASGI application and its server out."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from fastapi import FastAPI

from callwright.api import documentation, health, v1_ingest, v1_read
from callwright.api.auth import Gate
from callwright.api.envelope import use_envelope
from callwright.api.limits import DatabaseLimiter, RedisLimiter
from callwright.api.wire import GuardedProtocol
from callwright.db import open_pool
from callwright.errors import SetupError
from callwright.settings import Settings

POOL_CONNECTIONS = 20
"""Of one process; a connection is held for one statement or one short transaction, never while waiting for a client."""

DRAIN_SECONDS = 30
"""How long running requests may take to end when the server is stopped."""


def create_app(settings: Settings) -> FastAPI:
    """Make the application; its pool is open while its lifespan runs.

    Args:
        settings: With a database URL.

    Raises:
        SetupError: No database is named.
    """
    if settings.database_url is None:
        raise SetupError("CALLWRIGHT_DATABASE_URL is not set", "Set it to a PostgreSQL URL, or run `callwright up`")
    url = settings.database_url.get_secret_value()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = await open_pool(url, size=POOL_CONNECTIONS, name="callwright web")
        redis = settings.redis_url
        limiter = DatabaseLimiter(pool) if redis is None else RedisLimiter(redis.get_secret_value())
        app.state.pool = pool
        app.state.gate = Gate(pool, limiter, settings.rate_limit)
        try:
            yield
        finally:
            await limiter.aclose()
            await pool.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for part in (v1_ingest, v1_read, documentation, health):
        app.router.routes.extend(part.router.routes)  # one flat list: what matches a path is found without nesting
    use_envelope(app)
    return app


class _Server(uvicorn.Server):
    """uvicorn, stopped by our event instead of by signals where one is given."""

    def __init__(self, config: uvicorn.Config, *, takes_signals: bool) -> None:
        super().__init__(config)
        self._takes_signals = takes_signals

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the pool and listen."""
        await super().startup(sockets)
        _tune_garbage_collection()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone where somebody else stops us."""
        with super().capture_signals() if self._takes_signals else contextlib.nullcontext():
            yield


async def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    stop: asyncio.Event | None = None,
    listener: socket.socket | None = None,
) -> None:
    """Serve until stopped; requests that are running are brought to their end first.

    Args:
        settings: With a database URL.
        host: The address to listen on.
        port: The port to listen on.
        stop: Stops the server when set; without it SIGINT and SIGTERM do.
        listener: A socket that listens already, instead of `host` and `port`.

    Raises:
        SetupError: No database is named, or the server could not start; its log says why.
    """
    config = uvicorn.Config(
        create_app(settings),
        host=host,
        port=port,
        http=GuardedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = _Server(config, takes_signals=stop is None)
    stopping = None if stop is None else asyncio.create_task(_stop_when_set(server, stop))
    try:
        await server.serve(sockets=[listener] if listener else None)
    except SystemExit:
        raise SetupError(
            f"The API could not start on {host}:{port}", "See the log above; is the port in use?"
        ) from None
    finally:
        if stopping is not None:
            stopping.cancel()


async def _stop_when_set(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


def _tune_garbage_collection() -> None:
    """Keep what was loaded at the start out of every later collection, and collect less often: +16 to 20 % requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
