"""Where recordings are kept: a folder, S3, Google Cloud Storage or Azure, by one URL."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from contextlib import aclosing, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import LocalStore, ObjectStore, S3Store, from_url

from callwright.errors import SetupError
from callwright.kill_points import reached
from callwright.recordings.s3 import Encryption, open_bucket, origin_of

if TYPE_CHECKING:
    from obstore import AsyncWritableFile, Attributes, GetOptions
    from obstore.store import RetryConfig

T = TypeVar("T")

BUFFER = 5 * 1024 * 1024
"""A recording up to this size is one request, a larger one is sent in parts of it: the smallest that S3 takes.

Two of them are held in memory for each recording, the one that fills and the one that is sent.
"""

AWAY = (OSError, obstore.exceptions.BaseError)
"""What a store raises that is full, away or not to be written."""

AT_ONCE = 1024 * 1024
"""A recording up to this size is handed to the store whole, which spares it most of the work of a longer one."""

PIECE = 256 * 1024
"""What is handed to a store at a time: each piece is some work of its own, whatever its size."""

STEP = 1024 * 1024
"""What is asked of an object store at a time: who listens slowly would else hold a connection until it is cut."""

FREE_WARNING, FREE_ERROR = 2_000_000_000, 200_000_000
"""Bytes: some 4,000 and 400 minutes of stereo recordings at 64 kbit/s."""

_KEY = re.compile(r"(?!\.{1,2}(?:/|$))[\w.-]+(?:/(?!\.{1,2}(?:/|$))[\w.-]+)*", re.ASCII)
_SETTLING = 10.0
_RETRIES: "RetryConfig" = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
_ENDLESS = 1 << 62


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

    What an upload that breaks off has sent is removed, but where the process is killed or the store is away just then:
    in an object store its parts are invisible and remain, so give the bucket a lifecycle rule that drops incomplete
    uploads; in a folder `clear` removes them.

    Args:
        url: A folder's path, `file://…`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`;
            credentials and endpoints come from the environment.
        encryption: How an S3 store is told to encrypt; None leaves it to the bucket.
        kms_key: The id or ARN of the key for `aws:kms`; None for the account's own.
        ca_file: A PEM file with private authorities that an S3 store's certificate may be of.

    Attributes:
        origin: From where a browser would get what `link` gives, as `https://s3.example.com`; None but for S3.

    Raises:
        SetupError: The URL cannot be used, or the folder cannot be made.
    """

    def __init__(
        self, url: str, *, encryption: Encryption | None = None, kms_key: str | None = None, ca_file: Path | None = None
    ) -> None:
        parts = urlsplit(url)
        self.origin: str | None = None
        self._folder: Path | None = None
        self._durable: set[str] = set()
        if parts.scheme in ("", "file"):
            self._folder = Path(unquote(parts.path) if parts.scheme else url).absolute()
        elif parts.scheme not in ("s3", "gs", "az"):
            raise SetupError(
                f"The store's address starts with {parts.scheme}://, which is unknown.",
                "Set CALLWRIGHT_STORE_URL to a folder, or to an address with s3://, gs:// or az://.",
            )
        try:
            self._objects: ObjectStore
            if self._folder is not None:
                self._objects = LocalStore(prefix=self._folder, mkdir=True)
            elif parts.scheme == "s3":
                self.origin = origin_of(url)
                self._objects = open_bucket(
                    url, self.origin, _RETRIES, encryption=encryption, kms_key=kms_key, ca_file=ca_file
                )
            else:
                self._objects = from_url(url, retry_config=_RETRIES)
        except (OSError, ValueError, obstore.exceptions.BaseError) as error:
            raise SetupError(
                f"The store cannot be opened: {str(error).splitlines()[0]}", "Check CALLWRIGHT_STORE_URL."
            ) from None

    async def put(self, key: str, chunks: AsyncIterable[bytes], *, media_type: Callable[[], str] | None = None) -> int:
        """Keep an object; it is durable when this returns, and not there at all when this or `chunks` raises.

        Args:
            key: Its name; what had the name before is replaced.
            chunks: Its bytes, read in this task, one by one.
            media_type: Tells what an object store says it is, to whom a link to it is given; asked once its first
                bytes have been read. A folder keeps no such thing.

        Returns:
            Bytes written.
        """
        writer: AsyncWritableFile | None = None
        size, held = 0, bytearray()
        try:
            async for chunk in chunks:
                held += chunk
                if len(held) >= (AT_ONCE if writer is None else PIECE):
                    writer = writer or self._written(key, media_type)
                    await _settled(writer.write(held))
                    size, held = size + len(held), bytearray()
            reached("download-whole")
            size += len(held)
            if writer is None:
                await self._put_whole(key, held, media_type)
            else:
                await _settled(writer.write(held))
                await _settled(writer.close())
                if self._folder is not None:
                    await asyncio.to_thread(self._sync, self._folder, key)
            reached("store-written")
        except BaseException as error:
            if writer is not None:
                with suppress(*AWAY):  # its parts have gone with the store, or the bucket's rule drops them
                    await _settled(writer.__aexit__(type(error), error, None))
            raise
        finally:
            del writer  # a writer that goes away unclosed removes what it had written; a traceback would keep it
        return size

    async def _put_whole(self, key: str, body: bytearray, media_type: Callable[[], str] | None) -> None:
        """Keep what is small in one go: for a folder in one thread's, as each change of threads costs what it does."""
        folder = self._folder
        if folder is None:
            told = self._told(media_type)
            await _settled(obstore.put_async(self._objects, _checked(key), body, attributes=told))
            return

        def put() -> None:
            obstore.put(self._objects, _checked(key), body)
            self._sync(folder, key)

        await _settled(asyncio.to_thread(put))

    def _written(self, key: str, media_type: Callable[[], str] | None) -> "AsyncWritableFile":
        return obstore.open_writer_async(
            self._objects, _checked(key), attributes=self._told(media_type), buffer_size=BUFFER, max_concurrency=1
        )

    def _told(self, media_type: Callable[[], str] | None) -> "Attributes | None":
        """What an object store tells whoever it gives an object to: what it is, and that no browser is to keep it."""
        if self._folder is not None or media_type is None:
            return None
        return {"Content-Type": media_type(), "Cache-Control": "no-store"}

    def _sync(self, folder: Path, key: str) -> None:
        """Make a file durable, and the folders down to it: obstore's own write is atomic, but only in memory.

        A folder stays once it is there: above the first one that had something in it, nothing needs to be synced.
        """
        path, new = folder / key, list[str]()
        _sync(path)
        for each in path.parents:
            _sync(each)
            if each == folder or str(each) in self._durable:
                break
            new.append(str(each))
        self._durable.update(new)

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
        with await asyncio.to_thread(target.open, "wb") as file:
            async with aclosing(self._steps(key, 0, _ENDLESS, 4 * STEP)) as steps:
                async for step in steps:
                    await asyncio.to_thread(file.write, step)
        return target

    async def read(self, key: str, start: int, end: int) -> bytes:
        """The bytes of an object from `start` up to, not including, `end`; fewer where it ends before.

        Raises:
            FileNotFoundError: There is no such object.
        """
        return bytes(await _settled(obstore.get_range_async(self._objects, _checked(key), start=start, end=end)))

    async def stream(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes of an object from `start` up to, not including, `end`, in pieces that are read as they are taken.

        Raises:
            FileNotFoundError: There is no such object, which shows with the first piece.
        """
        if self._folder is None:
            async with aclosing(self._steps(key, start, end, STEP)) as steps:
                async for step in steps:
                    for place in range(0, len(step), PIECE):
                        yield bytes(step[place : place + PIECE])
            return
        found = await obstore.get_async(self._objects, _checked(key), options={"range": (start, end)})
        async for piece in found.stream(min_chunk_size=PIECE):
            yield bytes(piece)

    async def _steps(self, key: str, start: int, end: int, step: int) -> AsyncGenerator[memoryview, None]:
        """The bytes of one version of an object, each so many of them by a request of its own, in bounded time."""
        options: GetOptions = {}
        while start < end:
            options["range"] = (start, min(start + step, end))
            found = await _settled(obstore.get_async(self._objects, _checked(key), options=options))
            part = memoryview(await _settled(found.bytes_async()))
            start, end = start + len(part), min(end, found.meta["size"])
            if found.meta["e_tag"]:
                options["if_match"] = found.meta["e_tag"]
            yield part

    async def size(self, key: str) -> int | None:
        """The size of an object in bytes, or None where there is none."""
        try:
            return (await _settled(obstore.head_async(self._objects, _checked(key))))["size"]
        except FileNotFoundError:
            return None

    async def version(self, key: str) -> str | None:
        """The name of an object's version, where the store keeps those before it; None where it does not."""
        version = (await _settled(obstore.head_async(self._objects, _checked(key))))["version"]
        return None if version == "null" else version  # so S3 names it where versions are not kept any more

    async def link(self, key: str, seconds: int, method: Literal["GET", "HEAD"] = "GET") -> str:
        """An address at which anybody has an object of an S3 store for some time, ranges of it too, as its bearer.

        Args:
            key: Its name; whether there is such an object is not asked.
            seconds: How long. With credentials of a shorter life, as long as these live.
            method: What may be asked.
        """
        bucket = self._objects
        if not isinstance(bucket, S3Store):
            raise TypeError("Only an S3 store gives links")
        return await _settled(obstore.sign_async(bucket, method, _checked(key), timedelta(seconds=seconds)))

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


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_unfinished(path: Path) -> None:
    for left in path.parent.glob(f"{path.name}#*"):  # so obstore names them; no key has such a character
        left.unlink(missing_ok=True)
