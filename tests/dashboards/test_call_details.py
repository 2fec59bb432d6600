"""A call's page as it is served: the customer, the call with its evidence, and what people correct."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from callwright import calls, db, results
from callwright.analysis import Analysis, Chapter
from callwright.dashboards import assets
from callwright.dashboards.live import Changes
from callwright.db import Connection
from callwright.db.reads import Reads
from callwright.reports.changes import CallOf
from dashboards.spoken import LINES, conversation
from dashboards.test_pages import words
from dashboards.viewing import Screen, screen_of, token_of
from judged import analysis, judged
from partner_api import Door
from submissions import submission

pytestmark = pytest.mark.asyncio(loop_scope="module")

MADE = analysis(
    summary=(Chapter("Opening", "They greet.", (0, 1)), Chapter("Price", "They speak of money.", (3, 4))),
    quality=(judged("Opening", 4), judged("Closing", None, 10)),
    quality_score=40,
    intent_turns=(5,),
)
PATH = "/call-details/one%2Ftwo"
FORM = "/call-corrections/one%2Ftwo"


async def with_call(door: Door, made: Analysis = MADE, **about: Any) -> Screen:
    """Somebody with the call `one/two`, in words; `about` by the names of `Transcript`."""
    screen = await screen_of(door)
    await screen.call("one/two", made, customer_name="Asha", agent_name="Ann", customer_email="asha@example.com")
    scope = await screen.scope()
    async with db.transaction(door.pool, scope.partner_id) as connection:
        await results.save_transcript(connection, scope.partner_id, "one/two", conversation(LINES, **about))
    return screen


async def say(screen: Screen, *, token: str | None = None, **fields: str) -> httpx.Response:
    """Send a form as the page does; underscores in names stand for hyphens."""
    told = {name.replace("_", "-"): value for name, value in fields.items()}
    return await screen.door.client.post(
        FORM,
        content=urlencode(told),
        headers={
            "authorization": f"Bearer {token or screen.token}",
            "content-type": "application/x-www-form-urlencoded",
        },
    )


def part(answer: httpx.Response) -> str:
    """What a part of a page says."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


async def test_the_page_shows_the_customer_and_the_whole_call(door: Door) -> None:
    screen = await with_call(door)
    await screen.call("later", analysis(quality_score=60, intent="NEUTRAL"), days_ago=0, agent_name="Bob", agent_id="b")
    answer = await screen.open(PATH)
    told = words(answer)
    assert answer.status_code == 200
    for said in (
        "Asha", "+12025550123 · asha@example.com", "Owner Bob who had the latest call",
        "Conversation time 20 min 00 s over 2 calls", "Talk to listen 60 : 40", "of 2 judged calls",
        "Good morning, this is Ann.", "Opening", "They speak of money.", "Rubric inside-sales/0, judged by rules.",
    ):  # fmt: skip
        assert said in told, said
    assert "Buying intent Neutral" in told, "of the latest call"
    assert "Intent Interested 74 of 100" in told, "of this one"
    assert told.count("Play from 00:05") >= 2, "a chapter and its mark lead to where it begins"
    assert 'aria-current="page"' in answer.text
    [other] = re.findall(r'<li><a href="(/call-details/later[^"]*)"', answer.text)
    assert unescape(other).endswith("#conversations")


async def test_what_was_not_assessed_is_none(door: Door) -> None:
    silent = analysis(
        intent=None, intent_score=None, intent_justification=None, quality=(judged("Closing", None, 10),),
        quality_score=None, draft=True, notes=("The recording holds 10 s of a call of 600 s.",),
    )  # fmt: skip
    screen = await with_call(door, silent, quality="draft", speakers="single", coverage=0.4)
    told = words(await screen.open(PATH))
    for said in (
        "This transcript is a draft.", "(test)", "Nobody knows who speaks.", "It covers 40 % of what is spoken.",
        "The recording holds 10 s of a call of 600 s", "No parameter was assessed.",
        "Closing Not Applicable — not assessed",
        "No call of this customer shows an intent yet.",
    ):  # fmt: skip
        assert said.replace(" %", "\N{NARROW NO-BREAK SPACE}%") in told or said in told, said


async def test_the_state_of_a_call_under_way_moves_until_there_is_something_to_show(door: Door) -> None:
    screen = await screen_of(door)
    scope = await screen.scope()
    await calls.accept(door.pool, scope, [submission("fresh")])
    waiting = await screen.open("/call-details/fresh")
    assert waiting.status_code == 409
    assert 'hx-trigger="callwright:changed"' in waiting.text
    state = await screen.open("/call-state/fresh")
    assert (state.status_code, "hx-refresh" in state.headers) == (200, False)
    assert "Waiting It waits for its recording to be fetched." in part(state)
    [address] = re.findall(r'data-changes="([^"]*)"', state.text)
    assert address.startswith("/call-changes/fresh?")
    assert address.endswith("shown=received")
    async with db.transaction(door.pool, scope.partner_id) as connection:
        call = await calls.begin_step(connection, scope.partner_id, "fresh", "received")
        assert call is not None
        await calls.move(connection, call.partner_id, [(call, "completed")])
    ready = await screen.open("/call-state/fresh")
    assert ready.headers["hx-refresh"] == "true"


async def test_who_waits_for_a_call_is_told_each_state_that_it_comes_to(door: Door) -> None:
    screen = await screen_of(door)
    scope = await screen.scope()
    await calls.accept(door.pool, scope, [submission("fresh"), submission("calm")])
    told = Changes(Reads(door.pool), pause=0.05)
    fresh, calm = (told.watch_call(CallOf(scope, name), 60, "received") for name in ("fresh", "calm"))
    late = told.watch_call(CallOf(scope, "fresh"), 60, "an older state")
    elsewhere = told.watch_call(CallOf(replace(scope, subtenant_no=scope.subtenant_no + 1), "fresh"), 1, "received")
    for each in (fresh, calm, late, elsewhere):
        assert await anext(each) == b"retry: 5000\n\n"
    silent = asyncio.ensure_future(anext(calm))
    async with asyncio.timeout(20):
        assert await anext(late) == b"event: change\ndata: received\n\n", "what came since the page was made"
        for state in ("fetched", "transcribed"):
            async with db.transaction(door.pool, scope.partner_id) as connection:
                call = await calls.begin_step(connection, scope.partner_id, "fresh", (await one_state(connection)))
                assert call is not None
                await calls.move(connection, call.partner_id, [(call, state)])
            assert await anext(fresh) == f"event: change\ndata: {state}\n\n".encode()
        assert [part async for part in elsewhere] == [b":\n\n"], "no call of theirs, and the time is up"
    assert not silent.done()
    await told.close()
    for each in (fresh, late):
        await each.aclose()
    with pytest.raises(StopAsyncIteration):
        await silent


async def one_state(connection: Connection) -> calls.State:
    state: calls.State = await connection.fetchval("SELECT state FROM calls WHERE call_id = 'fresh'")
    return state


async def test_who_waits_for_calls_takes_the_places_of_viewers(door: Door) -> None:
    screen = await screen_of(door)
    scope = await screen.scope()
    await calls.accept(door.pool, scope, [submission("fresh")])
    assert (await screen.open("/call-changes/unknown")).status_code == 404
    told, kept = Changes(Reads(door.pool), most=4), door.app.state.changes
    waiting = [told.watch_call(CallOf(scope, "fresh"), 60), told.watch(scope, 60)]
    for each in waiting:
        await anext(each)
    door.app.state.changes = told
    answer = await screen.open("/call-changes/fresh", shown="received")
    door.app.state.changes = kept
    assert (answer.status_code, "Too many pages are open" in answer.text) == (503, True)
    for each in waiting:
        await each.aclose()
    assert not told.full(scope)
    await told.close()


@pytest.mark.parametrize(
    ("language", "told"), [("hi", ' lang="hi"'), ("en", ""), (None, ""), ("english", ""), ('x" onload="', "")]
)
async def test_words_are_read_out_in_their_language(door: Door, language: str | None, told: str) -> None:
    page = (await (await with_call(door, language=language)).open(PATH)).text
    assert f'<p class="words" dir="auto"{told}>{LINES[0][1]}</p>' in page


async def test_a_long_history_of_conversations_comes_in_parts(door: Door) -> None:
    screen = await screen_of(door)
    for number in range(25):
        await screen.call(f"call-{number:02}", analysis(), days_ago=30 - number)
    page = (await screen.open("/call-details/call-24")).text
    [link] = re.findall(r'hx-get="(/call-conversations/[^"]*)"', page)
    assert len(re.findall(r'<li><a href="/call-details/', page)) == 20
    rest = await screen.door.client.get(unescape(link))
    assert re.findall(r'<li><a href="/call-details/(call-\d\d)', rest.text) == [
        f"call-{n:02}" for n in range(4, -1, -1)
    ]
    assert "call-conversations" not in rest.text
    for ended in ("yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", ""):
        assert (await screen.open("/call-conversations/call-24", ended=ended, before="x")).status_code == 404


async def test_a_turn_is_corrected_with_who_and_when(door: Door) -> None:
    screen = await with_call(door)
    form = await screen.open(FORM, turn="1")
    assert (form.status_code, "Yes. We lose requests" in form.text) == (200, True)
    assert 'value="customer" checked' in form.text
    was = {"speaker_was": "customer", "text_was": LINES[1][1]}
    saved = await say(
        screen, about="turn", subject="1", speaker="agent", text="Yes. We lose <b>mails</b>.", by="Ann Lee", **was
    )
    assert saved.status_code == 200
    today = f"{datetime.now(UTC):%-d %b %Y}"
    assert f"Corrected by Ann Lee, {today}" in part(saved)
    assert "The machine said: Customer" in part(saved)
    assert f"The machine said: {LINES[1][1]}" in part(saved)
    assert "<b>mails" not in saved.text, "words are text"
    assert 'id="said" role="status" hx-swap-oob="true"' in saved.text
    told = words(await screen.open(PATH))
    assert "Yes. We lose <b>mails</b>." in told
    assert "All corrections of this call (2)" in told
    back = await say(screen, about="turn", subject="1", take_back="text", by="Bob")
    assert LINES[1][1] in part(back)
    assert "The machine said: Yes" not in part(back)
    again = await screen.door.client.get(FORM, params={"token": screen.token, "turn": "1", "as": "turn"})
    assert "<form" not in again.text
    assert "The machine said: Customer" in part(again)


async def test_the_intent_and_a_score_are_corrected(door: Door) -> None:
    screen = await with_call(door)
    saved = await say(screen, about="intent", subject="", value="NOT_QUALIFIED", by="Ann")
    assert "Intent Not qualified" in part(saved)
    assert 'id="lead-intent" hx-swap-oob="true"' in saved.text, "what stands of it elsewhere on the page follows"
    assert part(saved).count("The machine said: Interested") == 2
    scored = await say(screen, about="score", subject="Closing", value="10", by="Ann")
    assert "Closing Done 10 / 10" in part(scored)
    assert "The machine said: not assessed" in part(scored)
    assert "The machine said 40." in part(scored)
    assert "Quality of this call: 70 of 100" in scored.text
    await say(screen, about="score", subject="Closing", take_back="score", by="Ann")
    assert "All corrections of this call (3)" in words(await screen.open(PATH))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"about": "intent", "value": "MAYBE", "by": "Ann"}, "It must be one of interested"),
        ({"about": "intent", "value": "NEUTRAL", "by": " "}, "Your name should not be empty"),
        ({"about": "score", "subject": "Closing", "value": "11", "by": "Ann"}, "It must be a whole number from 0 to"),
        (
            {"about": "turn", "subject": "0", "text": LINES[0][1], "text_was": LINES[0][1], "speaker": "agent",
             "speaker_was": "agent", "by": "Ann"},
            "It is what it says already",
        ),
        (
            {"about": "turn", "subject": "0", "text": "", "text_was": "x", "speaker": "agent",
             "speaker_was": "customer", "by": "Ann"},
            "It is what it says already",
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_with_the_reason_and_what_was_typed(
    door: Door, fields: dict[str, str], reason: str
) -> None:
    screen = await with_call(door)
    answer = await say(screen, **fields)
    assert (answer.status_code, reason in part(answer)) == (422, True)
    assert 'role="alert"' in answer.text
    if fields["by"].strip():
        assert 'value="Ann"' in answer.text
    assert "All corrections" not in words(await screen.open(PATH)), "all of a form or nothing"


async def test_a_form_counts_only_with_the_token_in_its_header(door: Door) -> None:
    """No other site can send that header, and there is no cookie that a browser would send by itself."""
    screen = await with_call(door)
    body = urlencode({"about": "intent", "subject": "", "value": "NEUTRAL", "by": "Eve"})
    sent = {"content-type": "application/x-www-form-urlencoded"}
    answer = await door.client.post(FORM, params={"token": screen.token}, content=body, headers=sent)
    assert answer.status_code == 401
    colleague = await token_of(screen.door, sub_tenant_id="support")
    for token, status in ((colleague, 404), ("garbage", 401), (screen.token[:-3] + "abc", 401)):
        answer = await say(screen, token=token, about="intent", subject="", value="NEUTRAL", by="Eve")
        assert answer.status_code == status
    assert "Eve" not in words(await screen.open(PATH))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"about=everything", 422),
        (b"\xff\xfe", 422),
        (b"about=intent&" + b"&".join(b"a%d=1" % number for number in range(50)), 422),
        (b"about=intent&value=" + b"x" * 70_000, 413),
        (b"about=turn&subject=99&by=Ann&text=x", 404),
    ],
)
async def test_a_form_that_is_none_of_ours_changes_nothing(door: Door, body: bytes, status: int) -> None:
    screen = await with_call(door)
    answer = await door.client.post(FORM, content=body, headers={"authorization": f"Bearer {screen.token}"})
    assert answer.status_code == status
    assert (await screen.open(FORM, turn="99")).status_code == 404


@pytest.mark.parametrize("about", ["intent", "score"])
async def test_what_was_not_judged_yet_is_not_corrected(door: Door, about: str) -> None:
    screen = await screen_of(door)
    await calls.accept(door.pool, await screen.scope(), [submission("one/two")])
    answer = await say(screen, about=about, subject="", value="1", by="Ann")
    assert (answer.status_code, "This call has not been judged yet." in words(answer)) == (409, True)


async def test_the_first_page_of_a_long_call_is_small(door: Door) -> None:
    """An hour and a half of talk with all that it loads, but for the sound."""
    lines = [(LINES[n % 6][0], f"{LINES[n % 6][1]} {'%x' % (n**7 * 7919)}") for n in range(900)]
    screen = await screen_of(door)
    await screen.call("long", MADE)
    scope = await screen.scope()
    async with db.transaction(door.pool, scope.partner_id) as connection:
        await results.save_transcript(connection, scope.partner_id, "long", conversation(lines, 5.0))
    page = await screen.open("/call-details/long")
    bundles = [assets.bundle_of(entry) for entry in ("page", "call")]
    loaded = {name for bundle in bundles for name in (bundle.script, *bundle.styles)}
    assert all(name in page.text for name in loaded)
    others = ("insights-", "console-")  # the rest is imported by these: a page waits for that, too
    files = [each for name, each in assets._contents().items() if "gzip" in each and not name.startswith(others)]
    assert len(files) >= len(loaded) >= 4
    assert page.headers["content-encoding"] == "gzip"
    assert len(page.content) > 400_000
    assert page.num_bytes_downloaded + sum(len(each["gzip"]) for each in files) < 200_000
