"""A file of calls, opened to be checked or sent: which columns are what, and its rows by the batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from callwright.push.checking import Checked, checked
from callwright.push.files import open_source
from callwright.push.mapping import Columns, Instructions
from callwright.push.records import Maker


@dataclass(frozen=True, slots=True)
class Job:
    """A file, and how it is to be read.

    Attributes:
        path: The file.
        told: How it is to be read, as far as that was said.
        encoding: Of a .csv file that is not in Unicode.
    """

    path: Path
    told: Instructions
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Calls:
    """An opened file.

    Attributes:
        columns: Which field each of its columns goes into; known in whole when all rows were read.
        sheet: The sheet that is read, of a workbook.
        batches: Its rows, checked, as many at a time as a request may have.
    """

    columns: Columns
    sheet: str | None
    batches: Iterator[list[Checked]]


@contextmanager
def open_calls(job: Job) -> Iterator[Calls]:
    """Open a file from its beginning.

    Raises:
        SetupError: It cannot be read, or it is not clear which column is what; also while its rows are read.
    """
    with open_source(job.path, job.encoding, job.told.layout) as source:
        columns = Columns(job.told, source.headings)
        yield Calls(columns, source.sheet, checked(source.rows, Maker(job.told, columns)))
