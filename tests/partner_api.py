"""The partner's door, opened for a test: an application on a real database, a partner of the test's own, a client."""

import base64
import json
import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI

from callwright import partners, twins
from callwright.db import Pool, everywhere
from callwright.partners import NewPartner
from callwright.sealing import Sealer
from callwright.settings import Settings
from callwright.web import create_app

BATCH_CALL = "/api/v1/partner/ingest/batch-call"
DISPOSITION = "/api/v1/partner/ingest/disposition-status"
ABSENT = object()
SECRET_KEY = base64.b64encode(bytes(32)).decode()

SEALER = Sealer(bytes(32))

Body = dict[str, Any]


@dataclass(frozen=True)
class Door:
    """An open door and somebody who may come in: for tenant `acme`, subtenant `sales`."""

    app: FastAPI
    client: httpx.AsyncClient
    pool: Pool
    partner: NewPartner
    test: bool = False

    def headers(self, **changes: str | None) -> httpx.Headers:
        """The four headers; `tenant_id="other"` replaces one and None leaves it out."""
        named = {
            "api_key": self.partner.api_key,
            "api_secret": self.partner.api_secret,
            "tenant_id": "acme",
            "sub_tenant_id": "sales",
            **changes,
        }
        headers = {f"x-{name.replace('_', '-')}": value for name, value in named.items() if value is not None}
        return httpx.Headers({"content-type": "application/json", **headers}, encoding="utf-8")

    async def post(self, body: object, **changes: str | None) -> httpx.Response:
        """Post a body as a batch."""
        return await self.client.post(BATCH_CALL, content=json.dumps(body), headers=self.headers(**changes))

    async def put(self, body: object, **changes: str | None) -> httpx.Response:
        """Put a body as a disposition."""
        return await self.client.put(DISPOSITION, content=json.dumps(body), headers=self.headers(**changes))

    async def get(self, path: str, **changes: str | None) -> httpx.Response:
        """Get a path below the base path."""
        return await self.client.get(f"/api/v1/partner/{path}", headers=self.headers(**changes))

    async def send(self, method: str, path: str, body: object = None, **changes: str | None) -> httpx.Response:
        """Send a request to a path below the base path, with a body where one is given."""
        content = None if body is None else json.dumps(body)
        return await self.client.request(
            method, f"/api/v1/partner/{path}", content=content, headers=self.headers(**changes)
        )

    async def for_another(self, *tenants: tuple[str, str], auto_provision: bool = False) -> "Door":
        """The same door for a new partner that acts for these tenants and subtenants."""
        added = await add_partner(self.pool, *tenants, provisions=auto_provision, test=self.test)
        return replace(self, partner=added)

    async def with_test_key(self) -> "Door":
        """The same door for the same partner's test key."""
        async with everywhere(self.pool) as connection:
            partner = await partners.get_partner_by_id(connection, self.partner.partner_id)
            return replace(self, partner=await twins.add_test_key(connection, partner, sealer=SEALER), test=True)


async def add_partner(
    pool: Pool, *tenants: tuple[str, str], provisions: bool = False, test: bool = False
) -> NewPartner:
    """Add a partner, and give its credentials, or those of its test key."""
    async with everywhere(pool) as connection:
        added = await partners.add_partner(connection, uuid4().hex, sealer=SEALER, auto_provision=provisions)
        for tenant_id, subtenant_id in tenants:
            await partners.add_tenant(connection, added.partner_id, tenant_id, subtenant_id)
        if test:
            partner = await partners.get_partner_by_id(connection, added.partner_id)
            return await twins.add_test_key(connection, partner, sealer=SEALER)
    return added


@asynccontextmanager
async def open_door(database_url: str, *, test: bool = False, **settings: Any) -> AsyncIterator[Door]:
    """Run the application with these settings and add a partner with one tenant; `test` gives it a test key."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"database_url": database_url, "secret_key": SECRET_KEY, "rate_limit": 10_000, "data_dir": folder}
        async with _opened(create_app(Settings(**{**given, **settings})), test=test) as door:
            yield door


@asynccontextmanager
async def _opened(app: FastAPI, *, test: bool) -> AsyncIterator[Door]:
    address = f"198.18.{random.randrange(256)}.{random.randrange(256)}"  # failed logins are counted by it
    transport = httpx.ASGITransport(app, client=(address, 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://callwright.test") as client,
    ):
        pool: Pool = app.state.pool
        yield Door(app, client, pool, await add_partner(pool, ("acme", "sales"), test=test), test)


def a_record(call_id: str = "call123", /, **changes: Any) -> Body:
    """A record as in section 2 of the contract; `call__id=5` changes a nested field, `ABSENT` takes it out."""
    record: Body = {
        "call": {
            "id": call_id,
            "recording_url": "https://recordings.example.com/call123.mp3",
            "start_time": "2023-01-01T10:00:00Z",
            "end_time": "2023-01-01T10:30:00Z",
            "contact_number": "+1234567890",
        },
        "agent": {"id": "agent123", "email": "agent@example.com", "name": "Asha"},
        "customer": {
            "id": "customer123",
            "name": "Jo",
            "email": "jo@example.com",
            "disposition_status": "interested",
        },
        "industry": "Technology",
        "function": "Sales",
        "callback_url": "https://partner.example.com/callback",
        "metadata": {"campaign": "Q1 Outreach", "attempt": 2},
        "custom_fields": [{"internal_name": "lead_source", "value": "Website"}],
    }
    for path, value in changes.items():
        *parents, name = path.split("__")
        node = record
        for parent in parents:
            node = node[parent]
        if value is ABSENT:
            node.pop(name, None)
        else:
            node[name] = value
    return record


def a_batch(*records: Body) -> Body:
    """A body of these records."""
    return {"data": list(records)}
