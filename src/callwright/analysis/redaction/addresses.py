"""E-mail addresses, written and read out ("ravi dot kumar at the rate gmail dot com")."""

import unicodedata
from collections.abc import Iterator, Sequence

from callwright.analysis.redaction.tokens import Token
from callwright.analysis.redaction.words import ASKED, AT, DOT, ENDINGS, HANDLES, JOINS, NUMBERS, PROVIDERS, STOPS

_LOCAL, _DOMAIN = 64, 253  # characters on each side of the sign (RFC 5321, section 4.5.3.1)
_LOCAL_TOKENS = 24
_NAME_WORDS = 4  # words without anything between them that a name may have, where an address was asked for
_LABEL_WORDS, _LABEL_LETTERS = 3, 15
_ASKED_WITHIN = 12


def written(text: str) -> Iterator[tuple[int, int, str]]:
    """Where addresses with an @ stand, as start, end and kind; without a dot behind it is a handle for payments."""
    at = text.find("@")
    while at >= 0:
        start = end = at
        while start > max(at - _LOCAL, 0) and _part(text[start - 1], "._%+-'"):
            start -= 1
        while end + 1 < min(at + _DOMAIN, len(text)) and _part(text[end + 1], ".-"):
            end += 1
        while end > at and text[end] in ".-":
            end -= 1
        if start < at < end:
            yield start, end + 1, "email" if "." in text[at:end] else "account"
        at = text.find("@", at + 1)


def _part(character: str, others: str) -> bool:
    return character in others or unicodedata.category(character)[0] in "LMN"


def is_asked(said: Sequence[Token]) -> bool:
    """Whether a turn speaks of an e-mail address."""
    return any(token.word in ASKED for token in said)


def read_out(said: Sequence[Token], *, asked: bool) -> Iterator[tuple[int, int, str]]:
    """Where an address is read out in a turn, as the indices of its first and last token, and its kind.

    Args:
        said: The tokens of the turn.
        asked: Whether the turns before spoke of an address.
    """
    at = 0
    while at < len(said):
        width = _at(said, at)
        if width is None:
            at += 1
            continue
        mail = asked or is_asked(said[max(at - _ASKED_WITHIN, 0) : at])
        last = _domain_end(said, at + width, sure=mail or width > 1)
        first = _local_start(said, at - 1, named=mail) if last is not None else None
        if first is not None and last is not None:
            yield first, last, "account" if said[last].word in HANDLES else "email"
            at = last + 1
        else:
            at += 1


def _at(said: Sequence[Token], at: int) -> int | None:
    """How many tokens at a position say "at": 0 where the sign stands before the token."""
    if at and "@" in said[at].before:
        return 0
    for phrase in AT:
        if tuple(token.word for token in said[at : at + len(phrase)]) == phrase:
            return len(phrase)
    return None


def _spelled(token: Token) -> bool:
    return bool(token.digits) or len(token.word) == 1 or token.word in NUMBERS


def _domain_end(said: Sequence[Token], at: int, *, sure: bool) -> int | None:
    """The index of the last token of a domain that begins at a position; None where none does."""
    label = at
    while label < len(said) and label - at < _LABEL_LETTERS:
        if said[label].word in DOT or (label > at and said[label].word in STOPS and not _spelled(said[label])):
            break
        if label - at >= _LABEL_WORDS and not _spelled(said[label]):
            break
        ending = _ending(said, label)
        if ending is not None:
            while (further := _ending(said, ending)) is not None:
                ending = further
            return ending
        if said[label].word in HANDLES and label == at:
            return label
        if said[label].word in PROVIDERS:
            return label if sure else None
        label += 1
    return None


def _ending(said: Sequence[Token], label: int) -> int | None:
    """The index of the ending ("com") that follows a label with a dot."""
    after = label + 1
    if after < len(said) and said[after].word in DOT:
        after += 1
    elif after >= len(said) or said[after].before.strip() != ".":
        return None
    return after if after < len(said) and said[after].word in ENDINGS else None


def _local_start(said: Sequence[Token], last: int, *, named: bool) -> int | None:
    """The index of the first token of the part before the sign, whose last token is at a position."""
    if last < 0 or not _may_begin(said, last):
        return None
    first, words = last, 1
    while first and last - first < _LOCAL_TOKENS:
        now, before = said[first], said[first - 1]
        joined = now.before.strip() in {".", "_", "-", "+"} or now.before == ""
        if before.word in JOINS or now.word in JOINS or joined or (_spelled(before) and _spelled(now)):
            words = 0 if before.word in JOINS else words
        elif not _may_begin(said, first - 1) or not (_spelled(now) or (named and words < _NAME_WORDS)):
            break
        words += 1
        first -= 1
    while said[first].word in JOINS and first < last:
        first += 1
    return first


def _may_begin(said: Sequence[Token], at: int) -> bool:
    """Whether a word may be part of a name: a short word only among letters that are spelled."""
    if said[at].word not in STOPS:
        return True
    return _spelled(said[at]) and at > 0 and (_spelled(said[at - 1]) or said[at - 1].word in JOINS)
