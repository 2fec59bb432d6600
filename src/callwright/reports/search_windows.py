"""Which calls a search looks at: those with its words in them, a window at a time, those that ended last first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

import asyncpg

from callwright.db import Connection
from callwright.db.reads import Reads

WINDOW = 200
"""Calls that have the words in them, whose turns are ranked together."""

CROWD = 5_000
"""Calls of a span of days that are read to find the newest of them; where there are more, the span is halved first."""

_EPOCH = date(1970, 1, 1)
_LAST_DAY = 32_767
_LEVELS = (3, 2, 1, 0)
"""Of spans of 32,768, 1,024, 32 and 1 days (`search_keys` in the migration)."""


class Edge(NamedTuple):
    """A place in the order of calls: by their end, and by a hash of their id where they ended at the same moment."""

    end_time: datetime
    tie: int


BEFORE_ALL = Edge(datetime.min.replace(tzinfo=UTC), -(2**63))


@dataclass(frozen=True, slots=True)
class Sought:
    """Which calls are looked for; what is None makes no difference.

    Attributes:
        words: A tsquery that holds for every call of which a turn can match.
        subtenants: Their numbers; None for all of the partner.
        since: Calls that ended then or later.
        until: Calls that ended before.
        asked_at: Calls whose transcript was made by then.
    """

    partner_id: int
    words: str
    subtenants: tuple[int, ...] | None
    since: datetime | None
    until: datetime | None
    agent_id: str | None
    customer_id: str | None
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """The ids of its calls, and where it ends: no call from there on is left out; `BEFORE_ALL` where none follows."""

    call_ids: list[str]
    lower: Edge


async def find_window(reads: Reads, sought: Sought, upper: Edge | None, lower: Edge | None) -> Window:
    """Find the window that begins below a place, or find one again.

    It is found without row level security, under which PostgreSQL answers no search of words by an index. What is told
    of the calls is read under it.

    Args:
        reads: The database or its replica.
        sought: Which calls.
        upper: The place; None for the first window.
        lower: Where the window ends, if it was found before.

    Raises:
        Unavailable: The database is away.
    """
    first, last = _day(lower[0] if lower else sought.since, 0), _day(upper[0] if upper else sought.until, _LAST_DAY)
    async with reads.everywhere() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")  # no guess at how rare a word is decides the plan
        look = _Look(connection, sought, upper, lower)
        if lower is not None:
            rows = await look.all_of(first, last)
        else:
            rows = await look.newest(first, last, today=_day(sought.asked_at, _LAST_DAY))
            lower = BEFORE_ALL if len(rows) < WINDOW else Edge(rows[-1]["end_time"], rows[-1]["tie"])
    return Window([row["call_id"] for row in rows], lower)


@dataclass(frozen=True, slots=True)
class _Look:
    connection: Connection
    sought: Sought
    upper: Edge | None
    lower: Edge | None

    async def newest(self, first: int, last: int, *, today: int) -> list[asyncpg.Record]:
        """The newest calls of some days: first of the days from today on, then of four times as many each time.

        A rare word is found in a dozen looks at most, and a common one without reading more than it needs.
        """
        rows: list[asyncpg.Record] = []
        begin, size = max(first, min(last, today)), 1
        while begin <= last and len(rows) < WINDOW:
            rows += await self._newest_within(begin, last, WINDOW - len(rows))
            begin, last, size = max(first, begin - 4 * size), begin - 1, 4 * size
        return rows

    async def all_of(self, first: int, last: int) -> list[asyncpg.Record]:
        """The calls of a window that was found before: no more of them than then, whatever a cursor names as one."""
        return await self._read(first, last, WINDOW, WINDOW)

    async def _newest_within(self, first: int, last: int, most: int) -> list[asyncpg.Record]:
        rows = await self._read(first, last, CROWD + 1, most)
        if not rows or rows[0]["found"] <= CROWD:
            return rows
        if first == last:
            return await self._read(first, last, None, most)
        middle = (first + last + 1) // 2
        rows = await self._newest_within(middle, last, most)
        if len(rows) < most:
            rows += await self._newest_within(first, middle - 1, most - len(rows))
        return rows

    async def _read(self, first: int, last: int, read: int | None, most: int) -> list[asyncpg.Record]:
        """The newest of as many calls of these days as are read; with how many were."""
        return await self.connection.fetch(_MATCHING, *self.given(first, last, read, most))

    def given(self, first: int, last: int, read: int | None, most: int) -> tuple[object, ...]:
        """The parameters of `_MATCHING`."""
        sought, spans = self.sought, list(_spans(first, last))
        return (
            *(sought.partner_id, [level for level, _ in spans], [number for _, number in spans], sought.words),
            *(sought.subtenants, sought.agent_id, sought.customer_id, sought.since, sought.until, sought.asked_at),
            *(self.upper or (None, None)),
            *(self.lower or (None, None)),
            *(read, most),
        )


_MATCHING = """
    SELECT call_id, end_time, tie, count(*) OVER () AS found
    FROM (
        SELECT call_id, end_time, hashtextextended(call_id, 0) AS tie FROM transcripts
        -- The partner is named so that no index answers it: that of the primary key would be taken.
        WHERE partner_id IS NOT DISTINCT FROM $1 AND transcript_words(body) @@ $4::text::tsquery
            AND search_keys && ARRAY(
                SELECT span_key($1, level, number) FROM unnest($2::integer[], $3::integer[]) AS s (level, number))
            AND search_keys && CASE WHEN $5::bigint[] IS NULL THEN ARRAY[span_key($1, 3, 0)]
                ELSE ARRAY(SELECT name_key('subtenant', number::text) FROM unnest($5) AS number) END
            AND search_keys @> array_remove(
                ARRAY[span_key($1, 3, 0), name_key('agent', $6), name_key('customer', $7)], NULL)
            AND end_time >= coalesce($8::timestamptz, '-infinity') AND end_time < coalesce($9::timestamptz, 'infinity')
            AND made_at <= $10
            AND (end_time, hashtextextended(call_id, 0)) < (coalesce($11::timestamptz, 'infinity'), $12::bigint)
            AND (end_time, hashtextextended(call_id, 0)) >= (coalesce($13::timestamptz, '-infinity'), $14::bigint)
        LIMIT $15
    ) AS looked_at
    ORDER BY end_time DESC, tie DESC LIMIT $16
"""


def _day(at: datetime | None, otherwise: int) -> int:
    """The day of a time, as `search_day` in the migration has it."""
    return otherwise if at is None else max(0, min(_LAST_DAY, (at.astimezone(UTC).date() - _EPOCH).days))


def _spans(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The fewest spans that make up some days, as level and number."""
    while first <= last:
        level = next(k for k in _LEVELS if first % (1 << 5 * k) == 0 and first + (1 << 5 * k) - 1 <= last)
        yield level, first >> 5 * level
        first += 1 << 5 * level
