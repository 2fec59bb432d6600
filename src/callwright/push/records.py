"""Makes the record of a call, as the API takes it, of a row."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

from callwright.push.mapping import LENGTH, OWN, RECORDING, TIMES, Columns, Instructions, joined_of, parts_of
from callwright.push.rows import Broken, Cell, Row
from callwright.push.times import end_of, in_utc

UNSURE = 10.0**15
"""From here on a spreadsheet has rounded a number: it keeps 15 digits."""

MOST_SAID = 60
"""Characters of a cell that a fault repeats."""

_METADATA, _CUSTOM = OWN
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class RowFault(Exception):
    """A row of which no call can be made.

    Args:
        column: Where the fault is.
        message: What is wrong.
    """

    def __init__(self, column: str, message: str) -> None:
        super().__init__(column, message)
        self.column = column
        self.message = message


class Maker:
    """Makes calls of rows.

    Args:
        told: How the file is to be read.
        columns: Which field each column goes into.
    """

    def __init__(self, told: Instructions, columns: Columns) -> None:
        self._told = told
        self._columns = columns
        self._only = {heading: re.compile(pattern) for heading, pattern in told.only.items() if pattern}
        self._joined = {name: (text, parts_of(text)) for name, text in told.joined.items()}

    def record_of(self, row: Row) -> dict[str, Any]:
        """The call of a row; whether it is a good one is for the API's rules to say.

        Raises:
            RowFault: The row is no call at all.
        """
        if row.fault is not None:
            raise RowFault("", row.fault)
        if row.record is not None:
            for name, constant in self._told.values.items():
                _put(row.record, name, constant, over=False)
            return row.record
        self._check_kind(row)
        values: dict[str, Any] = dict(self._told.values)
        for name, (heading, cell) in self._found(row).items():
            if isinstance(cell, Broken):
                raise RowFault(heading, f"the cell has the error {cell.error} in the place of a value")
            values[name] = self._value(name, cell)
        if length := values.pop(LENGTH, None):
            values.setdefault("call.end_time", end_of(values.get("call.start_time"), length))
        record: dict[str, Any] = {"call": {}, "agent": {}, "customer": {}}
        for name, value in values.items():
            _put(record, name, value, over=True)
        return record

    def column_of(self, row: Row, path: str) -> str:
        """Where a fault is: the heading of the column that the field at a path came from, else the path."""
        if row.record is not None:
            return path
        found = self._found(row)
        custom = [name for name in {**self._told.values, **found} if name.startswith(_CUSTOM)]
        for number, name in enumerate(custom):
            if path.startswith(f"custom_fields[{number}]"):
                path = name
        heading, _ = found.get(path) or (path == "call.end_time" and found.get(LENGTH)) or (path, None)
        if heading == path:  # it is empty here
            heading = next((known for known, name in self._columns.shown() if name == path), path)
        return heading

    def _check_kind(self, row: Row) -> None:
        """Refuse a row that is not of the kind that is sent, as a call that nobody answered."""
        for heading, pattern in self._only.items():
            text = str(_text(row.cells.get(heading, "")))
            if not pattern.fullmatch(text):
                kind = repr(text[:MOST_SAID]) if text else "empty"
                raise RowFault(heading, f"is {kind}, and only what matches {pattern.pattern} is sent")

    def _found(self, row: Row) -> dict[str, tuple[str, Cell]]:
        found: dict[str, tuple[str, Cell]] = {}
        for field, (text, parts) in self._joined.items():
            joined = _join(text, parts, row.cells)
            if joined != "":
                found[field] = ", ".join(parts), joined
        for heading, cell in row.cells.items():
            name = self._columns.field_of(heading)
            if name is not None and _text(cell) != "":
                if name in found:
                    raise RowFault(heading, f"stands for {name}, as {found[name][0]} does")
                found[name] = heading, cell
        return found

    def _value(self, name: str, cell: Cell) -> Cell:
        if name in TIMES:
            return in_utc(cell, self._told.timezone, self._told.time_format)
        if name == RECORDING:
            return _address(_text(cell), self._told.recordings)
        if name == LENGTH or (name.startswith(_METADATA) and isinstance(cell, int | float)):
            return _text(cell) if isinstance(cell, bool) else cell
        return _text(cell)


def _text(cell: Cell) -> Cell:
    """What the cell shows; a number that the spreadsheet has rounded stays one, for the check to refuse."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    return cell if isinstance(cell, float) and abs(cell) >= UNSURE else str(cell)


def _join(text: str, parts: list[str], cells: dict[str, Cell]) -> Cell:
    """A text with cells in it; empty where one of them is, and a cell by itself where it can be no part of a text."""
    found: dict[str, str] = {}
    for heading in parts:
        cell = cells.get(heading, "")
        part = cell if isinstance(cell, Broken) else _text(cell)
        if not isinstance(part, str) or part == "":
            return part
        found[heading] = part
    return joined_of(text, found)


def _address(cell: Cell, recordings: str | None) -> Cell:
    """Where a recording is that has a name alone; what could lead elsewhere stays as it is, and is refused."""
    if recordings is None or not isinstance(cell, str) or _SCHEME.match(cell):
        return cell
    parts = cell.lstrip("/").split("/")
    try:
        return cell if {"", ".", ".."} & {*parts} else recordings + quote("/".join(parts))
    except UnicodeEncodeError:  # half of a character that JSON has escaped
        return cell


def _put(record: dict[str, Any], name: str, value: object, *, over: bool) -> None:
    """Put a value into its place in a record."""
    if name.startswith(_CUSTOM):
        fields, own = record.setdefault("custom_fields", []), name.removeprefix(_CUSTOM)
        known = [each.get("internal_name") for each in fields if isinstance(each, dict)] if not over else []
        if isinstance(fields, list) and own not in known:
            fields.append({"internal_name": own, "value": value})
        return
    parent, _, last = name.partition(".")
    node = record.setdefault(parent, {}) if last else record
    if isinstance(node, dict) and (over or node.get(last or parent) is None):
        node[last or parent] = value
