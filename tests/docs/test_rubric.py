"""The page on the rubric's format says what the parser takes: every key, every rule, every bound."""

import re
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from callwright.analysis import Intent
from callwright.analysis.built_in import DEFAULT, NAMES
from callwright.analysis.rubric import RULES
from callwright.analysis.rubric_check import HIGHEST_TOTAL, MAX_BYTES, MOST_FAULTS
from callwright.analysis.rubric_document import (
    HIGHEST_SCORE,
    ConcernDocument,
    IntentDocument,
    ParameterDocument,
    RubricDocument,
    TopicDocument,
)
from callwright.analysis.rubric_file import DEEPEST, read_file
from docs.pages import ROOT, blocks, page, rows, section

PAGE = page("docs/reference/rubric.md")
KINDS: dict[str, type[Any]] = {
    "The file": RubricDocument,
    "A parameter": ParameterDocument,
    "An intent": IntentDocument,
    "A concern": ConcernDocument,
    "A topic": TopicDocument,
}


@pytest.mark.parametrize("heading", KINDS)
def test_every_key_is_there(heading: str) -> None:
    stated = {row[0].strip("`"): row[1] for row in rows(section(PAGE, heading)) if row[0].startswith("`")}
    kind = KINDS[heading]
    assert stated == {name: "yes" if name in kind.__required_keys__ else "no" for name in kind.__annotations__}


def test_the_sample_is_a_rubric() -> None:
    (sample,) = blocks(ROOT / "docs" / "reference" / "rubric.md", "yaml")
    rubric = read_file(sample.body.encode())
    assert (rubric.name, len(rubric.parameters), rubric.redact_callbacks) == ("spring-campaign", 2, True)


def test_every_rule_is_there() -> None:
    assert [row[0].strip("`") for row in rows(section(PAGE, "Rules")) if row[0].startswith("`")] == list(RULES)


def test_every_bound_is_there() -> None:
    words = set(re.findall(r"[0-9][0-9,]*", PAGE.replace(",000", "000")))
    assert {str(each) for each in _bounds(TypeAdapter(RubricDocument).json_schema())} <= words
    assert {str(each) for each in (MAX_BYTES // 1024, DEEPEST, MOST_FAULTS, HIGHEST_SCORE, HIGHEST_TOTAL)} <= words


def _bounds(node: Any) -> set[int]:
    if isinstance(node, list):
        return set().union(*map(_bounds, node))
    if not isinstance(node, dict):
        return set()
    own = {value for key, value in node.items() if key in ("maxLength", "maxItems", "maximum") and type(value) is int}
    return own.union(*map(_bounds, node.values()))


def test_every_label_and_every_built_in_rubric_is_there() -> None:
    assert all(f"`{label}`" in PAGE for label in get_args(Intent))
    assert all(f"`{name}`" in PAGE for name in NAMES)
    assert f"`{DEFAULT}` (the default)" in PAGE
