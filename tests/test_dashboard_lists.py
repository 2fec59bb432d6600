"""The calls behind a figure and the table of contacts, against plain lists, whenever the rollups are kept."""

import random
from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from callwright import db, rollups
from callwright.db import Pool, Scope
from callwright.reports.asked import Asked
from callwright.reports.call_list import Place, Wanted, list_ended
from callwright.reports.contact_list import SORTS, Page, list_contacts
from lives import AGENTS, ZONES, Life, day_of, fits, lived
from submissions import onboard, scope
from test_day_rollups import keep, questions, set_zone

if TYPE_CHECKING:
    import asyncpg

ENDED = "SELECT * FROM ended_calls WHERE partner_id > 0 ORDER BY end_time, call_id"
CUSTOMERS = "SELECT * FROM customers WHERE partner_id > 0"
TOLD = "SELECT * FROM dispositions WHERE partner_id > 0 AND call_id IS NOT NULL"


async def calls_of(pool: Pool, whose: Scope, asked: Asked, wanted: Wanted, most: int) -> list[str]:
    """Every page of the list."""
    found, place = list[str](), None
    while True:
        async with db.transaction(pool, whose) as connection:
            page, place = await list_ended(connection, whose, asked, wanted, most=most, after=place)
        found += [each.call_id for each in page]
        if place is None:
            return found
        assert len(page) == most


async def expected_calls(rows: Pool, zone: str, asked: Asked, wanted: Wanted) -> list[str]:
    now = {row["customer_id"]: row["disposition_status"] for row in await rows.fetch(CUSTOMERS)}
    told = {row["call_id"]: row["status"] for row in await rows.fetch(TOLD)}
    return [
        row["call_id"]
        for row in reversed(await rows.fetch(ENDED))
        if asked.since <= day_of(row["end_time"], zone) < asked.until
        and fits(row, asked, now)
        and (not wanted.engaged or (row["end_time"] - row["start_time"]).total_seconds() > 120)
        and wanted.concern in (None, *row["concerns"])
        and wanted.parameter in (None, *row["quality_parameters"])
        and wanted.told in (None, told.get(row["call_id"]))
    ]


async def expected_contacts(rows: Pool, zone: str, asked: Asked) -> dict[str, tuple[Any, ...]]:
    """What the list shows of each contact, by walking the calls."""
    calls: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in await rows.fetch(ENDED):
        calls[row["customer_id"]].append(row)
    found = {}
    for customer in await rows.fetch(CUSTOMERS):
        own = calls[customer["customer_id"]]
        period = [row for row in own if asked.since <= day_of(row["end_time"], zone) < asked.until]
        if not period:
            continue
        last, judged = own[-1], [row for row in own if row["intent"]]
        intent = (judged[-1]["intent"], judged[-1]["intent_score"]) if judged else (None, None)
        if asked.intent == rollups.FAILED:
            fitting = any(not row["completed"] for row in period)
        else:
            fitting = asked.intent in (None, intent[0] or rollups.NOT_ASSESSED)
        scores = [row["quality_score"] for row in own if row["quality_score"] is not None]
        if (
            fitting
            and asked.agent_id in (None, last["agent_id"])
            and asked.customer_id in (None, customer["customer_id"])
            and asked.disposition in (None, customer["disposition_status"])
        ):
            quality = pytest.approx(sum(scores) / len(scores)) if scores else None
            place = last["end_time"], last["call_id"], last["agent_id"]
            found[customer["customer_id"]] = (len(own), *place, *intent, quality, customer["disposition_status"])
    return found


@pytest.mark.parametrize("zone", ZONES[:2])
async def test_lists_hold_what_a_walk_over_all_calls_finds(pool: Pool, rows: Pool, zone: str) -> None:
    await onboard(pool)
    whose = await scope(pool)
    await set_zone(rows, zone)
    life, chance = Life(pool, whose, 7 + ZONES.index(zone)), random.Random(zone)
    for _ in range(5):
        for _ in range(15):
            await life.step()
            if chance.random() < 0.1:
                await keep(pool)
        for each in questions(chance):
            asked = replace(each, time_zone=chance.choice((None, *ZONES)))
            days = asked.time_zone or zone
            for wanted in wants(chance):
                found = await calls_of(pool, whose, asked, wanted, chance.choice((1, 3, 50)))
                assert found == await expected_calls(rows, days, asked, wanted), (asked, wanted)
            async with db.transaction(pool, whose) as connection:
                contacts, more = await list_contacts(connection, whose, asked, Page())
            assert not more
            assert {
                each.customer_id: (
                    *(each.calls, each.last_call_at, each.last_call_id, each.agent_id),
                    *(each.intent, each.intent_score, each.quality, each.disposition),
                )
                for each in contacts
            } == await expected_contacts(rows, days, asked), asked


def wants(chance: random.Random) -> list[Wanted]:
    told = chance.choice(("won", "lost"))
    some = Wanted(engaged=True, concern="Pricing", parameter="Closing", told=told)
    return [Wanted(), Wanted(engaged=True), Wanted(concern="Pricing"), Wanted(parameter="Closing"),
            Wanted(told=told), some]  # fmt: skip


async def test_contacts_are_sorted_found_and_paged(pool: Pool, rows: Pool) -> None:
    life = await lived(pool, seed=5, steps=40)
    whose = life.whose
    await rows.execute("UPDATE customers SET name = 'Meera Nair' WHERE partner_id > 0 AND customer_id = 'k2'")
    await rows.execute("UPDATE customers SET email = '50%_off@x.example' WHERE partner_id > 0 AND customer_id = 'k3'")
    await keep(pool)
    await life.step()
    whole = Asked(date(2026, 3, 1), date(2026, 5, 1))

    async def ids(**page: Any) -> list[str]:
        async with db.transaction(pool, whose) as connection:
            found, _ = await list_contacts(connection, whose, whole, Page(**page))
        return [each.customer_id for each in found]

    everybody = await ids()
    assert len(everybody) == 5
    for sort in SORTS:
        for descending in (True, False):
            ordered = await ids(sort=sort, descending=descending)
            assert sorted(ordered) == sorted(everybody)
            paged = [
                each
                for skip in range(0, 6, 2)
                for each in await ids(sort=sort, descending=descending, skip=skip, most=2)
            ]
            assert paged == ordered
    assert await ids(sort="id", descending=False) == sorted(everybody)
    assert await ids(sort="id", descending=False, after="k2", most=2) == ["k3", "k4"]
    assert await ids(search="meera") == ["k2"]
    assert await ids(search="NAIR") == ["k2"]
    assert await ids(search="50%_OFF") == ["k3"]
    assert await ids(search="k_") == [], "nothing stands for another character"
    assert await ids(search="K4") == ["k4"]


async def test_a_page_ends_where_nothing_follows(pool: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    nothing = Asked(date(2026, 3, 1), date(2026, 5, 1), agent_id=AGENTS[0])
    async with db.transaction(pool, whose) as connection:
        assert await list_ended(connection, whose, nothing, Wanted(), most=5) == ([], None)
        assert await list_contacts(connection, whose, nothing, Page()) == ([], False)
        after = Place(datetime.fromisoformat("2026-03-05T00:00Z"), "x")
        assert await list_ended(connection, whose, nothing, Wanted(), most=5, after=after) == ([], None)
