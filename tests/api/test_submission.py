"""Handing a checked record over to the business."""

import pytest

from callwright.api.v1_ingest import submission
from partner_api import a_record


@pytest.mark.parametrize("sent", [{}, {"transcript": None}, {"transcript": []}])
def test_an_empty_transcript_is_none_so_that_an_engine_runs(sent: dict[str, object]) -> None:
    assert submission({**a_record("c"), **sent})["transcript"] is None  # type: ignore[typeddict-item]
