"""A call's page in a real browser: what is played, what follows it, what is jumped to, searched and corrected."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from browser.host import Sites, framed
from callwright import calls, db, results
from callwright.analysis import Chapter, Statement
from callwright.recordings.listening import Listening
from callwright.recordings.store import Store
from dashboards.spoken import LINES, conversation, spoken
from dashboards.viewing import Screen, screen_of
from judged import analysis, judged
from partner_api import Door
from submissions import submission

pytestmark = pytest.mark.asyncio(loop_scope="module")

TALK = conversation(LINES * 6, 1.0)
STARTS = [turn.start for turn in TALK.turns]
MADE = analysis(
    summary=(Chapter("Opening", "They greet.", (0, 1)), Chapter("Price", "They speak of money.", (9, 10))),
    quality=(judged("Opening", 4), judged("Closing", None, 10)),
    quality_score=40,
    intent_turns=(5, 11),
    talking_points=(Statement("They worry about the price.", (3,)),),
)
PATH = "/call-details/one%2Ftwo"
LOOKS = [("light", 1440), ("light", 390), ("dark", 1440), ("dark", 390)]
NOW = "document.querySelector('audio').currentTime"
STICKS_OUT = """[...document.querySelectorAll("main *, header *")].filter((element) =>
    element.getBoundingClientRect().right > innerWidth && !element.closest(".table, .tabs, .strip"))
    .map((one) => one.outerHTML)"""
"""What of a page is cut off at its right; tables, tabs and the row of conversations scroll by themselves."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def screen(door: Door, places: Sites, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Screen]:
    """Somebody with a call that was recorded as mu-law, which no page plays as it came, and calls beside it."""
    folder, scratch = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("scratch")
    door.app.state.listening = Listening(lambda: Store(str(folder)), scratch)
    made = await screen_of(door, origins=(places.crm,))
    await spoken(made, folder, "one/two", MADE, TALK, days_ago=2, customer_name="Asha Menon", agent_name="Ann Lee")
    for number in range(5):
        await made.call(f"before-{number}", analysis(), days_ago=5 + number)
    await made.call("failed", None, days_ago=4)
    yield made
    await door.app.state.listening.aclose()


@asynccontextmanager
async def opened(
    places: Sites, screen: Screen, path: str = PATH, *, width: int = 1440, **query: str
) -> AsyncIterator[Page]:
    """The page of the call, with its conversation shown and its sound loaded."""
    async with places.context(width=width) as context:
        page = await context.new_page()
        await page.goto(places.address(path, screen, **query) + "#conversations")
        await page.wait_for_function("() => document.querySelector('audio').readyState >= 1")
        yield page
        assert [said for said in places.complaints if "404" not in said and "422" not in said] == []


async def at(page: Page, seconds: float) -> None:
    """Wait until the sound is at a place, or up to two seconds behind it."""
    await page.wait_for_function(f"() => {NOW} >= {seconds - 0.06} && {NOW} < {seconds + 2}")


async def active(page: Page, turn: int) -> None:
    await expect(page.locator(f"#turn-{turn}")).to_have_attribute("aria-current", "true")
    await expect(page.locator(".turn[aria-current]")).to_have_count(1)


async def test_the_recording_plays_and_the_transcript_follows(places: Sites, screen: Screen) -> None:
    async with opened(places, screen) as page:
        assert await page.evaluate("document.querySelector('audio').duration") == pytest.approx(TALK.seconds, abs=0.2)
        await page.get_by_role("button", name="Play", exact=True).click()
        await page.wait_for_function(f"() => {NOW} > {STARTS[1]} + 0.1")
        await active(page, 1)
        await page.wait_for_function(f"() => {NOW} > {STARTS[2]} + 0.1")
        await active(page, 2)
        await page.get_by_role("button", name="Pause").click()
        stopped = await page.evaluate(NOW)
        clock = page.locator("[data-shows=clock]")
        await expect(clock).to_have_text(f"00:{int(stopped):02} / 00:{int(TALK.seconds):02}")
        await page.evaluate(f"document.querySelector('audio').currentTime = {STARTS[30]} + 0.2")
        await active(page, 30)
        await expect(page.locator("#turn-30")).to_be_in_viewport()
        assert await page.evaluate("document.querySelector('#turns').scrollTop") > 0


async def test_the_picture_has_both_speakers(places: Sites, screen: Screen) -> None:
    async with opened(places, screen) as page:
        canvases = page.locator("#waveform canvas")
        await expect(canvases.first).to_be_attached()
        assert await canvases.count() >= 4, "two speakers, each played and not"
        box = await page.locator("#waveform").bounding_box()
        assert box is not None
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
        await page.wait_for_function(f"() => Math.abs({NOW} - {TALK.seconds} / 2) < 0.5")
        slider = page.get_by_role("slider", name="Place in the recording")
        said = f"00:{int(TALK.seconds / 2):02} of 00:{int(TALK.seconds):02}"
        await expect(slider).to_have_attribute("aria-valuetext", said)


async def test_a_turn_that_is_clicked_plays(places: Sites, screen: Screen) -> None:
    async with opened(places, screen) as page:
        await page.locator("#turn-4 .words").click()
        await at(page, STARTS[4])
        assert not await page.evaluate("document.querySelector('audio').paused")
        await active(page, 4)
        await page.locator("#turn-2").get_by_role("button", name="Play from").click()
        await at(page, STARTS[2])


async def test_the_transcript_lets_go_of_who_scrolls_and_takes_up_again(places: Sites, screen: Screen) -> None:
    async with opened(places, screen) as page:
        turns, follow = page.locator("#turns"), page.get_by_role("button", name="Follow the recording")
        await page.evaluate(f"document.querySelector('audio').currentTime = {STARTS[3]} + 0.1")
        await active(page, 3)
        await expect(follow).to_be_hidden()
        await turns.hover()
        await page.mouse.wheel(0, 2000)
        await expect(follow).to_be_visible()
        await page.wait_for_function("() => document.querySelector('#turns').scrollTop > 300")
        await page.evaluate(f"document.querySelector('audio').currentTime = {STARTS[5]} + 0.1")
        await active(page, 5)
        assert await page.evaluate("document.querySelector('#turns').scrollTop") > 300, (
            "the reader stays where it reads"
        )
        await follow.click()
        await expect(page.locator("#turn-5")).to_be_in_viewport()
        await expect(follow).to_be_hidden()


async def test_evidence_chapters_and_other_calls_lead_to_the_moment(places: Sites, screen: Screen) -> None:
    async with opened(places, screen) as page:
        await page.get_by_role("tab", name="Lead details").click()
        await page.locator("#lead-intent .moment").click()
        await expect(page.get_by_role("tab", name="Conversations")).to_have_attribute("aria-selected", "true")
        await at(page, STARTS[5])
        for turn in (5, 11):
            await expect(page.locator(f"#turn-{turn}")).to_have_class("turn customer evidence")
        await page.locator("#summary .moment").nth(1).click()
        await at(page, STARTS[9])
        await page.locator("#marks").get_by_role("button", name="Opening").click()
        await at(page, STARTS[0])
        await page.get_by_role("tab", name="Quality").click()
        await page.locator("#quality .moment").first.click()
        await at(page, STARTS[0])
    async with opened(places, screen, turn="7") as page:
        await page.wait_for_function(f"() => Math.abs({NOW} - {STARTS[7]}) < 0.1")
        assert await page.evaluate("document.querySelector('audio').paused"), "nothing sounds unasked"
        await expect(page.locator("#turn-7")).to_be_in_viewport()


async def test_keys(places: Sites, screen: Screen) -> None:
    async with opened(places, screen) as page:
        audio = "document.querySelector('audio')"
        await page.get_by_role("heading", name="Transcript").click()
        await page.keyboard.press("Space")
        await page.wait_for_function(f"() => !{audio}.paused && {NOW} > 0.1")
        await page.keyboard.press("k")
        await page.wait_for_function(f"() => {audio}.paused")
        await page.evaluate(f"{audio}.currentTime = 20")
        for key, place in (("l", 30), ("j", 20), ("ArrowLeft", 15), ("ArrowRight", 20)):
            await page.keyboard.press(key)
            await page.wait_for_function(f"() => Math.abs({NOW} - {place}) < 0.2")
        await page.evaluate(f"{audio}.currentTime = {STARTS[4]} + 0.3")
        await page.keyboard.press("Shift+ArrowRight")
        await page.wait_for_function(f"() => Math.abs({NOW} - {STARTS[5]}) < 0.1")
        await page.keyboard.press("Shift+ArrowLeft")
        await page.wait_for_function(f"() => Math.abs({NOW} - {STARTS[4]}) < 0.1")
        for key, rate in (("]", 1.25), ("]", 1.5), ("[", 1.25)):
            await page.keyboard.press(key)
            assert await page.evaluate(f"{audio}.playbackRate") == rate
        assert await page.get_by_label("Speed").input_value() == "1.25"
        await page.get_by_label("Speed").select_option("2")
        assert await page.evaluate(f"{audio}.playbackRate") == 2
        await page.get_by_role("heading", name="Transcript").click()
        await page.keyboard.press("/")
        await expect(page.get_by_role("searchbox")).to_be_focused()
        await page.keyboard.type(" kj")
        assert await page.evaluate(f"{audio}.paused"), "what is typed is no command"


async def test_words_are_searched(places: Sites, screen: Screen) -> None:
    async with opened(places, screen) as page:
        box, found = page.get_by_role("searchbox"), page.locator("[data-shows=found]")
        await box.fill("OFFER")
        await expect(found).to_have_text("1 of 6")
        await expect(page.locator("mark")).to_have_count(6)
        await expect(page.locator("#turn-5 mark")).to_have_attribute("aria-current", "true")
        await box.press("Enter")
        await expect(found).to_have_text("2 of 6")
        await expect(page.locator("#turn-11 mark")).to_be_in_viewport()
        await box.press("Shift+Enter")
        await page.get_by_role("button", name="Previous match").click()
        await expect(found).to_have_text("6 of 6")
        await expect(page.locator("#turn-35 mark")).to_be_in_viewport()
        await box.fill("no such words")
        await expect(found).to_have_text("0 of 0")
        await expect(page.locator("mark")).to_have_count(0)
        await expect(page.get_by_role("button", name="Next match")).to_be_disabled()
        await box.press("Escape")
        await expect(found).to_have_text("")


async def test_a_correction_is_kept_and_shown_with_who_and_when(places: Sites, screen: Screen) -> None:
    async with opened(places, screen) as page:
        turn = page.locator("#turn-3")
        await turn.hover()
        await turn.get_by_role("button", name="Correct").click()
        await expect(turn.get_by_label("What was said")).to_be_focused()
        await turn.get_by_label("What was said").fill("The price worries me.")
        await turn.get_by_label("Your name").fill("Mia <i>K</i>")
        await turn.get_by_role("button", name="Save").press("Enter")
        await expect(turn.locator(".words")).to_have_text("The price worries me.")
        await expect(turn.locator(".corrected")).to_contain_text("Corrected by Mia <i>K</i>, ")
        await expect(turn.locator(".corrected q")).to_have_text(LINES[3][1])
        await expect(page.locator("#said")).to_have_text("Saved.")
        await expect(turn.get_by_role("button", name="Correct")).to_be_focused()
        await page.get_by_role("tab", name="Insights").click()
        await page.get_by_text("Correct the intent").click()
        intent = page.locator("#intent")
        assert await intent.get_by_label("Your name").input_value() == "Mia <i>K</i>", "it is asked for once"
        await intent.get_by_label("What the customer intends").select_option("NOT_QUALIFIED")
        await intent.get_by_role("button", name="Save").click()
        await expect(intent.locator(".badge")).to_have_text("Not qualified")
        await page.get_by_role("tab", name="Quality").click()
        score = page.locator("#quality > ul > li").nth(1)
        await score.locator("summary").click()
        await score.get_by_label("Points").fill("11")
        await score.locator("form").evaluate("form => { form.noValidate = true }")
        await score.get_by_role("button", name="Save").click()
        await expect(score.get_by_role("alert")).to_have_text("It must be a whole number from 0 to 10.")
        await score.get_by_label("Points").fill("10")
        await score.get_by_role("button", name="Save").click()
        await expect(score.locator(".corrected")).to_contain_text("not assessed")
        await expect(page.get_by_role("img", name="Quality of this call: 70 of 100")).to_be_visible()
        await page.reload()
        await expect(page.locator("#turn-3 .words")).to_have_text("The price worries me.")
        assert await page.evaluate("localStorage.getItem('callwright-name')") == "Mia <i>K</i>"
        await page.locator("#turn-3").hover()
        await page.locator("#turn-3").get_by_role("button", name="Correct").click()
        await page.get_by_role("button", name="Take back the text").click()
        await expect(page.locator("#turn-3 .words")).to_have_text(LINES[3][1])


async def test_a_recording_goes_on_with_a_fresh_token(places: Sites, screen: Screen) -> None:
    """The address of the sound holds the token that opened the page; once that has expired, the next one is taken."""
    async with places.context() as context:
        page = await context.new_page()
        await page.goto(places.crm + places.frame(places.address(PATH, screen) + "#conversations"))
        frame = await framed(page)
        await frame.wait_for_function("() => document.querySelector('audio').readyState >= 1")
        await frame.evaluate(f"document.querySelector('audio').currentTime = {STARTS[6]}")
        stale = (
            "audio => { const url = new URL(audio.src); url.searchParams.set('token', 'stale'); audio.src = url.href }"
        )
        say = "(token) => window.frames[0].postMessage({type: 'callwright:token', token}, '*')"
        await frame.locator("audio").evaluate(stale)
        await frame.wait_for_function("() => document.querySelector('audio').error")
        await page.evaluate(say, screen.token)
        await frame.wait_for_function("() => document.querySelector('audio').readyState >= 1")
        assert not await frame.evaluate("document.querySelector('audio').error")


async def test_a_call_under_way_opens_by_itself(places: Sites, screen: Screen) -> None:
    scope = await screen.scope()
    await calls.accept(screen.door.pool, scope, [submission("fresh", customer_name="Newcomer")])
    async with places.context() as context:
        page = await context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        async with page.expect_response("**/call-changes/fresh?*") as told:
            answer = await page.goto(places.address("/call-details/fresh", screen))
        assert answer is not None
        assert answer.status == 409
        assert (await told.value).headers["content-type"].startswith("text/event-stream")
        await expect(page.get_by_role("heading")).to_have_text("This call is not processed yet")
        async with db.transaction(screen.door.pool, scope.partner_id) as connection:
            call = await calls.begin_step(connection, scope.partner_id, "fresh", "received")
            assert call is not None
            await calls.move(connection, call.partner_id, [(call, "fetched")])
        await expect(page.get_by_role("status")).to_contain_text("being put into words", timeout=15_000)
        assert sum("/call-state/" in each for each in asked) == 1, "it asks when it is told, not now and then"
        async with db.transaction(screen.door.pool, scope.partner_id) as connection:
            call = await calls.begin_step(connection, scope.partner_id, "fresh", "fetched")
            assert call is not None
            await calls.move(connection, call.partner_id, [(call, "completed")])
            await results.save_transcript(connection, scope.partner_id, "fresh", TALK)
            await results.save_analysis(connection, scope.partner_id, "fresh", MADE)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Newcomer", timeout=15_000)


@pytest.mark.parametrize(("theme", "width"), LOOKS)
async def test_every_part_is_open_to_everybody(
    places: Sites, screen: Screen, axe: str, pictures: Path | None, theme: str, width: int
) -> None:
    async with opened(places, screen, theme=theme, width=width) as page:
        for tab in ("Lead details", "Conversations", "Insights", "Quality"):
            await page.get_by_role("tab", name=tab).click()
            await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
            await page.evaluate(axe)
            found = await page.evaluate(
                "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
                ".map((one) => `${one.id}: ${one.nodes.map((node) => node.html + node.failureSummary).join(' | ')}`)"
            )
            places.complaints[:] = [
                said for said in places.complaints if "Applying inline style" not in said
            ]  # axe's own
            assert found == []
            assert await page.evaluate(STICKS_OUT) == []
            if pictures is not None:
                await page.screenshot(
                    path=pictures / f"call-{tab.split()[0].lower()}-{theme}-{width}.png", full_page=True
                )
