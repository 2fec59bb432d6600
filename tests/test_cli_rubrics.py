"""`callwright rubric` and `callwright analyse`: checked, applied, shown; stored calls judged again."""

import json
from pathlib import Path
from typing import Any

import pytest

from callwright import reanalysis
from callwright.analysis.rubric_file import read_file
from callwright.db import Pool, everywhere
from callwright.errors import StepFailed
from callwright.judging import judge
from submissions import onboard, scope
from test_cli import Run, _as_before, on_database, run
from test_cli_again import on
from test_reanalysis import judged_once

__all__ = ["_as_before", "on_database", "run"]

SMALL = """\
name: small
parameters:
  - name: Recording Disclosed
    description: Says that the call is recorded.
    maximum: 10
    rule: says
    phrases: [this call is recorded]
"""


@pytest.fixture
def acme(on_database: str) -> str:
    """A database with a partner and one tenant."""

    async def make(pool: Pool) -> None:
        await onboard(pool)
        await scope(pool)

    on(on_database, make)
    return on_database


@pytest.fixture
def small(tmp_path: Path) -> str:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return str(file)


def test_a_file_is_checked_without_a_database(run: Run, small: str, tmp_path: Path) -> None:
    shown = run("rubric", "check", small)
    assert "small: 1 parameter of 10 points, 0 intents, 0 concerns, 0 topics" in shown
    bad = tmp_path / "bad.yaml"
    bad.write_text(SMALL.replace("maximum: 10", "maximum: ten").replace("says", "sais\x1b[31m"[:4]))
    message = run("rubric", "check", str(bad), fails=1)
    assert "line 5, parameters[0].maximum: maximum must be a whole number from 1 to 100" in message
    assert "line 6, parameters[0].rule: rule is not known; did you mean says?" in message
    assert "cannot be read" in run("rubric", "check", str(tmp_path / "none.yaml"), fails=1)


def test_nothing_of_a_file_reaches_the_terminal_unseen(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text('name: a\n"\\e[31mred\\nline 1: ok": 1\n')
    assert "\x1b" not in run("rubric", "check", str(bad), fails=1)


@pytest.mark.usefixtures("acme")
def test_a_rubric_is_applied_and_shown(run: Run, small: str) -> None:
    shown = run("rubric", "show", "acme", "t", "s")
    assert shown.startswith("# inside-sales/0, comes with Callwright\n")
    assert read_file(shown.encode()) == read_file(run("rubric", "show", "--built-in", "inside-sales").encode())

    dry = run("rubric", "apply", "acme", "t", "s", small, "--dry-run")
    assert "+name: small" in dry
    assert "-name: inside-sales" in dry
    assert "in force" not in dry
    assert "small/1 is in force for t, s, in place of inside-sales/0." in run(
        "rubric", "apply", "acme", "t", "s", small
    )
    again = run("rubric", "apply", "acme", "t", "s", small)
    assert "small/1 is in force already" in again
    assert "+" not in again
    Path(small).write_text(SMALL.replace("10", "20"))
    changed = run("rubric", "apply", "acme", "t", "s", small)
    assert "-  maximum: 10" in changed
    assert "+  maximum: 20" in changed
    first = run("rubric", "show", "acme", "t", "s", "--version", "1")
    assert first.startswith("# small/1, applied 20")
    assert read_file(first.encode()) == read_file(SMALL.encode())
    assert "Rubric not found" in run("rubric", "show", "acme", "t", "s", "--version", "3", fails=1)


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "Nobody", "t", "s"), "There is no partner 'Nobody'"),
        (("show", "acme", "t", "typo"), "does not act for 't', 'typo'"),
        (("apply", "acme", "typo", "s", "{small}"), "does not act for 'typo', 's'"),
    ],
)
def test_a_typo_brings_in_no_tenant(run: Run, small: str, words: tuple[str, ...], says: str) -> None:
    assert says in run("rubric", *(word.format(small=small) for word in words), fails=1)
    assert [each["subtenant_id"] for each in json.loads(run("tenant", "list", "acme", "--json"))] == ["s"]


@pytest.mark.parametrize(
    "words",
    [(), ("acme",), ("--built-in", "none"), ("acme", "--built-in", "support"), ("acme", "t", "s", "--version", "-1")],
)
def test_what_to_show_must_be_clear(run: Run, words: tuple[str, ...]) -> None:
    assert "Usage: " in run("rubric", "show", *words, fails=2)


def test_stored_calls_are_judged_again(run: Run, acme: str, small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on(acme, lambda pool: judged_once(pool, "one", "two", "three"))
    every = ("analyse", "acme", "--since", "2025-01-01")
    assert "No call in that time" in run(*every), "they are judged by the rubric in force"
    run("rubric", "apply", "acme", "t", "s", small)
    dry = run(*every, "--subtenant", "t/s", "--dry-run")
    assert "By small/1, rules." in dry
    assert "3 calls would be analysed again" in dry
    assert "0 calls would" in run(*every, "--until", "2025-12-31", "--dry-run")
    asked: list[str] = []

    def decline(question: str) -> bool:
        asked.append(question)
        return False

    monkeypatch.setattr("typer.confirm", decline)
    assert "are analysed again" not in run(*every)
    assert asked == ["Analyse 3 calls again?"]
    assert "3 calls are analysed again" in run(*every, "--yes")
    assert "No call in that time" in run(*every)
    shown = json.loads(run("call", "show", "acme", "two"))
    assert shown["analysis"]["rubric"] == "small/1"
    assert [each["parameter_name"] for each in shown["analysis"]["quality"]] == ["Recording Disclosed"]
    assert [each["rubric"] for each in shown["analysis_history"]] == ["inside-sales/0"]


def test_a_file_need_not_be_applied(run: Run, acme: str, small: str) -> None:
    on(acme, lambda pool: judged_once(pool, "one"))
    by_file = ("analyse", "acme", "--since", "2025-01-01", "--rubric", small)
    assert "By small/file-" in run(*by_file)
    assert "No call in that time" in run(*by_file)
    run("rubric", "apply", "acme", "t", "s", small)
    assert "By small/1, rules." in run(*by_file), "a file that says what is in force is that one"
    history = json.loads(run("call", "show", "acme", "one"))["analysis_history"]
    assert [each["rubric"].split("-")[0] for each in history] == ["small/file", "inside"]


def test_what_could_not_be_judged_is_named(run: Run, acme: str, small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on(acme, lambda pool: judged_once(pool, "one", "two"))

    async def refuse(*_: Any) -> None:
        raise StepFailed("analysis_failed", "No.")

    monkeypatch.setattr(reanalysis, "judge", refuse)
    message = run("analyse", "acme", "--since", "2025-01-01", "--rubric", small, "--yes", fails=1)
    assert "2 calls were left as they were: one, two" in message


def test_it_can_be_broken_off(run: Run, acme: str, small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on(acme, lambda pool: judged_once(pool, *(f"c{n}" for n in range(5))))
    seen: list[Any] = []

    async def stopped(*args: Any) -> Any:
        seen.append(args)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return await judge(*args)

    monkeypatch.setattr(reanalysis, "judge", stopped)
    every = ("analyse", "acme", "--since", "2025-01-01", "--rubric", small, "--yes")
    run(*every, fails=130)
    monkeypatch.setattr(reanalysis, "judge", judge)
    left = 5 - len(on(acme, by_file))
    assert 2 <= left <= 4
    assert f"{left} calls are analysed again" in run(*every)


async def by_file(pool: Pool) -> list[str]:
    async with everywhere(pool) as lent:
        return [row["call_id"] for row in await lent.fetch("SELECT call_id FROM analyses WHERE rubric LIKE 'small/%'")]


@pytest.mark.parametrize("words", [(), ("--since", "yesterday")])
def test_a_span_is_needed(run: Run, words: tuple[str, ...]) -> None:
    assert "Usage: " in run("analyse", "acme", *words, fails=2)


@pytest.mark.usefixtures("acme")
def test_a_subtenant_that_is_none(run: Run) -> None:
    message = run("analyse", "acme", "--since", "2025-01-01", "--subtenant", "t/typo", fails=1)
    assert "does not act for 't/typo'" in message
