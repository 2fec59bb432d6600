"""The doctor: each thing that can be wrong is found, named, and comes with what to do."""

import asyncio
import json
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from callwright import doctor, limits
from callwright.db import Pool, everywhere
from callwright.doctor import Finding, _of_objects, examine
from callwright.errors import SetupError
from callwright.partners import add_partner
from callwright.recordings.store import Store
from callwright.sealing import Sealer, make_secret_key, read_secret_key
from callwright.settings import Settings
from redis_server import a_redis, free_port
from s3_server import S3Server

KEY = make_secret_key()
NAMES = [
    "database", "migrations", "clock", "secret key", "store", "decoder", "transcriber", "analyser", "outbound",
    "read replica", "redis", "public URL", "dashboards",
]  # fmt: skip
Findings = dict[str, Finding]


@pytest.fixture
def make(database_url: str, tmp_path: Path) -> Callable[..., Settings]:
    def settings(**changed: Any) -> Settings:
        values = {"database_url": database_url, "data_dir": tmp_path, "secret_key": KEY, **changed}
        return Settings.model_validate(values)

    return settings


async def found(settings: Settings) -> Findings:
    return {finding.check: finding for finding in await examine(settings)}


@asynccontextmanager
async def server(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[int]:
    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def test_a_sound_house_has_no_error(make: Callable[..., Settings]) -> None:
    findings = await found(make(public_url="https://calls.example.com"))
    assert list(findings) == NAMES
    assert [f for f in findings.values() if f.state == "error"] == []
    assert {name for name, f in findings.items() if f.state == "warning"} <= {"database", "transcriber"}
    assert all(f.fix for f in findings.values() if f.state != "ok")
    assert "PostgreSQL" in findings["database"].message


async def test_the_embedded_database_is_examined_too(tmp_path: Path) -> None:
    findings = await found(Settings.model_validate({"data_dir": tmp_path}))
    assert (findings["database"].state, findings["migrations"].state) == ("ok", "ok")
    assert "embedded" in findings["database"].message
    assert findings["secret key"].state == "ok"


async def test_a_database_that_is_away_hides_no_other_check(make: Callable[..., Settings]) -> None:
    findings = await found(make(database_url="postgresql://app:hunter2@127.0.0.1:1/x"))
    assert findings["database"].state == "error"
    assert "hunter2" not in findings["database"].message
    assert findings["store"].state == "ok"
    assert "migrations" not in findings


async def test_missing_tables_are_named(make: Callable[..., Settings], empty_database_url: str) -> None:
    finding = (await found(make(database_url=empty_database_url)))["migrations"]
    assert finding.state == "error"
    assert "0001_partners" in finding.message
    assert "the queue's tables" in finding.message
    assert finding.fix == "Run: callwright migrate"


async def test_a_database_that_forgets_is_a_warning(make: Callable[..., Settings], database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    await connection.close()
    finding = (await found(make()))["database"]
    assert finding.state == "warning"
    assert "synchronous_commit" in finding.message


@pytest.mark.parametrize(("ahead", "state"), [(0.0, "ok"), (5.0, "warning"), (600.0, "error")])
async def test_clocks_that_differ(
    make: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, ahead: float, state: str
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead)
    assert (await found(make()))["clock"].state == state


async def test_the_secret_key_must_open_what_is_sealed(make: Callable[..., Settings], pool: Pool) -> None:
    async with everywhere(pool) as connection:
        await add_partner(connection, "Acme", sealer=Sealer(read_secret_key(KEY)))
    assert (await found(make()))["secret key"].message == "Opens the partners' webhook secrets"
    finding = (await found(make(secret_key=make_secret_key())))["secret key"]
    assert finding.state == "error"
    assert "cannot be opened" in finding.message


@pytest.mark.parametrize("key", [None, "short"])
async def test_a_missing_or_unusable_secret_key(make: Callable[..., Settings], key: str | None) -> None:
    assert (await found(make(secret_key=key)))["secret key"].state == "error"


async def test_a_store_that_cannot_be_written(make: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert (await found(make(store_url=str(tmp_path / "file" / "store"))))["store"].state == "error"


async def test_a_bucket_that_takes_and_gives_back(make: Callable[..., Settings], s3_url: str, s3: S3Server) -> None:
    plain = (await found(make(store_url=s3_url)))["store"]
    assert (plain.state, plain.message) == ("ok", "s3://recordings takes and gives back")
    encrypting = (await found(make(store_url=s3_url, store_encryption="AES256")))["store"]
    assert (encrypting.state, encrypting.message[-21:]) == ("ok", ", encrypted by AES256")
    assert s3.objects(s3_url.rpartition("/")[2]) == []


async def test_a_bucket_that_keeps_what_is_erased(make: Callable[..., Settings], s3_url: str, s3: S3Server) -> None:
    s3.make("doctored")
    s3.keep_versions("doctored")
    finding = (await found(make(store_url="s3://doctored")))["store"]
    assert (finding.state, "old versions" in finding.message) == ("warning", True)


async def test_the_generation_of_an_object_of_another_store_is_no_old_version(
    make: Callable[..., Settings], s3_url: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address of Google's, opened in a bucket whose objects have versions, as each there has its generation."""
    s3.make("generations")
    s3.keep_versions("generations")
    real = Store.__init__

    def elsewhere(self: Store, url: str, **how: Any) -> None:
        real(self, url.replace("gs://", "s3://"), **how)
        self.origin = None

    monkeypatch.setattr(Store, "__init__", elsewhere)
    finding = (await found(make(store_url="gs://generations")))["store"]
    assert (finding.state, finding.message) == ("ok", "gs://generations takes and gives back")


async def test_a_bucket_that_does_not_encrypt_as_it_is_told(
    make: Callable[..., Settings], s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Store.__init__

    def forgets(self: Store, url: str, **how: Any) -> None:
        real(self, url, **{**how, "encryption": None})

    monkeypatch.setattr(Store, "__init__", forgets)
    finding = (await found(make(store_url=s3_url, store_encryption="AES256")))["store"]
    assert (finding.state, "does not say that it encrypts" in finding.message) == ("error", True)


@pytest.mark.parametrize(
    ("changed", "url", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "another"}, "s3://recordings", "SignatureDoesNotMatch"),
        ({}, "s3://no-such-bucket", "NoSuchBucket"),
    ],
)
async def test_a_bucket_that_refuses(
    make: Callable[..., Settings], s3_url: str, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], url: str,
    said: str,
) -> None:  # fmt: skip
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    finding = (await found(make(store_url=url)))["store"]
    assert (finding.state, said in finding.message, "\n" in finding.message) == ("error", True, False)
    assert finding.fix is not None
    assert "keep-recordings-in-s3" in finding.fix


async def test_recordings_that_cross_the_network_as_they_are(s3_url: str) -> None:
    store, settings = Store(s3_url), Settings.model_validate({"store_url": s3_url})
    store.origin = "http://store.example:9000"
    finding = _of_objects(settings, store, None, None)
    assert (finding.state, "as they are" in finding.message) == ("warning", True)


@pytest.mark.parametrize(("free", "state"), [(10**12, "ok"), (10**9, "warning"), (10**8, "error")])
async def test_a_full_disk(
    make: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: type("Usage", (), {"free": free}))
    assert (await found(make()))["store"].state == state


async def test_the_store_is_left_as_it_was(make: Callable[..., Settings], tmp_path: Path) -> None:
    await examine(make())
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("spec", ["faster-whisper:/nonexistent/model", "parrot"])
async def test_a_missing_engine_or_model(make: Callable[..., Settings], spec: str) -> None:
    finding = (await found(make(transcriber=spec)))["transcriber"]
    assert finding.state == "error"
    assert finding.fix


def model_server(status: str, body: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    return answer


@pytest.mark.parametrize(
    ("status", "listed", "state"),
    [
        ("200 OK", "small-talk", "ok"),
        ("200 OK", "other", "warning"),
        ("401 Unauthorized", "", "error"),
        ("404 No", "", "ok"),
    ],
)
async def test_the_model_server(make: Callable[..., Settings], status: str, listed: str, state: str) -> None:
    body = json.dumps({"data": [{"id": listed}]}).encode()
    async with server(model_server(status, body)) as port:
        url = f"http://127.0.0.1:{port}/v1"
        settings = make(analyser="llm", llm_base_url=url, llm_model="small-talk", llm_api_key="k")
        assert (await found(settings))["analyser"].state == state


async def test_a_model_server_that_is_away_or_not_named(make: Callable[..., Settings]) -> None:
    away = make(analyser="llm", llm_base_url="http://127.0.0.1:1/v1", llm_model="m", llm_api_key="k")
    assert "does not answer" in (await found(away))["analyser"].message
    assert (await found(make(analyser="llm")))["analyser"].state == "error"


@pytest.mark.parametrize(
    ("opened", "state"),
    [
        ("", "ok"), ("10.1.0.0/16", "ok"), ("recordings.example.com", "ok"), ("127.0.0.0/8", "warning"),
        ("0.0.0.0/0", "warning"), ("169.254.169.254", "warning"), ("::1", "warning"), ("localhost", "warning"),
    ],
)  # fmt: skip
async def test_an_outbound_policy_that_opens_the_house(make: Callable[..., Settings], opened: str, state: str) -> None:
    finding = (await found(make(allow_networks=opened)))["outbound"]
    assert finding.state == state
    assert opened.split("/", maxsplit=1)[0] in finding.message


async def test_a_ca_file_that_is_none(make: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    for file in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        assert (await found(make(ca_file=file)))["outbound"].state == "error"


async def test_redis(make: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REDIS_SECONDS", 10.0)
    port = free_port()
    with a_redis(port, password="opensesame"):
        there = (await found(make(redis_url=f"valkey://:opensesame@127.0.0.1:{port}/0")))["redis"]
        refused = (await found(make(redis_url=f"redis://:hunter2@127.0.0.1:{port}/0")))["redis"]
    away = (await found(make(redis_url=f"redis://:hunter2@127.0.0.1:{port}/0")))["redis"]
    wrong = (await found(make(redis_url=f"redis://:hunter2/@127.0.0.1:{port}/0")))["redis"]
    assert (there.state, there.message) == ("ok", "Counts the requests")
    assert [each.state for each in (refused, away, wrong)] == ["error"] * 3
    assert all(each.fix and "hunter2" not in f"{each.message} {each.fix}" for each in (refused, away, wrong))


async def test_a_redis_that_hangs(make: Callable[..., Settings]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        finding = (await found(make(redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")))["redis"]
    assert finding.message == "Does not count: no answer within 0.5 s"


async def test_a_replica_that_is_none_or_away_is_a_warning(make: Callable[..., Settings], database_url: str) -> None:
    finding = (await found(make(read_database_url=database_url)))["read replica"]
    assert (finding.state, finding.message) == ("warning", "Is no replica, or one no more")
    finding = (await found(make(read_database_url="postgresql://me:hunter2@127.0.0.1:1/gone")))["read replica"]
    assert (finding.state, "hunter2" in finding.message) == ("warning", False)
    assert "CALLWRIGHT_READ_DATABASE_URL" in (finding.fix or "")


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("https://calls.example.com", "ok"), ("http://127.0.0.1:8000", "warning"),
        ("http://calls.example.com", "warning"),
        ("calls.example.com", "error"), ("https://calls.example.com/?x=1", "error"),
    ],
)  # fmt: skip
async def test_the_public_address(make: Callable[..., Settings], url: str, state: str) -> None:
    assert (await found(make(public_url=url)))["public URL"].state == state


async def test_a_check_that_breaks_or_hangs_hides_no_other(
    make: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(_settings: Settings) -> Finding:
        raise RuntimeError("password=hunter2")

    async def hangs(_settings: Settings) -> Finding:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(doctor, "CHECKS", {"breaks": breaks, "hangs": hangs, "redis": doctor._redis})
    monkeypatch.setattr(doctor, "CHECK_SECONDS", 0.5)
    findings = await found(make())
    assert findings["breaks"].message == "RuntimeError: password=***"
    assert findings["hangs"].message == "No answer within 0.5 s"
    assert findings["redis"].state == "ok"


async def test_a_bundle_that_is_missing(make: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(entry: str) -> None:
        raise SetupError("The dashboards' scripts and styles have not been made", "Run: make web")

    monkeypatch.setattr(doctor, "bundle_of", missing)
    finding = (await found(make()))["dashboards"]
    assert (finding.state, finding.fix) == ("error", "Run: make web")
