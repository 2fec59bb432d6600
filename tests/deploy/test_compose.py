"""The compose file: valid, locked down in every service, with settings that exist, and without a secret of its own."""

import asyncio
import os
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import asyncpg
import httpx
import pytest
import redis.asyncio
import yaml

from callwright import web, worker
from callwright.db.embedded import EmbeddedPostgres, _binaries
from callwright.db.launch import launched
from callwright.recordings.store import Store
from callwright.settings import Settings
from callwright.up import prepare
from conftest import FAST
from deploy.composed import COMPOSE, MADE, VARIABLE, composed, environment, services, with_variables
from deploy.test_container import USER
from deploy.tools import ROOT, package
from docs.pages import page
from redis_server import free_port, redis_program
from s3_server import PORTS, s3_program

OURS = {"api-1", "api-2", "worker", "migrate"}
ONCE = {"migrate", "owner"}
HOW_TO = "docs/how-to/run-with-containers.md"


def validated(text: str) -> None:
    """As the Compose Specification says.

    Raises:
        ValueError: It is not.
    """
    merged = yaml.safe_dump(yaml.safe_load(with_variables(text, MADE)))
    package("compose_spec").PyOptions().from_yaml(merged).validate()


def seconds(duration: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(s|m)", duration).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60}[unit]


def test_it_is_as_the_specification_says() -> None:
    validated(COMPOSE.read_text())


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("stop_grace_period:", "stop_grace:"),
        ("retries: 3", "retrys: 3"),
        ("networks: [front, data, counts, store]", "networks: [frunt]"),
        ("service_healthy", "service_helthy"),
        ("interval: 10s", "interval: ten"),
    ],
)
def test_a_fault_would_be_found(was: str, becomes: str) -> None:
    text = COMPOSE.read_text()
    assert was in text
    with pytest.raises(ValueError, match=r"."):
        validated(text.replace(was, becomes))


@pytest.mark.parametrize("name", services())
def test_every_service_is_locked_down(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])
    assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & set(service)
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["networks"]
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", sorted(set(services()) - ONCE))
def test_what_goes_on_is_watched_started_again_and_stopped_with_care(name: str) -> None:
    service = services()[name]
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert service["restart"] == "unless-stopped"
    assert seconds(service["stop_grace_period"]) >= 10


def test_processes_have_the_time_that_they_drain_in() -> None:
    assert seconds(services()["api-1"]["stop_grace_period"]) >= web.DRAIN_SECONDS + 10
    assert seconds(services()["worker"]["stop_grace_period"]) >= worker.DRAIN_SECONDS + 10
    told = re.search(r"grace_period (\d+)s", page("deploy/Caddyfile"))
    assert told
    assert web.DRAIN_SECONDS < int(told[1]) < seconds(services()["caddy"]["stop_grace_period"])


def test_there_are_two_api_processes_that_are_alike() -> None:
    assert services()["api-1"] == services()["api-2"]
    assert "{$UPSTREAMS:api-1:8000 api-2:8000}" in page("deploy/Caddyfile")
    assert services()["api-1"]["command"][-1] == "8000"


def test_the_schema_is_brought_up_to_date_first() -> None:
    assert services()["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    for name in OURS - {"migrate"}:
        assert services()[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_setting_exists(name: str) -> None:
    named = {each.removeprefix("CALLWRIGHT_").lower() for each in environment(name) if each.startswith("CALLWRIGHT_")}
    assert named <= set(Settings.model_fields)
    needed = {"database_url", "secret_key", "store_url", "public_url"}
    assert needed <= named
    has_valkey = "counts" in services()[name]["networks"]
    assert ("redis_url" in named) == has_valkey, "the doctor asks whom it is told of, and must get there"


def test_settings_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment("worker").items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.worker_concurrency == int(services()["worker"]["deploy"]["resources"]["limits"]["cpus"])


def test_no_secret_stands_in_the_file() -> None:
    """What is secret has no default, and is asked for in so many words."""
    secret = re.compile(r"PASSWORD|SECRET|AUTH$")
    written = {
        (name, key): str(value)
        for name, service in yaml.safe_load(COMPOSE.read_text())["services"].items()
        for key, value in service.get("environment", {}).items()
        if secret.search(key)
    }
    assert len(written) >= 10
    for where, value in written.items():
        assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), where
    for address in (environment("worker")["CALLWRIGHT_DATABASE_URL"], environment("api-1")["CALLWRIGHT_REDIS_URL"]):
        assert any(value in address for value in MADE.values())
    for name in MADE:
        with pytest.raises(KeyError, match=name):
            with_variables(COMPOSE.read_text(), {key: value for key, value in MADE.items() if key != name})


def test_the_guide_tells_every_variable() -> None:
    asked = {found["name"] for found in VARIABLE.finditer(COMPOSE.read_text()) if found["name"]}
    told = page(HOW_TO)
    assert [name for name in sorted(asked) if name not in told] == []


def test_who_reaches_whom() -> None:
    networks = composed()["networks"]
    members = {each: {name for name, s in services().items() if each in s["networks"]} for each in networks}
    assert [name for name, service in services().items() if "ports" in service] == ["caddy"]
    assert services()["caddy"]["ports"] == ["80:8080", "443:8443"], "no HTTP/3, which the Caddyfile leaves out"
    assert members["front"] == {"caddy", "api-1", "api-2"}
    assert members["counts"] == {"valkey", "api-1", "api-2"}
    assert members["store"] == {"s3", "owner", "worker", "api-1", "api-2"}
    assert networks["data"] == networks["counts"] == networks["store"] == {"internal": True}
    assert members["outside"] == {"worker"}, "recordings and callbacks are fetched and made by workers alone"
    subnet = networks["front"]["ipam"]["config"][0]["subnet"]
    assert environment("api-1")["FORWARDED_ALLOW_IPS"] == subnet


def mounts(name: str) -> list[tuple[str, str]]:
    """Source and target of what a service mounts; no source is a volume without a name."""
    found = []
    for each in services()[name].get("volumes", []):
        words = each.split(":") if isinstance(each, str) else [each.get("source", ""), each["target"]]
        found.append((words[0], words[1]) if len(words) > 1 else ("", words[0]))
    return found


def test_every_volume_is_declared_and_used() -> None:
    mounted = [source for name in services() for source, _ in mounts(name)]
    assert [source for source in mounted if not source or source.startswith("/")] == [], "without a name: nobody's"
    named = {source for source in mounted if not source.startswith(".")}
    assert named == set(composed()["volumes"])
    assert [source for source in mounted if source.startswith(".") and not (ROOT / "deploy" / source).exists()] == []


def test_postgresql_has_connections_for_two_api_processes_and_eight_workers() -> None:
    told = re.search(r"max_connections=(\d+)", " ".join(services()["postgres"]["command"]))
    assert told
    workers = 8 * (worker.POOL_CONNECTIONS + worker.QUEUE_CONNECTIONS)
    assert int(told[1]) >= 2 * web.POOL_CONNECTIONS + workers + 10


def test_the_volume_of_recordings_belongs_to_whom_its_server_runs_as() -> None:
    assert services()["s3"]["user"] == USER
    assert services()["owner"]["volumes"] == ["recordings:/var/lib/callwright"]
    assert services()["s3"]["volumes"] == [
        {"type": "volume", "source": "recordings", "target": "/data", "volume": {"nocopy": True}}
    ], "copied, its image's owner would become that of the volume"
    assert services()["s3"]["depends_on"]["owner"] == {"condition": "service_completed_successfully"}
    assert environment("worker")["CALLWRIGHT_STORE_URL"] == "s3://recordings"
    assert "-bucket=recordings" in services()["s3"]["command"]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert environment("s3")[name] == environment("worker")[name]


def test_what_a_killed_process_was_at_is_found_by_the_next() -> None:
    """Each sweeps its own temporary folder at its start: it is one for all, and outlives every container."""
    for name in OURS - {"migrate"}:
        assert [source for source, target in mounts(name) if target == tempfile.gettempdir()] == ["scratch"]


@pytest.fixture
async def new_server(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a server as the image's entrypoint leaves it: a superuser `postgres`, and no `callwright`."""
    server = EmbeddedPostgres(tmp_path / "server", configuration=FAST)
    url = await server.start()
    first = await asyncpg.connect(url)
    await first.execute("CREATE ROLE postgres SUPERUSER LOGIN")
    await first.execute("CREATE DATABASE postgres_ OWNER postgres")
    await first.close()
    url = url.replace("callwright@", "postgres@")
    other = await asyncpg.connect(url.replace("/callwright", "/postgres_", 1))
    await other.execute("ALTER ROLE callwright RENAME TO first")
    await other.execute("ALTER DATABASE callwright RENAME TO first")
    await other.close()
    yield url
    await server.stop()


async def test_the_first_start_of_postgresql_makes_a_role_that_is_no_superuser(new_server: str) -> None:
    made = await asyncio.create_subprocess_exec(
        _binaries() / "psql", "-v", "ON_ERROR_STOP=1", "-d", new_server.replace("/callwright", "/postgres_", 1),
        "-f", ROOT / "deploy" / "postgres" / "10-callwright.sql",
        env={**os.environ, "DATABASE_PASSWORD": MADE["DATABASE_PASSWORD"]}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert await made.wait() == 0
    assert await prepare(new_server.replace("postgres@", "callwright@"))
    look = await asyncpg.connect(new_server)
    role = await look.fetchrow("SELECT rolsuper, rolpassword FROM pg_authid WHERE rolname = 'callwright'")
    await look.close()
    assert role is not None
    assert role["rolsuper"] is False
    assert role["rolpassword"].startswith("SCRAM-SHA-256$")


async def test_valkey_asks_for_its_password_and_forgets_no_count(tmp_path: Path) -> None:
    """The command as it stands in the file, on a port of the test's."""
    shell, flag, script = services()["valkey"]["command"]
    port = free_port()
    (tmp_path / "valkey-server").symlink_to(redis_program())
    command = [f"/bin/{shell}", flag, script.replace("dir /tmp", f"dir {tmp_path}\nbind 127.0.0.1\nport {port}")]
    server = await asyncio.create_subprocess_exec(
        *launched(command, at_owners_end=SIGKILL),
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", **environment("valkey")}, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    while b"eady to accept connections" not in (line := await server.stdout.readline()):
        assert line, "it has not started"
    try:
        async with redis.asyncio.Redis(port=port) as anybody:
            with pytest.raises(redis.AuthenticationError):
                await anybody.config_get()
        async with redis.asyncio.Redis(port=port, password=MADE["VALKEY_PASSWORD"]) as ours:
            policy = await ours.config_get("maxmemory-policy")
    finally:
        server.kill()
        await server.wait()
    assert "noeviction" in str(policy)


async def test_the_s3_server_makes_its_bucket_and_takes_recordings_from_us_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command as it stands in the file, on ports of the test's."""
    program, ports = s3_program(), {name: free_port() for name in PORTS}
    there = {"-dir=/data": f"-dir={tmp_path}", "-ip=s3": "-ip=127.0.0.1", "-ip.bind=0.0.0.0": "-ip.bind=127.0.0.1"}
    words = [there.get(word, word) for word in services()["s3"]["command"]]
    assert len(set(there.values()) & set(words)) == 3
    words += [f"-{name}.port={port}" for name, port in ports.items()]
    words += [f"-{name}.port.grpc={free_port()}" for name in PORTS]
    words += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    words += [f"-{name}.localSocket={tmp_path / name}.sock" for name in ("s3", "filer")]
    with (tmp_path / "log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(
            *launched([program, *words], at_owners_end=SIGKILL),
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **environment("s3")},
            stdout=log, stderr=log, cwd=tmp_path,
        )  # fmt: skip
    try:
        origin = f"http://127.0.0.1:{ports['s3']}"
        await _until_healthy(f"{origin}/healthz", server)
        for name, value in environment("worker").items():
            if name.startswith("AWS_"):
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", origin)
        store = Store(environment("worker")["CALLWRIGHT_STORE_URL"])
        await _until_kept(store)
        assert await store.read("a/b", 0, 5) == b"voice"
        async with httpx.AsyncClient() as anybody:
            assert (await anybody.get(f"{origin}/recordings/a/b")).status_code == 403
    finally:
        server.kill()
        await server.wait()


async def _until_healthy(url: str, server: asyncio.subprocess.Process) -> None:
    """What the health check of the file asks."""
    async with httpx.AsyncClient() as client:
        while server.returncode is None:
            with suppress(httpx.TransportError):
                if (await client.get(url)).status_code == 200:
                    return
            await asyncio.sleep(0.1)
    pytest.fail("it has not started")


async def _until_kept(store: Store) -> None:
    """Put an object; the server makes its bucket a moment after it answers."""

    async def voice() -> AsyncIterator[bytes]:
        yield b"voice"

    while True:
        with suppress(FileNotFoundError):
            await store.put("a/b", voice())
            return
        await asyncio.sleep(0.1)
