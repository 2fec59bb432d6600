"""The page on compatibility: each line names tests that pytest collects, and nothing that is published is left out."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from callwright.api.openapi import openapi_document
from docs.pages import ROOT, code_spans, page, rows, section

PAGE = page("docs/compatibility.md")
LINES = rows(PAGE)
DOCUMENT = openapi_document()
CONTRACT = sorted((ROOT / "tests" / "contract").glob("test_*.py"))
PUBLISHED = ("BatchCallBody", "DispositionBody", "AcceptedData", "CallSummary", "TokenAnswer", "ValidationRefusal")
"""The bodies and answers of the published endpoints, each with all that they hold."""

LEAST_LINES = 197
"""What partners were once told that they can rely on they can rely on for good: a line may come, none may go."""

NAMED = re.compile(r"(?P<path>tests/(?:\w+/)*test_\w+\.py)::(?P<name>test_\w+)(?P<id>\[.+])?")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def collected(source: str) -> dict[str, Function]:
    """The tests that pytest collects of a module: those that stand in it directly, the last of each name."""
    return {
        node.name: node for node in ast.parse(source).body if isinstance(node, Function) and node.name[:5] == "test_"
    }


@cache
def of_module(path: Path) -> dict[str, Function]:
    return collected(path.read_text("utf-8")) if path.is_file() else {}


def takes_ids(test: Function) -> bool:
    """Whether a test runs for one of several cases, each with an id."""
    return any("parametrize" in ast.dump(decorator) for decorator in test.decorator_list)


def missing(cell: str) -> list[str]:
    """What a cell names as tests, and pytest does not collect."""
    found = []
    for span in code_spans(cell):
        named = NAMED.fullmatch(span)
        test = of_module(ROOT / named["path"]).get(named["name"]) if named else None
        if test is None or (named and named["id"] and not takes_ids(test)):
            found.append(span)
    return found


def named() -> set[str]:
    """Every test that the page names, without ids."""
    return {span.partition("[")[0] for line in LINES for span in code_spans(line[1])}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0][:60])
def test_a_line_says_something_and_names_tests_that_are_collected(line: list[str]) -> None:
    promise, tests = line
    assert promise
    assert code_spans(tests)
    assert re.sub(r"`[^`]+`|[, ]", "", tests) == "", "tests and nothing else"
    assert missing(tests) == []


def test_tests_that_are_not_collected_are_found() -> None:
    here = "tests/docs/test_compatibility.py"
    bad = [f"{here}::test_gone", f"{here}::missing", here, "tests/docs/test_gone.py::test_x", "src/x.py::test_x"]
    bad.append(f"{here}::test_every_status_and_header_is_there[x]")
    assert missing(" ".join(f"`{each}`" for each in bad)) == bad
    good = [f"{here}::test_tests_that_are_not_collected_are_found"]
    good.append(f"{here}::test_a_line_says_something_and_names_tests_that_are_collected[x]")
    assert missing(" ".join(f"`{each}`" for each in good)) == []
    nested = (
        "def test_a(): pass\nif x:\n    def test_b(): pass\nclass C:\n    def test_c(self): pass\ndef helps(): pass"
    )
    assert set(collected(nested)) == {"test_a"}


def test_no_line_stands_twice_and_none_goes() -> None:
    assert len({line[0] for line in LINES}) == len(LINES) >= LEAST_LINES


def test_every_test_of_a_published_section_is_named() -> None:
    """Tests are written by the sections of what is published: one that the page lacks shows a line that it lacks."""
    of_sections = [path for path in CONTRACT if re.match(r'"""Section [1-5]|"""What the published', path.read_text())]
    assert len(of_sections) >= 8
    for path in of_sections:
        lacking = {f"{path.relative_to(ROOT)}::{name}" for name in of_module(path)} - named()
        assert lacking - OUTSIDE == set()


OUTSIDE = {
    f"tests/contract/test_dispositions.py::test_{name}"
    for name in (
        "a_page_looks_at_a_bounded_number_of_changes",
        "cursors_that_are_none",
        "a_cursor_of_another_shows_nothing_of_theirs",
    )
}
"""Of a list that is beyond what is published: how its pages are made."""


def test_every_module_of_the_contract_is_named() -> None:
    modules = {each.partition("::")[0] for each in named()}
    assert {str(path.relative_to(ROOT)) for path in CONTRACT} <= modules


def test_every_status_and_header_is_there() -> None:
    operations = [o for item in {**DOCUMENT["paths"], **DOCUMENT["webhooks"]}.values() for o in item.values()]
    answers = [answer for each in operations for answer in each["responses"].items()]
    statuses = {status for status, _ in answers if status.isdigit()}
    assert statuses >= {"200", "400", "401", "403", "404", "405", "413", "415", "422", "429", "500", "503"}
    said = " ".join(line[0] for line in LINES)
    assert {status for status in statuses if not re.search(rf"\b{status}\b", said)} == set()
    headers = {header for _, answer in answers for header in answer.get("headers", {})}
    components = DOCUMENT["components"]
    headers |= {each["name"] for each in components["parameters"].values() if each["in"] == "header"}
    headers |= {each["name"] for each in components["securitySchemes"].values()}
    assert len(headers) >= 10
    assert {header for header in headers if not re.search(rf"(?i)`{header}\b", said)} == set()


def test_every_endpoint_is_there() -> None:
    for path, item in DOCUMENT["paths"].items():
        for method in item:
            below = path.removeprefix("/api/v1/partner/")
            spans = {f"{method.upper()} {below}", f"{method.upper()} {path}"}
            spans |= {below} if below.startswith("reports/") else set()
            assert spans & set(code_spans(PAGE)), (method, path)


def fields(schema: Any, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """The names of all that a schema of the document holds, with what it refers to."""
    if isinstance(schema, list):
        for each in schema:
            yield from fields(each, seen)
    if not isinstance(schema, dict):
        return
    if (name := str(schema.get("$ref", "")).rpartition("/")[2]) and name not in seen:
        yield from fields(DOCUMENT["components"]["schemas"][name], seen | {name})
    properties = schema.get("properties", {})
    yield from properties
    for each in (*properties.values(), schema.get("items"), *schema.get("anyOf", ())):
        yield from fields(each, seen)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_field_is_there(name: str) -> None:
    held = set(fields({"$ref": f"#/components/schemas/{name}"}))
    assert len(held) >= 2
    spans = " ".join(code_spans(PAGE))
    assert {field for field in held - {"test"} if not re.search(rf"\b{field}\b", spans)} == set()


def test_every_sentence_of_a_validation_error_is_there() -> None:
    """Those that the tests of the batch assert; their first word is the name of whatever field was tried."""
    source = (ROOT / "tests/contract/test_validation.py").read_text("utf-8")
    texts = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    sentences = {text for text in texts if isinstance(text, str) and re.fullmatch(r"[\w.\[\]]+ (must|should) .+", text)}
    said = {sentence.partition(" ")[2] for sentence in code_spans(section(PAGE, "Validation errors"))}
    told = {sentence.partition(" ")[2] for sentence in sentences}
    assert len(told) >= 20
    assert told - said == set()


def test_states_and_labels_are_there() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    listed = [*schemas["CallData"]["properties"].values(), *schemas["CallSummary"]["properties"].values()]
    listed += schemas["QualityData"]["properties"].values()
    labels = {label for each in listed for part in (each, *each.get("anyOf", ())) for label in part.get("enum", ())}
    assert {"received", "undelivered", "NOT_AVAILABLE", "Needs Improvement"} <= labels
    assert labels - set(code_spans(PAGE)) - set(re.findall(r'"(\w+)"', PAGE)) == set()
