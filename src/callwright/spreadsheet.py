"""Answers as CSV that a spreadsheet opens without running anything that is in it."""

import csv
import io
from collections.abc import Iterable, Sequence

from fastapi.responses import Response

RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet take a cell for a formula (OWASP, CSV Injection), in full width too."""


def table(name: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Make the answer: CSV in UTF-8 (RFC 4180), to be saved as a file.

    Args:
        name: The file's name.
        headings: The first row.
        rows: Texts and numbers; None leaves its cell empty.
    """
    written = io.StringIO()
    writer = csv.writer(written)
    for row in (headings, *rows):
        writer.writerow([harmless(cell) for cell in row])
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(written.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def harmless(cell: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would run, as spreadsheets themselves do; numbers stay."""
    if isinstance(cell, str) and cell.lstrip(" ").startswith(RUNS):
        return f"'{cell}"
    return cell
