"""What voice activity alone shows: the acoustic quality parameters, and all that may be said of a draft transcript."""

from callwright.analysis import Analysis, Bant, Conversation, Metrics, QualityScore
from callwright.analysis.metrics import interruptions, measure, of_one_voice
from callwright.analysis.rubric import Rubric
from callwright.analysis.score import Judged
from callwright.analysis.scorecard import (
    DRAFT_REASON,
    ONE_VOICE_REASON,
    Parameter,
    not_assessed,
    points,
    quality_score,
    scored,
)

_DRAFT_NOTE = "The transcript is a draft: only what the voice activity shows was judged, none of its words."
_ONE_VOICE_NOTE = "The mono recording gave no second voice: who says what is not known, so nothing was judged."

_LEAST_TALK = 20.0
"""Seconds of talk below which a balance says nothing. These numbers and those below are our own choice."""

_TALK_FULL, _TALK_NONE = 0.60, 0.90  # the agent's share of the talk: full points up to the one, none from the other
_LATENCY_FULL, _LATENCY_NONE = 1.5, 5.0  # seconds before the agent answers
_INTERRUPTIONS_NONE = 6.0  # interruptions by the agent in ten minutes of the customer's talk that leave no points


def draft_analysis(
    conversation: Conversation, rubric: Rubric, *, engine: str, version: str, model: str | None = None
) -> Analysis:
    """The analysis where the words prove nothing: a draft, or one voice on a mono recording.

    It holds the metrics, the acoustic quality, and whether the customer can be heard at all; of one voice not even
    these, as it may be anybody's.
    """
    metrics = measure(conversation.speech, conversation.seconds)
    one_voice = conversation.one_voice
    silent = metrics.customer_talk_seconds == 0 and not one_voice
    reason = "No speech can be heard on the customer's side of the call."
    reached = Judged("NOT_AVAILABLE", None, reason, ()) if silent else Judged(None, None, None, ())
    quality = tuple(
        (None if one_voice else acoustic_quality(conversation, metrics, parameter))
        or not_assessed(parameter, ONE_VOICE_REASON if one_voice else DRAFT_REASON)
        for parameter in rubric.parameters
    )
    return Analysis(
        engine=engine,
        version=version,
        model=model,
        draft=conversation.draft,
        intent=reached.intent,
        intent_score=reached.score,
        intent_justification=reached.justification,
        intent_turns=reached.turns,
        summary=(),
        bant=Bant(),
        qualification=(),
        quality=quality,
        quality_score=quality_score(quality),
        metrics=of_one_voice(metrics) if one_voice else metrics,
        notes=(_ONE_VOICE_NOTE if one_voice else _DRAFT_NOTE,),
        rubric=rubric.label,
    )


def acoustic_quality(conversation: Conversation, metrics: Metrics, parameter: Parameter) -> QualityScore | None:
    """Judge a parameter by voice activity, the same way for every engine; None where its rule needs the words."""
    judge = _JUDGES.get(parameter.rule)
    return judge(conversation, metrics, parameter) if judge else None


def _falling(value: float, full: float, none: float) -> float:
    return min(max((none - value) / (none - full), 0.0), 1.0)


def _talk_balance(_: Conversation, metrics: Metrics, parameter: Parameter) -> QualityScore:
    talk = metrics.agent_talk_seconds + metrics.customer_talk_seconds
    if metrics.talk_ratio is None or talk < _LEAST_TALK or not metrics.customer_talk_seconds:
        return not_assessed(parameter, "Not assessed: too little talk on both sides to speak of a balance.")
    reached = points(_falling(metrics.talk_ratio, _TALK_FULL, _TALK_NONE), parameter.maximum)
    text = f"The agent speaks {metrics.talk_ratio:.0%} of the talk time"
    text += f"; the longest monologue lasts {metrics.longest_monologue_seconds:.0f} s."
    return scored(parameter, reached, text, f"Ask and listen more: stay below {_TALK_FULL:.0%} of the talk time.", ())


def _listening(conversation: Conversation, metrics: Metrics, parameter: Parameter) -> QualityScore:
    if metrics.customer_talk_seconds < _LEAST_TALK / 4:
        return not_assessed(parameter, "Not assessed: the customer hardly speaks.")
    times = interruptions(conversation.speech, conversation.seconds, "agent")
    turns = tuple(
        line.id
        for line in conversation.turns
        if line.speaker == "agent" and any(line.start - 0.5 <= at < line.end for at in times)
    )
    rate = len(times) * 600 / max(metrics.customer_talk_seconds, 60.0)
    reached = points(_falling(rate, 0.0, _INTERRUPTIONS_NONE), parameter.maximum)
    number = f"{len(times)} time{'' if len(times) == 1 else 's'}"
    text = f"The agent interrupts the customer {number}." if times else "The agent never interrupts the customer."
    return scored(parameter, reached, text, "Let the customer finish before answering.", turns)


def _responsiveness(_: Conversation, metrics: Metrics, parameter: Parameter) -> QualityScore:
    latency = metrics.response_latency_seconds
    if latency is None:
        return not_assessed(parameter, "Not assessed: the agent never answers after the customer.")
    reached = points(_falling(latency, _LATENCY_FULL, _LATENCY_NONE), parameter.maximum)
    text = f"The agent's median gap before an answer is {latency:.1f} s."
    return scored(parameter, reached, text, f"Answer within {_LATENCY_FULL:.1f} s where possible.", ())


_JUDGES = {"talk_balance": _talk_balance, "listening": _listening, "responsiveness": _responsiveness}

ACOUSTIC_RULES: tuple[str, ...] = tuple(_JUDGES)
"""The ids of the rules that judge by voice activity, in every engine."""
