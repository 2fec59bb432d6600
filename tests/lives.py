"""Random lives of calls, and a plain count of every call, for the tests of what the dashboards show."""

import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import orjson
import pytest

from callwright import calls, customers, db, results, rollups
from callwright.analysis import Metrics
from callwright.db import Pool, Scope
from callwright.reports import insights
from callwright.reports.asked import Asked
from judged import NOTHING_SAID, accept, analysis, end, judged
from submissions import onboard, scope

MONDAY = date(2026, 3, 23)
"""Clocks in Europe change on the Sunday after."""
DAY_SPAN = 14
ZONES = ("UTC", "Asia/Kolkata", "Europe/Berlin", "America/Havana")
AGENTS = ("a1", "a2", 'a"3\\\u2028')
CUSTOMERS = ("k1", "k2", "k3", "k4", "k5")
STATUSES = ("won", "lost", 'call "back" \\ \u0915\x7f\x01')
SECONDS = (40, 120, 121, 600)


class Life:
    """Random calls of one subtenant, in random states.

    Args:
        seed: Of the random numbers.
    """

    def __init__(self, pool: Pool, whose: Scope, seed: int) -> None:
        self.random, self.pool, self.whose = random.Random(seed), pool, whose
        self.failed: list[str] = []
        self.completed: list[str] = []
        self.count = 0

    async def step(self) -> None:
        """One thing that happens: most often a call comes in and ends."""
        pick = self.random.random()
        if pick < 0.65 or not self.completed:
            await self._new()
        elif pick < 0.75:
            await self._judged_again(self.random.choice(self.completed))
        elif pick < 0.85 and self.failed:
            await self._taken_up_again(self.failed.pop(self.random.randrange(len(self.failed))))
        else:
            await self._told()

    async def _told(self) -> None:
        """A disposition without a call; as it takes effect now, its time is put among those of the calls."""
        choose = self.random.choice
        async with db.transaction(self.pool, self.whose) as connection:
            who = choose([row["customer_id"] for row in await connection.fetch("SELECT * FROM customers")])
            await customers.set_disposition(connection, self.whose, who, choose(STATUSES))
            now = self._time()
            for table, column in (("dispositions", "effective_at"), ("recounts_due", "at")):
                await connection.execute(f"UPDATE {table} SET {column} = $1 WHERE {column} > '2026-06-01'", now)

    async def _new(self) -> None:
        call_id = f"c{self.count}"
        self.count += 1
        start = datetime(2026, 3, 20, tzinfo=UTC) + timedelta(
            hours=self.random.randrange(24 * (DAY_SPAN + 4)), minutes=15
        )
        choose = self.random.choice
        await accept(
            self.pool, self.whose, call_id, agent_id=choose(AGENTS), customer_id=choose(CUSTOMERS),
            start_time=start.isoformat(), end_time=(start + timedelta(seconds=choose(SECONDS))).isoformat(),
            disposition_status=choose((None, *STATUSES)),
        )  # fmt: skip
        await self._end(call_id)

    def _time(self) -> datetime:
        hours = self.random.randrange(24 * (DAY_SPAN + 4))
        return datetime(2026, 3, 20, tzinfo=UTC) + timedelta(hours=hours, minutes=15)

    async def _end(self, call_id: str) -> None:
        fails = self.random.random() < 0.2
        await end(self.pool, self.whose, call_id, None if fails else self._made())
        (self.failed if fails else self.completed).append(call_id)

    async def _judged_again(self, call_id: str) -> None:
        async with db.transaction(self.pool, self.whose.partner_id) as connection:
            at = await connection.fetchval(
                "SELECT made_at FROM analyses WHERE partner_id = $1 AND call_id = $2", self.whose.partner_id, call_id
            )
            assert await results.replace_analysis(connection, self.whose.partner_id, call_id, self._made(), made_at=at)

    async def _taken_up_again(self, call_id: str) -> None:
        async with db.transaction(self.pool, self.whose.partner_id) as connection:
            assert await calls.retry(connection, self.whose.partner_id, call_id, "received")
        if self.random.random() < 0.7:
            await self._end(call_id)

    def _made(self) -> Any:
        choose = self.random.choice
        intent = choose((*rollups.INTENTS, None))
        one, two = (round(self.random.uniform(0, 90), 2) for _ in range(2))
        return analysis(
            intent=intent, intent_score=intent and self.random.randrange(101),
            quality_score=choose((None, 40, 80)), bant=choose((NOTHING_SAID, analysis().bant)),
            quality=(judged("Opening", choose((None, 3, 10))), judged("Closing", choose((None, 0, 5)), 5)),
            metrics=Metrics(one, two, choose((None, 0.5)), 20.0, 2, 1, 10.0, 0.8),
        )  # fmt: skip


async def lived(pool: Pool, *, seed: int, steps: int) -> Life:
    """A new partner's subtenant, some steps on."""
    await onboard(pool)
    life = Life(pool, await scope(pool), seed)
    for _ in range(steps):
        await life.step()
    return life


async def recount(rows: Pool, zone: str, asked: Asked) -> dict[str, Any]:
    """All of it from the calls, one by one."""
    ended = await rows.fetch("SELECT *, metrics::text AS figures FROM ended_calls WHERE partner_id > 0")
    now = {
        row["customer_id"]: row["disposition_status"]
        for row in await rows.fetch("SELECT * FROM customers WHERE partner_id > 0")
    }
    told = await rows.fetch("SELECT * FROM dispositions WHERE partner_id > 0")
    found = [(row, day_of(row["end_time"], zone)) for row in ended if fits(row, asked, now)]
    current = [(row, day) for row, day in found if asked.since <= day < asked.until]
    before = [row for row, day in found if asked.before.since <= day < asked.before.until]
    return {
        "now": totals([row for row, _ in current]),
        "before": totals(before),
        "trend": {
            day: totals([row for row, other in current if other == day])["sums"] for day in {day for _, day in current}
        },
        "concerns": Counter(name for row, _ in current for name in row["concerns"]),
        "gaps": gaps([row for row, _ in current]),
        "dispositions": dispositions(told, current, zone, asked, now),
        "agents": {
            agent: tuple(
                totals([row for row in part if row["agent_id"] == agent])["sums"]
                for part in ([row for row, _ in current], before)
            )
            for agent in {row["agent_id"] for row in [*(row for row, _ in current), *before]}
        },
    }


def day_of(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def label_of(row: asyncpg.Record) -> str:
    return (row["intent"] or rollups.NOT_ASSESSED) if row["completed"] else rollups.FAILED


def fits(row: asyncpg.Record, asked: Asked, now: dict[str, str | None]) -> bool:
    return (
        asked.agent_id in (None, row["agent_id"])
        and asked.customer_id in (None, row["customer_id"])
        and asked.intent in (None, label_of(row))
        and asked.disposition in (None, now[row["customer_id"]])
    )


def totals(found: list[asyncpg.Record]) -> dict[str, Any]:
    measured = [orjson.loads(row["figures"]) if row["figures"] else None for row in found]
    lengths = [round((row["end_time"] - row["start_time"]).total_seconds() * 1000) for row in found]
    talk = [
        (round(each["agent_talk_seconds"] * 1000), round(each["customer_talk_seconds"] * 1000), each["talk_ratio"])
        for each in measured if each
    ]  # fmt: skip
    scores = [row["quality_score"] for row in found if row["quality_score"] is not None]
    points = [row["intent_score"] for row in found if row["intent_score"] is not None]
    contacts: dict[str, set[str]] = defaultdict(set)
    for row in found:
        contacts[label_of(row)].add(row["customer_id"])
    return {
        "sums": {
            "calls": len(found), "engaged": sum(each > 120_000 for each in lengths), "milliseconds": sum(lengths),
            "talk_ms": sum(one + two for one, two, _ in talk),
            "sided_ms": sum(one + two for one, two, ratio in talk if ratio is not None),
            "agent_ms": sum(one for one, _, ratio in talk if ratio is not None),
            "quality_sum": sum(scores), "quality_calls": len(scores), "score_sum": sum(points),
            "score_calls": len(points), "assessed": sum(label_of(row) in rollups.INTENTS for row in found),
            "interested": sum(row["intent"] == "INTERESTED" for row in found),
        },
        "labels": dict.fromkeys(rollups.LABELS, 0) | Counter(label_of(row) for row in found),
        "contacts": len({row["customer_id"] for row in found}),
        "label_contacts": {label: len(those) for label, those in contacts.items()},
        "assessed": len({row["customer_id"] for row in found if row["completed"] and row["intent"]}),
    }  # fmt: skip


def gaps(found: list[asyncpg.Record]) -> dict[str, tuple[float, int]]:
    points: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in found:
        judged = zip(row["quality_parameters"], row["quality_reached"], row["quality_maxima"], strict=True)
        for name, reached, maximum in judged:
            points[name].append((reached, maximum))
    return {
        name: (sum(one for one, _ in each) / sum(two for _, two in each), len(each)) for name, each in points.items()
    }


def dispositions(
    told: list[asyncpg.Record], current: list[Any], zone: str, asked: Asked, now: dict[str, str | None]
) -> dict[str, Counter[date]]:
    days = {row["call_id"]: day for row, day in current}
    found: dict[str, Counter[date]] = defaultdict(Counter)
    for row in told:
        day = days.get(row["call_id"]) if row["call_id"] else day_of(row["effective_at"], zone)
        if row["call_id"] is None and (
            (asked.agent_id or asked.intent)
            or asked.customer_id not in (None, row["customer_id"])
            or asked.disposition not in (None, now[row["customer_id"]])
        ):
            continue
        if day and asked.since <= day < asked.until:
            found[row["status"]][day] += 1
    return found


def plain(found: insights.Overview) -> dict[str, Any]:
    """An overview in the form of `recount`."""

    def sums(of: insights.Sums) -> dict[str, int]:
        return {name: getattr(of, name) for name in rollups.SUMS}

    def total(of: insights.Totals) -> dict[str, Any]:
        return {
            "sums": sums(of), "labels": of.labels, "contacts": of.contacts, "label_contacts": of.label_contacts,
            "assessed": of.assessed_contacts,
        }  # fmt: skip

    return {
        "now": total(found.now),
        "before": total(found.before),
        "trend": {point.day: sums(point.sums) for point in found.trend},
        "concerns": {each.name: each.calls for each in found.concerns},
        "gaps": {gap.name: (pytest.approx(gap.share), gap.calls) for gap in found.gaps},
        "dispositions": found.dispositions,
        "agents": {line.agent_id: (sums(line.now), sums(line.before)) for line in found.agents},
    }
