"""The store, on a folder and on S3: whole or not at all; on a folder durable too, and never outside of it."""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from callwright.errors import SetupError
from callwright.recordings.store import AT_ONCE, BUFFER, PIECE, Store

KEY = "recordings/7/ab/abcdef"


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Kept:
    """A store, and how to look behind it."""

    store: Store
    left: Callable[[], list[str]]

    async def is_empty(self) -> bool:
        """Whether no file, object or part of one is left; the library may take a moment to remove its own."""
        assert await self.store.size(KEY) is None
        for _ in range(200):
            if not self.left():
                return True
            await asyncio.sleep(0.01)
        return False


@pytest.fixture(params=["folder", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """A store on each of what is tested."""
    if request.param == "folder":
        folder = tmp_path / "a folder" / "store"
        return Kept(Store(str(folder)), lambda: files(folder))
    s3, url = request.getfixturevalue("s3"), request.getfixturevalue("s3_url")
    prefix = url.rpartition("/")[2]
    return Kept(Store(url), lambda: [*s3.objects(prefix), *s3.unfinished(prefix)])


@pytest.fixture
def store(kept: Kept) -> Store:
    return kept.store


async def test_what_is_put_is_got(store: Store, tmp_path: Path) -> None:
    assert await store.put(KEY, chunks(b"ab", b"", b"cde"), media_type=lambda: "audio/wav") == 5
    assert (await store.get(KEY, tmp_path / "copy")).read_bytes() == b"abcde"
    assert await store.size(KEY) == 5
    assert await store.read(KEY, 1, 3) == b"bc"
    assert await store.read(KEY, 3, 100) == b"de"


async def test_a_folder_may_be_named_by_a_url(tmp_path: Path) -> None:
    await Store(f"file://{tmp_path}/a%20folder").put(KEY, chunks(b"ab"))
    assert (tmp_path / "a folder" / KEY).read_bytes() == b"ab"


@pytest.mark.parametrize("size", [AT_ONCE + 1, BUFFER + 1, 2 * BUFFER, 4 * BUFFER + 5])
async def test_a_large_object_passes_in_parts(store: Store, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    parts = [data[place : place + 100_003] for place in range(0, size, 100_003)]
    assert await store.put(KEY, chunks(*parts)) == size
    assert (await store.get(KEY, tmp_path / "copy")).read_bytes() == data
    pieces = [piece async for piece in store.stream(KEY, 7, size - 1)]
    assert b"".join(pieces) == data[7:-1]
    assert max(map(len, pieces)) <= PIECE


async def test_a_second_put_replaces_the_first(store: Store, tmp_path: Path) -> None:
    await store.put(KEY, chunks(b"first and longer"))
    await store.put(KEY, chunks(b"second"))
    assert (await store.get(KEY, tmp_path / "copy")).read_bytes() == b"second"


@pytest.mark.parametrize("size", [10, AT_ONCE, 3 * BUFFER])
async def test_a_source_that_breaks_leaves_nothing(kept: Kept, size: int) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield bytes(size)
        raise ConnectionError("cut")

    with pytest.raises(ConnectionError, match="cut"):
        await kept.store.put(KEY, breaking())
    assert await kept.is_empty()


PUT_AND_DIE = """
import asyncio, os, signal, sys
from callwright.recordings.store import BUFFER, Store

async def chunks():
    yield bytes(3 * BUFFER)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(Store(sys.argv[1]).put(sys.argv[2], chunks()))
"""


@pytest.mark.parametrize("remove", [Store.clear, Store.delete])
async def test_what_a_killed_process_left_can_be_removed(
    tmp_path: Path, remove: Callable[[Store, str], Awaitable[None]]
) -> None:
    store, other = Store(str(tmp_path)), KEY + "-other"
    await store.put(other, chunks(b"another recording"))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PUT_AND_DIE, str(tmp_path), KEY)
    assert await process.wait() == -9
    assert len(files(tmp_path)) == 2, "there is something to remove"
    await remove(store, KEY)
    assert files(tmp_path) == [other]


async def test_a_cancelled_put_leaves_nothing(kept: Kept) -> None:
    started = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield bytes(3 * BUFFER)
        started.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(kept.store.put(KEY, stuck()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await kept.is_empty()


async def test_the_file_and_all_its_folders_are_synced_before_put_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    store = Store(str(tmp_path))
    monkeypatch.setattr(os, "fsync", fsync)
    await store.put(KEY, chunks(b"x"))
    folders = [tmp_path / KEY, *(tmp_path / parent for parent in Path(KEY).parents)]
    assert synced == [str(folder) for folder in folders]
    for key, new in ((f"{KEY}-other", 2), ("recordings/7/ac/x", 3), ("recordings/7/ac/y", 2), ("recordings/8/a/x", 4)):
        synced.clear()
        await store.put(key, chunks(b"x"))
        above = [tmp_path / key, *(tmp_path / parent for parent in Path(key).parents)]
        assert synced == [str(each) for each in above[:new]], "up to the first folder that had something in it"
    synced.clear()
    await store.put("recordings/8/a/large", chunks(*[bytes(PIECE)] * 9))
    assert synced == [str(tmp_path / "recordings/8/a/large"), str(tmp_path / "recordings/8/a")]


async def test_what_is_not_there_is_said(store: Store, tmp_path: Path) -> None:
    assert await store.size(KEY) is None
    await store.delete(KEY)
    with pytest.raises(FileNotFoundError):
        await store.get(KEY, tmp_path / "copy")
    with pytest.raises(FileNotFoundError):
        await store.read(KEY, 0, 1)
    with pytest.raises(FileNotFoundError):
        await anext(store.stream(KEY, 0, 1))


async def test_an_object_that_is_not_there_leaves_no_garbage(tmp_path: Path) -> None:
    store, key = Store(str(tmp_path)), "recordings/7/ab/not-there"  # which no other test asks for
    gc.disable()  # what only the collector removes stays for thousands of calls that failed
    try:
        await store.delete(key)
        for _ in range(50):  # another thread may have the error still in its hands
            await asyncio.sleep(0.01)
            left = [each for each in gc.get_objects() if isinstance(each, FileNotFoundError) and key in str(each)]
            if not left:
                break
    finally:
        gc.enable()
    assert not left


async def test_delete_removes(kept: Kept) -> None:
    await kept.store.put(KEY, chunks(b"x"))
    await kept.store.delete(KEY)
    assert await kept.is_empty()


@pytest.mark.parametrize(
    "key",
    ["", "/etc/x", "../x", "a/../b", "a/..", "..", ".", "a/./b", "a//b", "a/", "a\\b", "a\0b", "a%2e/b", "ä", "a\n"],
)
async def test_keys_that_could_leave_the_store_are_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="Not a key"):
        await Store(str(tmp_path)).put(key, chunks(b"x"))
    assert files(tmp_path) == []


def test_addresses_that_cannot_be_used_are_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for url in ("ftp://host/x", "http://host/x", "memory:///x", str(tmp_path / "file")):
        with pytest.raises(SetupError):
            Store(url)


def test_object_stores_are_known_by_their_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    kinds = [type(Store(url)._objects).__name__ for url in ("s3://bucket/prefix", "gs://bucket", "az://container/p")]
    assert kinds == ["S3Store", "GCSStore", "AzureStore"]
