"""The client as a package: what it needs, what it carries, and that its pages' examples run."""

import ast
import asyncio
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import callwright_client
from callwright.api.openapi import openapi_document
from callwright.partners import NewPartner
from callwright_client import Client, Webhook
from callwright_client import errors as client_errors
from callwright_client.client import Methods
from callwright_client.errors import ERRORS
from callwright_client.exchange import WORTH_A_RETRY
from client.conftest import House
from client.test_webhooks import BODY, at, signed
from docs.pages import ROOT, blocks, code_spans, page, rows, section
from partner_api import a_record

HOME = ROOT / "clients" / "python"
PROJECT: dict[str, Any] = tomllib.loads((HOME / "pyproject.toml").read_text("utf-8"))
HOW_TO = "docs/how-to/use-the-python-client.md"


def test_httpx_is_all_it_needs() -> None:
    (dependency,) = PROJECT["project"]["dependencies"]
    assert re.match(r"[a-z-]+", dependency)[0] == "httpx"  # type: ignore[index]
    assert PROJECT["project"]["requires-python"] == ">=3.11"


def test_what_it_imports_is_its_own_httpx_or_pythons() -> None:
    for path in HOME.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                root = name.partition(".")[0]
                assert root in {"callwright_client", "httpx"} | sys.stdlib_module_names, f"{path.name}: {name}"


def test_it_carries_its_types_its_licence_and_its_version() -> None:
    assert (HOME / "src/callwright_client/py.typed").exists()
    assert (HOME / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert re.fullmatch(r"\d+\.\d+\.\d+", callwright_client.__version__)
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "src/callwright_client/version.py"


def test_everything_public_is_named() -> None:
    named = set(callwright_client.__all__)
    raised = {
        name for name, kind in vars(client_errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert raised <= named
    assert all(hasattr(callwright_client, name) for name in named)


def test_every_endpoint_of_a_partner_has_a_method() -> None:
    """What the API document has is asked for somewhere in the client, and nothing else is."""
    source = (HOME / "src/callwright_client/endpoints.py").read_text("utf-8")
    source += "".join((HOME / f"src/callwright_client/{name}.py").read_text("utf-8") for name in ("pushing", "reports"))
    asked = {
        (method, re.sub(r"\{in_path\(\w+\)\}", "{}", path))
        for method, path in re.findall(r"\"(GET|POST|PUT|DELETE)\", f?\"([^\"]+)\"", source)
    }
    asked |= {("GET", path) for path in re.findall(r"Pages\(\s*core, \"([\w/-]+)\"", source)}
    served = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path.removeprefix("/api/v1/partner/")))
        for path, methods in openapi_document()["paths"].items()
        if path.startswith("/api/v1/partner/")
        for method in methods
    }
    assert asked == served


def test_the_page_has_every_method_and_every_error() -> None:
    text = page(HOW_TO)
    spans = " ".join(code_spans(text))
    methods = {name for name in vars(Methods) if not name.startswith("_")} | {"push_calls", "push_each", "for_tenant"}
    assert {name for name in methods if not re.search(rf"\b{name}\b", text)} == set()
    table = {row[0].strip("`"): (int(row[1]), row[2]) for row in rows(section(text, "Errors"))}
    assert table == {
        kind.__name__: (status, "yes" if status in WORTH_A_RETRY else "no") for status, kind in ERRORS.items()
    }
    for name in ("ApiError", "ConnectionFailed", "UnexpectedAnswer", "InvalidWebhook", "CallwrightError"):
        assert name in spans
    told = {row[0].strip("`") for row in rows(section(text, "Push calls"))}
    assert told == set(callwright_client.Pushed.__dataclass_fields__)


def examples(name: str) -> list[str]:
    return [block.body for block in blocks(ROOT / name, "python")]


def run(code: str, **names: Any) -> dict[str, Any]:
    """Run an example; gives what it has made."""
    made: dict[str, Any] = {"__name__": "example", **names}
    exec(compile(code, "example", "exec"), made)
    return made


@pytest.mark.asyncio(loop_scope="module")
async def test_the_examples_run(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    partner = await house.partner(tenants=(("acme-uk", "inside-sales"), ("acme-us", "inside-sales")))
    for name, value in environment(house, partner).items():
        monkeypatch.setenv(name, value)
    push, read, receive, later = examples("clients/python/README.md")
    await asyncio.to_thread(run, push)
    assert "1 accepted, 0 duplicates" in capsys.readouterr().out
    await asyncio.to_thread(run, read)
    told = capsys.readouterr().out
    assert "call-1 received None" in told
    assert "404 Call not found" in told
    webhook: Webhook = run(receive)["webhook"]
    webhook._clock = at(0)
    assert webhook.verify(BODY, signed(partner.webhook_secret))["call_id"] == "call-1"
    await asyncio.to_thread(run, later)

    opened, pushed, streamed, once, verified = examples(HOW_TO)
    client: Client = (await asyncio.to_thread(run, opened))["client"]
    records = [a_record("one"), a_record("two", call__id=5), None]
    made = await asyncio.to_thread(run, pushed, client=client, records=records)
    assert (made["report"].accepted, len(made["report"].refused)) == (1, 2)
    assert "line 2, None: call.id id must be a string" in capsys.readouterr().out
    await asyncio.to_thread(run, streamed, client=client, records=records)
    assert "2 ({'field': '', 'message': 'call must be an object'},)" in capsys.readouterr().out
    await asyncio.to_thread(client.push_calls, [a_record("won", customer__id="customer-42")])  # type: ignore[list-item]
    await asyncio.to_thread(run, once, client=client)
    assert (await asyncio.to_thread(client.get_customer, "customer-42"))["disposition_status"] == "won"
    given = {"new_secret": partner.webhook_secret, "old_secret": partner.webhook_secret, "body": BODY}
    assert run(verified, **given, headers=signed(partner.webhook_secret))["summary"] is None, "it is of another day"
    client.close()


def environment(house: House, partner: NewPartner) -> Mapping[str, str]:
    return {
        "API_URL": house.url,
        "API_KEY": partner.api_key,
        "API_SECRET": partner.api_secret,
        "WEBHOOK_SECRET": partner.webhook_secret,
    }


def test_the_house_has_it_installed_from_here() -> None:
    assert Path(callwright_client.__file__).is_relative_to(HOME)
