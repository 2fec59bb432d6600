"""Numbers as they are spoken: "2.5k", "twenty five thousand", "dedh lakh", and whether they are money."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from callwright.analysis.rules import tables

_VALUES: dict[str, float] = tables.WORDS["numbers"]
_SCALES: dict[str, float] = tables.WORDS["scales"]
_FRACTIONS: dict[str, float] = tables.WORDS["fractions"]
_OFFSETS: dict[str, float] = tables.WORDS["offsets"]

_TOKEN = re.compile(r"[₹$€£]|\d[\d,]*(?:\.\d+)?|[a-z]+")
_GAP = re.compile(r"[\s-]*")
_CURRENCY_BEFORE = tables.pattern("amounts", "currency_before")
_CURRENCY_AFTER = tables.pattern("amounts", "currency_after")
_PER = tables.pattern("amounts", "per")

_MOST_DIGITS = 12  # digits of one number that are read; what is longer is no amount


@dataclass(frozen=True, slots=True)
class Amount:
    """A number and where it was said.

    Attributes:
        value: The number.
        start: Offset in the normalised text.
        end: Likewise.
        money: Whether a currency stands beside it.
        per: What it is for: `month`, `user`; None where nothing was said.
        bare: Whether it is a small number word with neither scale nor currency (`one`, `do`), which may be no number.
    """

    value: float
    start: int
    end: int
    money: bool
    per: str | None
    bare: bool


@dataclass(frozen=True, slots=True)
class _Token:
    word: str
    start: int
    end: int


def amounts(plain: str) -> Iterator[Amount]:
    """Every number of a normalised text, from left to right."""
    tokens = [_Token(match[0], match.start(), match.end()) for match in _TOKEN.finditer(plain)]
    at = 0
    while at < len(tokens):
        used, value, scaled = _number(tokens, at, plain)
        if not used:
            at += 1
            continue
        start, end = tokens[at].start, tokens[at + used - 1].end
        before, after = plain[max(0, start - 8) : start], plain[end : end + 24]
        per = _PER.match(after)
        yield Amount(
            value=value,
            start=start,
            end=end,
            money=bool(_CURRENCY_BEFORE.search(before) or _CURRENCY_AFTER.match(after)),
            per=(per[1] or {"mahina": "month", "saal": "year"}[per[2]]) if per else None,
            bare=used == 1 and not scaled and not tokens[at].word[0].isdigit(),
        )
        at += used


def _number(tokens: list[_Token], at: int, plain: str) -> tuple[int, float, bool]:
    """The longest number that starts at a token: how many tokens, its value, and whether a scale was named."""
    total = current = 0.0
    offset, used, seen, scaled = 0.0, 0, False, False
    for index in range(at, min(len(tokens), at + 14)):
        word = tokens[index].word
        if index > at and _GAP.fullmatch(plain, tokens[index - 1].end, tokens[index].start) is None:
            break
        value = _value(word)
        if word in _OFFSETS and not seen:
            offset = _OFFSETS[word]
        elif word in _FRACTIONS and not seen:
            current, seen, used = _FRACTIONS[word], True, index - at + 1
        elif value is not None:
            if seen and not _continues(current, value):
                break
            current = (
                current * 100 + value
                if seen and 0 < current < 100 and value >= 10 and current % 100
                else current + value
            )
            seen, used = True, index - at + 1
        elif word in _SCALES and (seen or (index > at and tokens[index - 1].word in ("a", "half"))):
            current = (current or 1.0) + offset
            offset, scaled = 0.0, True
            scale = _SCALES[word]
            if scale > 100:
                total, current = total + current * scale, 0.0
            else:
                current *= scale
            seen, used = True, index - at + 1
        elif not (word == "and" and seen) and not (word == "a" and not seen and index + 1 < len(tokens)):
            break
    return (used, total + current + offset, scaled) if seen else (0, 0.0, False)


def _value(word: str) -> float | None:
    if word[0].isdigit():
        digits = word.replace(",", "")
        return float(digits) if len(digits) <= _MOST_DIGITS else None
    return _VALUES.get(word)


def _continues(current: float, value: float) -> bool:
    """Whether a second number word goes on with the first: `twenty five`, `nine fifty`, `two hundred ten`."""
    if current >= 100:
        return value < 100 and current % 100 == 0
    if current in (20, 30, 40, 50, 60, 70, 80, 90):
        return value < 10
    return 0 < current < 20 and 10 <= value < 100 and current == int(current)
