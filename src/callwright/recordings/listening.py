"""What a browser is given to play: the recording itself, or a copy that is made once and kept beside it."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from callwright.recordings import MEDIA_TYPES, Container
from callwright.recordings.audio import DEFAULT_LIMITS, DecodeLimits, write_copy
from callwright.recordings.store import PIECE, Store

COPIES_AT_A_TIME = 2
"""That a process makes; who listens to a call that was listened to before waits for none."""

MOST_BYTES_A_SECOND = 33_000
"""What is streamed as it came: 16-bit stereo at 8 kHz still is; film and studio sound are copied, for phones' sake."""

LINK_SECONDS = 300
"""How long a link to the store opens a recording; a player that is still at it then asks for another."""

_AS_IT_CAME: Final[frozenset[tuple[Container, str]]] = frozenset(
    {("mp3", "mp3"), ("wav", "pcm_s16le"), ("wav", "pcm_u8"), ("mp4", "aac"), ("flac", "flac")}
)
"""What Chromium, Firefox and Safari all play (MDN, Web audio codec guide), by container and codec.

G.711 in WAV, which telephony writes, is not on it; nor is AAC without a container, whose length no browser knows.
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording in the store, with what decoding found out about it; None where it was not decoded.

    Attributes:
        key: Its name in the store.
        size: Bytes.
        sha256: Hex digest of the bytes.
        container: What its bytes say it is.
        codec: FFmpeg's name.
        channels: Of the source.
        seconds: Counted.
        declared_seconds: What its container declares; without that a browser guesses where a second is.
    """

    key: str
    size: int
    sha256: str
    container: Container
    codec: str | None
    channels: int | None
    seconds: float | None
    declared_seconds: float | None


@dataclass(frozen=True, slots=True)
class Playable:
    """An object of the store that browsers play: its key, bytes, media type and a tag that changes with its bytes."""

    key: str
    size: int
    media_type: str
    tag: str


def copy_key(key: str) -> str:
    """The name of a recording's copy in the store."""
    return f"{key}.copy-1.mp3"  # another encoding gets another number, and is made anew


async def remove(store: Store, key: str) -> None:
    """Remove a recording and its copy, where there are any; in this order, which who makes a copy relies on."""
    await store.delete(key)
    await store.delete(copy_key(key))


class Listening:
    """Gives what can be played of recordings, and makes the copies: each once, a few at a time, in limited processes.

    Args:
        open_store: Opens where the recordings are, once somebody listens: who only asks the API needs no store.
        scratch: A folder for what is on its way.
        limits: What making one copy may take.
        links: Whether browsers are sent to the store, which must be in S3.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        scratch: Path,
        limits: DecodeLimits = DEFAULT_LIMITS,
        *,
        links: bool = False,
    ) -> None:
        self._links = links
        self._open_store = open_store
        self._scratch = scratch
        self._limits = limits
        self._places = asyncio.Semaphore(COPIES_AT_A_TIME)
        self._making: dict[str, asyncio.Task[int]] = {}

    @cached_property
    def _store(self) -> Store:
        return self._open_store()

    async def playable(self, recorded: Recorded) -> Playable:
        """What a browser can play of a recording; the first one to ask waits for its copy, where one is needed.

        Raises:
            FileNotFoundError: The recording is not in the store any more.
            StepFailed: As `write_copy`.
            OSError, obstore.exceptions.BaseError: The store is away (`store.AWAY`).
        """
        media_type = _as_it_came(recorded)
        if media_type is not None:
            return Playable(recorded.key, recorded.size, media_type, recorded.sha256[:32])
        key = copy_key(recorded.key)
        size = await self._store.size(key) or await self._made(recorded.key)
        return Playable(key, size, MEDIA_TYPES["mp3"], f"{recorded.sha256[:32]}-{size}")

    def stream(self, playable: Playable, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Its bytes from `start` up to, not including, `end`, piece by piece as they are taken."""
        return self._store.stream(playable.key, start, end)

    async def link(self, playable: Playable) -> str | None:
        """Where the store itself gives it to whoever has the address, for a while; None where it is to come from us.

        Raises:
            OSError, obstore.exceptions.BaseError: Nobody gives the store's credentials just now (`store.AWAY`).
        """
        return await self._store.link(playable.key, LINK_SECONDS) if self._links else None

    async def aclose(self) -> None:
        """Break off what is being made."""
        for task in self._making.values():
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)

    async def _made(self, key: str) -> int:
        """Make a copy, or wait for who is at it; it goes on where the one who asked goes away, for the next one."""
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key))
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    def _done(self, key: str, task: "asyncio.Task[int]") -> None:
        self._making.pop(key, None)
        if not task.cancelled():
            task.exception()  # who still waits is told; where nobody does, it is not to be warned of

    async def _make(self, key: str) -> int:
        async with self._places:
            with tempfile.TemporaryDirectory(dir=self._scratch, prefix="copy-", ignore_cleanup_errors=True) as name:
                folder = Path(name)
                source = await self._store.get(key, folder / "source")
                target = folder / "copy.mp3"
                await write_copy(source, target, scratch=folder, limits=self._limits)
                size = await self._store.put(copy_key(key), _read(target), media_type=lambda: MEDIA_TYPES["mp3"])
        if await self._store.size(key) is None:  # it was removed meanwhile, and its copy before this one was there
            await self._store.delete(copy_key(key))
            raise FileNotFoundError(key)
        return size


def _as_it_came(recorded: Recorded) -> str | None:
    """The media type of a recording that every browser plays in time and any line carries; None for all others."""
    if recorded.codec is None or not recorded.seconds or recorded.declared_seconds is None:
        return None
    if recorded.size > MOST_BYTES_A_SECOND * recorded.seconds or (recorded.channels or 0) > 2:
        return None
    return MEDIA_TYPES[recorded.container] if (recorded.container, recorded.codec) in _AS_IT_CAME else None


async def _read(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, PIECE):
            yield chunk
