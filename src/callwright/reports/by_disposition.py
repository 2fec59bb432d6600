"""The counts of the calls with those who are in a disposition now: from the days' bytes, a month of them at a time."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import orjson

from callwright import rollups
from callwright.day_calls import CALL, COLUMNS, HASHED_CUSTOMER, NAMED, REACHED
from callwright.db import Scope
from callwright.db.reads import Reads
from callwright.reports.asked import Asked, Statement
from callwright.reports.counts import Counts

DAYS_AT_A_TIME = 31
"""That bounds what is held: 70 bytes for each of the subtenant's calls of so many days."""

_NONE = -1

_Numbers = np.ndarray[Any, np.dtype[Any]]
_Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Found:
    """Calls of a day that are asked for, words by their places in the tally; the last two of the period alone."""

    day: date
    calls: _Numbers
    agents: _Numbers
    named: dict[str, _Numbers]
    reached: _Numbers


class Those:
    """Customers, by the heads of their ids' hashes: eight bytes each."""

    _BUCKETS = 1 << 22

    def __init__(self, hashes: bytes) -> None:
        self._all = np.sort(np.frombuffer(hashes, np.uint64))
        self._likely = np.zeros(self._BUCKETS, np.bool_)
        self._likely[self._bucket(self._all)] = True

    def _bucket(self, customers: _Numbers) -> _Numbers:
        buckets: _Numbers = (customers & np.uint64(self._BUCKETS - 1)).astype(np.int64)
        return buckets

    def hold(self, customers: _Numbers) -> _Numbers:
        """Which of some customers are among them, as places; most others are sorted out by one look."""
        likely = np.flatnonzero(self._likely[self._bucket(customers)])
        if not len(likely):
            return likely
        asked = customers[likely]
        places = np.minimum(np.searchsorted(self._all, asked), len(self._all) - 1)
        found: _Numbers = likely[self._all[places] == asked]
        return found


class Tally:
    """Takes days, sorts out what is asked for, and adds it up.

    Args:
        asked: Which calls.
        those: The customers.
        step: The days that are taken together for dispositions.
    """

    def __init__(self, asked: Asked, those: Those, step: int) -> None:
        self._asked, self._those, self._step = asked, those, step
        self._words: dict[str, int] = {}
        self._read: list[Any] = []
        self._judged = [0]
        self._agent = _NONE - 1  # that of no call, until the one who is asked for is met
        self._found: list[_Found] = []

    def take(self, rows: Sequence[Any]) -> None:
        """Take some days, as rows of `day_calls.COLUMNS`."""
        for row in rows:
            self._take_day(row)

    def _take_day(self, row: Any) -> None:  # noqa: ANN401
        places = np.full(len(row["words"]) + 1, _NONE)  # the last is that of -1
        for word, place in row["words"].items():
            places[place] = self._place(word)
        calls = np.frombuffer(row["calls"], CALL)
        agents = places[calls["agent"]]
        chosen = self._those.hold(calls["customer"].astype(np.uint64))
        if self._asked.agent_id is not None:
            chosen = chosen[agents[chosen] == self._agent]
        if self._asked.intent is not None:
            chosen = chosen[calls["label"][chosen] // 2 == rollups.LABELS.index(self._asked.intent)]
        if not len(chosen):
            return
        names, reached = dict[str, _Numbers](), np.empty(0, np.int64)
        if row["day"] >= self._asked.since:
            named, kept = np.frombuffer(row["named"], NAMED), np.zeros(len(calls), np.bool_)
            kept[chosen] = True
            lengths = np.array(self._judged)[places[named["judged"]]]
            names = {name: places[named[name][chosen]] for name in NAMED.names or ()}
            reached = np.frombuffer(row["reached"], REACHED)[np.repeat(kept, lengths)].astype(np.int64)
        self._found.append(_Found(row["day"], calls[chosen], agents[chosen], names, reached))

    def _place(self, word: str) -> int:
        """The place of a word among those of all days."""
        known = self._words.get(word)
        if known is None:
            known = self._words[word] = len(self._words)
            kind, *told = read = orjson.loads(word)
            self._read.append(read)
            self._judged[known:] = [len(told[0]) if kind == "judged" else 0, 0]  # the last is that of -1
            if kind == "agent" and told[0] == self._asked.agent_id:
                self._agent = known
        return known

    def counts(self, names: dict[str, str | None]) -> Counts:
        """All of it added up.

        Args:
            names: Of the agents, by their ids.
        """
        if not self._found:
            return Counts([], [], [])
        told, calls = self._read, np.concatenate([each.calls for each in self._found])
        counted = _counted(calls)
        named = [*self._concerns(told), *self._gaps(told), *self._told(told)]
        return Counts(self._days(calls, counted), named, self._agents(told, names, counted))

    def agent_ids(self) -> list[str]:
        """The agents of whom a call may be asked for."""
        return [agent_id for kind, agent_id, *_ in self._read if kind == "agent"]

    def _of_each(self, values: Iterable[int]) -> _Numbers:
        """A number for each day as one for each of its calls."""
        return np.repeat(np.fromiter(values, np.int64), [len(each.calls) for each in self._found])

    def _days(self, calls: _Numbers, counted: _Numbers) -> list[_Row]:
        labels = calls["label"] // 2
        groups = self._of_each(range(len(self._found))) * len(rollups.PACKED_LABELS) + labels
        with_call = np.flatnonzero(labels < len(rollups.LABELS))
        customers, groups = calls["customer"][with_call], groups[with_call]
        customers = customers[np.argsort(groups, kind="stable")]
        ends = np.cumsum(np.bincount(groups)).tolist()
        return [
            {
                "day": self._found[group // len(rollups.PACKED_LABELS)].day,
                "label": rollups.PACKED_LABELS[group % len(rollups.PACKED_LABELS)],
                **sums,
                "customers": customers[ends[group] - sums["calls"] : ends[group]].tobytes(),
            }
            for group, sums in _added(groups, counted[:, with_call])
        ]

    def _agents(self, told: list[Any], names: dict[str, str | None], counted: _Numbers) -> list[_Row]:
        before = self._of_each(each.day < self._asked.since for each in self._found)
        agents = np.concatenate([each.agents for each in self._found])
        known = np.flatnonzero(agents != _NONE)
        return [
            {"agent_id": told[group // 2][1], "before": bool(group % 2), **sums, "name": names.get(told[group // 2][1])}
            for group, sums in _added(2 * agents[known] + before[known], counted[:, known])
        ]

    def _named(self, name: str) -> _Numbers:
        return np.concatenate([each.named[name] for each in self._found if each.named] or [np.empty(0, np.int64)])

    def _concerns(self, told: list[Any]) -> list[_Row]:
        found, places = Counter[str](), self._named("concerns")
        for place, calls in enumerate(np.bincount(places[places != _NONE])):
            for name in told[place][1] if calls else ():
                found[name] += int(calls)
        return [_name("concern", name, calls=calls) for name, calls in found.items()]

    def _gaps(self, told: list[Any]) -> list[_Row]:
        judged = self._named("judged")
        lengths = np.array(self._judged)[judged]
        width = max(self._judged) or 1
        nth = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        points = np.concatenate([each.reached for each in self._found])
        keys = np.repeat(judged, lengths) * width + nth
        found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        reached = np.bincount(keys, points)
        for key, calls in enumerate(np.bincount(keys)):
            if calls:
                _, parameters, maxima = told[key // width]
                of = found[parameters[key % width]]
                for number, more in enumerate((calls, reached[key], calls * maxima[key % width])):
                    of[number] += int(more)
        return [
            _name("parameter", name, calls=calls, reached=points, maximum=maximum)
            for name, (calls, points, maximum) in found.items()
        ]

    def _told(self, told: list[Any]) -> list[_Row]:
        steps = [(each.day - self._asked.since).days // self._step for each in self._found if each.named]
        counts = [len(each.calls) for each in self._found if each.named]
        places = self._named("told")
        keys = np.repeat(np.array(steps, np.int64), counts) * len(told) + places
        return [
            _name(
                "disposition",
                told[key % len(told)][1],
                calls=int(calls),
                day=self._asked.since + timedelta(days=int(key) // len(told) * self._step),
            )
            for key, calls in zip(*np.unique(keys[places != _NONE], return_counts=True), strict=True)
        ]


def _name(kind: str, name: str, *, calls: int, reached: int = 0, maximum: int = 0, day: date | None = None) -> _Row:
    return {"kind": kind, "name": name, "day": day, "calls": calls, "reached": reached, "maximum": maximum}


def _counted(calls: _Numbers) -> _Numbers:
    """What each call adds to each of `rollups.SUMS`; in floating point, which is exact up to 2 ** 53."""
    labels, sided = np.divmod(calls["label"], 2)
    milliseconds, talk = calls["milliseconds"], calls["talk_ms"]
    quality, score = calls["quality"], calls["score"]
    return np.stack(
        [
            *(np.ones(len(calls)), milliseconds > rollups.ENGAGED_SECONDS * 1000, milliseconds),
            *(talk, talk * sided, calls["agent_ms"]),
            *(np.maximum(quality, 0), quality >= 0, np.maximum(score, 0), score >= 0),
            *(labels < len(rollups.INTENTS), labels == rollups.LABELS.index("INTERESTED")),
        ],
        dtype=np.float64,
        casting="unsafe",
    )


def _added(groups: _Numbers, counted: _Numbers) -> Iterator[tuple[int, dict[str, int]]]:
    """The sums of each group that has calls."""
    sums = np.stack([np.bincount(groups, each) for each in counted]).astype(np.int64)
    found = np.flatnonzero(sums[0])
    for group, added in zip(found.tolist(), sums[:, found].T.tolist(), strict=True):
        yield group, dict(zip(rollups.SUMS, added, strict=True))


async def read_counts(reads: Reads, scope: Scope, asked: Asked, step: int) -> Counts:
    """Read what `counts.read_counts` gives, of those who are in the disposition.

    Args:
        reads: The database.
        scope: Whose calls.
        asked: Which of them: `Asked.in_bytes`.
        step: The days that are taken together for dispositions.

    Raises:
        Unavailable: As `Reads.transaction`.
    """
    whose = scope.partner_id, scope.subtenant_no
    async with reads.transaction(scope) as connection:
        hashes = await connection.fetchval(
            f"""
            SELECT coalesce(string_agg({HASHED_CUSTOMER}, ''::bytea), '') FROM customers
            WHERE partner_id = $1 AND subtenant_no = $2 AND disposition_status = $3
            """,  # noqa: S608
            *(*whose, asked.disposition),
        )
    tally = Tally(asked, await asyncio.to_thread(Those, hashes), step)
    for since, until in _months(asked):
        statement = Statement(scope, replace(asked, since=since, until=until))
        text = _days(statement, named=since >= asked.since)
        async with reads.transaction(scope) as connection:
            rows = await connection.fetch(text, *statement.arguments)
        await asyncio.to_thread(tally.take, rows)
    async with reads.transaction(scope) as connection:
        names = await connection.fetch(
            """
            SELECT agent_id, name FROM agents
            WHERE partner_id = $1 AND subtenant_no = $2 AND agent_id = ANY($3::text[])
            """,
            *(*whose, tally.agent_ids()),
        )
    return await asyncio.to_thread(tally.counts, {row["agent_id"]: row["name"] for row in names})


def _months(asked: Asked) -> Iterator[tuple[date, date]]:
    """The period before and the period, in parts."""
    for part in (asked.before, asked):
        since = part.since
        while since < part.until:
            until = min(since + timedelta(days=DAYS_AT_A_TIME), part.until)
            yield since, until
            since = until


def _days(statement: Statement, *, named: bool) -> str:
    """The days that are kept, and those that are due in the same form."""
    asked = statement.asked
    columns = COLUMNS if named else "day, words, calls, ''::bytea AS named, ''::bytea AS reached"
    return f"""
        {statement.beginning(asked.since, of_bytes=True)},
        read AS MATERIALIZED ({rollups.read(statement.wanted())}), told AS MATERIALIZED ({rollups.TOLD}),
        {rollups.packed(rollups.told_without_call(statement.of_customers()))}
        SELECT {columns} FROM day_calls d
        WHERE partner_id = $1 AND subtenant_no = $2 AND {statement.kept_days(asked.since)}
        UNION ALL SELECT {columns} FROM packed
    """  # noqa: S608
