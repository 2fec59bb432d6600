"""What the benches found: one figure a row, the table of them, and how it compares with the committed one."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
REGRESSION = 0.20
"""A ratio that is worse than the committed one by more than this share is marked."""

_HEAD = ("figure", "measured", "against", "ratio", "must be", "verdict")


class BenchFailed(Exception):
    """A bench could not run; the text says why."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table.

    Attributes:
        name: What was measured; the row is found again by it.
        measured: With its unit.
        against: What it is held against, with its unit.
        ratio: The one over the other; None where there is nothing to hold it against.
        bound: What the ratio must reach; None where it is for information.
        at_most: Whether the bound is an upper one.
        note: A sentence on how to read it.
    """

    name: str
    measured: str
    against: str = "-"
    ratio: float | None = None
    bound: float | None = None
    at_most: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the ratio is within its bound."""
        if self.ratio is None or self.bound is None:
            return "-"
        return "ok" if (self.ratio <= self.bound if self.at_most else self.ratio >= self.bound) else "**missed**"

    def cells(self) -> tuple[str, ...]:
        """The row."""
        bound = "-" if self.bound is None else f"{'≤' if self.at_most else '≥'} {self.bound:.2f}"
        ratio = "-" if self.ratio is None else f"{self.ratio:.2f}"
        return (self.name, self.measured, self.against, ratio, bound, self.verdict)

    def worse_than(self, before: float) -> bool:
        """Whether the ratio is worse than a former one by more than `REGRESSION`."""
        if self.ratio is None:
            return False
        return self.ratio > before * (1 + REGRESSION) if self.at_most else self.ratio < before * (1 - REGRESSION)


def not_applicable(name: str, reason: str) -> Figure:
    """A row for what could not be measured here."""
    return Figure(name, "n/a", note=reason)


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table, their notes below it."""
    rows = [_HEAD, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    notes = [f"- {figure.name}: {figure.note}" for figure in figures if figure.note]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def committed() -> dict[str, float]:
    """The ratios of the committed table, by the names of their rows."""
    if not RESULTS.exists():
        return {}
    rows = re.findall(r"^\| (.+?) +\| .+? \| .+? \| ([\d.]+) +\|", RESULTS.read_text("utf-8"), re.MULTILINE)
    return {name: float(ratio) for name, ratio in rows}


def sections() -> dict[str, str]:
    """What the committed page says of each bench, by its name."""
    if not RESULTS.exists():
        return {}
    parts = re.split(r"^## (\w+)\n", RESULTS.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def regressions(figures: Sequence[Figure]) -> list[str]:
    """A line for each figure whose ratio is worse than the committed one by more than `REGRESSION`."""
    before = committed()
    return [
        f"WORSE by more than {REGRESSION:.0%}: {figure.name}: {figure.ratio:.2f}, was {before[figure.name]:.2f}"
        for figure in figures
        if figure.name in before and figure.ratio is not None and figure.worse_than(before[figure.name])
    ]


def machine() -> str:
    """The machine in words: its cores and what they are."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {found[1] if found else 'unknown processor'}, {memory:.0f} GB of memory"


def load() -> str:
    """How busy the machine was before the benches began."""
    return f"load {os.getloadavg()[0]:.1f} at the start"
