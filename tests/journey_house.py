"""The whole house in one process: API, worker, a real database, a store in a folder, and the partner's own servers."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from standardwebhooks import Webhook

from authority import authority
from callwright.callbacks import RetryPolicy
from callwright.db import Pool
from callwright.partners import NewPartner
from callwright.queue import STEPS, Step
from callwright.settings import Settings
from callwright.web import create_app
from callwright.worker import tools_of, width_of, work
from local_server import LocalServer, serve
from submissions import onboard

SECRET_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
PATIENCE_SECONDS = 500  # transcription has to share the cores with whatever else runs
RECORDINGS = Path(__file__).parents[1] / "demo" / "recordings"


@dataclass
class House:
    """What a partner sees of the house, and the partner's two servers."""

    settings: Settings
    client: httpx.AsyncClient
    partner: NewPartner
    recordings: LocalServer
    receiver: LocalServer
    callback_url: str

    async def push(self, *records: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.post("/api/v1/partner/ingest/batch-call", json={"data": records})
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    async def call(self, call_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/api/v1/partner/calls/{call_id}")
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    async def until(self, call_id: str, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for a call to be as wanted."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                call = await self.call(call_id)
                if done(call):
                    return call
                await asyncio.sleep(0.2)

    async def ended(self, call_id: str) -> dict[str, Any]:
        return await self.until(
            call_id, lambda c: c["status"] in {"completed", "failed"} and c["callback_status"] != "pending"
        )

    def called_back(self) -> dict[str, dict[str, Any]]:
        """The bodies of the callbacks by call, each one verified as a partner does."""
        bodies = {}
        for request in self.receiver.requests:
            head, body = request.split(b"\r\n\r\n", 1)
            lines = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
            told = Webhook(self.partner.webhook_secret).verify(
                body.decode(), {name.lower(): value for name, value in lines}
            )
            assert told == json.loads(body)
            bodies[told["call_id"]] = told
        return bodies

    def record(self, call_id: str, recording_url: str, **changes: Any) -> dict[str, Any]:
        return {
            "call": {
                "id": call_id,
                "recording_url": recording_url,
                "start_time": "2026-01-01T10:00:00Z",
                "end_time": "2026-01-01T10:00:20Z",
                "contact_number": "+12025550123",
            },
            "agent": {"id": "agent-1"},
            "customer": {"id": "customer-1"},
            "callback_url": self.callback_url,
            "metadata": {"campaign": "Q1", "attempt": 2},
            **changes,
        }

    def serve(self, path: Path) -> str:
        """Serve a file; gives its URL."""
        return self.recordings.answer(f"/{path.name}", path.read_bytes())


@asynccontextmanager
async def working(settings: Settings, *, steps: Collection[Step] = STEPS, **changes: Any) -> AsyncIterator[None]:
    """Run a worker on these settings until the block ends, then drain it."""
    async with tools_of(settings, steps) as tools:
        stop = asyncio.Event()
        quick = replace(tools, callback_retries=RetryPolicy(first_wait=0.1, factor=1), step_wait=0.1, **changes)
        task = asyncio.create_task(work(quick, stop=stop, width=width_of(settings), steps=steps))
        try:
            yield
        finally:
            stop.set()
            await task


@asynccontextmanager
async def built(pool: Pool, database_url: str, tmp_path: Path, **more: Any) -> AsyncIterator[House]:
    """The API without a worker, with more settings where they are given."""
    ca_file, tls = authority(tmp_path, "localhost")
    settings = Settings(
        database_url=SecretStr(database_url),
        secret_key=SecretStr(SECRET_KEY),
        data_dir=tmp_path / "data",
        allow_networks=("127.0.0.0/8", "::1/128"),
        ca_file=ca_file,
        worker_concurrency=2,
        rate_limit=100_000,  # the tests ask often
        **more,
    )
    partner = await onboard(pool)
    headers = {
        "x-api-key": partner.api_key,
        "x-api-secret": partner.api_secret,
        "x-tenant-id": "tenant",
        "x-sub-tenant-id": "subtenant",
    }
    app = create_app(settings)
    async with (
        serve() as recordings,
        serve(tls) as receiver,
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers) as client,
    ):
        receiver.answer("/hook")
        url = receiver.url("/hook", scheme="https", host="localhost")
        yield House(settings, client, partner, recordings, receiver, url)
