"""The pages as they are served: what they show, what they refuse in plain words, and what holds a bundle together."""

import asyncio
import gzip
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from structlog.testing import capture_logs

from callwright import calls
from callwright.dashboards import assets, rendering
from callwright.errors import SetupError, Unavailable
from callwright.reports import call_page, choices
from dashboards.viewing import ORIGIN, screen_of
from judged import analysis
from partner_api import Door
from submissions import submission

pytestmark = pytest.mark.asyncio(loop_scope="module")


def words(answer: httpx.Response) -> str:
    """What a page says, without its head."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    body = answer.text.split("<body>")[1]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


async def test_the_dashboard_counts_the_period_and_compares_it(door: Door) -> None:
    screen = await screen_of(door)
    for number in range(3):
        await screen.call(f"now-{number}", analysis())
    await screen.call("failed", None)
    for number in range(2):
        await screen.call(f"before-{number}", analysis(), days_ago=40)
    answer = await screen.open("/view-insights")
    assert answer.status_code == 200
    assert "Total calls 4 ▲ up by 100 % on the 30 days before" in words(answer)
    assert "Unique contacts 1 unchanged" in words(answer)
    day = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    assert "on the day before" not in words(answer)
    one_day = words(await screen.open("/view-insights", from_=day, to=day))
    assert "Total calls 4 none before" in one_day
    await screen.call("eve", analysis(), days_ago=2)
    assert "Total calls 4 ▲ up by 300 % on the day before" in words(
        await screen.open("/view-insights", from_=day, to=day)
    )
    week = words(await screen.open("/view-insights", days="7"))
    assert "Total calls 5 none before" in week, "nothing divides by nothing"


async def test_the_dashboard_of_one_agent_and_of_an_unknown_one(door: Door) -> None:
    screen = await screen_of(door)
    await screen.call("theirs", analysis(), agent_id="agent-2")
    await screen.call("other", analysis())
    assert "Total calls 1" in words(await screen.open("/view-insights", agent_id="agent-2"))
    answer = await screen.open("/view-insights", agent_id="nobody")
    assert (answer.status_code, "This agent is not known here" in words(answer)) == (404, True)


async def test_test_data_says_that_it_is(door: Door) -> None:
    live, test = await screen_of(door), await screen_of(replace(door, test=True))
    for screen in (live, test):
        await screen.call("call", analysis())
        for path in ("/view-insights", "/view-insights/contacts", "/call-details/call"):
            answer = await screen.open(path)
            assert answer.status_code == 200
            assert ("Test data." in words(answer)) is (screen is test), path


async def test_an_agent_beyond_those_to_choose_from_stays_chosen(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "MOST_AGENTS", 1)
    screen = await screen_of(door)
    for agent in ("a", "b"):
        await screen.call(f"of-{agent}", analysis(), agent_id=agent)
    page = await screen.open("/view-insights", agent_id="b")
    assert '<option value="a">a</option>\n<option selected>b</option>' in page.text
    assert "<h1>b</h1>" in page.text


async def test_a_dashboard_without_calls_says_so(door: Door) -> None:
    assert "No calls in this period" in words(await (await screen_of(door)).open("/view-insights"))


async def test_every_link_carries_what_opened_the_page(door: Door) -> None:
    screen = await screen_of(door)
    await screen.call("one", analysis())
    page = (await screen.open("/view-insights", theme="dark", agent_id="agent-1")).text
    links = [unescape(link) for link in re.findall(r'<a href="(/[^"]*)"', page)]
    assert len(links) >= 3
    for link in links:
        params = httpx.URL(link).params
        assert (params["token"], params["theme"]) == (screen.token, "dark")
        assert params["agent-id"] == "agent-1"
    assert '<html lang="en" data-theme="dark">' in page
    assert "data-theme" not in (await screen.open("/view-insights", theme="pink")).text


async def test_a_call_shows_its_customer(door: Door) -> None:
    screen = await screen_of(door, time_zone="Asia/Kolkata")
    await screen.call("a/call", analysis(), customer_name="Jo & <b>Co</b>")
    answer = await screen.open("/call-details/a%2Fcall")
    assert answer.status_code == 200
    assert "Jo & <b>Co</b>" in words(answer)
    assert "<b>Co" not in answer.text, "names are text"
    assert "Interested" in words(answer)
    call = (await screen.door.get("calls/a%2Fcall")).json()["data"]
    local = datetime.fromisoformat(call["start_time"]).astimezone(ZoneInfo("Asia/Kolkata"))
    assert f"{local:%-d %b %Y, %H:%M}" in words(answer)


async def test_a_call_that_failed_says_why(door: Door) -> None:
    screen = await screen_of(door)
    await screen.call("silent", None)
    answer = await screen.open("/call-details/silent")
    assert answer.status_code == 409
    assert "This call could not be processed Nothing in it. Reason: recording_not_audio" in words(answer)
    assert "hx-get" not in answer.text, "nothing more will come of it: no click asks again"


@pytest.mark.parametrize("call_id", ["unknown", "%00", "%F0%9F%93%9E"])
async def test_an_unknown_call_is_a_plain_page(door: Door, call_id: str) -> None:
    answer = await (await screen_of(door)).open(f"/call-details/{call_id}")
    assert (answer.status_code, "This call is not known here" in words(answer)) == (404, True)


async def test_a_call_that_is_not_processed_yet_is_a_plain_page(door: Door) -> None:
    screen = await screen_of(door)
    await calls.accept(door.pool, await screen.scope(), [submission("fresh")])
    answer = await screen.open("/call-details/fresh")
    assert (answer.status_code, "This call is not processed yet" in words(answer)) == (409, True)
    assert '<a class="button" href="">Try again</a>' in answer.text


async def test_a_crash_is_a_plain_page_that_tells_nothing(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = await screen_of(door)

    async def crash(*_: Any) -> None:
        raise RuntimeError("SELECT secrets FROM /etc/passwd")

    monkeypatch.setattr(call_page, "read_call_page", crash)
    with capture_logs() as logs:
        answer = await screen.open("/call-details/x")
    assert (answer.status_code, "Something went wrong" in words(answer)) == (500, True)
    assert "passwd" not in answer.text
    assert any(line["event"] == "page crashed" and line["exc_info"] for line in logs)
    assert ORIGIN in answer.headers["content-security-policy"]


async def test_a_database_that_is_away_is_a_plain_page(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = await screen_of(door)

    async def away(*_: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(call_page, "read_call_page", away)
    answer = await screen.open("/call-details/x")
    assert (answer.status_code, int(answer.headers["retry-after"]) >= 1) == (503, True)
    assert "The database does not answer just now" in words(answer)


async def test_a_bundle_that_is_missing_is_told_to_the_operator(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = await screen_of(door)

    def missing(entry: str) -> None:
        raise SetupError("The dashboards' scripts and styles have not been made", "Run: make web")

    monkeypatch.setitem(rendering._environment.globals, "bundle", missing)
    with capture_logs() as logs:
        answer = await screen.open("/view-insights")
    assert (answer.status_code, answer.text[:21]) == (500, "Something went wrong.")
    assert any(line.get("fix") == "Run: make web" for line in logs)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("br;q=0.0, gzip;q=0", None),
        ("identity", None),
    ],
)
async def test_assets_are_small_and_kept_for_ever(door: Door, accepted: str, coding: str | None) -> None:
    script = assets.bundle_of("page").script
    answer = await door.client.get(script, headers={"accept-encoding": accepted})
    assert (answer.status_code, answer.headers.get("content-encoding")) == (200, coding)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["vary"] == "accept-encoding"
    plain = assets._contents()[script.rpartition("/")[2]]
    assert answer.content == plain["br" if coding == "br" else ""], "httpx has unpacked gzip itself"
    assert gzip.decompress(plain["gzip"]) == plain[""]


@pytest.mark.parametrize("name", ["nothing.js", "manifest.json", "sources.sha256", "..%2Fassets.py", "page.js"])
async def test_nothing_but_the_bundle_is_served(door: Door, name: str) -> None:
    assert (await door.client.get(f"/assets/{name}")).status_code == 404


async def test_licences_of_what_is_bundled_are_served(door: Door) -> None:
    answer = await door.client.get("/assets/licences.txt")
    assert answer.status_code == 200
    assert "htmx.org 2." in answer.text


async def test_the_first_page_is_small(door: Door) -> None:
    screen = await screen_of(door)
    await screen.call("one", analysis())
    bundle = assets.bundle_of("page")
    files = [assets._contents()[name.rpartition("/")[2]]["gzip"] for name in (bundle.script, *bundle.styles)]
    page = (await screen.open("/view-insights")).content
    assert len(page) + sum(map(len, files)) < 200_000


async def test_pages_need_no_cookie_and_set_none(door: Door) -> None:
    screen = await screen_of(door)
    for path in ("/view-insights", "/call-details/x", "/view-insights?days=7"):
        assert "set-cookie" not in (await screen.open(path)).headers


async def test_many_at_a_time(door: Door) -> None:
    screen = await screen_of(door)
    answers = await asyncio.gather(*(screen.open("/view-insights") for _ in range(20)))
    nonces = {re.search(r"nonce-([\w-]+)", answer.headers["content-security-policy"])[1] for answer in answers}  # type: ignore[index]
    assert len(nonces) == 20
