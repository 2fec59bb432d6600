"""What no words name but the course of the call shows: a concern, or a topic that the concern answers."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from callwright.analysis import Intent, Qualification
from callwright.analysis.rubric import Rubric
from callwright.analysis.rules import tables
from callwright.analysis.rules.amounts import amounts
from callwright.analysis.rules.concerns import STRONG, Objection, objection
from callwright.analysis.rules.intent import Signal
from callwright.analysis.rules.reading import ASKS, Said
from callwright.analysis.rules.tables import Domain
from callwright.analysis.text import SENTENCE_LIMIT, clean


def inferred(
    said: Sequence[Said],
    topics: Sequence[Qualification],
    found: Sequence[Signal],
    intent: Intent | None,
    domain: Domain,
    rubric: Rubric,
) -> tuple[Objection, ...]:
    """What stands in the way of a customer who does not go on and names nothing; empty where nothing shows it.

    In this order: an answer that somebody else decides; a price that was named right before the refusal or is
    said back as a surprise; a supplier in place; a later time. In a call that collects, that the debt is denied.
    """
    if intent not in ("NEUTRAL", "NOT_INTERESTED") or (domain == "support" and intent == "NEUTRAL"):
        return ()
    categories = {concern.category for concern in rubric.concerns}
    by_label = {topic.label: topic for topic in topics}
    for category, turn in _shown(said, by_label, found, intent, domain):
        if category in categories:
            at = next((index for index, each in enumerate(said) if each.turn == turn), None)
            if at is not None and said[at].speaker == "customer":
                return (objection(said, at, category, _WEIGHT),)
    return ()


def _shown(
    said: Sequence[Said], by_label: dict[str, Qualification], found: Sequence[Signal], intent: Intent, domain: Domain
) -> list[tuple[str, int]]:
    denied = [signal.turn for signal in found if signal.what == "disputes it"]
    if domain == "collections":
        return [("Dispute", turn) for turn in denied[:1]]
    shown: list[tuple[str, int]] = []
    authority, current = by_label.get("Authority"), by_label.get("Current Solution")
    if authority and tables.SOMEBODY_ELSE.heard(_plain(said, authority.turns)):
        shown.append(("Authority", authority.turns[-1]))
    refusals = {signal.turn for signal in found if signal.kind == "intent" and signal.weight <= _REFUSAL}
    for before, turn in pairwise(said):
        priced = before.speaker == "agent" and any(not amount.bare for amount in amounts(before.plain))
        if priced and turn.speaker == "customer" and (turn.turn in refusals or _shocked(turn)):
            shown.append(("Pricing", turn.turn))
            break
    if current and intent == "NOT_INTERESTED":
        shown.append(("Competition", current.turns[0]))
    if "Timeline" in by_label and intent == "NEUTRAL" and any(signal.what == "puts it off" for signal in found):
        shown.append(("Timing", by_label["Timeline"].turns[0]))
    return shown


def _shocked(turn: Said) -> bool:
    """Whether a turn says an amount back as a surprise ("Forty-one!", "Forty?"), and asks nothing."""
    first = turn.sentences[0]
    return bool(amounts(first.plain)) and first.text[-1] in "?!—" and not ASKS.match(first.plain)


_WEIGHT = 0.5  # less than any words of the customer's
_REFUSAL = -2.0  # the weight from which a signal is a refusal, and no mere mood


def _plain(said: Sequence[Said], turns: Sequence[int]) -> str:
    return " ".join(turn.plain for turn in said if turn.turn in turns)


_TOLD_BY: dict[str, frozenset[str | None]] = {
    "Authority": frozenset({"Authority"}),
    "Current Solution": frozenset({"Competition"}),
    "Reason For Delay": frozenset({"Payment Ability", "Dispute", "Authority", "Quality", "Support"}),
}
"""Topics that a concern answers by what it says: who decides, what is used today, why it has not been paid."""


def told_by_concern(
    topics: Sequence[Qualification], objected: Sequence[Objection], main: str | None, rubric: Rubric
) -> tuple[Qualification, ...]:
    """The topics with those that nothing else answered and the main concern does, in the rubric's order.

    Args:
        topics: What was found on the topics.
        objected: The customer's objections.
        main: The category that most of them are of.
        rubric: Whose topics are looked for.
    """
    found = {topic.label: topic for topic in topics}
    told = [each for each in objected if each.category == main]
    turns = tuple(dict.fromkeys(each.sentence.turn for each in told))
    clear = sum(each.weight for each in told) >= STRONG
    for topic in rubric.topics:
        if main not in _TOLD_BY.get(topic.label, ()):
            continue
        if topic.label not in found and clear:
            found[topic.label] = Qualification(topic.label, clean(told[0].sentence.text, SENTENCE_LIMIT), turns)
        elif topic.label in found and main == topic.label:
            known = found[topic.label]
            found[topic.label] = replace(known, turns=tuple(sorted({*known.turns, *turns})))
    order = [topic.label for topic in rubric.topics]
    return tuple(sorted(found.values(), key=lambda each: order.index(each.label)))
