"""Section 7: `GET calls` (filters, cursor pages)."""

import base64
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from callwright import calls, partners, reports, rollups
from callwright.db import Scope, everywhere
from judged import analysis, end
from partner_api import Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def own(door: Door) -> AsyncIterator[Door]:
    """The door for a partner of this test's own, with a second subtenant."""
    yield await door.for_another(("acme", "sales"), ("acme", "support"))


async def page(door: Door, query: str = "") -> tuple[list[str], str | None]:
    answer = await door.get(f"calls?{query}")
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    return [each["id"] for each in data["calls"]], data["next_cursor"]


async def all_pages(door: Door, query: str) -> list[list[str]]:
    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        ids, cursor = await page(door, query + (f"&cursor={cursor}" if cursor else ""))
        pages.append(ids)
    return pages


async def all_ids(door: Door, query: str) -> list[str]:
    return [call_id for ids in await all_pages(door, query) for call_id in ids]


async def fail(door: Door, call_id: str) -> None:
    async with everywhere(door.pool) as lent:
        call = await calls.begin_step(lent, door.partner.partner_id, call_id, "received")
        assert call is not None
        await calls.fail(lent, call, "recording_not_found", "It is gone.")


async def test_a_call_of_the_list(own: Door) -> None:
    await own.post(a_batch(a_record("one")))
    await own.post(a_batch(a_record("theirs")), sub_tenant_id="support")
    await fail(own, "one")
    data = (await own.get("calls")).json()["data"]
    assert data["next_cursor"] is None
    [listed] = data["calls"]
    read = (await own.get("calls/one")).json()["data"]
    told = {"metadata", "custom_fields", "recording", "transcript", "analysis", "analysis_history"}
    assert listed == {name: value for name, value in read.items() if name not in told}
    assert listed["failure"] == {"code": "recording_not_found", "message": "It is gone."}


async def test_filters(own: Door) -> None:
    await own.post(a_batch(a_record("a", agent__id="x")))
    await own.post(a_batch(a_record("b", customer__id="y"), a_record("c", agent__id="x")))
    await fail(own, "c")
    received = (await own.get("calls/b")).json()["data"]["received_at"]
    assert await page(own) == (["c", "b", "a"], None), "the newest first"
    assert await page(own, f"since={received}") == (["c", "b"], None), "since is included"
    assert await page(own, f"until={received}&unknown=1") == (["a"], None), "until is not"
    assert await page(own, "agent_id=x") == (["c", "a"], None)
    assert await page(own, "customer_id=y") == (["b"], None)
    assert await page(own, "status=failed") == (["c"], None)
    assert await page(own, f"agent_id=x&status=received&until={received}") == (["a"], None)
    assert await page(own, "customer_id=y&agent_id=x") == ([], None)
    assert await page(own, "since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z") == (["c", "b", "a"], None)


async def test_filters_by_what_came_of_a_call(own: Door) -> None:
    """By intent and disposition, as the dashboards count them; pages go on where few calls are wanted."""
    made = {"i": analysis(), "n": analysis(intent="NEUTRAL"), "u": analysis(intent=None), "f": None}
    for call_id in made:
        told = {"customer__disposition_status": "won" if call_id in "iu" else "lost"}
        await own.post(a_batch(a_record(call_id, customer__id=f"of {call_id}", **told), a_record(f"{call_id}-open")))
    whose = await subtenant_of(own)
    for call_id, of in made.items():
        await end(own.pool, whose, call_id, of)
    wanted = {"INTERESTED": "i", "NEUTRAL": "n", "NOT_ASSESSED": "u", "FAILED": "f"}
    for label in rollups.LABELS:
        assert await page(own, f"intent={label}") == ([wanted[label]] if label in wanted else [], None), label
    assert await page(own, "disposition=won") == (["u", "i"], None)
    assert await page(own, "disposition=won&intent=INTERESTED&status=completed") == (["i"], None)
    assert await page(own, "disposition=WON") == ([], None)
    assert await all_ids(own, "disposition=won&limit=1") == ["u", "i"]
    await own.put({"customer_id": "of i", "disposition_status": "lost"})
    assert await page(own, "disposition=won") == (["u"], None), "as the customer stands now"
    assert await page(own, "disposition=lost") == (["f", "n", "i"], None)


async def subtenant_of(door: Door) -> Scope:
    async with everywhere(door.pool) as lent:
        return await partners.find_scope(lent, door.partner.partner_id, "acme", "sales")


async def test_a_call_is_listed_once_however_often_it_was_sent(own: Door) -> None:
    await own.post(a_batch(a_record("a"), a_record("a"), a_record("b")))
    await own.post(a_batch(a_record("b"), a_record("a")))
    await own.post(a_batch(a_record("b")), sub_tenant_id="support")
    assert await page(own) == (["b", "a"], None)
    assert (await own.get("calls", sub_tenant_id="support")).json()["data"]["calls"] == []


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_pages_show_each_call_once_whatever_is_written_meanwhile(own: Door, limit: int) -> None:
    ids = ["é/../..", "b", "a b%20?x=1#y", *(f"c{n}" for n in range(4)), "x" * 255]
    for first in (0, 3, 4):
        await own.post(a_batch(*(a_record(call_id) for call_id in ids[first:])))
    shown: list[str] = []
    cursor: str | None = ""
    await fail(own, ids[4])
    while cursor is not None:
        found, cursor = await page(own, f"limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        shown += found
        await own.post(a_batch(a_record(f"later{len(shown)}"), a_record(ids[0])))
    assert shown == ids[::-1]


async def test_a_page_is_filled_from_many_small_batches(own: Door) -> None:
    for n in range(25):
        await own.post(a_batch(a_record(f"c{n}", agent__id="x" if n % 3 else "z")))
    assert await page(own) == ([f"c{n}" for n in range(24, -1, -1)], None)
    assert await page(own, "agent_id=z") == ([f"c{n}" for n in range(24, -1, -3)], None)
    assert await all_ids(own, "agent_id=z&limit=4") == [f"c{n}" for n in range(24, -1, -3)]


@pytest.mark.parametrize("bounds", [{"MOST_BATCHES": 2}, {"SURE_BATCHES": 2, "LOOKING_SECONDS": -1.0}])
async def test_a_page_looks_at_a_bounded_number_of_batches(
    own: Door, monkeypatch: pytest.MonkeyPatch, bounds: dict[str, float]
) -> None:
    for name, value in {"FIRST_BATCHES": 2, **bounds}.items():
        monkeypatch.setattr(reports, name, value)
    for n in range(5):
        await own.post(a_batch(a_record(f"a{n}", agent__id="x" if n in {0, 4} else "z"), a_record(f"b{n}")))
    assert await all_pages(own, "agent_id=x") == [["a4"], [], [], ["a0"], []], "each looks on from the last batch"
    assert await all_ids(own, "agent_id=z&limit=1") == ["a3", "a2", "a1"]
    assert await all_ids(own, "limit=3") == [f"{each}{n}" for n in (4, 3, 2, 1, 0) for each in "ba"]
    assert await all_ids(own, "customer_id=customer123&status=failed") == []


async def test_a_cursor_of_another_shows_nothing_of_theirs(own: Door, door: Door) -> None:
    await own.post(a_batch(a_record("a"), a_record("b")))
    _, cursor = await page(own, "limit=1")
    other = await door.for_another(("acme", "sales"))
    assert await page(other, f"cursor={cursor}") == ([], None)


def encoded(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


NO_PLACES = (
    "999999999999999999 0a1f6d0e-6c1c-4a5e-9d52-3f1a8f9d7c11 1",
    "1672569062120934 0a1f6d0e-6c1c-4a5e-9d52-3f1a8f9d7c11 x",
    "1672569062120934 0a1f6d0e-6c1c-4a5e-9d52-3f1a8f9d7c11 ",
    "1672569062120934 msg_000000000000000000000000",
)

UTC_WORDS = "must be a valid ISO 8601 date string in UTC"


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ("status=lost", "status", "must be one of received, fetched, transcribed, completed, failed"),
        ("intent=interested", "intent", f"must be one of {', '.join(rollups.LABELS)}"),
        ("disposition=", "disposition", "should not be empty"),
        ("disposition=%00", "disposition", "must not contain the character U+0000"),
        ("since=yesterday", "since", UTC_WORDS),
        ("since=2026-01-02T00:00:00Z&until=2026-01-02T00:00:00Z", "until", "must be after since"),
        ("agent_id=", "agent_id", "should not be empty"),
        ("customer_id=%00", "customer_id", "must not contain the character U+0000"),
        ("limit=101", "limit", "must be a number from 1 to 100"),
        ("limit=5&limit=5", "limit", "must be a number from 1 to 100"),
        *(
            (f"cursor={cursor}", "cursor", "must be the next_cursor of a page")
            # nothing, no base64, no number, no batch, a time that is none, no place in it, a callback's, too long
            for cursor in ("", "A", "eCB5", "MTY3MCB4eHg", *map(encoded, NO_PLACES), "x" * 111)
        ),
    ],
)
async def test_query_faults(door: Door, query: str, field: str, told: str) -> None:
    answer = await door.get(f"calls?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": field, "message": f"{field} {told}"}]
