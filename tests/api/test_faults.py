"""Faults: whatever the body is, it is told what is wrong, in order and in bounds."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callwright.api.faults import faults_of
from callwright.api.models import BATCH_CALL
from partner_api import a_batch, a_record

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a body."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for name, child in children for path in paths(child, (*at, name)))]


WHOLE = a_batch(a_record(), a_record(transcript=[{"speaker": "agent", "start": 0, "end": 1, "text": "Hello"}]))


@given(st.lists(st.tuples(st.sampled_from(paths(WHOLE)[1:]), JUNK), min_size=1, max_size=4))
def test_any_damage_is_told(damages: list[tuple[tuple[Any, ...], Any]]) -> None:
    damaged = copy.deepcopy(WHOLE)
    for path, junk in damages:
        node: Any = damaged
        try:
            for part in path[:-1]:
                node = node[part]
            node[path[-1]] = junk
        except (TypeError, IndexError, KeyError):
            continue  # an earlier damage has taken the place away
    try:
        BATCH_CALL.validate_python(damaged)
    except ValidationError as error:
        faults = faults_of(BATCH_CALL, damaged, error)
        assert faults
        for fault in faults:
            last = re.split(r"\.(?!.*\.)", fault["field"])[-1] if "metadata" not in fault["field"] else ""
            assert fault["message"].startswith(last), fault
        assert len({fault["field"] for fault in faults}) == len(faults), "one sentence for one field"


def test_the_answer_to_a_hostile_body_is_bounded() -> None:
    record = {
        "metadata": dict.fromkeys(map(str, range(10_000))),
        "custom_fields": [{}] * 10_000,
        "transcript": [{}] * 5_000,
    }
    body = {"data": [copy.deepcopy(record) for _ in range(51)]}
    with pytest.raises(ValidationError) as caught:
        BATCH_CALL.validate_python(body)
    faults = faults_of(BATCH_CALL, body, caught.value)
    # of each of 50 records: 3 parts, 1 + 5 of metadata, 1 + 2 * 10 of custom fields, 4 * 26 of a transcript
    assert len(faults) == 1 + 50 * (3 + 6 + 21 + 104)


class Looked(dict[str, Any]):
    """Counts how often all of its names are gone through."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        self.times += 1
        return super().__iter__()


def test_names_are_gone_through_once_whatever_the_faults() -> None:
    """Else thousands of faults beside thousands of unknown names would hold everybody up."""
    body = Looked({"unknown": 0, "data": [{"custom_fields": [{}] * 10} for _ in range(50)]})
    with pytest.raises(ValidationError) as caught:
        BATCH_CALL.validate_python(body)
    body.times = 0
    assert len(faults_of(BATCH_CALL, body, caught.value)) == 50 * (3 + 20)
    assert body.times == 1
