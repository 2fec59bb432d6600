"""The dashboard's pages: figures lead to their calls, filters stand in the address, tables sort, search and save."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from html import unescape
from importlib.resources import files
from typing import Any

import httpx
import pytest

from callwright import db, rollups
from callwright.analysis import Bant, Statement
from callwright.dashboards import assets, insights
from callwright.dashboards.live import Changes
from callwright.db import Scope
from callwright.db.reads import Reads
from callwright.reports import changes
from dashboards.test_pages import words
from dashboards.viewing import Screen, screen_of
from judged import NOTHING_SAID, analysis, judged
from partner_api import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOST_BYTES = 200_000
PAGES = ("/view-insights", "/view-insights/agents", "/view-insights/contacts", "/view-insights/calls")


async def furnished(door: Door) -> Screen:
    """Six calls of two agents and three customers, one of them failed."""
    screen = await screen_of(door)
    for number in range(3):
        await screen.call(
            f"meera-{number}", analysis(), agent_id="a1", agent_name="Meera Nair", customer_id="k1",
            customer_name="Asha & Sons", customer_email="asha@example.com", disposition_status="won", seconds=300,
        )  # fmt: skip
    tom: dict[str, Any] = {"agent_id": "a2", "agent_name": "=Tom", "customer_id": "k2"}
    await screen.call("tom-1", analysis(intent="NEUTRAL", bant=NOTHING_SAID), seconds=60, **tom)
    trust = Bant(concern_categories=Statement("Trust", (1,)))
    await screen.call(
        "tom-2", analysis(intent=None, intent_score=None, bant=trust, quality=(judged("Closing", 1),)), **tom
    )
    await screen.call("tom-3", None, agent_id="a2", customer_id="k3")
    return screen


def links(answer: httpx.Response, within: str = "") -> dict[str, str]:
    """The addresses of a page by their words; of one part where it is named."""
    page = answer.text
    if within:
        page = re.split(r"<section class=\"panel\" id=\"", page.partition(f'id="{within}"')[2])[0]
    found = re.findall(r'<a [^>]*href="(/[^"]*)"[^>]*>(.*?)</a>', page, re.DOTALL)
    return {re.sub(r"<[^>]+>|\s+", " ", label).strip(): unescape(link) for link, label in found}


async def calls_of(screen: Screen, address: str) -> list[str]:
    """The calls that an address lists."""
    answer = await screen.door.client.get(address + "&format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8", answer.text
    return [row["call_id"] for row in csv.DictReader(io.StringIO(answer.text))]


async def test_every_figure_leads_to_the_calls_behind_it(door: Door) -> None:
    screen = await furnished(door)
    page = await screen.open("/view-insights")
    everything = ["tom-3", "tom-2", "tom-1", "meera-2", "meera-1", "meera-0"]
    cards, intents = links(page, "totals"), links(page, "intent")
    assert sorted(await calls_of(screen, cards["6"])) == sorted(everything)
    assert sorted(await calls_of(screen, cards["5"])) == ["meera-0", "meera-1", "meera-2", "tom-2", "tom-3"]
    expected = {
        "Interested": ["meera-0", "meera-1", "meera-2"], "Neutral": ["tom-1"], "Not assessed": ["tom-2"],
        "Could not be processed": ["tom-3"], "Not qualified": [],
    }  # fmt: skip
    for name, ids in expected.items():
        assert sorted(await calls_of(screen, intents[name])) == ids
    assert sorted(await calls_of(screen, links(page, "concerns")["Pricing"])) == expected["Interested"]
    assert await calls_of(screen, links(page, "concerns")["Trust"]) == ["tom-2"]
    assert await calls_of(screen, links(page, "gaps")["Closing"]) == ["tom-2"]
    assert sorted(await calls_of(screen, links(page, "dispositions")["won"])) == expected["Interested"]
    assert sorted(await calls_of(screen, links(page, "leaderboard")["3"])) in (
        expected["Interested"],
        ["tom-1", "tom-2", "tom-3"],
    )
    assert sorted(await calls_of(screen, links(page, "contacts")["3"])) == expected["Interested"]
    rows = re.findall(
        r'<tr>\s*<th scope="row">(?:(?!</th>).)*?(?:Meera Nair|Asha &amp; Sons).*?</tr>', page.text, re.DOTALL
    )
    assert len(rows) == 2
    for row in rows:
        found = [unescape(link) for link in re.findall(r'<td class="number">.*?href="([^"]*)"', row, re.DOTALL)]
        assert len(found) >= 2, "each figure of an agent and of a contact"
        for link in found:
            assert set(await calls_of(screen, link)) == set(expected["Interested"])


async def test_a_list_of_calls_shows_what_it_was_narrowed_to(door: Door) -> None:
    screen = await furnished(door)
    answer = await screen.open("/view-insights/calls", parameter="Closing", customer="k2", agent_id="a2")
    said = words(answer)
    assert "Agent =Tom ✕ Customer k2 ✕ Assessed Closing ✕" in said
    assert "1 of 10" in said
    assert "Failed" in words(await screen.open("/view-insights/calls", intent="FAILED"))
    assert "No calls to show" in words(await screen.open("/view-insights/calls", concern="Nobody's"))


async def test_filters_stand_in_the_address_and_hold_everywhere(door: Door) -> None:
    screen = await furnished(door)
    one = words(await screen.open("/view-insights", agent_id="a1"))
    assert "Meera Nair" in one
    assert "Total calls 3" in one
    won = words(await screen.open("/view-insights", disposition="won", days="365"))
    assert "Total calls 3" in won
    assert "the last 92 days at most are counted" in won
    assert "at most are counted" not in words(await screen.open("/view-insights", disposition="won"))
    assert "Total calls 2" in words(await screen.open("/view-insights", customer="k2"))
    assert "Total calls 1" in words(await screen.open("/view-insights", intent="NEUTRAL"))
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    one_day = await screen.open("/view-insights", from_=yesterday, to=yesterday, intent="INTERESTED")
    assert "Total calls 3" in words(one_day)
    for link in re.findall(r'href="(/view-insights/calls[^"]*)"', one_day.text):
        params = httpx.URL(unescape(link)).params
        assert (params["from"], params["to"]) == (yesterday, yesterday)
    long_ago = await screen.open("/view-insights", from_="2020-01-01", to="2020-01-31")
    assert "No calls in this period" in words(long_ago)


@pytest.mark.parametrize(
    "query",
    [
        {"from_": "yesterday"}, {"from_": "2026-02-30"}, {"to": "0001-01-01"},
        {"from_": "2026-02-02", "to": "2026-02-01"}, {"from_": "2000-01-01", "to": "2026-01-01"},
    ],
)  # fmt: skip
async def test_a_period_that_is_none_is_a_plain_page(door: Door, query: dict[str, Any]) -> None:
    answer = await (await screen_of(door)).open("/view-insights", **query)
    assert answer.status_code == 400
    assert "<h1>" in answer.text


@pytest.mark.parametrize("path", PAGES)
async def test_whatever_stands_in_an_address_is_no_crash(door: Door, path: str) -> None:
    screen = await screen_of(door)
    for name in ("customer", "disposition", "intent", "days", "search", "skip", "concern", "contacts-by", "agents-by"):
        for value in ("\0", "x" * 3_000, "'; DROP TABLE calls; --", "<script>", "\ud7ff%_\\", "-1"):
            answer = await screen.open(path, **{name: value})  # type: ignore[arg-type]
            assert answer.status_code == 200, (name, value)
            assert "<script>" not in answer.text.partition("<body>")[2]
    for place in ("x", "2026-01-01~x", "2026-01-01T00:00:00+00:00~", "~", "0001-01-01T00:00:00+14:00~x"):
        assert (await screen.open("/view-insights/calls", after=place)).status_code == 400
    assert (await screen.open("/view-insights/calls", after="2026-01-01T00:00:00+00:00~x")).status_code == 200


async def test_names_without_end_make_no_page_without_end(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insights, "MOST_SHOWN", 2)
    monkeypatch.setattr(insights, "MOST_LISTED", 5)
    screen = await screen_of(door)
    for number in range(8):
        about = Bant(concern_categories=Statement(f"Concern {number}", (1,)))
        made = analysis(bant=about, quality=(judged(f"Parameter {number}", number),))
        await screen.call(f"call-{number}", made, disposition_status=f"Disposition {number}")
    page = await screen.open("/view-insights")
    saved = (await screen.open("/view-insights", format="csv")).text
    for name, part in (("Concern", "concerns"), ("Parameter", "gaps"), ("Disposition", "dispositions")):
        shown = [label for label in links(page, part) if label.startswith(name)]
        assert len(shown) == 5, part
        assert all(f"{name} {number}" in saved for number in range(8))
    assert words(page).count("3 more are in the CSV file of this page.") == 3


async def test_what_no_call_of_an_agent_told_is_no_zero(door: Door) -> None:
    screen = await screen_of(door)
    await screen.call("lost", None, agent_id="silent")
    said = words(await screen.open("/view-insights/agents"))
    none = "— not assessed"
    assert re.search(rf"silent 1 (none before )?{none} {none} {none} ", said), said
    rows = list(csv.DictReader(io.StringIO((await screen.open("/view-insights/agents", format="csv")).text)))
    assert [(row["calls"], row["talk_seconds"], row["quality"]) for row in rows] == [("1", "", "")]


async def test_contacts_are_searched_and_sorted(door: Door) -> None:
    screen = await furnished(door)
    await rollups.keep_house(door.pool, asyncio.Event())
    assert "Asha & Sons" in words(await screen.open("/view-insights/contacts", search="sons"))
    assert "k2" not in words(await screen.open("/view-insights/contacts", search="asha@"))
    assert "No contact found" in words(await screen.open("/view-insights/contacts", search="nobody"))
    page = await screen.open("/view-insights/contacts", contacts_by="calls", contacts_order="asc")
    said = words(page)
    assert said.index("k3") < said.index("k2") < said.index("Asha & Sons")
    assert 'aria-sort="ascending"' in page.text


async def test_tables_are_saved_without_running_anything(door: Door) -> None:
    screen = await furnished(door)
    agents = (await screen.open("/view-insights/agents", format="csv")).text
    assert "'=Tom" in agents
    contacts = (await screen.open("/view-insights/contacts", format="csv")).text
    assert [row["calls"] for row in csv.DictReader(io.StringIO(contacts)) if row["customer_id"] == "k1"] == ["3"]
    rows = list(csv.DictReader(io.StringIO((await screen.open("/view-insights", format="csv")).text)))
    told = {(row["part"], row["name"]): row["figure"] for row in rows}
    assert told["totals", "calls"] == "6"
    assert told["totals", "unique contacts"] == "3"
    assert told["buying intent", "Interested"] == "3"
    assert told["concerns", "Trust"] == "1"


async def test_the_first_page_is_small(door: Door) -> None:
    screen = await furnished(door)
    answer = await screen.open("/view-insights", headers={"accept-encoding": "gzip"})
    sent = int(answer.headers["content-length"])
    bundles = [assets.bundle_of(entry) for entry in ("page", "insights")]
    names = {name for bundle in bundles for name in (bundle.script, *bundle.styles)}
    shared = set(re.findall(r"(?:from|import)\s*\"\./([\w.-]+\.js)\"", "".join(read(name) for name in names)))
    assert shared, "what both need is in a file of its own"
    folder = files("callwright.dashboards") / "static"
    for name in {name.rpartition("/")[2] for name in names} | shared:
        sent += len((folder / f"{name}.br").read_bytes())
    assert sent < MOST_BYTES


def read(address: str) -> str:
    return (files("callwright.dashboards") / "static" / address.rpartition("/")[2]).read_text("utf-8")


async def next_of(watched: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(watched, None)


async def test_viewers_are_told_once_when_calls_end(door: Door) -> None:
    screen = await furnished(door)
    scope, other = await screen.scope(), Scope((await screen.scope()).partner_id, 999_999_999)
    await rollups.keep_house(door.pool, asyncio.Event())
    told = Changes(Reads(door.pool), pause=0.05)
    ours, theirs = told.watch(scope, 60), told.watch(other, 1)
    assert await anext(ours) == b"retry: 5000\n\n"
    assert await anext(theirs) == b"retry: 5000\n\n"
    waiting = asyncio.create_task(next_of(ours))
    await asyncio.sleep(0.3)
    assert not waiting.done(), "nothing has changed since"
    await screen.call("new", analysis())
    async with asyncio.timeout(20):
        assert await waiting == b"event: change\ndata: calls\n\n"
        assert [part async for part in theirs] == [b":\n\n"], "another's calls are no news, and the time is up"
    await rollups.keep_house(door.pool, asyncio.Event())
    waiting = asyncio.create_task(next_of(ours))
    await asyncio.sleep(0.3)
    assert not waiting.done(), "that they were counted is no change"
    await told.close()
    assert await waiting is None


async def opened_with(screen: Screen) -> tuple[int, int]:
    """The mark that the dashboard is opened with."""
    page = (await screen.open("/view-insights")).text
    [address] = re.findall(r'data-changes="([^"]*)"', page)
    newest, _, count = httpx.URL(unescape(address)).params["shown"].partition("-")
    return int(newest), int(count)


@pytest.mark.parametrize("counted", [False, True])
async def test_what_ends_between_the_page_and_its_stream_is_told(door: Door, counted: bool) -> None:
    """Also where the worker has counted it already, so that nothing is due any more."""
    screen = await furnished(door)
    await rollups.keep_house(door.pool, asyncio.Event())
    mark = await opened_with(screen)
    await screen.call("between", analysis())
    if counted:
        await rollups.keep_house(door.pool, asyncio.Event())
    told = Changes(Reads(door.pool), pause=0.05)
    scope = await screen.scope()
    ours, calm = told.watch(scope, 60, mark), told.watch(scope, 60, await opened_with(screen))
    async with asyncio.timeout(20):
        assert [await anext(ours) for _ in range(2)] == [b"retry: 5000\n\n", b"event: change\ndata: calls\n\n"]
        await anext(calm)
        waiting = asyncio.create_task(next_of(calm))
        await asyncio.sleep(0.3)
        assert not waiting.done(), "that page has it"
        await told.close()
        assert await waiting is None
        assert await next_of(ours) is None


async def test_a_call_that_ended_and_was_counted_between_two_looks_is_told(door: Door) -> None:
    screen = await furnished(door)
    await rollups.keep_house(door.pool, asyncio.Event())
    told = Changes(Reads(door.pool), pause=0.05)
    ours = told.watch(await screen.scope(), 60)
    await anext(ours)
    waiting = asyncio.create_task(next_of(ours))
    await asyncio.sleep(0.3)
    async with db.everywhere(door.pool) as lent:  # nobody sees the one without the other
        await lent.execute(
            "INSERT INTO recounts_due (partner_id, subtenant_no, at) VALUES ($1, $2, now())",
            *((await screen.scope()).partner_id, (await screen.scope()).subtenant_no),
        )
        await rollups.count_again(lent, await screen.scope(), set())
        assert not await lent.fetchval("SELECT count(*) FROM recounts_due")
    async with asyncio.timeout(20):
        assert await waiting == b"event: change\ndata: calls\n\n"
    await told.close()
    await ours.aclose()


async def test_a_look_that_fails_is_not_the_last(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = await furnished(door)
    real, failed = changes.read_marks, list[int]()

    async def at_times(*about: Any) -> Any:
        if len(failed) < 3:
            failed.append(1)
            raise RuntimeError("as no look should")
        return await real(*about)

    monkeypatch.setattr("callwright.dashboards.live.read_marks", at_times)
    told = Changes(Reads(door.pool), pause=0.05)
    ours = told.watch(await screen.scope(), 60, (0, 0))
    async with asyncio.timeout(20):
        await anext(ours)
        assert await anext(ours) == b"event: change\ndata: calls\n\n"
    await told.close()
    await ours.aclose()


@pytest.mark.parametrize("shown", ["", "x", "1", "-1-1", "9" * 30 + "-1", "\0"])
async def test_a_mark_that_is_none_is_passed_over(door: Door, shown: str) -> None:
    screen = await screen_of(door)
    told, kept = Changes(Reads(door.pool), pause=0.05), door.app.state.changes
    await told.close()
    door.app.state.changes = told
    answer = await screen.open("/view-insights/changes", shown=shown)
    door.app.state.changes = kept
    assert answer.status_code == 503, "closed, and nothing crashed"


async def test_there_is_a_bound_on_viewers(door: Door) -> None:
    screen = await screen_of(door)
    told, scope = Changes(Reads(door.pool), most=4), await screen.scope()
    other = Scope(scope.partner_id, scope.subtenant_no + 1)
    watched = [told.watch(scope, 60) for _ in range(2)]
    before = told.full(scope)
    for each in watched:
        await anext(each)
    assert (before, told.full(scope), told.full(other)) == (False, True, False), "one leaves the others half of it"
    door.app.state.changes, kept = told, door.app.state.changes
    answer = await screen.open("/view-insights/changes")
    door.app.state.changes = kept
    assert answer.status_code == 503
    for each in watched:
        await each.aclose()
    assert not told.full(scope)
    await told.close()
