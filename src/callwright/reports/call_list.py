"""The calls behind a figure, those that ended last first, in pages."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import asyncpg

from callwright import rollups
from callwright.db import Connection, Scope
from callwright.reports.asked import Asked, Statement

FIRST_DAYS = 8
"""Days without a count of their own that are looked at first; where that is no page, four times as many follow."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls, beside the period and the filters; what is None makes no difference.

    Attributes:
        engaged: Only those over `rollups.ENGAGED_SECONDS`.
        concern: Those in which this stood in the way.
        parameter: Those of which this quality parameter was assessed.
        told: Those that came with this disposition.
    """

    engaged: bool = False
    concern: str | None = None
    parameter: str | None = None
    told: str | None = None


class Place(NamedTuple):
    """Where a page has ended: the end of its last call, and the call."""

    end_time: datetime
    call_id: str


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call of the list; `reached` and `maximum` are the points of the parameter that was asked for."""

    call_id: str
    end_time: datetime
    seconds: float
    completed: bool
    agent_id: str
    agent_name: str | None
    customer_id: str
    customer_name: str | None
    intent: str | None
    intent_score: int | None
    quality: int | None
    reached: int | None
    maximum: int | None


class _Day(NamedTuple):
    """A day, and the calls in it that are wanted at the most; None where that was not counted."""

    day: date
    most: int | None


async def list_ended(
    connection: Connection, scope: Scope, asked: Asked, wanted: Wanted, *, most: int, after: Place | None = None
) -> tuple[list[EndedCall], Place | None]:
    """List the calls of a period.

    The rollups tell on which days there are any, so that a rare kind is found without reading a year.

    Returns:
        The page, and where it ends; None where nothing follows.
    """
    days = None if asked.live else await _days(connection, scope, asked, wanted, after)
    rows: list[asyncpg.Record] = []
    if days is None:  # the rollups do not help
        rows = await _read(connection, scope, asked, wanted, None, most + 1, after)
    else:
        size = FIRST_DAYS
        while days and len(rows) <= most:
            some = _enough(days, most + 1 - len(rows), size)
            days, size = days[len(some) :], 4 * size
            chosen = [each.day for each in some if each.most != 0]
            rows += await _read(connection, scope, asked, wanted, chosen, most + 1 - len(rows), after)
    page = [EndedCall(*row.values()) for row in rows[:most]]
    return page, Place(page[-1].end_time, page[-1].call_id) if len(rows) > most else None


def _enough(days: list[_Day], calls: int, size: int) -> list[_Day]:
    """The first days that should have so many calls, though not more than `size` of those of which nobody knows."""
    found, known, unknown = list[_Day](), 0, 0
    for each in days:
        found.append(each)
        known += each.most or 0
        unknown += each.most is None
        if known >= calls or unknown >= size:
            break
    return found


async def _days(
    connection: Connection, scope: Scope, asked: Asked, wanted: Wanted, after: Place | None
) -> list[_Day] | None:
    """The days of the period that have calls or have to be looked at, the last first; None where nothing is kept."""
    statement = Statement(scope, asked)
    names = [
        (kind, name)
        for kind, name in (("concern", wanted.concern), ("parameter", wanted.parameter), ("disposition", wanted.told))
        if name is not None
    ]
    counts = ["d.engaged" if wanted.engaged else "d.calls"] + [
        f"""(SELECT coalesce(sum(n.calls), 0) FROM unnest(d.kinds, d.names, d.name_calls) AS n (kind, name, calls)
            WHERE n.kind = '{kind}' AND n.name = {statement.give(name)})"""  # noqa: S608
        for kind, name in names
    ]
    text = f"""
        {statement.beginning(asked.since)}
        SELECT d.day, sum(least({", ".join(counts)}))::bigint AS most, true AS kept
        FROM day_rollups d
        WHERE d.partner_id = $1 AND d.subtenant_no = $2 AND {statement.kept(asked.since)}
            AND d.label <> '{rollups.NO_CALL}' GROUP BY d.day
        UNION ALL SELECT since, NULL, kept FROM spans, house
        ORDER BY 1 DESC
    """  # noqa: S608
    rows = await connection.fetch(text, *statement.arguments)
    if any(not row["kept"] for row in rows):
        return None
    newest = None if after is None else after.end_time.date()  # in UTC: it may lie a day off, to be looked at twice
    days = [_Day(row["day"], row["most"]) for row in rows]
    if newest is not None:
        days = [
            each if (newest - each.day).days > 1 else _Day(each.day, None)
            for each in days
            if (each.day - newest).days <= 1
        ]
    return [each for each in days if each.most != 0]


async def _read(
    connection: Connection,
    scope: Scope,
    asked: Asked,
    wanted: Wanted,
    days: list[date] | None,
    most: int,
    after: Place | None,
) -> list[asyncpg.Record]:
    """Read the wanted calls of some days, or of the whole period."""
    statement = Statement(scope, asked)
    beginning = statement.beginning(asked.since)
    where = statement.wanted() + _conditions(statement, wanted)
    if after is not None:
        where += f" AND (end_time, call_id) < ({statement.give(after.end_time)}, {statement.give(after.call_id)})"
    if days is None:
        spans = f"SELECT {statement.give(asked.since)}::date AS since, {statement.give(asked.until)}::date AS until"
    else:
        spans = f"SELECT day AS since, day + 1 AS until FROM unnest({statement.give(days)}::date[]) AS day"  # noqa: S608
    parameter = statement.give(wanted.parameter or "")
    text = f"""
        {beginning}, looked_at AS ({spans}), page AS (
            SELECT e.* FROM looked_at s CROSS JOIN house h CROSS JOIN LATERAL (
                SELECT * FROM ended_calls
                WHERE partner_id = $1 AND subtenant_no = $2
                    AND end_time >= s.since::timestamp AT TIME ZONE h.time_zone - interval '3 hours'
                    AND end_time < s.until::timestamp AT TIME ZONE h.time_zone + interval '3 hours'
                    AND (end_time AT TIME ZONE h.time_zone)::date >= s.since
                    AND (end_time AT TIME ZONE h.time_zone)::date < s.until {where}
                ORDER BY end_time DESC, call_id DESC LIMIT {statement.give(most)}::bigint
            ) AS e
            ORDER BY e.end_time DESC, e.call_id DESC LIMIT {statement.give(most)}::bigint
        )
        SELECT p.call_id, p.end_time, extract(epoch FROM p.end_time - p.start_time)::float8 AS seconds, p.completed,
            p.agent_id, a.name AS agent_name, p.customer_id, k.name AS customer_name, p.intent, p.intent_score,
            p.quality_score, p.quality_reached[array_position(p.quality_parameters, {parameter})] AS reached,
            p.quality_maxima[array_position(p.quality_parameters, {parameter})] AS maximum
        FROM page p
        LEFT JOIN agents a ON a.partner_id = $1 AND a.subtenant_no = $2 AND a.agent_id = p.agent_id
        LEFT JOIN customers k ON k.partner_id = $1 AND k.subtenant_no = $2 AND k.customer_id = p.customer_id
        ORDER BY p.end_time DESC, p.call_id DESC
    """  # noqa: S608
    return await connection.fetch(text, *statement.arguments)


def _conditions(statement: Statement, wanted: Wanted) -> str:
    found = ""
    if wanted.engaged:
        found += f" AND end_time - start_time > interval '{rollups.ENGAGED_SECONDS} seconds'"
    if wanted.concern is not None:
        found += f" AND {statement.give(wanted.concern)} = ANY(concerns)"
    if wanted.parameter is not None:
        found += f" AND {statement.give(wanted.parameter)} = ANY(quality_parameters)"
    if wanted.told is not None:
        found += f""" AND EXISTS (SELECT FROM dispositions d
            WHERE d.partner_id = $1 AND d.subtenant_no = $2 AND d.customer_id = ended_calls.customer_id
                AND d.call_id = ended_calls.call_id AND d.status = {statement.give(wanted.told)})"""
    return found
