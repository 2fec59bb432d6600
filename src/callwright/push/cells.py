"""What the parts of a workbook hold: its texts, its rows, and which numbers are times."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from callwright.push.rows import Broken, Cell
from callwright.push.xml_stream import BadXml, Handler

CELL_CHARACTERS = 32_767
MOST_COLUMNS = 16_384
MOST_ROWS = 1_048_576
"""Of a cell, a row and a sheet: Excel's own limits."""

LATEST_SERIAL = 2_958_465.99999999
"""The last moment of the year 9999, in days."""

_REFERENCE = re.compile(r"([A-Z]{1,3})[0-9]+")
_ESCAPED = re.compile(r"_x((?!d[89a-f])[0-9a-f]{4})_", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]{1,15}")
_TIME_FORMATS = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
"""The built-in number formats that show dates and times (ECMA-376, part 1, section 18.8.30)."""

_NO_PART_OF_A_TIME = re.compile(r'"[^"]*"|\\.|[_*].|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)


class _Text(Handler[str]):
    """Gathers the text of an element from its pieces."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[str] | None = None
        self._length = 0

    def begin(self) -> None:
        """Gather from here."""
        self._pieces, self._length = [], 0

    def text(self, piece: str) -> None:
        """Take a piece."""
        if self._pieces is not None:
            self._length += len(piece)
            if self._length > CELL_CHARACTERS:
                raise BadXml(f"a cell has more than {CELL_CHARACTERS:,} characters")
            self._pieces.append(piece)

    def taken(self) -> str:
        """What was gathered, with the characters that XML cannot hold (ECMA-376, part 1, section 22.9.2.19)."""
        gathered, self._pieces = "".join(self._pieces or ()), None
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), gathered) if "_x" in gathered else gathered


class Texts(Handler[str]):
    """The texts that the cells of a workbook share, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self._gathered = _Text()
        self._text = ""
        self._reading_aid = False

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 - as every handler
        """Take the start of an element."""
        if name == "si":
            self._text = ""
        elif name == "rPh":  # how it is pronounced: no part of it
            self._reading_aid = True
        elif name == "t" and not self._reading_aid:
            self._gathered.begin()

    def end(self, name: str) -> None:
        """Take the end of an element."""
        if name == "t" and not self._reading_aid:
            self._text += self._gathered.taken()
            if len(self._text) > CELL_CHARACTERS:
                raise BadXml(f"a cell has more than {CELL_CHARACTERS:,} characters")
        elif name == "rPh":
            self._reading_aid = False
        elif name == "si":
            self.found.append(self._text)

    def text(self, piece: str) -> None:
        """Take a piece of a text."""
        self._gathered.text(piece)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is needed to read cells.

    Attributes:
        text_of: The shared text by its number; raises IndexError where there is none.
        times: The styles that show a number as a time.
        epoch: The day that is 0.
    """

    text_of: Callable[[int], str]
    times: frozenset[int]
    epoch: datetime


class Sheet(Handler[tuple[int, dict[int, Cell]]]):
    """The rows of a sheet: the number of each, and its cells by column from 1."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self._reading = reading
        self._gathered = _Text()
        self._row = self._column = 0
        self._cells: dict[int, Cell] = {}
        self._kind = "n"
        self._style = 0
        self._value = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take the start of an element."""
        if name == "row":
            self._begin_row(attributes.get("r"))
        elif name == "c":
            self._begin_cell(attributes)
        elif name in ("v", "t"):
            self._gathered.begin()

    def end(self, name: str) -> None:
        """Take the end of an element."""
        if name in ("v", "t"):
            self._value += self._gathered.taken()
        elif name == "c":
            cell = self._cell()
            if not isinstance(cell, str) or cell.strip():
                self._cells[self._column] = cell
        elif name == "row" and self._cells:
            self.found.append((self._row, self._cells))

    def text(self, piece: str) -> None:
        """Take a piece of a text."""
        self._gathered.text(piece)

    def _begin_row(self, number: str | None) -> None:
        row = self._row + 1 if number is None else int(number) if _NUMBER.fullmatch(number) else 0
        if not self._row < row <= MOST_ROWS:
            raise BadXml("its rows are not in their order")
        self._row, self._column, self._cells = row, 0, {}

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        reference = _REFERENCE.fullmatch(attributes.get("r", ""))
        column = self._column + 1
        if reference:
            column = 0
            for letter in reference[1]:
                column = column * 26 + ord(letter) - ord("A") + 1
        if not self._column < column <= MOST_COLUMNS:
            raise BadXml("the cells of a row are not in their order")
        style = attributes.get("s", "0")
        self._style = int(style) if _NUMBER.fullmatch(style) else 0
        self._column, self._kind, self._value = column, attributes.get("t", "n"), ""

    def _cell(self) -> Cell:
        value, kind = self._value, self._kind
        if kind in ("str", "inlineStr", "d") or value == "":
            return value
        if kind == "e":
            return Broken(value)
        if kind == "b":
            return value == "1"
        if kind == "s":
            return self._shared(value)
        return self._number(value)

    def _shared(self, value: str) -> str:
        try:
            return self._reading.text_of(int(value))
        except (ValueError, IndexError):
            raise BadXml("a cell refers to a text that is not there") from None

    def _number(self, value: str) -> Cell:
        try:
            number = int(value) if _NUMBER.fullmatch(value) else float(value)
        except ValueError:
            raise BadXml("a cell holds no number although it says so") from None
        if not math.isfinite(number):
            raise BadXml("a cell holds no number although it says so")
        if self._style in self._reading.times:
            if not 0 <= number <= LATEST_SERIAL:
                return Broken("#####")  # what the spreadsheet shows for it
            return self._reading.epoch + timedelta(milliseconds=round(number * 86_400_000))
        return int(number) if isinstance(number, float) and number.is_integer() else number


def shows_time(number: int, code: str | None) -> bool:
    """Whether a number format shows a date or a time.

    Args:
        number: Its number.
        code: Its own code, as `yyyy-mm-dd hh:mm`; None for a built-in one.
    """
    if code is None:
        return number in _TIME_FORMATS
    return bool(re.search(r"[dmyhs]", _NO_PART_OF_A_TIME.sub("", code.split(";")[0]), re.IGNORECASE))
