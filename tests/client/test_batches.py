"""The split into batches: every call once and in order, never over 50, never over 5 MB, never smaller than need be."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callwright_client.batches import MOST_BYTES, MOST_CALLS, Batch, Batcher, body_of, entry_of

FRAME = len(b'{"data":[]}')


def split(records: list[Any]) -> list[Batch]:
    batcher = Batcher()
    batches = [batch for record in records if (batch := batcher.add(record))]
    return [*batches, batch] if (batch := batcher.rest()) else batches


def of_size(size: int, filler: str = "x") -> dict[str, str]:
    """A record that takes so many bytes as JSON, if `filler` has one byte."""
    return {"p": filler * (size - len('{"p":""}'))}


SIZES = st.one_of(
    st.integers(10, 200),
    st.sampled_from([1_000, 100_000, 1_000_000, MOST_BYTES // 2 - 10, MOST_BYTES // 3, MOST_BYTES - FRAME]),
)


@given(st.lists(SIZES, max_size=130))
@settings(max_examples=40, deadline=None)
def test_batches_fit_and_are_no_smaller_than_need_be(sizes: list[int]) -> None:
    sizes = [size if size < 1000 or n % 9 == 0 else 20 for n, size in enumerate(sizes)]
    records = [of_size(size) for size in sizes]
    batches = split(records)
    assert [entry.position for batch in batches for entry in batch] == list(range(len(records)))
    bodies = [body_of(batch) for batch in batches]
    assert [record for body in bodies for record in json.loads(body)["data"]] == records
    for batch, body, following in zip(batches, bodies, [*batches[1:], None], strict=False):
        assert 1 <= len(batch) <= MOST_CALLS
        assert len(body) <= MOST_BYTES
        if following:
            assert len(batch) == MOST_CALLS or len(body) + 1 + len(following[0].content) > MOST_BYTES


@pytest.mark.parametrize("filler", ["x", "é", "語", "\N{GRINNING FACE}", '"', "\n"])
def test_bytes_are_counted_as_they_are_sent(filler: str) -> None:
    record = {"p": filler * 100_000}
    batches = split([record] * 30)
    size = len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())
    together = (MOST_BYTES - FRAME + 1) // (size + 1)
    assert [len(batch) for batch in batches][:-1] == [together] * (
        30 // together if 30 % together else 30 // together - 1
    )
    assert all(len(body_of(batch)) <= MOST_BYTES for batch in batches)


def test_one_that_is_too_large_alone_is_at_fault_and_stops_no_other() -> None:
    fits, too_large = of_size(MOST_BYTES - FRAME), of_size(MOST_BYTES - FRAME + 1)
    entries = [entry for batch in split([fits, too_large, of_size(20)]) for entry in batch]
    assert [entry.faults for entry in entries] == [
        (),
        ({"field": "", "message": "call must be smaller than 5 MB"},),
        (),
    ]
    assert len(body_of(entries[:1])) == MOST_BYTES


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, "call must be an object"),
        ([], "call must be an object"),
        ({"call": {"id": "a", "start_time": datetime(2026, 1, 5)}}, "a time needs its time zone"),  # noqa: DTZ001
        ({"metadata": {"score": float("inf")}}, "Out of range float values"),
        ({"metadata": {"who": object()}}, "object has no form in JSON"),
        ({"metadata": {"who": "\ud800"}}, "surrogates not allowed"),
    ],
)
def test_what_cannot_be_written_is_at_fault(record: object, reason: str) -> None:
    (fault,) = entry_of(3, record).faults
    assert fault["field"] == ""
    assert reason in fault["message"]


def test_what_is_endless_is_at_fault() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert entry_of(0, {"metadata": deep}).faults
    ring: dict[str, Any] = {}
    ring["ring"] = ring
    assert entry_of(0, ring).faults


def test_many_that_cannot_be_sent_are_told_soon() -> None:
    assert [len(batch) for batch in split([None] * 120)] == [50, 50, 20]


def test_a_time_is_written_in_utc() -> None:
    at = datetime(2026, 1, 5, 10, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    written = json.loads(entry_of(0, {"call": {"id": "a", "start_time": at, "end_time": at.astimezone(UTC)}}).content)
    assert written == {"call": {"id": "a", "start_time": "2026-01-05T05:00:00Z", "end_time": "2026-01-05T05:00:00Z"}}
