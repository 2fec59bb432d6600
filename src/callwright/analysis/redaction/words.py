"""The words that the redaction listens for, read once from `words.toml`."""

import tomllib
import unicodedata
from functools import lru_cache
from importlib.resources import files
from typing import Any

_NUKTA, _CHANDRABINDU, _ANUSVARA = "\u093c", "\u0901", "\u0902"


@lru_cache(maxsize=4096)
def folded(word: str) -> str:
    """A word as the tables have it: lower case, without the nukta, ं for ँ."""
    plain = unicodedata.normalize("NFC", word.casefold())
    return plain.replace(_NUKTA, "").replace(_CHANDRABINDU, _ANUSVARA)


def _words(text: str) -> frozenset[str]:
    return frozenset(folded(word) for word in text.split())


def _values(table: dict[str, str]) -> dict[str, str]:
    return {word: value for value, words in table.items() for word in _words(words)}


def _phrases(table: dict[str, list[str]]) -> dict[tuple[str, ...], str]:
    return {
        tuple(map(folded, phrase.replace("-", " ").split())): kind for kind, said in table.items() for phrase in said
    }


_TABLE: dict[str, Any] = tomllib.loads(files(__package__).joinpath("words.toml").read_text("utf-8"))

NUMBERS = _values(_TABLE["numbers"])
"""Word to digits: one digit, or two for what is said in a pair."""

BESIDE_DIGITS = _values(_TABLE["beside_digits"])
HINDI_IN_LATIN = _words(_TABLE["words"]["hindi_in_latin"])
TENS = _words(_TABLE["words"]["tens"])
REPEATS = {
    **dict.fromkeys(_words(_TABLE["words"]["twice"]), 2),
    **dict.fromkeys(_words(_TABLE["words"]["thrice"]), 3),
}
FILLERS = _words(_TABLE["words"]["fillers"])
PLUS = _words(_TABLE["words"]["plus"])
MULTIPLIERS = _words(_TABLE["words"]["multipliers"])
CURRENCIES = _words(_TABLE["words"]["currencies"])
UNITS = _words(_TABLE["words"]["units"])
MONTHS = _words(_TABLE["words"]["months"])
CONNECTING = _words(_TABLE["words"]["connecting"])

CODE = _words(_TABLE["words"]["code"])
SENT = _words(_TABLE["words"]["sent"])

KINDS = {word: kind for kind, words in _TABLE["kinds"].items() for word in _words(words)}
PHRASES = _phrases(_TABLE["phrases"])

AT = sorted((tuple(map(folded, said.split())) for said in _TABLE["addresses"]["at"]), key=len, reverse=True)
DOT = _words(_TABLE["addresses"]["dot"])
JOINS = _words(_TABLE["addresses"]["joins"])
ENDINGS = _words(_TABLE["addresses"]["endings"])
PROVIDERS = _words(_TABLE["addresses"]["providers"])
HANDLES = _words(_TABLE["addresses"]["handles"])
ASKED = _words(_TABLE["addresses"]["asked"])
STOPS = _words(_TABLE["addresses"]["stops"])
