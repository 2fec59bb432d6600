"""Qualification topics that came up, with the answer: by question and reply, or said unasked."""

from collections.abc import Sequence

from callwright.analysis import Qualification
from callwright.analysis.rules import cues
from callwright.analysis.rules.reading import Exchange, Said, stance
from callwright.analysis.text import SENTENCE_LIMIT, clean


def qualification(said: Sequence[Said], asked: Sequence[Exchange]) -> tuple[Qualification, ...]:
    """One entry per topic that came up: the reply to the agent's last question on it, else what was said unasked."""
    found = []
    for label in cues.QUALIFICATION:
        entry = _replied(label, asked) or _volunteered(label, said)
        if entry:
            found.append(entry)
    return tuple(found)


def _replied(label: str, asked: Sequence[Exchange]) -> Qualification | None:
    for exchange in reversed(asked):
        if cues.ASKED[label].ids(exchange.question.plain):
            stated = " ".join(s.text for s in exchange.reply.sentences if not s.question)
            if stated:
                turns = (exchange.question.turn, exchange.reply.turn)
                return Qualification(label, clean(stated, SENTENCE_LIMIT), turns)
    return None


def _volunteered(label: str, said: Sequence[Said]) -> Qualification | None:
    for turn in said:
        if turn.speaker != "customer":
            continue
        for sentence in turn.sentences:
            own = any(stance(sentence.plain, hit).own for hit in cues.VOLUNTEERED[label].find(sentence.plain))
            if own and not sentence.question:
                return Qualification(label, clean(sentence.text, SENTENCE_LIMIT), (turn.turn,))
    return None
