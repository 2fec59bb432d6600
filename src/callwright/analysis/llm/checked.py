"""The model's answer held against the call: what no turn shows is dropped, and every score is computed here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from callwright.analysis import (
    Analysis,
    Bant,
    Chapter,
    Conversation,
    Intent,
    Line,
    Qualification,
    QualityScore,
    Speaker,
    Statement,
)
from callwright.analysis.acoustics import acoustic_quality
from callwright.analysis.llm.answer import Answer, ChapterAnswer, ClaimAnswer, RatingAnswer, SignalAnswer, TopicAnswer
from callwright.analysis.llm.prompt import VERSION
from callwright.analysis.metrics import measure
from callwright.analysis.score import Judged, banded, by_evidence
from callwright.analysis.scorecard import Parameter, Scorecard, not_assessed, quality_score, scored
from callwright.analysis.text import PARAGRAPH_LIMIT, SENTENCE_LIMIT, clean

_NAME_LIMIT = 80
_MOST = 40  # entries of one list that are kept

_SHOWN_BY: dict[Intent, str] = {
    "INTERESTED": "buying",
    "NOT_INTERESTED": "refusal",
    "NOT_QUALIFIED": "disqualifier",
    "NOT_AVAILABLE": "unavailable",
}
_OPPOSITE: dict[Intent, Intent] = {"INTERESTED": "NOT_INTERESTED", "NOT_INTERESTED": "INTERESTED"}


@dataclass(frozen=True, slots=True)
class _Call:
    lines: Mapping[int, Line]

    def known(self, turns: Iterable[int], speaker: Speaker | None = None) -> tuple[int, ...]:
        """Those of the ids that exist, each once and in order of the call, of this speaker where one is named."""
        wanted = set(turns)
        return tuple(i for i, line in self.lines.items() if i in wanted and speaker in (None, line.speaker))


def checked_analysis(answer: Answer, conversation: Conversation, scorecard: Scorecard, model: str) -> Analysis:
    """Make an analysis of what the answer can show.

    A claim about the customer stands only on turns of the customer, the agent's answer only on turns of the agent;
    ids that do not exist are dropped, and a claim without a turn with them. The intent score follows from the label
    and the checked signals, each turn counting once; quality scores from ratings bounded to the parameter's maximum;
    acoustic parameters are measured, not rated.
    """
    call = _Call({line.id: line for line in conversation.turns})
    judged, notes = _intent(answer, call)
    metrics = measure(conversation.speech, conversation.seconds)
    ratings = {rating.parameter.strip().casefold(): rating for rating in reversed(answer.ratings)}
    quality = tuple(
        acoustic_quality(conversation, metrics, parameter)
        or _quality(parameter, ratings.get(parameter.name.strip().casefold()), call)
        for parameter in scorecard.parameters
    )
    return Analysis(
        engine="llm",
        version=VERSION,
        model=clean(model, _NAME_LIMIT),
        draft=False,
        intent=judged.intent,
        intent_score=judged.score,
        intent_justification=judged.justification,
        intent_turns=judged.turns,
        summary=_chapters(answer.chapters[:_MOST], call),
        bant=_bant(answer, call),
        qualification=_qualification(answer.qualification[:_MOST], call),
        quality=quality,
        quality_score=quality_score(quality),
        metrics=metrics,
        notes=notes,
    )


def _intent(answer: Answer, call: _Call) -> tuple[Judged, tuple[str, ...]]:
    customer = call.known(call.lines, "customer")
    if not customer:
        return Judged("NOT_AVAILABLE", None, "The customer says nothing in this call.", tuple(call.lines)[:3]), ()
    signals = _strongest(signal for signal in answer.signals if signal.turn in customer)
    weights = {"buying": 1, "refusal": -1}
    net = float(sum(signal.strength * weights.get(signal.kind, 0) for signal in signals))
    turns = call.known(signal.turn for signal in signals)
    label = answer.intent
    if label == "NEUTRAL":
        shown = True
        turns = turns or customer[:3]
    else:
        shown = any(signal.kind == _SHOWN_BY[label] for signal in signals)
    if shown and by_evidence(net) != _OPPOSITE.get(label):
        text = clean(answer.intent_justification, PARAGRAPH_LIMIT)
        return Judged(label, banded(label, net), text or _quoted(call, turns), turns), ()
    if not any(signal.kind in weights for signal in signals):
        note = f"The language model named no turn of the customer's that shows {label}, so no intent was derived."
        return Judged(None, None, None, ()), (note,)
    derived = by_evidence(net)
    note = f"The turns that the language model named do not show {label}; the intent follows from those turns instead."
    return Judged(derived, banded(derived, net), _quoted(call, turns), turns), (note,)


def _strongest(signals: Iterable[SignalAnswer]) -> list[SignalAnswer]:
    """One signal per turn, the strongest: what is said once counts once, however often the model names it."""
    best: dict[int, SignalAnswer] = {}
    for signal in signals:
        if signal.turn not in best or signal.strength > best[signal.turn].strength:
            best[signal.turn] = signal
    return list(best.values())


def _quoted(call: _Call, turns: Sequence[int]) -> str:
    quotes = "; ".join(f'"{clean(call.lines[turn].text, 120)}"' for turn in turns[:3])
    return f"By the customer's own words: {quotes}."


def _statement(claim: ClaimAnswer | None, call: _Call, speaker: Speaker) -> Statement | None:
    if claim is None:
        return None
    text, turns = clean(claim.text, PARAGRAPH_LIMIT), call.known(claim.turns, speaker)
    return Statement(text, turns) if text and turns else None


def _bant(answer: Answer, call: _Call) -> Bant:
    needs, objection = _statement(answer.needs, call, "customer"), _statement(answer.objection, call, "customer")
    if objection is None:
        return Bant(needs=needs)
    return Bant(
        needs=needs,
        objection=objection,
        concern_categories=Statement(answer.concern, objection.turns) if answer.concern else None,
        objection_handling=_statement(answer.objection_handling, call, "agent"),
    )


def _chapters(chapters: Sequence[ChapterAnswer], call: _Call) -> tuple[Chapter, ...]:
    """The chapters whose ends exist, in the order of the call; a turn belongs to the first that claims it."""
    order = list(call.lines)
    at = {turn: position for position, turn in enumerate(order)}
    kept: list[Chapter] = []
    free = 0
    real = (c for c in chapters if c.first_turn in at and c.last_turn in at)
    for chapter in sorted(real, key=lambda chapter: at[chapter.first_turn]):
        turns = tuple(order[max(at[chapter.first_turn], free) : at[chapter.last_turn] + 1])
        name, summary = clean(chapter.name, _NAME_LIMIT), clean(chapter.summary, PARAGRAPH_LIMIT)
        if turns and name and summary:
            kept.append(Chapter(name, summary, turns))
            free = at[chapter.last_turn] + 1
    return tuple(kept)


def _qualification(topics: Sequence[TopicAnswer], call: _Call) -> tuple[Qualification, ...]:
    kept: dict[str, Qualification] = {}
    for topic in topics:
        label, answer = clean(topic.label, _NAME_LIMIT), clean(topic.answer, SENTENCE_LIMIT)
        if label and answer and call.known(topic.turns, "customer"):
            kept.setdefault(label.casefold(), Qualification(label, answer, call.known(topic.turns)))
    return tuple(kept.values())


def _quality(parameter: Parameter, rating: RatingAnswer | None, call: _Call) -> QualityScore:
    if rating is None:
        return not_assessed(parameter, "Not assessed: the language model gave no rating.")
    text = clean(rating.justification, PARAGRAPH_LIMIT)
    if not rating.applies:
        return not_assessed(parameter, text or "Not applicable in this call.")
    turns = call.known(rating.turns)
    if rating.rating > 0 and not turns:
        return not_assessed(parameter, "Not assessed: the language model named no turn that shows its rating.")
    suggestion = clean(rating.suggestion, SENTENCE_LIMIT) if rating.suggestion else None
    return scored(parameter, rating.rating, text or "No reason was given.", suggestion, turns)
