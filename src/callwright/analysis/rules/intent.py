"""The customer's buying intent from weighted cues, and who could not be reached or could not buy."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from callwright.analysis import Intent
from callwright.analysis.rules import cues
from callwright.analysis.rules.reading import Exchange, Said, Sentence, stance
from callwright.analysis.score import Judged, banded, by_evidence
from callwright.analysis.text import PARAGRAPH_LIMIT, clean

_REPEATS = 2  # how often one cue counts: the tenth "sounds good" says no more than the second
_BUSY_WORDS = 60  # a customer who says more than this did have a conversation
_CLEAR = 1.5  # evidence that outweighs a "call me later"
_APPOINTMENT = ("agrees", "answers yes to a next step")  # a time to be called again is no evidence for buying


@dataclass(frozen=True, slots=True)
class Signal:
    """A piece of evidence: what was heard, how much it weighs, and where."""

    kind: Literal["intent", "disqualifier", "unavailable"]
    what: str
    weight: float
    turn: int
    quote: str


def signals(said: Sequence[Said], asked: Iterable[Exchange]) -> tuple[Signal, ...]:
    """Everything the customer said that bears on the intent, in the order of the call."""
    found: list[Signal] = []
    for turn in said:
        if turn.speaker == "customer":
            for sentence in turn.sentences:
                found += _heard(sentence)
    for exchange in asked:
        found += _answered(exchange)
    kept: Counter[str] = Counter()
    bounded = []
    for signal in sorted(found, key=lambda signal: signal.turn):
        kept[signal.what] += 1
        if kept[signal.what] <= _REPEATS:
            bounded.append(signal)
    return tuple(bounded)


def _heard(sentence: Sentence) -> list[Signal]:
    found = []
    for hit in cues.INTENT.find(sentence.plain):
        weight = stance(sentence.plain, hit).weigh(hit.cue.weight, fixed=hit.cue.fixed)
        if weight:
            turned = (weight > 0) != (hit.cue.weight > 0)
            what = f"not: {hit.cue.id}" if turned else hit.cue.id
            found.append(Signal("intent", what, weight, sentence.turn, sentence.text))
    if not sentence.question:
        found += [
            Signal("disqualifier", hit.cue.id, hit.cue.weight, sentence.turn, sentence.text)
            for hit in cues.DISQUALIFIER.find(sentence.plain)
            if stance(sentence.plain, hit).affirmed
        ]
    found += [
        Signal("unavailable", hit.cue.id, 1.0, sentence.turn, sentence.text)
        for hit in cues.UNAVAILABLE.find(sentence.plain)
        if stance(sentence.plain, hit).negations % 2 == 0
    ]
    return found


def _answered(exchange: Exchange) -> list[Signal]:
    """What a yes or a no means, by the question that it answers."""
    answer, plain = exchange.answer, exchange.question.plain
    turn, quote = exchange.reply.turn, exchange.reply.sentences[0].text
    if answer is None:
        return []
    if answer == "no":
        for label, what in (("Budget", "no budget"), ("Authority", "no authority")):
            if plain.startswith(("do ", "are ", "have ", "is ")) and cues.ASKED[label].ids(plain):
                return [Signal("disqualifier", what, 3.0, turn, quote)]
    offered = any(hit.cue.weight >= 2 for hit in cues.INTENT.find(plain))
    if offered:
        return [Signal("intent", f"answers {answer} to an offer", 2.0 if answer == "yes" else -2.5, turn, quote)]
    if cues.AGENT["next step"].ids(plain):
        return [Signal("intent", f"answers {answer} to a next step", 1.5 if answer == "yes" else -1.0, turn, quote)]
    return []


def judge_intent(said: Sequence[Said], found: Sequence[Signal]) -> Judged:
    """The intent, its score, why, and the turns it rests on.

    Who was not reached is `NOT_AVAILABLE`; who cannot buy and did not clearly refuse or want to is `NOT_QUALIFIED`;
    for the rest the evidence decides (`score.by_evidence`).
    """
    customer = [turn for turn in said if turn.speaker == "customer"]
    weighed = [signal for signal in found if signal.kind == "intent"]
    net = sum(signal.weight for signal in weighed)
    barred = [signal for signal in found if signal.kind == "disqualifier"]
    if not customer:
        return Judged("NOT_AVAILABLE", None, "The customer says nothing in this call.", _first(said))
    away = _unreached(customer, found)
    if away:
        return _judged("NOT_AVAILABLE", net, f"The customer was not reached ({away[0].what})", away)
    refused = -sum(signal.weight for signal in weighed if signal.weight < 0)
    barrier = max((signal.weight for signal in barred), default=0.0)
    if barrier > 0 and net < barrier and refused <= barrier:
        return _judged("NOT_QUALIFIED", net, "The customer could not buy", barred)
    if not weighed:
        longest = sorted(customer, key=lambda turn: -turn.words)[:3]
        turns = tuple(sorted(turn.turn for turn in longest))
        return Judged("NEUTRAL", banded("NEUTRAL", 0), "The customer shows neither interest nor refusal.", turns)
    return _by_evidence(net, weighed)


def _by_evidence(net: float, weighed: Sequence[Signal]) -> Judged:
    label = by_evidence(net)
    strongest = sorted(weighed, key=lambda signal: -abs(signal.weight))
    towards = [signal for signal in strongest if signal.weight > 0]
    against = [signal for signal in strongest if signal.weight < 0]
    opening: dict[Intent, tuple[str, list[Signal]]] = {
        "INTERESTED": ("The customer shows interest", towards),
        "NOT_INTERESTED": ("The customer declines", against),
        "NEUTRAL": ("The customer is undecided", strongest),
    }
    words, leading = opening[label]
    other = [signal for signal in strongest if signal not in leading]
    return _judged(label, net, words, leading, other)


def _unreached(customer: Sequence[Said], found: Sequence[Signal]) -> list[Signal]:
    """The evidence that nobody who could decide was reached, if that is what the call shows."""
    away = [signal for signal in found if signal.kind == "unavailable"]
    machine = [signal for signal in away if signal.what == "voicemail"]
    if machine and len(customer) <= 2:
        return machine
    net = sum(signal.weight for signal in found if signal.kind == "intent" and signal.what not in _APPOINTMENT)
    if any(signal.kind == "disqualifier" for signal in found) or abs(net) >= _CLEAR:
        return []
    wrong = [signal for signal in away if signal.what == "wrong person"]
    busy = [signal for signal in away if signal.what == "busy"]
    return wrong or (busy if sum(turn.words for turn in customer) <= _BUSY_WORDS else [])


def _judged(label: Intent, net: float, words: str, leading: Sequence[Signal], other: Sequence[Signal] = ()) -> Judged:
    text = f"{words}: {_quoted(leading)}."
    if other:
        text += f" Against that: {_quoted(other)}."
    turns = tuple(sorted({signal.turn for signal in [*leading, *other]}))
    return Judged(label, banded(label, net), clean(text, PARAGRAPH_LIMIT), turns)


def _quoted(evidence: Sequence[Signal]) -> str:
    seen: dict[str, str] = {}
    for signal in evidence:
        seen.setdefault(clean(signal.quote, 120), signal.what)
    return "; ".join(f'"{quote}" ({what})' for quote, what in list(seen.items())[:3])


def _first(said: Sequence[Said]) -> tuple[int, ...]:
    return tuple(turn.turn for turn in said[:3])
