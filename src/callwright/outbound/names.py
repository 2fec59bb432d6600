"""The system's resolver, so asked that a name which nobody answers for takes one thread, however many wait for it."""

import asyncio
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

THREADS = 384
"""Made as they are needed: two for each place of the lanes that look names up.

One cannot be called back, and waits up to half a minute where a name server is silent; who asked gives up after half of
that, and asks for the next name. With fewer, a partner of many silent names would hold up everybody's.
"""

SILENT_SECONDS = 2.0
"""A look-up that fails for now only after so long has found nobody who answered."""

_Asked = tuple[str, int]


class LookUps:
    """Looks names up in threads of its own; who asks for what is being looked up already waits for the same answer.

    An answer is shared by those who waited for it and by nobody after them: nothing is kept.
    """

    def __init__(self) -> None:
        # Its own threads: a name server that never answers must not hold up everything else that runs in threads.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="resolve")
        self._running: dict[_Asked, asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Look a name up.

        Raises:
            TimeoutError: No name server answered.
            OSError: There is no such name, or not now.
            UnicodeError: It cannot be a name.
        """
        asked = host, port
        running = self._running.get(asked)
        if running is None or running.done():
            running = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
            self._running[asked] = running
            running.add_done_callback(lambda ended: self._forget(asked, ended))
        return await asyncio.shield(running)  # who gives up does so for himself alone

    def close(self) -> None:
        """Begin no further look-up; those under way are left to end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, asked: _Asked, ended: asyncio.Future[list[str]]) -> None:
        if self._running.get(asked) is ended:
            del self._running[asked]
        if not ended.cancelled():
            ended.exception()  # seen, even where nobody waits any more


def _look_up(host: str, port: int) -> list[str]:
    began = time.monotonic()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN and time.monotonic() - began > SILENT_SECONDS:
            raise TimeoutError("no name server answered") from error
        raise
    return [str(entry[4][0]) for entry in found]
