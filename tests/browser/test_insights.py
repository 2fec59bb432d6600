"""The dashboard in a real browser: drawings, tables that sort and search in place, figures that move by themselves."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from browser.host import Sites, framed
from browser.test_embedding import LOOKS, STICKS_OUT, faults, photograph
from dashboards.viewing import Screen, screen_of
from judged import NOTHING_SAID, analysis, judged
from partner_api import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = {
    "insights-full": "/view-insights",
    "leaderboard": "/view-insights/agents",
    "contacts": "/view-insights/contacts",
    "calls": "/view-insights/calls",
}
PARAMETERS = ("Setting Context", "Discovery", "Objection Handling", "Closing")
TEAM = ("Meera Nair", "Tom Becker", "Aisha Khan")
INTENTS = ("INTERESTED", "NEUTRAL", "NOT_INTERESTED", None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def screen(door: Door, places: Sites) -> Screen:
    """A month of three agents and fifteen customers."""
    made = await screen_of(door, origins=(places.crm,))
    for number in range(45):
        intent = INTENTS[number % 4]
        quality = tuple(judged(name, (number * 3 + at) % (11 - 2 * at)) for at, name in enumerate(PARAMETERS))
        told = analysis(
            intent=intent, intent_score=intent and (number * 13) % 101, quality=quality,
            quality_score=40 + number, **({} if number % 3 else {"bant": NOTHING_SAID}),
        )  # fmt: skip
        await made.call(
            f"call-{number}", None if number == 7 else told, days_ago=number + 0.2, seconds=40 + 20 * number,
            agent_id=f"agent-{number % 3}", agent_name=TEAM[number % 3], customer_id=f"customer-{number % 15}",
            customer_name=f"Customer {chr(65 + number % 15)}", customer_email=f"c{number % 15}@example.com",
            disposition_status=("interested", "won", None)[number % 3],
        )  # fmt: skip
    return made


async def opened(places: Sites, screen: Screen, page: Page, path: str = "/view-insights", **query: str) -> None:
    await page.goto(places.address(path, screen, **query))
    await page.wait_for_load_state("load")


@pytest.mark.parametrize(("theme", "width"), LOOKS)
async def test_each_page_is_open_to_everybody(
    places: Sites, screen: Screen, axe: str, pictures: Path | None, theme: str, width: int
) -> None:
    async with places.context(width=width) as context:
        page = await context.new_page()
        for name, path in PAGES.items():
            await page.set_viewport_size({"width": width, "height": 900})
            await page.goto(places.crm + places.frame(places.address(path, screen, theme=theme)))
            frame = await framed(page)
            for summary in await frame.locator("summary").all():
                await summary.click()
            assert await faults(frame, axe) == []
            if pictures is not None:
                await photograph(page, frame, pictures / f"{name}-{theme}-{width}.png", width)
            assert await frame.evaluate(STICKS_OUT) == []
            assert await frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert places.complaints == []


@pytest.mark.parametrize("width", [1440, 390])
async def test_the_banner_of_test_data_is_open_to_everybody(
    places: Sites, door: Door, axe: str, pictures: Path | None, width: int
) -> None:
    made = await screen_of(replace(door, test=True), origins=(places.crm,))
    await made.call("call", analysis())
    async with places.context(width=width) as context:
        page = await context.new_page()
        await page.goto(places.crm + places.frame(places.address("/view-insights/contacts", made)))
        frame = await framed(page)
        await expect(frame.get_by_text("Test data.")).to_be_visible()
        assert await faults(frame, axe) == []
        assert await frame.evaluate(STICKS_OUT) == []
        if pictures is not None:
            await photograph(page, frame, pictures / f"test-data-{width}.png", width)


async def test_the_drawings_are_drawn_and_lead_to_their_calls(places: Sites, screen: Screen) -> None:
    async with places.context() as context:
        page = await context.new_page()
        await opened(places, screen, page)
        drawings = page.locator("[data-chart] canvas")
        await expect(drawings).to_have_count(2)
        for drawing in await drawings.all():
            painted = await drawing.evaluate(
                "(one) => new Set(one.getContext('2d').getImageData(0, 0, one.width, one.height).data).size"
            )
            assert painted > 10, "it is not one plain surface"
        first = page.locator("[data-chart=trend]")
        await first.scroll_into_view_if_needed()
        box = await first.bounding_box()
        assert box is not None
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 60)
        await page.wait_for_url("**/view-insights/calls**")
        await expect(page.get_by_role("heading", name="Calls")).to_be_visible()


async def test_a_drawing_can_be_read_as_a_table(places: Sites, screen: Screen) -> None:
    async with places.context() as context:
        page = await context.new_page()
        await opened(places, screen, page)
        summary = page.locator("#trend summary")
        await summary.focus()
        await page.keyboard.press("Enter")
        table = page.get_by_role("region", name="Table of calls, quality and talk")
        await expect(table).to_be_visible()
        assert await table.get_by_role("row").count() == 31


async def test_tables_sort_in_place_and_keep_the_place(places: Sites, screen: Screen) -> None:
    async with places.context() as context:
        page = await context.new_page()
        await opened(places, screen, page)
        await page.evaluate("window.stays = true")
        for region, column in (("Table of agents", "Agent"), ("Table of contacts", "Calls")):
            head = page.get_by_role("region", name=region).get_by_role("columnheader", name=column, exact=False).first
            await head.get_by_role("link").focus()
            await page.keyboard.press("Enter")
            table = page.get_by_role("region", name=region)
            await expect(table.locator("th[aria-sort] a")).to_contain_text(column)
            await expect(table.locator("th[aria-sort] a")).to_be_focused()
        names = await page.get_by_role("region", name="Table of agents").locator("tbody th").all_text_contents()
        assert [name.strip() for name in names] == sorted(TEAM)
        assert await page.evaluate("window.stays"), "the page itself has stayed"
        await page.reload()
        for region, column in (("Table of agents", "Agent"), ("Table of contacts", "Calls")):
            head = page.get_by_role("region", name=region).locator("th[aria-sort]")
            await expect(head).to_contain_text(column)  # the address keeps the order


async def test_contacts_are_found_as_one_types_and_turned_over(places: Sites, screen: Screen) -> None:
    async with places.context() as context:
        page = await context.new_page()
        await opened(places, screen, page)
        rows = page.get_by_role("region", name="Table of contacts").locator("tbody tr")
        await expect(rows).to_have_count(10)
        await page.locator("#contacts").get_by_role("link", name="Next").click()
        await expect(page.locator("#contacts-found")).to_contain_text("Contacts 11 to 15")
        search = page.get_by_role("searchbox", name="Search by name")
        await search.press_sequentially("customer c")
        await expect(rows).to_have_count(1)
        await expect(search).to_be_focused()
        await expect(rows.first).to_contain_text("Customer C")
        await search.fill("nobody")
        await expect(page.locator("#contacts-found")).to_contain_text("No contact found")


async def test_of_what_is_typed_the_last_is_looked_for(places: Sites, screen: Screen) -> None:
    """Also where the answer to what was typed before is still on its way, or comes later."""
    async with places.context() as context:
        page = await context.new_page()
        await opened(places, screen, page)
        held: list[Route] = []

        async def hold(route: Route) -> None:
            held.append(route)
            if len(held) > 1:
                await route.continue_()

        await page.route("**/view-insights/contacts?*", hold)
        search = page.get_by_role("searchbox", name="Search by name")
        async with page.expect_request("**/view-insights/contacts?*"):
            await search.press_sequentially("nobody")
        await search.fill("customer c")
        await expect(page.locator("[data-said]")).to_have_text("Contacts 1 to 1")
        await expect(page.get_by_role("region", name="Table of contacts").locator("tbody tr")).to_contain_text(
            "Customer C"
        )
        assert len(held) == 2
        await held[0].abort()


async def test_figures_that_cannot_be_renewed_stay(places: Sites, screen: Screen) -> None:
    async with places.context() as context:
        page = await context.new_page()
        async with page.expect_response("**/view-insights/changes**"):
            await opened(places, screen, page)
        drawings = page.locator("[data-chart] canvas")
        await expect(drawings).to_have_count(2)
        refused: list[Route] = []

        async def refuse(route: Route) -> None:
            refused.append(route)
            await (route.abort() if len(refused) == 1 else route.fulfill(status=503, body="no"))

        await page.route("**/view-insights?*", refuse)
        for number in range(2):
            async with page.expect_event("requestfinished" if number else "requestfailed"):
                await screen.call(f"unseen-{number}", analysis(), days_ago=0.1, customer_id="customer-1")
            await expect(drawings).to_have_count(2)
        assert len(refused) == 2


async def test_a_page_that_was_refused_the_news_asks_again(places: Sites, screen: Screen) -> None:
    async with places.context() as context:
        page = await context.new_page()
        await page.clock.install()
        asked: list[Route] = []

        async def refuse_once(route: Route) -> None:
            asked.append(route)
            await (route.fulfill(status=503) if len(asked) == 1 else route.continue_())

        await page.route("**/view-insights/changes?*", refuse_once)
        async with page.expect_response("**/view-insights/changes?*") as refused:
            await opened(places, screen, page)
        assert (await refused.value).status == 503
        async with page.expect_response("**/view-insights/changes?*") as answer:
            while len(asked) < 2:  # the page may hear of the refusal later than we do
                await page.clock.fast_forward(61_000)
        assert (await answer.value).status == 200


async def test_filters_take_effect_at_once_and_can_be_shared(places: Sites, screen: Screen) -> None:
    async with places.context() as context:
        page = await context.new_page()
        await opened(places, screen, page)
        await page.get_by_role("combobox", name="Agent", exact=True).select_option(label="Meera Nair")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Meera Nair")
        shared = page.url
        other = await context.new_page()
        await other.goto(shared)
        await expect(other.locator("#totals dd").first).to_have_text(
            await page.locator("#totals dd").first.text_content() or ""
        )
        await page.get_by_role("link", name="Clear filters").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Call insights")


async def test_figures_move_when_a_call_ends(places: Sites, screen: Screen) -> None:
    async with places.context() as context:
        page = await context.new_page()
        async with page.expect_response("**/view-insights/changes**"):
            await opened(places, screen, page, days="7")
        shown = page.locator("#totals dd a").first
        before = await shown.text_content() or ""
        await page.evaluate("window.stays = true")
        await page.locator("#trend summary").click()
        for number in range(20):  # the first may be stored before the server looks for the first time
            await screen.call(f"live-{number}", analysis(), days_ago=0.1, customer_id="customer-1")
            try:
                await expect(shown).not_to_have_text(before, timeout=10_000)
            except AssertionError:
                continue
            break
        assert int(await shown.text_content() or "") > int(before)
        assert await page.evaluate("window.stays"), "the page itself has stayed"
        await expect(page.locator("#trend details")).to_have_attribute("open", "")
        await expect(page.locator("[data-chart] canvas")).to_have_count(2)


async def test_what_is_shown_is_saved_as_csv(places: Sites, screen: Screen) -> None:
    async with places.context() as context:
        page = await context.new_page()
        await opened(places, screen, page)
        shown = await page.locator("#totals dd a").first.text_content()
        async with page.expect_download() as saved:
            await page.locator("header").get_by_role("link", name="CSV").click()
        download = await saved.value
        assert download.suggested_filename == "insights.csv"
        with (await download.path()).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["figure"] for row in rows if row["name"] == "calls" and row["part"] == "totals"] == [shown]
