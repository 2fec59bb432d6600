"""What the calls of a subtenant come to over a period, against the period before: the figures of the dashboard."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from callwright import rollups
from callwright.db import Scope
from callwright.db.reads import Reads
from callwright.reports import by_disposition, counts
from callwright.reports.asked import Asked
from callwright.reports.counts import Counts, Row, read_counts

MOST_AGENTS = 1_000
SINGLE_DAYS, SINGLE_WEEKS = 45, 400
"""A trend goes day by day, week by week or in four weeks, depending on how many days there are."""


@dataclass(slots=True)
class Sums:
    """What can be added up, over calls; milliseconds and points. See `rollups.COUNTED`.

    Calls that have an intent are `assessed`; those of interested customers are `interested`.
    """

    calls: int = 0
    engaged: int = 0
    milliseconds: int = 0
    talk_ms: int = 0
    sided_ms: int = 0
    agent_ms: int = 0
    quality_sum: int = 0
    quality_calls: int = 0
    score_sum: int = 0
    score_calls: int = 0
    assessed: int = 0
    interested: int = 0

    def add(self, row: Row) -> None:
        """Add the sums of a row."""
        for name in rollups.SUMS:
            setattr(self, name, getattr(self, name) + row[name])

    @property
    def seconds(self) -> float | None:
        """The mean length of a call."""
        return self.milliseconds / 1000 / self.calls if self.calls else None

    @property
    def talk_seconds(self) -> float | None:
        """The talk of both sides; None where it was found in no call, nor anything else."""
        heard = self.talk_ms or self.assessed or self.quality_calls
        return self.talk_ms / 1000 if heard else None

    @property
    def talk_ratio(self) -> float | None:
        """The agents' share of the talk, where the two sides can be told apart."""
        return self.agent_ms / self.sided_ms if self.sided_ms else None

    @property
    def quality(self) -> float | None:
        """The mean of the quality scores of the calls that have one."""
        return self.quality_sum / self.quality_calls if self.quality_calls else None

    @property
    def score(self) -> float | None:
        """The mean of the intent scores likewise."""
        return self.score_sum / self.score_calls if self.score_calls else None

    @property
    def interest(self) -> float | None:
        """The share of interested customers in the calls that have an intent, 0 to 1."""
        return self.interested / self.assessed if self.assessed else None


@dataclass(slots=True)
class Totals(Sums):
    """A period: its sums, the calls of each label, and how many contacts there were, all together and by label."""

    labels: dict[str, int] = field(default_factory=lambda: dict.fromkeys(rollups.LABELS, 0))
    contacts: int = 0
    label_contacts: dict[str, int] = field(default_factory=dict)
    assessed_contacts: int = 0

    @property
    def completed(self) -> int:
        """Calls that have not failed."""
        return self.calls - self.labels[rollups.FAILED]


@dataclass(frozen=True, slots=True)
class Point:
    """A day of a trend, or the first of a few; the sums of all of them."""

    day: date
    sums: Sums


@dataclass(frozen=True, slots=True)
class Concern:
    """What stood in the way, and in how many calls."""

    name: str
    calls: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A quality parameter: the share of its points that was reached, 0 to 1, over so many calls."""

    name: str
    share: float
    calls: int


@dataclass(frozen=True, slots=True)
class AgentLine:
    """An agent in the leaderboard, now and in the period before."""

    agent_id: str
    name: str | None
    now: Sums
    before: Sums


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the dashboard says of a period.

    Attributes:
        asked: What was asked.
        step: The days that a point of the trends stands for.
        now: The period.
        before: The one before.
        trend: The points that have calls, in order.
        concerns: The most frequent first.
        gaps: The quality parameters, that with the lowest share of points reached first.
        dispositions: How often each was set, by the first day of each step.
        agents: Those who had calls in either period, the most calls first.
    """

    asked: Asked
    step: int
    now: Totals
    before: Totals
    trend: list[Point]
    concerns: list[Concern]
    gaps: list[Gap]
    dispositions: dict[str, dict[date, int]]
    agents: list[AgentLine]


async def read_overview(reads: Reads, scope: Scope, asked: Asked) -> Overview:
    """Read all figures of a period.

    Raises:
        Unavailable: As `Reads.transaction`.
    """
    step = step_of(asked)
    if asked.in_bytes:
        counted = await by_disposition.read_counts(reads, scope, asked, step)
    else:
        async with reads.transaction(scope) as connection:
            counted = await read_counts(connection, scope, asked, step)
    return await asyncio.to_thread(_put_together, asked, step, counted)


def step_of(asked: Asked) -> int:
    """How many days a point of a trend stands for."""
    days = (asked.until - asked.since).days
    return 1 if days <= SINGLE_DAYS else 7 if days <= SINGLE_WEEKS else 28


async def read_agents(reads: Reads, scope: Scope, asked: Asked) -> list[AgentLine]:
    """The agents who had calls in the period or in the one before, at most `MOST_AGENTS`, the most calls first.

    Raises:
        Unavailable: As `Reads.transaction`.
    """
    if asked.in_bytes:
        return _lines((await by_disposition.read_counts(reads, scope, asked, step_of(asked))).agents)
    async with reads.transaction(scope) as connection:
        return _lines(await counts.read_agents(connection, scope, asked))


def _lines(rows: Sequence[Row]) -> list[AgentLine]:
    found: dict[str, AgentLine] = {}
    for row in rows:
        line = found.setdefault(row["agent_id"], AgentLine(row["agent_id"], row["name"], Sums(), Sums()))
        (line.before if row["before"] else line.now).add(row)
    return sorted(found.values(), key=lambda line: (-line.now.calls, -line.before.calls, line.agent_id))[:MOST_AGENTS]


def _put_together(asked: Asked, step: int, counted: Counts) -> Overview:
    days, names = counted.days, counted.names
    current = [row for row in days if row["day"] >= asked.since]
    points: dict[date, Sums] = defaultdict(Sums)
    for row in current:
        points[asked.since + timedelta((row["day"] - asked.since).days // step * step)].add(row)
    gaps = [
        Gap(row["name"], row["reached"] / row["maximum"], row["calls"])
        for row in names
        if row["kind"] == "parameter" and row["maximum"]
    ]
    dispositions: dict[str, dict[date, int]] = defaultdict(dict)
    for row in names:
        if row["kind"] == "disposition":
            dispositions[row["name"]][row["day"]] = row["calls"]
    return Overview(
        asked,
        step,
        _totals(current),
        _totals([row for row in days if row["day"] < asked.since]),
        [Point(day, sums) for day, sums in sorted(points.items())],
        sorted(
            (Concern(row["name"], row["calls"]) for row in names if row["kind"] == "concern"),
            key=lambda each: (-each.calls, each.name),
        ),
        sorted(gaps, key=lambda gap: (gap.share, gap.name)),
        dict(sorted(dispositions.items(), key=lambda item: (-sum(item[1].values()), item[0]))),
        _lines(counted.agents),
    )


def _totals(rows: Sequence[Row]) -> Totals:
    totals = Totals()
    for row in rows:
        totals.add(row)
        totals.labels[row["label"]] += row["calls"]
    if rows:
        _count_contacts(totals, rows)
    return totals


def _count_contacts(totals: Totals, rows: Sequence[Row]) -> None:
    """Count the customers of several days, each once: sorted, equal ones stand together.

    The label takes the place of the lowest bits of the hash, so that one sorting does for all labels.
    """
    hashes = np.frombuffer(b"".join(row["customers"] for row in rows), dtype=np.uint64)
    numbers = np.array([rollups.LABELS.index(row["label"]) for row in rows], dtype=np.uint64)
    found = (hashes & ~_LABEL_BITS) | np.repeat(numbers, [len(row["customers"]) // 8 for row in rows])
    found.sort()
    with_label = found[_first_of_each(found)]
    labels, customers = with_label & _LABEL_BITS, with_label & ~_LABEL_BITS
    totals.contacts = int(np.count_nonzero(_first_of_each(customers)))
    counted = np.bincount(labels.astype(np.int64), minlength=len(rollups.LABELS))
    totals.label_contacts = {label: int(count) for label, count in zip(rollups.LABELS, counted, strict=True) if count}
    assessed = customers[labels < len(rollups.INTENTS)]
    totals.assessed_contacts = int(np.count_nonzero(_first_of_each(assessed)))


_LABEL_BITS = np.uint64(7)
_Numbers = np.ndarray[tuple[int], np.dtype[np.uint64]]


def _first_of_each(ordered: _Numbers) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Where in a sorted array a number stands for the first time."""
    return np.append(ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1])
