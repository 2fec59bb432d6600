"""Section 5: every change is kept in the customer's history; and all of them in one list over time."""

import base64
from typing import Any

import pytest

from callwright.reports import disposition_list
from partner_api import Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def told(door: Door) -> Door:
    """A partner with five changes by calls, two of them at one time, and one by a request."""
    own = await door.for_another(("acme", "sales"), ("acme", "support"))
    for number, (customer, status, hour) in enumerate(
        (("k1", "new", 10), ("k2", "new", 10), ("k1", "won", 12), ("k3", "lost", 11), ("k2", "won", 9))
    ):
        record = a_record(f"c{number}", customer__id=customer, customer__disposition_status=status)
        record["call"] |= {"start_time": f"2026-01-05T{hour - 1:02}:00:00Z", "end_time": f"2026-01-05T{hour:02}:00:00Z"}
        assert (await own.post(a_batch(record))).status_code == 200
    assert (await own.put({"customer_id": "k3", "disposition_status": "won"})).status_code == 200
    await own.post(a_batch(a_record("theirs", customer__id="k1")), sub_tenant_id="support")
    return own


async def page(door: Door, query: str = "") -> tuple[list[tuple[str, str, str | None]], str | None]:
    answer = await door.get(f"dispositions?{query}")
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    return [(each["customer_id"], each["status"], each["call_id"]) for each in data["dispositions"]], data[
        "next_cursor"
    ]


async def all_pages(door: Door, query: str) -> list[list[Any]]:
    pages: list[list[Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        found, cursor = await page(door, query + (f"&cursor={cursor}" if cursor else ""))
        pages.append(found)
    return pages


EVERYTHING = [
    ("k3", "won", None),
    ("k1", "won", "c2"),
    ("k3", "lost", "c3"),
    ("k2", "new", "c1"),
    ("k1", "new", "c0"),
    ("k2", "won", "c4"),
]


async def test_the_changes_of_all_customers(door: Door) -> None:
    own = await told(door)
    assert await page(own) == (EVERYTHING, None), "what took effect last is first, whenever it came"
    data = (await own.get("dispositions?customer_id=k1")).json()["data"]["dispositions"]
    history = (await own.get("customers/k1")).json()["data"]["disposition_history"]
    assert data == [{"customer_id": "k1", **entry} for entry in history]
    assert await page(own, "status=won") == ([EVERYTHING[0], EVERYTHING[1], EVERYTHING[5]], None)
    assert await page(own, "status=won&customer_id=k2") == ([EVERYTHING[5]], None)
    assert await page(own, "since=2026-01-05T10:00:00Z&until=2026-01-05T12:00:00Z") == (EVERYTHING[2:5], None)
    assert await page(own, "status=Won") == ([], None)
    assert await page(own, "customer_id=nobody") == ([], None)
    theirs = (await own.get("dispositions", sub_tenant_id="support")).json()["data"]["dispositions"]
    assert [each["call_id"] for each in theirs] == ["theirs"]


@pytest.mark.parametrize("limit", [1, 2, 4, 100])
async def test_pages_show_each_change_once_whatever_is_written_meanwhile(door: Door, limit: int) -> None:
    own = await told(door)
    shown: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        found, cursor = await page(own, f"limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        shown += found
        await own.put({"customer_id": "k2", "disposition_status": "later"})
    assert shown == EVERYTHING


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_a_page_looks_at_a_bounded_number_of_changes(
    door: Door, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    own = await told(door)
    monkeypatch.setattr(disposition_list, "MOST_LOOKED_AT", 2)
    pages = await all_pages(own, f"status=won&limit={limit}")
    assert [each for found in pages for each in found] == [EVERYTHING[0], EVERYTHING[1], EVERYTHING[5]]
    assert all(len(found) <= limit for found in pages)
    assert len(await all_pages(own, "status=lost&limit=1")) <= 5
    found, cursor = await page(own, "status=nothing")
    assert found == []
    assert cursor is not None, "it has not looked at all of them"


def encoded(*parts: str) -> str:
    return base64.urlsafe_b64encode("\0".join(parts).encode()).decode().rstrip("=")


AT = "2026-01-05T10:00:00+00:00"
TOO_EARLY, TOO_LATE = "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "A",
        "gICA",
        "x" * 3001,
        *(encoded(*p) for p in ((AT,), (AT, AT, "c"), (AT, "now", "c", "k"), (AT[:-6], AT, "c", "k"))),
        *(encoded(*p) for p in ((TOO_EARLY, AT, "c", "k"), (AT, TOO_LATE, "c", "k"))),
    ],
)
async def test_cursors_that_are_none(door: Door, cursor: str) -> None:
    answer = await door.get(f"dispositions?cursor={cursor}")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "cursor", "message": "cursor must be the next_cursor of a page"}]


async def test_a_cursor_of_another_shows_nothing_of_theirs(door: Door) -> None:
    own = await told(door)
    _, cursor = await page(own, "limit=1")
    other = await door.for_another(("acme", "sales"))
    assert await page(other, f"cursor={cursor}") == ([], None)
