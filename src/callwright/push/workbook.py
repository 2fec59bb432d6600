"""Reads the first sheet of an .xlsx file as a stream: one row is in memory at a time, whatever the file is.

Source: ECMA-376, Office Open XML.
"""

import os
import posixpath
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import IO, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from callwright.errors import SetupError
from callwright.push.cells import Reading, Sheet, Texts, shows_time
from callwright.push.rows import Cell, Row, Source, named_columns
from callwright.push.xml_stream import BadXml, Handler, found_in

MOST_OF_THE_CONTENTS = 1024**2
"""Bytes of the archive's table of contents, which is read whole: a workbook has some dozens of parts."""

MOST_OF_A_PART = 4 * 1024**3
MOST_OF_A_SMALL_PART = 16 * 1024**2
"""Bytes, inflated; small are those that say which sheets and styles there are."""

_END = b"PK\x05\x06"
_END_BYTES = 22
_EPOCHS = {False: datetime(1899, 12, 30), True: datetime(1904, 1, 1)}  # noqa: DTZ001 - a cell's time has no zone
_DATE_1904 = ("1", "true")


@contextmanager
def open_workbook(raw: BinaryIO, name: str) -> Iterator[Source]:
    """Read the first visible sheet, of which the first row has the headings.

    Args:
        raw: The file, from its beginning; it must stay open.
        name: Its name, for the errors.

    Raises:
        SetupError: It is no workbook, or a damaged or an endless one; also while its rows are read.
    """
    with ExitStack() as stack:
        try:
            _check_contents(raw)
            archive = stack.enter_context(ZipFile(raw))
            parts = _Parts(archive)
            sheet, path, reading = _described(parts, stack)
            rows = found_in(stack.enter_context(parts.open(path, MOST_OF_A_PART)), Sheet(reading))
            first = next(rows, None)
        except _FAULTS as error:
            raise _refused(name, error) from None
        if first is None:
            raise SetupError(f"Sheet {sheet!r} of {name} is empty", "Its first row must name the columns")
        headings = named_columns([str(first[1].get(number, "")) for number in range(1, max(first[1]) + 1)])
        yield Source(headings, _rows(rows, headings, name), sheet)


_FAULTS = (BadXml, BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeError, ValueError)


def _refused(name: str, error: Exception) -> SetupError:
    return SetupError(
        f"{name} is no workbook that can be read: {error}", "Save it as .xlsx, without a password, or as .csv in UTF-8"
    )


def _rows(found: Iterator[tuple[int, dict[int, Cell]]], headings: list[str], name: str) -> Iterator[Row]:
    try:
        for line, cells in found:
            if max(cells) > len(headings):
                yield Row(line, fault=f"has a cell in column {max(cells)}, and there are {len(headings)} columns")
            else:
                yield Row(line, {headings[number - 1]: cell for number, cell in cells.items()})
    except _FAULTS as error:
        raise _refused(name, error) from None


def _check_contents(raw: BinaryIO) -> None:
    """Refuse an archive whose table of contents alone would fill the memory, before anything reads it."""
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(0, size - _END_BYTES - 65_535))
    tail = raw.read()
    raw.seek(0)
    plain = tail[-_END_BYTES:].startswith(_END) and tail.endswith(b"\0\0")
    at = len(tail) - _END_BYTES if plain else tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_BYTES:
        raise BadZipFile("it is no archive")
    (contents,) = struct.unpack_from("<L", tail, at + 12)
    if contents > MOST_OF_THE_CONTENTS:
        raise BadZipFile("it has too many parts")


class _Parts:
    """The parts of a workbook, each opened with an end."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive

    def open(self, path: str, most: int = MOST_OF_A_SMALL_PART) -> IO[bytes]:
        """Open a part; no more is read of it than it declares."""
        try:
            about = self._archive.getinfo(path)
        except KeyError:
            raise BadZipFile(f"it has no part {path!r}") from None
        if about.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise BadZipFile("it is compressed in another way than workbooks are")
        if about.file_size > most:
            raise BadZipFile(f"its part {path!r} is too large")
        return self._archive.open(about)

    def elements(self, path: str, *names: str) -> list[tuple[str, dict[str, str]]]:
        """The elements of a small part that have one of these names."""
        with self.open(path) as part:
            return list(found_in(part, _Elements(names)))

    def related(self, path: str) -> list[tuple[str, str, str]]:
        """What a part refers to: the id, the kind and the path of each."""
        folder, name = posixpath.split(path)
        return [
            (
                about.get("Id", ""),
                about.get("Type", "").rpartition("/")[2],
                posixpath.normpath(posixpath.join("/", folder, about.get("Target", ""))).lstrip("/"),
            )
            for _, about in self.elements(posixpath.join(folder, "_rels", f"{name}.rels"), "Relationship")
        ]


class _Elements(Handler[tuple[str, dict[str, str]]]):
    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._names = names

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name in self._names:
            self.found.append((name, attributes))


def _described(parts: _Parts, stack: ExitStack) -> tuple[str, str, Reading]:
    """The name and the path of the first visible sheet, and how its cells are read."""
    book = next((path for _, kind, path in parts.related("") if kind == "officeDocument"), "xl/workbook.xml")
    related = parts.related(book)
    sheets, old_epoch = [], False
    for element, about in parts.elements(book, "sheet", "workbookPr"):
        if element == "workbookPr":
            old_epoch = about.get("date1904", "").lower() in _DATE_1904
        elif about.get("state", "visible") == "visible":
            wanted = next((value for name, value in about.items() if name.rpartition(":")[2] == "id"), None)
            paths = [path for number, kind, path in related if number == wanted and kind == "worksheet"]
            sheets += [(about.get("name", ""), path) for path in paths]
    if not sheets:
        raise BadZipFile("it has no sheet")
    by_kind = {kind: path for _, kind, path in related}
    texts = stack.enter_context(_shared_texts())
    if "sharedStrings" in by_kind:
        with parts.open(by_kind["sharedStrings"], MOST_OF_A_PART) as part:
            texts.keep(found_in(part, Texts()))
    times = _time_styles(parts, by_kind["styles"]) if "styles" in by_kind else frozenset()
    return *sheets[0], Reading(texts.text_of, times, _EPOCHS[old_epoch])


def _time_styles(parts: _Parts, path: str) -> frozenset[int]:
    """The cell styles that show times, by their place."""
    with parts.open(path) as part:
        styles = list(found_in(part, _Styles()))
    codes = {number: code for number, code in styles if code is not None}
    return frozenset(
        place
        for place, number in enumerate(number for number, code in styles if code is None)
        if shows_time(number, codes.get(number))
    )


class _Styles(Handler[tuple[int, str | None]]):
    """Number formats with their codes, and the format that each cell style uses."""

    def __init__(self) -> None:
        super().__init__()
        self._among_cells = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "cellXfs":
            self._among_cells = True
        elif name == "numFmt":
            self.found.append((int(attributes["numFmtId"]), attributes.get("formatCode", "")))
        elif name == "xf" and self._among_cells:
            self.found.append((int(attributes.get("numFmtId", "0")), None))

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._among_cells = False


@contextmanager
def _shared_texts() -> Iterator["_SharedTexts"]:
    with tempfile.TemporaryFile() as texts, tempfile.TemporaryFile() as ends:
        yield _SharedTexts(texts, ends)


class _SharedTexts:
    """Texts by their number, on disk: there may be as many as there are cells."""

    def __init__(self, texts: IO[bytes], ends: IO[bytes]) -> None:
        self._texts = texts
        self._ends = ends
        self._count = 0

    def keep(self, texts: Iterator[str]) -> None:
        """Keep texts, once."""
        end = 0
        for text in texts:
            content = text.encode()
            end += len(content)
            self._texts.write(content)
            self._ends.write(struct.pack("<Q", end))
            self._count += 1
        self._texts.flush()
        self._ends.flush()

    def text_of(self, number: int) -> str:
        """One of them.

        Raises:
            IndexError: There is none.
        """
        if not 0 <= number < self._count:
            raise IndexError(number)
        ends = self._ends.fileno()
        begin = struct.unpack("<Q", os.pread(ends, 8, 8 * (number - 1)))[0] if number else 0
        (end,) = struct.unpack("<Q", os.pread(ends, 8, 8 * number))
        return os.pread(self._texts.fileno(), end - begin, begin).decode()
