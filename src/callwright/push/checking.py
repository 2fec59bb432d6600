"""Checks rows as the API does, by its own rules and in its own words."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydantic import ValidationError

from callwright.api.faults import faults_of
from callwright.api.models import BATCH_CALL, MAX_CALLS
from callwright.push.records import Maker, RowFault
from callwright.push.rows import Row

_OF_A_CALL = re.compile(r"data\[(\d+)\]\.?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row, and where: the heading of the column, or the path in the call."""

    column: str
    message: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A row that was looked at.

    Attributes:
        line: Where it begins in the file.
        call_id: The call's own id; empty where it has none.
        record: The call, where it has no fault.
        faults: Why it is none.
    """

    line: int
    call_id: str
    record: dict[str, Any] | None
    faults: tuple[Fault, ...] = ()


def checked(rows: Iterable[Row], maker: Maker) -> Iterator[list[Checked]]:
    """Rows in their order, as many at a time as a batch may have."""
    left = iter(rows)
    while some := list(islice(left, MAX_CALLS)):
        yield _batch(some, maker)


def _batch(rows: list[Row], maker: Maker) -> list[Checked]:
    made: list[tuple[Row, dict[str, Any]]] = []
    found: dict[int, Checked] = {}
    for row in rows:
        try:
            made.append((row, maker.record_of(row)))
        except RowFault as fault:
            found[row.line] = Checked(row.line, "", None, (Fault(fault.column, fault.message),))
    faults = _faults([record for _, record in made])
    for number, (row, record) in enumerate(made):
        told = tuple(
            Fault(maker.column_of(row, path), message.replace(f"data[{number}]", "call") if not path else message)
            for path, message in faults.get(number, ())
        )
        found[row.line] = Checked(row.line, call_id_of(record), None if told else record, told)
    return [found[row.line] for row in rows]


def _faults(records: list[dict[str, Any]]) -> dict[int, list[tuple[str, str]]]:
    """What the API would say of each of these calls: the paths within it, and the sentences."""
    body = {"data": records}
    found: dict[int, list[tuple[str, str]]] = {}
    if records:
        try:
            BATCH_CALL.validate_python(body)
        except ValidationError as error:
            for fault in faults_of(BATCH_CALL, body, error):
                place = _OF_A_CALL.fullmatch(fault["field"])
                assert place is not None, fault
                found.setdefault(int(place[1]), []).append((place[2], fault["message"]))
    return found


def call_id_of(record: dict[str, Any]) -> str:
    """The id of a call as far as it has one."""
    call = record.get("call")
    name = call.get("id") if isinstance(call, dict) else None
    return name if isinstance(name, str) else ""
