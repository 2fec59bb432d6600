"""What a number is: by its check digits, by the words around it, or by its shape; and which numbers are left alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from callwright.analysis.redaction.checksums import is_aadhaar, is_card
from callwright.analysis.redaction.numbers import Group, is_year
from callwright.analysis.redaction.tokens import Token
from callwright.analysis.redaction.words import CODE, CONNECTING, FILLERS, KINDS, PHRASES, PLUS, SENT

SIZES = {
    "otp": (4, 8),
    "pin": (4, 6),
    "cvv": (3, 4),
    "card": (8, 19),
    "account": (6, 18),
    "id": (6, 16),
    "phone": (7, 15),
}
"""Least and most digits of what the words around name. An Indian PIN code is a place, and no PIN."""

_STRICT = {"otp", "pin", "cvv"}  # so short that only such words may stand between as connect the two
_BEFORE, _STRICT_BEFORE, _AFTER = 8, 12, 6  # words between a number and the word that names it
TURNS_BACK = 3
_NEAR = 7  # words around "code" in which it is said that it was sent
_LONGEST_PHRASE = max(map(len, PHRASES))

_UNSURE = 7  # digits from which a word further off may say what they are
_CERTAIN = 9  # digits in one piece that are never a quantity
_SINGLES = 4  # digits read out one by one
_COUNTING = 7  # up to so many in ascending order may be somebody who counts


@dataclass(frozen=True, slots=True)
class Heard:
    """The words that name numbers, over a whole conversation.

    Attributes:
        named: Per token, the kind that it names, or None.
        turns: Per line, the kind that was named last in it, or None.
    """

    named: Sequence[str | None]
    turns: Sequence[str | None]


def named(said: Sequence[Token]) -> list[str | None]:
    """Per token the kind of number that it names; of a phrase its last word names it."""
    kinds: list[str | None] = [None] * len(said)
    for at, token in enumerate(said):
        kinds[at] = kinds[at] or _word_kind(said, at)
        if not token.digits:
            for size in range(2, min(_LONGEST_PHRASE, len(said) - at) + 1):
                kind = PHRASES.get(tuple(other.word for other in said[at : at + size]))
                if kind:
                    kinds[at + size - 1] = kind
    return kinds


def _word_kind(said: Sequence[Token], at: int) -> str | None:
    word = said[at].word
    kind = KINDS.get(word)
    if word in CODE and any(token.word in SENT for token in said[max(at - _NEAR, 0) : at + _NEAR]):
        return "otp"
    if kind == "card" and at and KINDS.get(said[at - 1].word) == "id":
        return "id"  # "Aadhaar card"
    if kind == "pin" and at + 1 < len(said) and said[at + 1].word in CODE:
        return "postal"
    return kind


def _names(said: Sequence[Token], heard: Heard, first: Group, last: Group) -> tuple[list[str], list[str]]:
    """The kinds that the words around name, the nearest first: those beside it, and those further off."""
    line, connected, number = said[first.first].line, True, False
    near: list[str] = []
    far: list[str] = []
    for at in range(first.first - 1, max(first.first - 1 - _STRICT_BEFORE, -1), -1):
        if said[at].line != line:
            break
        kind = heard.named[at]
        number = number or said[at].word in {"number", "नंबर", "नम्बर"}
        if kind and connected:
            near.append(kind)
        elif kind and kind not in _STRICT and first.first - at <= _BEFORE:
            far.append(kind)
        connected = connected and (kind is not None or _connects(said[at]))
    else:
        connected = connected and first.first <= _STRICT_BEFORE
    for at in range(last.last + 1, min(last.last + 1 + _AFTER, len(said))):
        kind = heard.named[at]
        if said[at].line != said[last.last].line or not (kind or _connects(said[at])):
            break
        if kind:
            near.append(kind)
    turns = [kind for kind in reversed(heard.turns[max(line - TURNS_BACK, 0) : line]) if kind]
    if connected:
        return near + turns, far + ["phone"] * number
    return near, far + [kind for kind in turns if kind not in _STRICT] + ["phone"] * number


def _connects(token: Token) -> bool:
    """Whether a word may stand between a number and what it is called: a letter may belong to it."""
    return token.word in CONNECTING or token.word in FILLERS or len(token.word) == 1


def cards(chain: Sequence[Group]) -> Iterator[tuple[int, int]]:
    """Where card numbers stand in a chain, as positions of the first group and behind the last."""
    at = over = 0
    while at < len(chain):
        end = _card_end(chain, at)
        if end is None:
            at += 1
            continue
        first = at
        while end < len(chain) and _belongs(chain[end - 1], chain[end]):
            end += 1  # the date and the code that are read out with it
        while first > over and _belongs(chain[first - 1], chain[first]):
            first -= 1
        yield first, end
        at = over = end


def _belongs(before: Group, group: Group) -> bool:
    """Whether two neighbours are so close that what one is the other is part of."""
    return not before.quantity and not group.quantity and (group.join == "tight" or (before.single and group.single))


def _card_end(chain: Sequence[Group], at: int) -> int | None:
    """Behind which group the longest card number ends that begins with this one."""
    digits, end, longest = "", at, None
    while end < len(chain) and len(digits) + len(chain[end].digits) <= 19:
        digits += chain[end].digits
        end += 1
        if is_card(digits) and not _amounts(chain[at:end]):
            longest = end
    return longest


def _amounts(window: Sequence[Group]) -> bool:
    """Whether a row of dates, or of amounts one after the other, happens to have a right check digit."""
    apart = all(group.join != "tight" for group in window[1:])
    return all(group.dated or (group.quantity and apart) for group in window) and len(window) > 1


def kind_of(said: Sequence[Token], heard: Heard, segment: Sequence[Group]) -> str | None:
    """What the groups of a segment are together; None where they are nothing that must be hidden.

    Args:
        said: The tokens.
        heard: The words that name numbers.
        segment: Groups one after the other, none of them a quantity.
    """
    digits = "".join(group.digits for group in segment)
    near, far = _names(said, heard, segment[0], segment[-1])
    is_round = len(segment) == 1 and 4 < len(digits) < _CERTAIN and digits.endswith("000")
    return (
        _fitting(near, digits, is_round=is_round)
        or _shape(said, segment, digits)
        or (_fitting(far, digits, is_round=is_round) if len(digits) >= _UNSURE else None)
        or ("number" if _certain(segment, digits) or _read_out(segment) else None)
    )


def _fitting(names: Sequence[str], digits: str, *, is_round: bool) -> str | None:
    """The first of the kinds that may have so many digits."""
    for kind in names:
        low, high = SIZES.get(kind, (4, 3))
        if low <= len(digits) <= high and not is_round:
            return kind
        if kind == "postal" and len(digits) == 4:
            return "pin"
    return None


def _shape(said: Sequence[Token], segment: Sequence[Group], digits: str) -> str | None:
    """By check digits and by the form in which phone numbers and social security numbers are written."""
    sizes = tuple(len(group.digits) for group in segment)
    tight = all(group.join == "tight" for group in segment[1:])
    start = segment[0].first
    if "+" in said[start].before[-2:] or (start > 0 and said[start - 1].word in PLUS):
        return "phone" if 7 <= len(digits) <= 15 else None
    if (is_aadhaar(digits) and (tight or set(sizes) == {4})) or (tight and sizes == (3, 2, 4)):
        return "id"
    return "phone" if _is_mobile(segment, digits, tight=tight) or (tight and _is_landline(sizes, digits)) else None


def _is_mobile(segment: Sequence[Group], digits: str, *, tight: bool) -> bool:
    """Ten digits of an Indian mobile number, with or without a prefix; in few parts that are no round numbers."""
    if digits[-10:-9] not in {"6", "7", "8", "9"} or digits[:-10] not in {"", "0", "91", "091", "0091"}:
        return False
    parts = [group.digits for group in segment]
    odd = len(parts) <= 4 and all(len(part) >= 3 and not part.endswith("00") for part in parts)
    return tight or _spoken(segment) or odd


def _is_landline(sizes: tuple[int, ...], digits: str) -> bool:
    """With the trunk prefix of most of the world, with the code of a country, or in the parts of North America."""
    abroad = digits.startswith("00") and 11 <= len(digits) <= 17
    trunk = digits.startswith("0") and 10 <= len(digits) <= 11
    return abroad or trunk or (sizes[-3:] == (3, 3, 4) and digits[:-10] in {"", "1"})


def _spoken(segment: Sequence[Group]) -> bool:
    return all(group.spoken or group.single for group in segment)


def _certain(segment: Sequence[Group], digits: str) -> bool:
    """So many digits, so close together, that they are no quantity."""
    if all(is_year(group.digits) for group in segment):
        return False
    pairs = any(group.spoken and not group.single for group in segment) or all(
        len(group.digits) <= 2 for group in segment
    )
    if all(group.join == "tight" for group in segment[1:]) or _spoken(segment):
        return len(digits) >= _CERTAIN + pairs
    even = {len(group.digits) for group in segment} in ({4}, {5})
    return len(segment) >= 4 and even and not any(group.digits.endswith(("00", "99")) for group in segment)


def _read_out(segment: Sequence[Group]) -> bool:
    """Whether digits are read out one by one, which nobody does with an amount."""
    singles = "".join(group.digits for group in segment if group.single)
    if len(singles) < _SINGLES:
        return False
    steps = {int(b) - int(a) for a, b in pairwise(singles)}
    return not (steps == {1} and len(singles) < _COUNTING)
