"""Section 7: `GET search` (words in transcripts)."""

import base64
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from callwright import results
from callwright.api.search_models import cursor_of_search, place_of_search
from callwright.db import everywhere
from callwright.reports.search import Last, Place
from callwright.reports.search_windows import BEFORE_ALL, Edge
from dashboards.spoken import conversation
from partner_api import Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT = datetime(2023, 1, 1, tzinfo=UTC)
NO_TENANT: dict[str, str | None] = {"tenant_id": None, "sub_tenant_id": None}


async def say(door: Door, call_id: str, text: str, **whose: str) -> None:
    """A call in which the customer says this."""
    assert (await door.post(a_batch(a_record(call_id)), **whose)).status_code == 200
    async with everywhere(door.pool) as lent:
        await results.save_transcript(lent, door.partner.partner_id, call_id, conversation([("customer", text)]))


async def found(door: Door, path: str, **headers: str | None) -> list[str]:
    answer = await door.get(path, **headers)
    assert answer.status_code == 200, answer.text
    return [hit["call_id"] for hit in answer.json()["data"]["hits"]]


async def test_subtenant_tenant_and_partner(door: Door) -> None:
    own = await door.for_another(("acme", "sales"), ("acme", "support"), ("other", "sales"))
    await say(own, "one", "I want a refund.")
    await say(own, "two", "I want a refund now.", sub_tenant_id="support")
    await say(own, "three", "I want a refund here and now.", tenant_id="other")
    assert await found(own, "search?q=refund") == ["one"]
    assert await found(own, "search?q=refund&scope=subtenant", sub_tenant_id="support") == ["two"]
    assert await found(own, "search?q=refund&scope=tenant") == ["one", "two"]
    assert await found(own, "search?q=refund&scope=tenant", tenant_id="other") == ["three"]
    assert await found(own, "search/all?q=refund", **NO_TENANT) == ["one", "two", "three"]
    assert await found(own, "search/all?q=refund&scope=tenant", tenant_id="nobody's") == ["one", "two", "three"]
    assert await found(door, "search/all?q=refund") == []
    assert (await own.get("search?q=refund", **NO_TENANT)).status_code == 400
    assert (await own.get("search?q=refund&scope=tenant", sub_tenant_id="nobody's")).status_code == 403
    for path in ("search", "search/all"):
        assert (await own.get(f"{path}?q=refund", api_secret="wrong")).status_code == 403


async def test_pages(door: Door) -> None:
    own = await door.for_another(("acme", "sales"))
    for number in range(5):
        await say(own, f"c{number}", f"price {'and more ' * number}")
    first = (await own.get("search?q=price&limit=2")).json()["data"]
    await say(own, "late", "price")
    second = (await own.get(f"search?q=price&limit=2&cursor={first['next_cursor']}")).json()["data"]
    third = (await own.get(f"search?q=price&cursor={second['next_cursor']}")).json()["data"]
    assert [hit["call_id"] for hit in first["hits"] + second["hits"] + third["hits"]] == ["c0", "c1", "c2", "c3", "c4"]
    assert third["next_cursor"] is None
    assert (await found(own, "search?q=price"))[:2] != ["c0", "c1"], "it is there for who asks anew"


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("", "q", "q should not be empty"),
        ("q=", "q", "q should not be empty"),
        ("q=%20%20", "q", "q should not be empty"),
        ("q=a&q=b", "q", "q must be a string"),
        ("q=a%00b", "q", "q must not contain the character U+0000"),
        (f"q={'a' * 201}", "q", "q must be shorter than or equal to 200 characters"),
        ("q=-refund", "q", "q must contain a word to search for"),
        ("q=%22%22", "q", "q must contain a word to search for"),
        ("q=a&scope=partner", "scope", "scope must be subtenant or tenant"),
        ("q=a&speaker=both", "speaker", "speaker must be agent or customer"),
        ("q=a&since=yesterday", "since", "since must be a valid ISO 8601 date string in UTC"),
        ("q=a&limit=101", "limit", "limit must be a number from 1 to 100"),
        ("q=a&cursor=abc", "cursor", "cursor must be the next_cursor of a page"),
        ("q=a&agent_id=", "agent_id", "agent_id should not be empty"),
    ],
)
async def test_what_is_refused(door: Door, query: str, field: str, message: str) -> None:
    answer = await door.get(f"search?{query}")
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"field": field, "message": message}])


@pytest.mark.parametrize(
    "words", ["a & !b", "refund:*", "'; DROP TABLE calls; --", "\ufffd\u202e<b>", "क" * 200, "(" * 199 + "a"]
)
async def test_hostile_words_find_nothing(door: Door, words: str) -> None:
    assert await found(door, f"search?q={quote(words[:200])}&speaker=agent") == []
    assert await found(door, f"search?q=x{quote(words[:199], safe='')}") == []


EDGE = Edge(datetime(1, 1, 1, tzinfo=UTC), -(2**63))
FIRST = Last(-(2**31), datetime(1, 1, 1, tzinfo=UTC), -(2**63), -(2**31))
LAST = Last(2**31 - 1, datetime(9999, 12, 31, tzinfo=UTC), 2**63 - 1, 2**31 - 1)


@pytest.mark.parametrize(
    "place", [Place(AT), Place(AT, EDGE), Place(AT, EDGE, BEFORE_ALL), Place(AT, None, EDGE, LAST)]
)
async def test_a_cursor_is_read_as_it_was_written(door: Door, place: Place) -> None:
    cursor = cursor_of_search(place)
    assert place_of_search(cursor) == place
    assert await found(door, f"search?q=word&cursor={cursor}") == []


@pytest.mark.parametrize("packed", [b"", b"\x7f" * 67, b"\x00" * 66, b"\x00" * 68])
async def test_a_forged_cursor_is_refused(door: Door, packed: bytes) -> None:
    cursor = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    answer = await door.get(f"search?q=word&cursor={cursor}")
    assert answer.status_code == 422
