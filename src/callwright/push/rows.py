"""A partner's file as rows: what a reader makes of it, whatever its format."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Broken:
    """A cell that holds no value but an error of the spreadsheet's, as `#REF!`."""

    error: str


Cell = str | int | float | bool | datetime | Broken
"""What a cell holds; an empty one is left out. A time has no zone: it is what the spreadsheet shows."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file.

    Attributes:
        line: Where it begins, as an editor or a spreadsheet counts, from 1.
        cells: By heading.
        record: The whole call, where the file has it as the API takes it.
        fault: Why nothing can be read of it.
    """

    line: int
    cells: dict[str, Cell] = field(default_factory=dict)
    record: dict[str, Any] | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """An opened file.

    Attributes:
        headings: Of its columns; None where each row names its own.
        rows: Those below the headings, read as they are asked for.
        sheet: The name of the sheet that is read, in a workbook.
    """

    headings: list[str] | None
    rows: Iterator[Row]
    sheet: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """How the lines of a .csv file are written, where that is not as of most.

    Attributes:
        headings: Of its columns, where no line of it has them.
        quotes: Whether a cell may stand in quotation marks; without it they are part of the cell.
    """

    headings: tuple[str, ...] | None = None
    quotes: bool = True


def named_columns(cells: list[str]) -> list[str]:
    """Headings that differ from each other, also where the file's own are blank or come twice."""
    found: dict[str, None] = {}
    for number, cell in enumerate(cells, 1):
        heading = wanted = " ".join(cell.split()) or f"column {number}"
        again = 1
        while heading in found:
            again += 1
            heading = f"{wanted} ({again})"
        found[heading] = None
    return list(found)
