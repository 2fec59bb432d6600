"""Files of calls as partners have them, for tests."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

HEADINGS = ("Call ID", "Recording", "Start", "End", "Phone", "Agent ID", "Customer ID")


def a_line(number: int, **changes: str) -> list[str]:
    """The cells of a good call below `HEADINGS`; `phone="x"` changes one."""
    cells = dict(
        zip(
            ("id", "recording", "start", "end", "phone", "agent", "customer"),
            (
                *(f"call-{number}", f"https://recordings.example.com/{number}.mp3"),
                *("2026-01-05T10:00:00Z", "2026-01-05T10:12:30Z", f"+1202555{number % 10_000:04}"),
                *(f"agent-{number % 50}", f"customer-{number}"),
            ),
            strict=True,
        )
    )
    return list({**cells, **changes}.values())


def write_csv(path: Path, lines: Iterable[Sequence[str]], headings: Sequence[str] = HEADINGS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(headings)
        writer.writerows(lines)
    return path


def write_jsonl(path: Path, objects: Iterable[object]) -> Path:
    with path.open("w", encoding="utf-8") as opened:
        opened.writelines(json.dumps(each) + "\n" for each in objects)
    return path


def write_xlsx(path: Path, lines: Iterable[Sequence[Any]], headings: Sequence[str] = HEADINGS, **options: Any) -> Path:
    """A workbook as Excel writes it: with the texts that cells share in a part of their own."""
    book = xlsxwriter.Workbook(
        path, {"strings_to_urls": False, "default_date_format": "yyyy-mm-dd hh:mm:ss", **options}
    )
    sheet = book.add_worksheet("Calls")
    for number, line in enumerate((headings, *lines)):
        sheet.write_row(number, 0, line)
    book.close()
    return path
