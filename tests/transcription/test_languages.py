"""The language of a call is voted on by its longest pieces, by seconds of speech."""

import pytest

from callwright.transcription.engine import Heard
from callwright.transcription.languages import WINDOWS, vote


def heard_in(*languages: str | None) -> tuple[list[int], dict[int, Heard], str | None]:
    """Vote with pieces of 10, 9, 8, … seconds in these languages: which were asked, what is kept, and the winner."""
    return voted(languages, ())


def voted(
    languages: tuple[str | None, ...], expected: tuple[str, ...]
) -> tuple[list[int], dict[int, Heard], str | None]:
    asked = []

    def hear(number: int, given: tuple[str, ...]) -> Heard:
        assert given == expected
        asked.append(number)
        return Heard((), languages[number])

    language, kept = vote([10.0 - place for place in range(len(languages))], hear, expected)
    return asked, kept, language


def test_one_expected_language_needs_no_vote() -> None:
    assert voted(("en", "en"), ("hi-IN",)) == ([], {}, "hi-IN")


def test_one_long_piece_does_not_decide_against_several() -> None:
    asked, kept, language = heard_in("en", "hi", "hi", "en", "hi")
    assert (asked, language) == ([0, 1, 2, 3, 4], "hi")
    assert sorted(kept) == [1, 2, 4], "what was heard in the wrong language is heard again"


def test_a_vote_that_is_decided_ends() -> None:
    asked, kept, language = heard_in("en", "en", "en", "hi", "hi", "hi")
    assert (asked, sorted(kept), language) == ([0, 1, 2], [0, 1, 2], "en")
    assert len(heard_in(*["en", "hi"] * 5)[0]) == WINDOWS


@pytest.mark.parametrize(
    ("said", "expected", "language"),
    [
        (("ur", "ur", "hi"), ("en", "hi"), "hi"),
        (("ur", "ur", "ur"), ("en", "hi"), "en"),
        (("en", "hi", "hi"), ("hi-IN", "en-IN"), "hi-IN"),
        ((None, None), ("en", "hi"), "en"),
        ((None, None), (), None),
        ((None, "hi"), (), "hi"),
        ((), (), None),
    ],
)
def test_nothing_wins_that_is_not_expected(
    said: tuple[str | None, ...], expected: tuple[str, ...], language: str | None
) -> None:
    assert voted(said, expected)[2] == language
