"""What docs/scaling.md reckons follows from what the benches measured, as bench/RESULTS.md has it."""

import math
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scaling.md").read_text("utf-8")
RESULTS = (ROOT / "bench" / "RESULTS.md").read_text("utf-8")
BUSY = 0.6
"""How much of a core is used where bursts are to find room."""
RECORDING_BYTES = 60 * 8000
PRICES = {"core-hour": 0.04, "GPU-hour": 0.80, "GB of disk and month": 0.10, "GB of object store and month": 0.023}
GPU_FACTOR = 100
"""Hours of sound that a GPU is assumed to put into words in an hour."""


def measured(pattern: str) -> float:
    """A figure of the page of results."""
    found = re.search(pattern, RESULTS)
    assert found, pattern
    return float(found[1].replace(",", ""))


def costs() -> dict[str, float]:
    """What a call of a minute takes: milliseconds of a core, bytes on the database's disk."""
    processor = r"processor time of a call: PostgreSQL ([\d.]+) ms"
    return {
        "taken in, API": 1000 / measured(r"batches of 50 new calls over HTTP +\| ([\d,]+) calls/s"),
        "taken in, PostgreSQL": 2000 / measured(r"batches of 50 new calls over HTTP +\|[^|]+\| ([\d,]+) calls/s"),
        "processed, PostgreSQL": measured(processor),
        "processed, worker": measured(processor.replace("([\\d.]+)", "[\\d.]+") + r", the worker ([\d.]+) ms"),
        "processed, decoding": measured(r"processor time of a call: .*decoding ([\d.]+) ms"),
        "words by pocketsphinx": 60_000
        * 24
        / measured(r"one process of pocketsphinx transcribes \| (\d+) hours a day"),
        "rows and indexes": 1000 * measured(r"database of a million calls +\| ([\d.]+) GB"),
    }


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    part = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def number(value: float) -> str:
    """As the page writes it: two digits, or whole from 10 on."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def needed(rate: float) -> list[str]:
    """What so many calls in a second need, in the columns of the page."""
    each = costs()

    def cores(*names: str) -> str:
        return f"{math.ceil(rate * sum(each[name] for name in names) / 1000 / BUSY):,}"

    return [
        f"{rate:,.0f}",
        number(rate * 86_400 / 1e6),
        cores("taken in, API"),
        cores("taken in, PostgreSQL", "processed, PostgreSQL"),
        cores("processed, worker", "processed, decoding"),
        cores("words by pocketsphinx"),
        f"{math.ceil(rate * 60 / GPU_FACTOR / BUSY):,}",
        number(3 * rate * RECORDING_BYTES * 8 / 1e9),
        number(rate * 86_400 * each["rows and indexes"] / 1e9),
        number(rate * 86_400 * RECORDING_BYTES / 1e12),
    ]


def money() -> dict[str, float]:
    """What a million calls cost, by part."""
    each, price = costs(), PRICES
    own = sum(value for name, value in each.items() if name.startswith(("taken", "processed")))
    hours = 1e6 / 1000 / 3600 / BUSY
    return {
        "Callwright's own work": own * hours * price["core-hour"],
        "words by pocketsphinx, draft quality": each["words by pocketsphinx"] * hours * price["core-hour"],
        "words by a GPU, as assumed": 1e6 / 60 / GPU_FACTOR / BUSY * price["GPU-hour"],
        "the database's disk, for a month": each["rows and indexes"] / 1000 * price["GB of disk and month"],
        "recordings in an object store, for a month": RECORDING_BYTES / 1000 * price["GB of object store and month"],
    }


def test_unit_costs_are_those_that_were_measured() -> None:
    shown = {name: value for name, value, *_ in rows("What a call costs")}
    for name, value in costs().items():
        unit = "kB" if name.startswith("rows") else "s" if "words" in name else "ms"
        assert shown[name] == f"{number(value / (1 if unit == 'ms' else 1000))} {unit}", name
    assert shown["recording"] == f"{RECORDING_BYTES / 1e6} MB"


@pytest.mark.parametrize("row", rows("What so many calls need"), ids=lambda row: row[0])
def test_what_is_needed_follows(row: list[str]) -> None:
    assert row == needed(float(row[0].replace(",", "")))


def test_money_follows_from_the_prices_that_are_assumed() -> None:
    shown = {name: value for name, value, *_ in rows("What a million calls cost")}
    assert shown == {name: f"${number(value)}" for name, value in money().items()}
    for name, price in PRICES.items():
        assert f"${price:.3g} for a {name}" in " ".join(PAGE.split()), name
