"""Reads .csv and .jsonl files as streams, with an end to every line and cell."""

import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Literal, TextIO

from callwright.api.body import MAX_BYTES, parse_json
from callwright.errors import BadRequest, SetupError
from callwright.push.rows import Layout, Row, Source, named_columns

MOST_CHARACTERS = 1_000_000
"""Of a line of a .csv file."""

SEPARATORS = ",;\t|"
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@contextmanager
def open_csv(raw: BinaryIO, name: str, encoding: str | None, layout: Layout) -> Iterator[Source]:
    """Read a table of which the first line has the headings, unless its layout names them.

    What separates the cells is told from the first line. Unicode is told from the file; what is not is never guessed:
    most of the old encodings read the bytes of any other, and what was accepted under a wrong name stays so.

    Args:
        raw: The file, from its beginning; it must stay open.
        name: Its name, for the errors.
        encoding: Of a file that is not in Unicode.
        layout: How its lines are written.

    Raises:
        SetupError: It is in another encoding, or empty; also while its rows are read.
    """
    start = raw.read(4)
    raw.seek(0)
    marked = next((known for mark, known in _MARKS if start.startswith(mark)), None)
    try:
        text = io.TextIOWrapper(raw, encoding=marked or encoding or "utf-8", newline="")
    except LookupError:
        raise SetupError(f"{encoding} is no encoding", "Name one as: --encoding windows-1252") from None
    with text:
        yield _table_of(text, name, layout)


def _table_of(text: TextIO, name: str, layout: Layout) -> Source:
    lines = _Lines(text, name)
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise SetupError(f"{name} is empty", "Its first line must name the columns")
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if layout.quotes else csv.QUOTE_NONE
    separator = max(SEPARATORS, key=lambda each: len(next(csv.reader([first], delimiter=each, quoting=quoting))))
    lines.give_again(first)
    table = csv.reader(lines, delimiter=separator, quoting=quoting, strict=True)
    if layout.headings is not None:
        return Source(list(layout.headings), _table(lines, table, list(layout.headings)))
    try:
        headings = named_columns(next(table))
    except csv.Error as error:
        raise SetupError(f"The headings of {name} cannot be read: {error}", "Is it a .csv file?") from None
    return Source(headings, _table(lines, table, headings))


class _Lines:
    """The lines of a text, counted, each with an end."""

    def __init__(self, text: TextIO, name: str) -> None:
        self.number = 0
        self._text = text
        self._name = name
        self._held: str | None = None

    def give_again(self, line: str) -> None:
        """Take back the line that was given last: it comes next."""
        self._held = line
        self.number -= 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._held is not None:
            line, self._held = self._held, None
            self.number += 1
            return line
        try:
            line = self._text.readline(MOST_CHARACTERS)
        except UnicodeError:
            raise SetupError(
                f"{self._name} is not in UTF-8, from line {self.number + 1} or soon after it",
                "Save it in UTF-8, or name its encoding, as: --encoding windows-1252",
            ) from None
        if not line:
            raise StopIteration
        if len(line) == MOST_CHARACTERS:
            raise SetupError(f"Line {self.number + 1} of {self._name} does not end", "Is it a .csv file?")
        self.number += 1
        return line


def _table(lines: _Lines, table: Iterator[list[str]], headings: list[str]) -> Iterator[Row]:
    while True:
        first = lines.number + 1
        try:
            cells = next(table)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(first, fault=f"cannot be read: {error}")
            continue
        if any(cell.strip() for cell in cells[len(headings) :]):
            yield Row(first, fault=f"has {len(cells)} cells, and there are {len(headings)} columns")
        elif found := {heading: cell for heading, cell in zip(headings, cells, strict=False) if cell.strip()}:
            yield Row(first, dict(found))


def open_jsonl(raw: BinaryIO) -> Source:
    """Read a JSON object a line: a call as the API takes it, or cells by their headings.

    Args:
        raw: The file, from its beginning; it must stay open.
    """
    return Source(None, _objects(raw))


def _objects(raw: BinaryIO) -> Iterator[Row]:
    number = 0
    while line := raw.readline(MAX_BYTES):
        number += 1
        if len(line) == MAX_BYTES:  # the rest of it is not looked at
            while not line.endswith(b"\n") and (line := raw.readline(MAX_BYTES)):
                pass
            yield Row(number, fault="call must be smaller than 5 MB")
            continue
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.strip():
            yield _object(number, line)


def _object(number: int, line: bytes) -> Row:
    try:
        value = parse_json(line)
    except BadRequest as error:
        return Row(number, fault=error.message)
    if not isinstance(value, dict):
        return Row(number, fault="must be an object")
    if isinstance(value.get("call"), dict):
        return Row(number, record=value)
    nested = [name for name, cell in value.items() if isinstance(cell, dict | list)]
    if nested:
        return Row(number, fault=f"{nested[0]} must be a text or a number, where `call` is no object")
    return Row(number, {name: cell for name, cell in value.items() if cell is not None and str(cell).strip()})
