"""Several `callwright serve` on one database, each a process with a port of its own, as behind a proxy.

Run as a script it starts one for each listening socket that it inherits, which are forked from one that has imported
all that they need: to start four at a time otherwise takes four times the processor seconds.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx

from callwright.cli import main
from callwright.db.launch import launched
from partner_api import SECRET_KEY


@asynccontextmanager
async def api_processes(
    folder: Path, database_url: str, many: int, **settings: str
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Start them, and give a client for each once all of them answer.

    Args:
        folder: For data and the log.
        database_url: A database with the schema, of the role that owns it.
        many: How many processes.
        settings: As `REDIS_URL="redis://…"`, without the prefix.
    """
    own = {"DATABASE_URL": database_url, "SECRET_KEY": SECRET_KEY, "DATA_DIR": str(folder), **settings}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLWRIGHT_")}
    environment |= {f"CALLWRIGHT_{name}": value for name, value in own.items()}
    environment["PYTHONPATH"] = str(Path(__file__).parent)
    async with AsyncExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=256)) for _ in range(many)]
        numbers = [listener.fileno() for listener in listeners]
        words = [sys.executable, __file__, *map(str, numbers)]
        with (folder / "serve.log").open("wb") as log:
            starter = await asyncio.create_subprocess_exec(
                *launched(words, at_owners_end=signal.SIGTERM),
                env=environment, stdout=log, stderr=log, pass_fds=numbers, start_new_session=True,
            )  # fmt: skip
        stack.push_async_callback(_end, starter)
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60)
            )
            for listener in listeners
        ]
        await asyncio.gather(*(client.get("/healthz") for client in clients))  # the port takes it before they do
        yield clients


async def _end(starter: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(starter.pid, signal.SIGKILL)
    await starter.wait()


def _start(numbers: list[str]) -> None:
    import uvloop  # noqa: F401, PLC0415 - what `callwright serve` imports, once for all of them

    from callwright import (  # noqa: PLC0415 - likewise
        limits,
        web,  # noqa: F401
    )

    limits.REDIS_SECONDS = 30.0  # that a machine is busy is no fault of the server's
    children = []
    for number in numbers:
        child = os.fork()
        if child == 0:
            sys.argv = ["callwright", "serve", "--fd", number]
            main()
            os._exit(0)
        children.append(child)
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    _start(sys.argv[1:])
