"""Hindi in one spelling: Devanagari in Latin letters, and the many spellings of a word as the one that the cues use."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal

# fmt: off
_CONSONANTS = {
    "क": "k", "ख": "kh", "ग": "g", "घ": "gh", "ङ": "n", "च": "ch", "छ": "chh", "ज": "j", "झ": "jh", "ञ": "n", "ट": "t",
    "ठ": "th", "ड": "d", "ढ": "dh", "ण": "n", "त": "t", "थ": "th", "द": "d", "ध": "dh", "न": "n", "प": "p", "फ": "ph",
    "ब": "b", "भ": "bh", "म": "m", "य": "y", "र": "r", "ल": "l", "व": "v", "श": "sh", "ष": "sh", "स": "s", "ह": "h",
}
_VOWELS = {
    "अ": "a", "आ": "aa", "इ": "i", "ई": "ii", "उ": "u", "ऊ": "uu", "ऋ": "ri", "ए": "e", "ऐ": "ai", "ओ": "o", "औ": "au",
    "ऑ": "o", "ऍ": "e",
}
_SIGNS = {
    "ा": "aa", "ि": "i", "ी": "ii", "ु": "u", "ू": "uu", "ृ": "ri", "े": "e", "ै": "ai", "ो": "o", "ौ": "au",
    "ॉ": "o", "ॅ": "e",
}
# fmt: on
_DIGITS = str.maketrans("०१२३४५६७८९", "0123456789")
Script = Literal["latin", "devanagari"]

_NUKTA, _HALANT, _NASAL = "\u093c", "\u094d", "\u0901\u0902"
_WITH_NUKTA = {"j": "z", "ph": "f", "k": "q"}

_DEVANAGARI = re.compile(r"[\u0900-\u0963\u0970-\u097f]+")
_WORD = re.compile(rf"{_DEVANAGARI.pattern}|[a-z]+")

# Spellings that stand for one sound, in the order in which they are taken away.
_SOUNDS = (
    ("chh", "c"), ("ch", "c"), ("ph", "f"), ("w", "v"), ("z", "j"), ("q", "k"), ("ee", "i"), ("oo", "u"),
)  # fmt: skip
_REPEATED = re.compile(r"(.)\1+")
_GLIDE = re.compile(r"(?<=[aeiou])y(?=[ie])")
_NASAL_BEFORE_LIP = re.compile(r"n(?=[pb])")

# A word's other genders and numbers, which the cues do not tell apart.
_INFLECTED = (("unga", ("ungi",)), ("oonga", ("oongi",)), ("enge", ("engi",)), ("ega", ("egi",)), ("ta", ("ti", "te")))


def _romanised_word(word: str) -> str:
    """A word of Devanagari in Latin letters, each consonant with its vowel."""
    out: list[str] = []
    bare = False  # whether the last consonant still lacks its vowel
    for character in word:
        if character in _CONSONANTS:
            out += ["a", _CONSONANTS[character]] if bare else [_CONSONANTS[character]]
            bare = True
            continue
        if character == _NUKTA:
            if out:
                out[-1] = _WITH_NUKTA.get(out[-1], out[-1])
            continue
        if character in _SIGNS:
            out.append(_SIGNS[character])
        elif bare and character != _HALANT:
            out.append("a")
        if character in _VOWELS:
            out.append(_VOWELS[character])
        elif character in _NASAL:
            out.append("n")
        bare = False
    return "".join(out)


def light_key(word: str) -> str:
    """What the Latin spellings of a word have in common."""
    for spelling, sound in _SOUNDS:
        word = word.replace(spelling, sound)
    word = _GLIDE.sub("", _REPEATED.sub(r"\1", word))
    return _NASAL_BEFORE_LIP.sub("m", word).replace("ei", "e")


def deep_key(word: str) -> str:
    """Likewise without the short vowels that Devanagari does not write."""
    key = light_key(word).replace("ai", "E").replace("au", "O")
    return key[:1] + key[1:-1].replace("a", "") + key[-1:] if len(key) > 1 else key


class Lexicon:
    """The Hindi words that the cues know, found by every spelling."""

    def __init__(
        self, words: Iterable[str], variants: Mapping[str, str], loans: Mapping[str, str], english: Iterable[str]
    ) -> None:
        """Learn the words.

        Args:
            words: Spellings that the cues use; of two that sound alike one stands for both.
            variants: Further spellings, separated by spaces, by the spelling that stands for them.
            loans: English words by what they are spelled like in Devanagari, likewise.
            english: Words that, written in Latin letters, are English and stay.
        """
        others = {other for line in variants.values() for other in line.split()}
        known = [*variants, *sorted(set(words) - set(variants) - others)]
        spelled = [(word, word) for word in known]
        spelled += [(other, word) for word, line in variants.items() for other in line.split()]
        spelled += [
            (word.removesuffix(end) + other, word)
            for word in known
            for end, inflected in _INFLECTED
            if word.endswith(end) and len(word) > len(end) + 1
            for other in inflected
        ]
        spelled += [(word + "n", word) for word in known if len(word) > 2 and word[-1] in "aeiou"]
        self._light: dict[str, str] = {}
        self._deep: dict[str, str] = {}
        for spelling, word in spelled:
            self._light.setdefault(light_key(spelling), word)
        for spelling, word in spelled:
            self._deep.setdefault(deep_key(spelling), self._light[light_key(word)])
        self._borrowed = {light_key(other): word for word, line in loans.items() for other in line.split()}
        self._english = frozenset(english)
        self.word = lru_cache(maxsize=20_000)(self._word)

    def _word(self, word: str, script: Script) -> str:
        if word in self._english and script == "latin":
            return word
        key = light_key(word)
        if script == "devanagari" and key in self._borrowed:
            return self._borrowed[key]
        return self._light.get(key) or (self._deep.get(deep_key(word)) if script == "devanagari" else None) or word

    def spelled(self, text: str) -> str:
        """A text in lower case with its Hindi in the spelling of the cues."""
        return _WORD.sub(self._spelled, text.translate(_DIGITS))

    def _spelled(self, match: re.Match[str]) -> str:
        word = match[0]
        return self.word(word, "latin") if word[0] <= "z" else self.word(_romanised_word(word), "devanagari")
