"""Where recordings are kept: a folder, S3, Google Cloud Storage or Azure, by one URL."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

from callwright.errors import SetupError
from callwright.kill_points import reached

if TYPE_CHECKING:
    from obstore import AsyncWritableFile

T = TypeVar("T")

BUFFER = 8 * 1024 * 1024
"""What is held in memory: a recording up to this size is one request, a larger one is sent in parts of it."""

AWAY = (OSError, obstore.exceptions.BaseError)
"""What a store raises that is full, away or not to be written."""

AT_ONCE = 1024 * 1024
"""A recording up to this size is handed to the store whole, which spares it most of the work of a longer one."""

PIECE = 256 * 1024
"""What is handed to a store at a time: each piece is some work of its own, whatever its size."""

FREE_WARNING, FREE_ERROR = 2_000_000_000, 200_000_000
"""Bytes: some 4,000 and 400 minutes of stereo recordings at 64 kbit/s."""

_KEY = re.compile(r"(?!\.{1,2}(?:/|$))[\w.-]+(?:/(?!\.{1,2}(?:/|$))[\w.-]+)*", re.ASCII)
_SETTLING = 10.0


def free_bytes(url: str) -> int | None:
    """How much room there is where a store keeps its objects; None where that is no folder of this machine.

    Args:
        url: As `Store` takes it.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("", "file"):
        return None
    folder = unquote(parts.path) if parts.scheme else url
    return shutil.disk_usage(folder).free if Path(folder).is_dir() else None


class Store:
    """Objects by key. A key is made of letters, digits, `_`, `-`, `.` and `/`, without `.` and `..` as a part.

    In an object store, parts of a broken-off upload are invisible but remain: give the bucket a lifecycle rule that
    drops incomplete uploads. In a folder they remain only where the process was killed, and `clear` removes them.

    Args:
        url: A folder's path, `file://…`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`;
            credentials and endpoints come from the environment, as the provider's own tools read them.

    Raises:
        SetupError: The URL cannot be used, or the folder cannot be made.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._folder: Path | None = None
        self._durable: set[Path] = set()
        if parts.scheme in ("", "file"):
            self._folder = Path(unquote(parts.path) if parts.scheme else url).absolute()
        elif parts.scheme not in ("s3", "gs", "az"):
            raise SetupError(
                f"The store's address starts with {parts.scheme}://, which is unknown.",
                "Set CALLWRIGHT_STORE_URL to a folder, or to an address with s3://, gs:// or az://.",
            )
        try:
            self._objects = _opened(url, self._folder)
        except (OSError, ValueError, obstore.exceptions.BaseError) as error:
            raise SetupError(
                f"The store cannot be opened: {str(error).splitlines()[0]}", "Check CALLWRIGHT_STORE_URL."
            ) from None

    async def put(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Keep an object; it is durable when this returns, and not there at all when this or `chunks` raises.

        Args:
            key: Its name; what had the name before is replaced.
            chunks: Its bytes, read in this task, one by one.

        Returns:
            Bytes written.
        """
        writer: AsyncWritableFile | None = None
        size, piece = 0, bytearray()
        try:
            async for chunk in chunks:
                piece += chunk
                if len(piece) >= (AT_ONCE if writer is None else PIECE):
                    writer = writer or self._written(key)
                    await _settled(writer.write(bytes(piece)))
                    size += len(piece)
                    piece.clear()
            reached("download-whole")
            size += len(piece)
            if writer is None:
                await _settled(obstore.put_async(self._objects, _checked(key), bytes(piece)))
            else:
                await _settled(writer.write(bytes(piece)))
                await _settled(writer.close())
            reached("store-written")
        finally:
            del writer  # a writer that goes away unclosed removes what it had written; a traceback would keep it
        if self._folder is not None:
            await asyncio.to_thread(self._sync, self._folder, key)
        return size

    def _written(self, key: str) -> "AsyncWritableFile":
        return obstore.open_writer_async(self._objects, _checked(key), buffer_size=BUFFER, max_concurrency=2)

    def _sync(self, folder: Path, key: str) -> None:
        """Make a file durable, and the folders down to it: obstore's own write is atomic, but only in memory.

        A folder stays once it is there: what is above it is synced with the first file that this process puts into it.
        """
        path = folder / key
        above = () if path.parent in self._durable else path.relative_to(folder).parents[1:]
        for each in (path, path.parent, *(folder / name for name in above)):
            descriptor = os.open(each, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self._durable.add(path.parent)

    async def get(self, key: str, target: Path) -> Path:
        """Have an object as a local file, which the caller does not change.

        Args:
            key: Its name.
            target: Where to copy it to, if it is not a local file already.

        Returns:
            The file.

        Raises:
            FileNotFoundError: There is no such object.
        """
        if self._folder is not None:
            return (self._folder / _checked(key)).resolve(strict=True)
        found = await obstore.get_async(self._objects, _checked(key))
        with await asyncio.to_thread(target.open, "wb") as file:
            async for chunk in found.stream(min_chunk_size=1024 * 1024):
                await asyncio.to_thread(file.write, chunk)
        return target

    async def read(self, key: str, start: int, end: int) -> bytes:
        """The bytes of an object from `start` up to, not including, `end`; fewer where it ends before.

        Raises:
            FileNotFoundError: There is no such object.
        """
        return bytes(await obstore.get_range_async(self._objects, _checked(key), start=start, end=end))

    async def stream(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes of an object from `start` up to, not including, `end`, in pieces that are read as they are taken.

        Raises:
            FileNotFoundError: There is no such object, which shows with the first piece.
        """
        found = await obstore.get_async(self._objects, _checked(key), options={"range": (start, end)})
        async for piece in found.stream(min_chunk_size=PIECE):
            yield bytes(piece)

    async def size(self, key: str) -> int | None:
        """The size of an object in bytes, or None where there is none."""
        try:
            return (await obstore.head_async(self._objects, _checked(key)))["size"]
        except FileNotFoundError:
            return None

    async def clear(self, key: str) -> None:
        """Remove what processes that died while they put an object have left of it; who is at it still will fail.

        An object store hides it, and its lifecycle rule removes it.
        """
        if self._folder is not None:
            await asyncio.to_thread(_remove_unfinished, self._folder / _checked(key))

    async def delete(self, key: str) -> None:
        """Remove an object, where there is one, and what is left of unfinished ones."""
        await self.clear(key)
        try:
            await _settled(obstore.delete_async(self._objects, _checked(key)))
        except FileNotFoundError:
            return


def _opened(url: str, folder: Path | None) -> ObjectStore:
    if folder is not None:
        return LocalStore(prefix=folder, mkdir=True)
    retry = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
    return cast("ObjectStore", from_url(url, retry_config=retry))  # type: ignore[call-overload]


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError("Not a key of the store")
    return key


async def _settled(pending: Awaitable[T]) -> T:
    """Await what runs outside the event loop, and on cancellation give it time to end: left alone it ends the process.

    (obstore 0.12: a call that finishes while the interpreter shuts down aborts.)
    """
    future = asyncio.ensure_future(pending)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait({future}, timeout=_SETTLING)
        raise
    finally:
        del future, pending  # what it raises remembers this frame: each would keep the other alive


def _remove_unfinished(path: Path) -> None:
    for left in path.parent.glob(f"{path.name}#*"):  # so obstore names them; no key has such a character
        left.unlink(missing_ok=True)
