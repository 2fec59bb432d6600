"""A conversation as the rules read it: turns cut into normalised sentences, with what was said kept beside."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from callwright.analysis import Line, Speaker
from callwright.analysis.rules.tables import COMMON, LEXICON
from callwright.analysis.text import clean

TURN_LIMIT = 4000
"""Characters of one turn that are read."""

# A title's full stop ends no sentence.
_SENTENCE_END = re.compile(r"(?<!Mr\.)(?<!Ms\.)(?<!Dr\.)(?<!Mrs\.)(?<=[.!?।])\s+")
_CONTRACTED = re.compile(r"'|\b(?:cant|wont|im|[a-z]{2,6}nt)\b")
_CONTRACTIONS = (
    (re.compile(r"\b(?:can't|cannot|cant)\b"), "can not"),
    (re.compile(r"\b(?:won't|wont)\b"), "will not"),
    (re.compile(r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should|need)(?:n't|nt)\b"), r"\1 not"),
    (re.compile(r"\blet's\b"), "let us"),
    (re.compile(r"\b(?:i'm|im)\b"), "i am"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"\b(it|that|this|there|here|what|where|who|how|he|she|everything|everybody|nobody)'s\b"), r"\1 is"),
)
_CONTENT = re.compile(r"[^\W\d_]{4,}")
ASKS = re.compile(
    r"(?:(?:so|and|okay|ok|well|but|toh|aur|sir|achha) )*"
    r"(?:what|how|when|where|who|why|which|(?:do|did|are|have|can|could|would|will|were) you|"
    r"(?:can|could|may|shall|should) (?:i|we)|is (?:it|this|that|there)|does|kya|kab|kaise|kaun|kitna|kyon|kahan)\b"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: as it was said, as the cues read it, and whether it asks."""

    turn: int
    speaker: Speaker
    text: str
    plain: str
    question: bool


@dataclass(frozen=True, slots=True)
class Said:
    """One turn that has words, with its sentences."""

    turn: int
    speaker: Speaker
    start: float
    end: float
    sentences: tuple[Sentence, ...]

    @property
    def text(self) -> str:
        """The whole turn as it was said."""
        return " ".join(sentence.text for sentence in self.sentences)

    @property
    def plain(self) -> str:
        """The whole turn as the cues read it."""
        return " ".join(sentence.plain for sentence in self.sentences)

    @property
    def words(self) -> int:
        """How many words it has."""
        return sum(len(sentence.plain.split()) for sentence in self.sentences)


@lru_cache(maxsize=50_000)
def _word(word: str) -> str:
    plain = unicodedata.normalize("NFC", word).lower().replace("\u2019", "'").replace("\u2018", "'")
    if _CONTRACTED.search(plain):
        for pattern, written_out in _CONTRACTIONS:
            plain = pattern.sub(written_out, plain)
    return LEXICON.spelled(plain)


def normalised(text: str) -> str:
    """The form that the cues are written for; `words.toml` says which."""
    return " ".join(_word(word) for word in text.split())


def as_said(sentence: Sentence, start: int, end: int) -> str:
    """The words of the call that the given part of the normalised sentence stands for, without punctuation around."""
    words, at = [], 0
    for word in sentence.text.split():
        length = len(_word(word))
        if at < end and at + length > start:
            words.append(word)
        at += length + 1
    return " ".join(words).strip(" .,!?।—-;:")


def content_words(plain: str) -> set[str]:
    """The words of a normalised text that tell its subject, a plural as its singular."""
    return {word.rstrip("s") for word in _CONTENT.findall(plain) if word not in COMMON}


def read(turns: Iterable[Line]) -> tuple[Said, ...]:
    """The turns that have words, in the given order."""
    said = []
    for line in turns:
        pieces = [piece for piece in _SENTENCE_END.split(clean(line.text, TURN_LIMIT)) if piece]
        sentences = tuple(_sentence(line, piece) for piece in pieces)
        if any(any(character.isalnum() for character in sentence.plain) for sentence in sentences):
            said.append(Said(line.id, line.speaker, line.start, line.end, sentences))
    return tuple(said)


def _sentence(line: Line, text: str) -> Sentence:
    plain = normalised(text)
    question = plain.endswith("?") or (text[-1] not in ".!।—" and bool(ASKS.match(plain)))
    return Sentence(line.id, line.speaker, text, plain, question)
