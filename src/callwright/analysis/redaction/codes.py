"""Codes of letters and digits, written or spelled: PAN, GSTIN, IFSC, IBAN, National Insurance numbers."""

import re
from collections.abc import Iterator, Sequence

from callwright.analysis.redaction.checksums import is_iban
from callwright.analysis.redaction.tokens import Token
from callwright.analysis.redaction.words import NUMBERS

# A turn is read as capitals and digits with a space between tokens. The fourth letter of a PAN tells what its holder is
# (Income Tax Department of India); an IFSC has a zero in the middle (Reserve Bank of India); the letters of a National
# Insurance number are those that HM Revenue and Customs gives out.
_PAN = r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]"
_CODES = re.compile(
    r"(?<![A-Z0-9])(?:"
    rf"(?P<id>\d{{2}}{_PAN}[A-Z0-9]Z[A-Z0-9]|{_PAN}"
    r"|[A-Z] [A-Z] [A-Z] [ABCFGHJLPT] [A-Z](?: ?\d){4} [A-Z]"
    r"|(?:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]) ?(?:\d\d \d\d \d\d ?|\d{6})[A-D]"
    r"|[A-CEGHJ-PR-TW-Z] [A-CEGHJ-NPR-TW-Z](?: ?\d){6} [A-D])"
    r"|(?P<account>[A-Z]{4}0[A-Z0-9]{6}|(?:[A-Z]{4}|[A-Z] [A-Z] [A-Z] [A-Z]) 0(?: ?\d){6}))(?![A-Z0-9])"
)
_NAMED_PAN = re.compile(r"(?<![A-Z0-9])[A-Z]{3}[ABCFGHJLPT][A-Z] \d{4} ?[A-Z](?![A-Z0-9])")
_IBAN_START = re.compile(r"(?<![A-Z0-9])[A-Z] ?[A-Z] ?\d ?\d(?= ?[A-Z0-9])")
_IBAN_MOST, _IBAN_LEAST, _IBAN_DIGITS = 34, 15, 8


def codes(said: Sequence[Token], *, pan_named: bool) -> Iterator[tuple[int, int, str]]:
    """Where codes stand in a turn, as the indices of the first and last token, and the kind.

    Args:
        said: The tokens of the turn.
        pan_named: Whether a PAN was spoken of, so that one in three parts is believed, too.
    """
    text, at = _characters(said)
    for match in _CODES.finditer(text):
        yield at[match.start()], at[match.end() - 1], str(match.lastgroup)
    if pan_named:
        for match in _NAMED_PAN.finditer(text):
            yield at[match.start()], at[match.end() - 1], "id"
    for match in _IBAN_START.finditer(text):
        end = _iban_end(text, match.start())
        if end:
            yield at[match.start()], at[end - 1], "account"


def _characters(said: Sequence[Token]) -> tuple[str, list[int]]:
    """The turn as capitals and digits, and for each character the index of its token; `|` is anything else."""
    pieces: list[str] = []
    at: list[int] = []
    for index, token in enumerate(said):
        gap = token.before.strip("\n")
        between = "" if not gap or not pieces else " " if gap.strip() in {"", "-", ".", "/", ","} else "|"
        word = token.digits or NUMBERS.get(token.word) or token.word.upper()
        piece = between + (word if word.isascii() and word.isalnum() else "|")
        pieces.append(piece)
        at += [index] * len(piece)
    return "".join(pieces), at


def _iban_end(text: str, start: int) -> int | None:
    """Where the IBAN ends that begins at a position; None where there is none. Spaces stand anywhere in it."""
    characters, digits = "", 0
    for end in range(start, min(start + 2 * _IBAN_MOST, len(text))):
        character = text[end]
        if character == "|":
            break
        if character == " ":
            continue
        characters += character
        digits += character.isdigit()
        whole = end + 1 == len(text) or text[end + 1] in " |"
        if len(characters) > _IBAN_MOST:
            break
        if whole and len(characters) >= _IBAN_LEAST and digits >= _IBAN_DIGITS and is_iban(characters):
            return end + 1
    return None
