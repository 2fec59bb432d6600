"""The examples are run as they are shown, by curl, Python and Node.js, against a real server and a real worker."""

import asyncio
import json
import os
import shutil
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from authority import authority
from callwright.db import Pool
from callwright.partners import NewPartner
from callwright.settings import Settings
from docs.pages import ROOT, blocks
from journey_house import RECORDINGS, working
from local_server import serve
from partner_api import SECRET_KEY, add_partner
from real_server import a_server

EXAMPLES = ROOT / "docs" / "examples"
PATIENCE_SECONDS = 120


def tool(name: str) -> str:
    """A program: the machine's, else the one beside this Python; with CALLWRIGHT_TEST_EXAMPLES it must be there."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        assert not os.environ.get("CALLWRIGHT_TEST_EXAMPLES"), f"the examples need {name}, and there is none"
        pytest.skip(f"no {name} here to run the examples with")
    return found


def command(name: str) -> list[str]:
    """What runs an example."""
    if name.endswith(".py"):
        return [sys.executable, str(EXAMPLES / name)]
    if name.endswith(".mjs"):
        return [tool("node"), str(EXAMPLES / name)]
    tool("curl")
    return ["/bin/sh", str(EXAMPLES / name)]


@dataclass
class Partner:
    """Somebody who integrates by the examples: what they find in their environment, and where callbacks go."""

    variables: dict[str, str]
    receiver_port: int

    async def run(self, name: str) -> str:
        """Run an example to its end; gives what it printed."""
        return await self.run_command(command(name))

    async def run_command(self, words: list[str]) -> str:
        """Run a command to its end; gives what it printed."""
        process = await asyncio.create_subprocess_exec(*words, env=self.variables, stdout=PIPE)
        async with asyncio.timeout(PATIENCE_SECONDS):
            told, _ = await process.communicate()
        assert process.returncode == 0, words
        return told.decode().strip()

    @asynccontextmanager
    async def receiving(self, name: str) -> AsyncIterator[asyncio.StreamReader]:
        """Run a receiver, and give what it prints."""
        process = await asyncio.create_subprocess_exec(*command(name), env=self.variables, stdout=PIPE)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    if await self.post(b"", {}):
                        break
                    await asyncio.sleep(0.05)
            assert process.stdout is not None
            yield process.stdout
        finally:
            process.kill()
            await process.wait()

    async def post(self, body: bytes, headers: dict[str, str]) -> int:
        """Post to the receiver; gives the status, or 0 where nobody listens yet."""
        async with httpx.AsyncClient() as client:
            with suppress(httpx.TransportError):
                answer = await client.post(f"http://127.0.0.1:{self.receiver_port}/", content=body, headers=headers)
                return answer.status_code
        return 0


@pytest.fixture
async def partner(pool: Pool, database_url: str, tmp_path: Path) -> AsyncIterator[Partner]:
    """A server, a worker, a recording, and a proxy with TLS before the receiver."""
    ca_file, tls = authority(tmp_path, "localhost")
    changes: dict[str, Any] = {"data_dir": tmp_path / "data", "allow_networks": "127.0.0.0/8", "ca_file": ca_file}
    settings = Settings(**{"database_url": database_url, "secret_key": SECRET_KEY, "worker_concurrency": 1, **changes})
    added = await add_partner(pool, ("acme-uk", "inside-sales"))
    async with (
        serve() as recordings,
        serve(tls) as proxy,
        a_server(database_url, **changes) as (port, _, _),
        working(settings),
    ):
        recording = recordings.answer("/call.mp3", (RECORDINGS / "next-step-booked.mp3").read_bytes())
        callback = proxy.url("/hook", scheme="https", host="localhost")
        one = Partner(environment(added, port, recording, callback), free_port())
        one.variables["PORT"] = str(one.receiver_port)

        async def forward(request: bytes, writer: asyncio.StreamWriter) -> None:
            head, body = request.split(b"\r\n\r\n", 1)
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
            status = await one.post(body, headers)
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode())

        proxy.routes["/hook"] = forward
        yield one


def environment(partner: NewPartner, port: int, recording: str, callback: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "API_URL": f"http://127.0.0.1:{port}",
        "API_KEY": partner.api_key,
        "API_SECRET": partner.api_secret,
        "WEBHOOK_SECRET": partner.webhook_secret,
        "CALL_ID": "call-1",
        "RECORDING_URL": recording,
        "CALLBACK_URL": callback,
    }


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.mark.parametrize(("kind", "receiver"), [("sh", "py"), ("py", "py"), ("mjs", "mjs")])
async def test_push_receive_read_and_open(partner: Partner, kind: str, receiver: str) -> None:
    async with partner.receiving(f"receive_callback.{receiver}") as told:
        first = json.loads(await partner.run(f"push_batch.{kind}"))
        again = json.loads(await partner.run(f"push_batch.{kind}"))
        assert [answer.get("data", answer)["accepted"] for answer in (first, again)] == [1, 0]
        read = await partner.run(f"read_result.{kind}")
        assert "call-1" in read
        assert "INTERESTED" in read
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await told.readline() == b"call-1 completed INTERESTED\n"
    address = await partner.run(f"dashboard_token.{kind}")
    async with httpx.AsyncClient() as client:
        opened = await client.get(address)
    assert opened.status_code == 200
    assert "No calls in this period" not in opened.text


async def test_the_commands_of_the_readme_lead_to_a_result(partner: Partner) -> None:
    shown = [block.body for block in blocks(ROOT / "README.md", "sh") if block.body.startswith("curl ")]
    requests = [
        request.replace("http://127.0.0.1:8000", partner.variables["API_URL"]).replace(
            "http://127.0.0.1:8080/next-step-booked.mp3", partner.variables["RECORDING_URL"]
        )
        for request in shown
    ]
    assert len(requests) == 2
    told: dict[str, Any] = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while told.get("data", {}).get("status") not in {"completed", "failed"}:
            for request in requests:
                told = json.loads(await partner.run_command([tool("bash"), "-c", request]))
                assert told["success"], told
            await asyncio.sleep(2)  # on a busy machine speech takes long, and a partner has 120 requests a minute
    assert (told["data"]["status"], told["data"]["transcript"]["engine"]) == ("completed", "pocketsphinx")


@pytest.mark.parametrize("kind", ["py", "mjs"])
async def test_a_receiver_believes_no_other_and_takes_each_once(partner: Partner, kind: str) -> None:
    async with partner.receiving(f"receive_callback.{kind}") as told:
        for number in ("1", "1", "2"):
            body, headers = signed(partner.variables["WEBHOOK_SECRET"], number)
            assert await partner.post(body, headers) == 204
            assert await partner.post(body.replace(b"completed", b"failed"), headers) == 401
            assert await partner.post(body, {**headers, "webhook-timestamp": "1700000000"}) == 401
            assert await partner.post(body, {**headers, "webhook-signature": "v1,"}) == 401
        assert [await told.readline() for _ in range(2)] == [b"call-1 completed None\n", b"call-2 completed None\n"]


@pytest.mark.parametrize("kind", ["sh", "py", "mjs"])
async def test_a_push_is_sent_again_whatever_says_that_it_failed(kind: str) -> None:
    """As a proxy does, which answers with a page."""
    async with serve() as server:

        async def fail_once(request: bytes, writer: asyncio.StreamWriter) -> None:
            first = len(server.requests) == 1
            body, status = (
                (b"<html>Bad Gateway</html>", 502) if first else (b'{"success":true,"data":{"accepted":1}}', 200)
            )
            writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body)

        server.routes["/api/v1/partner/ingest/batch-call"] = fail_once
        names = ("API_KEY", "API_SECRET", "CALL_ID", "RECORDING_URL", "CALLBACK_URL")
        variables = {"PATH": os.environ["PATH"], "API_URL": server.url("").rstrip("/"), **dict.fromkeys(names, "x")}
        assert '"accepted"' in await Partner(variables, 0).run(f"push_batch.{kind}")
        assert len(server.requests) == 2


@pytest.mark.parametrize("kind", ["sh", "py", "mjs"])
async def test_a_result_is_waited_for_whatever_the_call_brings_along(kind: str) -> None:
    analysis = {"intent": "INTERESTED", "quality_score": 60, "intent_justification": ""}
    ended = {"status": "completed", "ended_at": "2026-01-05T10:30:00Z", "failure": None, "analysis": analysis}
    first = {"id": "x", **ended, "status": "fetched", "ended_at": None, "analysis": None}
    async with serve() as server:

        async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
            call = {
                **(first if len(server.requests) == 1 else {"id": "x", **ended}),
                "metadata": {"status": "completed"},
            }
            body = json.dumps({"success": True, "data": call}, separators=(",", ":")).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

        server.routes["/api/v1/partner/calls/x"] = answer
        variables = {"API_URL": server.url("").rstrip("/"), **dict.fromkeys(("API_KEY", "API_SECRET", "CALL_ID"), "x")}
        assert "INTERESTED" in await Partner({"PATH": os.environ["PATH"], **variables}, 0).run(f"read_result.{kind}")
        assert len(server.requests) == 2


def signed(secret: str, number: str) -> tuple[bytes, dict[str, str]]:
    body = json.dumps({"call_id": f"call-{number}", "status": "completed", "intent": "None"})
    now = datetime.now(UTC)
    return body.encode(), {
        "webhook-id": f"msg_{number}",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(f"msg_{number}", now, body),
    }


def test_every_example_is_run() -> None:
    names = {path.name for path in EXAMPLES.iterdir()}
    run = {
        f"{name}.{kind}" for name in ("push_batch", "read_result", "dashboard_token") for kind in ("sh", "py", "mjs")
    }
    assert names == run | {"receive_callback.py", "receive_callback.mjs"}
