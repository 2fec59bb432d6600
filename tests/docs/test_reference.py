"""The reference says what the code does: every setting, error, failure, endpoint and command, and nothing else."""

import ast
import inspect
import re
from http import HTTPStatus
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from callwright import api
from callwright.api.openapi import openapi_document
from callwright.errors import FAILURE_CODES
from callwright.settings import PartnerSettings, Settings
from callwright.web import create_app
from docs.answers import Refusal, refusals, refusals_in, retries
from docs.commands import commands, program_options
from docs.pages import code_spans, page, rows, section
from partner_api import SECRET_KEY

SETTINGS = page("docs/reference/settings.md")
ERRORS = page("docs/reference/errors.md")
API = page("docs/reference/api.md")
CLI = page("docs/reference/cli.md")

MADE_AT_START = {
    "data_dir": "`$XDG_DATA_HOME/callwright`, or `~/.local/share/callwright`",
    "worker_concurrency": "the number of processor cores",
}
BORROWED = {Refusal(405, "Method Not Allowed"), Refusal(400, re.escape("Invalid HTTP request received."))}
"""Starlette's own words, and uvicorn's."""


def stated_settings() -> dict[str, str]:
    return {row[0].strip("`"): row[1] for row in rows(SETTINGS)}


def real_settings() -> dict[str, str]:
    found = {}
    for name, field in {**Settings.model_fields, **PartnerSettings.model_fields}.items():
        variable = f"CALLWRIGHT_{name.upper()}"
        if field.default is PydanticUndefined:
            found[variable] = MADE_AT_START[name]
        elif field.default is None:
            found[variable] = "not set"
        elif isinstance(field.default, tuple):
            found[variable] = f"`{','.join(map(str, field.default))}`" if field.default else "none"
        else:
            found[variable] = f"`{field.default}`"
    return found


def test_every_setting_is_there_with_its_default() -> None:
    assert stated_settings() == real_settings()


def test_the_defaults_that_are_made_at_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    settings = Settings()
    assert (settings.data_dir, settings.worker_concurrency) == (tmp_path / "callwright", 7)
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().data_dir == tmp_path / ".local/share/callwright"


def test_every_answer_to_a_refused_request_is_there() -> None:
    stated = [(int(row[0]), row[1].strip("`")) for row in rows(section(ERRORS, "HTTP errors")) if row[0].isdigit()]
    real = refusals() | BORROWED
    for status, message in stated:
        assert any(r.status == status and re.fullmatch(r.pattern, message) for r in real), f"nobody answers {message!r}"
    for refusal in real:
        told = [m for status, m in stated if status == refusal.status and re.fullmatch(refusal.pattern, m)]
        assert told, f"the page lacks {refusal}"
    assert HTTPStatus(405).phrase == "Method Not Allowed"
    assert "Invalid HTTP request received." in inspect.getsource(HttpToolsProtocol)


def test_refusals_are_found_in_code() -> None:
    code = """
def check(seconds, a):
    if a:
        raise TooLarge
    raise BadRequest("One thing" if seconds else f"Not within {seconds} s") from RateLimited(3)
"""
    assert set(refusals_in(code)) == {
        Refusal(413, r"Request\ body\ is\ larger\ than\ 5\ MB"),
        Refusal(400, r"One\ thing"),
        Refusal(400, r"Not\ within\ .+\ s"),
        Refusal(429, r"Rate\ limit\ exceeded\.\ Try\ again\ in\ .+\ seconds\."),
    }


def test_every_rule_of_the_body_is_there() -> None:
    tree = ast.parse((Path(api.__file__).parent / "rules.py").read_text("utf-8"))
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    rules = {str(c.args[0].value) for c in made if _named(c, "Rule") and isinstance(c.args[0], ast.Constant)}
    rules |= {
        str(c.args[1].value)
        for c in made
        if _named(c, "PydanticCustomError") and len(c.args) > 1 and isinstance(c.args[1], ast.Constant)
        if _said("rule", c)
    }
    stated = {row[0].strip("`") for row in rows(section(ERRORS, "422 Validation failed"))}
    assert len(rules) > 8
    assert rules <= stated


def _named(call: ast.Call, name: str) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == name and bool(call.args)


def _said(kind: str, call: ast.Call) -> bool:
    return isinstance(call.args[0], ast.Constant) and call.args[0].value == kind


def test_every_failure_code_is_there_and_says_truly_whether_it_is_tried_again() -> None:
    stated = {row[0].strip("`"): row[2] for row in rows(section(ERRORS, "Failure codes"))}
    assert set(stated) == set(FAILURE_CODES)
    for code, answers in retries().items():
        said = stated[code].split(":")[0]
        assert said in {"yes", "no", "sometimes"}, code
        assert not (said == "yes" and False in answers), f"{code} is not always tried again"
        assert not (said == "no" and True in answers), f"{code} is sometimes tried again"


def test_every_endpoint_is_there() -> None:
    cells = [cell for cell, *_ in rows(section(API, "Endpoints"))]
    stated = {request for cell in cells for request in re.findall(r"`([A-Z]+ /[^`]*)`", cell)}
    described = {f"{method.upper()} {path}" for path, item in openapi_document()["paths"].items() for method in item}
    app = create_app(
        Settings(database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"), secret_key=SecretStr(SECRET_KEY))
    )
    served = {
        f"{method} {re.sub(':[a-z]+}', '}', route.path)}"
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert stated == served
    assert described == {request for request in served if " /api/" in request}


def test_every_command_is_there_with_its_arguments() -> None:
    headings = re.findall(r"^### `callwright (.+)`$", CLI, re.MULTILINE)
    assert sorted(headings) == sorted(" ".join((c.name, *c.arguments)) for c in commands().values())


@pytest.mark.parametrize("name", commands())
def test_every_option_is_there(name: str) -> None:
    command = commands()[name]
    text = section(CLI, f"`callwright {' '.join((name, *command.arguments))}`")
    stated = {span for row in rows(text) for span in re.findall(r"`(--[a-z-]+)`", row[0])}
    assert stated == command.options


def test_the_programs_own_options_are_there() -> None:
    assert {option for span in code_spans(CLI) for option in re.findall(r"--[a-z-]+", span)} >= program_options()
