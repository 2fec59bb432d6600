"""Runs the benches, prints their table and says what became worse than the committed one: `make bench`."""

import argparse
import datetime as dt
import importlib
import platform
import sys
import time
import traceback

import uvloop
from rich.console import Console
from rich.text import Text

from bench.figures import RESULTS, Figure, load, machine, not_applicable, regressions, sections, table
from bench.house import fsync_milliseconds, postgres_version
from bench.scale import FULL, QUICK, Scale

BENCHES = ("ingest", "pipeline", "workers", "callbacks", "overhead", "memory", "growth", "dashboards", "partitions")
LONG = {"partitions"}
"""Left out of a quick run that names none."""
console = Console(stderr=True)

_OF_THE_PAGE = (
    "Written by `make bench WRITE=1`, which renews the parts whose benches it runs. What the rows mean, and what a "
    "machine carries: [performance](../docs/performance.md)."
)


def run(names: list[str], scale: Scale) -> tuple[dict[str, list[Figure]], bool]:
    """Run benches one after the other; one that could not run has a row that says so.

    Returns:
        The figures of each bench, and whether every one could run.
    """
    figures: dict[str, list[Figure]] = {}
    whole = True
    for name in names:
        started = time.monotonic()
        try:
            figures[name] = uvloop.run(importlib.import_module(f"bench.{name}").measure(scale))
        except Exception as error:  # noqa: BLE001 - the others are run all the same
            whole = False
            traceback.print_exc()
            figures[name] = [not_applicable(name, f"could not run: {type(error).__name__}: {str(error)[:300]}")]
        console.print(Text(f"{name}: {time.monotonic() - started:.0f} s"))
    return figures, whole


def page(figures: dict[str, list[Figure]], about: str) -> str:
    """The page of results, with what these benches found in the place of what they found before."""
    told = sections() | {name: f"{about}\n\n{table(found)}" for name, found in figures.items()}
    parts = [f"## {name}\n\n{told[name]}\n" for name in BENCHES if name in told]
    return "\n".join(["# Results\n", f"{_OF_THE_PAGE}\n", *parts])


def about(scale: Scale, busy: str) -> str:
    """On what, when and how the figures were taken."""
    return (
        f"{'A quick run' if scale.quick else 'A full run'} on {dt.datetime.now(dt.UTC):%Y-%m-%d}: {machine()}; "
        f"fdatasync of a page {fsync_milliseconds():.2f} ms; Python {platform.python_version()}, PostgreSQL "
        f"{postgres_version()}; everything, load generators included, on the one machine; {busy}."
    )


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="BENCH", help=f"one of {', '.join(BENCHES)}; all without any")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that everything works")
    parser.add_argument("--write", action="store_true", help="renew RESULTS.md")
    arguments = parser.parse_args()
    names = arguments.names or [name for name in BENCHES if not (arguments.quick and name in LONG)]
    if not set(names) <= set(BENCHES):
        parser.error(f"the benches are {', '.join(BENCHES)}")
    scale = QUICK if arguments.quick else FULL
    words = about(scale, load())
    found, whole = run(names, scale)
    figures = [figure for of_one in found.values() for figure in of_one]
    sys.stdout.write(f"{words}\n\n{table(figures)}\n\n")
    worse = [f"A quick run is too short to be held against {RESULTS.name}."] if scale.quick else regressions(figures)
    for line in worse:
        sys.stdout.write(f"{line}\n")
    if arguments.write:
        RESULTS.write_text(page(found, words), "utf-8")
    sys.exit(0 if whole else 1)


if __name__ == "__main__":
    main()
