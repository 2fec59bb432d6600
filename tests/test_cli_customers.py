"""`callwright customer show`: the picture, and the JSON for scripts."""

import asyncio
import json

import pytest

from callwright.analysis import Action
from callwright.cli.customers import sparkline
from callwright.db import open_pool
from judged import analysis, ended
from submissions import onboard, scope
from test_cli import Run, _as_before, on_database, run

__all__ = ["_as_before", "on_database", "run"]

WHO = ("customer", "show", "acme", "t", "s")


@pytest.fixture
def acme(on_database: str) -> str:
    """A database with two customers of a partner: one with calls, one with none that is completed."""

    async def make() -> None:
        pool = await open_pool(on_database, size=2, name="tests")
        await onboard(pool)
        whose = await scope(pool)
        sent = {"customer_name": "Jo \x1b[31mSmith", "disposition_status": "won"}
        await ended(pool, whose, "first", analysis(intent_score=10, quality_score=None), day=0, **sent)
        await ended(pool, whose, "failed", None, day=1)
        actions = (Action("[bold]Call[/bold] back.", "agent", None, (1,)),)
        await ended(pool, whose, "last", analysis(intent_score=95, suggested_actions=actions), day=2)
        await ended(pool, whose, "other", None, customer_id="quiet")
        await pool.close()

    asyncio.run(make())
    return on_database


def test_the_picture(run: Run, acme: str) -> None:
    shown = run(*WHO, "customer-1")
    lines = [line.split("  ", 1) for line in shown.splitlines()]
    told = {label.strip(): " ".join(rest[0].split()) for label, *rest in lines if rest and label.strip()}
    assert told["Customer"] == "customer-1 · Jo [31mSmith won"
    assert told["Calls"].startswith("2 completed, 1 failed · 2026-01-01 to 2026-01-03 · 3 min of talk, 60% of it the")
    assert told["Intent"] == "INTERESTED 95 They asked for an offer. last"
    assert told["Intent score"] == "▁█ 10 → 95"
    assert told["Quality score"] == "·▇ 82, 82 on average"
    assert told["Objections"] == "Pricing 2 calls Too expensive last"
    assert told["To do"] == "[bold]Call[/bold] back. (agent; no day named) last", "words of a call are no markup"
    assert "Send the offer. (agent; by Friday = 2026-01-09)  first" in shown
    assert "\x1b" not in shown
    assert "none completed yet" in run(*WHO, "quiet")


def test_json_is_what_the_api_gives(run: Run, acme: str) -> None:
    found = json.loads(run(*WHO, "customer-1", "--json"))
    assert list(found) == ["id", "name", "email", "disposition_status", "disposition_history", "rollup"]
    assert [each["call_id"] for each in found["rollup"]["trend"]["calls"]] == ["first", "last"]


def test_who_is_not_there(run: Run, acme: str) -> None:
    assert "Customer not found" in run(*WHO, "nobody", fails=1)
    assert "There is no partner 'Nobody'" in run("customer", "show", "Nobody", "t", "s", "customer-1", fails=1)
    shown = run("customer", "show", "acme", "t", "new", "customer-1", fails=1)
    assert "acme has no tenant 't' with a subtenant 'new'" in shown
    assert "new" not in run("tenant", "list", "acme"), "to look brings no tenant in"


@pytest.mark.parametrize(
    ("values", "drawn"),
    [([], ""), ([0, 50, 100], "▁▅█"), ([None, 12, 13, 99], "·▁▂█")],
)
def test_sparklines(values: list[int | None], drawn: str) -> None:
    assert sparkline(values) == drawn
