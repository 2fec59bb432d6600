"""What is told at the address of its own: metrics, life, readiness, and the queue as it is."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

import told
from callwright import metrics, queue, vitals
from callwright.db import Pool, everywhere
from callwright.errors import SetupError
from callwright.settings import Settings
from callwright.up import _vitals_of_worker
from callwright.worker import run_worker
from journey_house import SECRET_KEY
from partner_api import open_door


async def well() -> str | None:
    return None


@asynccontextmanager
async def asked(application: vitals.Vitals) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://vitals") as client:
        yield client


async def test_what_is_told_where() -> None:
    async with asked(vitals.Vitals("worker", well)) as client:
        answer = await client.get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert told.value(told.samples(answer.text), "callwright_build_info") == 1
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        assert (await client.head("/metrics")).content == b""
        assert (await client.get("/metrics/")).status_code == 404
        assert (await client.post("/metrics")).status_code == 405


async def test_readiness_says_what_is_wrong() -> None:
    async def ill() -> str | None:
        return "the database does not answer"

    async with asked(vitals.Vitals("API", ill)) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["reason"]) == (503, "the database does not answer")
        assert (await client.get("/healthz")).status_code == 200


async def test_the_queue_is_told_and_not_read_anew_for_each_who_asks(pool: Pool) -> None:
    async with everywhere(pool) as connection:
        await connection.execute(
            """
            INSERT INTO pgqueuer (priority, entrypoint, payload, execute_after, status)
            SELECT 0, entrypoint, '', now() + wait, status::pgqueuer_status FROM (VALUES
                ('fetch', interval '-90 s', 'queued'), ('fetch', '-10 s', 'queued'), ('fetch', '1 h', 'queued'),
                ('fetch waiting', '1 min', 'queued'), ('deliver', '-5 s', 'picked')) AS jobs (entrypoint, wait, status)
            """
        )
    looking = vitals.Queue(pool)
    await looking.look()
    first = told.now("API")
    counted = {
        state: told.value(first, "callwright_queue_jobs", step="fetch", state=state) for state in ("due", "later")
    }
    assert counted == {"due": 2, "later": 2}
    assert told.value(first, "callwright_queue_jobs", step="deliver", state="running") == 1
    assert 90 <= told.value(first, "callwright_queue_oldest_seconds", step="fetch") < 120
    assert told.value(first, "callwright_queue_oldest_seconds", step="analyse") == 0
    assert {s.labels["step"] for s in first if s.name == "callwright_queue_jobs"} == set(queue.STEPS)
    async with everywhere(pool) as connection:
        await connection.execute("DELETE FROM pgqueuer")
    await looking.look()
    assert told.value(told.now("API"), "callwright_queue_jobs", step="fetch") == 4, "within the five seconds"


async def test_what_is_not_known_of_the_queue_is_not_told(pool: Pool) -> None:
    await vitals.Queue(pool).look()
    assert told.value(told.now("API"), "callwright_database_up") == 1
    await pool.close()
    await vitals.Queue(pool).look()
    after = told.now("API")
    assert [s for s in after if s.name.startswith("callwright_queue")] == []
    assert told.value(after, "callwright_database_up") == 0


async def test_a_long_queue_is_counted_to_a_bound(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vitals, "MOST_COUNTED", 3)
    async with everywhere(pool) as connection:
        await connection.execute(
            """
            INSERT INTO pgqueuer (priority, entrypoint, payload, status)
            SELECT 0, 'fetch', '', 'queued' FROM generate_series(1, 9)
            """
        )
    await vitals.Queue(pool).look()
    assert told.value(told.now("API"), "callwright_queue_jobs", step="fetch", state="due") == 3


async def test_connections_are_told(pool: Pool) -> None:
    vitals.watch_pool("steps", pool)
    async with everywhere(pool):
        held = told.now("worker")
    assert told.value(held, "callwright_database_connections", pool="steps", state="busy") == 1
    assert told.value(held, "callwright_database_connections_max", pool="steps") == 10
    assert told.value(told.now("worker"), "callwright_database_connections", pool="steps", state="idle") == 1


async def test_an_address_that_cannot_be_had_is_told_at_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(metrics_address=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(SetupError, match="Metrics cannot be told at"):
            async with vitals.told(settings.metrics_at(), vitals.Vitals("API", well)):
                pass


async def test_the_public_port_has_no_metrics(database_url: str) -> None:
    async with open_door(database_url, metrics_address="127.0.0.1:9") as door:
        assert (await door.client.get("/metrics")).status_code == 404


def test_under_up_the_worker_has_the_next_port() -> None:
    assert _vitals_of_worker(Settings()) == {}
    assert _vitals_of_worker(Settings(metrics_address="[::1]:9464")) == {"CALLWRIGHT_METRICS_ADDRESS": "[::1]:9465"}


def test_the_setting_is_an_address() -> None:
    assert Settings().metrics_at() is None
    assert Settings(metrics_address="[::1]:9464").metrics_at() == ("::1", 9464)
    for wrong in ("9464", "127.0.0.1", "http://127.0.0.1:9464", "127.0.0.1:port"):
        with pytest.raises(ValueError, match="metrics_address"):
            Settings(metrics_address=wrong)


async def test_a_worker_is_ready_once_its_engine_is_loaded_and_until_it_is_told_to_stop(
    database_url: str, tmp_path: object
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = Settings(
        database_url=database_url, secret_key=SECRET_KEY, data_dir=tmp_path, metrics_address=f"127.0.0.1:{port}",
        worker_concurrency=1,
    )  # fmt: skip
    stop = asyncio.Event()
    running = asyncio.create_task(run_worker(settings, stop=stop))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        reasons = []
        async with asyncio.timeout(120):
            while True:
                try:
                    answer = await client.get("/readyz")
                except httpx.ConnectError:
                    await asyncio.sleep(0.02)
                    continue
                if answer.status_code == 200:
                    break
                reasons.append(answer.json()["reason"])
                await asyncio.sleep(0.05)
        tells = told.samples((await client.get("/metrics")).text)
        stop.set()
        await asyncio.sleep(0)
        answer = await client.get("/readyz")
    assert set(reasons) == {"starting"}
    assert told.value(tells, "callwright_lane_places", step="fetch") == 64
    assert told.value(tells, "callwright_speech_engines") == 1
    assert told.value(tells, "callwright_engines_info", transcriber="pocketsphinx", analyser="rules") == 1
    assert not [s for s in tells if s.name.startswith(("callwright_http", "callwright_queue"))], "the API tells those"
    assert (answer.status_code, answer.json()["reason"]) == (503, "told to stop")
    await running


def test_every_metric_is_described_as_it_is() -> None:
    real = {
        (family.name, family.type, of)
        for of, registry in metrics.REGISTRIES.items()
        for family in registry.collect()
        if family.name.startswith("callwright_")
    }
    assert {(d.name, d.kind, d.tells) for d in metrics.DESCRIBED} == real
    assert {label for d in metrics.DESCRIBED for label in d.labels} == set(metrics.LABELS)
