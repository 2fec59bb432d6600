"""The report of a push: one row for each call, and for a refused one a row for each fault."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from callwright.errors import SetupError
from callwright.push.checking import Checked
from callwright.push.journal import Outcome
from callwright.spreadsheet import harmless

HEADINGS = ("line", "call_id", "status", "changed", "column", "message", "batch_id")


@contextmanager
def report_to(path: Path) -> Iterator[Callable[[Outcome], None]]:
    """Write a report as CSV in UTF-8, which a spreadsheet opens without running anything in it.

    Raises:
        SetupError: It cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.writer(opened)
            writer.writerow(HEADINGS)

            def add(outcome: Outcome) -> None:
                faults = [(fault.column, fault.message) for fault in outcome.faults] or [("", "")]
                for column, message in faults:
                    cells = (outcome.call_id, outcome.status, "yes" if outcome.changed else "", column, message)
                    writer.writerow([outcome.line, *map(harmless, cells), outcome.batch_id])

            yield add
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror or error}", "Name another file") from None


def refused(row: Checked) -> Outcome:
    """What becomes of a row that is not sent for its faults."""
    return Outcome(row.line, row.call_id, "refused", faults=row.faults)
