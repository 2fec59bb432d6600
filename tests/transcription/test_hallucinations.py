"""What engines make up is dropped and counted; what people say again and again is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callwright.transcription import Span, Speaker
from callwright.transcription.hallucinations import without_loops, without_stock_phrases
from callwright.transcription.turns import Words


def spoken(text: str, *, speaker: Speaker = "agent", start: float = 0.0, step: float = 0.3) -> list[Words]:
    """A word every `step` seconds."""
    return [
        Words(speaker, start + place * step, start + place * step + 0.25, word)
        for place, word in enumerate(text.split())
    ]


def text_of(words: list[Words]) -> str:
    return " ".join(word.text for word in words)


@pytest.mark.parametrize(
    ("said", "kept", "dropped"),
    [
        ("so " + "thank you " * 20 + "bye", "so thank you bye", 38),
        ("you " * 30, "you", 29),
        ("Okay. " * 4 + "okay, " * 8, "Okay.", 11),
        ("we will call you back " * 5, "we will call you back", 20),
        ("I will send you the brochure today on your mail " * 4, "I will send you the brochure today on your mail", 30),
        ("जी हाँ " * 12, "जी हाँ", 22),
        ("no " + "hahahahahahahahahahahaha", "no ha", 1),
    ],
)
def test_a_loop_is_said_once(said: str, kept: str, dropped: int) -> None:
    left, count = without_loops(spoken(said))
    assert (text_of(left), count) == (kept, dropped)
    whole, count = without_loops([Words("agent", 0, 10, said.strip())])
    assert (text_of(whole), count) == (kept, dropped), "likewise where an engine gives a whole segment at a time"


@pytest.mark.parametrize(
    "said",
    [
        "no no no no no I do not want it",
        "thank you thank you thank you so much",
        "hello hello hello can you hear me can you hear me can you hear me",
        "nine eight nine eight nine eight nine eight one one one",
        "haan ji haan ji haan ji haan ji theek hai",
        "की का की का के की",
    ],
)
def test_people_repeat_themselves_too(said: str) -> None:
    assert without_loops(spoken(said)) == (spoken(said), 0)


def test_a_listeners_word_every_few_seconds_is_no_loop() -> None:
    said = spoken("haan " * 40, step=4.0)
    assert without_loops(said) == (said, 0)


def test_a_sentence_that_comes_in_segment_after_segment_is_a_loop() -> None:
    segments = [Words("customer", 10.0 * n, 10.0 * n + 2, "Thank you for watching.") for n in range(9)]
    assert without_loops(segments) == (segments[:1], 32)
    assert without_loops(segments[:7]) == (segments[:7], 0)


def test_what_two_say_in_turns_is_nobodys_loop() -> None:
    said = [word for n in range(10) for word in spoken("yes", speaker=("agent", "customer")[n % 2], start=n)]
    assert without_loops(said)[1] == 0


def test_a_segment_keeps_as_much_of_its_time_as_of_its_words() -> None:
    left, _ = without_loops([Words("agent", 10, 20, "you " * 10)])
    assert left == [Words("agent", 10, 11, "you")]


def test_a_stock_phrase_in_a_noise_too_short_for_it_is_made_up() -> None:
    noise, speech = Span("agent", 5.0, 5.3), Span("customer", 5.0, 5.3)
    said = Words("agent", 5.0, 5.6, "Thanks for watching!")
    spoken_by_other = Words("customer", 5.0, 5.6, "Thanks for calling")
    assert without_stock_phrases([said, spoken_by_other], [noise, speech]) == ([spoken_by_other], 3)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("Thanks for watching!", Span("agent", 5.0, 5.7)),
        ("Thank you, Asha", Span("agent", 5.0, 5.3)),
        ("Thanks for watching!", Span("customer", 5.0, 5.3)),
    ],
)
def test_words_that_may_have_been_said_stay(text: str, span: Span) -> None:
    said = [Words("agent", 5.0, 5.6, text)]
    assert without_stock_phrases(said, [span]) == (said, 0)


@given(
    st.lists(
        st.builds(
            Words,
            st.sampled_from(["agent", "customer"]),
            st.floats(0, 60),
            st.floats(61, 99),
            st.lists(st.sampled_from(["a", "b", "-", "Thank", "you"]), min_size=1, max_size=12).map(" ".join),
        ),
        max_size=12,
    )
)
def test_nothing_is_lost_uncounted(words: list[Words]) -> None:
    left, dropped = without_loops(words)

    def count(these: list[Words]) -> int:
        return sum(any(char.isalpha() for char in word) for each in these for word in each.text.split())

    alone = sum(not any(char.isalpha() for char in each.text) for each in words)  # a sign that is a whole entry
    assert count(left) <= count(words) <= count(left) + dropped <= count(words) + alone
