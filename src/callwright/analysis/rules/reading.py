"""A conversation as the rules read it: normalised sentences, questions and their answers, negation and hedging."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from callwright.analysis import Line, Speaker
from callwright.analysis.rules.cues import COMMON, Hit
from callwright.analysis.text import clean

TURN_LIMIT = 4000
"""Characters of one turn that are read."""

_SENTENCE_END = re.compile(r"(?<=[.!?।])\s+")
_CONTRACTED = re.compile(r"'|\b(?:cant|wont|im|[a-z]{2,6}nt)\b")
_CONTRACTIONS = (
    (re.compile(r"\b(?:can't|cannot|cant)\b"), "can not"),
    (re.compile(r"\b(?:won't|wont)\b"), "will not"),
    (re.compile(r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should)(?:n't|nt)\b"), r"\1 not"),
    (re.compile(r"\blet's\b"), "let us"),
    (re.compile(r"\b(?:i'm|im)\b"), "i am"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"\b(it|that|this|there|here|what|where|who|how|he|she|everything)'s\b"), r"\1 is"),
)
_CONTENT = re.compile(r"[^\W\d_]{4,}")
_ASKS = re.compile(
    r"(?:(?:so|and|okay|ok|well|but) )*"
    r"(?:what|how|when|where|who|why|which|(?:do|did|are|have|can|could|would|will|were) you|"
    r"(?:can|could|may|shall|should) (?:i|we)|is (?:it|this|that|there)|does)\b"
)
_YES = re.compile(
    r"(?:(?:oh|well|ok|okay),? )*(?:yes|yeah|yep|yup|sure|okay|ok|absolutely|definitely|of course|why not|perfect|great"
    r"|fine|sounds good|haan|ji haan|bilkul|हाँ|हां|जी)(?![\w\u0900-\u097f])"
)
_NO = re.compile(
    r"(?:(?:oh|well|um|sorry),? )*(?:no(?!,? (?:problem|worries|doubt|issue))|nope|nah|not really|never|nahi|nahin|नहीं)"
    r"(?![\w\u0900-\u097f])"
)
_CLAUSE = re.compile(
    r"[;:.!?]|,\s*(?=(?:i|we|you|it|they|he|she|that|this|there|but|and|so)\b)"
    r"|\b(?:but|however|although|though|because|except)\b"
)
# What looks like a negation and is none comes first and is matched without the group.
_NEGATOR = re.compile(
    r"\b(?:not only|not just|no doubt|no problem|no worries|no question|why (?:do )?not|not sure|do not worry|"
    r"can not wait|would not mind|do not mind|no,)|"
    r"\b(not|no|never|without|hardly|neither|nor|nobody|none|nothing)\b"
)
_HEDGE = re.compile(
    r"\b(?:maybe|perhaps|might|possibly|i guess|i suppose|not sure|kind of|sort of|if|unless|one day|some day)\b"
)
_PAST = re.compile(r"\b(?:was|were|used to be|would have been|had been)(?: \w+ly)? $")
_SUBJECT = re.compile(
    r"\b(?:(i|we|me|us|our)|he|she|someone|people|(?:my|our|his|her|a) (?:friend|brother|sister|cousin|neighbou?r|"
    r"colleague|uncle|aunt|father|mother|son|daughter|husband|wife))\b"
)

_CLAUSE_REACH = 200  # characters before a cue in which its clause is looked for
_NEGATION_REACH = 60  # characters before a cue in which a negator counts; about a dozen words

Answer = Literal["yes", "no"]


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
    def words(self) -> int:
        """How many words it has."""
        return sum(len(sentence.plain.split()) for sentence in self.sentences)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question of the agent's and the customer's next turn, where that follows at once."""

    question: Sentence
    reply: Said

    @property
    def answer(self) -> Answer | None:
        """`yes` or `no` where the reply begins so."""
        plain = self.reply.sentences[0].plain
        if _NO.match(plain):
            return "no"
        return "yes" if _YES.match(plain) else None


def normalised(text: str) -> str:
    """Lower case, straight apostrophes, contractions written out, as `cues.toml` expects."""
    plain = unicodedata.normalize("NFC", text).lower().replace("\u2019", "'").replace("\u2018", "'")
    if _CONTRACTED.search(plain):
        for pattern, written_out in _CONTRACTIONS:
            plain = pattern.sub(written_out, plain)
    return plain


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
    question = plain.endswith("?") or (not plain.endswith((".", "!", "।")) and bool(_ASKS.match(plain)))
    return Sentence(line.id, line.speaker, text, plain, question)


def exchanges(said: Sequence[Said]) -> tuple[Exchange, ...]:
    """Each question of the agent's with the customer's reply that follows directly."""
    found = []
    for turn, reply in pairwise(said):
        if turn.speaker == "agent" and reply.speaker == "customer":
            found += [Exchange(sentence, reply) for sentence in turn.sentences if sentence.question]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Stance:
    """How a cue was meant.

    Attributes:
        negations: Negators that reach it; two undo each other, but what is said so is weak.
        hedged: Said with a maybe or an if.
        own: False where it is about somebody else or about the past.
    """

    negations: int
    hedged: bool
    own: bool

    @property
    def affirmed(self) -> bool:
        """Said of oneself and not negated."""
        return self.own and self.negations % 2 == 0

    def weigh(self, weight: float, *, fixed: bool) -> float:
        """The weight of a cue that was meant so; 0 where it says nothing about the customer."""
        if not self.own:
            return 0.0
        if fixed:
            return weight
        if self.negations % 2:
            # "I'm not saying no" is less than a yes; "not interested" is a no.
            return -weight if weight > 0 else -0.3 * weight
        return weight * (0.5 if self.hedged or self.negations else 1.0)


def stance(plain: str, hit: Hit) -> Stance:
    """How a cue in a normalised sentence was meant, from the clause before it."""
    start = max(hit.start - _CLAUSE_REACH, 0)
    for boundary in _CLAUSE.finditer(plain, start, hit.start):
        start = boundary.end()
    before = plain[start : hit.start]
    subjects = list(_SUBJECT.finditer(plain[start : hit.end]))
    foreign = bool(subjects) and subjects[-1].group(1) is None
    return Stance(
        negations=sum(match.group(1) is not None for match in _NEGATOR.finditer(before[-_NEGATION_REACH:])),
        hedged=bool(_HEDGE.search(before)) or bool(_HEDGE.match(plain)),
        own=not foreign and not _PAST.search(before),
    )
