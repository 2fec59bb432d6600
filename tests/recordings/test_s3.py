"""The store on S3: encryption, links, versions, what it takes of memory, and what comes of a store that is away."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import obstore
import pytest

from callwright.errors import SetupError
from callwright.recordings.s3 import Encryption
from callwright.recordings.store import AWAY, BUFFER, STEP, Store
from s3_server import SECRET, S3Server

KEY = "recordings/7/ab/abcdef"


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def head(store: Store) -> httpx.Headers:
    """What the server itself says of the object."""
    async with httpx.AsyncClient() as client:
        answer = await client.head(await store.link(KEY, 60, "HEAD"))
    assert answer.status_code == 200
    return answer.headers


@pytest.mark.parametrize("size", [5, BUFFER + 1], ids=["whole", "in parts"])
@pytest.mark.parametrize(("encryption", "kms_key"), [("AES256", None), ("aws:kms", "a-key-of-the-tests")])
async def test_an_object_is_encrypted_and_named_for_what_it_is(
    s3_url: str, tmp_path: Path, size: int, encryption: Encryption, kms_key: str | None
) -> None:
    data = os.urandom(size)
    store = Store(s3_url, encryption=encryption, kms_key=kms_key)
    await store.put(KEY, chunks(data), media_type=lambda: "audio/wav")
    told = await head(store)
    assert told["x-amz-server-side-encryption"] == encryption
    assert told.get("x-amz-server-side-encryption-aws-kms-key-id") == kms_key
    assert (told["content-type"], told["cache-control"]) == ("audio/wav", "no-store")
    assert (await store.get(KEY, tmp_path / "copy")).read_bytes() == data


async def test_without_the_setting_encryption_is_the_buckets_own_affair(s3_url: str) -> None:
    store = Store(s3_url)
    await store.put(KEY, chunks(b"x"))
    assert "x-amz-server-side-encryption" not in await head(store)


async def test_a_link_opens_one_object_and_its_ranges_for_a_time(s3_url: str) -> None:
    store = Store(s3_url)
    await store.put(KEY, chunks(b"0123456789"))
    await store.put(KEY + "-other", chunks(b"another"))
    link, short = await store.link(KEY, 60), await store.link(KEY, 1)
    assert link.startswith(f"{store.origin}/")
    assert SECRET not in link
    async with httpx.AsyncClient() as client:
        answer = await client.get(link, headers={"range": "bytes=2-4"})
        assert (answer.status_code, answer.content) == (206, b"234")
        assert answer.headers["content-range"] == "bytes 2-4/10"
        for other in (link.replace(KEY, KEY + "-other"), link.partition("?")[0], link[:-1] + "x"):
            assert (await client.get(other)).status_code == 403
        for method in ("PUT", "DELETE"):
            assert (await client.request(method, link)).status_code == 403
        await asyncio.sleep(2.1)  # the server's own clock, in whole seconds, ends it
        assert (await client.get(short)).status_code == 403


async def test_only_s3_gives_links(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert store.origin is None
    with pytest.raises(TypeError):
        await store.link(KEY, 60)


async def test_a_bucket_that_keeps_versions_is_known_by_its_objects(s3: S3Server, s3_url: str) -> None:
    s3.make("versioned")
    s3.keep_versions("versioned")
    for store, kept in ((Store(s3_url), False), (Store("s3://versioned"), True)):
        await store.put(KEY, chunks(b"x"))
        assert (await store.version(KEY) is not None) is kept


async def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed(s3_url: str) -> None:
    store = Store(s3_url)
    await store.put(KEY, chunks(bytes(2 * STEP)))
    stream = store.stream(KEY, 0, 2 * STEP)
    assert not any(await anext(stream))
    await store.put(KEY, chunks(b"x" * 2 * STEP))
    with pytest.raises(obstore.exceptions.PreconditionError):
        assert not any(b"".join([piece async for piece in stream]))


async def test_an_object_that_is_erased_while_it_is_heard_ends_there(s3_url: str) -> None:
    store = Store(s3_url)
    await store.put(KEY, chunks(bytes(3 * STEP)))
    stream = store.stream(KEY, 0, 3 * STEP)
    await anext(stream)
    await store.delete(KEY)
    with pytest.raises(FileNotFoundError):
        assert len(b"".join([piece async for piece in stream])) < 2 * STEP


MEASURED = """
import asyncio, re, sys
from pathlib import Path
from callwright.recordings.store import Store

async def chunks():
    for _ in range(1500):
        yield bytes(65536)

def most():
    return int(re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text())[1])

async def main():
    store = Store(sys.argv[1])
    async def few():
        yield b"x"
    await store.put("small", few())
    begun = most()
    size = await store.put("large", chunks())
    put = most()
    await store.get("large", Path(sys.argv[2]))
    assert size == Path(sys.argv[2]).stat().st_size == 1500 * 65536
    print(put - begun, most() - begun)

asyncio.run(main())
"""


async def test_a_large_recording_takes_bounded_memory(s3_url: str, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MEASURED, s3_url, str(tmp_path / "copy")), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    most_of_put, most = map(int, told.split())
    assert most_of_put < 25_000, "KiB, of 98 MB: two parts, and what is under way of them"
    assert most < 40_000


PUT_AND_DIE = """
import asyncio, os, signal, sys
from callwright.recordings.store import BUFFER, Store

async def chunks():
    for _ in range(3):
        yield bytes(BUFFER)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(Store(sys.argv[1]).put(sys.argv[2], chunks()))
"""


async def test_what_a_killed_process_has_sent_is_no_object(s3_url: str, s3: S3Server) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PUT_AND_DIE, s3_url, KEY)
    assert await process.wait() == -9
    store = Store(s3_url)
    assert await store.size(KEY) is None
    assert len(s3.unfinished(s3_url.rpartition("/")[2])) == 1, "that is what the bucket's rule is for"
    await store.put(KEY, chunks(b"x"))
    assert await store.read(KEY, 0, 10) == b"x", "and it is in nobody's way"


async def test_what_the_store_refuses_is_our_trouble(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    store = Store(s3_url)
    for asked in (store.put(KEY, chunks(b"x")), store.size(KEY), store.read(KEY, 0, 1), store.delete(KEY)):
        with pytest.raises(AWAY):
            await asked
    with pytest.raises(AWAY):
        await Store(s3_url.replace("recordings", "no-such-bucket")).put(KEY, chunks(b"x"))


async def test_a_private_authority_is_trusted(s3: S3Server, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment(tls=True).items():
        monkeypatch.setenv(name, value)
    store = Store(s3_url, ca_file=s3.ca_file)
    assert store.origin == s3.tls_origin
    await store.put(KEY, chunks(b"x"))
    assert await store.read(KEY, 0, 9) == b"x"
    with pytest.raises(SetupError, match="CALLWRIGHT_CA_FILE"):
        Store(s3_url, ca_file=s3.ca_file / "none")


@pytest.mark.parametrize(
    ("environment", "origin"),
    [
        ({}, "https://s3.us-east-1.amazonaws.com"),
        ({"AWS_REGION": "eu-central-1"}, "https://s3.eu-central-1.amazonaws.com"),
        (
            {"AWS_REGION": "eu-central-1", "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true"},
            "https://bucket.s3.eu-central-1.amazonaws.com",
        ),
        ({"AWS_ENDPOINT_URL": "https://store.example:9000/"}, "https://store.example:9000"),
    ],
)
def test_the_origin_is_where_links_lead(
    environment: dict[str, str], origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Store("s3://bucket/prefix").origin == origin
