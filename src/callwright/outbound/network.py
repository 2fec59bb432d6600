"""Connections by the event loop itself: in httpcore's own, cancel scopes and TLS take most of a callback's time."""

import asyncio
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self, cast

import httpcore

HELD_BYTES = 64 * 1024
"""When no more is read ahead of whoever asks for it."""

READ_BYTES = 64 * 1024
"""What is read at a time; in TLS up to `TLS_BYTES`."""

TLS_BYTES = 384 * 1024
"""More than the 256 kB that event loops read for TLS at a time, and what it may hold of a record.

What it cannot hand over at once it hands over later, or never, where the other side has closed by then.
"""


class LoopNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses, for one event loop; names are not looked up here."""

    def __init__(self) -> None:
        # All connections read into this, one after the other. Left to the event loop, each piece of a recording is an
        # object of up to 256 kB: to come by its memory costs more than to copy it.
        self._read = bytearray(TLS_BYTES)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to an address, with TCP_NODELAY as event loops set it.

        Raises:
            httpcore.ConnectTimeout: Nobody has answered in time.
            httpcore.ConnectError: It was refused, or cannot be reached.
        """
        assert local_address is None, "never asked for"
        assert socket_options is None, "never asked for"
        with _named(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                _, wire = await asyncio.get_running_loop().create_connection(lambda: _Wire(self._read), host, port)
        return LoopStream(wire)


class LoopStream(httpcore.AsyncNetworkStream):
    """A connection: what comes is held until it is asked for, and not read further where that is much."""

    def __init__(self, wire: "_Wire") -> None:
        self._wire = wire

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        """Read what is there, or wait for it; nothing where the other side has ended.

        Raises:
            httpcore.ReadTimeout: Nothing has come in time.
            httpcore.ReadError: The connection has broken off.
        """
        wire = self._wire
        if not wire.held and not wire.ended:
            with _named(httpcore.ReadTimeout, httpcore.ReadError):
                async with asyncio.timeout(timeout):
                    await wire.something()
        if not wire.held and wire.broken is not None:
            raise httpcore.ReadError(wire.broken)
        return wire.take(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        """Write, and wait while the other side takes nothing.

        Raises:
            httpcore.WriteTimeout: It has taken nothing for so long.
            httpcore.WriteError: The connection has broken off.
        """
        wire = self._wire
        if not buffer:
            return
        if wire.transport is None:
            raise httpcore.WriteError(wire.broken or ConnectionResetError("The connection is closed"))
        wire.transport.write(buffer)
        if wire.full is not None:
            with _named(httpcore.WriteTimeout, httpcore.WriteError):
                async with asyncio.timeout(timeout):
                    await asyncio.shield(wire.full)

    async def aclose(self) -> None:
        """Close at once: whatever is worth sending has been answered."""
        if self._wire.transport is not None:
            self._wire.transport.abort()
        await asyncio.sleep(0)  # it is closed with the event loop's next turn

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
    ) -> Self:
        """Go on in TLS.

        Raises:
            httpcore.ConnectTimeout: The other side did not answer in time.
            httpcore.ConnectError: It spoke before it was asked, or what it shows is not valid.
        """
        wire = self._wire
        if wire.held:
            raise httpcore.ConnectError(ssl.SSLError("Something came before TLS"))
        if wire.transport is None:
            raise httpcore.ConnectError(wire.broken or ConnectionResetError("The connection is closed"))
        with _named(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                try:
                    upgraded = await asyncio.get_running_loop().start_tls(
                        wire.transport, wire, ssl_context, server_hostname=server_hostname
                    )
                except ValueError as error:  # a name that cannot stand in a certificate, as one with an empty label
                    raise ssl.SSLError(str(error)) from error
        wire.transport = cast("asyncio.Transport", upgraded)
        return self

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's
        """What httpcore asks after; a connection without a request that has something to read is of no use."""
        if info == "is_readable":
            return bool(self._wire.held) or self._wire.ended
        return self._wire.transport and self._wire.transport.get_extra_info(info)


class _Wire(asyncio.BufferedProtocol):
    """What the event loop tells of a connection.

    Args:
        read: Where it reads to, as all others do.

    Attributes:
        held: What has come and was not asked for yet.
        ended: Whether nothing more will come.
        transport: What writes; None once nothing can be written any more.
        broken: How it ended, where that was not by the other side's wish.
        full: Done once there is room to write again; None while there is.
    """

    transport: asyncio.Transport | None = None

    def __init__(self, read: bytearray) -> None:
        self.held = bytearray()
        self._read = memoryview(read)
        self._below: asyncio.Transport | None = None
        self.ended = False
        self.broken: Exception | None = None
        self.full: asyncio.Future[None] | None = None
        self._waiting: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.BufferedProtocol."""
        self.transport = self._below = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        """See asyncio.BufferedProtocol; nobody else reads before this one is told that it has."""
        return self._read[:READ_BYTES] if self.transport is self._below else self._read

    def buffer_updated(self, nbytes: int) -> None:
        """See asyncio.BufferedProtocol."""
        self.held += self._read[:nbytes]
        if len(self.held) > HELD_BYTES and self._below is not None:
            # Not TLS's reading: were it paused as the other side closes, what it holds would never be handed over.
            self._below.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """See asyncio.BufferedProtocol; what is half closed is closed."""
        self.ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.BufferedProtocol."""
        self.ended = True
        self.broken = exc
        # It knows of this one: as long as each has the other, the 256 kB that TLS reads into wait to be collected.
        self.transport = self._below = None
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        """See asyncio.BufferedProtocol."""
        self.full = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """See asyncio.BufferedProtocol; a connection that is lost takes whatever it is given."""
        if self.full is not None:
            if not self.full.done():
                self.full.set_result(None)
            self.full = None

    async def something(self) -> None:
        """Wait until there is something to take, or nothing more to come."""
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def take(self, most: int) -> bytes:
        """Have what is held, up to so many bytes."""
        paused = len(self.held) > HELD_BYTES
        if len(self.held) <= most:
            taken = bytes(self.held)
            self.held.clear()
        else:
            with memoryview(self.held) as held:
                taken = bytes(held[:most])
            del self.held[:most]
        if paused and len(self.held) <= HELD_BYTES and self._below is not None:
            self._below.resume_reading()
        return taken

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


@contextmanager
def _named(late: type[httpcore.TimeoutException], broken: type[httpcore.NetworkError]) -> Iterator[None]:
    """Turn what the event loop raises into httpcore's own."""
    try:
        yield
    except TimeoutError as error:
        raise late(error) from error
    except OSError as error:  # TLS's own among them
        raise broken(error) from error
