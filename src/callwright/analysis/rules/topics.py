"""Qualification topics that came up, with the answer: by question and reply, or said unasked."""

import re
from collections.abc import Sequence
from functools import lru_cache

from callwright.analysis import Qualification
from callwright.analysis.rubric import Rubric, Topic
from callwright.analysis.rules import answers, phrases, tables
from callwright.analysis.rules.answers import FITS, Fits, Given
from callwright.analysis.rules.exchanges import ACCEPTS, Exchange, is_filler
from callwright.analysis.rules.reading import Said, Sentence
from callwright.analysis.rules.stance import stance, whole
from callwright.analysis.rules.tables import Cue, Domain, Section
from callwright.analysis.text import SENTENCE_LIMIT, clean

_UNKNOWN = tables.pattern("topics", "unknown")


@lru_cache(maxsize=128)
def _sections(topic: Topic) -> tuple[Section, Section, Section]:
    """What asks for a topic, and what answers it unasked: the built-in cues of its label and the rubric's words."""
    known = tables.TOPICS.get(topic.label)
    asked = [*phrases.patterns_of(topic.asked), *(known.asked if known else ())]
    said = [*phrases.patterns_of(topic.said), *(known.said if known else ())]
    weak = known.weak if known else ()
    return (
        Section([(Cue(topic.label), asked)]),
        Section([(Cue(topic.label), said)]),
        Section([(Cue(topic.label), weak)]),
    )


def asks_for(topic: Topic, plain: str) -> bool:
    """Whether a question asks for a topic."""
    return _sections(topic)[0].heard(plain)


def qualification(said: Sequence[Said], asked: Sequence[Exchange], rubric: Rubric) -> tuple[Qualification, ...]:
    """One entry per topic that came up with an answer: a reply to what the agent asked, else what was said unasked."""
    found: list[Qualification] = []
    for topic in rubric.topics:
        told = next((each.turns for each in found if each.label == "Problem"), ())
        entry = _entry(topic, said, asked, rubric, told)
        if entry:
            found.append(entry)
    return tuple(found)


def _entry(
    topic: Topic, said: Sequence[Said], asked: Sequence[Exchange], rubric: Rubric, told: Sequence[int]
) -> Qualification | None:
    """What answers a topic; `told` are the turns that tell the problem."""
    if topic.label == "Resolution":
        return _resolution(topic, said)
    replied = _replied(topic, asked, rubric.topics)
    if replied and topic.label != "Problem":
        return replied
    volunteered = _volunteered(topic, said, _sections(topic)[1], told if topic.label == "Impact" else ())
    if topic.label == "Problem":
        at_once = _at_once(topic, said, opening=True)
        late = volunteered is not None and volunteered.turns[0] > said[min(_OPENING, len(said)) - 1].turn
        return (at_once if late else None) or volunteered or replied or at_once
    if topic.label == "Reason For Delay":
        given = [volunteered, _at_once(topic, said, opening=False), _perhaps(topic, said, told)]
        return min((each for each in given if each), key=lambda each: each.turns[0], default=None)
    return volunteered or (_perhaps(topic, said, told) if told or topic.label != "Impact" else None)


def _perhaps(topic: Topic, said: Sequence[Said], told: Sequence[int]) -> Qualification | None:
    """What may be meant, in words that are less clear; never in a turn that tells something else."""
    entry = _volunteered(topic, said, _sections(topic)[2], told)
    return None if entry is None or set(entry.turns) & set(told) else entry


def _at_once(topic: Topic, said: Sequence[Said], *, opening: bool) -> Qualification | None:
    """What the customer explains at once, and promises or asks for nothing: when told what is due, or why they call."""
    domain: Domain = "support" if opening else "collections"
    for index, turn in enumerate(said[1 : _OPENING if opening else None], 1):
        told = said[index - 1]
        prompts = told.speaker == "agent" and (opening or tables.AGENT["says the purpose"].heard(told.plain))
        if turn.speaker != "customer" or not prompts or tables.MOCKING.heard(turn.plain):
            continue
        for sentence in turn.sentences:
            words = re.findall(r"\w+", sentence.plain)
            other = tables.section("intent", domain).ids(sentence.plain) or tables.section("unavailable").ids(
                sentence.plain
            )
            if len(words) >= _EXPLAINS and not sentence.question and not other and not _KNOWS.search(sentence.plain):
                return Qualification(topic.label, clean(sentence.text, SENTENCE_LIMIT), (turn.turn,))
    return None


_OPENING = 4  # turns in which a caller says what the matter is
_EXPLAINS = 5  # words of a sentence that explains something
_KNOWS = tables.pattern("topics", "knows")


_OTHERS = frozenset({"Budget", "Authority", "Timeline", "Company Size"})


def _replied(topic: Topic, asked: Sequence[Exchange], others: Sequence[Topic]) -> Qualification | None:
    fits = FITS[answer_kind(topic)]
    for exchange in reversed(asked):
        if not asks_for(topic, exchange.question.plain):
            continue
        plain = exchange.question.plain
        if topic.label == "Timeline" and answers.CALLING.search(plain):
            continue
        if topic.label == "Promise To Pay" and (_HOW.search(plain) or tables.COMING_BACK.heard(plain)):
            continue
        if topic.label == "Current Solution" and any(
            asks_for(other, plain) for other in others if other.label in _OTHERS
        ):
            continue
        if topic.label == "Need" and exchange.answer == "no":
            continue
        bare = (
            exchange.answer is not None
            and not exchange.open
            and all(is_filler(turn) or turn.words <= 2 for turn in exchange.replies)
        )
        carrying = [turn for turn in exchange.replies if any(_answers(sentence, fits) for sentence in turn.sentences)]
        if carrying:
            turns = tuple(turn.turn for turn in carrying)
            text = " ".join(s.text for turn in carrying for s in turn.sentences if not s.question)
            return Qualification(topic.label, clean(text, SENTENCE_LIMIT), turns)
        if bare and answer_kind(topic) is None and topic.label not in ("Problem", "Need", "Current Solution"):
            turns = (exchange.question.turn, exchange.reply.turn)
            return Qualification(
                topic.label, clean(f"{exchange.question.text} {exchange.reply.text}", SENTENCE_LIMIT), turns
            )
    return None


def _answers(sentence: Sentence, fits: Fits) -> bool:
    if (sentence.question and "?" in sentence.text and len(sentence.plain.split()) > 2) or _UNKNOWN.search(
        sentence.plain
    ):
        return False
    return fits(Given(sentence, whole(sentence.plain), asked=True))


_HOW = tables.pattern("topics", "how")
_REFUSED = tables.pattern("topics", "refused")


def _volunteered(
    topic: Topic, said: Sequence[Said], section: Section, told: Sequence[int] = ()
) -> Qualification | None:
    """What the customer says on a topic unasked, the first time; outside the turns `told`, if it can be."""
    kind = answer_kind(topic)
    fits = FITS[kind]
    carrying: list[Sentence] = []
    for turn in said:
        if turn.speaker != "customer":
            continue
        for sentence in turn.sentences:
            if sentence.question and sentence.text.endswith("?"):
                continue
            for hit in section.find(sentence.plain):
                meant = stance(sentence.plain, hit)
                own = meant.own or kind in ("who", "since", "count")
                if (
                    own
                    and not (topic.label == "Need" and _REFUSED.search(sentence.plain))
                    and fits(Given(sentence, meant, asked=False))
                ):
                    carrying.append(sentence)
                    break
    carrying = [sentence for sentence in carrying if sentence.turn not in told] or carrying
    if not carrying:
        return None
    chosen = carrying if kind == "promise" else carrying[-1:] if kind == "mode" else carrying[:1]
    turns = tuple(dict.fromkeys(sentence.turn for sentence in chosen))
    return Qualification(topic.label, clean(" ".join(sentence.text for sentence in chosen), SENTENCE_LIMIT), turns)


def answer_kind(topic: Topic) -> str | None:
    """What an answer on a topic must hold."""
    known = tables.TOPICS.get(topic.label)
    return known.answer if known else None


def _resolution(topic: Topic, said: Sequence[Said]) -> Qualification | None:
    """What the agent does or offers: the first that the customer takes, else the last that is not turned down."""
    offers, words = tables.AGENT["offers a solution"], _sections(topic)[1]
    open_ended: Qualification | None = None
    told = False
    for index, turn in enumerate(said):
        told = told or (turn.speaker == "customer" and not is_filler(turn))
        stated = [
            s for s in turn.sentences if words.heard(s.plain) or (turn.speaker == "agent" and offers.heard(s.plain))
        ]
        if not told or not stated:
            continue
        after = said[index + 1] if index + 1 < len(said) and said[index + 1].speaker != turn.speaker else None
        if after is not None and tables.REFUSES.heard(after.plain):
            continue
        text = clean(" ".join(sentence.text for sentence in stated), SENTENCE_LIMIT)
        if after is not None and (tables.CONFIRMS.heard(after.plain) or ACCEPTS.match(after.plain)):
            asks_only = all(sentence.question for sentence in stated)
            confirmed = tables.CONFIRMS.heard(after.plain)
            if confirmed or not asks_only:
                return Qualification(topic.label, text, (turn.turn, after.turn) if confirmed else (turn.turn,))
        if not all(sentence.question for sentence in stated):
            open_ended = Qualification(topic.label, text, (turn.turn,))
    return open_ended
