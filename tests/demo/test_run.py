"""Where the demo leads whoever stays: addresses that open what it has made."""

import importlib
import io
from pathlib import Path

import httpx
import pytest
from rich.console import Console

DEMO = Path(__file__).parents[2] / "demo"
HEADERS = {"x-api-key": "key", "x-api-secret": "secret", "x-tenant-id": "brightdesk", "x-sub-tenant-id": "inside-sales"}


def answer(request: httpx.Request) -> httpx.Response:
    """A token, for whoever has all four headers."""
    asked = request.url.path, [request.headers[name] for name in HEADERS]
    assert asked == ("/api/v1/partner/dashboard/auth/token", list(HEADERS.values()))
    return httpx.Response(200, json={"data": {"token": "a.b.c"}})


def test_who_stays_is_given_ready_links(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(DEMO)
    run = importlib.import_module("run")
    said = io.StringIO()
    monkeypatch.setattr(run, "console", Console(file=said, width=80))

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run.time, "sleep", interrupted)
    with httpx.Client(
        base_url="http://127.0.0.1:4711", headers=HEADERS, transport=httpx.MockTransport(answer)
    ) as client:
        run.look_next(client, "call-1", tmp_path / "its data", keep=True)
    lines = [line.strip() for line in said.getvalue().splitlines() if line]
    assert lines[lines.index("The dashboard of these calls:") + 1] == "http://127.0.0.1:4711/view-insights?token=a.b.c"
    console = lines[lines.index("The operator's console, at the link that this prints:") + 1]
    assert console == (
        f"CALLWRIGHT_DATA_DIR='{tmp_path}/its data' CALLWRIGHT_PUBLIC_URL=http://127.0.0.1:4711"
        " .venv/bin/callwright console"
    )
    assert lines[-2:] == ["Ctrl-C ends it and removes everything.", "Stopping …"]
