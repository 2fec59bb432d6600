"""What an answer on a topic must hold: an amount, a time, a number, a person, or a promise that is one."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from callwright.analysis.rules import tables
from callwright.analysis.rules.amounts import amounts
from callwright.analysis.rules.dates import times
from callwright.analysis.rules.reading import Sentence
from callwright.analysis.rules.stance import Stance

_NOTHING = tables.pattern("answers", "nothing")
_SOON = tables.pattern("answers", "soon")
_BOUND = tables.pattern("answers", "bound")
CALLING = tables.pattern("answers", "calling")
_WHO = tables.pattern("answers", "who")
_SINCE = tables.pattern("answers", "since")
_COULD = tables.pattern("answers", "could")
_MODE = re.compile(rf"\b{tables.expanded('{mode}')}\b")
_MONEY = re.compile(r"\b(?:budget|money|paid|contract)\b")
_COUNTED = re.compile(
    rf"\b{tables.expanded('{number}')}\b|\b(?:just|only|bas|sirf) (?:me|main|mai)\b|\balone\b|\bakela\b"
)


@dataclass(frozen=True, slots=True)
class Given:
    """A sentence that may answer, how it is meant, and whether the topic was asked for just before."""

    sentence: Sentence
    meant: Stance
    asked: bool


Fits = Callable[[Given], bool]


def _anything(given: Given) -> bool:
    words = re.findall(r"\w+", given.sentence.plain)
    return (
        not given.asked
        or (len(words) > 1 and given.sentence.plain.rstrip(".!,") not in _EMPTY)
        or (len(words) == 1 and len(words[0]) > 4)
    )


_EMPTY = frozenset(
    {
        "yes i do",
        "no problem",
        "thank you",
        "i see",
        "go ahead",
        "of course",
        "let me see",
        "one moment",
        "one sec",
        "haan ji",
    }
)


def _amount(given: Given) -> bool:
    if not given.meant.own:
        return False
    named = any(not amount.bare or given.asked for amount in amounts(given.sentence.plain))
    return named or (
        _NOTHING.search(given.sentence.plain) is not None
        and re.search(r"\b(?:budget|money|spent|nothing|paisa)\b", given.sentence.plain) is not None
    )


def _when(given: Given) -> bool:
    if not given.asked and (
        CALLING.search(given.sentence.plain) or _MONEY.search(given.sentence.plain) or given.meant.supposed
    ):
        return False
    bounded = given.asked and _BOUND.search(given.sentence.plain) is not None
    soon = given.asked and _SOON.search(given.sentence.plain) is not None
    return bounded or soon or bool(times(given.sentence.plain, None))


def _count(given: Given) -> bool:
    counted = any(not amount.money for amount in amounts(given.sentence.plain) if given.asked or not amount.bare)
    return counted or _COUNTED.search(given.sentence.plain) is not None


def _who(given: Given) -> bool:
    named = re.search(r"(?<!^)\b[A-Z][a-z]+", given.sentence.text)
    return not given.asked or named is not None or _WHO.search(given.sentence.plain) is not None


def _since(given: Given) -> bool:
    return _SINCE.search(given.sentence.plain) is not None or bool(times(given.sentence.plain, None))


def _promise(given: Given) -> bool:
    if not given.meant.affirmed or given.meant.hedged or given.meant.supposed or _COULD.search(given.sentence.plain):
        return False
    if {"refuses to pay", "puts it off", "disputes it"} & set(
        tables.section("intent", "collections").ids(given.sentence.plain)
    ):
        return False
    return any(when.exact for when in times(given.sentence.plain, None)) or any(
        not amount.bare for amount in amounts(given.sentence.plain)
    )


def _mode(given: Given) -> bool:
    return _MODE.search(given.sentence.plain) is not None and given.meant.own


FITS: dict[str | None, Fits] = {
    None: _anything,
    "amount": _amount,
    "when": _when,
    "count": _count,
    "who": _who,
    "since": _since,
    "promise": _promise,
    "mode": _mode,
}
