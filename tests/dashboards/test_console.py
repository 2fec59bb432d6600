"""The console's pages: what they show of a real installation, and what their buttons really do."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from callwright import callbacks, calls, console_sessions, db, partners, queue
from callwright.dashboards.console import lists, overview
from callwright.db import Pool, everywhere, transaction
from callwright.errors import Unavailable
from callwright.reports import all_partners, operation
from dashboards.operating import desk_at, words
from dashboards.viewing import Screen, screen_of
from judged import analysis
from partner_api import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def undelivered(screen: Screen, call_id: str) -> str:
    """A call with a callback that was given up; gives the callback's id."""
    await screen.call(call_id, analysis(), callback_url="https://partner.example.com/c")
    whose = await screen.scope()
    told = callbacks.Told(
        whose.partner_id, whose.subtenant_no, call_id, "agent-1", "customer-1", None, "https://partner.example.com/c"
    )
    pool = screen.door.pool
    async with transaction(pool, whose.partner_id) as lent:
        await callbacks.prepare(lent, told, b"{}")
        callback_id = await callbacks.newest(lent, whose.partner_id, call_id)
        assert callback_id is not None
        delivery = (await callbacks.begin_attempts(lent, whose.partner_id, [callback_id]))[callback_id]
        outcome = callbacks.Outcome(datetime.now(UTC), 0.2, 502, "The receiver answered 502.", "Bad gateway", None)
        await callbacks.finish_attempts(lent, whose.partner_id, [(delivery, outcome)], callbacks.RetryPolicy())
        assert await callbacks.end(lent, delivery, "undelivered")
        await calls.set_callback_state(lent, whose.partner_id, [call_id], "undelivered")
    return callback_id


async def state_of(pool: Pool, partner_id: int, call_id: str) -> str | None:
    async with transaction(pool, partner_id) as lent:
        return await calls.state_of(lent, partner_id, call_id)


async def jobs(pool: Pool, step: str, of: str) -> int:
    async with everywhere(pool) as lent:
        found: int = await lent.fetchval(
            "SELECT count(*) FROM pgqueuer WHERE entrypoint = $1 AND convert_from(payload, 'UTF8')::json ->> 'id' = $2",
            step,
            of,
        )
    return found


def links(answer: httpx.Response, text: str) -> list[str]:
    return [unescape(href) for href in re.findall(rf'href="([^"]*)">{text}<', answer.text)]


async def test_failed_calls_are_shown_with_their_reason(door: Door) -> None:
    screen = await screen_of(door)
    await screen.call("broken <b>", None)
    await screen.call("fine", analysis())
    async with desk_at(door) as desk:
        await desk.log_in()
        number = str(screen.door.partner.partner_id)
        page = await desk.open("/console/failed-calls", partner=number)
        assert "broken <b> recording_not_audio Nothing in it. Retry" in words(page)
        assert "<b>" not in page.text.split("<body>")[1]
        assert "acme / sales" in words(page)
        assert "fine" not in words(page)
        for query, there in (
            ({"code": "recording_not_audio"}, True),
            ({"code": "recording_silent"}, False),
            ({"since": f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M}"}, False),
            ({"until": f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M}"}, True),
            ({"until": "2026-01-01"}, False),
        ):
            assert ("broken" in words(await desk.open("/console/failed-calls", partner=number, **query))) is there, (
                query
            )
        assert "No failed call" in words(await desk.open("/console/failed-calls", partner="999999"))


async def test_retry_has_the_chosen_calls_processed_again(door: Door) -> None:
    screen = await screen_of(door)
    number = screen.door.partner.partner_id
    for name in ("one", "two", "three", "stays:here"):
        await screen.call(name, None)
    async with desk_at(door) as desk:
        await desk.log_in()
        page = await desk.act(
            "/console/failed-calls", *(f"{number}:{n}" for n in ("one", "two", "three")), partner=str(number)
        )
        assert "3 calls are processed again." in words(page)
        assert "stays:here" in words(page), "the filters hold"
        for name in ("one", "two", "three"):
            assert await state_of(door.pool, number, name) == "received"
            assert await jobs(door.pool, "fetch", name) == 2, "the first, which no worker took here, and the second"
        page = await desk.act(
            "/console/failed-calls", f"{number}:stays:here", f"{number}:one", f"{number}:gone", "999999:x"
        )
        assert "1 call is processed again. 3 were passed over: not failed any more" in words(page)
        assert await state_of(door.pool, number, "stays:here") == "received"


async def test_one_buttons_call_is_retried_and_no_ticked_one(door: Door) -> None:
    screen = await screen_of(door)
    number = screen.door.partner.partner_id
    for name in ("pressed", "ticked"):
        await screen.call(name, None)
    async with desk_at(door) as desk:
        await desk.log_in()
        form = {"form-token": await desk.form_token(), "item": f"{number}:ticked", "only": f"{number}:pressed"}
        assert "1 call is processed again." in words(await desk.post("/console/failed-calls", form))
    assert await state_of(door.pool, number, "pressed") == "received"
    assert await state_of(door.pool, number, "ticked") == "failed"


async def test_what_the_database_left_undone_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def do(_number: int, name: str) -> bool:
        asked.append(name)
        if name == "away":
            raise Unavailable
        return name == "good"

    outcome = await lists.act([(1, "good"), (1, "bad"), (1, "away"), (1, "never")], do)
    assert (outcome, asked) == (lists.Outcome(done=1, passed=1, left=2), ["good", "bad", "away"])


async def test_failed_calls_come_in_pages_without_a_gap(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = await screen_of(door)
    names = [f"call-{n:02}" for n in range(7)]
    for name in names:
        await screen.call(name, None)
    monkeypatch.setattr("callwright.dashboards.console.failed_calls.PAGE", 3)
    monkeypatch.setattr(lists, "PAGE", 3)
    async with desk_at(door) as desk:
        await desk.log_in()
        page, seen = await desk.open("/console/failed-calls", partner=str(screen.door.partner.partner_id)), []
        while True:
            seen += re.findall(r'name="item" value="\d+:([^"]+)"', page.text)
            later = links(page, "Next")
            if not later:
                break
            page = await desk.open(later[0])
            assert links(page, "To the beginning")
        assert seen == names[::-1]


async def test_callbacks_are_shown_with_their_tries_and_sent_again(door: Door) -> None:
    screen = await screen_of(door)
    number = screen.door.partner.partner_id
    ids = [await undelivered(screen, name) for name in ("lost-1", "lost-2", "lost-3")]
    async with desk_at(door) as desk:
        await desk.log_in()
        page = await desk.open("/console/callbacks", partner=str(number))
        said = words(page)
        assert said.index("lost-3") < said.index("lost-1")
        assert "1 · The receiver answered 502." in said
        assert "· 502 · 0.2 s" in said
        assert "Bad gateway" not in said, "what a receiver said may hold anything"
        page = await desk.act("/console/callbacks", f"{number}:{ids[0]}", f"{number}:{ids[1]}", partner=str(number))
        assert "2 callbacks are on their way again." in words(page)
        assert "lost-1" not in words(page), "only the undelivered are listed"
        assert await jobs(door.pool, "deliver", ids[0]) == 3, "the first, its retry, and the one from here"
        page = await desk.act("/console/callbacks", f"{number}:{ids[0]}", f"{number}:msg_none")
        assert "0 callbacks are on their way again. 2 were passed over: under way already" in words(page)
        everything = words(await desk.open("/console/callbacks", partner=str(number), state="any"))
        assert "lost-1" in everything
        assert "pending" in everything
        one = words(await desk.open("/console/callbacks", partner=str(number), state="any", call="lost-2"))
        assert ("lost-2" in one, "lost-1" in one) == (True, False)


async def test_callbacks_of_all_partners_come_in_pages_without_a_gap(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callwright.dashboards.console.callbacks.PAGE", 2)
    monkeypatch.setattr(lists, "PAGE", 2)
    screens = [await screen_of(door), await screen_of(door, subtenant="support")]
    made = {await undelivered(screen, f"of-{n}-{c}") for c in range(3) for n, screen in enumerate(screens)}
    async with desk_at(door) as desk:
        await desk.log_in()
        page, seen = await desk.open("/console/callbacks"), []
        while True:
            seen += re.findall(r'name="item" value="\d+:([^"]+)"', page.text)
            later = links(page, "Next")
            if not later:
                break
            page = await desk.open(later[0])
        assert made <= set(seen)
        assert len(seen) == len(set(seen))


async def test_the_overview_tells_the_queue_and_what_fails(door: Door) -> None:
    screen = await screen_of(door)
    await screen.call("broken", None)
    await undelivered(screen, "lost")
    async with everywhere(door.pool) as lent:
        await lent.execute("UPDATE pgqueuer SET execute_after = now() - interval '2 hours' WHERE entrypoint = 'fetch'")
        await queue.enqueue(lent, "analyse", screen.door.partner.partner_id, "x", delay=600)
        steps = {each.step: each for each in await operation.read_queue(lent)}
        waiting = await lent.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'fetch'")
        failed = await lent.fetchval("SELECT count(*) FROM calls WHERE state = 'failed'")
        given_up = await lent.fetchval("SELECT count(*) FROM callbacks WHERE state = 'undelivered'")
    assert (steps["fetch"].due, steps["analyse"].later, steps["analyse"].oldest) == (waiting, 1, None)
    async with desk_at(door) as desk:
        await desk.log_in()
        for path in ("/console", "/console/live"):
            said = words(await desk.open(path))
            assert f"Failed calls {failed} in the last 24 hours" in said
            assert f"Undelivered callbacks {given_up}" in said
            assert re.search(r"fetch \d+ 0 0 2 h 00 min", said)
            assert "analyse 0 1 0 none waits" in said
            assert f"recording_not_audio {failed}" in said
            assert re.search(r"Database Good PostgreSQL \S+.*?, \d+ MB, answers in \d+ ms", said)
            assert "Schema Good Up to date" in said
            assert "Workers Bad None is connected to the database Start one: callwright worker" in said
        page = await desk.open("/console")
        assert 'hx-get="/console/live" hx-trigger="every 5s"' in page.text
        part = await desk.open("/console/live")
        assert "<body" not in part.text


async def test_workers_are_seen_by_their_connections(door: Door, module_database_url: str) -> None:
    pool = await db.open_pool(module_database_url, size=2, name="callwright worker here.example/4711")
    try:
        async with db.beside(pool) as one, db.beside(pool) as two:
            await one.fetchval("SELECT 1")
            await two.fetchval("SELECT 1")
            async with desk_at(door) as desk:
                await desk.log_in()
                said = words(await desk.open("/console"))
    finally:
        await pool.close()
    assert "Workers 1 connected to the database" in said
    assert "Workers Good 1 is connected" in said
    assert re.search(r"here\.example/4711 since \d+ \w+ \d{4}", said)


@pytest.mark.parametrize(
    ("free", "state"), [(10**12, "Good"), (10**9, "Look at it"), (10**8, "Bad"), (None, "Not checked")]
)
async def test_the_room_for_recordings(
    door: Door, monkeypatch: pytest.MonkeyPatch, free: int | None, state: str
) -> None:
    monkeypatch.setattr(overview, "free_bytes", lambda _url: free)
    async with desk_at(door) as desk:
        await desk.log_in()
        assert f"Recordings {state} " in words(await desk.open("/console"))


async def test_partners_are_shown_with_limits_usage_and_state(door: Door) -> None:
    own = await door.for_another(("acme", "sales"), ("<i>acme</i>", "support"))
    number = own.partner.partner_id
    async with everywhere(door.pool) as lent:
        await partners.set_partner(lent, number, rate_limit=50, share=250, time_zone="Asia/Kolkata")
        await partners.rotate_api_secret(lent, number, overlap_seconds=3600)
        name = (await partners.get_partner_by_id(lent, number)).name
    for _ in range(3):
        await own.get("calls/x")
    async with desk_at(door) as desk:
        await desk.log_in()
        said = words(await desk.open("/console/partners"))
        assert f"{name} {own.partner.api_key} Live 3 of 50 250 2" in said
        assert "callwright partner add NAME" in said
        page = await desk.open(f"/console/partners/{number}")
        said = words(page)
        assert "Requests of the last minute 3 of 50" in said
        assert "Asia/Kolkata" in said
        assert said.count("API secret, made") == 2
        assert said.count("Webhook secret, made") == 1
        assert "until" in said
        assert "<i>acme</i> support" in said
        assert "<i>" not in page.text
        async with everywhere(door.pool) as lent:
            await partners.revoke_partner(lent, number)
        assert "its key opens nothing any more" in words(await desk.open(f"/console/partners/{number}"))
        for unknown in ("999999999", "x", "1" * 40):
            assert (await desk.open(f"/console/partners/{unknown}")).status_code == 404


async def test_a_choice_of_partners_has_an_end_and_the_chosen_one(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_partners, "MOST_NAMED", 2)
    numbers = [(await door.for_another()).partner.partner_id for _ in range(3)]
    async with everywhere(door.pool) as lent:
        for number in numbers:
            await lent.execute("UPDATE partners SET name = $2 WHERE partner_id = $1", number, f"zz {number}")
    async with desk_at(door) as desk:
        await desk.log_in()
        for path in ("/console/failed-calls", "/console/callbacks"):
            some = re.findall(r'<option value="(\d+)"', (await desk.open(path)).text)
            assert (len(some), str(numbers[2]) in some) == (2, False)
            page = await desk.open(path, partner=str(numbers[2]))
            assert f'<option value="{numbers[2]}" selected>zz {numbers[2]}</option>' in page.text


async def test_engines_are_those_of_the_settings_and_of_the_results(door: Door) -> None:
    screen = await screen_of(door)
    for name in ("a", "b"):
        await screen.call(name, analysis(version="rules-of-a-test"))
    rubric: dict[str, Any] = {"name": "spring", "quality_parameters": [{"name": "Greeting", "maximum": 5}]}
    answer = await screen.door.send("PUT", "rubric", rubric)
    async with desk_at(door) as desk:
        await desk.log_in()
        said = words(await desk.open("/console/engines"))
        assert "Speech engine pocketsphinx" in said
        assert "Analysis engine rules" in said
        assert "Language model" not in said
        assert "rules rules-of-a-test inside-sales/0 2" in said
        if answer.status_code == 200:
            assert "acme / sales spring/1" in said
            assert "by the partner" in said


async def test_logins_are_listed_with_both_doors(door: Door) -> None:
    await door.get("calls/x", api_secret="wrong")
    async with desk_at(door) as desk:
        await desk.log_in()
        said = words(await desk.open("/console/logins"))
        assert re.search(r"Console let in 198\.18\.", said)
        assert re.search(rf"API wrong secret \S+ {door.partner.api_key} 198\.18\.", said)


async def test_the_page_that_is_open_is_marked(door: Door) -> None:
    async with desk_at(door) as desk:
        await desk.log_in()
        for path in ("/console", "/console/partners", f"/console/partners/{door.partner.partner_id}"):
            here = re.findall(r'href="([^"]+)" aria-current="page"', (await desk.open(path)).text)
            assert here == ["/console" if path == "/console" else "/console/partners"]


async def test_what_is_over_is_forgotten(door: Door) -> None:
    async with everywhere(door.pool) as lent:
        await console_sessions.make_link(lent)
        await lent.execute(
            "UPDATE console_sessions SET link_until = now(), ends_at = CASE WHEN ends_at IS NOT NULL THEN now() END"
        )
        await console_sessions.make_link(lent)
        assert await lent.fetchval("SELECT count(*) FROM console_sessions") == 1
