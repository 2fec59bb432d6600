"""The analysis as the callback shows it (contract 3.1), the evidence beside it, and the stored form."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from analysis.conversations import SCRIPTED, conversation
from callwright.analysis import Action, Analysis, Bant, Chapter, Qualification, Statement, Usage
from callwright.analysis.built_in import INSIDE_SALES
from callwright.analysis.fields import analysis_from_json, analysis_json, callback_fields, evidence_fields
from callwright.analysis.rules import RulesAnalyser

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
CALL = conversation(SCRIPTED[12].script)
FULL = RulesAnalyser().judge(CALL, INSIDE_SALES)
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


def test_redacted_fields_hide_what_was_said_in_every_sentence_and_keep_the_rubrics_names() -> None:
    card, said = "4242 4242 4242 4242", Statement("Has 4242 4242 4242 4242.", (1,))
    dirty = replace(
        FULL,
        intent_justification=f"Gives {card}, and 427190 at once.",
        summary=(Chapter(card, f"Gives {card}.", (1,)),),
        bant=Bant(said, said, Statement("Pricing", (1,)), said),
        qualification=(Qualification("Budget 2026", f"25,000, by {card}.", (1,)),),
        quality=tuple(replace(entry, justification=card, suggestion=card) for entry in FULL.quality),
    )

    fields = callback_fields(dirty, [("427190", "otp")])

    assert "4242" not in json.dumps(fields)
    assert fields["intent_justification"] == "Gives [card], and [otp] at once."
    assert fields["bant"]["concern_categories"] == "Pricing"
    assert fields["qualification"] == [{"label": "Budget 2026", "answer": "25,000, by [card]."}]
    assert {entry["suggestion"] for entry in fields["quality"]} == {"[card]"}
    assert [entry["parameter_name"] for entry in fields["quality"]] == [p.name for p in INSIDE_SALES.parameters]
    assert json.dumps(callback_fields(dirty)).count(card) == 6 + 2 * len(dirty.quality) + 1


def test_what_is_to_come_up_and_to_be_done_stands_beside_the_fields() -> None:
    agreed = replace(
        FULL,
        talking_points=(Statement("The price.", (1,)),),
        suggested_actions=(Action("Send the offer.", "agent", "on Friday", (3,), "2023-01-06"),),
        usage=Usage(2, 4100, None, 3.5),
    )
    beside = evidence_fields(agreed, CALL.turns)

    assert beside["talking_points"] == [{"text": "The price.", "turns": [1]}]
    assert beside["suggested_actions"] == [
        {"text": "Send the offer.", "owner": "agent", "due": "on Friday", "due_date": "2023-01-06", "turns": [3]}
    ]
    assert beside["usage"] == {"requests": 2, "input_tokens": 4100, "output_tokens": None, "seconds": 3.5}
    assert beside["rubric"] == "inside-sales/0"
    assert analysis_from_json(analysis_json(agreed)) == agreed


def test_an_analysis_of_an_older_version_can_be_read() -> None:
    stored = json.loads(analysis_json(FULL))
    for name in ("talking_points", "suggested_actions", "rubric", "usage"):
        del stored[name]

    assert analysis_from_json(json.dumps(stored)) == replace(FULL, talking_points=(), suggested_actions=(), rubric=None)


def test_each_statement_has_the_time_that_its_turns_span() -> None:
    evidence = evidence_fields(FULL, CALL.turns)
    times = {turn.id: [turn.start, turn.end] for turn in CALL.turns}
    spans = evidence["spans"]

    assert spans["bant"]["objection"] == times[1]
    assert spans["summary"][0] == [CALL.turns[0].start, CALL.turns[FULL.summary[0].turns[-1]].end]
    assert set(spans) == {*evidence["evidence"], "talking_points", "suggested_actions"}
    for name in ("summary", "qualification", "quality", "talking_points", "suggested_actions"):
        assert len(spans[name]) == len(evidence[name] if name in evidence else evidence["evidence"][name])
    for ids, span in zip(evidence["evidence"]["quality"], spans["quality"], strict=True):
        assert (span is None) == (not ids)


def test_a_statement_on_turns_that_nobody_has_any_more_has_no_time() -> None:
    assert evidence_fields(FULL, ())["spans"]["intent"] is None


def test_evidence_stands_in_the_order_of_the_fields() -> None:
    fields, beside = callback_fields(FULL), evidence_fields(FULL, CALL.turns)

    for name in ("summary", "qualification", "quality"):
        assert len(beside["evidence"][name]) == len(fields[name])
    assert beside["evidence"]["bant"]["objection"] == [1]
    assert beside["evidence"]["intent"] == list(FULL.intent_turns)
    assert (beside["engine"], beside["draft"], beside["notes"]) == ("rules", False, [])
    assert beside["metrics"]["agent_talk_seconds"] == FULL.metrics.agent_talk_seconds
    assert evidence_fields(DRAFT, ())["draft"] is True


@pytest.mark.parametrize("analysis", [FULL, DRAFT], ids=["full", "draft"])
def test_storage_gives_back_what_was_stored(analysis: Analysis) -> None:
    assert analysis_from_json(analysis_json(analysis)) == analysis


def test_what_is_no_analysis_is_refused() -> None:
    with pytest.raises(ValidationError):
        analysis_from_json(b'{"engine": "rules"}')
