"""Tenants never meet: whatever belongs to another is answered as what does not exist, to the byte, on every route."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi.routing import APIRoute

from callwright import callbacks, results, rollups
from callwright.api.examples import RUBRIC
from callwright.dashboards.console.door import ConsoleRoute
from callwright.db import Scope, everywhere
from dashboards.spoken import conversation
from judged import end
from partner_api import Door, a_batch, a_record, open_door

pytestmark = pytest.mark.asyncio(loop_scope="module")

VARIES = {"x-request-id", "ratelimit", "ratelimit-policy"}

BODIES: dict[str, Callable[[str], object]] = {
    "/api/v1/partner/ingest/disposition-status": lambda identifier: {"customer_id": identifier},
    "/api/v1/partner/callbacks/resend": lambda identifier: {"callback_ids": [identifier]},
    "/api/v1/partner/erasures": lambda identifier: {"customer_id": identifier},
}
"""How a route takes an identifier in its body."""

DAYS = {"first_day": "2022-12-31", "last_day": "2023-01-02"}

QUERIES: dict[str, tuple[str, dict[str, str]]] = {
    "/api/v1/partner/callbacks": ("call_id", {}),
    "/api/v1/partner/calls": ("customer_id", {}),
    "/api/v1/partner/dispositions": ("customer_id", {}),
    "/api/v1/partner/reports/agents": ("agent_id", {"since": "2023-01-01T00:00:00Z"}),
    "/api/v1/partner/search": ("customer_id", {"q": "whispered"}),
    "/api/v1/partner/search/all": ("customer_id", {"q": "whispered"}),
    **{
        f"/api/v1/partner/reports/{name}": ("agent_id", DAYS)
        for name in ("summary", "intent", "concerns", "pitch-gaps", "trends", "dispositions", "leaderboard")
    },
    "/api/v1/partner/reports/contacts": ("customer_id", DAYS),
    "/api/v1/partner/reports/calls": ("customer_id", DAYS),
}
"""How a list takes an identifier; of another's and of an unknown one it is empty."""

BRINGS_IN = {"/api/v1/partner/ingest/batch-call"}
"""Routes whose body names what is the caller's own: they have tests of their own below."""

OF_THE_CALLER = {
    *("/api/v1/partner/rubric", "/api/v1/partner/dashboard/auth/token"),
    *("/api/v1/partner/tenants", "/api/v1/partner/usage"),
    "/api/v1/partner/test-data",  # `journey/test_wiping.py` shows that it deletes nothing of another's
}
"""Routes that take no identifier at all: what they tell and change is the caller's own, as tests below show."""

OF_THE_PARTNER = {f"/api/v1/partner/{name}" for name in ("search/all", "test-data", "tenants", "usage")}
"""Routes that are for no subtenant: they read no tenant headers, and strangers are other partners alone."""

ERASES = {
    ("DELETE", f"/api/v1/partner/{part}") for part in ("calls/{call_id:path}", "customers/{customer_id:path}")
} | {("POST", "/api/v1/partner/erasures")}
"""What its owner cannot try and go on with the other tests: `test_an_owner_erases_its_own_and_nobody_elses` does."""

OPEN = {"/openapi.json", "/docs", "/docs/docs.css", "/healthz", "/readyz", "/assets/{name}"}
"""Routes that tell everybody the same."""

PAGES = {
    "/view-insights",
    *(
        f"/call-{part}/{{call_id:path}}"
        for part in ("details", "state", "changes", "conversations", "recording", "waveform")
    ),
    "/call-corrections/{call_id:path}",
    *(f"/view-insights/{part}" for part in ("agents", "contacts", "calls", "changes")),
}
"""Routes that a token opens, and no key: `test_dashboards.py` has theirs, and `test_console.py` the operator's."""


@dataclass(frozen=True)
class Estate:
    """What one subtenant has, and who else could ask after it."""

    owner: Door
    strangers: dict[str, tuple[Door, dict[str, str]]]
    ids: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(module_database_url: str) -> AsyncIterator[Estate]:
    async with open_door(module_database_url) as opened:
        owner = await opened.for_another(("acme", "sales"), ("acme", "support"), ("other", "sales"))
        records = [a_record("secret/call", agent__id="secret-agent", customer__id="secret-customer")]
        accepted = (await owner.post(a_batch(*records))).json()["data"]
        async with everywhere(owner.pool) as lent:
            subtenant: int = await lent.fetchval(
                "SELECT subtenant_no FROM calls WHERE partner_id = $1", owner.partner.partner_id
            )
            whose = (owner.partner.partner_id, subtenant, "secret/call", "secret-agent", "secret-customer", None)
            await callbacks.prepare(lent, callbacks.Told(*whose, url="https://partner.example.com/secret"), b"{}")
            await results.save_transcript(
                lent, owner.partner.partner_id, "secret/call", conversation([("customer", "What they whispered.")])
            )
            callback_id = await callbacks.newest(lent, owner.partner.partner_id, "secret/call")
            assert callback_id is not None
        ids = {
            "call": "secret/call",
            "agent": "secret-agent",
            "customer": "secret-customer",
            "batch": accepted["batch_id"],
            "callback": callback_id,
            "partner number": str(owner.partner.partner_id),
            "erasure": await _erased(owner),
            "partner key": owner.partner.api_key,
            "subtenant number": str(subtenant),
        }
        other = await opened.for_another(("acme", "sales"))
        strangers: dict[str, tuple[Door, dict[str, str]]] = {
            "another partner with the same names": (other, {}),
            "another subtenant": (owner, {"sub_tenant_id": "support"}),
            "another tenant": (owner, {"tenant_id": "other"}),
        }
        yield Estate(owner, strangers, ids)


async def _erased(owner: Door) -> str:
    """Have something erased, so that there is an erasure to ask after."""
    await owner.post(a_batch(a_record("erased")))
    erasure_id: str = (await owner.send("DELETE", "calls/erased")).json()["data"]["erasure_id"]
    return erasure_id


def routes(door: Door) -> list[tuple[str, APIRoute]]:
    """Every method and route of the application."""
    found = [
        route
        for route in door.app.routes
        if getattr(route, "path", None) not in OPEN | PAGES and not isinstance(route, ConsoleRoute)
    ]
    assert all(isinstance(route, APIRoute) for route in found), "every route is walked or listed as open"
    return [(method, route) for route in found if isinstance(route, APIRoute) for method in sorted(route.methods or ())]


def unlike(identifier: str) -> str:
    """An identifier of the same form that nothing has."""
    if len(identifier) == 36 and identifier.count("-") == 4:
        return str(uuid4())
    if identifier.isdigit():
        return str(int(identifier) + 1_000_000_000)
    return "".join("q" if c.isalnum() else c for c in identifier)


async def ask(door: Door, changes: dict[str, str], method: str, route: APIRoute, identifier: str) -> httpx.Response:
    path = route.path_format
    for name in route.param_convertors:
        path = path.replace(f"{{{name}}}", "".join(f"%{byte:02X}" for byte in identifier.encode()))
    body = BODIES.get(route.path)
    name, others = QUERIES.get(route.path, ("", {}))
    params = {**others, name: identifier} if name else None
    assert body or params or route.param_convertors, (
        f"{method} {route.path} is new: say in BODIES how it takes an identifier"
    )
    content = json.dumps(body(identifier)) if body else None
    return await door.client.request(method, path, params=params, content=content, headers=door.headers(**changes))


def told(answer: httpx.Response) -> tuple[object, ...]:
    kept = [(name, value) for name, value in answer.headers.raw if name.decode().lower() not in VARIES]
    return answer.status_code, answer.content, kept


async def everything(door: Door) -> list[str]:
    """Every row of every table that partners write to, as text."""
    async with everywhere(door.pool) as lent:
        tables = (*("calls", "customers", "agents", "dispositions", "batches", "callbacks", "ended_calls", "rubrics"),)
        return [str(row) for table in tables for row in await lent.fetch(f"SELECT * FROM {table} ORDER BY 1, 2, 3")]


async def test_what_is_anothers_is_answered_as_what_is_unknown(estate: Estate) -> None:
    before, cases = await everything(estate.owner), 0
    for method, route in routes(estate.owner):
        if route.path in BRINGS_IN | OF_THE_CALLER:
            continue
        for who, (door, changes) in estate.strangers.items():
            if route.path in OF_THE_PARTNER and door is estate.owner:
                continue
            for what, identifier in estate.ids.items():
                theirs = await ask(door, changes, method, route, identifier)
                unknown = await ask(door, changes, method, route, unlike(identifier))
                assert told(theirs) == told(unknown), f"{who} learns of the {what} by {method} {route.path}"
                assert theirs.status_code == (200 if route.path in QUERIES else 404)
                assert estate.ids["callback"] not in theirs.text
                cases += 1
    assert cases >= 7 * 3 * 8
    assert await everything(estate.owner) == before


async def test_the_owner_is_answered(estate: Estate) -> None:
    """Else the test above would show nothing."""
    answered = {
        route.path
        for method, route in routes(estate.owner)
        if route.path not in BRINGS_IN | OF_THE_CALLER and (method, route.path) not in ERASES
        for identifier in estate.ids.values()
        if (await ask(estate.owner, {}, method, route, identifier)).status_code == 200
    }
    erasing = {path for _, path in ERASES} - {route.path for method, route in routes(estate.owner) if method == "GET"}
    assert answered == {route.path for _, route in routes(estate.owner)} - BRINGS_IN - OF_THE_CALLER - erasing


WAYS = {
    "call": ("DELETE", "calls/c", None),
    "customer": ("DELETE", "customers/k", None),
    "id": ("POST", "erasures", {"customer_id": "k"}),
    "phone": ("POST", "erasures", {"phone": "+12025550111"}),
    "email": ("POST", "erasures", {"email": "same@example.com"}),
}


@pytest.mark.parametrize("way", WAYS)
async def test_an_owner_erases_its_own_and_nobody_elses(estate: Estate, way: str) -> None:
    """Two partners have the same two calls, of one person, in subtenants of the same names."""
    tenants = ("acme", "sales"), ("acme", "support")
    owner, stranger = [await estate.owner.for_another(*tenants) for _ in range(2)]
    same = {"call__contact_number": "+12025550111", "customer__id": "k", "customer__email": "same@example.com"}
    for door in (owner, stranger):
        await door.post(a_batch(a_record("c", **same)))
        await door.post(a_batch(a_record("c in support", **same)), sub_tenant_id="support")
    answer = await owner.send(*WAYS[way])
    assert (answer.status_code, answer.json()["data"]["calls"]) == (200, 1)
    assert (await owner.get("calls/c")).status_code == 404
    assert (await owner.get("customers/k")).status_code == 404
    for door, call_id, subtenant in (
        *((owner, "c%20in%20support", "support"), (stranger, "c", "sales"), (stranger, "c%20in%20support", "support")),
    ):
        assert (await door.get(f"calls/{call_id}", sub_tenant_id=subtenant)).status_code == 200
        assert (await door.get("customers/k", sub_tenant_id=subtenant)).json()["data"]["name"] == "Jo"


@pytest.mark.parametrize("headers", [{"tenant_id": "other"}, {"sub_tenant_id": "support"}])
async def test_tenants_of_another_are_as_unknown_as_none(estate: Estate, headers: dict[str, str]) -> None:
    stranger, _ = estate.strangers["another partner with the same names"]
    for method, route in routes(estate.owner):
        if route.path in OF_THE_PARTNER:
            continue
        path, body = route.path_format, b'{"data": [], "customer_id": 5}'
        theirs, none = [
            await stranger.client.request(method, path, content=body, headers=stranger.headers(**changed))
            for changed in (headers, dict.fromkeys(headers, "nobody's"))
        ]
        assert told(theirs) == told(none)
        assert theirs.status_code == 403


async def test_the_same_call_of_another_partner_is_a_call_of_its_own(estate: Estate) -> None:
    stranger, _ = estate.strangers["another partner with the same names"]
    newcomer = await stranger.for_another(("acme", "sales"))
    record = a_record("secret/call", agent__id="secret-agent", customer__id="secret-customer", customer__name="Mine")
    before = await everything(estate.owner)
    data: dict[str, Any] = (await newcomer.post(a_batch(record))).json()["data"]
    assert data["calls"] == [{"id": "secret/call", "status": "accepted"}]
    assert set(before) <= set(await everything(estate.owner))


async def test_the_same_call_in_another_tenant_of_the_partner_changes_nothing(estate: Estate) -> None:
    """An id is unique over all calls of the partner (contract, section 2): that it is taken is all that is told."""
    before = await everything(estate.owner)
    record = a_record("secret/call", agent__id="secret-agent", customer__id="secret-customer", customer__name="Mine")
    for _, (door, changes) in list(estate.strangers.items())[1:]:
        data = (await door.post(a_batch(record), **changes)).json()["data"]
        assert data["calls"] == [{"id": "secret/call", "status": "duplicate", "changed": True}]
        assert (await door.get("calls/secret%2Fcall", **changes)).status_code == 404
        batch = (await door.get(f"batches/{data['batch_id']}", **changes)).json()["data"]["calls"]
        assert batch == [{"id": "secret/call", "status": "duplicate", "state": None, "callback_status": None}]
        assert (await door.get("customers/secret-customer", **changes)).status_code == 404
    assert [row for row in await everything(estate.owner) if "batch_id" not in row or row in before] == before


async def test_words_are_found_by_their_owner_alone(estate: Estate) -> None:
    found = (await estate.owner.get("search?q=whispered")).json()["data"]["hits"]
    assert [hit["call_id"] for hit in found] == ["secret/call"]
    assert (await estate.owner.get("search/all?q=whispered")).json()["data"]["hits"] == found
    for who, (door, changes) in estate.strangers.items():
        wide = ["search?q={}&scope=tenant"] if who != "another subtenant" else []
        whole = ["search/all?q={}"] if door is not estate.owner else []
        for path in ("search?q={}", *wide, *whole):
            theirs, unknown = [await door.get(path.format(word), **changes) for word in ("whispered", "shouted")]
            assert told(theirs) == told(unknown), f"{who} finds words by {path}"


async def test_a_rubric_is_read_and_changed_by_its_owner_alone(estate: Estate) -> None:
    mine = {**RUBRIC["rubric"], "name": "secret-campaign"}
    assert (await estate.owner.send("PUT", "rubric", mine)).json()["data"] == {"version": 1, "changed": True}
    owned = (await estate.owner.get("rubric")).content
    assert b"secret-campaign" in owned
    before = await everything(estate.owner)
    for who, (door, changes) in estate.strangers.items():
        default = (await door.get("rubric", **changes)).json()["data"]
        assert (default["version"], default["rubric"]["name"]) == (0, "inside-sales"), who
        theirs, unknown = [await door.get(f"rubric?version={n}", **changes) for n in (1, 2)]
        assert told(theirs) == told(unknown), who
        assert theirs.status_code == 404
    for who, (door, changes) in estate.strangers.items():
        applied = await door.send("PUT", "rubric", {**mine, "name": "theirs"}, **changes)
        assert applied.json()["data"] == {"version": 1, "changed": True}, f"{who} counts versions of its own"
    assert (await estate.owner.get("rubric")).content == owned
    assert set(before) <= set(await everything(estate.owner))


async def test_a_partner_is_told_of_its_own_tenants_alone(estate: Estate) -> None:
    stranger, _ = estate.strangers["another partner with the same names"]
    whose = Scope(estate.owner.partner.partner_id, int(estate.ids["subtenant number"]))
    await end(estate.owner.pool, whose, "secret/call", None)
    await rollups.keep_house(estate.owner.pool, asyncio.Event())
    mine = (await estate.owner.get("tenants")).json()["data"]["tenants"]
    assert [(each["tenant_id"], each["subtenant_id"], each["calls"]["total"]) for each in mine] == [
        *(("acme", "sales", 1), ("acme", "support", 0), ("other", "sales", 0)),
    ]
    assert (await estate.owner.get("usage?month=2023-01")).json()["data"]["used"]["calls"] == 1
    theirs = (await stranger.get("tenants")).json()["data"]["tenants"]
    assert [(each["tenant_id"], each["subtenant_id"], each["calls"]["total"]) for each in theirs] == [
        ("acme", "sales", 0),
    ]
    assert (await stranger.get("usage?month=2023-01")).json()["data"]["used"]["calls"] == 0
    assert (await stranger.get("tenants", tenant_id="other")).json()["data"]["tenants"] == theirs
