"""A concern in words that no cue has: the category whose vocabulary the customer keeps to, where nothing is clearer."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from callwright.analysis import Intent
from callwright.analysis.rubric import Rubric
from callwright.analysis.rules import tables
from callwright.analysis.rules.concerns import OBJECTS, OF_THEIR_OWN, Objection, objection
from callwright.analysis.rules.reading import ASKS, Said
from callwright.analysis.rules.tables import Domain

_STUMBLES = tables.pattern("concerns", "stumbles")
_WORD = re.compile(r"\w+")
_DENIED = tables.pattern("concerns", "denied")
_WORDS_GOING_ON = 3
"""Words of a field in one turn that speak for it where the customer goes on; a stumble ("but", "I worry") is one."""
_WORDS_SHORT_OF_MONEY = 2  # likewise of a customer who promises a payment
_EACH, _TOGETHER, _COUNTED = 0.3, 0.8, 3
"""What each word weighs, what it weighs beside another or a stumble, and how many count: about as much as a cue."""
_MOST = 4.0  # what the words of one category weigh in a call: as much as clear cues in two turns


def spoken_of(
    said: Sequence[Said],
    intent: Intent | None,
    domain: Domain,
    rubric: Rubric,
    told: Collection[int],
    *,
    complains: bool = False,
) -> tuple[Objection, ...]:
    """The turns that have words of a category's field, several at once where the customer goes on.

    Args:
        said: The turns.
        intent: What the customer is set on.
        domain: The kind of call.
        rubric: Whose concerns are looked for.
        told: Turns in which the customer tells of their own situation.
        complains: Whether a call to support complains, so that each word counts.
    """
    told = () if complains else told
    if intent not in ("INTERESTED", "NEUTRAL", "NOT_INTERESTED"):
        return ()
    fields = [
        (concern.category, field, _least(domain, intent, concern.category, complains=complains))
        for concern in rubric.concerns
        if (field := tables.VOCABULARY.get(concern.category))
        and domain in tables.CONCERN_DOMAINS.get(concern.category, (domain,))
    ]
    found: list[Objection] = []
    weights: dict[str, float] = {}
    for index, turn in enumerate(said):
        if turn.speaker != "customer":
            continue
        plain = " ".join(s.plain for s in turn.sentences if not (s.question and ASKS.match(s.plain)))
        single, denied = frozenset(_WORD.findall(plain)), set(_DENIED.findall(plain))
        stumbles = _STUMBLES.search(plain) is not None
        raised: Objection | None = None
        objects = domain != "support" and OBJECTS.search(plain) is not None
        for category, field, least in fields:
            if least is None or (turn.turn in told and category in OF_THEIR_OWN and not objects):
                continue
            heard = field.heard(plain, single) - denied
            words = len(heard)
            if words and words + stumbles >= least:
                weight = min(_weight(heard, domain, stumbles=stumbles), _MOST - weights.get(category, 0.0))
                weights[category] = weights.get(category, 0.0) + weight
                raised = raised or objection(said, index, category, weight)
                sentence = next((s for s in turn.sentences if any(word in s.plain for word in heard)), raised.sentence)
                found.append(replace(raised, sentence=sentence, category=category, weight=weight))
    return tuple(found)


def _weight(heard: set[str], domain: Domain, *, stumbles: bool) -> float:
    """What the words of a field in one turn weigh; in a support call by how few fields share them."""
    words = tables.distinct(heard) if domain == "support" else len(heard)
    return _EACH * min(words, _COUNTED) + _TOGETHER * min(max(words - 1, 0) + stumbles, _COUNTED)


def _least(domain: Domain, intent: Intent, category: str, *, complains: bool) -> int | None:
    """How many words of a field must stand in one turn; None where its words are those of a mere problem."""
    if complains:
        return None if category == "No Need" else 1
    if domain == "support" and intent == "NEUTRAL":
        return {"Support": 2, "Quality": None}.get(category, _WORDS_GOING_ON)
    if domain == "collections" and intent == "INTERESTED" and category == "Payment Ability":
        return _WORDS_SHORT_OF_MONEY
    return _WORDS_GOING_ON if intent == "INTERESTED" else 1
