"""What comes of test calls: everything that a real call can come to, as true to the schema, by the id alone."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest

from callwright import canned as module
from callwright.analysis import Analysis, Intent
from callwright.analysis.built_in import NAMES, built_in
from callwright.analysis.fields import evidence_fields
from callwright.analysis.rubric import Rubric
from callwright.analysis.score import BANDS
from callwright.analysis.scorecard import quality_score, status
from callwright.canned import FAILURES, INTENTS, MAGIC, NOT_MAGIC, Canned
from callwright.errors import FAILURE_CODES, StepFailed

STARTED = datetime(2026, 1, 5, 10, tzinfo=UTC)
COMPLETED = [*INTENTS, module.NOT_ASSESSED, "call123"]


def made(call_id: str, rubric: Rubric | None = None, *, attempt: int = 1) -> Canned:
    return module.canned(call_id, rubric or built_in("inside-sales"), STARTED, attempt=attempt)


def named_turns(analysis: Analysis) -> list[tuple[int, ...]]:
    statements = [analysis.bant.needs, analysis.bant.objection, analysis.bant.objection_handling]
    return [
        analysis.intent_turns,
        *(each.turns for each in analysis.summary),
        *(each.turns for each in analysis.qualification),
        *(each.turns for each in analysis.quality),
        *(each.turns for each in analysis.talking_points),
        *(each.turns for each in analysis.suggested_actions),
        *(each.turns for each in statements if each),
    ]


def test_there_is_an_id_for_every_intent_and_every_failure() -> None:
    assert set(INTENTS.values()) == set(get_args(Intent))
    assert list(FAILURES.values()) == list(FAILURE_CODES)
    assert len(set(MAGIC)) == len(MAGIC)


@pytest.mark.parametrize("rubric", NAMES)
@pytest.mark.parametrize("call_id", COMPLETED)
def test_what_is_canned_is_as_true_to_the_schema_as_what_is_not(call_id: str, rubric: str) -> None:
    judged_by = built_in(rubric)
    transcript, analysis = (came := made(call_id, judged_by)).transcript, came.analysis
    assert (transcript.engine, analysis.engine, analysis.notes) == ("test", "test", (module.NOTE,))
    assert [turn.id for turn in transcript.turns] == list(range(len(transcript.turns)))
    assert all(one.end <= two.start for one, two in zip(transcript.turns, transcript.turns[1:], strict=False))
    assert transcript.seconds == transcript.turns[-1].end
    assert "made up by Callwright" in " ".join(turn.text for turn in transcript.turns)
    assert {turn for turns in named_turns(analysis) for turn in turns} <= {turn.id for turn in transcript.turns}
    assert evidence_fields(analysis, transcript.turns)["spans"]
    assert [entry.parameter_name for entry in analysis.quality] == [each.name for each in judged_by.parameters]
    assert all(entry.status == status(entry.inference_score, entry.parameter_score) for entry in analysis.quality)
    assert all(entry.turns or entry.inference_score is None for entry in analysis.quality)
    assert analysis.quality_score == quality_score(analysis.quality)
    assert {topic.label for topic in analysis.qualification} <= {topic.label for topic in judged_by.topics}
    if analysis.bant.concern_categories:
        assert analysis.bant.concern_categories.text in [each.category for each in judged_by.concerns]
    assert analysis.rubric == f"{rubric}/0"


@pytest.mark.parametrize(("call_id", "intent"), INTENTS.items())
def test_an_intent_rests_on_what_the_customer_says_and_its_score_is_in_its_band(call_id: str, intent: Intent) -> None:
    came = made(call_id)
    assert came.analysis.intent == intent
    assert came.analysis.intent_justification
    assert {came.transcript.turns[turn].speaker for turn in came.analysis.intent_turns} == {"customer"}
    low, high = BANDS.get(intent, (None, None))
    score = came.analysis.intent_score
    assert score is None if low is None or high is None else score is not None and low <= score <= high


def test_a_completed_call_shows_every_status_and_one_that_nobody_answered_shows_none() -> None:
    assert {entry.status for entry in made("any").analysis.quality} == {
        *("Done", "Partially Done", "Needs Improvement", "Not Applicable"),
    }
    voicemail = made("test_intent_not_available").analysis
    assert {entry.status for entry in voicemail.quality} == {"Not Applicable"}
    assert (voicemail.quality_score, voicemail.intent_score, voicemail.bant.needs) == (None, None, None)


def test_what_was_not_assessed_is_null() -> None:
    came = made(module.NOT_ASSESSED)
    analysis = came.analysis
    assert (came.transcript.quality, analysis.draft) == ("draft", True)
    assert (analysis.intent, analysis.intent_score, analysis.intent_justification, analysis.quality_score) == (
        None,
    ) * 4
    assert (analysis.summary, analysis.qualification, analysis.intent_turns) == ((), (), ())
    assert analysis.metrics.agent_words_per_minute is None


@pytest.mark.parametrize(("call_id", "code"), FAILURES.items())
def test_a_failure_is_the_one_that_was_asked_for_and_is_not_tried_again(call_id: str, code: str) -> None:
    for each in (call_id, f"{call_id}-2", f"{call_id}_2"):
        with pytest.raises(StepFailed) as failed:
            made(each)
        assert (failed.value.code, failed.value.retry, failed.value.ours) == (code, False, False)


def test_a_slow_call_waits_once() -> None:
    with pytest.raises(StepFailed) as failed:
        made("test_slow")
    assert (failed.value.retry, failed.value.retry_after) == (True, module.SLOW_SECONDS)
    assert made("test_slow", attempt=2) == made("any")


@pytest.mark.parametrize(
    ("call_id", "intent"),
    [
        ("test_intent_neutral", "NEUTRAL"),
        ("test_intent_neutral_2", "NEUTRAL"),
        ("test_intent_neutral-a", "NEUTRAL"),
        ("test_intent_neutral/a.b", "NEUTRAL"),
        ("test_intent_not_interested", "NOT_INTERESTED"),
        ("call-test_intent_neutral", "INTERESTED"),
        ("TEST_INTENT_NEUTRAL", "INTERESTED"),
        ("", "INTERESTED"),
    ],
)
def test_an_id_may_go_on_behind_the_name(call_id: str, intent: Intent) -> None:
    came = made(call_id).analysis
    assert (came.intent, came.notes) == (intent, (module.NOTE,))


@pytest.mark.parametrize("call_id", ["test_", "test_intent_high", "test_intent_neutralx", "test_fail", "test_fail_it"])
def test_a_name_that_there_is_not_is_told(call_id: str) -> None:
    came = made(call_id).analysis
    assert (came.intent, came.notes) == ("INTERESTED", (module.NOTE, NOT_MAGIC))


def test_a_rubric_without_concerns_and_topics_gets_none() -> None:
    bare = replace(built_in("inside-sales"), concerns=(), topics=(), parameters=())
    analysis = made("any", bare).analysis
    assert (analysis.bant.concern_categories, analysis.qualification, analysis.quality_score) == (None, (), None)
