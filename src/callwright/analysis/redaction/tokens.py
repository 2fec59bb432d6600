"""Text cut into words and digits with what stands between them, over one turn or several."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from callwright.analysis.redaction.words import folded

# A mark of ours, decimal digits, or a word; Devanagari vowel signs are no word characters to `re`.
_TOKEN = re.compile(r"\[[a-z]{2,7}\]|\d+|(?:[^\W\d_]|[\u0900-\u0963\u0971-\u097f])+")
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a row of digits.

    Attributes:
        line: Position of its turn.
        start: Offset in the turn's text.
        end: Offset behind it.
        word: As the word tables have it; "" for digits.
        digits: ASCII digits; "" for a word.
        before: What stands between it and the token before it in the same turn, without invisible characters and with
            white space collapsed; a line feed first where a turn begins.
        after: What stands between it and the next token, or the end of the turn, likewise.
    """

    line: int
    start: int
    end: int
    word: str
    digits: str
    before: str
    after: str


@lru_cache(maxsize=1024)
def _digit(character: str) -> str:
    """A digit of any script, raised or circled ones too, as ASCII; other characters as they are."""
    value = unicodedata.digit(character, None)
    return character if value is None else str(value)


def tokens(text: str, line: int = 0) -> list[Token]:
    """The tokens of one turn, in order."""
    plain = text if text.isascii() else "".join(map(_digit, text))
    found: list[Token] = []
    said = list(_TOKEN.finditer(plain))
    before = "\n" + _gap(plain[: said[0].start()]) if said else ""
    ends = [match.start() for match in said[1:]] + [len(plain)]
    for match, end in zip(said, ends, strict=False):
        word = match.group()
        digits = word if word[0].isdecimal() else ""
        after = _gap(plain[match.end() : end])
        found.append(Token(line, match.start(), match.end(), "" if digits else folded(word), digits, before, after))
        before = after
    return found


def _gap(between: str) -> str:
    return between if between in {"", " "} else _SPACE.sub(" ", _INVISIBLE.sub("", between))


def apart(spans: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Spans (start, end, kind) in order, those that overlap as one of the kind of the first, or of the longest."""
    found: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(spans, key=lambda span: (span[0], -span[1])):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end), found[-1][2])
        else:
            found.append((start, end, kind))
    return found


def replaced(text: str, spans: Iterable[tuple[int, int, str]]) -> str:
    """The text with a mark in the place of each span; the spans are in order and apart."""
    pieces: list[str] = []
    at = 0
    for start, end, kind in spans:
        pieces += (text[at:start], f"[{kind}]")
        at = end
    return "".join(pieces) + text[at:]
