"""The figures of the dashboard against a plain count of every call, whatever happened and whenever they are kept."""

import asyncio
import random
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from callwright import recounts, rollups
from callwright.db import Connection, Pool, Scope
from callwright.db.reads import Reads
from callwright.reports import insights
from callwright.reports.asked import Asked
from lives import AGENTS, CUSTOMERS, DAY_SPAN, MONDAY, STATUSES, ZONES, Life, lived, plain, recount
from submissions import onboard, scope


def questions(chance: random.Random) -> Iterator[Asked]:
    """The plain period, and each filter alone and with others."""
    until = MONDAY + timedelta(days=chance.randrange(3, DAY_SPAN))
    since = until - timedelta(days=chance.randrange(1, 9))
    yield Asked(since, until)
    yield Asked(since, until, agent_id=chance.choice(AGENTS))
    yield Asked(since, until, intent=chance.choice(rollups.LABELS))
    yield Asked(since, until, agent_id=chance.choice(AGENTS), intent=chance.choice(rollups.LABELS))
    yield Asked(since, until, customer_id=chance.choice(CUSTOMERS))
    yield Asked(since, until, disposition=chance.choice(STATUSES), agent_id=chance.choice((None, *AGENTS)))
    yield Asked(since, until, disposition=chance.choice(STATUSES), intent=chance.choice(rollups.LABELS))
    yield Asked(since, until, disposition=chance.choice(STATUSES), customer_id=chance.choice(CUSTOMERS))


async def set_zone(rows: Pool, zone: str) -> None:
    await rows.execute("UPDATE partners SET time_zone = $1 WHERE partner_id > 0", zone)


async def keep(pool: Pool) -> None:
    await rollups.keep_house(pool, asyncio.Event())


@pytest.mark.parametrize("zone", ZONES)
async def test_every_answer_equals_a_full_recount(pool: Pool, rows: Pool, zone: str) -> None:
    await onboard(pool)
    whose = await scope(pool)
    await set_zone(rows, zone)
    life, chance = Life(pool, whose, ZONES.index(zone)), random.Random(zone)
    for _ in range(6):
        for _ in range(15):
            await life.step()
            if chance.random() < 0.1:
                await keep(pool)
        if chance.random() < 0.2:
            zone = chance.choice(ZONES)
            await set_zone(rows, zone)
        for asked in questions(chance):
            found = await insights.read_overview(Reads(pool), whose, asked)
            assert plain(found) == await recount(rows, zone, asked), asked
            elsewhere = replace(asked, time_zone=chance.choice(ZONES))
            found = await insights.read_overview(Reads(pool), whose, elsewhere)
            assert plain(found) == await recount(rows, elsewhere.time_zone or zone, elsewhere), elsewhere
    await keep(pool)
    assert await rows.fetchval("SELECT count(*) FROM recounts_due WHERE partner_id > 0") == 0
    for asked in questions(chance):
        found = await insights.read_overview(Reads(pool), whose, asked)
        assert plain(found) == await recount(rows, zone, asked), asked


async def test_a_disposition_is_answered_from_what_is_kept(pool: Pool, rows: Pool) -> None:
    """And is exact as soon as somebody changes it, with nothing counted again but the day of the change."""
    whose = (await lived(pool, seed=11, steps=60)).whose
    await keep(pool)
    for customer_id in CUSTOMERS:
        await rows.execute(
            "UPDATE customers SET disposition_status = $1 WHERE partner_id > 0 AND customer_id = $2",
            *(STATUSES[int(customer_id[1]) % 2], customer_id),
        )
    assert await rows.fetchval("SELECT count(*) FROM recounts_due WHERE partner_id > 0") == 0
    month = Asked(MONDAY, MONDAY + timedelta(days=DAY_SPAN))
    asked = [replace(month, disposition=status) for status in STATUSES]
    expected = [await recount(rows, "UTC", each) for each in asked]
    assert [bool(each["now"]["contacts"]) for each in expected] == [True, True, False]
    await rows.execute("DELETE FROM ended_calls WHERE partner_id > 0")
    for each, counted in zip(asked, expected, strict=True):
        found = await insights.read_overview(Reads(pool), whose, each)
        assert plain(found) == counted
        assert await insights.read_agents(Reads(pool), whose, each) == found.agents


async def test_more_than_a_month_is_read_in_parts(pool: Pool, rows: Pool) -> None:
    whose = (await lived(pool, seed=12, steps=40)).whose
    asked = Asked(MONDAY + timedelta(days=5), MONDAY + timedelta(days=97), disposition=STATUSES[0])
    for counted in (False, True):
        if counted:
            await keep(pool)
        found = plain(await insights.read_overview(Reads(pool), whose, asked))
        expected = await recount(rows, "UTC", asked)
        told, days = found.pop("dispositions"), expected.pop("dispositions")
        assert {name: sum(each.values()) for name, each in told.items()} == {
            name: sum(each.values()) for name, each in days.items()
        }
        trend, by_day = found.pop("trend"), expected.pop("trend")
        assert sum(each["calls"] for each in trend.values()) == sum(each["calls"] for each in by_day.values())
        assert found == expected


ENDED = """
    INSERT INTO recounts_due (partner_id, subtenant_no, at)
    SELECT $1, $2, date_trunc('day', now()) - make_interval(days => day) FROM generate_series(1, $3::integer) AS day
"""


async def test_counting_ends_where_calls_end_all_the_time(
    pool: Pool, rows: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await onboard(pool)
    whose = await scope(pool)
    life = Life(pool, whose, 1)
    for _ in range(20):
        await life.step()
    taken = 0
    real = recounts.take

    async def take(connection: Connection, scope: Scope, but: Collection[date] = ()) -> recounts.Due:
        nonlocal taken
        taken += 1
        due = await real(connection, scope, but)
        await connection.execute(ENDED, scope.partner_id, scope.subtenant_no, 2 * recounts.DAYS_AT_A_TIME)
        return due

    monkeypatch.setattr(recounts, "take", take)
    async with asyncio.timeout(60):
        await keep(pool)
    assert taken > 3, "each day once, a part of them at a time"
    left = await rows.fetchval("SELECT count(DISTINCT at) FROM recounts_due WHERE partner_id = $1", whose.partner_id)
    assert left == 2 * recounts.DAYS_AT_A_TIME, "what came meanwhile waits for the next time"
