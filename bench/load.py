"""The load generator: one process, raw sockets, requests that are ready to send; it shares the cores with the rest."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from bench.figures import BenchFailed

ANSWER_SECONDS = 60.0

Next = Callable[[], bytes | None]
"""Gives a connection's next request; None ends it."""


@dataclass(slots=True)
class Tally:
    """What a run came to; seconds."""

    elapsed: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.elapsed


class _Connection(asyncio.Protocol):
    """One keep-alive connection that sends the next request as soon as the last one is answered."""

    def __init__(self, following: Next, expected: bytes, tally: Tally) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next = following
        self._expected = expected
        self._tally = tally
        self._answer = b""
        self._length = 0
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer = answer = self._answer + data if self._answer else data
        head = answer.find(b"\r\n\r\n")
        if head < 0:
            return
        if not self._length:
            at = answer.lower().index(b"content-length:") + 15
            self._length = head + 4 + int(answer[at : answer.index(b"\r\n", at)])
        if len(answer) < self._length:
            return
        self._tally.latencies.append(time.perf_counter() - self._sent)
        if self._expected not in answer:
            self._end(BenchFailed(f"A request was answered otherwise than expected: {answer[:600]!r}"))
            return
        self._answer, self._length = b"", 0
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(BenchFailed(f"The API closed a connection: {exc}"))

    def _send(self) -> None:
        following = self._next()
        if following is None:
            self._end(None)
            return
        self._sent = time.perf_counter()
        self._transport.write(following)

    def _end(self, error: Exception | None) -> None:
        if not self.ended.done():
            if error is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(error)
        self._transport.close()


async def drive(port: int, streams: Sequence[Next], expected: bytes) -> Tally:
    """Send requests over as many connections as there are streams, until each stream ends.

    Args:
        port: Of the API on loopback.
        streams: One for each connection.
        expected: What every answer must contain.

    Raises:
        BenchFailed: An answer was otherwise, or a connection broke.
    """
    tally, loop = Tally(), asyncio.get_running_loop()
    started = time.perf_counter()
    made = [
        await loop.create_connection(partial(_Connection, each, expected, tally), "127.0.0.1", port) for each in streams
    ]
    await asyncio.gather(*(protocol.ended for _, protocol in made))
    tally.elapsed = time.perf_counter() - started
    return tally


def until(seconds: float, make: Callable[[], bytes]) -> Next:
    """A stream that ends after some seconds."""
    deadline = time.perf_counter() + seconds
    return lambda: make() if time.perf_counter() < deadline else None


async def paced(port: int, make: Callable[[], bytes], expected: bytes, *, every: float, count: int) -> list[float]:
    """Send requests at fixed times, whether the last one is answered or not.

    Returns:
        The seconds from when each should have been sent to its whole answer.
    """

    async def one(at: float) -> float:
        await asyncio.sleep(at - time.perf_counter())
        done = iter((make(), None))
        await drive(port, [lambda: next(done)], expected)
        return time.perf_counter() - at

    start = time.perf_counter() + 0.1
    async with asyncio.timeout(every * count + ANSWER_SECONDS):
        return list(await asyncio.gather(*(one(start + number * every) for number in range(count))))
