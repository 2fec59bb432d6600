"""What goes beyond the contract, for the partner as a whole: its tenants, its limits and what it has used."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callwright import partners, rollups
from callwright.api.auth import FRESH_SECONDS
from callwright.api.openapi import openapi_document
from callwright.db import everywhere
from dashboards.viewing import Screen, scope_of, screen_of
from judged import DAY, analysis, ended
from partner_api import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASE = "/api/v1/partner/"
ZONE = "Asia/Kolkata"
NO_TENANT: dict[str, str | None] = {"tenant_id": None, "sub_tenant_id": None}


async def busy(door: Door) -> Screen:
    """A partner with calls in two of its three subtenants, counted by the worker."""
    screen = await screen_of(door, time_zone=ZONE)
    await screen.call("one", analysis(), days_ago=40, seconds=600, agent_id="a1")
    await screen.call("two", analysis(), days_ago=0.5, seconds=300, agent_id="a2")
    await screen.call("gone", None, days_ago=0.5, seconds=60, agent_id="a2")
    day = (datetime.now(UTC) - DAY) / timedelta(days=1) - 0.5
    support = await scope_of(screen.door, "acme", "support")
    await ended(door.pool, support, "three", analysis(), day=day, seconds=30, agent_id="a1")
    await rollups.keep_house(door.pool, asyncio.Event())
    return screen


async def data_of(door: Door, path: str) -> Any:
    answer = await door.get(path, **NO_TENANT)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_tenants(door: Door) -> None:
    screen = await busy(door)
    found = (await data_of(screen.door, "tenants"))["tenants"]
    counts = {(each["tenant_id"], each["subtenant_id"]): (each["calls"], each["agents"]) for each in found}
    assert counts == {
        ("acme", "sales"): ({"total": 3, "completed": 2, "failed": 1}, 2),
        ("acme", "support"): ({"total": 1, "completed": 1, "failed": 0}, 1),
        ("other", "sales"): ({"total": 0, "completed": 0, "failed": 0}, 0),
    }
    assert [each["last_received_at"] is None for each in found] == [False, False, True]


async def test_pages_of_tenants(door: Door) -> None:
    names = [(tenant, subtenant) for tenant in ("é", "a b", "b") for subtenant in ("x", "y/z")]
    own = await door.for_another(*names)
    for limit in (1, 4, 100):
        shown: list[tuple[str, str]] = []
        cursor: str | None = ""
        while cursor is not None:
            data = await data_of(own, f"tenants?limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
            shown += [(each["tenant_id"], each["subtenant_id"]) for each in data["tenants"]]
            cursor = data["next_cursor"]
        assert len(shown) == len(names)
        assert sorted(shown) == sorted(names)
    for cursor in ("", "A", "gICA", "YQ", "YQBiAGM", "x" * 3001):
        answer = await own.get(f"tenants?cursor={cursor}", **NO_TENANT)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


async def test_usage(door: Door) -> None:
    screen = await busy(door)
    async with everywhere(door.pool) as lent:
        await partners.set_partner(lent, screen.door.partner.partner_id, rate_limit=777)
    now = datetime.now(ZoneInfo(ZONE))
    recent = (now - timedelta(days=0.5) + timedelta(seconds=300)).date()
    found = await data_of(screen.door, f"usage?month={recent:%Y-%m}")
    assert (found["month"], found["time_zone"]) == (f"{recent:%Y-%m}", ZONE)
    assert found["limits"]["requests_per_minute"] in (777, 10_000), "a change acts within a second"
    assert found["limits"]["requests_left"] < found["limits"]["requests_per_minute"]
    assert (found["limits"]["calls_per_batch"], found["limits"]["bytes_per_body"]) == (50, 5 * 1024 * 1024)
    assert found["used"] == {"calls": 3, "failed": 1, "call_seconds": 390.0}
    assert sum(each["calls"] for each in found["days"]) == 3
    before = await data_of(screen.door, f"usage?month={now - timedelta(days=40):%Y-%m}")
    assert before["used"] == {"calls": 1, "failed": 0, "call_seconds": 600.0}
    assert [set(each) for each in before["days"]] == [{"day", "calls", "failed", "call_seconds"}]
    assert (await data_of(screen.door, "usage"))["month"] == f"{datetime.now(ZoneInfo(ZONE)):%Y-%m}"
    assert (await data_of(screen.door, "usage?month=1999-12"))["days"] == []
    assert (await data_of(screen.door, "usage?month=2099-12"))["used"] == {"calls": 0, "failed": 0, "call_seconds": 0}
    for month in ("", "2026-13", "26-01", "2026-1", "2026-01-01"):
        answer = await screen.door.get(f"usage?month={month}", **NO_TENANT)
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"field": "month", "message": "month must be a month, as 2026-11"}]


async def test_nobody_waits_for_the_worker(door: Door) -> None:
    """What is told is the same before a worker has counted, while it counts, and in another time zone."""
    screen = await screen_of(door, time_zone=ZONE)
    scope, noon = await screen.scope(), datetime(2026, 1, 15, 12, tzinfo=UTC)
    for name, day, judgement in (("a", 0.0, analysis()), ("b", 0.0, None), ("c", 3.0, analysis())):
        await ended(door.pool, scope, name, judgement, day=(noon - DAY) / timedelta(days=1) + day, seconds=60)

    async def check(used: dict[str, float], days: list[str]) -> None:
        found = await data_of(screen.door, "usage?month=2026-01")
        assert found["used"] == used
        assert [each["day"] for each in found["days"]] == days
        listed = (await data_of(screen.door, "tenants"))["tenants"]
        told = next(each["calls"] for each in listed if each["calls"]["total"])
        assert (told["total"], told["failed"]) == (used["calls"], used["failed"])

    three = {"calls": 3, "failed": 1, "call_seconds": 180.0}
    await check(three, ["2026-01-15", "2026-01-18"])
    await rollups.keep_house(door.pool, asyncio.Event())
    await check(three, ["2026-01-15", "2026-01-18"])
    later = (noon - DAY) / timedelta(days=1) + 0.25  # 18:00 in UTC, 23:30 in India, the next day on Kiritimati
    await ended(door.pool, scope, "d", analysis(), day=later, seconds=60)
    four = {"calls": 4, "failed": 1, "call_seconds": 240.0}
    await check(four, ["2026-01-15", "2026-01-18"])
    async with everywhere(door.pool) as lent:
        await partners.set_partner(lent, screen.door.partner.partner_id, time_zone="Pacific/Kiritimati")
    there = ["2026-01-16", "2026-01-19"]
    await asyncio.sleep(FRESH_SECONDS + 0.1)
    await check(four, there)
    more = True
    while more:
        async with everywhere(door.pool) as lent:
            more = await rollups.count_again(lent, scope, set())
        await check(four, there)


async def test_the_document_says_what_is_for_no_tenant(door: Door) -> None:
    own = await (await door.for_another()).with_test_key()
    found = []
    for path, item in openapi_document()["paths"].items():
        for method, operation in item.items():
            if {"$ref": "#/components/parameters/x-tenant-id"} not in operation["parameters"]:
                answer = await own.send(method.upper(), f"{path.removeprefix(BASE)}?q=word", **NO_TENANT)
                assert answer.status_code == 200, path
                assert "tenant" not in str([operation["responses"][status] for status in ("400", "403")]).lower()
                found.append(path.removeprefix(BASE))
    assert sorted(found) == ["search/all", "tenants", "test-data", "usage"]


async def test_the_order_of_the_checks(door: Door) -> None:
    for path in ("tenants", "usage"):
        bad = f"{path}?limit=x&month=x"
        assert (await door.get(bad, api_key=None)).status_code == 401
        assert (await door.get(bad, api_secret="wrong")).status_code == 403
        assert (await door.get(bad, tenant_id="nobody's")).status_code == 422, "tenant headers are not looked at"
        assert (await door.send("POST", path)).status_code == 405
