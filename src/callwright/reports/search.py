"""Words in transcripts: the turns in which they are said, the best first among the calls that ended last."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from callwright.db import Connection, Scope
from callwright.db.reads import Reads
from callwright.errors import ValidationFailed
from callwright.reports.search_windows import BEFORE_ALL, Edge, Sought, find_window
from callwright.transcription import Speaker

LOOKED_AT = 1_000
"""Calls with the words in them whose turns one page looks at, however few are found."""

_QUOTES = str.maketrans("“”„«»", '"' * 5)
"""What keyboards make of the sign that begins and ends a phrase."""
_MINUSES = re.compile(r"-[\s-]*-")
"""PostgreSQL gives up on more than some thirty."""
_MARKED = re.compile("\x02([^\x03]*)\x03")
"""As `_HITS` marks words."""


@dataclass(frozen=True, slots=True)
class Within:
    """Whose calls are searched: those of some subtenants of a partner; None for all of them."""

    partner_id: int
    subtenants: tuple[int, ...] | None

    @property
    def whose(self) -> Scope | int:
        """What row level security lets through: one subtenant where it is one, else the partner."""
        if self.subtenants is not None and len(self.subtenants) == 1:
            return Scope(self.partner_id, self.subtenants[0])
        return self.partner_id


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which turns; what is None makes no difference.

    Attributes:
        words: Words, `"a phrase"`, `OR`, and `-` before what must not be there.
        since: Of calls that ended then or later.
        until: Of calls that ended before.
    """

    words: str
    since: datetime | None = None
    until: datetime | None = None
    agent_id: str | None = None
    customer_id: str | None = None
    speaker: Speaker | None = None


class Last(NamedTuple):
    """The last hit of a page, by the order in its window."""

    rank: int
    end_time: datetime
    tie: int
    turn: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page has ended.

    Attributes:
        asked_at: When the first page was asked for; transcripts that were made later are on none of its pages.
        upper: The window begins below it; None for the first window.
        lower: The window ends there; None where it was not looked at yet.
        last: The last hit of the window that was shown; None where none was.
    """

    asked_at: datetime
    upper: Edge | None = None
    lower: Edge | None = None
    last: Last | None = None


async def tenant_of(connection: Connection, partner_id: int, tenant_id: str) -> Within:
    """Everything of a tenant: the subtenants that the partner acts for."""
    rows = await connection.fetch(
        "SELECT subtenant_no FROM subtenants WHERE partner_id = $1 AND tenant_id = $2", partner_id, tenant_id
    )
    return Within(partner_id, tuple(row["subtenant_no"] for row in rows))


async def find_turns(
    reads: Reads, within: Within, wanted: Wanted, *, most: int, after: Place | None = None
) -> tuple[list[dict[str, Any]], Place | None]:
    """Find turns in which words are said.

    The calls that have the words in them are looked at in windows, those that ended last first. In a window, turns that
    say more of the words in less come first.

    Args:
        reads: The database or its replica.
        within: Whose calls.
        wanted: Which turns.
        most: How many.
        after: Where the page before has ended: no page shows that turn, or one that a page before has shown, again.

    Returns:
        The page, and where it ends; None where nothing follows. A page is short, or empty, where few turns match of the
        `LOOKED_AT` calls that it has looked at.

    Raises:
        ValidationFailed: There is no word in it to look up.
        Unavailable: The database is away.
    """
    async with reads.transaction(within.whose) as connection:
        query, now = await _understood(connection, wanted.words)
    place, looked_at, page = after or Place(now), 0, list[dict[str, Any]]()
    sought = Sought(
        *(within.partner_id, query.needed, within.subtenants, wanted.since, wanted.until),
        *(wanted.agent_id, wanted.customer_id, place.asked_at),
    )
    while True:
        window = await find_window(reads, sought, place.upper, place.lower)
        wished = most - len(page)
        async with reads.transaction(within.whose) as connection:
            rows = await connection.fetch(
                _HITS,
                *(within.partner_id, query.asked, query.shown, window.call_ids, within.subtenants),
                *(wanted.agent_id, wanted.customer_id, wanted.speaker),
                *(place.last or (None, None, None, None)),
                wished + 1,
            )
        page += [_hit(row) for row in rows[:wished]]
        if len(rows) > wished:
            shown = Last(*(rows[wished - 1][name] for name in ("rank", "end_time", "tie", "turn")))
            return page, Place(place.asked_at, place.upper, window.lower, shown)
        if window.lower == BEFORE_ALL:
            return page, None
        place, looked_at = Place(place.asked_at, window.lower), looked_at + len(window.call_ids)
        if len(page) == most or looked_at >= LOOKED_AT:
            return page, place


@dataclass(frozen=True, slots=True)
class _Query:
    """What words come to, each a tsquery.

    Attributes:
        asked: What a turn must match.
        shown: The part of it that must be there: it is ranked, and marked in the text.
        needed: That, with phrases as single words: what a call must have for one of its turns to match.
    """

    asked: str
    shown: str
    needed: str


async def _understood(connection: Connection, words: str) -> tuple[_Query, datetime]:
    """Read words as a query; and the time, by the database: on a replica that of the last commit that it knows of."""
    row = await connection.fetchrow(
        """
        SELECT asked::text, querytree(asked) AS shown,
            CASE WHEN pg_is_in_recovery() THEN least(now(), pg_last_xact_replay_timestamp()) ELSE now() END
        FROM (SELECT websearch_to_tsquery('spoken', searched_text($1)) AS asked) AS words
        """,
        _MINUSES.sub("-", words.translate(_QUOTES)),
    )
    assert row is not None
    asked, shown, now = row.values()
    if shown in ("", "T"):  # so PostgreSQL says that every text might match
        raise ValidationFailed([{"field": "q", "message": "q must contain a word to search for"}])
    return _Query(asked, shown, re.sub(r"<(?:-|[0-9]+)>", "&", shown)), now


_HITS = """
    SELECT h.call_id, s.tenant_id, s.subtenant_id, h.start_time, h.end_time, h.agent_id, a.name AS agent_name,
        h.customer_id, k.name AS customer_name, h.engine, h.quality, h.turn, h.speaker, h.begins, h.ends,
        normalize(h.text) AS text, h.rank, h.tie,
        ts_headline('spoken', translate(searched_text(h.text), '<>&' || chr(2) || chr(3), '     '), $3::text::tsquery,
            'HighlightAll=true, StartSel=' || chr(2) || ', StopSel=' || chr(3)) AS marked
    FROM (
        SELECT * FROM (
            SELECT c.call_id, c.subtenant_no, c.start_time, c.end_time, c.agent_id, c.customer_id, t.engine, t.quality,
                turn.id AS turn, turn.speaker, turn.start AS begins, turn."end" AS ends, turn.text,
                round(1e6 * ts_rank_cd(said.words, $3::text::tsquery, 1))::integer AS rank,
                hashtextextended(c.call_id, 0) AS tie
            FROM calls c
            JOIN transcripts t ON t.partner_id = c.partner_id AND t.call_id = c.call_id
            CROSS JOIN LATERAL jsonb_to_recordset(t.body -> 'turns')
                AS turn (id integer, speaker text, start float8, "end" float8, text text)
            CROSS JOIN LATERAL (SELECT said_words(turn.text) AS words OFFSET 0) AS said  -- made once of each turn
            WHERE c.partner_id = $1 AND c.call_id = ANY($4::text[])
                AND ($5::bigint[] IS NULL OR c.subtenant_no = ANY($5))
                AND ($6::text IS NULL OR c.agent_id = $6) AND ($7::text IS NULL OR c.customer_id = $7)
                AND ($8::text IS NULL OR turn.speaker = $8) AND said.words @@ $2::text::tsquery
        ) AS found
        WHERE $9::integer IS NULL OR (rank, end_time, tie, -turn) < ($9, $10::timestamptz, $11::bigint, -$12::bigint)
        ORDER BY rank DESC, end_time DESC, tie DESC, turn LIMIT $13
    ) AS h
    JOIN subtenants s ON s.partner_id = $1 AND s.subtenant_no = h.subtenant_no
    LEFT JOIN agents a ON a.partner_id = $1 AND a.subtenant_no = h.subtenant_no AND a.agent_id = h.agent_id
    LEFT JOIN customers k ON k.partner_id = $1 AND k.subtenant_no = h.subtenant_no AND k.customer_id = h.customer_id
    ORDER BY h.rank DESC, h.end_time DESC, h.tie DESC, h.turn
"""
"""The turns of a window's calls that match, the best first, as far as row level security lets them through."""


def _hit(row: asyncpg.Record) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("call_id", "tenant_id")},
        "subtenant_id": row["subtenant_id"],
        **{name: row[name] for name in ("start_time", "end_time", "agent_id", "agent_name")},
        **{name: row[name] for name in ("customer_id", "customer_name")},
        "transcript": {"engine": row["engine"], "quality": row["quality"], "draft": row["quality"] == "draft"},
        "turn": {"id": row["turn"], "speaker": row["speaker"], "start": row["begins"], "end": row["ends"]},
        "text": row["text"],
        "highlights": _highlights(row["marked"]),
        "rank": row["rank"] / 1e6,
    }


def _highlights(marked: str) -> list[dict[str, int]]:
    """Where the marks stand in the text, in characters of the text without them."""
    return [
        {"offset": found.start() - 2 * before, "length": len(found[1])}
        for before, found in enumerate(_MARKED.finditer(marked))
    ]
