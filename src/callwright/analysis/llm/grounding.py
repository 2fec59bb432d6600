"""Whether the call has what a claim says: the words that it quotes, its figures, and the names in it."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from callwright.analysis.redaction.tokens import Token, tokens
from callwright.analysis.redaction.words import NUMBERS, TENS

_QUOTED_SHARE = 0.8
"""Of the words of a quote so many must be in the turn: models drop a filler or mend a slip. Our own choice."""

_SMALL = 10  # a figure below may be a way of speaking ("1st", "2 of them"), and is not held against the call

_TIMES = {
    **dict.fromkeys(("hundred", "सौ", "sau"), 100),
    **dict.fromkeys(("thousand", "k", "हजार", "hazaar", "hazar", "hajar"), 1_000),
    **dict.fromkeys(("lakh", "lakhs", "lac", "lacs", "लाख"), 100_000),
    **dict.fromkeys(("million", "millions", "m", "mn"), 1_000_000),
    **dict.fromkeys(("crore", "crores", "cr", "करोड", "karod"), 10_000_000),
    **dict.fromkeys(("billion", "billions", "bn"), 1_000_000_000),
}

_NAME = re.compile(r"(?<![.!?:;\"'(\[]\s)(?<=[\w,;)] )([A-Z][A-Za-z]{2,})")
# Words that stand with a capital without being a name.
_NO_NAMES = frozenset(("agent", "customer", "caller", "english", "hindi", "hinglish"))


def is_quoted(quote: str, text: str, *, least: int = 2) -> bool:
    """Whether the words of a quote stand in a text; it has at least so many, unless the text has fewer."""
    quoted = [token.word or token.digits for token in tokens(quote)]
    said = [token.word or token.digits for token in tokens(text)]
    if len(quoted) < min(least, len(said)) or not quoted:
        return False
    return (Counter(quoted) & Counter(said)).total() >= _QUOTED_SHARE * len(quoted)


def has_figures(claim: str, texts: Iterable[str]) -> bool:
    """Whether each figure of a claim is in one of the texts, in digits or in words, in English or Hindi."""
    wanted = [found for found in _figures(claim, words=False) if max(found) >= _SMALL]
    said: set[float] = set()
    if wanted:
        said.update(value for text in texts for found in _figures(text) for value in found)
    return all(found & said for found in wanted)


def has_names(claim: str, texts: Sequence[str]) -> bool:
    """Whether each name in a claim was said; of a call in another script than Latin nobody can say so."""
    names = {name.casefold() for name in _NAME.findall(claim)} - _NO_NAMES
    if not names or any("\u0900" <= character <= "\u0dff" for text in texts for character in text):
        return True
    said = " ".join(texts).casefold()
    return all(name in said or name.rstrip("s") in said for name in names)


def _figures(text: str, *, words: bool = True) -> list[set[float]]:
    """The figures of a text, each with the ways to read it: "25 thousand" is 25 and 25000."""
    said = tokens(text)
    found: list[set[float]] = []
    at, before, ended = 0, 0.0, -1
    while at < len(said):
        value, behind = _number(said, at, words=words)
        if value is None:
            at += 1
            continue
        readings, total = {value}, value
        if at == ended and 10 <= before < 100 and 10 <= value < 100:
            readings.add(100 * before + value)  # "twenty twenty six"
        before, ended = value, behind
        while behind < len(said) and said[behind].word in _TIMES:
            total *= _TIMES[said[behind].word]
            readings.add(total)
            behind += 1
        if found and at and said[at - 1].word in _TIMES and total < max(found[-1]):
            found[-1].add(max(found[-1]) + total)  # "two lakh" and "fifty thousand"
        found.append(readings)
        at = behind
    return found


def _number(said: Sequence[Token], at: int, *, words: bool) -> tuple[float | None, int]:
    """The number that begins at a token, without its multipliers, and the index behind it."""
    token = said[at]
    if token.digits:
        digits, behind = token.digits, at + 1
        while behind < len(said) and said[behind].digits and said[behind].before == "," and len(digits) < 15:
            digits, behind = digits + said[behind].digits, behind + 1
        if behind < len(said) and said[behind].digits and said[behind].before == "." and len(digits) < 15:
            return float(f"{digits}.{said[behind].digits[:6]}"), behind + 1
        return float(digits[:18]), behind
    if words and token.word in NUMBERS:
        value, behind = float(NUMBERS[token.word]), at + 1
        if token.word in TENS and behind < len(said) and len(NUMBERS.get(said[behind].word, "00")) == 1:
            return value + float(NUMBERS[said[behind].word]), behind + 1
        return value, behind
    return None, at
