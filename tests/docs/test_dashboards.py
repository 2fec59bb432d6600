"""The page on dashboards says what they refuse, and what opens them."""

import ast
from pathlib import Path

from callwright import dashboards
from callwright.dashboards.embed import THEMES
from callwright.tokens import LIFE
from docs.pages import page, rows, section

PAGE = page("docs/dashboards.md")


def refused_in(text: str) -> set[tuple[int, str]]:
    """The status and the title of each refusal that a module makes with words of its own."""
    found = set()
    tree = ast.parse(text)
    named = {
        target.id: node.value.elts[0]
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            given = [named.get(each.value.id) if starred(each) else each for each in node.args]  # type: ignore[attr-defined]
            words = [each.value if isinstance(each, ast.Constant) else None for each in given]
            if node.func.id == "PageError" and isinstance(words[1], str):
                found.add((int(str(words[0])), words[1]))
            if node.func.id == "TokenNeeded":
                found.add((401, str(words[0])))
    return found


def starred(argument: ast.expr) -> bool:
    """Whether an argument is the words that a constant of the module holds."""
    return isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Name)


def test_every_refusal_is_there_and_no_other() -> None:
    folder = Path(dashboards.__file__).parent
    real = {each for path in folder.glob("*.py") for each in refused_in(path.read_text("utf-8"))}
    stated = {(int(row[0]), row[1].strip("`")) for row in rows(section(PAGE, "What is refused"))}
    assert len(real) >= 9
    assert stated == real


def test_refusals_are_found_in_code() -> None:
    code = """
raise PageError(404, "No such thing", f"{x}")
PageError(404, error.message, "x")
GONE = "Gone", "It was there."
PageError(410, *GONE)
raise TokenNeeded("Late", "x")
"""
    assert refused_in(code) == {(404, "No such thing"), (410, "Gone"), (401, "Late")}


def test_what_opens_a_page() -> None:
    assert f"valid for {LIFE.total_seconds() / 3600:g} hours" in PAGE
    assert all(f"`{theme}`" in section(PAGE, "Parameters") for theme in THEMES)
