"""The page on crashes names every moment at which the tests let a process die, and the code comes to each of them."""

import ast
import re

from callwright.kill_points import ERASURE_KILL_POINTS, KILL_POINTS
from docs.answers import SOURCE
from docs.pages import code_spans, page, rows, section

POINTS = (*KILL_POINTS, *ERASURE_KILL_POINTS)
PAGE = section(page("docs/explanation/what-happens-to-a-call.md"), "What a crash leaves")


def moments_in(code: str) -> list[str]:
    """The moments that a module marks, as patterns: the step that one is put together with may be any."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"reached", "soon_reached"}
        ):
            parts = node.args[0].values if isinstance(node.args[0], ast.JoinedStr) else [node.args[0]]
            found.append("".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else "[a-z]+" for p in parts))
    return found


def test_every_moment_is_on_the_page_once() -> None:
    assert sorted(span for row in rows(PAGE) for span in code_spans(row[0])) == sorted(POINTS)


def test_every_moment_is_marked_in_the_code_and_every_mark_is_a_moment() -> None:
    marks = [mark for path in SOURCE.rglob("*.py") for mark in moments_in(path.read_text("utf-8"))]
    assert len(marks) == len(set(marks)), "each moment has one place"
    assert [point for point in POINTS if not any(re.fullmatch(mark, point) for mark in marks)] == []
    assert [mark for mark in marks if not any(re.fullmatch(mark, point) for point in POINTS)] == []


def test_marks_are_found_in_code() -> None:
    assert moments_in('reached("a-b")\nreached(f"{step}-c")\nkill()') == [r"a\-b", r"[a-z]+\-c"]
