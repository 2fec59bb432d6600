"""Check digits: Luhn and the ranges of card numbers, Verhoeff for Aadhaar, ISO 7064 for IBAN."""

import re
from collections.abc import Iterable

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

# Beginnings and lengths of card numbers as the networks publish them (ISO/IEC 7812; RuPay: NPCI).
_CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11,16}|35\d{14,17}|(?:5[06-9]|6\d)\d{11,17}|8[12]\d{14}"
)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    backwards = [int(digit) for digit in reversed(digits)]
    return (sum(backwards[::2]) + sum(_DOUBLED[digit] for digit in backwards[1::2])) % 10 == 0


def is_card(digits: str) -> bool:
    """Whether a card may have this number: 13 to 19 digits of a known network, with a right check digit."""
    return 13 <= len(digits) <= 19 and bool(_CARDS.fullmatch(digits)) and luhn(digits)


def _dihedral(a: int, b: int) -> int:
    """The product in the dihedral group of the pentagon, 0 to 4 its turns and 5 to 9 its reflections."""
    turn = (a % 5 + b % 5) % 5 if a < 5 else (a % 5 - b % 5) % 5
    return turn + 5 * ((a < 5) != (b < 5))


def _permutations() -> list[list[int]]:
    rows = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    while len(rows) < 8:
        rows.append([rows[1][digit] for digit in rows[-1]])
    return rows


_PERMUTATIONS = _permutations()


def verhoeff(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (J. Verhoeff, Error Detecting Decimal Codes, 1969)."""
    check = 0
    for position, digit in enumerate(reversed(digits)):
        check = _dihedral(check, _PERMUTATIONS[position % 8][int(digit)])
    return check == 0


def is_aadhaar(digits: str) -> bool:
    """Whether this may be an Aadhaar number: 12 digits, the first neither 0 nor 1, with a right check digit."""
    return len(digits) == 12 and digits[0] not in "01" and verhoeff(digits)


def is_iban(characters: str) -> bool:
    """Whether the check digits of an IBAN in capitals are right (ISO 13616, ISO 7064 MOD 97-10)."""
    return 15 <= len(characters) <= 34 and _remainder(characters[4:] + characters[:4]) == 1


def _remainder(characters: Iterable[str]) -> int:
    return int("".join(str(int(character, 36)) for character in characters)) % 97
