"""A partner that never rests: new batches, old ones again, calls that fail, calls that nobody wants to hear of."""

import asyncio
import io
import random
import time
import wave
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sound
from chaos.house import House

CLIENTS = 3
OPEN_CALLS = 25
"""Calls that may be on their way at a time: what waits longer tells nothing more."""

PAUSE_SECONDS = 0.1
REPEATED, REFUSED = 0.1, 0.02
"""The share of batches that are sent again, and of first callbacks that are answered 503."""


class Load:
    """The clients and what they know.

    Args:
        house: Where to push.
        seed: Of the choices; the processes that die make every run another all the same.
    """

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.accepted = 0
        self.duplicates = 0
        self.heard: set[str] = set()
        self._waited_for: set[str] = set()
        self._chance = random.Random(seed)
        self._sent: deque[list[dict[str, Any]]] = deque(maxlen=50)
        self._number = 0
        self._news = asyncio.Event()
        self._stop = asyncio.Event()
        self._good = house.recordings.answer("/tone.wav", tone())
        self._bad = house.recordings.answer("/missing.wav", status=404)
        self._receive = house.receiver.routes["/hook"]
        house.receiver.routes["/hook"] = self._hear

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Push as long as the block runs; at its end every batch has been answered 200."""
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._push_on())
            try:
                yield
            finally:
                self._stop.set()

    async def recovered(self) -> float:
        """Push one call and wait for its callback; gives the seconds that it took from now."""
        began, call_id = time.monotonic(), self._next_id()
        await self._push([self._record(call_id, told=True, good=True)])
        await self._until_heard({call_id})
        return time.monotonic() - began

    async def caught_up(self) -> float:
        """Wait for the callback of each call that is on its way now; gives the seconds that it took from now."""
        began = time.monotonic()
        await self._until_heard(set(self._waited_for))
        return time.monotonic() - began

    async def _until_heard(self, call_ids: set[str]) -> None:
        while not call_ids <= self.heard:
            self._news.clear()
            await self._news.wait()

    async def _push_on(self) -> None:
        while not self._stop.is_set():
            if len(self._waited_for) < OPEN_CALLS:
                again = self._sent and self._chance.random() < REPEATED
                await self._push(self._chance.choice(self._sent) if again else self._batch())
            await asyncio.sleep(PAUSE_SECONDS)

    async def _push(self, records: list[dict[str, Any]]) -> None:
        self._waited_for |= {r["call"]["id"] for r in records if "callback_url" in r} - self.heard
        answer = await self.house.push(records)
        self.accepted += answer["accepted"]
        self.duplicates += answer["duplicates"]
        self._sent.append(records)

    def _batch(self) -> list[dict[str, Any]]:
        size = self._chance.choice((1, 3, 10))
        return [
            self._record(self._next_id(), told=self._chance.random() < 0.8, good=self._chance.random() < 0.9)
            for _ in range(size)
        ]

    def _next_id(self) -> str:
        self._number += 1
        return f"call-{self._number}"

    def _record(self, call_id: str, *, told: bool, good: bool) -> dict[str, Any]:
        return self.house.record(
            call_id,
            self._good if good else self._bad,
            agent={"id": f"agent-{self._number % 7}", "name": f"Agent of {call_id}"},
            customer={"id": f"customer-{self._number % 31}", "disposition_status": f"status of {call_id}"},
            callback_url=self.house.callback_url if told else None,
        )

    async def _hear(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        """Receive a callback, and now and then say at first that it cannot be taken."""
        call_id = request.partition(b'"call_id":"')[2].partition(b'"')[0].decode()
        first = call_id not in self.heard
        if first and self._chance.random() < REFUSED:
            self.house.acknowledges = 503
        await self._receive(request, writer)  # without waiting for anything in between
        self.house.acknowledges = 204
        self.heard.add(call_id)
        self._waited_for.discard(call_id)
        self._news.set()


def tone(seconds: float = 1.0) -> bytes:
    """A recording with nothing said in it, as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(sound.RATE)
        output.writeframes(sound.tone(seconds, -20).astype("<i2").tobytes())
    return file.getvalue()
