"""The customer's intent from weighted cues, and who could not be reached or could be no customer."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from callwright.analysis import Intent
from callwright.analysis.rubric import Rubric
from callwright.analysis.rules import phrases, tables
from callwright.analysis.rules.amounts import amounts
from callwright.analysis.rules.dates import times
from callwright.analysis.rules.exchanges import Exchange, is_filler
from callwright.analysis.rules.reading import Said, Sentence
from callwright.analysis.rules.stance import stance, whole
from callwright.analysis.rules.tables import Domain, Hit
from callwright.analysis.score import Judged, banded, by_evidence
from callwright.analysis.text import PARAGRAPH_LIMIT, clean

_REPEATS = 2  # how often a mere mood counts, the last times: the tenth "sounds good" says no more than the second
_BUSY_WORDS = 60  # a customer who says more than this did have a conversation
_CURT = 3  # words up to which a turn is no answer in substance: where the customer stands at the end is in a longer one
_CLEAR = 1.5  # evidence that outweighs a "call me later"
_STEP = 2.0  # the weight from which a signal is a step or a refusal, and no mere mood
_OVERTAKEN = 0.2  # what is left of a step that a later one takes back: where the customer stands at the end counts
_NO_EVIDENCE = ("agrees", "answers yes to a next step", "puts it off")  # a time to be called again is none for buying
_PHRASE_WEIGHTS: dict[Intent, float] = {"INTERESTED": 2.5, "NOT_INTERESTED": -2.5, "NEUTRAL": -0.3}

Kind = Literal["intent", "disqualifier", "unavailable"]


@dataclass(frozen=True, slots=True)
class Signal:
    """A piece of evidence: what was heard, how much it weighs, and in which turns."""

    kind: Kind
    what: str
    weight: float
    turn: int
    quote: str
    asked: int | None = None


def signals(said: Sequence[Said], asked: Sequence[Exchange], rubric: Rubric, domain: Domain) -> tuple[Signal, ...]:
    """Everything that bears on the intent, in the order of the call."""
    found: list[Signal] = []
    by_agent = tables.said_by_agent("disqualifier", domain)
    asked_who = False
    for turn in said:
        if turn.speaker == "customer":
            mocking = tables.MOCKING.heard(turn.plain)
            for sentence in turn.sentences:
                heard = [*_heard(sentence, domain), *_by_rubric(sentence, rubric)]
                found += [
                    signal
                    for signal in heard
                    if not (mocking and signal.weight > 0 and signal.kind == "intent")
                    and not (asked_who and signal.what == "declines")
                ]
            asked_who = False
        else:
            asked_who = _ASKS_WHO.search(turn.plain) is not None
            for sentence in turn.sentences:
                if not sentence.question:
                    found += [
                        Signal("disqualifier", hit.cue.id, hit.cue.weight, turn.turn, sentence.text)
                        for hit in by_agent.find(sentence.plain)
                        if not _AWAITED.search(sentence.plain, 0, hit.start)
                    ]
    for exchange in asked:
        found += _answered(exchange, domain)
    kept: Counter[str] = Counter()
    bounded = []
    for signal in sorted(found, key=lambda signal: signal.turn, reverse=True):
        kept[signal.what] += 1
        if kept[signal.what] <= _REPEATS or abs(signal.weight) >= _STEP:
            bounded.append(signal)
    return tuple(reversed(bounded))


_AWAITED = tables.pattern("intent", "awaited")
_ASKS_WHO = tables.pattern("intent", "asks_who")  # who keeps another's number to themselves declines no offer


def _heard(sentence: Sentence, domain: Domain) -> list[Signal]:
    found = []
    for hit in tables.section("intent", domain).find(sentence.plain):
        meant = stance(sentence.plain, hit)
        weight = meant.weigh(hit.cue.weight, fixed=hit.cue.fixed)
        if weight:
            turned = (weight > 0) != (hit.cue.weight > 0)
            what = f"not: {hit.cue.id}" if turned else hit.cue.id
            if hit.cue.id == _PROMISE and weight > 0:
                what, weight = _promised(sentence, weight)
            found.append(Signal("intent", what, weight, sentence.turn, sentence.text))
    if not sentence.question:
        found += [
            Signal("disqualifier", hit.cue.id, hit.cue.weight, sentence.turn, sentence.text)
            for hit in tables.section("disqualifier", domain).find(sentence.plain)
            if not _denied(sentence, hit)
        ]
    found += [
        Signal("unavailable", hit.cue.id, 1.0, sentence.turn, sentence.text)
        for hit in tables.section("unavailable").find(sentence.plain)
        if not _denied(sentence, hit)
    ]
    return found


def _denied(sentence: Sentence, hit: Hit) -> bool:
    return stance(sentence.plain, hit).negations % 2 == 1


_PROMISE = "says they will pay"


def _promised(sentence: Sentence, weight: float) -> tuple[str, float]:
    """A promise with an amount or a day is one; without, it is a good intention."""
    if weight >= 1 and concrete(sentence.plain):
        return "promises to pay", 3.0
    return _PROMISE, weight


def concrete(plain: str) -> bool:
    """Whether an amount or a day is named."""
    return any(when.exact for when in times(plain, None)) or any(not amount.bare for amount in amounts(plain))


def _by_rubric(sentence: Sentence, rubric: Rubric) -> list[Signal]:
    found = []
    for meaning in rubric.intents:
        pattern = phrases.compiled(meaning.phrases)
        match = pattern.search(sentence.plain) if pattern else None
        if match is None:
            continue
        meant = stance(sentence.plain, Hit(tables.Cue("phrase"), match.start(), match.end()))
        what, quote = f'"{clean(match[0], 60)}"', sentence.text
        if meaning.intent in _PHRASE_WEIGHTS:
            weight = meant.weigh(_PHRASE_WEIGHTS[meaning.intent], fixed=meaning.intent == "NEUTRAL")
            if weight and not (meaning.intent == "INTERESTED" and weight < 0):
                found.append(Signal("intent", what, weight, sentence.turn, quote))
        elif meant.affirmed:
            kind: Kind = "disqualifier" if meaning.intent == "NOT_QUALIFIED" else "unavailable"
            found.append(Signal(kind, what, 3.0, sentence.turn, quote))
    return found


def _answered(exchange: Exchange, domain: Domain) -> list[Signal]:
    """What an answer means, by the question that it answers."""
    if domain == "collections":
        return _answered_on_payment(exchange)
    answer, plain = exchange.answer, exchange.question.plain
    proposes = tables.AGENT["next step"].heard(plain)
    if answer not in ("yes", "no") or (exchange.open and not proposes):
        return []
    what, weight = "", 0.0
    if domain == "support":
        if tables.OFFER_TO_STAY.heard(plain) and (answer == "yes" or tables.RENEWAL.heard(plain)):
            what, weight = f"answers {answer} to an offer", 3.0 if answer == "yes" else -2.5
    elif tables.HARMLESS.heard(plain):
        what, weight = "wants nothing more", -2.0 if answer == "no" else 0.0
    else:
        what, weight = f"answers {answer} to a next step", _weighed_step(exchange, domain)
    if not weight:
        return []
    reply = exchange.reply
    return [Signal("intent", what, weight, reply.turn, reply.sentences[0].text, exchange.question.turn)]


def _weighed_step(exchange: Exchange, domain: Domain) -> float:
    section = tables.section("intent", domain)
    plain = exchange.question.plain
    if not tables.AGENT["next step"].heard(plain) and not any(hit.cue.weight >= _STEP for hit in section.find(plain)):
        return 0.0
    hesitant = "puts it off" in section.ids(exchange.reply.plain)
    if exchange.answer == "yes":
        return 0.0 if hesitant else 2.5
    return -1.0 if hesitant else -2.0


def _answered_on_payment(exchange: Exchange) -> list[Signal]:
    """An amount or a day, where the agent asked when, how much, or whether a part is possible."""
    asks = tables.ASKS_FOR_PAYMENT
    if not asks.heard(exchange.question.plain) or tables.COMING_BACK.heard(exchange.question.plain):
        return []
    for turn in exchange.replies:
        for sentence in turn.sentences:
            if sentence.question or not concrete(sentence.plain):
                continue
            meant = whole(sentence.plain)
            vague = tables.section("intent", "collections").ids(sentence.plain)
            if (
                meant.affirmed
                and not meant.hedged
                and not meant.supposed
                and not {"refuses to pay", "puts it off"} & set(vague)
            ):
                return [Signal("intent", "promises to pay", 3.0, turn.turn, sentence.text)]
    if exchange.answer == "yes" and not exchange.open and concrete(exchange.question.plain):
        return [
            Signal(
                "intent",
                "agrees to pay",
                2.5,
                exchange.reply.turn,
                exchange.reply.sentences[0].text,
                exchange.question.turn,
            )
        ]
    return []


def judge_intent(
    said: Sequence[Said], found: Sequence[Signal], *, settled: Sequence[int] = (), substance: bool = False
) -> Judged:
    """The intent, its score, why, and the turns it rests on.

    Who was not reached is `NOT_AVAILABLE`; who can be no customer and did not clearly refuse or want to is
    `NOT_QUALIFIED`; for the rest the evidence decides (`score.by_evidence`), and where the customer stands at the end.

    Args:
        said: The turns.
        found: The evidence.
        settled: Turns that an undecided call rests on, beside what the customer leaves open: a problem and how it
            was settled.
        substance: Whether the customer answered on some topic, so that a talk came about.
    """
    customer = [turn for turn in said if turn.speaker == "customer"]
    weighed = _at_the_end([signal for signal in found if signal.kind == "intent"])
    net = sum(signal.weight for signal in weighed)
    barred = [signal for signal in found if signal.kind == "disqualifier"]
    if not customer:
        return Judged("NOT_AVAILABLE", None, "The customer says nothing in this call.", _first(said))
    away = _unreached(customer, found, substance)
    if away:
        return _judged("NOT_AVAILABLE", net, f"The customer was not reached ({away[0].what})", away)
    wanted = sum(signal.weight for signal in weighed if signal.weight > 0)
    refused = -sum(signal.weight for signal in weighed if signal.weight < 0)
    barrier = sum(sorted({signal.what: signal.weight for signal in barred}.values())[-2:])
    if barrier > 0 and wanted < barrier and refused <= 1.5 * barrier:
        return _judged("NOT_QUALIFIED", net, "The customer could not go on in any case", barred)
    if abs(net) < _CLEAR and settled:
        open_ended = [signal.turn for signal in weighed if abs(signal.weight) < _STEP]
        turns = tuple(sorted({*settled, *open_ended[-2:]}))
        text = "The customer wants the matter settled and says nothing decisive on going on."
        return Judged("NEUTRAL", banded("NEUTRAL", net), text, turns)
    return _at_last(customer, net, weighed)


def _at_last(customer: Sequence[Said], net: float, weighed: Sequence[Signal]) -> Judged:
    """By the evidence; who is undecided at the end says so in the last words of substance."""
    last = [turn.turn for turn in customer if turn.words > _CURT and not is_filler(turn)] or [customer[-1].turn]
    if not weighed:
        turns = tuple(last[-2:])
        return Judged("NEUTRAL", banded("NEUTRAL", 0), "The customer shows neither interest nor refusal.", turns)
    judged = _by_evidence(net, weighed)
    if judged.intent == "NEUTRAL":
        return replace(judged, turns=tuple(sorted({*judged.turns, last[-1]})))
    return judged


def _at_the_end(weighed: Sequence[Signal]) -> list[Signal]:
    """The signals, those that a later step in the other direction takes back with little of their weight."""
    steps = [signal for signal in weighed if abs(signal.weight) >= _STEP]
    if not steps:
        return list(weighed)
    last = steps[-1]
    return [
        signal
        if signal.weight * last.weight >= 0 or signal.turn > last.turn
        else Signal(signal.kind, signal.what, signal.weight * _OVERTAKEN, signal.turn, signal.quote, signal.asked)
        for signal in weighed
    ]


def _by_evidence(net: float, weighed: Sequence[Signal]) -> Judged:
    label = by_evidence(net)
    strongest = sorted(weighed, key=lambda signal: -abs(signal.weight))
    opening: dict[Intent, tuple[str, list[Signal]]] = {
        "INTERESTED": ("The customer shows interest", [signal for signal in strongest if signal.weight > 0]),
        "NOT_INTERESTED": ("The customer declines", [signal for signal in strongest if signal.weight < 0]),
        "NEUTRAL": ("The customer is undecided", [signal for signal in strongest if signal.weight <= 0] or strongest),
    }
    words, leading = opening[label]
    decisive = [signal for signal in leading if abs(signal.weight) >= _STEP] or leading
    return _judged(label, net, words, decisive if label != "NEUTRAL" else leading)


def _unreached(customer: Sequence[Said], found: Sequence[Signal], substance: bool) -> list[Signal]:
    """The evidence that nobody who could decide was reached, if that is what the call shows."""
    away = [signal for signal in found if signal.kind == "unavailable"]
    machine = [signal for signal in away if signal.what == "voicemail"]
    if machine and len(customer) <= 3:
        return [Signal("unavailable", "voicemail", 1.0, turn.turn, turn.text) for turn in customer]
    net = sum(signal.weight for signal in found if signal.kind == "intent" and signal.what not in _NO_EVIDENCE)
    if any(signal.kind == "disqualifier" for signal in found) or abs(net) >= _CLEAR:
        return []
    kinds = {"away"} if substance else {"away", "busy"}
    short = sum(turn.words for turn in customer) <= _BUSY_WORDS
    return [signal for signal in away if signal.what in kinds or signal.what.startswith('"')] if short else []


def _judged(label: Intent, net: float, words: str, leading: Sequence[Signal]) -> Judged:
    turns = {signal.turn for signal in leading} | {signal.asked for signal in leading if signal.asked is not None}
    text = f"{words}: {_quoted(leading)}."
    return Judged(label, banded(label, net), clean(text, PARAGRAPH_LIMIT), tuple(sorted(turns)))


def _quoted(evidence: Sequence[Signal]) -> str:
    seen: dict[str, str] = {}
    for signal in evidence:
        seen.setdefault(clean(signal.quote, 120), signal.what)
    return "; ".join(f'"{quote}" ({what})' for quote, what in list(seen.items())[:3])


def _first(said: Sequence[Said]) -> tuple[int, ...]:
    return tuple(turn.turn for turn in said[:3])
