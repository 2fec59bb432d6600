"""Questions and their answers: across backchannels and counter-questions, over several turns, with a yes or a no."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from callwright.analysis.rules import tables
from callwright.analysis.rules.reading import Said, Sentence

_REACH = 7  # turns after a question in which its answer is looked for

ACCEPTS = tables.pattern("exchanges", "accepts")
_NO = tables.pattern("exchanges", "no")
_PARTLY = tables.pattern("exchanges", "partly")
_FILLER = frozenset(tables.WORDS["fillers"].split())
_WORD = re.compile(r"\w+")

Answer = Literal["yes", "no", "partly"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question of the agent's and the customer's turns that answer it, the first of them first."""

    question: Sentence
    replies: tuple[Said, ...]

    @property
    def reply(self) -> Said:
        """The turn that answers."""
        return self.replies[0]

    @property
    def answer(self) -> Answer | None:
        """Whether the reply begins with a yes or a no, or agrees in part."""
        plain = self.reply.plain
        if _NO.match(plain):
            return "no"
        if _PARTLY.search(plain[:60]):
            return "partly"
        return "yes" if ACCEPTS.match(plain) else None

    @property
    def open(self) -> bool:
        """Whether the question asks for more than a yes or a no."""
        return bool(_OPEN.search(self.question.plain))


_OPEN = tables.pattern("exchanges", "open")


def is_filler(turn: Said) -> bool:
    """Whether a turn only keeps the line open: `hm`, `let me see`, `okay`."""
    return all(word in _FILLER for word in _WORD.findall(turn.plain))


def _only_asks(turn: Said) -> bool:
    return all(
        sentence.question or all(word in _FILLER for word in _WORD.findall(sentence.plain))
        for sentence in turn.sentences
    )


def exchanges(said: Sequence[Said]) -> tuple[Exchange, ...]:
    """Each question of the agent's that is answered, with the turns that answer it."""
    found = []
    for index, turn in enumerate(said):
        if turn.speaker != "agent":
            continue
        questions = [sentence for sentence in turn.sentences if sentence.question]
        if questions:
            for question in questions:
                replies = _replies(said, index, bool(_OPEN.search(question.plain)))
                if replies:
                    found.append(Exchange(question, replies))
    return tuple(found)


def _replies(said: Sequence[Said], asked: int, wide: bool) -> tuple[Said, ...]:
    """The turns that answer the question of turn `asked`.

    A backchannel is no answer to an open question; nor is a counter-question, as long as the agent asks nothing new.
    """
    at = asked + 1
    while at < min(len(said), asked + 1 + _REACH):
        turn = said[at]
        if turn.speaker == "agent":
            if at > asked + 1 and any(sentence.question for sentence in turn.sentences):
                return ()
        elif not (_only_asks(turn) and any(sentence.question for sentence in turn.sentences)) and not (
            wide and is_filler(turn)
        ):
            replies = [turn]
            while at + 1 < len(said) and said[at + 1].speaker == "customer":
                at += 1
                replies.append(said[at])
            return tuple(replies[:3])
        at += 1
    return ()
