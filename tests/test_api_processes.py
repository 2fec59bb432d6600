"""Four API processes on one database are one API: limits, logins, tokens and idempotency keys hold over all of them."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api_processes import api_processes
from callwright import partners
from callwright.db import Pool, everywhere
from partner_api import DISPOSITION, Door, a_batch, a_record, add_partner
from redis_server import a_redis, free_port


@contextmanager
def a_counter(kind: str) -> Iterator[dict[str, str]]:
    """The settings of what counts the requests."""
    port = free_port()
    with a_redis(port) if kind == "redis" else nullcontext():
        yield {"REDIS_URL": f"valkey://127.0.0.1:{port}/0"} if kind == "redis" else {}


@pytest.fixture(params=["postgresql", "redis"])
async def doors(
    request: pytest.FixtureRequest, tmp_path: Path, database_url: str, pool: Pool
) -> AsyncIterator[list[Door]]:
    """A partner's door at each process."""
    with a_counter(request.param) as settings:
        async with api_processes(tmp_path, database_url, 4, **settings) as clients:
            partner = await add_partner(pool, ("acme", "sales"))
            yield [Door(FastAPI(), client, pool, partner) for client in clients]


async def test_they_are_one(doors: list[Door]) -> None:
    await a_minute_of_requests(doors)
    partner = (await doors[0].for_another(("acme", "sales"))).partner
    doors = [replace(door, partner=partner) for door in doors]
    await a_batch_that_is_sent_to_all(doors)
    await a_key_that_is_sent_to_all(doors)
    await a_token_of_another(doors)
    await a_revocation(doors)
    await failed_logins(doors)


async def a_minute_of_requests(doors: list[Door]) -> None:
    """120 requests per minute per partner, counted across every process and machine."""
    answers = await asyncio.gather(*(doors[n % 4].get("calls/x") for n in range(121)))
    assert Counter(answer.status_code for answer in answers) == {404: 120, 429: 1}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert [(await door.get("calls/x")).status_code for door in doors] == [429] * 4


async def a_batch_that_is_sent_to_all(doors: list[Door]) -> None:
    """Each of its calls is taken once."""
    batch = a_batch(*(a_record(f"call-{n}") for n in range(20)))
    answers = await asyncio.gather(*(door.post(batch) for door in doors))
    assert [answer.status_code for answer in answers] == [200] * 4
    accepted = [call["status"] for answer in answers for call in answer.json()["data"]["calls"]].count("accepted")
    assert accepted == 20


async def a_key_that_is_sent_to_all(doors: list[Door]) -> None:
    """It is answered by one, and known to all."""
    body = json.dumps({"customer_id": "customer123", "disposition_status": "won"})

    async def put(door: Door) -> httpx.Response:
        headers = door.headers()
        headers["idempotency-key"] = "one"
        return await door.client.put(DISPOSITION, content=body, headers=headers)

    statuses = [answer.status_code for answer in await asyncio.gather(*map(put, doors))]
    assert 200 in statuses
    assert set(statuses) <= {200, 409}, "409 where another is at it"
    assert [(await put(door)).status_code for door in doors] == [200] * 4
    history = (await doors[0].get("customers/customer123")).json()["data"]["disposition_history"]
    assert [each["status"] for each in history].count("won") == 1


async def a_token_of_another(doors: list[Door]) -> None:
    """A token that one process signed opens a page of every other; all ask for the first at once."""
    answers = await asyncio.gather(*(door.get("dashboard/auth/token") for door in doors))
    for number, answer in enumerate(answers):
        token = answer.json()["data"]["token"]
        page = await doors[(number + 1) % 4].client.get("/view-insights", params={"token": token})
        assert page.status_code == 200


async def a_revocation(doors: list[Door]) -> None:
    """It acts within a second everywhere."""
    revoked = (await doors[0].for_another(("acme", "sales"))).partner
    theirs = [replace(door, partner=revoked) for door in doors]
    assert [(await door.get("calls/x")).status_code for door in theirs] == [404] * 4
    async with everywhere(doors[0].pool) as lent:
        await partners.revoke_partner(lent, revoked.partner_id)
    await asyncio.sleep(1)
    assert [(await door.get("calls/x")).status_code for door in theirs] == [403] * 4


async def failed_logins(doors: list[Door]) -> None:
    """60 in a minute from one address, wherever they are tried; four were the revoked partner's."""
    answers = await asyncio.gather(*(doors[n % 4].get("calls/x", api_secret=f"guess{n}") for n in range(60)))
    assert Counter(answer.status_code for answer in answers) == {403: 56, 429: 4}
    assert [(await door.get("calls/x")).status_code for door in doors] == [404] * 4, (
        "who was let in lately is not shut out"
    )
