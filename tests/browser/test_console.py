"""The console in a real browser: logged in by a link, open to everybody, and its buttons do what they say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect
from pydantic import SecretStr

from browser.host import Sites
from browser.test_embedding import LOOKS, STICKS_OUT, faults, height
from callwright import console_sessions, partners
from callwright.db import everywhere
from callwright.settings import Settings
from dashboards.test_console import undelivered
from dashboards.viewing import Screen, screen_of
from journey_house import PATIENCE_SECONDS, RECORDINGS, working
from judged import analysis
from local_server import serve
from partner_api import SECRET_KEY, Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = {
    "console": "/console",
    "console-partners": "/console/partners",
    "console-partner": "/console/partners/{number}",
    "console-failed": "/console/failed-calls",
    "console-nothing": "/console/failed-calls?code=recording_silent",
    "console-callbacks": "/console/callbacks?state=any",
    "console-engines": "/console/engines",
    "console-logins": "/console/logins",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def screen(door: Door) -> Screen:
    """Calls that failed and callbacks that did not arrive, of partners with names as they are."""
    made = await screen_of(door)
    others = [await door.for_another(("north", "sales")), await door.for_another()]
    async with everywhere(door.pool) as lent:
        for own, name in zip((made.door, *others), ("Acme Voice", "Telefonía Norte", "Zenith & Sons"), strict=True):
            await lent.execute("UPDATE partners SET name = $2 WHERE partner_id = $1", own.partner.partner_id, name)
        await partners.set_partner(lent, others[0].partner.partner_id, rate_limit=20, share=250)
        await partners.revoke_partner(lent, others[1].partner.partner_id)
    for _ in range(18):
        await others[0].get("calls/x", tenant_id="north")
    await others[1].get("calls/x")
    for number in range(12):
        await made.call(f"2026-11-24/a-rather-long-id-of-a-call-{number}", None)
    for number in range(3):
        await undelivered(made, f"call-{number}")
    await made.call("fine", analysis())
    return made


async def link(door: Door, places: Sites) -> str:
    """A link as `callwright console` prints it."""
    async with everywhere(door.pool) as lent:
        return f"{places.calls}/console/login?code={await console_sessions.make_link(lent)}"


@asynccontextmanager
async def logged_in(door: Door, places: Sites, *, width: int = 1440, scheme: str = "light") -> AsyncIterator[Page]:
    """A browser in which somebody has pressed the button of a link."""
    async with places.context(width=width, scheme=scheme) as context:
        page = await context.new_page()
        await page.goto(await link(door, places))
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        yield page


async def seen(page: Page, name: str, axe: str, pictures: Path | None, theme: str, width: int) -> None:
    """Look at a page: with axe-core, with rulers, and where pictures are wanted with a camera."""
    frame = page.main_frame
    assert await page.locator("h1").count() == 1
    assert await faults(frame, axe) == [], name
    if pictures is not None:
        await page.set_viewport_size({"width": width, "height": await height(frame)})
        await page.screenshot(path=pictures / f"{name}-{theme}-{width}.png")
    assert await frame.evaluate(STICKS_OUT) == [], name
    assert await frame.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


@pytest.mark.parametrize(("theme", "width"), LOOKS)
async def test_every_page_is_open_to_everybody(
    door: Door, places: Sites, screen: Screen, axe: str, pictures: Path | None, theme: str, width: int
) -> None:
    async with logged_in(door, places, width=width, scheme=theme) as page:
        for name, path in PAGES.items():
            await page.goto(places.calls + path.format(number=screen.door.partner.partner_id))
            await seen(page, name, axe, pictures, theme, width)
        await page.goto(f"{places.calls}/console/failed-calls")
        await page.get_by_label("Select all").check()
        await expect(page.get_by_text("12 selected")).to_be_visible()
        await page.goto(await link(door, places))
        await seen(page, "console-login", axe, pictures, theme, width)
        await page.goto(f"{places.calls}/console/login")
        await seen(page, "console-no-link", axe, pictures, theme, width)
    assert [said for said in places.complaints if "404" not in said] == [], "a browser asks for an icon"
    assert {url.split("/")[2] for url, _ in places.asked} == {places.calls[8:]}


async def test_a_retry_really_retries(
    door: Door, places: Sites, module_database_url: str, tmp_path: Path, axe: str, pictures: Path | None
) -> None:
    """A recording that was not there fails the call; once it is, the button brings the call to its end."""
    own = await door.for_another(("acme", "sales"))
    settings = Settings(
        database_url=SecretStr(module_database_url),
        secret_key=SecretStr(SECRET_KEY),
        data_dir=tmp_path,
        allow_networks=("127.0.0.0/8",),
    )
    async with serve() as recordings, working(settings), logged_in(door, places) as page:
        address = recordings.answer("/call.mp3", b"gone", status=404)
        record = a_record("again", call__recording_url=address, callback_url=None)
        assert (await own.post(a_batch(record))).status_code == 200
        failed = f"{places.calls}/console/failed-calls?partner={own.partner.partner_id}"
        wait = PATIENCE_SECONDS * 1000
        await page.goto(failed)
        while not await page.locator("tbody").get_by_text("recording_not_found").count():
            await page.wait_for_timeout(200)
            await page.reload()
        recordings.answer("/call.mp3", (RECORDINGS / "no-budget.mp3").read_bytes())
        await page.get_by_label("Select call again").check()
        await page.get_by_role("button", name="Retry selected").click()
        await expect(page.get_by_role("status")).to_contain_text("1 call is processed again.")
        await expect(page.get_by_role("status")).to_be_focused()
        await seen(page, "console-retried", axe, pictures, "light", 1440)
        await expect(page.get_by_text("No failed call")).to_be_visible()
        async with everywhere(door.pool) as lent:
            query = "SELECT state FROM calls WHERE partner_id = $1 AND call_id = 'again'"
            for _ in range(wait // 200):
                if (state := await lent.fetchval(query, own.partner.partner_id)) in ("completed", "failed"):
                    break
                await page.wait_for_timeout(200)
        assert state == "completed"


async def test_the_overview_moves_by_itself_until_the_session_ends(door: Door, places: Sites, screen: Screen) -> None:
    async with logged_in(door, places) as page:
        await page.evaluate("window.samePage = true")
        failed = page.locator("#to-failed")
        before = int(await failed.inner_text())
        await failed.focus()
        await screen.call("one-more", None)
        await expect(failed).to_have_text(str(before + 1), timeout=15_000)
        await expect(failed).to_be_focused()
        assert await page.evaluate("window.samePage")
        async with everywhere(door.pool) as lent:
            await console_sessions.end_all(lent)
        await expect(page.get_by_text("Run this on the machine")).to_be_visible(timeout=15_000)
    assert [said for said in places.complaints if "401" not in said and "404" not in said] == [], "or the icon's"


async def test_the_overview_says_when_it_gets_no_answer(door: Door, places: Sites) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=503)

    async def break_off(route: Route) -> None:
        await route.abort()

    async with logged_in(door, places) as page:
        stale = page.get_by_text("This page does not get an answer.")
        await expect(stale).to_be_hidden()
        for away in (refuse, break_off):
            await page.route("**/console/live", away)
            await expect(stale).to_be_visible(timeout=15_000)
            await page.unroute("**/console/live")
            await expect(stale).to_be_hidden(timeout=15_000)


async def test_by_keyboard_alone(door: Door, places: Sites, screen: Screen) -> None:
    async with places.context() as context:
        page = await context.new_page()
        await page.goto(await link(door, places))
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Log in")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.goto(f"{places.calls}/console/callbacks")
        resend = page.get_by_role("button", name="Resend selected")
        await expect(resend).to_be_disabled()
        await page.get_by_label("Select all").focus()
        await page.keyboard.press("Space")
        await expect(resend).to_be_enabled()
        box = page.get_by_label("Select callback").first
        await box.focus()
        await page.keyboard.press("Space")
        await expect(page.get_by_text("2 selected")).to_be_visible()
        await page.locator("summary").first.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".tries").first).to_contain_text("The receiver answered 502.")


async def test_logging_out(door: Door, places: Sites) -> None:
    async with logged_in(door, places) as page:
        [cookie] = await page.context.cookies()
        assert (cookie["name"], cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (
            *("__Host-callwright-console", True, True, "Strict"),
        )
        await page.get_by_role("button", name="Log out").click()
        await expect(page.get_by_text("Run this on the machine")).to_be_visible()
        assert await page.context.cookies() == []


async def test_nobody_frames_the_console(door: Door, places: Sites) -> None:
    async with logged_in(door, places) as page:
        for host in (places.crm, places.evil):
            await page.goto(host + places.frame(f"{places.calls}/console/login"))
            await page.wait_for_function("document.querySelector('iframe').contentDocument === null")
            assert page.frames[-1].url == "chrome-error://chromewebdata/"
