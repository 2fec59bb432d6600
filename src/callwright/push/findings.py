"""Looks at every row of a file before anything of it is sent."""

from collections.abc import Callable
from dataclasses import dataclass, field

from callwright.push.checking import Checked
from callwright.push.reading import Job, open_calls

MOST_KEPT = 1000
"""Rows with faults and names of columns that are kept; all of the rows are counted."""

_NOT_UTC = "must be a valid ISO 8601 date string in UTC"
_NO_URL = "must be a URL address"
_NO_PHONE = "must be a valid phone number in E.164 format"


@dataclass
class Findings:
    """What was found in a file.

    Attributes:
        rows: How many it has.
        faulty: How many of them have faults.
        shown: The first of these.
        hints: What would help, each once.
        sheet: The sheet that was read, of a workbook.
        columns: Headings and fields of what is sent.
        left_out: Headings of what is not.
    """

    rows: int = 0
    faulty: int = 0
    shown: list[Checked] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    sheet: str | None = None
    columns: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def told(self) -> dict[str, object]:
        """All of it for scripts."""
        faults = [
            {"line": row.line, "call_id": row.call_id, "column": fault.column, "message": fault.message}
            for row in self.shown
            for fault in row.faults
        ]
        return {
            "rows": self.rows,
            "faulty": self.faulty,
            "faults": faults,
            "columns": dict(self.columns),
            "left_out": self.left_out,
        }


def look_through(job: Job, *, each_batch: Callable[[int], None], each_faulty: Callable[[Checked], None]) -> Findings:
    """Check a whole file.

    Args:
        job: The file.
        each_batch: Is told how many more rows were checked.
        each_faulty: Gets every row with faults, in their order.

    Raises:
        SetupError: As `open_calls`.
    """
    found = Findings()
    messages: set[str] = set()
    with open_calls(job) as calls:
        for batch in calls.batches:
            faulty = [row for row in batch if row.faults]
            found.rows += len(batch)
            found.faulty += len(faulty)
            found.shown += faulty[: MOST_KEPT - len(found.shown)]
            for row in faulty:
                each_faulty(row)
                messages.update(fault.message.partition(" ")[2] for fault in row.faults if len(messages) < MOST_KEPT)
            each_batch(len(batch))
        found.sheet, found.columns = calls.sheet, calls.columns.shown()[:MOST_KEPT]
        found.left_out = list(calls.columns.left_out)[:MOST_KEPT]
    found.hints = _hints(job, messages)
    return found


def _hints(job: Job, messages: set[str]) -> list[str]:
    hints = []
    if _NOT_UTC in messages and job.told.timezone is None:
        hints.append("Times without a zone: say which they are in, as --timezone Europe/Berlin")
    elif _NOT_UTC in messages:
        hints.append(
            f"Times that came twice or never in {job.told.timezone}, as clocks were changed, need an offset, as +02:00"
        )
    if _NOT_UTC in messages and job.told.time_format is None:
        hints.append("Times that are not written as 2026-01-31 14:30:00: say how, as --time-format '%d/%m/%Y %H:%M'")
    if _NO_URL in messages and job.told.recordings is None:
        hints.append(
            "Recordings with a name alone: say where they lie, as --recordings https://recordings.example.com/"
        )
    if _NO_PHONE in messages:
        hints.append("Phone numbers begin with + and the country; a spreadsheet keeps the + where the cell is a text")
    return hints
