"""Statuses and scores of quality parameters, as the contract (3.1) derives them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callwright.analysis.built_in import INSIDE_SALES
from callwright.analysis.scorecard import (
    Parameter,
    not_assessed,
    points,
    quality_score,
    scored,
    status,
)

TEN = Parameter("Ten", "…", 10, "ten")
FATAL = Parameter("Fatal", "…", 5, "fatal", fatal=True)


@pytest.mark.parametrize(
    ("inference", "expected"),
    [(None, "Not Applicable"), (10, "Done"), (9, "Partially Done"), (1, "Partially Done"), (0, "Needs Improvement")],
)
def test_status_is_derived_from_the_two_scores(inference: int | None, expected: str) -> None:
    assert status(inference, 10) == expected


def test_the_total_counts_only_what_was_assessed() -> None:
    absent = not_assessed(Parameter("Absent", "…", 100, "absent"), "It did not come up.")

    assert quality_score([scored(TEN, 7, "…", None, ()), scored(FATAL, 5, "…", None, ()), absent]) == 80
    assert quality_score([absent]) is None
    assert quality_score([]) is None


def test_a_fatal_parameter_at_zero_is_marked_and_changes_no_other_score() -> None:
    fatal = scored(FATAL, 0, "Insulted the customer.", "Stay polite.", (3,))

    assert (fatal.is_fatal, fatal.status) == (True, "Needs Improvement")
    assert quality_score([scored(TEN, 10, "…", None, ()), fatal]) == 67


@given(st.integers(-100, 100))
def test_scores_stay_within_the_parameter(reached: int) -> None:
    entry = scored(TEN, reached, "…", "Do better.", ())

    assert entry.inference_score is not None
    assert 0 <= entry.inference_score <= 10
    assert (entry.suggestion is None) == (entry.inference_score == 10)


@given(st.floats(0, 1), st.integers(2, 50))
def test_points_are_full_or_none_only_at_the_ends(share: float, maximum: int) -> None:
    found = points(share, maximum)

    assert (found == 0) == (share == 0)
    assert (found == maximum) == (share == 1)


def test_a_parameter_needs_a_maximum() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Parameter("None", "…", 0, "none")


def test_the_default_rubric_names_each_parameter_once() -> None:
    names = [parameter.name for parameter in INSIDE_SALES.parameters]

    assert len(names) == len(set(names))
    assert any(parameter.fatal for parameter in INSIDE_SALES.parameters)
