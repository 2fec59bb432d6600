"""A server on a real port, and bytes sent to it as they are."""

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
from fastapi import FastAPI

from callwright import web
from callwright.db import open_pool
from callwright.settings import Settings
from partner_api import SECRET_KEY, Door, add_partner


@asynccontextmanager
async def a_server(database_url: str, **changes: Any) -> AsyncIterator[tuple[int, asyncio.Event, asyncio.Task[None]]]:
    """A server with these settings on a port of its own, its stop, and its end."""
    listener, stop = socket.create_server(("127.0.0.1", 0)), asyncio.Event()
    port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        own = {"database_url": database_url, "secret_key": SECRET_KEY, "data_dir": folder}
        settings = Settings(**{**own, **changes})
        running = asyncio.create_task(web.serve(settings, host="127.0.0.1", port=port, stop=stop, listener=listener))
        async with httpx.AsyncClient() as client:
            while not running.done():
                with suppress(httpx.ConnectError):
                    await client.get(f"http://127.0.0.1:{port}/healthz")
                    break
                await asyncio.sleep(0.01)
        try:
            yield port, stop, running
        finally:
            stop.set()
            await running


async def talk(port: int, *sent: bytes) -> bytes:
    """Send bytes and read until the server closes, or has sent an answer with its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        for piece in sent:
            writer.write(piece)
            await writer.drain()
        while chunk := await reader.read(65536):
            answer += chunk
            if answer.endswith(b"}"):
                break
    except ConnectionError:
        pass  # it has hung up on us
    finally:
        writer.close()
    return answer


async def a_door(client: httpx.AsyncClient, database_url: str) -> Door:
    """A partner to come in as, over a real connection."""
    pool = await open_pool(database_url, size=1, name="tests")
    try:
        return Door(FastAPI(), client, pool, await add_partner(pool, ("acme", "sales")))
    finally:
        await pool.close()
