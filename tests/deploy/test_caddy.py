"""The Caddyfile in the real Caddy: two API processes behind it, one that dies, and what it does to requests."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from callwright.db import Pool
from callwright.db.launch import launched
from deploy.tools import ROOT, program
from partner_api import BATCH_CALL, SECRET_KEY, Door, a_batch, a_record, add_partner
from redis_server import free_port

SECRET, TOKEN, SIGNATURE = "a-secret-of-a-partner", "a-token-of-a-page", "a-signature-of-a-link"


@dataclass(frozen=True)
class Proxy:
    """A running Caddy: a client to it, and what it has logged."""

    client: httpx.AsyncClient
    log: Path


@asynccontextmanager
async def started(folder: Path, *command: str, log: str, **variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process as long as the block runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLWRIGHT_")}
    with (folder / log).open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *launched(command, at_owners_end=SIGKILL), env={**environment, **variables}, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until_it_answers(url: str, status: int, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient() as client:
        while process.returncode is None:
            with suppress(httpx.TransportError):
                if (await client.get(url)).status_code == status:
                    return
            await asyncio.sleep(0.05)
    pytest.fail(f"{url} has not come to answer {status}")


@asynccontextmanager
async def caddy(folder: Path, *upstreams: int) -> AsyncIterator[Proxy]:
    """Caddy with the file as it is, on ports of the test's."""
    port, health = free_port(), free_port()
    variables = {
        "SITE_ADDRESS": "http://127.0.0.1", "UPSTREAMS": " ".join(f"127.0.0.1:{each}" for each in upstreams),
        "HTTP_PORT": str(port), "HTTPS_PORT": str(free_port()), "HEALTH_PORT": str(health),
        "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder),
        "LOG_LEVEL": "DEBUG",
    }  # fmt: skip
    command = [program("caddy", "apt-get install caddy"), "run", "--adapter", "caddyfile", "--config"]
    async with AsyncExitStack() as stack:
        process = await stack.enter_async_context(
            started(folder, *command, str(ROOT / "deploy" / "Caddyfile"), log="caddy.log", **variables)
        )
        await until_it_answers(f"http://127.0.0.1:{health}/healthz", 204, process)
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60)
        yield Proxy(await stack.enter_async_context(client), folder / "caddy.log")


@asynccontextmanager
async def api(folder: Path, port: int, database_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    settings = {"DATABASE_URL": database_url, "SECRET_KEY": SECRET_KEY, "DATA_DIR": str(folder), "RATE_LIMIT": "10000"}
    command = (sys.executable, "-m", "callwright", "serve", "--port", str(port))
    variables = {f"CALLWRIGHT_{name}": value for name, value in settings.items()}
    async with started(folder, *command, log=f"serve-{port}.log", **variables) as process:
        yield process


async def test_requests_go_on_when_a_process_dies(tmp_path: Path, database_url: str, pool: Pool) -> None:
    program("caddy", "apt-get install caddy")
    ports = free_port(), free_port()
    async with (
        api(tmp_path, ports[0], database_url) as first,
        api(tmp_path, ports[1], database_url) as second,
        AsyncExitStack() as stack,
    ):
        for port, process in zip(ports, (first, second), strict=True):
            await until_it_answers(f"http://127.0.0.1:{port}/readyz", 200, process)
        proxy = await stack.enter_async_context(caddy(tmp_path, *ports))
        door = Door(FastAPI(), proxy.client, pool, await add_partner(pool, ("acme", "sales")))
        await _is_refused_in_the_words_of_the_api(door)
        assert [await _accepted(door, f"before-{n}") for n in range(4)] == [200] * 4
        first.kill()
        await first.wait()
        assert [(await door.get("calls/before-1")).status_code for _ in range(12)] == [200] * 12
        assert await _sent_until_taken(door, "meanwhile") == "accepted"
        await _seen_to_be_gone(proxy, ports[0])
        assert [await _accepted(door, f"after-{n}") for n in range(12)] == [200] * 12
        second.kill()
        await second.wait()
        away = await door.get("calls/after-1")
        assert (away.status_code, away.json()["success"]) == (503, False)
        assert int(away.headers["retry-after"]) >= 1
        assert away.headers["x-request-id"]


async def _accepted(door: Door, call_id: str) -> int:
    return (await door.post(a_batch(a_record(call_id)))).status_code


async def _sent_until_taken(door: Door, call_id: str) -> str:
    """As a partner sends it: again after a 503. Caddy before 2.11.2, as Debian's, answers it where it must not."""
    while (answer := await door.post(a_batch(a_record(call_id)))).status_code != 200:
        assert (answer.status_code, answer.json()["success"]) == (503, False)
        assert int(answer.headers["retry-after"]) >= 1
    status: str = answer.json()["data"]["calls"][0]["status"]
    return status


async def _seen_to_be_gone(proxy: Proxy, port: int) -> None:
    """Wait until Caddy has asked whether a process is ready, and got no answer."""
    while True:
        lines = map(json.loads, proxy.log.read_text().splitlines())
        asked = [line for line in lines if line.get("logger", "").endswith("health_checker.active")]
        if [line for line in asked if line.get("host", "").endswith(f":{port}") and "refused" in line.get("error", "")]:
            return
        await asyncio.sleep(0.05)


async def _is_refused_in_the_words_of_the_api(door: Door) -> None:
    """The API's limit is 5 MB, whoever reads while sending hears of it, however much it is."""
    for megabytes in (6, 20):
        head, body = await _sent(door, b" " * (megabytes * 1024 * 1024))
        assert head.startswith("http/1.1 413 ")
        assert "\r\ncontent-type: application/json; charset=utf-8\r\n" in head
        assert "\r\nx-request-id: " in head
        assert json.loads(body) == {"success": False, "message": "Request body is larger than 5 MB"}


async def _sent(door: Door, body: bytes) -> tuple[str, bytes]:
    """Head, in small letters, and body of the answer to a batch, which is read while it is sent."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in door.headers().items())
    reader, writer = await asyncio.open_connection(door.client.base_url.host, door.client.base_url.port)
    writer.write(
        f"POST {BATCH_CALL} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}content-length: {len(body)}\r\n\r\n".encode()
    )
    writer.write(body)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next(line for line in head.splitlines() if line.startswith("content-length: "))
    content = await reader.readexactly(int(length.partition(": ")[2]))
    writer.transport.abort()
    return head, content


async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Stands where an API process would: ready, tells what it was sent, and begins a stream that does not end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *rest = head.splitlines()
    path = line.split()[1].partition("?")[0]
    if path == "/events":
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: first\n\n")
        await writer.drain()
        await reader.read()
    elif path == "/breaks":
        pass
    elif path == "/voice":
        link = f"https://s3.example.com/a?X-Amz-Signature={SIGNATURE}"
        writer.write(f"HTTP/1.1 307 Elsewhere\r\nlocation: {link}\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
    else:
        body = json.dumps(dict(each.lower().split(": ", 1) for each in rest if each)).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
    writer.close()


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    """Caddy before an upstream of the test's."""
    program("caddy", "apt-get install caddy")
    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    async with caddy(tmp_path, server.sockets[0].getsockname()[1]) as running:
        yield running
    server.close()


async def test_what_it_does_to_requests(proxy: Proxy) -> None:
    await _nobody_says_who_he_is(proxy)
    await _an_event_comes_when_it_happens(proxy)
    await _a_fault_is_logged_without_secrets(proxy)
    await _a_link_to_a_recording_reaches_the_browser_and_no_log(proxy)
    await _a_fault_has_the_name_that_the_client_gave_it(proxy)


async def _nobody_says_who_he_is(proxy: Proxy) -> None:
    forged = {"x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https", "x-forwarded-host": "other"}
    told = (await proxy.client.get("/told", headers=forged)).json()
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["x-forwarded-proto"] == "http"
    assert told["x-forwarded-host"] == told["host"]


async def _an_event_comes_when_it_happens(proxy: Proxy) -> None:
    """Its stream is open when the event is there."""
    async with proxy.client.stream("GET", "/events") as stream:
        assert await anext(aiter(stream.aiter_lines())) == "data: first"


async def _a_fault_is_logged_without_secrets(proxy: Proxy) -> None:
    headers = {"x-api-key": "cw_live_x", "x-api-secret": SECRET, "authorization": f"Bearer {SECRET}"}
    answer = await proxy.client.post("/breaks", params={"token": TOKEN, "theme": "dark"}, headers=headers)
    assert answer.status_code == 503
    logged = proxy.log.read_text()  # it logs what an upstream did before it answers
    assert "/breaks?" in logged
    assert "theme=dark" in logged
    assert SECRET not in logged
    assert TOKEN not in logged


async def _a_link_to_a_recording_reaches_the_browser_and_no_log(proxy: Proxy) -> None:
    answer = await proxy.client.get("/voice")
    assert (answer.status_code, answer.headers["location"][-len(SIGNATURE) :]) == (307, SIGNATURE)
    (told,) = [line for line in map(json.loads, proxy.log.read_text().splitlines()) if line.get("status") == 307]
    assert told["headers"]["Content-Length"] == ["0"]
    assert SIGNATURE not in proxy.log.read_text()


async def _a_fault_has_the_name_that_the_client_gave_it(proxy: Proxy) -> None:
    """By the rule of the API: one name, well-formed; else a new one."""
    for own in ("crm-2026.11_a", "x" * 128):
        answer = await proxy.client.get("/breaks", headers={"x-request-id": own})
        assert (answer.status_code, answer.headers.get_list("x-request-id")) == (503, [own])
    for sent in ([], ["x" * 129], ["a b"], ["<b>"], ["a", "b"]):
        answer = await proxy.client.get("/breaks", headers=[("x-request-id", each) for each in sent])
        (named,) = answer.headers.get_list("x-request-id")
        assert str(UUID(named)) == named


def test_it_speaks_no_http_3() -> None:
    file = ROOT / "deploy" / "Caddyfile"
    command = [program("caddy", "apt-get install caddy"), "adapt", "--adapter", "caddyfile", "--config", str(file)]
    done = subprocess.run(
        command, capture_output=True, check=True, env={**os.environ, "SITE_ADDRESS": "calls.example.com"}
    )
    servers = json.loads(done.stdout)["apps"]["http"]["servers"].values()
    assert [server["protocols"] for server in servers] == [["h1", "h2"]] * len(servers)
    assert len(servers) >= 2
