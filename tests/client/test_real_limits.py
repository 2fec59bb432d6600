"""The rate limit of the real server is kept to: the clients wait, and the server refuses nothing."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import pytest

from callwright.db import everywhere
from callwright.partners import NewPartner
from callwright_client import AsyncClient, Client, RateLimited, drivers
from client.conftest import Desk, House
from partner_api import a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECORD: Any = a_record("a")
AGE = "UPDATE rate_stamps SET taken_at = taken_at - make_interval(secs => $2) WHERE bucket = $1"


@dataclass
class Hours:
    """Time that passes at once: for the client's clock, and for the server's count of a partner."""

    house: House
    partner: NewPartner
    waited: float = 0.0

    def clock(self) -> float:
        return time.monotonic() + self.waited

    async def pass_by(self, seconds: float) -> None:
        async with everywhere(self.house.pool) as lent:
            await lent.execute(AGE, f"partner:{self.partner.partner_id}", seconds)
        self.waited += seconds


@pytest.fixture(params=[Client, AsyncClient])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


async def test_no_request_is_refused(house: House, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    partner = await house.partner(rate_limit=4)
    hours, loop = Hours(house, partner), asyncio.get_running_loop()
    answered: list[int] = []

    def sleep(seconds: float) -> None:
        asyncio.run_coroutine_threadsafe(hours.pass_by(seconds), loop).result()

    monkeypatch.setattr(drivers, "time", type("Time", (), {"sleep": staticmethod(sleep)}))
    monkeypatch.setattr(drivers, "asyncio", type("Asyncio", (), {"sleep": staticmethod(hours.pass_by)}))
    client = kind(house.url, partner.api_key, partner.api_secret, "acme", "sales")
    monkeypatch.setattr(client._core, "_clock", hours.clock)
    hook = answered.append
    client._http.event_hooks = {"response": [_noted(hook, asynchronous=kind is AsyncClient)]}
    desk = Desk(client)
    report = await desk.ask("push_calls", (a_record(f"limited-{n}") for n in range(550)))
    assert report.accepted == 550
    assert answered == [200] * 11, "each batch once, and none refused"
    assert 119 <= hours.waited <= 190, "two waits for the minute to be over, and little more"
    await desk.close()


def _noted(note: Any, *, asynchronous: bool) -> Any:
    async def later(response: Any) -> None:
        note(response.status_code)

    return later if asynchronous else lambda response: note(response.status_code)


async def test_a_limit_that_others_used_up_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    partner = await house.partner(rate_limit=2)
    hours = Hours(house, partner)
    first, second = (AsyncClient(house.url, partner.api_key, partner.api_secret, "acme", "sales") for _ in range(2))
    monkeypatch.setattr(drivers, "asyncio", type("Asyncio", (), {"sleep": staticmethod(hours.pass_by)}))
    for client in (first, second):
        monkeypatch.setattr(client._core, "_clock", hours.clock)
    for client in (first, second):
        assert (await client.push_calls([RECORD])).calls
    assert await house.requests(partner) == 2
    assert hours.waited == 0.0
    assert (await first.push_calls([RECORD])).duplicates == 1, "refused once, which its Retry-After mends"
    assert 59 <= hours.waited <= 62
    await first.aclose()
    await second.aclose()


async def test_tenants_of_a_partner_share_its_limit(house: House) -> None:
    partner = await house.partner(rate_limit=1)
    async with AsyncClient(house.url, partner.api_key, partner.api_secret, "acme", "sales", deadline=5.0) as client:
        other = client.for_tenant("acme", "support")
        await client.push_calls([RECORD])
        with pytest.raises(RateLimited, match="not sent"):
            await other.push_calls([RECORD])
    assert await house.requests(partner) == 1
