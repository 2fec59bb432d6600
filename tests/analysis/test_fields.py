"""The analysis as the callback shows it (contract 3.1), the evidence beside it, and the stored form."""

import json

import pytest
from pydantic import ValidationError

from analysis.conversations import SCRIPTED, conversation
from callwright.analysis import Analysis
from callwright.analysis.fields import analysis_from_json, analysis_json, callback_fields, evidence_fields
from callwright.analysis.rules import RulesAnalyser
from callwright.analysis.scorecard import INSIDE_SALES

FIELDS = [
    "intent",
    "intent_justification",
    "intent_score",
    "quality_score",
    "summary",
    "bant",
    "qualification",
    "quality",
]
FULL = RulesAnalyser().judge(conversation(SCRIPTED[12].script), INSIDE_SALES)
DRAFT = RulesAnalyser().judge(conversation(SCRIPTED[12].script, draft=True), INSIDE_SALES)


def test_without_an_analysis_every_field_is_null() -> None:
    assert callback_fields(None) == dict.fromkeys(FIELDS)


def test_the_fields_have_the_contracts_shape() -> None:
    fields = callback_fields(FULL)

    assert list(fields) == FIELDS
    assert all(set(chapter) == {"chapter_name", "chapter_summary"} for chapter in fields["summary"])
    assert list(fields["bant"]) == ["needs", "objection", "concern_categories", "objection_handling"]
    assert fields["bant"]["concern_categories"] == "Pricing"
    assert [list(entry) for entry in fields["quality"]] == [
        [
            "parameter_name",
            "justification",
            "suggestion",
            "inference_score",
            "parameter_score",
            "status",
            "is_fatal",
        ]
    ] * len(INSIDE_SALES.parameters)
    assert json.loads(json.dumps(fields)) == fields


def test_a_draft_has_empty_fields_and_no_invented_ones() -> None:
    fields = callback_fields(DRAFT)

    assert (fields["intent"], fields["intent_score"], fields["summary"], fields["qualification"]) == (
        None,
        None,
        [],
        [],
    )
    assert set(fields["bant"].values()) == {None}


def test_evidence_stands_in_the_order_of_the_fields() -> None:
    fields, beside = callback_fields(FULL), evidence_fields(FULL)

    for name in ("summary", "qualification", "quality"):
        assert len(beside["evidence"][name]) == len(fields[name])
    assert beside["evidence"]["bant"]["objection"] == [1]
    assert beside["evidence"]["intent"] == list(FULL.intent_turns)
    assert (beside["engine"], beside["draft"], beside["notes"]) == ("rules", False, [])
    assert beside["metrics"]["agent_talk_seconds"] == FULL.metrics.agent_talk_seconds
    assert evidence_fields(DRAFT)["draft"] is True


@pytest.mark.parametrize("analysis", [FULL, DRAFT], ids=["full", "draft"])
def test_storage_gives_back_what_was_stored(analysis: Analysis) -> None:
    assert analysis_from_json(analysis_json(analysis)) == analysis


def test_what_is_no_analysis_is_refused() -> None:
    with pytest.raises(ValidationError):
        analysis_from_json(b'{"engine": "rules"}')
