"""Section 7: `GET reports/…` says what the dashboard shows, for the same days and filters, as JSON and CSV."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio

from callwright import rollups
from callwright.analysis import Bant, Statement
from callwright.api import v1_reports
from callwright.dashboards.asking import INTENT_NAMES
from callwright.places import Places
from callwright.spreadsheet import RUNS
from dashboards.viewing import Screen, screen_of
from judged import NOTHING_SAID, analysis, judged
from partner_api import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")

ZONE = "Asia/Kolkata"
EVIL = "=1+1"
REPORTS = ("summary", "intent", "concerns", "pitch-gaps", "trends", "dispositions", "leaderboard", "contacts", "calls")
FILTERS: list[dict[str, str]] = [
    {},
    {"agent_id": "a1"},
    {"customer_id": "k2"},
    {"intent": "INTERESTED"},
    {"intent": "FAILED", "agent_id": "a2"},
    {"disposition": EVIL},
    {"disposition": "lost", "intent": "NEUTRAL"},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def screen(door: Door) -> Screen:
    """Some weeks of calls of two agents, and a disposition that came without one; another subtenant has calls too."""
    made = await screen_of(door, time_zone=ZONE)
    trust = Bant(concern_categories=Statement("Trust", (1,)))
    for number in range(24):
        meera: dict[str, Any] = {"agent_id": "a1", "agent_name": "Meera Nair", "customer_id": f"k{number % 3}"}
        told = EVIL if number % 4 == 0 else None
        await made.call(
            f"m{number}", analysis(intent_score=number), days_ago=number * 1.7 + 0.1, seconds=300,
            customer_name="Asha", customer_email="asha@example.com", disposition_status=told, **meera,
        )  # fmt: skip
    tom: dict[str, Any] = {"agent_id": "a2", "agent_name": "=Tom"}
    await made.call("-t1", analysis(intent="NEUTRAL", bant=NOTHING_SAID), seconds=60, customer_id="k3", **tom)
    closing = (judged("Closing", 1),)
    await made.call(
        "t2", analysis(intent=None, intent_score=None, bant=trust, quality=closing), customer_id="k4", **tom
    )
    await made.call("t3", None, customer_id="+k5", **tom)
    await made.door.put({"customer_id": "k3", "disposition_status": "lost"})
    other = await screen_of(made.door, subtenant="support")
    await other.call("theirs", analysis(), customer_id="k1", agent_id="a1")
    return made


async def ask(screen: Screen, name: str, **query: Any) -> Any:
    answer = await screen.door.client.get(
        f"/api/v1/partner/reports/{name}", params=query, headers=screen.door.headers()
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def rows_of(screen: Screen, name: str, **query: Any) -> list[dict[str, str]]:
    answer = await screen.door.client.get(
        f"/api/v1/partner/reports/{name}", params={**query, "format": "csv"}, headers=screen.door.headers()
    )
    return cells(answer)


def cells(answer: httpx.Response) -> list[dict[str, str]]:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8"), answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def on_page(query: dict[str, str], first: str, last: str) -> Any:
    """The address of the page that is narrowed to the same."""
    names = {"agent_id": "agent-id", "customer_id": "customer"}
    return {"from": first, "to": last, **{names.get(name, name): value for name, value in query.items()}}


def safe(text: str) -> str:
    return f"'{text}" if text.startswith(RUNS) else text


def number(cell: str) -> float | None:
    return float(cell) if cell else None


@pytest.mark.parametrize("days", [30, 60])
@pytest.mark.parametrize("query", FILTERS, ids=str)
async def test_figures_are_those_of_the_page(screen: Screen, query: dict[str, str], days: int) -> None:
    today = datetime.now(ZoneInfo(ZONE)).date()
    first, last = (today - timedelta(days=days - 1)).isoformat(), today.isoformat()
    page = await screen.open("/view-insights", **on_page(query, first, last), format="csv")
    shown = {(row["part"], row["name"], row["from"], row["to"]): row for row in cells(page)}
    asked = {**query, "first_day": first, "last_day": last}

    def is_shown(part: str, name: str, figure: float | None, days: tuple[str, str] = (first, last)) -> None:
        cell = shown.pop((part, name, *days))["figure"]
        assert number(cell) == (None if figure is None else pytest.approx(figure, abs=0.051)), (part, name, days)

    summary = await ask(screen, "summary", **asked)
    assert (summary["first_day"], summary["last_day"], summary["time_zone"]) == (first, last, ZONE)
    names = {"calls": "calls", "unique contacts": "contacts", "calls over 2 minutes": "engaged_calls",
             "average duration, seconds": "average_seconds", "average quality": "quality_average",
             "average intent score": "intent_score_average"}  # fmt: skip
    for name, field in names.items():
        before = number(shown["totals", name, first, last]["period before"])
        assert before == (None if summary["before"][field] is None else pytest.approx(summary["before"][field])), name
        is_shown("totals", name, summary["now"][field])
    is_shown("totals", "agents' share of talk, percent", percent(summary["now"]["talk_ratio"]))
    for line in (await ask(screen, "intent", **asked))["intents"]:
        assert (
            float(shown["buying intent", INTENT_NAMES[line["intent"]], first, last]["period before"])
            == (line["calls_before"])
        )
        is_shown("buying intent", INTENT_NAMES[line["intent"]], line["calls"])
    for line in (await ask(screen, "concerns", **asked))["concerns"]:
        is_shown("concerns", line["concern"], line["calls"])
    for line in (await ask(screen, "pitch-gaps", **asked))["pitch_gaps"]:
        is_shown("share of points reached, percent", line["parameter_name"], percent(line["share"]))
    trends = await ask(screen, "trends", **asked)
    assert trends["days_of_a_step"] == (1 if days == 30 else 7)
    for point in trends["points"]:
        step = point["first_day"], point["last_day"]
        if ("trend", "calls", *step) not in shown:
            assert (point["calls"], point["quality_average"], point["talk_ratio"]) == (0, None, None)
            continue
        is_shown("trend", "calls", point["calls"], step)
        is_shown("trend", "average quality", point["quality_average"], step)
        is_shown("trend", "agents' share of talk, percent", percent(point["talk_ratio"]), step)
    for line in (await ask(screen, "dispositions", **asked))["dispositions"]:
        assert line["times"] == sum(each["times"] for each in line["points"])
        for each in line["points"]:
            step = each["first_day"], each["last_day"]
            is_shown("dispositions set", safe(line["disposition"]), each["times"], step)
    assert shown == {}, "the API lacks nothing of the page"


def percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


@pytest.mark.parametrize("query", FILTERS, ids=str)
async def test_lists_are_those_of_the_page(screen: Screen, query: dict[str, str]) -> None:
    today = datetime.now(ZoneInfo(ZONE)).date()
    first, last = (today - timedelta(days=29)).isoformat(), today.isoformat()
    asked, address = {**query, "first_day": first, "last_day": last}, on_page(query, first, last)
    page = cells(await screen.open("/view-insights/agents", **address, format="csv"))
    agents = [each for each in (await ask(screen, "leaderboard", **asked))["agents"] if each["now"]["calls"]]
    assert sorted((row["agent_id"], int(row["calls"])) for row in page if row["calls"] != "0") == sorted(
        (each["agent_id"], each["now"]["calls"]) for each in agents
    )
    page = cells(
        await screen.open("/view-insights/contacts", **address, contacts_by="id", contacts_order="asc", format="csv")
    )
    assert await rows_of(screen, "contacts", **asked) == page
    assert [safe(each["customer_id"]) for each in await paged(screen, "contacts", limit="1", **asked)] == [
        row["customer_id"] for row in page
    ]
    page = cells(await screen.open("/view-insights/calls", **address, format="csv"))
    assert await rows_of(screen, "calls", **asked) == page
    assert [safe(each["call_id"]) for each in await paged(screen, "calls", limit="3", **asked)] == [
        row["call_id"] for row in page
    ]


async def paged(screen: Screen, name: str, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        data = await ask(screen, name, **query, **({"cursor": cursor} if cursor else {}))
        found += data[name]
        cursor = data["next_cursor"]
        assert len(data[name]) == int(query["limit"]) or cursor is None
    return found


async def test_words_lead_to_the_calls_behind_them(screen: Screen) -> None:
    words = (await ask(screen, "summary"))["words"]
    assert any("Pricing" in each["text"] for each in words)
    for each in words:
        listed = (await ask(screen, "calls", **each["calls"]))["calls"]
        assert listed, each
        if "concern" in each["calls"]:
            assert f"({len(listed)} of" in each["text"]


async def test_the_calls_behind_a_figure(screen: Screen) -> None:
    async def ids(**query: str) -> set[str]:
        return {each["call_id"] for each in (await ask(screen, "calls", **query))["calls"]}

    assert await ids(concern="Trust") == {"t2"}
    assert await ids(parameter="Closing") == {"t2"}
    assert await ids(intent="FAILED") == {"t3"}
    assert "-t1" in await ids()
    assert "-t1" not in await ids(engaged="yes")
    assert {"m0", "m4"} <= await ids(disposition_set=EVIL)
    assert await ids(disposition_set="lost") == set(), "that came without a call"
    [closing] = (await ask(screen, "calls", parameter="Closing"))["calls"]
    assert (closing["reached"], closing["maximum"], closing["agent_name"]) == (1, 10, "=Tom")


async def test_contacts_are_searched(screen: Screen) -> None:
    async def ids(**query: str) -> list[str]:
        return [each["customer_id"] for each in (await ask(screen, "contacts", **query))["contacts"]]

    assert await ids() == ["+k5", "k0", "k1", "k2", "k3", "k4"]
    assert await ids(search="ASHA@") == ["k0", "k1", "k2"]
    assert await ids(search="k_") == []


@pytest.mark.parametrize("name", REPORTS)
async def test_a_spreadsheet_runs_nothing(screen: Screen, name: str) -> None:
    rows = await rows_of(screen, name)
    assert rows
    assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for row in rows for cell in row.values())
    texts = [cell for row in rows for cell in row.values() if not cell.replace(".", "").isdigit()]
    assert not any(cell.startswith(RUNS) for cell in texts)


async def test_a_long_table_goes_on_at_its_link(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v1_reports, "MOST_ROWS", 4)
    for name in ("contacts", "calls"):
        whole = await paged(screen, name, limit="100")
        found: list[dict[str, str]] = []
        address: httpx.URL | None = httpx.URL("http://callwright.test/api/v1/partner/reports/" + name + "?format=csv")
        while address is not None:
            answer = await screen.door.client.get(address, headers=screen.door.headers())
            found += cells(answer)
            following = answer.links.get("next")
            address = address.join(following["url"]) if following else None
        assert len(found) == len(whole) > 4
        assert [row["agent_id"] for row in found] == [each["agent_id"] for each in whole]


async def test_days_of_another_zone(screen: Screen) -> None:
    """A call ends on the day that its end lies in, in the zone that is asked for."""
    [call] = (await ask(screen, "calls", parameter="Closing"))["calls"]
    ended = datetime.fromisoformat(call["end_time"])
    for zone in (ZONE, "UTC", "Pacific/Kiritimati", "Pacific/Niue"):
        day = ended.astimezone(ZoneInfo(zone)).date()
        for name in ("summary", "calls", "contacts", "leaderboard"):
            asked = {"time_zone": zone, "first_day": day.isoformat(), "last_day": day.isoformat(), "customer_id": "k4"}
            found = await ask(screen, name, **asked)
            assert (found["time_zone"], found["first_day"], found["last_day"]) == (zone, str(day), str(day))
            assert found["now"]["calls"] == 1 if name == "summary" else len(found.get("agents") or found[name]) == 1
            asked |= {"first_day": str(day + timedelta(days=1)), "last_day": str(day + timedelta(days=1))}
            found = await ask(screen, name, **asked)
            if name == "leaderboard":
                assert found["agents"][0]["now"]["calls"] == 0, "it is a call of the period before"
            else:
                assert not (found["now"]["calls"] if name == "summary" else found[name])


async def test_what_is_left_out_is_the_last_30_days(screen: Screen) -> None:
    today = datetime.now(ZoneInfo(ZONE)).date()
    found = await ask(screen, "summary")
    assert (found["first_day"], found["last_day"]) == (str(today - timedelta(days=29)), str(today))
    assert found["before"]["last_day"] == str(today - timedelta(days=30))
    assert (await ask(screen, "trends", last_day="2026-01-30"))["first_day"] == "2026-01-01"
    assert (await ask(screen, "trends", first_day=str(today)))["last_day"] == str(today)
    assert (await ask(screen, "intent", first_day="2099-01-01"))["last_day"] == "2099-01-01"
    empty = await ask(screen, "intent", first_day="2099-01-01")
    assert [(line["intent"], line["calls"], line["share"]) for line in empty["intents"]] == [
        (label, 0, None) for label in rollups.LABELS
    ]


TOO_LONG = "must be less than 1098 days after first_day"
TOO_LONG_READ = "must be less than 92 days after first_day for a disposition or a time zone"


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ("first_day=", "first_day", "must be a day, as 2026-11-24"),
        ("first_day=2026-02-30", "first_day", "must be a day, as 2026-11-24"),
        ("last_day=1989-12-31", "last_day", "must be a day, as 2026-11-24"),
        ("last_day=2026-01-01T00:00:00Z", "last_day", "must be a day, as 2026-11-24"),
        ("first_day=2026-01-02&last_day=2026-01-01", "last_day", "must not be before first_day"),
        ("first_day=2020-01-01&last_day=2023-01-03", "last_day", TOO_LONG),
        ("first_day=2026-01-01&last_day=2026-04-03&disposition=x", "last_day", TOO_LONG_READ),
        ("first_day=2026-01-01&last_day=2026-04-03&time_zone=UTC", "last_day", TOO_LONG_READ),
        ("time_zone=Mars/Olympus", "time_zone", "must be a time zone of the tz database, as Asia/Kolkata"),
        ("time_zone=", "time_zone", "must be a time zone of the tz database, as Asia/Kolkata"),
        ("agent_id=", "agent_id", "should not be empty"),
        ("customer_id=%00", "customer_id", "must not contain the character U+0000"),
        ("intent=x", "intent", f"must be one of {', '.join(rollups.LABELS)}"),
        ("format=xml", "format", "must be json or csv"),
    ],
)
async def test_query_faults(screen: Screen, query: str, field: str, told: str) -> None:
    for name in REPORTS:
        answer = await screen.door.get(f"reports/{name}?{query}")
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"field": field, "message": f"{field} {told}"}]


@pytest.mark.parametrize(
    ("name", "query", "told"),
    [
        ("contacts", "search=", "must be a string of 1 to 100 characters"),
        ("contacts", "limit=0", "must be a number from 1 to 100"),
        ("calls", "engaged=no", "must be yes"),
        *(
            (name, f"cursor={cursor}", "must be the next_cursor of a page")
            # nothing, no base64, no text, one part too many or few, no time, no call, too early, too late, too long
            for name, cursors in {
                "contacts": ("", "A", "gICA", "YQBi", "x" * 3001),
                "calls": (
                    "",
                    "A",
                    "gICA",
                    "YQBi",
                    "MjAyNi0wMS0wMQBh",
                    "MjAyNi0wMS0wMVQwMDowMDowMCswMDowMAA",
                    "MDAwMS0wMS0wMVQwMDowMDowMCsyMzo1OQBh",
                    "OTk5OS0xMi0zMVQyMzo1OTo1OS0yMzo1OQBh",
                    "x" * 3001,
                ),
            }.items()
            for cursor in cursors
        ),
    ],
)
async def test_faults_of_lists(screen: Screen, name: str, query: str, told: str) -> None:
    answer = await screen.door.get(f"reports/{name}?{query}")
    field = query.partition("=")[0]
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": field, "message": f"{field} {told}"}]


@pytest.fixture
def places(screen: Screen) -> Iterator[Places]:
    """One place for each partner; who does not get one does not wait long."""
    state = screen.door.app.state
    kept, state.places = state.places, Places(2, 1, patience=0.2)
    yield state.places
    state.places = kept


async def test_reports_wait_for_a_place_of_the_partners(screen: Screen, places: Places) -> None:
    """As pages do: who asks for very many holds up neither ingest nor other partners."""
    other = await screen_of(screen.door)
    async with places.one(screen.door.partner.partner_id):
        for name in (*REPORTS, "agents?since=2026-01-01T00:00:00Z"):
            answer = await screen.door.get(f"reports/{name}")
            assert (answer.status_code, answer.json()["message"]) == (503, "Service temporarily unavailable"), name
            assert int(answer.headers["retry-after"]) >= 1
        assert (await other.door.get("reports/summary")).status_code == 200
    assert (await screen.door.get("reports/summary?time_zone=UTC")).status_code == 200


async def test_pages_show_each_call_once_whatever_ends_meanwhile(screen: Screen) -> None:
    before = {each["call_id"] for each in await paged(screen, "calls", limit="100")}
    shown: list[str] = []
    cursor = None
    for step in range(100):
        data = await ask(screen, "calls", limit="5", **({"cursor": cursor} if cursor else {}))
        shown += [each["call_id"] for each in data["calls"]]
        await screen.call(f"new{step}", analysis(), days_ago=0.02, customer_id="k1", agent_id="a1")
        if (cursor := data["next_cursor"]) is None:
            break
    assert len(shown) == len(set(shown))
    assert before <= set(shown)
