"""The model's answer held against the call: what no turn shows is dropped and counted, every score is computed here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from callwright.analysis import (
    Action,
    Analysis,
    Bant,
    Chapter,
    Conversation,
    Intent,
    Line,
    Metrics,
    Qualification,
    QualityScore,
    Speaker,
    Statement,
)
from callwright.analysis.acoustics import acoustic_quality
from callwright.analysis.llm.answer import (
    ActionAnswer,
    Answer,
    ChapterAnswer,
    ClaimAnswer,
    Evidence,
    RatingAnswer,
    SignalAnswer,
    TopicAnswer,
)
from callwright.analysis.llm.grounding import has_figures, has_names, is_quoted
from callwright.analysis.llm.prompt import TURN_LIMIT, VERSION
from callwright.analysis.rubric import Rubric, Topic
from callwright.analysis.rules.dates import times
from callwright.analysis.rules.reading import normalised
from callwright.analysis.score import Judged, banded, by_evidence
from callwright.analysis.scorecard import Parameter, not_assessed, quality_score, scored
from callwright.analysis.text import PARAGRAPH_LIMIT, SENTENCE_LIMIT, clean

_NAME_LIMIT = 80
_MOST = 40  # entries of one list that are kept
_OTHER = "Other"  # an objection that fits no category of the rubric

_SHOWN_BY: dict[Intent, str] = {
    "INTERESTED": "buying",
    "NOT_INTERESTED": "refusal",
    "NOT_QUALIFIED": "disqualifier",
    "NOT_AVAILABLE": "unavailable",
}
_OPPOSITE: dict[Intent, Intent] = {"INTERESTED": "NOT_INTERESTED", "NOT_INTERESTED": "INTERESTED"}


@dataclass(slots=True)
class _Call:
    """The call as the model saw it, and what was claimed of it and is not there."""

    lines: Mapping[int, Line]
    order: Sequence[int]
    texts: Sequence[str]
    at: Mapping[int, int]
    dropped: int = field(default=0)

    def known(self, turns: Iterable[int], speaker: Speaker | None = None) -> tuple[int, ...]:
        """Those of the ids that exist, each once and in order of the call, of this speaker where one is named."""
        wanted = set(turns)
        return tuple(i for i in self.order if i in wanted and speaker in (None, self.lines[i].speaker))

    def shows(self, evidence: Evidence, speaker: Speaker | None = None) -> bool:
        """Whether the turn is there, of this speaker where one is named, and has the words that are quoted."""
        if evidence.turn not in self.at or speaker not in (None, self.lines[evidence.turn].speaker):
            return False
        return is_quoted(clean(evidence.quote, SENTENCE_LIMIT), self.texts[self.at[evidence.turn]])

    def shown(self, evidence: Sequence[Evidence], speaker: Speaker | None = None) -> tuple[int, ...]:
        """The turns that show something, in order of the call."""
        return self.known(entry.turn for entry in evidence[:_MOST] if self.shows(entry, speaker))

    def around(self, turns: Iterable[int]) -> list[str]:
        """The words of some turns and of those beside them: what an answer means, the question says."""
        near = {at + step for turn in turns for at in (self.at[turn],) for step in (-1, 0, 1)}
        return [self.texts[at] for at in sorted(near) if 0 <= at < len(self.texts)]

    def has(self, text: str, turns: Iterable[int] | None = None) -> bool:
        """Whether the figures of a sentence are in or beside these turns, or anywhere, and its names in the call."""
        return has_figures(text, self.texts if turns is None else self.around(turns)) and has_names(text, self.texts)

    def keep(self, text: str, turns: tuple[int, ...]) -> bool:
        """Whether a sentence stands on these turns; one that does not is counted."""
        stands = bool(text and turns and self.has(text, turns))
        self.dropped += not stands
        return stands


def checked_analysis(
    answer: Answer, conversation: Conversation, rubric: Rubric, model: str, metrics: Metrics
) -> Analysis:
    """Make an analysis of what the answer can show.

    A statement stands on turns that exist and have the words that it quotes: one about the customer on turns of the
    customer, one about the agent on turns of the agent. Its figures must be said there or beside, its names somewhere
    in the call. What fails is left out and counted in `notes`. The intent score follows from the label and the checked
    signals, each turn counting once; quality scores from ratings bounded to the parameter's maximum; acoustic
    parameters are measured, not rated; concerns and topics are those of the rubric.

    Args:
        answer: What the model said.
        conversation: The call in the words that the model saw.
        rubric: By what it was asked to judge.
        model: The model's own name.
        metrics: Of the call in all its words.
    """
    call = _call(conversation)
    judged, notes = _intent(answer, call)
    ratings = {_plain(rating.parameter): rating for rating in reversed(answer.ratings)}
    quality = tuple(
        acoustic_quality(conversation, metrics, parameter)
        or _quality(parameter, ratings.get(_plain(parameter.name)), call)
        for parameter in rubric.parameters
    )
    bant, qualification = _bant(answer, rubric, call), _qualification(answer.qualification[:_MOST], rubric.topics, call)
    points = tuple(s for claim in answer.talking_points[:_MOST] if (s := _statement(claim, call, None)))
    begun = conversation.started_at
    actions = tuple(a for claim in answer.suggested_actions[:_MOST] if (a := _action(claim, call, begun)))
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
        bant=bant,
        qualification=qualification,
        quality=quality,
        quality_score=quality_score(quality),
        metrics=metrics,
        notes=notes + _left_out(call),
        talking_points=points,
        suggested_actions=actions,
        rubric=rubric.label,
    )


def _call(conversation: Conversation) -> _Call:
    order = [line.id for line in conversation.turns]
    texts = [clean(line.text, TURN_LIMIT) for line in conversation.turns]
    lines = {line.id: line for line in conversation.turns}
    return _Call(lines, order, texts, {turn: at for at, turn in enumerate(order)})


def _left_out(call: _Call) -> tuple[str, ...]:
    if not call.dropped:
        return ()
    number = "1 statement" if call.dropped == 1 else f"{call.dropped} statements"
    return (f"{number} of the language model left out: the turns of the call do not show what was claimed.",)


def _plain(name: str) -> str:
    return name.strip().casefold()


def _intent(answer: Answer, call: _Call) -> tuple[Judged, tuple[str, ...]]:
    customer = call.known(call.order, "customer")
    if not customer:
        return Judged("NOT_AVAILABLE", None, "The customer says nothing in this call.", tuple(call.order)[:3]), ()
    shown = [signal for signal in answer.signals if call.shows(signal, "customer")]
    call.dropped += len(answer.signals) - len(shown)
    signals = _strongest(shown)
    weights = {"buying": 1, "refusal": -1}
    net = float(sum(signal.strength * weights.get(signal.kind, 0) for signal in signals))
    turns = call.known(signal.turn for signal in signals)
    label = answer.intent
    if label == "NEUTRAL":
        is_shown = True
        turns = turns or customer[:3]
    else:
        is_shown = any(signal.kind == _SHOWN_BY[label] for signal in signals)
    if is_shown and by_evidence(net) != _OPPOSITE.get(label):
        text = clean(answer.intent_justification, PARAGRAPH_LIMIT)
        text = text if call.has(text) else ""
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


def _statement(claim: ClaimAnswer | None, call: _Call, speaker: Speaker | None) -> Statement | None:
    if claim is None:
        return None
    text, turns = clean(claim.text, PARAGRAPH_LIMIT), call.shown(claim.evidence, speaker)
    return Statement(text, turns) if call.keep(text, turns) else None


def _action(claim: ActionAnswer, call: _Call, started_at: datetime | None) -> Action | None:
    text, turns = clean(claim.text, SENTENCE_LIMIT), call.shown(claim.evidence)
    if not call.keep(text, turns):
        return None
    due = clean(claim.due or "", _NAME_LIMIT)
    said = bool(due) and is_quoted(due, " ".join(call.around(turns)), least=1)
    return (
        Action(text, claim.owner, due, turns, _day(due, started_at)) if said else Action(text, claim.owner, None, turns)
    )


def _day(due: str, started_at: datetime | None) -> str | None:
    """The one day that these words name, counted from the day of the call; None where they name none, or two."""
    today = started_at and started_at.date()
    named = {when.day.isoformat() for when in times(normalised(due), today) if when.day}
    return named.pop() if len(named) == 1 else None


def _bant(answer: Answer, rubric: Rubric, call: _Call) -> Bant:
    needs, objection = _statement(answer.needs, call, "customer"), _statement(answer.objection, call, "customer")
    if objection is None:
        return Bant(needs=needs)
    categories = {_plain(name): name for name in (_OTHER, *(concern.category for concern in rubric.concerns))}
    category = categories.get(_plain(answer.concern or ""))
    call.dropped += bool(answer.concern) and category is None
    return Bant(
        needs=needs,
        objection=objection,
        concern_categories=Statement(category, objection.turns) if category else None,
        objection_handling=_statement(answer.objection_handling, call, "agent"),
    )


def _chapters(chapters: Sequence[ChapterAnswer], call: _Call) -> tuple[Chapter, ...]:
    """The chapters whose ends exist, in the order of the call; a turn belongs to the first that claims it."""
    kept: list[Chapter] = []
    free = 0
    real = [c for c in chapters if c.first_turn in call.at and c.last_turn in call.at]
    call.dropped += len(chapters) - len(real)
    for chapter in sorted(real, key=lambda chapter: call.at[chapter.first_turn]):
        turns = tuple(call.order[max(call.at[chapter.first_turn], free) : call.at[chapter.last_turn] + 1])
        name, summary = clean(chapter.name, _NAME_LIMIT), clean(chapter.summary, PARAGRAPH_LIMIT)
        if turns and name and call.keep(summary, turns):
            kept.append(Chapter(name, summary, turns))
            free = call.at[chapter.last_turn] + 1
    return tuple(kept)


def _qualification(topics: Sequence[TopicAnswer], asked: Sequence[Topic], call: _Call) -> tuple[Qualification, ...]:
    """The topics of the rubric that the customer spoke of, in its order; of two answers the first counts."""
    kept: dict[str, Qualification] = {}
    labels = {_plain(topic.label): topic.label for topic in asked}
    for topic in topics:
        label, answer = labels.get(_plain(topic.label)), clean(topic.answer, SENTENCE_LIMIT)
        turns = call.shown(topic.evidence) if call.shown(topic.evidence, "customer") else ()
        if call.keep(answer, turns if label else ()) and label:
            kept.setdefault(label, Qualification(label, answer, turns))
    return tuple(kept[topic.label] for topic in asked if topic.label in kept)


def _quality(parameter: Parameter, rating: RatingAnswer | None, call: _Call) -> QualityScore:
    if rating is None:
        return not_assessed(parameter, "Not assessed: the language model gave no rating.")
    text = clean(rating.justification, PARAGRAPH_LIMIT)
    text = text if call.has(text) else ""
    if not rating.applies:
        return not_assessed(parameter, text or "Not applicable in this call.")
    turns = call.shown(rating.evidence)
    if rating.rating > 0 and not call.known(turns, "agent"):
        call.dropped += 1
        return not_assessed(parameter, "Not assessed: the language model named no turn that shows its rating.")
    suggestion = clean(rating.suggestion, SENTENCE_LIMIT) if rating.suggestion else None
    return scored(parameter, rating.rating, text or "No reason was given.", suggestion, turns)
