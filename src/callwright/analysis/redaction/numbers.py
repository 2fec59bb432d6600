"""Numbers as they are written or read out: groups of digits, what joins them, and what is an amount, date or time."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from callwright.analysis.redaction.tokens import Token
from callwright.analysis.redaction.words import (
    BESIDE_DIGITS,
    CURRENCIES,
    FILLERS,
    HINDI_IN_LATIN,
    MONTHS,
    MULTIPLIERS,
    NUMBERS,
    REPEATS,
    TENS,
    UNITS,
)

Join = Literal["", "tight", "loose"]

_TIGHT = re.compile(r"(?!\. )[\s\-\u2010-\u2015\u2212._/()\[\]*~\u00b7\u2022'#]{0,4}")
_LOOSE = re.compile(r"[\s\-\u2010-\u2015\u2212._/()\[\]*~\u00b7\u2022'#,;:|!?+\"\u0964\u2026]{0,8}")
_LONGEST_NUMBER = 19  # digits, of a card
_MOST_FILLERS = 3  # between two groups, and again for each turn that begins there
_AMOUNT_DIGITS = 12  # an amount with commas has no more
_DECIMAL_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Group:
    """Digits said or written without a pause.

    Attributes:
        first: Index of its first token.
        last: Index of its last token.
        digits: As ASCII.
        single: Read out one by one.
        spoken: In words.
        quantity: An amount, a date, a time, a share or a number of things.
        dated: A whole date or time of day.
        join: How it follows the group before; "" where it does not go on with it.
    """

    first: int
    last: int
    digits: str
    single: bool = False
    spoken: bool = False
    quantity: bool = False
    dated: bool = False
    join: Join = ""


def groups(said: Sequence[Token]) -> list[Group]:
    """The groups of digits of some turns, in order."""
    found: list[Group] = []
    at = 0
    while at < len(said):
        group = _group(said, at)
        if group is None:
            at += 1
            continue
        found.append(replace(group, join=_join(said, found[-1], group) if found else ""))
        at = group.last + 1
    for index, group in enumerate(found):
        if not group.quantity and _counts(said, found, index):
            found[index] = replace(group, quantity=True)
    return found


def _group(said: Sequence[Token], at: int) -> Group | None:
    token = said[at]
    if token.digits:
        return _dated(said, at) or _amount(said, at) or Group(at, at, token.digits, single=len(token.digits) == 1)
    if token.word in REPEATS and at + 1 < len(said):
        digit = said[at + 1].digits or _digit_word(said, at + 1)
        return Group(at, at + 1, digit * REPEATS[token.word], single=True, spoken=True) if len(digit) == 1 else None
    if token.word in TENS and at + 1 < len(said) and said[at + 1].before in {" ", "-"}:
        unit = NUMBERS.get(said[at + 1].word, "")
        if len(unit) == 1 and unit != "0":
            return Group(at, at + 1, NUMBERS[token.word][0] + unit, spoken=True)
    digits = _digit_word(said, at)
    return Group(at, at, digits, single=len(digits) == 1, spoken=True) if digits else None


def _digit_word(said: Sequence[Token], at: int) -> str:
    """The digits that a word means, "" where it means none; what may be another word needs digits beside it."""
    word = said[at].word
    if word not in BESIDE_DIGITS:
        return NUMBERS.get(word, "")
    if BESIDE_DIGITS[word] == "0":  # "nine oh one", and not "oh, nine" or "nine o'clock"
        clock = at + 1 < len(said) and said[at + 1].word == "clock"
        beside = at > 0 and not clock and (said[at - 1].digits or said[at - 1].word in NUMBERS)
    else:
        beside = _next_to_hindi(said, at, -1) or _next_to_hindi(said, at, 1)
    return BESIDE_DIGITS[word] if beside else ""


def _next_to_hindi(said: Sequence[Token], at: int, step: int) -> bool:
    """Whether the next word to one side, but for fillers and its own repetition, is a Hindi digit in Latin letters."""
    word = said[at].word
    for distance in range(1, _LONGEST_NUMBER):
        beside = at + step * distance
        if not 0 <= beside < len(said):
            return False
        if said[beside].word != word and said[beside].word not in FILLERS:
            return said[beside].word in HINDI_IN_LATIN
    return False


def _dated(said: Sequence[Token], at: int) -> Group | None:
    """A date or a time of day in digits that begins here and goes on with no further part."""
    parts = [said[at].digits]
    last, mark = at, said[at].after
    if mark not in {"-", "/", ".", ":"} or _goes_on(said, at, mark):
        return None
    while last + 1 < len(said) and said[last + 1].digits and said[last + 1].before == mark and len(parts) < 4:
        last += 1
        parts.append(said[last].digits)
    real = _is_time(parts) if mark == ":" else _is_date(parts)
    return Group(at, last, "".join(parts), quantity=True, dated=True) if real else None


def _goes_on(said: Sequence[Token], at: int, mark: str) -> bool:
    """Whether digits with the same mark stand before, so that nothing of its own begins here."""
    return at > 0 and said[at].before == mark and bool(said[at - 1].digits)


def _is_time(parts: Sequence[str]) -> bool:
    minutes = all(len(part) == 2 and int(part) < 60 for part in parts[1:])
    return len(parts) in {2, 3} and len(parts[0]) <= 2 and int(parts[0]) < 25 and minutes


def _is_date(parts: Sequence[str]) -> bool:
    if len(parts) != 3:
        return False
    year, *day_month = parts if len(parts[0]) == 4 else (parts[2], *parts[:2])
    if len(year) not in {2, 4} or any(len(part) > 2 for part in day_month):
        return False
    low, high = sorted(map(int, day_month))
    return 1 <= low <= 12 and high <= 31 and (len(year) == 2 or 1900 <= int(year) < 2100)


def _amount(said: Sequence[Token], at: int) -> Group | None:
    """A number with commas between thousands or lakhs, or with one decimal point."""
    parts, last = [said[at].digits], at
    mark = said[at].after
    if mark not in {",", "."} or _goes_on(said, at, mark):
        return None
    while last + 1 < len(said) and said[last + 1].digits and said[last + 1].before == mark:
        last += 1
        parts.append(said[last].digits)
        if len(parts) > _AMOUNT_DIGITS:
            return None
    digits = "".join(parts)
    if mark == ",":
        between = {len(part) for part in parts[1:-1]}
        real = len(parts) > 1 and len(parts[0]) <= 3 and len(parts[-1]) == 3 and between in (set(), {2}, {3})
        return Group(at, last, digits, quantity=True) if real and len(digits) <= _AMOUNT_DIGITS else None
    real = len(parts) == 2 and len(parts[1]) <= 2 and len(digits) <= _DECIMAL_DIGITS
    return Group(at, last, digits, quantity=True) if real else None


def _join(said: Sequence[Token], before: Group, group: Group) -> Join:
    between = said[before.last + 1 : group.first + 1]
    turns = sum(token.before.startswith("\n") for token in between)
    if len(between) > 1 + _MOST_FILLERS * (1 + turns) or any(token.word not in FILLERS for token in between[:-1]):
        return ""
    if len(between) == 1 and not turns and _TIGHT.fullmatch(between[0].before):
        return "tight"
    return "loose" if all(_LOOSE.fullmatch(token.before) for token in between) else ""


def _counts(said: Sequence[Token], found: Sequence[Group], index: int) -> bool:
    """Whether the words and signs around a group make it an amount, a share, a date or a number of things."""
    group = found[index]
    token, last = said[group.first], said[group.last]
    after = last.after.lstrip()
    if _currency(token.before.rstrip()[-1:]) or _currency(after[:1]) or after.startswith(("%", "/-")):
        return True
    before = said[group.first - 1].word if group.first and token.before in {"", " ", "-", ".", ". "} else ""
    follows = ""
    if group.last + 1 < len(said) and last.after in {"", " ", "-"} and said[group.last + 1].line == last.line:
        follows = said[group.last + 1].word
    if before in CURRENCIES or follows in CURRENCIES or follows in MULTIPLIERS:
        return True
    if before in MULTIPLIERS or (before == "and" and said[group.first - 2].word in MULTIPLIERS):
        goes_on = index + 1 < len(found) and found[index + 1].join == "tight" and found[index + 1].single
        return group.spoken and not goes_on
    if follows in UNITS or follows in MONTHS or before in MONTHS:
        return not _continues(found, index)
    return False


def _continues(found: Sequence[Group], index: int) -> bool:
    """Whether a group is the end of a longer number, so that what follows it counts nothing."""
    if found[index].join != "tight":
        return False
    before = found[index - 1]
    if found[index].single:
        return before.single and before.join == "tight" and found[index - 2].single
    return len(before.digits) >= 4 and not is_year(before.digits)


def _currency(sign: str) -> bool:
    return bool(sign) and unicodedata.category(sign) == "Sc"


def is_year(digits: str) -> bool:
    """Whether it may be a year of our time."""
    return len(digits) == 4 and digits[:2] in {"19", "20"}


def chains(found: Sequence[Group]) -> list[list[Group]]:
    """Groups that may be parts of one number, together."""
    joined: list[list[Group]] = []
    for group in found:
        if group.join and joined:
            joined[-1].append(group)
        else:
            joined.append([group])
    return joined
