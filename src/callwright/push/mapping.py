"""Which column of a file goes into which field of a call: as it is told, or by the column's name."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from callwright.api.rules import HTTP_URL
from callwright.errors import SetupError
from callwright.push.rows import Layout, named_columns

LENGTH = "call.duration"
"""No field of the API: where a file has how long calls took, their end is made of it."""

RECORDING = "call.recording_url"
TIMES = ("call.start_time", "call.end_time")
OWN = ("metadata.", "custom_fields.")
"""What stands before a name of the partner's own."""

ALIASES: dict[str, tuple[str, ...]] = {
    "call.id": ("call_id", "callid", "call_uuid", "uniqueid", "unique_id"),
    "call.recording_url": ("recording_url", "call_recording_url", "recording", "recording_link"),
    "call.start_time": ("start_time", "call_start_time", "call_start", "start", "started_at"),
    "call.end_time": ("end_time", "call_end_time", "call_end", "end", "ended_at"),
    LENGTH: ("duration", "call_duration", "duration_seconds"),
    "call.contact_number": ("contact_number", "phone", "phone_number", "customer_phone", "customer_number"),
    "agent.id": ("agent_id",),
    "agent.name": ("agent_name",),
    "agent.email": ("agent_email",),
    "customer.id": ("customer_id", "contact_id", "lead_id"),
    "customer.name": ("customer_name", "contact_name", "lead_name"),
    "customer.email": ("customer_email", "contact_email", "lead_email"),
    "customer.disposition_status": ("disposition_status", "customer_disposition_status", "disposition"),
    "industry": ("industry",),
    "function": ("function",),
    "callback_url": ("callback_url",),
}
"""Each field, and the headings that stand for it: in small letters, with `_` for whatever is no letter or digit."""

REQUIRED = ("call.id", "call.recording_url", "call.start_time", "call.contact_number", "agent.id", "customer.id")

MOST_HEADINGS = 10_000
"""That are kept in mind, where each row brings its own."""

_PART = re.compile(r"\{([^{}]+)\}")
"""The heading of a column within a text that joins columns."""

_FIELDS = {alias: name for name, aliases in ALIASES.items() for alias in aliases}
_SEE = "See docs/how-to/push-a-spreadsheet.md"


@dataclass(frozen=True, slots=True)
class Instructions:
    """How a file is to be read, as far as it was told.

    Attributes:
        columns: Fields by heading; an empty one leaves the column out.
        values: What a call gets that has no cell for it, by field.
        timezone: Of times that name none.
        time_format: Of times that are not in ISO 8601, as for `datetime.strptime`.
        joined: Texts by field, in which `{HEADING}` stands for a cell.
        only: Patterns by heading, which the whole cell must match in rows that are sent; an empty one asks nothing.
        recordings: The address under which recordings lie that a cell names without one.
        layout: How the lines of a .csv file are written.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str | int | float] = field(default_factory=dict)
    timezone: ZoneInfo | None = None
    time_format: str | None = None
    joined: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, str] = field(default_factory=dict)
    recordings: str | None = None
    layout: Layout | None = None

    def and_then(self, more: "Instructions") -> "Instructions":
        """These, and others that win where both say something."""
        told = {*more.columns.values(), *more.joined} - {""}
        columns = {heading: name for heading, name in self.columns.items() if name not in told}
        joined = {name: text for name, text in self.joined.items() if name not in told}
        return Instructions(
            {**columns, **more.columns},
            {**self.values, **more.values},
            more.timezone or self.timezone,
            more.time_format or self.time_format,
            {**joined, **more.joined},
            {**self.only, **more.only},
            more.recordings or self.recordings,
            more.layout or self.layout,
        )


def parts_of(text: str) -> list[str]:
    """The headings of the columns that a text joins."""
    return _PART.findall(text)


def joined_of(text: str, cells: Mapping[str, str]) -> str:
    """A text that joins columns, with their cells in the place of the headings."""
    return _PART.sub(lambda found: cells[found[1]], text)


def instructions(
    columns: Mapping[str, Any],
    values: Mapping[str, Any],
    timezone: object = None,
    time_format: object = None,
    joined: Mapping[str, Any] | None = None,
    only: Mapping[str, Any] | None = None,
    recordings: object = None,
    layout: Layout | None = None,
) -> Instructions:
    """Instructions that were checked.

    Raises:
        SetupError: A field, a time zone, a text, a pattern or an address is none.
    """
    joined, only = joined or {}, only or {}
    for name in (*columns.values(), *values, *joined):
        if not _is_field(name) and name != "":
            fields = ", ".join((*ALIASES, *(f"{own}NAME" for own in OWN)))
            raise SetupError(f"{name!r} is no field of a call", f"The fields are: {fields}")
    for name, value in values.items():
        if name == LENGTH or not isinstance(value, str | int | float) or isinstance(value, bool):
            raise SetupError(f"{name} cannot have the value {value!r}", "Give a text, or a number")
    if not isinstance(time_format, str | None):
        raise SetupError("time_format must be a text", "Give one as: %d/%m/%Y %H:%M:%S")
    for name, text in joined.items():
        if not isinstance(text, str) or not parts_of(text) or {"{", "}"} & {*_PART.sub("", text)}:
            raise SetupError(f"{name} cannot be joined of {text!r}", "Name columns in braces, as: +{country}{number}")
        if name in columns.values():
            raise SetupError(f"{name} is both a column and joined", "Leave one of them out")
    for heading, pattern in only.items():
        _check_pattern(heading, pattern)
    return Instructions(columns, values, _zone(timezone), time_format, joined, only, _address(recordings), layout)


def read_mapping(path: Path) -> Instructions:
    """Read a mapping file.

    Raises:
        SetupError: It cannot be read, or says what cannot be.
    """
    try:
        with path.open("rb") as opened:
            told = tomllib.load(opened)
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}", "Name a file in TOML") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} is no TOML: {error}", _SEE) from None
    tables = {name: told.pop(name, {}) for name in ("columns", "values", "joined", "only")}
    timezone, time_format = told.pop("timezone", None), told.pop("time_format", None)
    recordings, layout = told.pop("recordings", None), _layout(told.pop("headings", None), told.pop("quotes", None))
    if told:
        raise SetupError(f"{path} has {', '.join(sorted(told))}, which nobody knows", _SEE)
    if not all(isinstance(table, dict) for table in tables.values()):
        raise SetupError(f"{', '.join(tables)} of {path} must be tables", _SEE)
    return instructions(
        tables["columns"],
        tables["values"],
        timezone,
        time_format,
        tables["joined"],
        tables["only"],
        recordings,
        layout,
    )


def _layout(headings: object, quotes: object) -> Layout | None:
    if headings is None and quotes is None:
        return None
    texts = [heading for heading in headings if isinstance(heading, str)] if isinstance(headings, list) else []
    if headings is not None and not (texts and texts == headings == named_columns(texts)):
        raise SetupError("headings must be a list of texts that differ", 'Give them as: ["id", "start", "phone"]')
    if not isinstance(quotes, bool | None):
        raise SetupError("quotes must be true or false", "Say false where cells are never in quotation marks")
    return Layout(tuple(texts) or None, quotes is not False)


def _check_pattern(heading: str, pattern: object) -> None:
    if isinstance(pattern, str):
        try:
            re.compile(pattern)
        except re.error:
            pass
        else:
            return
    raise SetupError(f"{pattern!r} is no pattern for {heading!r}", "Give a regular expression, as: ANSWERED|BUSY")


def _address(recordings: object) -> str | None:
    if recordings is None:
        return None
    if not isinstance(recordings, str) or not re.match(HTTP_URL, recordings) or {"?", "#"} & {*recordings}:
        raise SetupError(
            f"{recordings!r} is no address of a folder", "Give one as: https://recordings.example.com/2026/"
        )
    return recordings.rstrip("/") + "/"


def _zone(name: object) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones
        raise SetupError(f"{str(name)!r} is no time zone", "Give one as Europe/Berlin, or UTC") from None


def _is_field(name: object) -> bool:
    return isinstance(name, str) and (name in ALIASES or any(name.startswith(own) and name != own for own in OWN))


class Columns:
    """Which field each column of a file goes into.

    Args:
        told: What was said of it.
        headings: All of its columns; None where each row names its own.

    Raises:
        SetupError: There is no such column, several for one field, or none for a field that must be there.
    """

    def __init__(self, told: Instructions, headings: list[str] | None) -> None:
        self._told = told
        self._joined = {name: parts_of(text) for name, text in told.joined.items()}
        self._parts = {heading for parts in self._joined.values() for heading in parts}
        self._known: dict[str, str | None] = {}
        self.left_out: dict[str, None] = {}
        if headings is not None:
            self._settle(headings)

    def field_of(self, heading: str) -> str | None:
        """The field of a column; None where it is not sent."""
        if heading in self._known:
            return self._known[heading]
        found = self._told.columns.get(heading)
        if found is None:
            found = self._by_name(heading)
        if len(self._known) < MOST_HEADINGS:
            self._known[heading] = found or None
            if not found and heading not in self._parts:
                self.left_out[heading] = None
        return found or None

    def _by_name(self, heading: str) -> str | None:
        if any(heading.startswith(own) and heading != own for own in OWN):
            return None if heading in self._joined else heading
        name = _FIELDS.get(re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_"))
        return None if name in self._joined or name in self._told.columns.values() else name

    def _settle(self, headings: list[str]) -> None:
        asked = (heading for heading, pattern in self._told.only.items() if pattern)
        missing = [heading for heading in (*self._told.columns, *self._parts, *asked) if heading not in headings]
        if missing:
            raise SetupError(f"There is no column {missing[0]!r}", f"The columns are: {', '.join(headings)}")
        found = {name: ", ".join(parts) for name, parts in self._joined.items()}
        for heading in headings:
            name = self.field_of(heading)
            if name in found:
                raise SetupError(
                    f"The columns {found[name]!r} and {heading!r} both stand for {name}",
                    f"Leave one of them out, as: --map '{heading}='",
                )
            if name:
                found[name] = heading
        lacking = [name for name in REQUIRED if name not in found and name not in self._told.values]
        if not {"call.end_time", LENGTH} & {*found, *self._told.values}:
            lacking.append(f"call.end_time, or {LENGTH}")
        if lacking:
            raise SetupError(
                f"No column stands for {'; for '.join(lacking)}",
                f"Say which does: --map 'COLUMN={lacking[0].split(',')[0]}'. The columns are: {', '.join(headings)}",
            )

    def shown(self) -> list[tuple[str, str]]:
        """The columns that are sent, with their fields."""
        joined = [(", ".join(parts), name) for name, parts in self._joined.items()]
        return [(heading, name) for heading, name in self._known.items() if name] + joined
