"""Composition root of the API: settings in, an ASGI application and its server out."""

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import cache, partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from callwright import garbage, traces, vitals
from callwright.api import (
    documentation,
    health,
    v1_callbacks,
    v1_erase,
    v1_ingest,
    v1_partner,
    v1_read,
    v1_reports,
    v1_rubric,
    v1_search,
    v1_test_data,
    v1_token,
)
from callwright.api.auth import Gate
from callwright.api.envelope import use_envelope
from callwright.api.wire import GuardedProtocol
from callwright.dashboards import assets, call_details, correcting, insights, lists, live, recording
from callwright.dashboards.console import callbacks, engines, failed_calls, login, logins, overview, partners
from callwright.dashboards.console.door import Installation
from callwright.dashboards.rendering import compile_templates
from callwright.db import Pool, open_pool
from callwright.db.readiness import fault_of
from callwright.db.reads import Reads, reads_of
from callwright.errors import SetupError
from callwright.limits import DatabaseLimiter, RedisLimiter
from callwright.logs import mask
from callwright.places import Places
from callwright.recordings.listening import Listening
from callwright.recordings.scratch import scratch_folder
from callwright.recordings.store import Store
from callwright.sealing import Sealer, read_secret_key
from callwright.settings import Settings
from callwright.token_keys import TokenKeys

POOL_CONNECTIONS = 20
"""Of one process; a connection is held for one statement or one short transaction, never while waiting for a client."""

PAGES_AT_A_TIME, PAGES_OF_A_PARTNER = 12, 6
"""Each holds a connection while it is made, for seconds at the worst; the others are left to who sends calls."""

DRAIN_SECONDS = 30
"""How long running requests may take to end when the server is stopped."""


_DOORS = (
    *(v1_ingest, v1_read, v1_search, v1_reports, v1_rubric, v1_callbacks, v1_erase, v1_token),
    *(v1_test_data, v1_partner, documentation, health),
)
_PAGES = (insights, lists, live, call_details, correcting, recording)
_CONSOLE = (overview, partners, failed_calls, callbacks, engines, logins, login)


def create_app(settings: Settings) -> FastAPI:
    """Make the application; its pool is open while its lifespan runs.

    Args:
        settings: With a database URL and a secret key.

    Raises:
        SetupError: One of them is missing, or the key or the address of Redis cannot be used.
    """
    if settings.database_url is None:
        raise SetupError("CALLWRIGHT_DATABASE_URL is not set", "Set it to a PostgreSQL URL, or run `callwright up`")
    if settings.secret_key is None:
        raise SetupError("CALLWRIGHT_SECRET_KEY is not set", "Make one with: head -c 32 /dev/urandom | base64")
    url = settings.database_url.get_secret_value()
    origin = _origin_of_links(settings, open_store := cache(partial(Store, **settings.store())))
    sealer = Sealer(read_secret_key(settings.secret_key.get_secret_value()))
    redis = RedisLimiter(settings.redis_url.get_secret_value()) if settings.redis_url else None

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = await open_pool(url, size=POOL_CONNECTIONS, name="callwright web")
        limiter = redis or DatabaseLimiter(pool)
        app.state.pool, app.state.limiter = pool, limiter
        vitals.watch_pool("requests", pool)
        app.state.queue = vitals.Queue(pool)
        app.state.installation = _installation(settings)
        app.state.gate = Gate(pool, limiter, settings.rate_limit)
        app.state.token_keys = TokenKeys(pool, sealer)
        app.state.places = Places(PAGES_AT_A_TIME, PAGES_OF_A_PARTNER)
        app.state.frame_localhost = settings.frame_localhost
        app.state.open_store, app.state.recordings_origin = open_store, origin
        await asyncio.to_thread(compile_templates)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(pool.close)
            scratch = stack.enter_context(scratch_folder(Path(tempfile.gettempdir())))
            app.state.reads = await stack.enter_async_context(_reads(settings, pool))
            app.state.changes = live.Changes(app.state.reads)
            app.state.listening = Listening(open_store, scratch, links=origin is not None)
            try:
                yield
            finally:
                await app.state.changes.close()
                await app.state.listening.aclose()
                await limiter.aclose()

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for part in (*_DOORS, *_PAGES, *_CONSOLE, assets):
        app.router.routes.extend(part.router.routes)  # one flat list: what matches a path is found without nesting
    use_envelope(app)
    return app


def _origin_of_links(settings: Settings, open_store: Callable[[], Store]) -> str | None:
    """From where browsers get recordings; None where it is from us."""
    origin = open_store().origin if settings.play_from_store else None
    if origin is not None and origin.startswith("http://") and settings.public_url.startswith("https://"):
        raise SetupError(
            f"CALLWRIGHT_PLAY_FROM_STORE: pages at https:// may play nothing from {origin}",
            "Give the store TLS, or leave the setting out",
        )
    return origin


def _reads(settings: Settings, pool: Pool) -> AbstractAsyncContextManager[Reads]:
    replica = settings.read_database_url.get_secret_value() if settings.read_database_url else None
    return reads_of(pool, replica, size=POOL_CONNECTIONS, name="callwright web")


def _installation(settings: Settings) -> Installation:
    """What the operator's console shows of the settings; an address may hold a password."""
    return Installation(
        public_url=settings.public_url,
        rate_limit=settings.rate_limit,
        transcriber=mask(settings.transcriber),
        analyser=settings.analyser,
        llm_model=settings.llm_model if settings.analyser == "llm" else None,
        store_url=settings.store()["url"],
    )


class _Server(uvicorn.Server):
    """uvicorn, stopped by our event instead of by signals where one is given."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, *, takes_signals: bool) -> None:
        super().__init__(config)
        self._app = app
        self._takes_signals = takes_signals

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let go of who only waits for news, which would not end by itself; then as ever."""
        changes = getattr(self._app.state, "changes", None)
        if changes is not None:
            await changes.close()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the pool and listen."""
        await super().startup(sockets)
        garbage.tune(50_000)

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
        settings: With a database URL and a secret key.
        host: The address to listen on.
        port: The port to listen on.
        stop: Stops the server when set; without it SIGINT and SIGTERM do.
        listener: A socket that listens already, instead of `host` and `port`.

    Raises:
        SetupError: A setting is missing, or the server could not start; its log says why.
    """
    app = create_app(settings)
    assert settings.secret_key is not None
    key = read_secret_key(settings.secret_key.get_secret_value())
    config = uvicorn.Config(
        app,
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
    server = _Server(config, app, takes_signals=stop is None)
    stopping = None if stop is None else asyncio.create_task(_stop_when_set(server, stop))
    try:
        async with vitals.told(settings.metrics_at(), _vitals_of(server, app)), AsyncExitStack() as stack:
            stack.enter_context(traces.traced("web", settings.traces_url, key, settings.traces_share))
            await server.serve(sockets=[listener] if listener else None)
    except SystemExit:
        raise SetupError(
            f"The API could not start on {host}:{port}", "See the log above; is the port in use?"
        ) from None
    finally:
        if stopping is not None:
            stopping.cancel()


def _vitals_of(server: uvicorn.Server, app: FastAPI) -> vitals.Vitals:
    """What is told of the process: of what it opens at its start, nothing before."""

    async def fault() -> str | None:
        if server.should_exit:
            return "told to stop"
        return await fault_of(app.state.pool) if server.started else "starting"

    async def look() -> None:
        if server.started:
            await app.state.queue.look()

    return vitals.Vitals("API", fault, look)


async def _stop_when_set(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
