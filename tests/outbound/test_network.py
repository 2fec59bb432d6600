"""Connections: bounded however much is sent, and every way to break off has its name."""

import asyncio
import gc
import socket
import ssl
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import httpcore
import pytest
import uvloop

from authority import authority
from callwright.outbound.network import HELD_BYTES, READ_BYTES, TLS_BYTES, LoopNetwork, LoopStream

Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def connected(serve: Served) -> AsyncIterator[LoopStream]:
    """A connection to a server that does this with it."""
    ended = asyncio.Event()

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)
        await ended.wait()
        writer.transport.abort()

    server = await asyncio.start_server(closing, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        stream = cast("LoopStream", await LoopNetwork().connect_tcp("127.0.0.1", port, 5))
        yield stream
        await stream.aclose()
        ended.set()
        await asyncio.sleep(0.01)


async def test_what_nobody_asks_for_is_not_held_and_arrives_whole() -> None:
    sent = bytes(range(256)) * 40_000
    held: list[int] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        writer.close()

    async with connected(serve) as stream:
        async with asyncio.timeout(10):
            while len(stream._wire.held) <= HELD_BYTES:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert len(stream._wire.held) <= HELD_BYTES + READ_BYTES
        received = bytearray()
        while chunk := await stream.read(65_536, 5):
            assert len(chunk) <= 65_536
            received += chunk
            await asyncio.sleep(0)
            held.append(len(stream._wire.held))
        assert received == sent
        assert max(held) <= HELD_BYTES + READ_BYTES


async def test_who_takes_nothing_is_not_written_to_for_ever() -> None:
    over = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with connected(serve) as stream:

        async def write() -> None:
            for _ in range(1000):
                await stream.write(bytes(1_000_000), 0.2)

        with pytest.raises(httpcore.WriteTimeout):
            await write()
        over.set()


async def test_silence_is_a_timeout_and_an_end_is_an_end() -> None:
    over = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.write_eof()

    async with connected(serve) as stream:
        with pytest.raises(httpcore.ReadTimeout):
            await stream.read(10, 0.05)
        assert not stream.get_extra_info("is_readable")
        over.set()
        assert await stream.read(10, 5) == b""
        assert stream.get_extra_info("is_readable"), "it is of no use any more"


async def test_a_connection_that_was_reset_is_broken_for_reading_and_writing() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with connected(serve) as stream:

        async def use() -> None:
            for _ in range(1000):
                await stream.write(b"x", 5)
                await asyncio.sleep(0.001)

        with pytest.raises(httpcore.WriteError):
            await use()
        assert stream.get_extra_info("is_readable")


async def test_whoever_speaks_before_tls_is_not_spoken_to() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await writer.drain()

    async with connected(serve) as stream:
        await stream.read(1, 5)
        with pytest.raises(httpcore.ConnectError) as failed:
            await stream.start_tls(ssl.create_default_context(), "receiver.example", 5)
        assert isinstance(failed.value.args[0], ssl.SSLError)


async def test_who_is_not_there_refuses() -> None:
    with pytest.raises(httpcore.ConnectError):
        await LoopNetwork().connect_tcp("127.0.0.1", 9, 5)


LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])


@LOOPS
def test_in_tls_all_arrives_and_a_closed_connection_is_not_left_to_be_collected(
    tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    ca_file, context = authority(tmp_path, "hook.example")
    sent = bytes(range(256)) * 4_000

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(len(sent)))
        await writer.drain()
        writer.close()

    async def exchange() -> bool:
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
            stream = await LoopNetwork().connect_tcp("127.0.0.1", server.sockets[0].getsockname()[1], 5)
            stream = await stream.start_tls(ssl.create_default_context(cafile=ca_file), "hook.example", 5)
            await stream.write(sent, 5)
            received = bytearray()
            while chunk := await stream.read(65_536, 5):
                received += chunk
            assert received == sent
            wire = weakref.ref(cast("LoopStream", stream)._wire)
            await stream.aclose()
            await asyncio.sleep(0.1)
            with pytest.raises(httpcore.WriteError):
                await stream.write(b"x", 5)
            with pytest.raises(httpcore.ConnectError):
                await stream.start_tls(ssl.create_default_context(), "hook.example", 5)
            del stream
            return wire() is None

    gc.disable()
    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            assert runner.run(exchange())
    finally:
        gc.enable()


@LOOPS
@pytest.mark.parametrize("pause", [0.0, 0.003])
@pytest.mark.parametrize("size", [200_000, 1_000_000])
def test_what_was_sent_before_the_other_side_closed_in_tls_arrives_whole(
    tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop], size: int, pause: float
) -> None:
    ca_file, context = authority(tmp_path, "hook.example")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        taken, _ = listener.accept()
        with context.wrap_socket(taken, server_side=True) as connection:
            connection.recv(1)
            connection.sendall(bytes(size))

    async def exchange() -> tuple[int, int]:
        stream = await LoopNetwork().connect_tcp("127.0.0.1", listener.getsockname()[1], 5)
        stream = await stream.start_tls(ssl.create_default_context(cafile=ca_file), "hook.example", 5)
        await stream.write(b"x", 5)
        received, held = 0, 0
        while chunk := await stream.read(65_536, 5):
            received += len(chunk)
            held = max(held, len(cast("LoopStream", stream)._wire.held))
            await asyncio.sleep(pause)
        await stream.aclose()
        return received, held

    thread = threading.Thread(target=serve)
    thread.start()
    with listener, asyncio.Runner(loop_factory=loop) as runner:
        received, held = runner.run(exchange())
    thread.join()
    assert received == size
    assert held <= HELD_BYTES + TLS_BYTES
