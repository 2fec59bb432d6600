"""Words become turns; nothing an engine says is believed before it is checked."""

import math

import pytest

from callwright.transcription import Speaker
from callwright.transcription.engine import Segment
from callwright.transcription.turns import MAX_TEXT, Words, build_turns, clean, clean_text


def words(speaker: Speaker, start: float, text: str, seconds: float = 0.3) -> list[Words]:
    """Words that follow each other closely."""
    return [
        Words(speaker, start + place * seconds, start + (place + 1) * seconds, word)
        for place, word in enumerate(text.split())
    ]


@pytest.mark.parametrize(
    ("segment", "times"),
    [
        (Segment(1, 2, "word"), (1, 2)),
        (Segment(-5, 2, "word"), (0, 2)),
        (Segment(1, 99, "word"), (1, 10)),
        (Segment(50, 99, "word"), (9.99, 10)),
        (Segment(3, 2, "word"), (3, 3.01)),
        (Segment(3, 3, "word"), (3, 3.01)),
        (Segment(-9, -8, "word"), (0, 0.01)),
        (Segment(math.nan, 2, "word"), None),
        (Segment(1, math.inf, "word"), None),
        (Segment(1, 2, " \x00\n\ud800 "), None),
    ],
)
def test_times_lie_inside_and_start_before_they_end(segment: Segment, times: tuple[float, float] | None) -> None:
    kept = clean(segment, 10)
    assert (None if kept is None else (kept.start, kept.end)) == (None if times is None else pytest.approx(times))


@pytest.mark.parametrize(
    ("said", "kept"), [(0.5, 0.5), (-3, 0), (7, 1), (math.nan, None), (math.inf, None), (None, None)]
)
def test_a_confidence_is_a_share_or_nothing(said: float | None, kept: float | None) -> None:
    segment = clean(Segment(0, 1, "word", said), 10)
    assert segment is not None
    assert segment.confidence == kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("  two \n\t words ", "two words"),
        ("nul\x00l and \x1b[31mred", "nul l and [31mred"),
        ("lone \ud83d surrogate \udc00", "lone surrogate"),
        ("turned \u202eback", "turned back"),
        ("Grüße, 你好, नमस्ते 👍", "Grüße, 你好, नमस्ते 👍"),
    ],
)
def test_text_is_what_a_database_and_a_page_can_hold(said: str, kept: str) -> None:
    assert clean_text(said) == kept
    assert kept.encode()


def test_an_endless_text_is_cut() -> None:
    segment = clean(Segment(0, 1, "a" * 1_000_000), 10)
    assert segment is not None
    assert len(segment.text) == MAX_TEXT


def test_a_turn_lasts_until_the_other_speaks() -> None:
    turns = build_turns(
        [*words("customer", 2, "hello who is it"), *words("agent", 0, "good morning"), *words("agent", 4, "it is me")],
        "en",
    )
    assert [(turn.id, turn.speaker, turn.text) for turn in turns] == [
        (0, "agent", "good morning"),
        (1, "customer", "hello who is it"),
        (2, "agent", "it is me"),
    ]
    assert (turns[1].start, turns[1].end) == pytest.approx((2, 3.2))


@pytest.mark.parametrize(("pause", "count"), [(1.1, 1), (1.3, 2)])
def test_a_long_pause_begins_a_new_turn(pause: float, count: int) -> None:
    assert len(build_turns([*words("agent", 0, "one two"), *words("agent", 0.6 + pause, "three")], "en")) == count


def test_a_listeners_word_in_between_does_not_tear_a_phrase_apart() -> None:
    turns = build_turns([*words("agent", 0, "we would start on monday if that"), *words("customer", 1, "mhm")], "en")
    assert [turn.text for turn in turns] == ["we would start on monday if that", "mhm"]
    assert turns[1].start < turns[0].end


def test_words_in_any_order_give_the_same_turns() -> None:
    said = [*words("agent", 0, "a b c"), *words("customer", 0.5, "d e"), *words("agent", 3, "f")]
    assert build_turns(said, "en") == build_turns(said[::-1], "en")


def test_languages_without_spaces_get_none() -> None:
    assert build_turns(words("agent", 0, "你 好"), "zh-CN")[0].text == "你好"
    assert build_turns(words("agent", 0, "bon jour"), None)[0].text == "bon jour"


def test_the_confidence_of_a_turn_is_the_mean_of_those_known() -> None:
    known = [Words("agent", 0, 1, "a", 0.5), Words("agent", 1, 2, "b", 1.0), Words("agent", 2, 3, "c", None)]
    assert build_turns(known, "en")[0].confidence == 0.75
    assert build_turns(known[2:], "en")[0].confidence is None


def test_no_words_are_no_turns() -> None:
    assert build_turns([], "en") == ()
