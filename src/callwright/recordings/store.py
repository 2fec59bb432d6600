"""Where recordings are kept: a folder, S3, Google Cloud Storage or Azure, by one URL."""

import asyncio
import os
import re
from collections.abc import AsyncIterable, Awaitable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

from callwright.errors import SetupError

T = TypeVar("T")

BUFFER = 8 * 1024 * 1024
"""What is held in memory: a recording up to this size is one request, a larger one is sent in parts of it."""

_KEY = re.compile(r"(?!\.{1,2}(?:/|$))[\w.-]+(?:/(?!\.{1,2}(?:/|$))[\w.-]+)*", re.ASCII)
_SETTLING = 10.0


class Store:
    """Objects by key. A key is made of letters, digits, `_`, `-`, `.` and `/`, without `.` and `..` as a part.

    In an object store, parts of a broken-off upload are invisible but remain: give the bucket a lifecycle rule that
    drops incomplete uploads. In a folder nothing remains.

    Args:
        url: A folder's path, `file://…`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`;
            credentials and endpoints come from the environment, as the provider's own tools read them.

    Raises:
        SetupError: The URL cannot be used, or the folder cannot be made.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._folder: Path | None = None
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
        writer = obstore.open_writer_async(self._objects, _checked(key), buffer_size=BUFFER, max_concurrency=2)
        size = 0
        try:
            async for chunk in chunks:
                await _settled(writer.write(chunk))
                size += len(chunk)
            await _settled(writer.close())
        finally:
            del writer  # a writer that goes away unclosed removes what it had written; a traceback would keep it
        if self._folder is not None:
            await asyncio.to_thread(_sync, self._folder, key)
        return size

    async def get(self, key: str, target: Path) -> None:
        """Write an object to a local file.

        Raises:
            FileNotFoundError: There is no such object.
        """
        found = await obstore.get_async(self._objects, _checked(key))
        with await asyncio.to_thread(target.open, "wb") as file:
            async for chunk in found.stream(min_chunk_size=1024 * 1024):
                await asyncio.to_thread(file.write, chunk)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """The bytes of an object from `start` up to, not including, `end`; fewer where it ends before.

        Raises:
            FileNotFoundError: There is no such object.
        """
        return bytes(await obstore.get_range_async(self._objects, _checked(key), start=start, end=end))

    async def size(self, key: str) -> int | None:
        """The size of an object in bytes, or None where there is none."""
        try:
            return (await obstore.head_async(self._objects, _checked(key)))["size"]
        except FileNotFoundError:
            return None

    async def delete(self, key: str) -> None:
        """Remove an object, where there is one."""
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


def _sync(folder: Path, key: str) -> None:
    """Make a file and every folder down to it durable: obstore's own write is atomic, but only in memory."""
    path = folder / key
    for each in (path, *path.relative_to(folder).parents):
        descriptor = os.open(folder / each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
