"""Needs, objections with their category, and how the agent answered them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from callwright.analysis import Bant, Statement
from callwright.analysis.rules import cues
from callwright.analysis.rules.reading import Exchange, Said, Sentence, stance
from callwright.analysis.text import PARAGRAPH_LIMIT, clean

_MOST = 3  # sentences that one field quotes


@dataclass(frozen=True, slots=True)
class Objection:
    """What stands in the way, its category, and the agent's turns that follow directly."""

    sentence: Sentence
    category: str
    answers: tuple[Said, ...]


def needs(said: Sequence[Said], asked: Iterable[Exchange]) -> tuple[Sentence, ...]:
    """The customer's own sentences that say what is needed, and answers to what the agent asked about needs."""
    found = [
        sentence
        for turn in said
        if turn.speaker == "customer"
        for sentence in turn.sentences
        if not sentence.question and any(stance(sentence.plain, hit).affirmed for hit in cues.NEED.find(sentence.plain))
    ]
    for exchange in asked:
        if exchange.answer != "no" and cues.ASKED["Need"].ids(exchange.question.plain):
            found += [sentence for sentence in exchange.reply.sentences[:1] if not sentence.question]
    return tuple(dict.fromkeys(sorted(found, key=lambda sentence: sentence.turn)))


def objections(said: Sequence[Said]) -> tuple[Objection, ...]:
    """The customer's objections, at most one per sentence; a question about the price is none."""
    found = []
    for index, turn in enumerate(said):
        if turn.speaker != "customer":
            continue
        for sentence in turn.sentences:
            category = None if sentence.question else _category(sentence)
            if category:
                found.append(Objection(sentence, category, _answers(said, index)))
    return tuple(found)


def _category(sentence: Sentence) -> str | None:
    for hit in cues.CONCERN.find(sentence.plain):
        if stance(sentence.plain, hit).affirmed:
            return hit.cue.id
    return None


def _answers(said: Sequence[Said], index: int) -> tuple[Said, ...]:
    answers = []
    for turn in said[index + 1 :]:
        if turn.speaker != "agent":
            break
        answers.append(turn)
    return tuple(answers)


def bant(needed: Sequence[Sentence], objected: Sequence[Objection]) -> Bant:
    """The fields of the callback: quotes with their turns, and the category heard most often (the earlier at a tie)."""
    if not objected:
        return Bant(needs=_quote(needed))
    category = Counter(objection.category for objection in objected).most_common(1)[0][0]
    turns = tuple(dict.fromkeys(o.sentence.turn for o in objected if o.category == category))
    answered = list(dict.fromkeys(answer for objection in objected for answer in objection.answers))[:_MOST]
    handling = Statement(
        clean(" ".join(answer.text for answer in answered), PARAGRAPH_LIMIT), tuple(answer.turn for answer in answered)
    )
    return Bant(
        needs=_quote(needed),
        objection=_quote([objection.sentence for objection in objected]),
        concern_categories=Statement(category, turns),
        objection_handling=handling if answered else None,
    )


def _quote(sentences: Sequence[Sentence]) -> Statement | None:
    chosen = sentences[:_MOST]
    if not chosen:
        return None
    turns = tuple(dict.fromkeys(sentence.turn for sentence in chosen))
    return Statement(clean(" ".join(sentence.text for sentence in chosen), PARAGRAPH_LIMIT), turns)
