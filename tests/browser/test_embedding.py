"""The pages inside a page of the partner's, in a real browser: seen, renewed, refused, and open to everybody."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Error, Frame, Page, Route, expect

from browser.host import CALLS, Sites, framed
from callwright import db, token_keys
from callwright.sealing import Sealer
from callwright.tokens import LIFE, sign
from dashboards.viewing import Screen, screen_of
from docs.pages import ROOT, blocks
from judged import analysis
from partner_api import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = {
    "gallery": "/gallery",
    "insights": "/view-insights",
    "call": "/call-details/call-1",
    "failed": "/call-details/failed",
    "unknown": "/call-details/x",
}
LOOKS = [("light", 1440), ("light", 390), ("dark", 1440), ("dark", 390)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def screen(door: Door, places: Sites) -> Screen:
    """Somebody of a partner whose pages may frame, with calls to look at."""
    made = await screen_of(door, origins=(places.crm,))
    for number in range(1, 24):
        await made.call(f"call-{number}", analysis(), days_ago=number, customer_name="Jo Smith")
    for number in range(10):
        await made.call(f"before-{number}", analysis(), days_ago=31 + number)
    await made.call("failed", None)
    return made


STICKS_OUT = """[...document.querySelectorAll("main *, header *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth)
    .filter((one) => !one.closest(".table, .tabs, .strip, .console-bar nav"))
    .map((one) => one.outerHTML)"""
"""What of a page is cut off at its right; tables, rows of tabs and of calls scroll by themselves."""


async def photograph(page: Page, frame: Frame, to: Path, width: int) -> None:
    """Take a picture of all of a page, inside the page that frames it."""
    tall = await height(frame)
    await page.set_viewport_size({"width": width, "height": tall})
    await frame.wait_for_function("(tall) => innerHeight === tall", arg=tall)
    await page.screenshot(path=to)


async def height(frame: Frame) -> int:
    """Of a whole page, in pixels."""
    pixels: int = await frame.evaluate("Math.max(document.documentElement.scrollHeight, 900)")
    return pixels


async def token_with(screen: Screen, left: timedelta) -> str:
    """A token of ours with so much of its time left."""
    async with db.everywhere(screen.door.pool) as lent:
        key, _ = await token_keys.read(lent, Sealer(bytes(32)))
    assert key is not None
    return sign(key, screen.door.partner.partner_id, "acme", "sales", at=datetime.now(UTC) - LIFE + left)


async def faults(frame: Frame, axe: str) -> list[str]:
    """What axe-core finds wrong with a page."""
    await frame.evaluate(axe)
    found = await frame.evaluate(
        "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
        ".map((one) => `${one.id}: ${one.nodes.map((node) => node.html + ' ' + node.failureSummary).join(' | ')}`)"
    )
    return [str(each) for each in found]


@pytest.mark.parametrize(("theme", "width"), LOOKS)
async def test_every_page_is_seen_inside_the_partners(
    places: Sites, screen: Screen, axe: str, pictures: Path | None, theme: str, width: int
) -> None:
    async with places.context(width=width) as context:
        page = await context.new_page()
        for name, path in PAGES.items():
            await page.set_viewport_size({"width": width, "height": 900})
            await page.goto(places.crm + places.frame(places.address(path, screen, theme=theme)))
            frame = await framed(page)
            assert await frame.locator("h1").count() == 1
            assert await faults(frame, axe) == []
            if pictures is not None:
                await photograph(page, frame, pictures / f"{name}-{theme}-{width}.png", width)
            assert await frame.evaluate(STICKS_OUT) == []
            assert await frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
        expected = ("404", "409")  # an unknown call, and one that failed
        assert [said for said in places.complaints if not any(each in said for each in expected)] == []


async def test_a_theme_is_the_browsers_unless_the_address_says_one(places: Sites, screen: Screen) -> None:
    grounds = []
    for scheme, query in (("dark", {}), ("light", {"theme": "dark"}), ("dark", {"theme": "light"}), ("light", {})):
        async with places.context(scheme=scheme) as context:
            page = await context.new_page()
            await page.goto(places.address("/view-insights", screen, **query))
            grounds.append(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] == grounds[1] != grounds[2] == grounds[3]


async def test_a_page_without_leave_frames_nothing(places: Sites, screen: Screen) -> None:
    addresses = [places.address(path, screen) for path in ("/view-insights", "/call-details/call-1")]
    async with places.context() as context:
        page = await context.new_page()
        for address in (*addresses, f"{places.calls}/view-insights?token=nothing"):
            places.complaints.clear()
            await page.goto(places.evil + places.frame(address))
            frame = await framed(page)
            assert frame.url == "chrome-error://chromewebdata/"
            assert any("frame-ancestors" in said for said in places.complaints)


async def test_no_cookie_is_needed_and_the_token_goes_nowhere(places: Sites, screen: Screen) -> None:
    async with places.context() as context:
        page = await context.new_page()
        await page.goto(places.crm + places.frame(places.address("/view-insights", screen)))
        frame = await framed(page)
        await frame.evaluate("document.cookie = 'probe=1; SameSite=None; Secure'")
        assert await frame.evaluate("document.cookie") == "", "third-party cookies are blocked here"
        await frame.get_by_role("link", name="90 days").click()
        await expect(frame.get_by_text("Total calls")).to_be_visible()
        await expect(frame.locator("[aria-current]")).to_have_text("90 days")
        assert await context.cookies() == []
        ours = [(url, headers) for url, headers in places.asked if url.startswith(places.calls)]
        assert len(ours) >= 4
        assert {url.split("/")[2] for url, _ in places.asked} == {places.calls[8:], places.crm[8:]}
        for url, headers in ours:
            assert screen.token not in headers.get("referer", "")
            assert ("token=" in url) == ("/view-insights" in url), "scripts and styles are asked for without it"
        for storage in ("sessionStorage", "localStorage"):
            with pytest.raises(Error, match="Access is denied"):
                await frame.evaluate(f"window.{storage}.length")


def host_script(places: Sites) -> str:
    """The script that the documentation gives to partners, for this test's address."""
    [block] = blocks(ROOT / "docs" / "dashboards.md", "html")
    assert "https://calls.example.com" in block.body
    return block.body.replace("https://calls.example.com", places.calls)


async def test_a_page_asks_for_a_fresh_token_and_goes_on_with_it(places: Sites, screen: Screen) -> None:
    old = await token_with(screen, timedelta(minutes=9))
    fresh = screen.token
    async with places.context() as context:
        page = await context.new_page()
        places.tokens(old)
        path = places.around(host_script(places))
        await page.goto(places.crm + path)
        frame = await framed(page)
        await expect(frame.get_by_text("Total calls")).to_be_visible()
        await frame.evaluate("window.sameDocument = true")
        places.tokens(fresh)
        await frame.evaluate("parent.postMessage({type: 'callwright:token-wanted'}, '*')")
        await frame.wait_for_function("(fresh) => location.href.includes(fresh)", arg=fresh)
        assert await frame.evaluate("window.sameDocument"), "nothing was loaded again"
        links = await frame.eval_on_selector_all("a[href^='/']", "links => links.map(link => link.href)")
        assert links
        assert all(fresh in link and old not in link for link in links)
        async with page.expect_response(lambda answer: "days=7" in answer.url) as answered:
            await frame.get_by_role("link", name="7 days").click()
        assert (await answered.value).status == 200


async def test_a_page_asks_by_itself_before_its_token_ends(places: Sites, screen: Screen) -> None:
    places.tokens(screen.token)
    old = await token_with(screen, timedelta(minutes=9))
    script = host_script(places).replace("token=${await freshToken()}", f"token={old}")
    assert old in script
    async with places.context() as context:
        page = await context.new_page()
        await page.goto(places.crm + places.around(script))
        frame = await framed(page)
        await frame.wait_for_function("(fresh) => location.href.includes(fresh)", arg=screen.token)


async def test_a_page_that_has_expired_is_renewed(places: Sites, screen: Screen) -> None:
    places.tokens(screen.token)
    for dead in (await token_with(screen, timedelta(seconds=-1)), "garbage"):
        script = host_script(places).replace("token=${await freshToken()}", f"token={dead}")
        async with places.context() as context:
            page = await context.new_page()
            await page.goto(places.crm + places.around(script))
            frame = await framed(page)
            await expect(frame.get_by_text("Total calls")).to_be_visible()


async def test_a_token_counts_only_from_a_parent_that_is_registered(places: Sites, screen: Screen) -> None:
    other = (await screen_of(screen.door)).token
    say = "(data) => window.frames[0].postMessage(data, '*')"
    async with places.context() as context:
        page = await context.new_page()
        await page.goto(places.crm + places.frame(places.address("/view-insights", screen)))
        frame = await framed(page)
        # Messages arrive in the order in which they are sent: the last one shows that none before it was heeded.
        await frame.evaluate("(token) => postMessage({type: 'callwright:token', token}, '*')", other)
        for wrong in ("x", "a.b.c d", 7, None, f"{other}&theme=dark", [other], "x" * 20_000):
            await page.evaluate(say, {"type": "callwright:token", "token": wrong})
        for message in (other, {"token": other}, {"type": "token", "token": other}, None):
            await page.evaluate(say, message)
        assert other not in frame.url
        fresh = await token_with(screen, timedelta(hours=23))
        await page.evaluate(say, {"type": "callwright:token", "token": fresh})
        await frame.wait_for_function("(fresh) => location.href.includes(fresh)", arg=fresh)
        assert await frame.evaluate("document.querySelectorAll('a[href*=\"theme=dark\"]').length") == 0


async def test_a_parent_that_is_not_registered_renews_nothing(places: Sites, screen: Screen) -> None:
    """Where somebody frames who may not, the browser shows nothing; here it does, with its own check switched off."""
    async with places.context() as context:
        page = await context.new_page()

        async def without_policy(route: Route) -> None:
            answer = await route.fetch(url=route.request.url.replace(CALLS, "127.0.0.1"))
            kept = {name: value for name, value in answer.headers.items() if name != "content-security-policy"}
            await route.fulfill(response=answer, headers=kept)

        await page.route(f"{places.calls}/view-insights**", without_policy)
        await page.goto(places.evil + places.frame(places.address("/view-insights", screen)))
        frame = await framed(page)
        await expect(frame.get_by_text("Total calls")).to_be_visible()
        fresh = await token_with(screen, timedelta(hours=23))
        await frame.evaluate("addEventListener('message', (event) => { window.heard = event.data.token })")
        say = "(token) => window.frames[0].postMessage({type: 'callwright:token', token}, '*')"
        await page.evaluate(say, fresh)
        await frame.wait_for_function("(fresh) => window.heard === fresh", arg=fresh)
        assert fresh not in frame.url


async def test_tabs_by_keyboard(places: Sites, screen: Screen) -> None:
    async with places.context() as context:
        page = await context.new_page()
        await page.goto(places.address("/gallery", screen))
        tabs = page.get_by_role("tab")
        await tabs.nth(0).focus()
        await page.keyboard.press("ArrowRight")
        await expect(tabs.nth(1)).to_be_focused()
        await expect(tabs.nth(1)).to_have_attribute("aria-selected", "true")
        await expect(page.get_by_role("tabpanel")).to_have_text("The second panel.")
        await page.keyboard.press("End")
        await expect(page.get_by_role("tabpanel")).to_have_text("The last panel.")
        await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("tabpanel")).to_have_text("The first panel.")
        await tabs.nth(1).click()
        await page.reload()
        await expect(page.get_by_role("tabpanel")).to_have_text("The second panel.")
        await page.goto(places.address("/view-insights", screen))
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
