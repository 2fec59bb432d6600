"""Test mode: what comes of a test call, by its id alone, and of none of its recording; plain values in and out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from callwright.analysis import (
    Action,
    Analysis,
    Bant,
    Chapter,
    Intent,
    Line,
    Qualification,
    QualityScore,
    Speaker,
    Statement,
    Talk,
)
from callwright.analysis.metrics import measure
from callwright.analysis.rubric import Rubric
from callwright.analysis.scorecard import DRAFT_REASON, Parameter, not_assessed, points, quality_score, scored
from callwright.errors import FAILURE_CODES, StepFailed
from callwright.transcription import Span, Transcript, Turn

ENGINE, VERSION = "test", "1"

SLOW_SECONDS = 20.0
"""How long a call that is to be slow takes at least."""

SLOW, NOT_ASSESSED = "test_slow", "test_not_assessed"
INTENTS: dict[str, Intent] = {
    "test_intent_interested": "INTERESTED",
    "test_intent_not_interested": "NOT_INTERESTED",
    "test_intent_neutral": "NEUTRAL",
    "test_intent_not_qualified": "NOT_QUALIFIED",
    "test_intent_not_available": "NOT_AVAILABLE",
}
FAILURES = {f"test_fail_{code}": code for code in FAILURE_CODES}
MAGIC = (*INTENTS, NOT_ASSESSED, SLOW, *FAILURES)
"""The names that a call's id may be or begin with, to say what is to come of it."""

DEFAULT: Intent = "INTERESTED"
"""What comes of every other id."""

SCORES: dict[Intent, int | None] = {
    "INTERESTED": 82,
    "NEUTRAL": 50,
    "NOT_INTERESTED": 15,
    "NOT_QUALIFIED": 8,
    "NOT_AVAILABLE": None,
}
"""Each within the intent's band (`analysis/score.py`)."""

NOTE = "Test data: nothing was fetched, transcribed or analysed."
NOT_MAGIC = "The call's id begins with test_ and names nothing that there is, so it was taken for any other id."

_NAME = re.compile(r"test_[a-z]+(?:_[a-z]+)*")
_WORD_SECONDS, _PAUSE_SECONDS = 0.4, 0.6

_Script = tuple[tuple[Speaker, str], ...]
_BEGINNING: _Script = (
    ("agent", "Hello, this is a test call, made up by Callwright. Is this a good time to talk?"),
    ("customer", "Yes, go ahead."),
    ("agent", "How do you keep track of your calls today?"),
    ("customer", "With a spreadsheet. We are twelve people, and nobody knows who promised what."),
    ("agent", "Our service writes every call down and tells your team what was promised."),
)
_PRICE: _Script = (
    ("customer", "That sounds useful, but the price is too high for us."),
    ("agent", "I see. The small plan is half of that, and it is enough for twelve people."),
)
_ENDINGS: dict[Intent, _Script] = {
    "INTERESTED": (
        ("customer", "Then yes, please show it to us. Tuesday at three would be good."),
        ("agent", "Tuesday at three it is. I will send you the invitation today. Thank you."),
    ),
    "NEUTRAL": (
        ("customer", "I cannot say yet. I have to think about it."),
        ("agent", "Of course. I will send you the details today. Thank you for your time."),
    ),
    "NOT_INTERESTED": (
        ("customer", "No, thank you. We do not want it."),
        ("agent", "I understand. Thank you for your time."),
    ),
    "NOT_QUALIFIED": (
        ("customer", "We close the sales department this month, so there will be no calls to write down."),
        ("agent", "Then it is nothing for you. Thank you for your time."),
    ),
}
_VOICEMAIL: _Script = (
    ("customer", "You have reached the voicemail of a test customer. Please leave a message."),
    ("agent", "Hello, this is a test call, made up by Callwright. I will call again tomorrow."),
)
_REASONS: dict[Intent, str] = {
    "INTERESTED": "Test data: the customer agrees to be shown the product on Tuesday at three.",
    "NEUTRAL": "Test data: the customer has to think about it and commits to nothing.",
    "NOT_INTERESTED": "Test data: the customer declines.",
    "NOT_QUALIFIED": "Test data: the customer will have no calls any more, so there is no use for the product.",
    "NOT_AVAILABLE": "Test data: a voicemail answers; no talk comes about.",
}


@dataclass(frozen=True, slots=True)
class Canned:
    """What comes of a test call that does not fail."""

    transcript: Transcript
    analysis: Analysis


def canned(call_id: str, rubric: Rubric, started_at: datetime, *, attempt: int) -> Canned:
    """Make up what comes of a test call.

    Args:
        call_id: As the partner sent it: one of `MAGIC`, or one that begins with such a name and goes on with anything
            but a small letter (`test_slow_2`, `test_slow-a`), or any other.
        rubric: By what the subtenant's calls are judged: its parameters, topics and categories are those that come.
        started_at: When the call began, as the partner says.
        attempt: Counts the tries of this call from 1.

    Raises:
        StepFailed: As the id asks for: with the failure of `test_fail_…`, or for `test_slow` at the first try with one
            after which it is tried again.
    """
    found = _NAME.match(call_id)
    name = found.group() if found else None
    if name in FAILURES:
        raise StepFailed(FAILURES[name], "Test data: the call's id asks for this failure.")
    if name == SLOW and attempt == 1:
        message = "Test data: the call's id asks to wait."
        raise StepFailed("recording_timeout", message, retry=True, retry_after=SLOW_SECONDS)
    intent = None if name == NOT_ASSESSED else INTENTS.get(name or "", DEFAULT)
    transcript = _transcript(_VOICEMAIL if intent == "NOT_AVAILABLE" else _talk(intent or DEFAULT), draft=not intent)
    notes = (NOTE, NOT_MAGIC) if call_id.startswith("test_") and name not in MAGIC else (NOTE,)
    return Canned(transcript, _analysis(transcript, intent, rubric, started_at, notes))


def _talk(intent: Intent) -> _Script:
    return _BEGINNING + (() if intent == "NOT_QUALIFIED" else _PRICE) + _ENDINGS[intent]


def _transcript(script: _Script, *, draft: bool) -> Transcript:
    turns, at = list[Turn](), 0.0
    for number, (speaker, text) in enumerate(script):
        end = at + _WORD_SECONDS * len(text.split())
        turns.append(Turn(number, speaker, round(at, 3), round(end, 3), text))
        at = end + _PAUSE_SECONDS
    return Transcript(
        engine=ENGINE,
        model=None,
        language="en",
        quality="draft" if draft else "final",
        speakers="channels",
        turns=tuple(turns),
        speech=tuple(Span(turn.speaker, turn.start, turn.end) for turn in turns),
        seconds=turns[-1].end,
        coverage=1.0,
    )


def _analysis(
    transcript: Transcript, intent: Intent | None, rubric: Rubric, started_at: datetime, notes: tuple[str, ...]
) -> Analysis:
    turns = transcript.turns
    speech = [Talk(span.speaker, span.start, span.end) for span in transcript.speech]
    lines = [Line(turn.id, turn.speaker, turn.start, turn.end, turn.text) for turn in turns]
    talked = intent not in (None, "NOT_AVAILABLE")
    quality = tuple(_judged(number, each, intent, turns) for number, each in enumerate(rubric.parameters))
    last_said = max(turn.id for turn in turns if turn.speaker == "customer")
    interested = intent == "INTERESTED"
    return Analysis(
        engine=ENGINE,
        version=VERSION,
        model=None,
        draft=intent is None,
        intent=intent,
        intent_score=SCORES[intent] if intent else None,
        intent_justification=_REASONS[intent] if intent else None,
        intent_turns=(last_said,) if intent else (),
        summary=_summary(turns) if intent else (),
        bant=_bant(turns, rubric) if talked else Bant(),
        qualification=_topics(rubric) if talked else (),
        quality=quality,
        quality_score=quality_score(quality),
        metrics=measure(speech, transcript.seconds, lines if intent else None),
        notes=notes,
        talking_points=(Statement("Come back to who promised what in the team.", (3,)),) if talked else (),
        suggested_actions=(_invite(turns, started_at),) if interested else (),
        rubric=rubric.label,
    )


def _summary(turns: Sequence[Turn]) -> tuple[Chapter, ...]:
    """Chapters over all turns, in their order."""
    if len(turns) < len(_BEGINNING):
        return (Chapter("Voicemail", "A voicemail answers, and the agent leaves a message.", (0, 1)),)
    rest = tuple(turn.id for turn in turns[len(_BEGINNING) :])
    return (
        Chapter("Opening", "The agent says that this is a test call, and the customer has time.", (0, 1)),
        Chapter("Needs", "Calls are kept in a spreadsheet; what was promised gets lost.", (2, 3, 4)),
        Chapter("Outcome", "The customer says what is to come of it.", rest),
    )


def _bant(turns: Sequence[Turn], rubric: Rubric) -> Bant:
    """The need, and where the price was spoken of, the objection, under a category that the rubric has."""
    needs = Statement("To know who promised what in which call.", (3,))
    if _PRICE[0][1] not in [turn.text for turn in turns]:
        return Bant(needs=needs)
    categories = [concern.category for concern in rubric.concerns]
    category = "Pricing" if "Pricing" in categories else next(iter(categories), None)
    return Bant(
        needs=needs,
        objection=Statement("The price is too high.", (5,)),
        concern_categories=Statement(category, (5,)) if category else None,
        objection_handling=Statement("The agent names a plan at half of the price.", (6,)),
    )


def _topics(rubric: Rubric) -> tuple[Qualification, ...]:
    """Answers to the first two topics of the rubric: only those that came up are told."""
    return tuple(Qualification(each.label, f"Test answer on {each.label}.", (3,)) for each in rubric.topics[:2])


def _judged(number: int, parameter: Parameter, intent: Intent | None, turns: Sequence[Turn]) -> QualityScore:
    """A parameter judged so that a rubric of four has every status: all points, some, none, and not assessed."""
    if intent is None:
        return not_assessed(parameter, DRAFT_REASON)
    share = {0: 1.0, 1: 0.5, 2: 0.0}.get(number % 4)
    if intent == "NOT_AVAILABLE" or share is None:
        return not_assessed(parameter, "Test data: it did not come up.")
    of_the_agent = [turn.id for turn in turns if turn.speaker == "agent"]
    evidence = (of_the_agent[number % len(of_the_agent)],)
    reached = points(share, parameter.maximum)
    return scored(parameter, reached, "Test data: made up.", "Test data: a suggestion.", evidence)


def _invite(turns: Sequence[Turn], started_at: datetime) -> Action:
    return Action(
        "Send the customer the invitation.", "agent", "today", (turns[-1].id,), due_date=started_at.date().isoformat()
    )
