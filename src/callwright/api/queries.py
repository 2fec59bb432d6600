"""Query strings, checked as bodies are, and the cursors that lead from one page of a list to the next."""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from callwright.analysis import Intent
from callwright.api.faults import faults_of
from callwright.api.rules import Id, Rule, UntilTime, UtcTime
from callwright.errors import ValidationFailed

PAGE = 50
MOST_OF_A_PAGE = 100

Query = TypeVar("Query")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE = re.compile(r"([0-9]{1,18}) ([\w -]{1,60})", re.ASCII)


def cursor_of(at: datetime, identifier: str) -> str:
    """Write down where a page ends: a time, and which of what is of that time, in letters, digits, `_` and `-`."""
    place = f"{(at - _EPOCH) // timedelta(microseconds=1)} {identifier}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place_of(cursor: str) -> tuple[datetime, str]:
    """Where a page ended.

    Raises:
        ValueError: `cursor_of` has not written this.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise ValueError(cursor) from None
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ValueError(cursor)
    try:
        at = _EPOCH + timedelta(microseconds=int(found[1]))
    except OverflowError:
        raise ValueError(cursor) from None
    return at, found[2]


def mark_of(*parts: str) -> str:
    """Write down where a page ends, by any texts without U+0000, in letters, digits, `_` and `-`."""
    return base64.urlsafe_b64encode("\0".join(parts).encode()).decode().rstrip("=")


def parts_of(mark: str) -> list[str]:
    """The texts of `mark_of`.

    Raises:
        ValueError: It has not written this.
    """
    try:
        return base64.b64decode(mark + "=" * (-len(mark) % 4), altchars=b"-_", validate=True).decode().split("\0")
    except (binascii.Error, UnicodeError):
        raise ValueError(mark) from None


def time_of(part: str) -> datetime:
    """The time that a part of a mark tells, in UTC.

    Raises:
        ValueError: It is none, or has no zone, or in UTC lies before or after the years that there are.
    """
    at = datetime.fromisoformat(part)
    if at.tzinfo is None:
        raise ValueError(part)
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError(part) from None


Since = Annotated[UtcTime, Field(description="Then or later: ISO 8601 in UTC, with `Z`")]
Until = Annotated[UntilTime, Field(description="Before: ISO 8601 in UTC, with `Z`")]
Limit = Annotated[
    Annotated[
        str,
        StringConstraints(strict=True, pattern="^(?:[1-9][0-9]?|100)$"),
        Rule(f"must be a number from 1 to {MOST_OF_A_PAGE}"),
    ],
    Field(description=f"The most on a page, {PAGE} unless given"),
]

IntentFilter = Annotated[
    Annotated[
        Intent | Literal["NOT_ASSESSED", "FAILED"],
        Rule("must be one of INTERESTED, NOT_INTERESTED, NEUTRAL, NOT_QUALIFIED, NOT_AVAILABLE, NOT_ASSESSED, FAILED"),
    ],
    Field(
        description="Calls that have ended with this intent; `NOT_ASSESSED`: completed without one; `FAILED`: those "
        "that could not be processed"
    ),
]
Disposition = Annotated[Id, Field(description="Of customers who are in this disposition now")]

CURSOR_RULE = Rule("must be the next_cursor of a page")
CURSOR_FIELD = Field(description="The `next_cursor` of the page before")
CursorText = Annotated[str, StringConstraints(strict=True, max_length=110)]
MarkText = Annotated[str, StringConstraints(strict=True, max_length=3_000)]
"""To be followed by a validator that knows which places there are in this list."""


def read_query(request: Request, adapter: TypeAdapter[Query]) -> Query:
    """Check a query string as a body is; a name that comes twice is at fault, one that nobody knows is not.

    Raises:
        ValidationFailed: It is at fault.
    """
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        given[name] = [given[name], value] if name in given else value
    try:
        return adapter.validate_python(given)
    except ValidationError as error:
        raise ValidationFailed(faults_of(adapter, given, error)) from None


def moment(text: str | None) -> datetime | None:
    """The time that a checked parameter names, where it is there."""
    return None if text is None else datetime.fromisoformat(text)
