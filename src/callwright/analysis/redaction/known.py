"""Where values that must be hidden stand in what is said of a call: whole, or as much of them as was quoted."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby

from callwright.analysis.redaction.tokens import Token, tokens
from callwright.analysis.redaction.words import FILLERS

_ENOUGH = 12
"""What a part of a value must weigh to tell it: four digits (3 each), or three words (4 each); our own choice."""

_Words = tuple[str, ...]


def known_spans(text: str, said: Sequence[Token], known: Iterable[tuple[str, str]]) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each value, and of parts that a quote has cut off, in any order.

    Args:
        text: What is said of the call.
        said: Its tokens.
        known: Values and their kinds.
    """
    parts: dict[_Words, str] = {}
    for value, kind in known:
        yield from _whole(text, value, kind)
        for part in _parts(_words(tokens(value))):
            parts.setdefault(part, kind)
    if parts:
        yield from _quoted(said, parts)


def _whole(text: str, value: str, kind: str) -> Iterator[tuple[int, int, str]]:
    """Where a value stands as a whole, and not within a longer word or number."""
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        if not text[max(at - 1, 0) : at].isalnum() and not text[end : end + 1].isalnum():
            yield at, end, kind
        at = text.find(value, at + 1)


def _words(said: Iterable[Token]) -> _Words:
    return tuple(token.digits or token.word for token in said)


def _parts(words: _Words) -> Iterator[_Words]:
    """The shortest parts that tell a value, from each of its words on and back: a longer one is made of these."""
    weights = [3 * len(word) if word.isdecimal() else 0 if word in FILLERS else 4 for word in words]
    reached = list(accumulate(weights, initial=0))
    for at in range(len(words)):
        end = bisect_left(reached, reached[at] + _ENOUGH)
        if end <= len(words):
            yield words[at:end]
        first = bisect_right(reached, reached[at + 1] - _ENOUGH) - 1
        if first >= 0:
            yield words[first : at + 1]


def _quoted(said: Sequence[Token], parts: dict[_Words, str]) -> Iterator[tuple[int, int, str]]:
    words = _words(said)
    lengths = {len(part) for part in parts}
    kinds: list[str | None] = [None] * len(words)
    for at in range(len(words)):
        for length in lengths:
            kind = parts.get(words[at : at + length])
            if kind:
                kinds[at : at + length] = [kind] * length
    for kind, stretch in groupby(range(len(words)), key=kinds.__getitem__):
        if kind:
            found = list(stretch)
            yield said[found[0]].start, said[found[-1]].end, kind
