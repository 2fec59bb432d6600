"""Needs, objections with their category, how the agent answered them, and whether that settled them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from callwright.analysis import Bant, Intent, Statement
from callwright.analysis.rubric import Concern, Rubric, Topic
from callwright.analysis.rules import phrases, tables
from callwright.analysis.rules.exchanges import Exchange
from callwright.analysis.rules.reading import Said, Sentence
from callwright.analysis.rules.stance import stance
from callwright.analysis.rules.tables import Cue, Domain, Section
from callwright.analysis.rules.topics import asks_for
from callwright.analysis.text import PARAGRAPH_LIMIT, clean

_MOST = 3  # sentences that one field quotes
_NEED = Topic("Need", "")
_OWN = frozenset({"Pricing", "Payment Ability", "No Need", "Timing"})
"""Categories that are no concern of the customer's where they are somebody else's."""
STRONG, WEAK = 2.0, 1.0
"""What a turn weighs that has words which can hardly mean anything else, or words that may."""
_SAYS = 0.5  # from here on a turn says what the matter is; less only adds to it


@dataclass(frozen=True, slots=True)
class Objection:
    """What stands in the way.

    Attributes:
        sentence: The customer's words.
        category: As the rubric names it.
        weight: How much the turn speaks for the category.
        clear: Whether the words can hardly mean anything else.
        answers: The agent's turns that follow directly.
        settled: The customer's later turn that takes it back; None where there is none.
    """

    sentence: Sentence
    category: str
    weight: float
    answers: tuple[Said, ...]
    settled: int | None
    clear: bool = False


def needs(said: Sequence[Said], asked: Sequence[Exchange]) -> tuple[Sentence, ...]:
    """The customer's own sentences that say what is needed, and answers to what the agent asked about needs."""
    section = Section([(Cue("need"), tables.TOPICS["Need"].said)])
    found = [
        sentence
        for turn in said
        if turn.speaker == "customer"
        for sentence in turn.sentences
        if not sentence.question and any(_meant(sentence, hit) for hit in section.find(sentence.plain))
    ]
    for exchange in asked:
        if exchange.answer != "no" and asks_for(_NEED, exchange.question.plain):
            found += [sentence for sentence in exchange.reply.sentences[:1] if not sentence.question]
    return tuple(dict.fromkeys(sorted(found, key=lambda sentence: sentence.turn)))


def _meant(sentence: Sentence, hit: tables.Hit) -> bool:
    meant = stance(sentence.plain, hit)
    return meant.affirmed and not meant.supposed


def objections(
    said: Sequence[Said],
    rubric: Rubric,
    domain: Domain,
    intent: Intent | None,
    told: Collection[int] = (),
    *,
    complains: bool = False,
) -> tuple[Objection, ...]:
    """The customer's objections, at most one per sentence; a question about the price is none.

    Who can be no customer at all objects to nothing but that. In a support call a defect is a problem and no concern,
    and an extra that is turned down stands in the way of nothing.

    Args:
        said: The turns.
        rubric: Whose concerns are looked for.
        domain: The kind of call.
        intent: What the customer is set on; weak signs count only where that is not to go on.
        told: Turns in which the customer tells of their own situation: what they use, need, or called about.
        complains: Whether a call to support complains, so that what the call is about is held against it.
    """
    told = () if complains else told
    found = []
    for index, turn in enumerate(said):
        if turn.speaker != "customer":
            continue
        objects = domain != "support" and OBJECTS.search(turn.plain) is not None
        for sentence in turn.sentences:
            if sentence.question and not tables.MOCKING.heard(turn.plain):
                category, weight = next(iter(_rhetorical(rubric.concerns, domain).ids(sentence.plain)), None), STRONG
            else:
                category, weight = _category(sentence, _section(rubric.concerns, domain, strong=True)), STRONG
            if category is None and not sentence.question:
                category = _denied_feature(said, index, sentence, rubric)
            if category is None and not sentence.question:
                category, weight = _category(sentence, _section(rubric.concerns, domain, strong=False)), WEAK
                category = category or _together(sentence, rubric, domain)
            if category and not (turn.turn in told and category in OF_THEIR_OWN and not objects):
                answers, settled = _answers(said, index), _settled(said, index)
                found.append(Objection(sentence, category, weight, answers, settled, clear=weight == STRONG))
    return tuple(_counted(found, domain, intent, complains=complains))


def objection(said: Sequence[Said], index: int, category: str, weight: float) -> Objection:
    """A turn as an objection of a category, with what the agent answers."""
    sentences = [sentence for sentence in said[index].sentences if not sentence.question] or said[index].sentences
    return Objection(sentences[0], category, weight, _answers(said, index), _settled(said, index))


def _counted(found: Sequence[Objection], domain: Domain, intent: Intent | None, *, complains: bool) -> list[Objection]:
    if intent == "NOT_QUALIFIED":
        return [objection for objection in found if objection.category in _OF_NO_CUSTOMER]
    if domain == "support" and intent == "NEUTRAL":
        found = [objection for objection in found if objection.category != "No Need"]
    return [each for each in found if each.clear or complains or not goes_on(domain, intent, each.category)]


def goes_on(domain: Domain, intent: Intent | None, category: str) -> bool:
    """Whether words that are less clear are no concern: the customer buys, pays or stays, or wants a problem solved.

    That help does not come is told in words of its own, beside the problem.
    """
    return intent == "INTERESTED" or (domain == "support" and intent == "NEUTRAL" and category != "Support")


OF_THEIR_OWN = frozenset({"Functionality", "Integration", "Implementation Timeline", "No Need", "Dispute"})
"""Categories of which the words also tell of the customer's own affairs, or of the problem that a call is about."""

OBJECTS = tables.pattern("concerns", "objects")
"""What shows that somebody who tells of their own affairs holds them against it."""

_OF_NO_CUSTOMER = frozenset({"No Need", "Dispute", "Competition"})
_DENIES = tables.pattern("concerns", "denies")
_MISSES = tables.pattern("concerns", "misses")
_ASKS_FOR = tables.pattern("concerns", "asks_for")


def _denied_feature(said: Sequence[Said], index: int, sentence: Sentence, rubric: Rubric) -> str | None:
    """`Functionality`, where the customer asked for something that the agent says is not there, and misses it."""
    if index < 2 or sentence.question or not any(concern.category == "Functionality" for concern in rubric.concerns):
        return None
    answer, before = said[index - 1], said[index - 2]
    asked = before.speaker == "customer" and any(s.question and _ASKS_FOR.search(s.plain) for s in before.sentences)
    denied = answer.speaker == "agent" and _DENIES.match(answer.plain)
    return "Functionality" if asked and denied and _MISSES.search(sentence.plain) else None


@lru_cache(maxsize=64)
def _section(concerns: tuple[Concern, ...], domain: Domain, *, strong: bool) -> Section:
    cues: list[tuple[Cue, list[str]]] = []
    for concern in concerns:
        known = (tables.CONCERNS if strong else tables.WEAK_CONCERNS).get(concern.category, ())
        heard_in = tables.CONCERN_DOMAINS.get(concern.category, (domain,))
        patterns = [*(phrases.patterns_of(concern.phrases) if strong else ()), *(known if domain in heard_in else ())]
        cues.append((Cue(concern.category), patterns))
    order = list(tables.CONCERNS)
    cues.sort(key=lambda cue: order.index(cue[0].id) if cue[0].id in order else -1)
    return Section(cues)


@lru_cache(maxsize=64)
def _rhetorical(concerns: tuple[Concern, ...], domain: Domain) -> Section:
    names = [c.category for c in concerns if domain in tables.CONCERN_DOMAINS.get(c.category, (domain,))]
    return Section([(Cue(name), tables.RHETORICAL.get(name, ())) for name in names])


def _category(sentence: Sentence, section: Section) -> str | None:
    for hit in section.find(sentence.plain):
        meant = stance(sentence.plain, hit)
        wonders = _WONDERS.match(sentence.plain, hit.start) is not None
        if (wonders or meant.negations % 2 == 0) and not meant.disclaimed and (meant.own or hit.cue.id not in _OWN):
            return hit.cue.id
    return None


def _together(sentence: Sentence, rubric: Rubric, domain: Domain) -> str | None:
    """The category of which words of every kind are in the sentence."""
    for concern in rubric.concerns:
        parts = tables.TOGETHER.get(concern.category)
        if parts and domain in tables.CONCERN_DOMAINS.get(concern.category, (domain,)):
            hits = [next(part.find(sentence.plain), None) for part in parts]
            if all(hits) and not _SETTLED.search(sentence.plain):
                return concern.category
    return None


_WONDERS = tables.pattern("concerns", "wonders")
_SETTLED = tables.pattern("concerns", "settled")


def _answers(said: Sequence[Said], index: int) -> tuple[Said, ...]:
    answers = []
    for turn in said[index + 1 :]:
        if turn.speaker != "agent":
            break
        answers.append(turn)
    return tuple(answers)


def _settled(said: Sequence[Said], index: int) -> int | None:
    for turn in said[index + 1 : index + 8]:
        if turn.speaker == "customer" and tables.SETTLES.heard(turn.plain):
            return turn.turn
    return None


def main_category(objected: Sequence[Objection], intent: Intent | None) -> str | None:
    """The category that weighs most over the turns that raise it; the first where none stands out.

    Praise of a supplier yields to anything else, unless the customer declines: it is often mere politeness.
    """
    weights: dict[str, float] = {}
    for each in {(o.category, o.sentence.turn, o.weight): o for o in objected}.values():
        weights[each.category] = weights.get(each.category, 0.0) + each.weight
    if not weights:
        return None
    most = max(weights.values())
    leading = [category for category in weights if weights[category] == most]
    others = [category for category in leading if category != "Competition"]
    return (leading if intent == "NOT_INTERESTED" else others or leading)[0]


def about_the_main(objected: Sequence[Objection], intent: Intent | None) -> tuple[Objection, ...]:
    """The objections of the main category, one for each turn, and the clear ones of others, as the call goes."""
    category = main_category(objected, intent)
    turns: dict[int, Objection] = {}
    for each in objected:
        if each.category == category:
            before = turns.get(each.sentence.turn)
            turns[each.sentence.turn] = replace(before, weight=before.weight + each.weight) if before else each
    told = [each for each in turns.values() if each.weight >= _SAYS] or turns.values()
    others = [each for each in objected if each.clear and each.category != category]
    return tuple(sorted((*told, *others), key=lambda each: each.sentence.turn))


def bant(needed: Sequence[Sentence], objected: Sequence[Objection], intent: Intent | None) -> Bant:
    """The fields of the callback: quotes with their turns, the main category, and how it was handled."""
    category = main_category(objected, intent)
    if category is None:
        return Bant(needs=_quote(needed))
    main = [objection for objection in objected if objection.category == category]
    answered = list(dict.fromkeys(answer for objection in objected for answer in objection.answers))[:_MOST]
    handling = Statement(
        clean(" ".join(answer.text for answer in answered), PARAGRAPH_LIMIT), tuple(answer.turn for answer in answered)
    )
    return Bant(
        needs=_quote(needed),
        objection=_quote([objection.sentence for objection in main]),
        concern_categories=Statement(category, tuple(dict.fromkeys(o.sentence.turn for o in main))),
        objection_handling=handling if answered else None,
    )


def _quote(sentences: Sequence[Sentence]) -> Statement | None:
    chosen = sentences[:_MOST]
    if not chosen:
        return None
    turns = tuple(dict.fromkeys(sentence.turn for sentence in chosen))
    return Statement(clean(" ".join(sentence.text for sentence in chosen), PARAGRAPH_LIMIT), turns)
