"""The page on security: every promise names what keeps it and tests that are there."""

import ast
import re

import pytest

from callwright.recordings.audio import DecodeLimits
from docs.pages import ROOT, code_spans, page, rows, section

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PROMISES = rows(section(page("docs/security.md"), "What is promised"))


def missing(cell: str) -> list[str]:
    """What a cell names as tests, and is none."""
    found = []
    for span in code_spans(cell):
        name, _, function = span.partition("::")
        path = ROOT / name
        if not re.fullmatch(r"tests/(?:\w+/)*test_\w+\.py", name) or not path.is_file():
            found.append(span)
            continue
        defined = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, FUNCTIONS)]
        tests = {node.name for node in defined if node.name.startswith("test_")}
        if not tests or (function and function not in tests):
            found.append(span)
    return found


@pytest.mark.parametrize("row", PROMISES, ids=lambda row: row[0][:40])
def test_a_promise_has_a_mechanism_and_tests(row: list[str]) -> None:
    promise, mechanism, tests = row
    assert promise
    assert mechanism
    assert code_spans(tests)
    assert missing(tests) == []


def test_tests_that_are_not_there_are_found() -> None:
    assert missing("`tests/security/test_gone.py`, `tests/security/test_keys.py::test_gone`, `src/x.py`")
    assert not missing("`tests/docs/test_security.py::test_tests_that_are_not_there_are_found`")


def test_every_test_of_hostility_stands_on_the_page() -> None:
    named = {span.partition("::")[0] for row in PROMISES for span in code_spans(row[2])}
    real = {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "security").glob("test_*.py")}
    assert real - named == set()


def test_the_figures_are_those_of_the_code() -> None:
    limits, text = DecodeLimits(), page("docs/security.md")
    assert f"{limits.memory_bytes >> 20} MB, {limits.cpu_seconds // 60} minutes of processor time" in text
    assert f"{limits.seconds / 3600:g} hours of sound" in text


def test_the_policy_invents_no_address() -> None:
    assert not re.search(r"[\w.]+@[\w.]+", page("SECURITY.md"))
    assert "private vulnerability reporting" in re.sub(r"\s+", " ", page("SECURITY.md"))
