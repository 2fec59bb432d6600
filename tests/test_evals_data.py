"""The labelled calls are as their guide says, and the held-out third is the one that its rule names."""

import re
from collections import Counter
from typing import Any, get_args

import pytest
import yaml
from evals.calls import (
    HELD_OUT,
    TOPICS_OF,
    TUNING,
    TUNING_ALONE,
    ConcernCategory,
    LabelledCall,
    Trap,
    conversation,
    read_calls,
    to_be_held_out,
)
from pydantic import ValidationError

from callwright.analysis import Intent
from docs.pages import page

TUNED, UNTOUCHED = read_calls(TUNING), read_calls(HELD_OUT)
CALLS = [*TUNED, *UNTOUCHED]
GUIDE = page("evals/README.md")


def test_there_are_enough_calls_of_every_kind() -> None:
    assert len({call.id for call in CALLS}) == len(CALLS) >= 66
    assert sum(call.language != "en" for call in CALLS) >= 15
    assert {call.domain for call in CALLS} == set(TOPICS_OF)
    for kinds in ([c.language for c in CALLS], [c.domain for c in CALLS], [c.intent.label for c in CALLS]):
        assert min(Counter(kinds).values()) >= 8
    assert {trap for call in CALLS for trap in call.traps} == set(get_args(Trap))
    assert {call.concern.label for call in CALLS if call.concern} == set(get_args(ConcernCategory))
    assert {topic.label for call in CALLS for topic in call.topics} == {
        name for names in TOPICS_OF.values() for name in names
    }


def test_a_third_is_held_out_by_the_rule() -> None:
    assert {call.id for call in UNTOUCHED} == to_be_held_out(CALLS)
    assert all(call.held_out for call in UNTOUCHED)
    assert not any(call.held_out for call in TUNED)
    measured = [call for call in CALLS if call.batch not in TUNING_ALONE]
    assert abs(len(UNTOUCHED) - len(measured) / 3) < 1
    assert {call.batch for call in UNTOUCHED} == {call.batch for call in measured} == {1}
    for calls in (TUNED, UNTOUCHED):
        assert {call.intent.label for call in calls} == set(get_args(Intent))
        assert len({call.language for call in calls}) == 4


def test_no_call_moves_when_a_batch_is_added() -> None:
    later = [call.model_copy(update={"id": f"{call.id}-2", "batch": 9}) for call in CALLS[:10]]
    assert to_be_held_out(CALLS) < to_be_held_out([*CALLS, *later])


def test_nothing_is_held_out_of_a_batch_for_tuning_alone() -> None:
    later = [call for call in CALLS if call.batch in TUNING_ALONE]
    assert Counter(call.batch for call in later) == {2: 66, 3: 44}
    assert to_be_held_out(later) == set()
    assert min(Counter(call.concern.label for call in later if call.concern).values()) >= 5


@pytest.mark.parametrize("folder", [TUNING, HELD_OUT], ids=lambda folder: folder.name)
def test_files_are_named_by_their_calls(folder: Any) -> None:
    assert {path.stem for path in folder.iterdir()} == {call.id for call in read_calls(folder)}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.id)
def test_devanagari_is_where_the_language_says(call: LabelledCall) -> None:
    words = " ".join(turn.text for turn in call.turns)
    devanagari = bool(re.search("[\u0900-\u097f]", words))
    assert devanagari == (call.language == "hi") or call.language == "mixed"


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.id)
def test_the_customer_carries_what_the_customer_decides(call: LabelledCall) -> None:
    speakers = {turn.id: turn.speaker for turn in call.turns}
    labels = [call.intent, *([call.concern] if call.concern else [])]
    labels += [topic for topic in call.topics if topic.label != "Resolution"]
    assert all(any(speakers[turn] == "customer" for turn in label.turns) for label in labels)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.id)
def test_a_call_becomes_a_conversation(call: LabelledCall) -> None:
    made = conversation(call)
    assert [line.id for line in made.turns] == list(range(len(call.turns)))
    starts = [line.start for line in made.turns]
    assert starts == sorted(starts)
    assert all(line.end > line.start >= 0 for line in made.turns)
    assert made.seconds >= made.turns[-1].end


@pytest.mark.parametrize(
    "change",
    [
        {"intent": {"label": "KEEN", "turns": [2]}},
        {"intent": {"label": "INTERESTED", "turns": []}},
        {"intent": {"label": "INTERESTED", "turns": [99]}},
        {"concern": {"label": "Weather", "turns": [2]}},
        {"topics": [{"label": "Promise To Pay", "answer": "never", "turns": [2]}]},
        {
            "topics": [
                {"label": "Budget", "answer": "1", "turns": [2]},
                {"label": "Budget", "answer": "2", "turns": [2]},
            ]
        },
        {"turns": [{"id": 1, "agent": "Hello?", "customer": "Hello!"}]},
        {"mood": "good"},
    ],
)
def test_a_call_that_is_not_as_the_guide_says_is_refused(change: dict[str, Any]) -> None:
    good = yaml.safe_load((TUNING / "sales-en-10.yaml").read_text("utf-8"))
    assert LabelledCall.model_validate(good).id == "sales-en-10"
    with pytest.raises(ValidationError):
        LabelledCall.model_validate(good | change)


@pytest.mark.parametrize("names", [get_args(Intent), get_args(ConcernCategory), *TOPICS_OF.values()])
def test_the_guide_defines_every_label(names: tuple[str, ...]) -> None:
    defined = re.findall(r"^\| `([A-Za-z_ ]+)` \|", GUIDE, re.MULTILINE)
    assert set(names) <= set(defined)


def test_the_guide_names_every_trap_and_the_number_of_calls() -> None:
    assert all(f"`{trap}`" in GUIDE for trap in get_args(Trap))
    assert f"{len(CALLS)} scripted calls" in GUIDE
