"""The language model engine against an OpenAI-style server on loopback: real HTTP, scripted answers."""

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from analysis.conversations import SCRIPTED, conversation
from analysis.scripted_model import CALL, COUNTED, GOOD, Model, said, shown, signal
from callwright.analysis import Action, Conversation, Line, Talk
from callwright.analysis.built_in import INSIDE_SALES
from callwright.analysis.llm import LlmAnalyser
from callwright.analysis.llm.prompt import VERSION
from callwright.analysis.rubric import Concern, Meaning, Rubric, Topic
from callwright.analysis.rules import RulesAnalyser
from callwright.analysis.scorecard import Parameter
from callwright.errors import StepFailed
from local_server import serve


async def test_native_output_is_checked_and_scored(model: Model) -> None:
    found = await model.says(GOOD).judges()

    assert (found.engine, found.model, found.version) == ("llm", "scripted-2", VERSION)
    assert (found.intent, found.intent_score, found.intent_turns) == ("INTERESTED", 78, (1, 3, 5))
    assert found.bant.objection is not None
    assert found.bant.objection.turns == (1,)
    assert found.bant.concern_categories is not None
    assert found.bant.concern_categories.text == "Pricing"
    assert [chapter.turns for chapter in found.summary] == [(0, 1, 2), (3, 4, 5)]
    rated = {entry.parameter_name: entry.inference_score for entry in found.quality}
    assert rated["Objection Handling"] == 9
    assert rated["Product Pitch"] is None
    assert rated["Responsiveness"] == 5
    assert found.talking_points[0].text == "What onboarding includes."
    assert found.suggested_actions == (Action("Send the contract.", "agent", "Monday", (5,)),)
    assert [(topic.label, topic.turns) for topic in found.qualification] == [("Timeline", (3,))]
    assert found.notes == ()
    assert model.asked[0]["response_format"]["type"] == "json_schema"
    assert b"another-service" not in model.server.requests[0]


async def test_a_server_that_refuses_native_output_is_prompted_from_then_on(model: Model) -> None:
    model.fails(400, b'{"error": {"message": "response_format is not supported"}}').says(GOOD)
    analyser = LlmAnalyser(model.server.url("/v1"), "scripted", api_key="k-1")

    first = await analyser.analyse(CALL, INSIDE_SALES)
    second = await analyser.analyse(CALL, INSIDE_SALES)

    assert replace(first, usage=None) == replace(second, usage=None)
    assert first.intent == "INTERESTED"
    assert ["response_format" in body for body in model.asked] == [True, False, False]
    assert "objection_handling" in json.dumps(model.asked[1]["messages"])
    assert b"authorization: bearer k-1" in model.server.requests[0].lower()


async def test_a_server_that_ignores_the_schema_is_prompted(model: Model) -> None:
    found = await model.says("Sure! The customer is interested.", times=2).says(GOOD).judges()

    assert (found.engine, found.intent) == ("llm", "INTERESTED")
    assert ["response_format" in body for body in model.asked] == [True, True, False]


async def test_what_does_not_fit_the_schema_is_asked_again(model: Model) -> None:
    far_out = GOOD | {"signals": [GOOD["signals"][0] | {"strength": 900}]}

    found = await model.says(far_out).says(GOOD).judges()

    assert (found.engine, found.intent_score) == ("llm", 78)
    assert len(model.asked) == 2


@pytest.mark.parametrize(
    "script",
    [
        lambda model: model.says("I cannot do that."),
        lambda model: model.says({"intent": "MAYBE"}),
        lambda model: model.says(GOOD | {"intent_justification": "a lone \ud800 surrogate"}),
        lambda model: model.fails(400),
        lambda model: model.fails(
            400, b'{"error": {"code": "context_length_exceeded", "message": "maximum context length is 10 tokens"}}'
        ),
    ],
    ids=["prose", "unknown label", "no Unicode", "refused", "too long"],
)
async def test_no_usable_answer_falls_back_to_the_rules_with_the_reason(
    model: Model, script: Callable[[Model], Model]
) -> None:
    found = await script(model).judges()

    expected = RulesAnalyser().judge(CALL, INSIDE_SALES)
    assert (found.engine, found.intent, found.quality) == ("rules", expected.intent, expected.quality)
    assert "language model could not be used" in found.notes[-1]


async def test_too_many_requests_are_waited_out(model: Model) -> None:
    found = await model.fails(429).says(GOOD).judges()

    assert (found.engine, found.intent_score) == ("llm", 78)


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b"oops"), (503, b"{}"), (429, b"{}"), (401, b"{}"), (404, b"{}"), (302, b""), (200, b"<html>hello</html>")],
)
async def test_a_provider_that_is_down_is_waited_for(model: Model, status: int, body: bytes) -> None:
    with pytest.raises(StepFailed) as failed:
        await model.fails(status, body).judges()

    assert (failed.value.code, failed.value.ours) == ("analysis_failed", status != 500)
    assert failed.value.retry == (status == 500), "a crash may be this conversation's doing"
    assert failed.value.__cause__ is not None
    assert "oops" not in failed.value.message


async def test_a_provider_that_does_not_listen_is_waited_for() -> None:
    async with serve() as server:
        address = server.url("/v1")

    with pytest.raises(StepFailed) as failed:
        await LlmAnalyser(address, "scripted").analyse(CALL, INSIDE_SALES)

    assert failed.value.ours


async def test_a_draft_is_never_sent(model: Model) -> None:
    found = await model.says(GOOD).judges(conversation(SCRIPTED[12].script, draft=True))

    assert (found.engine, found.draft, found.intent, found.intent_score) == ("llm", True, None, None)
    assert model.server.requests == []


async def test_a_call_without_words_is_never_sent(model: Model) -> None:
    call = Conversation((Line(0, "agent", 0, 1, " "),), (Talk("agent", 0, 1),), 5)

    found = await model.says(GOOD).judges(call)

    assert (found.engine, found.version, found.model, found.intent) == ("llm", VERSION, None, "NOT_AVAILABLE")
    assert model.server.requests == []


async def test_what_the_model_took_is_kept(model: Model) -> None:
    found = await model.says(GOOD | {"intent": "MAYBE"}).says(GOOD).judges()

    assert found.usage is not None
    assert (found.usage.requests, found.usage.input_tokens, found.usage.output_tokens) == (2, 12000, 600)
    assert found.usage.seconds > 0
    model.answers.clear()
    uncounted = await model.says(GOOD, usage=None).judges()
    assert uncounted.usage is not None
    assert (uncounted.usage.requests, uncounted.usage.input_tokens) == (1, None)


async def test_what_a_model_took_in_vain_is_kept(model: Model) -> None:
    found = await model.says("I cannot do that.").judges()

    assert found.engine == "rules"
    assert found.usage is not None
    assert found.usage.requests == len(model.asked)
    assert found.usage.input_tokens == COUNTED["prompt_tokens"] * len(model.asked)


async def test_the_model_judges_by_the_rubric(model: Model) -> None:
    rubric = Rubric(
        name="trucks",
        parameters=(Parameter("Weight Asked", "Asks for the weight.", 7, "need_discovery"),),
        intents=(Meaning("INTERESTED", "wants a truck"),),
        concerns=(Concern("Axles", "Too few axles."),),
        topics=(Topic("Payload", "How much it must carry."), Topic("Price", "What it may cost.")),
        languages=("hi", "en"),
    )
    answer = GOOD | {
        "concern": "axles",
        "qualification": [
            {"label": "Timeline", "answer": "Soon.", "evidence": said(CALL, 3)},
            {"label": "price", "answer": "Half of it.", "evidence": said(CALL, 1)},
        ],
        "ratings": [GOOD["ratings"][0] | {"parameter": "weight asked"}],
    }

    found = await model.says(answer).judges(CALL, rubric)

    asked = json.loads(model.asked[0]["messages"][1]["content"].split("\n")[1])
    assert asked["intents"]["INTERESTED"] == "wants a truck"
    assert asked["intents"]["NEUTRAL"] == "undecided"
    assert (asked["topics"]["Payload"], asked["concerns"]) == ("How much it must carry.", {"Axles": "Too few axles."})
    assert (asked["parameters"][0]["maximum"], asked["languages"]) == (7, ["hi", "en"])
    assert [(topic.label, topic.answer) for topic in found.qualification] == [("Price", "Half of it.")]
    assert found.bant.concern_categories is not None
    assert found.bant.concern_categories.text == "Axles"
    assert [(entry.parameter_name, entry.inference_score) for entry in found.quality] == [("Weight Asked", 7)]
    assert found.rubric == "trucks/0"
    assert found.notes == (
        "1 statement of the language model left out: the turns of the call do not show what was claimed.",
    )


async def test_no_value_leaves_the_machine(model: Model) -> None:
    call = conversation(
        """
        A: Which card shall I take, and what is your number?
        C: four two four two
        A: yes
        C: 4242 4242 4242, and my number is +91 98765 43210
        A: And the OTP?
        C: 427190, and write to ravi dot kumar at gmail dot com. My PAN is ABCPE1234F.
        A: So 12 seats for 25,000 rupees.
        C: Great, that works, let us start.
        """
    )
    answer = GOOD | {
        "signals": [signal("buying", 7, 3, call)],
        "objection": None,
        "chapters": [{"name": "Card", "summary": "Reads a card out: [card].", "first_turn": 0, "last_turn": 7}],
        "needs": {"text": "Gives [card] and [phone].", "evidence": [shown(3, "[card] and my number is [phone]")]},
        "qualification": [],
        "talking_points": [],
        "suggested_actions": [],
    }

    found = await model.says(answer).judges(call)

    sent = b"".join(model.server.requests).decode()
    assert not re.search(r"four two|4242|98765|427190|gmail|ABCPE", sent)
    assert "12 seats for 25,000 rupees" in sent
    assert found.bant.needs is not None, "claims are held against what the model saw"
    assert found.metrics == RulesAnalyser().judge(call, INSIDE_SALES).metrics, "every word that was said is counted"
    assert found.intent == "INTERESTED"
