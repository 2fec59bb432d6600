"""Times as a spreadsheet has them, put into UTC."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from callwright.push.rows import Cell

_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,12})?)?( ?Z|[+-]\d\d(:?\d\d)?)?")
_LENGTH = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d\d)")
_SECONDS = re.compile(r"\d{1,7}(?:\.\d{1,6})?")
_ZEROS = {year: datetime(year, month, day) for year, month, day in ((1899, 12, 30), (1904, 1, 1))}  # noqa: DTZ001
"""The moments that spreadsheets count from: a length of time is shown as a time behind one of them."""


def in_utc(cell: Cell, zone: ZoneInfo | None, form: str | None) -> Cell:
    """A time as the API takes it; what cannot be told for certain stays as it is, for the check to refuse.

    Args:
        cell: A time of a spreadsheet, or a text in ISO 8601 or in `form`.
        zone: Of times that name none.
        form: As for `datetime.strptime`; without it texts are read as ISO 8601.
    """
    moment = _moment(cell, form)
    if moment is not None and moment.tzinfo is None:
        moment = _placed(moment, zone)
    return cell if moment is None else written(moment)


def written(moment: datetime) -> str:
    """A moment as the API takes it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def seconds_of(cell: Cell) -> float | None:
    """A length of time in seconds: a number of them, `12:30`, `1:02:03`, or what a spreadsheet shows so."""
    if isinstance(cell, datetime):
        zero = _ZEROS.get(1904 if cell.year == 1904 else 1899)
        return (cell - zero).total_seconds() if zero and cell.year in (1899, 1900, 1904) else None
    if isinstance(cell, str):
        text = cell.strip()
        if found := _LENGTH.fullmatch(text):
            hours, minutes, seconds = (int(part or 0) for part in found.groups())
            return hours * 3600 + minutes * 60 + seconds
        return float(text) if _SECONDS.fullmatch(text) else None
    return float(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) and 0 <= cell < 10**7 else None


def end_of(start: object, length: Cell) -> str | None:
    """The end of a call by its start, as `in_utc` gives it, and its length; None where one of them cannot be read."""
    seconds = seconds_of(length)
    try:
        begun = datetime.fromisoformat(str(start))
        return None if seconds is None or begun.tzinfo is None else written(begun + timedelta(seconds=seconds))
    except (ValueError, OverflowError):
        return None


def _moment(cell: Cell, form: str | None) -> datetime | None:
    if isinstance(cell, datetime):
        return cell
    if not isinstance(cell, str):
        return None
    text = cell.strip()
    try:
        if form is not None:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the form may name a zone
        return datetime.fromisoformat(text.replace(" Z", "Z")) if _ISO.fullmatch(text) else None
    except ValueError:
        return None


def _placed(moment: datetime, zone: ZoneInfo | None) -> datetime | None:
    """A time in its zone; None where the clocks were changed so that it came twice or never."""
    if zone is None:
        return None
    try:
        first, second = (moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except OverflowError:
        return None
    return first if first == second else None
