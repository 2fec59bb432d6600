"""The rules engine on scripted calls: what it gets right, and what it must never do."""

import re
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.conversations import SCRIPTED, Labelled, conversation
from callwright.analysis import Analysis, Conversation, Intent, Line, Talk
from callwright.analysis.built_in import INSIDE_SALES
from callwright.analysis.fields import analysis_from_json, analysis_json
from callwright.analysis.rubric import Rubric
from callwright.analysis.rules import RulesAnalyser
from callwright.analysis.score import BANDS
from callwright.analysis.scorecard import Parameter

RULES = RulesAnalyser()


def judge(script: str) -> Analysis:
    return RULES.judge(conversation(script), INSIDE_SALES)


def score(analysis: Analysis, name: str) -> int | None:
    return next(entry.inference_score for entry in analysis.quality if entry.parameter_name == name)


def referenced(analysis: Analysis) -> set[int]:
    bant = analysis.bant
    statements = [bant.needs, bant.objection, bant.concern_categories, bant.objection_handling]
    groups = [analysis.intent_turns, *(s.turns for s in statements if s)]
    groups += [c.turns for c in analysis.summary] + [q.turns for q in analysis.qualification]
    groups += [entry.turns for entry in analysis.quality]
    return {turn for group in groups for turn in group}


def assert_valid(analysis: Analysis, call: Conversation) -> None:
    speakers = {line.id: line.speaker for line in call.turns}
    assert referenced(analysis) <= set(speakers)
    assert analysis.intent is None or analysis.intent in get_args(Intent)
    if analysis.intent_score is None:
        assert analysis.intent in (None, "NOT_AVAILABLE")
    else:
        assert analysis.intent is not None
        low, high = BANDS[analysis.intent]
        assert low <= analysis.intent_score <= high
    assert analysis.quality_score is None or 0 <= analysis.quality_score <= 100
    for entry in analysis.quality:
        assert entry.inference_score is None or 0 <= entry.inference_score <= entry.parameter_score
    for statement in (analysis.bant.needs, analysis.bant.objection, analysis.bant.concern_categories):
        assert statement is None or {speakers[turn] for turn in statement.turns} == {"customer"}
    assert analysis_from_json(analysis_json(analysis)) == analysis


@pytest.mark.parametrize("labelled", SCRIPTED, ids=lambda labelled: labelled.name)
def test_intent_of_a_scripted_call(labelled: Labelled) -> None:
    call = conversation(labelled.script)

    found = RULES.judge(call, INSIDE_SALES)

    assert found.intent == labelled.intent
    assert found.intent_justification
    assert found.intent_turns
    assert_valid(found, call)


def test_concerns_and_topics_of_the_scripted_calls() -> None:
    right = hits = found = wanted = 0
    for labelled in SCRIPTED:
        analysis = judge(labelled.script)
        concern = analysis.bant.concern_categories
        right += (concern.text if concern else None) == labelled.concern
        topics = {topic.label for topic in analysis.qualification}
        hits += len(topics & labelled.topics)
        found += len(topics)
        wanted += len(labelled.topics)

    assert right / len(SCRIPTED) >= 0.9
    assert hits / found >= 0.9
    assert hits / wanted >= 0.9


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("I am interested.", "INTERESTED"),
        ("I'm not interested.", "NOT_INTERESTED"),
        ("I\u2019m really not very interested.", "NOT_INTERESTED"),
        ("I don't think I'm interested.", "NOT_INTERESTED"),
        ("I'm not, to be honest, interested.", "NOT_INTERESTED"),
        ("It is not the price, I am interested in the support.", "INTERESTED"),
        ("It's not that I am not interested, it is just early.", "NEUTRAL"),
        ("Maybe I would be interested if the price was right.", "NEUTRAL"),
        ("I was interested last year.", "NEUTRAL"),
        ("My brother is interested.", "NEUTRAL"),
        ("Sorry, I am in a meeting.", "NOT_AVAILABLE"),
        ("Sorry, I am in a meeting, call me later. Tomorrow at six works for me.", "NOT_AVAILABLE"),
        ("I'm in.", "INTERESTED"),
        ("That is fine.", "NEUTRAL"),
        ("My manager, Mister Brown, decides about that.", "NEUTRAL"),
        ("I have to say no.", "NOT_INTERESTED"),
        ("मुझे नहीं चाहिए", "NOT_INTERESTED"),
        ("Mujhe nahi chahiye, thank you.", "NOT_INTERESTED"),
    ],
)
def test_negation_hedging_and_other_people(said: str, expected: str) -> None:
    assert judge(f"A: We have an offer.\nC: {said}").intent == expected


def test_a_price_question_is_interest_and_no_objection() -> None:
    asked = judge("A: It has two models.\nC: How much is the large one, is it expensive?")
    objected = judge(
        "A: It costs a hundred.\nC: That is too expensive.\nA: I understand, we have a smaller one for sixty."
    )

    assert asked.bant.objection is None
    assert objected.bant.objection is not None
    assert (objected.bant.objection.text, objected.bant.objection.turns) == ("That is too expensive.", (1,))
    assert objected.bant.objection_handling is not None
    assert objected.bant.objection_handling.turns == (2,)
    assert score(objected, "Objection Handling") == 10
    assert score(asked, "Objection Handling") is None


def test_an_objection_that_is_denied_is_none() -> None:
    assert judge("A: Is the price a problem?\nC: No, it is not too expensive.").bant.objection is None


def test_an_answer_belongs_to_the_question_before_it() -> None:
    found = judge("A: What budget do you have in mind?\nC: Around two thousand a month.")

    assert [(topic.label, topic.answer, topic.turns) for topic in found.qualification] == [
        ("Budget", "Around two thousand a month.", (1,))
    ]


def test_a_question_is_no_answer() -> None:
    assert judge("A: What is your budget?\nC: Why do you ask?").qualification == ()


def test_what_was_not_discussed_is_absent() -> None:
    found = judge("A: Hello.\nC: Good morning.")

    assert (found.bant.needs, found.bant.objection, found.bant.concern_categories) == (None, None, None)
    assert found.qualification == ()
    assert found.intent_score == 50


def test_a_rude_agent_fails_the_fatal_parameter_with_the_turn() -> None:
    found = judge("A: Buy it today.\nC: I need time.\nA: You are an idiot.\nC: Goodbye.")
    courtesy = next(entry for entry in found.quality if entry.is_fatal)

    assert (courtesy.inference_score, courtesy.status, courtesy.turns) == (0, "Needs Improvement", (2,))
    assert courtesy.suggestion


def test_rudeness_counts_even_where_no_conversation_took_place() -> None:
    alone, rude = judge("A: Please call me back."), judge("A: Pick up, you idiot.")

    assert (score(alone, "Courtesy"), score(rude, "Courtesy")) == (None, 0)
    assert alone.quality_score is None


def test_chapters_cover_every_turn_once_and_quote_it() -> None:
    call = conversation(SCRIPTED[16].script)
    found = RULES.judge(call, INSIDE_SALES)

    assert [turn for chapter in found.summary for turn in chapter.turns] == [line.id for line in call.turns]
    words = " ".join(line.text for line in call.turns)
    for chapter in found.summary:
        assert len(chapter.turns) >= 2
        quotes = re.split(r"(?:^| )(?:Agent|Customer): ", chapter.chapter_summary)[1:]
        assert quotes
        assert all(quote in words for quote in quotes)


def test_a_draft_is_judged_by_its_acoustics_alone() -> None:
    found = RULES.judge(conversation(SCRIPTED[0].script, draft=True), INSIDE_SALES)
    assessed = {e.parameter_name for e in found.quality if e.inference_score is not None}

    assert (found.draft, found.intent, found.intent_score, found.summary) == (True, None, None, ())
    assert (found.bant.needs, found.qualification) == (None, ())
    assert assessed == {"Talk Balance", "Listening", "Responsiveness"}
    pitch = next(entry for entry in found.quality if entry.parameter_name == "Product Pitch")
    assert (pitch.status, "draft" in pitch.justification) == ("Not Applicable", True)
    assert "draft" in found.notes[0]


def test_a_draft_without_a_customer_is_not_available() -> None:
    found = RULES.judge(Conversation((), (Talk("agent", 1, 9),), 12, draft=True), INSIDE_SALES)

    assert (found.intent, found.intent_score) == ("NOT_AVAILABLE", None)


@pytest.mark.parametrize("draft", [True, False])
def test_one_voice_on_a_mono_recording_proves_nothing(draft: bool) -> None:
    call = Conversation(
        (Line(0, "agent", 1, 9, "I want to buy it"),), (Talk("agent", 1, 9),), 40, draft, one_voice=True
    )
    found = RULES.judge(call, INSIDE_SALES)
    assert (found.intent, found.quality_score, found.metrics.talk_ratio) == (None, None, None)
    assert {entry.inference_score for entry in found.quality} == {None}
    assert "second voice" in found.notes[0]


def test_silence_of_english_cues_is_no_evidence_about_another_language() -> None:
    call = conversation("A: Guten Tag, hier ist Anna.\nC: Guten Tag, worum geht es denn?", language="de")
    found = RULES.judge(call, INSIDE_SALES)

    assert (found.intent, found.intent_score) == (None, None)
    assert found.notes
    assert all("language" in e.justification for e in found.quality if e.parameter_name == "Product Pitch")


def test_a_parameter_without_a_rule_is_not_assessed() -> None:
    found = RULES.judge(conversation(SCRIPTED[0].script), Rubric("charm", (Parameter("Charm", "…", 5, "charm"),)))

    assert (found.quality[0].inference_score, found.quality_score) == (None, None)


FRAGMENTS = [
    "no",
    "not",
    "interested",
    "I",
    "my budget is",
    "too expensive",
    "how much",
    "maybe",
    "but",
    ",",
    "?",
    "\ud800",
    "\0",
]

_line = st.builds(
    Line,
    st.just(0),
    st.sampled_from(["agent", "customer"]),
    st.floats(0, 100),
    st.floats(0, 100),
    st.one_of(
        st.text(max_size=80),
        st.lists(
            st.sampled_from(FRAGMENTS),
            max_size=30,
        ).map(" ".join),
    ),
)
_talk = st.builds(Talk, st.sampled_from(["agent", "customer"]), st.floats(), st.floats())


@settings(max_examples=200, deadline=None)
@given(st.lists(_line, max_size=8), st.lists(_talk, max_size=6), st.floats(), st.booleans())
def test_anything_gives_a_valid_analysis(lines: list[Line], speech: list[Talk], seconds: float, draft: bool) -> None:
    turns = tuple(replace(line, id=7 * number) for number, line in enumerate(lines))
    call = Conversation(turns, tuple(speech), seconds, draft)

    assert_valid(RULES.judge(call, INSIDE_SALES), call)


async def test_judges_off_the_event_loop() -> None:
    call = conversation(SCRIPTED[0].script)

    assert await RULES.analyse(call, INSIDE_SALES) == RULES.judge(call, INSIDE_SALES)


@pytest.mark.timeout(20)  # a pattern that backtracks without bound would take hours
def test_hostile_text_is_read_in_time() -> None:
    words = ("not very really quite " * 20_000, "i will " * 30_000, "a" * 200_000, "no, " * 50_000, "a' " * 50_000)
    call = Conversation(tuple(Line(n, "customer", n, n + 1, text) for n, text in enumerate(words)), (), 10)

    assert_valid(RULES.judge(call, INSIDE_SALES), call)
