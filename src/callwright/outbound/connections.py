"""Connections that are kept open for further requests, found at once however many there are."""

from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ssl import SSLContext

import httpcore

KEPT = 100
"""Connections that are open without a request."""

KEPT_SECONDS = 5.0

Origin = tuple[bytes, bytes, int | None]


class Connections:
    """httpcore's connections, each to one scheme, host and port.

    httpcore's own pool looks through all its connections and requests whenever one begins or ends: with 64 callbacks
    under way that took more time than everything else about them.

    Args:
        tls: What certificates are checked by.
        network: What opens connections to addresses.
    """

    def __init__(self, tls: SSLContext, network: httpcore.AsyncNetworkBackend) -> None:
        self._tls = tls
        self._network = network
        self._idle: OrderedDict[Origin, deque[httpcore.AsyncHTTPConnection]] = OrderedDict()
        self._count = 0

    async def aclose(self) -> None:
        """Close those that are open without a request."""
        while self._idle:
            await self._close_oldest()

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: httpcore.URL,
        *,
        headers: Sequence[tuple[str, str]],
        content: bytes,
        timeouts: dict[str, float],
    ) -> AsyncIterator[httpcore.Response]:
        """Send a request over a connection of its own for the block's time; what is not read of the answer ends it.

        Args:
            method: As `GET`.
            url: Where to.
            headers: With a host.
            content: The body.
            timeouts: Seconds to `connect`, and between two bytes for `read` and `write`.

        Raises:
            httpcore.NetworkError: As its other errors, where there is no answer or it breaks off.
        """
        origin = url.scheme, url.host, url.port
        connection = await self._take(origin) or httpcore.AsyncHTTPConnection(
            url.origin, ssl_context=self._tls, keepalive_expiry=KEPT_SECONDS, network_backend=self._network
        )
        try:
            async with connection.stream(
                method, url, headers=list(headers), content=content, extensions={"timeout": timeouts}
            ) as response:
                yield response
        finally:
            await self._give_back(origin, connection)

    async def _take(self, origin: Origin) -> httpcore.AsyncHTTPConnection | None:
        """The connection that was used last, for those before it close first."""
        while kept := self._idle.get(origin):
            connection = self._out_of(origin, kept, newest=True)
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    async def _give_back(self, origin: Origin, connection: httpcore.AsyncHTTPConnection) -> None:
        if connection.is_closed() or not connection.is_idle():
            await connection.aclose()
            return
        self._idle.setdefault(origin, deque()).append(connection)
        self._idle.move_to_end(origin)
        self._count += 1
        while self._count > KEPT or next(iter(self._idle.values()))[0].has_expired():
            await self._close_oldest()
            if not self._idle:
                return

    async def _close_oldest(self) -> None:
        """Close one of the origin that was longest without a request."""
        origin, kept = next(iter(self._idle.items()))
        await self._out_of(origin, kept, newest=False).aclose()

    def _out_of(
        self, origin: Origin, kept: deque[httpcore.AsyncHTTPConnection], *, newest: bool
    ) -> httpcore.AsyncHTTPConnection:
        connection = kept.pop() if newest else kept.popleft()
        self._count -= 1
        if not kept:
            del self._idle[origin]
        return connection
