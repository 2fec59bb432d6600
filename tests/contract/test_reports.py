"""Section 7: `GET reports/…` (what the dashboard shows, as JSON and CSV), and a customer's rollup."""

import csv
from typing import Any

import pytest

from callwright.db import Scope, everywhere
from callwright.spreadsheet import RUNS, harmless
from judged import analysis, end
from partner_api import Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")

REPORT = "reports/agents?since=2023-01-01T00:00:00Z"
UTC_WORDS = "must be a valid ISO 8601 date string in UTC"


async def ended(door: Door, *records: dict[str, Any]) -> None:
    """Calls that came in and were completed."""
    assert (await door.post(a_batch(*records))).status_code == 200
    async with everywhere(door.pool) as lent:
        number = await lent.fetchval(
            "SELECT subtenant_no FROM subtenants WHERE partner_id = $1", door.partner.partner_id
        )
    for record in records:
        await end(door.pool, Scope(door.partner.partner_id, number), record["call"]["id"], analysis())


async def test_agents(door: Door) -> None:
    await ended(door, a_record("r1", agent__id="x"), a_record("r2", agent__id="x"), a_record("r3", agent__id="y"))
    answer = await door.get(REPORT)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    data = answer.json()["data"]
    assert (data["since"], data["until"], data["more"]) == ("2023-01-01T00:00:00Z", "2024-01-02T00:00:00Z", False)
    assert [(each["agent_id"], each["calls"]["total"]) for each in data["agents"]] == [("x", 2), ("y", 1)]
    only = (await door.get(f"{REPORT}&agent_id=y&until=2023-02-01T00:00:00Z&format=json")).json()["data"]
    assert [each["agent_id"] for each in only["agents"]] == ["y"]
    assert only["agents"] == data["agents"][1:]
    assert (await door.get(f"{REPORT}&agent_id=nobody")).json()["data"]["agents"] == []
    assert (await door.get("reports/agents?since=9999-12-31T23:59:59.999999Z")).json()["data"]["agents"] == []


async def test_a_spreadsheet_runs_nothing(door: Door) -> None:
    other = await door.for_another(("acme", "sales"))
    evil = '=HYPERLINK("https://evil.example","x")'
    await ended(other, a_record("s1", agent__id="-2+3", agent__name=evil), a_record("s2", agent__id='ok, "a"'))
    answer = await other.get(f"{REPORT}&format=csv")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="agents.csv"'
    assert "x-request-id" in answer.headers
    first, second = sorted(csv.DictReader(answer.text.splitlines()), key=lambda row: row["agent_id"])
    assert (first["agent_id"], first["name"]) == ("'-2+3", f"'{evil}")
    assert second["agent_id"] == 'ok, "a"'
    assert (first["calls"], first["agent_talk_seconds"], first["talk_ratio"]) == ("1", "60.0", "0.6")
    assert (first["agent_questions"], first["assessed agent_questions"]) == ("", "0"), "not assessed is an empty cell"
    assert (first["intent INTERESTED"], first["quality Setting Context"]) == ("1", "80.0")
    assert not any(cell.startswith(RUNS) for row in (first, second) for cell in row.values())


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx", "\rx", " =1", "\uff1d1"])
async def test_a_cell_that_would_be_run_gets_an_apostrophe(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    assert [harmless(each) for each in ("x=1", "", -5, 1.5, None)] == ["x=1", "", -5, 1.5, None]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", [("since", "should not be empty")]),
        ("since=", [("since", "should not be empty")]),
        ("since=2026-01-01", [("since", UTC_WORDS)]),
        ("since=2026-01-02T00:00:00Z&until=2026-01-02T00:00:00Z", [("until", "must be after since")]),
        (
            "since=2026-01-01T00:00:00Z&until=2027-01-02T00:00:01Z",
            [("until", "must be no more than 366 days after since")],
        ),
        ("since=2026-01-01T00:00:00Z&agent_id=%00", [("agent_id", "must not contain the character U+0000")]),
        ("since=2026-01-01T00:00:00Z&agent_id=", [("agent_id", "should not be empty")]),
        ("since=2026-01-01T00:00:00Z&format=xml", [("format", "must be json or csv")]),
        ("format=csv&format=csv&since=x", [("format", "must be json or csv"), ("since", UTC_WORDS)]),
    ],
)
async def test_query_faults(door: Door, query: str, told: list[tuple[str, str]]) -> None:
    answer = await door.get(f"reports/agents?{query}")
    errors = [{"field": field, "message": f"{field} {message}"} for field, message in told]
    assert answer.status_code == 422
    assert answer.json() == {"success": False, "message": "Validation failed", "errors": errors}


async def test_the_order_of_the_checks(door: Door) -> None:
    changed: list[tuple[dict[str, str | None], int]] = [
        ({"api_key": None, "tenant_id": None}, 401),
        ({"api_secret": "wrong", "tenant_id": None}, 403),
        ({"tenant_id": None}, 400),
        ({"tenant_id": "other"}, 403),
        ({}, 422),
    ]
    for changes, status in changed:
        assert (await door.get("reports/agents?since=x", **changes)).status_code == status
    answer = await door.send("POST", "reports/agents")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert (await door.get("reports/nothing")).status_code == 404


async def test_a_customers_rollup(door: Door) -> None:
    """What goes beyond the contract may only add: the fields that were there stay as they were."""
    await ended(door, a_record("roll", customer__id="rolled"))
    data = (await door.get("customers/rolled")).json()["data"]
    assert list(data) == ["id", "name", "email", "disposition_status", "disposition_history", "rollup"]
    assert data["rollup"]["intent"]["call_id"] == "roll"
    assert data["rollup"]["intent"]["end_time"] == "2023-01-01T10:30:00Z"
    assert data["rollup"]["calls"] == {"total": 1, "completed": 1, "failed": 0}
