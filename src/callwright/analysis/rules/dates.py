"""Days and times as they are spoken, and the day that is meant where it can be told from the day of the call."""

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from callwright.analysis.rules import tables
from callwright.analysis.rules.amounts import amounts

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HINDI_DAYS = ("somvar", "mangalvar", "budhvar", "guruvar", "shukravar", "shanivar", "ravivar")
_WEEKDAYS = {day: number for days in (_DAYS, _HINDI_DAYS) for number, day in enumerate(days)} | {"itvar": 6}
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_TIMES = tables.table("times.toml")
_ORDINALS: dict[str, int] = _TIMES["ordinals"]
_SHAPES = {name: tables.expanded(shape, _TIMES["macros"]) for name, shape in _TIMES["shapes"].items()}
_WHEN = re.compile(
    r"(?<!\w)(?:" + "|".join(f"(?P<{name}_>{pattern})" for name, pattern in _SHAPES.items()) + r")(?!\w)"
)
_JOINS = re.compile(r",? ?(?:and|at|in|the|ko|ka|se|tak|,)* ?,? ?")
_PAST = re.compile(r"\b(?:last|pichhla|ago|since|yesterday)\b")


@dataclass(frozen=True, slots=True)
class When:
    """A time that was named.

    Attributes:
        start: Offset in the normalised text.
        end: Likewise.
        day: The day that is meant; None where it cannot be told.
        exact: Whether it names a day or a time of day, rather than a season or some next month.
    """

    start: int
    end: int
    day: date | None
    exact: bool


def times(plain: str, today: date | None) -> list[When]:
    """The times in a normalised text; neighbouring ones (`tuesday`, `at three`) are one.

    Args:
        plain: The text.
        today: The day of the call, from which the others are counted; None where it is not known.
    """
    found: list[When] = []
    for match in _WHEN.finditer(plain):
        name = (match.lastgroup or "").removesuffix("_")
        if _PAST.search(match[0]):
            continue
        when = When(match.start(), match.end(), _day(name, match, today), not name.startswith("vague"))
        last = found[-1] if found else None
        if (
            last
            and _JOINS.fullmatch(plain, last.end, when.start)
            and not (last.day and when.day and last.day != when.day)
        ):
            found[-1] = When(last.start, when.end, last.day or when.day, last.exact or when.exact)
        else:
            found.append(when)
    return found


def _day(name: str, match: re.Match[str], today: date | None) -> date | None:
    resolve = _RESOLVED.get(name)
    if today is None or resolve is None:
        return None
    try:
        return resolve(match, today)
    except (ValueError, OverflowError):
        return None


def _weekday(match: re.Match[str], today: date) -> date | None:
    coming = today + timedelta((_WEEKDAYS[match["weekday"]] - today.weekday() - 1) % 7 + 1)
    if re.search(r"\b(?:next|agla)\b", match[0]):
        # "Next Friday" is the coming one to some and that of next week to others: told only where both are the same.
        return coming if coming - today > timedelta(6 - today.weekday()) else None
    return coming


def _calendar(day: int, month: int, today: date) -> date:
    this_year = date(today.year, month, day)
    return this_year if this_year >= today else date(today.year + 1, month, day)


def _date(match: re.Match[str], today: date) -> date:
    day = int(match["day"]) if match["day"] else _ordinal(match["ordinal"])
    return _calendar(day, _MONTHS[match["month"]], today)


def _date_us(match: re.Match[str], today: date) -> date:
    day = int(match["day_us"]) if match["day_us"] else _ordinal(match["ordinal_us"])
    return _calendar(day, _MONTHS[match["month_us"]], today)


def _ordinal(words: str) -> int:
    return _ORDINALS[words.replace("-", " ")]


def _coming_day(day: int, today: date) -> date:
    """The next day of that number, in this month or the first later one that has it."""
    year, month = today.year, today.month
    for _ in range(12):
        if day <= calendar.monthrange(year, month)[1] and date(year, month, day) >= today:
            return date(year, month, day)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    raise ValueError(day)


def _day_of_month(match: re.Match[str], today: date) -> date:
    day = int(match["day_bare"]) if match["day_bare"] else _ordinal(match["ordinal_bare"])
    if match["rel_month"] == "next month":
        year, month = (today.year + 1, 1) if today.month == 12 else (today.year, today.month + 1)
        return date(year, month, day)
    return _coming_day(day, today)


def _tareekh(match: re.Match[str], today: date) -> date | None:
    word = match["day_hi"]
    number = _ORDINALS.get(word) or next((int(a.value) for a in amounts(word)), 0)
    return _coming_day(number, today) if 1 <= number <= 31 else None


def _span(count: str, unit: str, today: date) -> date | None:
    counts = {"a": 1, "an": 1, "ek": 1, "do": 2}
    number = counts.get(count) or next((int(amount.value) for amount in amounts(count)), 0)
    days = {"day": 1, "din": 1, "week": 7, "hafta": 7}.get(unit)
    return today + timedelta(number * days) if number and days else None


_RESOLVED: dict[str, Callable[[re.Match[str], date], date | None]] = {
    "weekday": _weekday,
    "date": _date,
    "date_us": _date_us,
    "tareekh": _tareekh,
    "day_of_month": _day_of_month,
    "th": lambda match, today: _coming_day(int(match["day_th"]), today),
    "overmorrow": lambda _, today: today + timedelta(2),
    "tomorrow": lambda _, today: today + timedelta(1),
    "today": lambda _, today: today,
    "span": lambda match, today: _span(match["count"], match["unit"], today),
    "span_hi": lambda match, today: (
        _span(match["count_hi"], match["unit_hi"], today) if " " not in match["count_hi"] else None
    ),
    "month_end": lambda _, today: today.replace(day=calendar.monthrange(today.year, today.month)[1]),
    "year_end": lambda _, today: date(today.year, 12, 31),
}
