"""Long calls: in parts between chapters, never longer than the model's context, and one answer in the end."""

from dataclasses import replace

import pytest

from analysis.conversations import conversation
from analysis.scripted_model import COUNTED, GOOD, Model, said, signal
from callwright.analysis import Conversation, Line
from callwright.analysis.built_in import INSIDE_SALES
from callwright.analysis.llm.answer import Answer
from callwright.analysis.llm.parts import SIZES, measured, merged, parts

LONG = conversation(
    "\n".join(
        f"A: Let us speak of the {topic} for a while, this is what I wanted to say about it in all detail number {n}.\n"
        f"C: Yes, the {topic} is something that I think about a lot, and here is what I would say about it, {n}."
        for topic in ("price and cost", "contract and start", "integration with our system", "demo and next steps")
        for n in range(100, 160)
    )
)
"""480 turns, 120 on each topic, which are too long for one part."""

CUT = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
TOO_LONG = b'{"error": {"code": "context_length_exceeded", "message": "maximum context length is 10 tokens"}}'
LLAMA_CPP = (
    b'{"error": {"code": 400, "message": "the request exceeds the available context size, try increasing it", '
    b'"type": "exceed_context_size_error"}}'
)


def tokens(turns: tuple[Line, ...]) -> int:
    return sum(measured(turn) for turn in turns)


@pytest.mark.parametrize("size", SIZES)
def test_parts_are_the_whole_call_and_none_is_too_long(size: int) -> None:
    cut = parts(LONG.turns, size, "sales")

    assert tuple(turn for part in cut for turn in part) == LONG.turns
    assert max(tokens(part) for part in cut) <= size
    assert len(cut) < 2 * tokens(LONG.turns) / size + 1


def test_parts_are_cut_between_chapters() -> None:
    starts = [part[0].id for part in parts(LONG.turns, 8000, "sales")]

    assert len(starts) > 2
    assert all(min(start % 120, -start % 120) <= 2 for start in starts), "each topic has 120 turns"


def test_an_ordinary_call_is_one_part_and_a_turn_is_never_cut() -> None:
    short = LONG.turns[:60]
    assert parts(short, SIZES[0], "sales") == [short]

    monster = replace(LONG.turns[1], text="word " * 900)
    first, last = LONG.turns[0], LONG.turns[2]
    assert parts((first, monster, last), 100, "sales") == [(first,), (monster,), (last,)]


def test_devanagari_is_measured_by_what_it_takes() -> None:
    english, hindi = conversation("A: hello there").turns[0], conversation("A: नमस्ते दोस्तो").turns[0]

    assert measured(hindi) > measured(english) + 8


def answers(call: Conversation, count: int) -> list[dict[str, object]]:
    """What a model says of each part: signals in its own turns, and a chapter over these."""
    made: list[dict[str, object]] = []
    for turns in parts(call.turns, SIZES[0], "sales"):
        first, last = turns[0].id, turns[-1].id
        customer = next(turn.id for turn in turns if turn.speaker == "customer")
        made.append(
            GOOD
            | {
                "signals": [signal("buying", customer, 2, call)],
                "chapters": [{"name": "Part", "summary": "They speak.", "first_turn": first, "last_turn": last}],
                "objection": None,
                "qualification": [],
                "ratings": [GOOD["ratings"][0] | {"evidence": said(call, first), "rating": len(made)}],
                "talking_points": [],
                "suggested_actions": [],
            }
        )
    assert len(made) == count
    return made


async def test_a_long_call_is_asked_about_in_parts_and_the_answers_are_one(model: Model) -> None:
    count = len(parts(LONG.turns, SIZES[0], "sales"))
    for answer in answers(LONG, count):
        model.says(answer)

    found = await model.judges(LONG)

    assert count > 1
    assert len(model.asked) == count
    prompts = [body["messages"][1]["content"] for body in model.asked]
    assert [f"part {n} of {count}" in prompt for n, prompt in enumerate(prompts, 1)] == [True] * count
    assert found.engine == "llm"
    assert [turn for chapter in found.summary for turn in chapter.turns] == list(range(480))
    assert len(found.intent_turns) == count
    assert found.usage is not None
    assert (found.usage.requests, found.usage.input_tokens) == (count, count * COUNTED["prompt_tokens"])
    rated = {entry.parameter_name: entry.inference_score for entry in found.quality}
    assert rated["Objection Handling"] == count - 1, "the best of the parts"
    assert found.notes == ()


@pytest.mark.parametrize("refusal", [TOO_LONG, LLAMA_CPP], ids=["OpenAI", "llama.cpp"])
async def test_what_is_too_long_for_the_model_is_asked_in_smaller_parts_from_then_on(
    model: Model, refusal: bytes
) -> None:
    short = replace(LONG, turns=LONG.turns[:120])
    count = len(parts(short.turns, SIZES[1], "sales"))
    model.fails(400, refusal).says(GOOD, times=100)
    analyser = model.analyser

    found = await analyser.analyse(short, INSIDE_SALES)
    first = len(model.asked)
    await analyser.analyse(short, INSIDE_SALES)

    assert len(parts(short.turns, SIZES[0], "sales")) == 1
    assert (found.engine, first, len(model.asked)) == ("llm", 1 + count, 1 + 2 * count)


async def test_a_server_that_cuts_a_call_without_a_word_is_found_out(model: Model) -> None:
    short = replace(LONG, turns=LONG.turns[:120])

    found = await model.says(GOOD, usage=CUT).says(GOOD).judges(short)
    model.answers.clear()
    always = await model.says(GOOD, usage=CUT).judges(short)

    assert found.notes == () or "read only some" not in found.notes[-1]
    assert "read only some of the call" in always.notes[-1]


async def test_a_call_in_too_many_parts_is_left_to_the_rules(model: Model) -> None:
    endless = replace(
        LONG,
        turns=tuple(replace(turn, id=n, start=turn.start, text=turn.text * 20) for n, turn in enumerate(LONG.turns)),
    )

    found = await model.says(GOOD).judges(endless)

    assert found.engine == "rules"
    assert "too long" in found.notes[-1]
    assert model.asked == []


def test_the_parts_answers_become_one() -> None:
    objection = GOOD["objection"]
    first = GOOD | {"intent": "NOT_INTERESTED", "objection": None, "concern": None, "objection_handling": None}
    second = GOOD | {"intent": "NEUTRAL", "needs": objection}
    fatal = [
        GOOD["ratings"][0] | {"parameter": "Courtesy", "rating": rating, "applies": rating != 9} for rating in (5, 0, 9)
    ]
    third = GOOD | {"ratings": fatal}
    made = [Answer.model_validate(answer) for answer in (first, second, third | {"intent": "NEUTRAL"})]

    one = merged(made, INSIDE_SALES)

    assert one.intent == "NOT_INTERESTED", "the last part that is decided"
    assert one.concern == "Pricing"
    assert one.needs == made[1].needs
    assert len(one.signals) == 9
    ratings = {rating.parameter: rating.rating for rating in one.ratings}
    assert ratings == {"Objection Handling": 9, "Courtesy": 0}, "a fatal parameter has its worst"
