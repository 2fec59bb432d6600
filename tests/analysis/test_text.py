"""Text that is safe to store: cleaned and bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callwright.analysis.text import clean


@given(st.text(), st.integers(2, 50))
def test_any_text_can_be_stored_and_stays_within_its_limit(text: str, limit: int) -> None:
    found = clean(text, limit)

    assert len(found) <= limit
    assert "\0" not in found
    assert found == found.strip()
    found.encode()


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("a\x00b\ud800c", 40, "a b c"),
        (" two\n lines\u2028 and\ta tab ", 40, "two lines and a tab"),
        ("one two three four", 10, "one two…"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaa", 10, "aaaaaaaaa…"),
    ],
)
def test_clean(text: str, limit: int, expected: str) -> None:
    assert clean(text, limit) == expected
