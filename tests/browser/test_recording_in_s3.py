"""A recording that a browser gets from S3 itself: the page's policy lets it, and an expired link is renewed."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from browser.host import Sites
from callwright.recordings import listening
from callwright.recordings.listening import Listening
from callwright.recordings.store import Store
from dashboards.spoken import LINES, RATE, conversation, sound_of, spoken
from dashboards.viewing import Screen, screen_of
from judged import analysis
from partner_api import Door
from recordings.media import wav
from s3_server import BUCKET, S3Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

TALK = conversation(LINES * 10, 10.0)
"""Ten minutes, 20 MB as it is sent: more than a browser takes in before somebody listens to it."""

PATH = "/call-details/long"
NOW = "document.querySelector('audio').currentTime"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def screen(
    door: Door, places: Sites, s3: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Screen]:
    """Somebody with a long call, whose recording every browser plays as it came."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3.environment(tls=True).items():
            patch.setenv(name, value)
        store = Store(f"s3://{BUCKET}/browser", ca_file=s3.ca_file)
    folder, scratch = tmp_path_factory.mktemp("x"), tmp_path_factory.mktemp("scratch")
    door.app.state.listening = Listening(lambda: store, scratch, links=True)
    door.app.state.recordings_origin = store.origin
    made = await screen_of(door, origins=(places.crm,))
    await spoken(made, folder, "long", analysis(), TALK, data=wav(sound_of(TALK), RATE), store=store)
    yield made
    await door.app.state.listening.aclose()


async def test_it_is_played_from_there_and_goes_on_when_its_link_has_expired(
    places: Sites, screen: Screen, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "LINK_SECONDS", 3)
    async with places.context() as context:
        page = await context.new_page()
        await page.goto(places.address(PATH, screen) + "#conversations")
        await page.wait_for_function("() => document.querySelector('audio').readyState >= 1")
        assert await page.evaluate("document.querySelector('audio').duration") == pytest.approx(TALK.seconds, abs=0.2)
        sent_on = [(url, headers) for url, headers in places.asked if url.startswith(s3.tls_origin)]
        assert sent_on
        for url, headers in sent_on:
            assert not any(headers.get(name) for name in ("referer", "origin", "cookie"))
            assert screen.token not in url
        await page.wait_for_timeout(4_500)  # the server's own clock ends the link
        places.complaints.clear()
        places.asked.clear()
        await page.evaluate(f"document.querySelector('audio').currentTime = {TALK.seconds - 30}")
        await page.evaluate("document.querySelector('audio').play().catch(() => {})")
        await page.wait_for_function(f"() => {NOW} > {TALK.seconds - 29}")
        fresh = [urlsplit(url).path for url, _ in places.asked if "/call-recording/" in url]
        assert fresh, "it has asked for another link"
        assert [said for said in places.complaints if "403" not in said and "404" not in said] == []
        assert not await page.evaluate("document.querySelector('audio').error")


async def test_a_page_of_which_the_store_is_no_part_plays_nothing_from_there(
    places: Sites, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen.door.app.state, "recordings_origin", "https://another.example")
    async with places.context() as context:
        page = await context.new_page()
        await page.goto(places.address(PATH, screen) + "#conversations")
        await page.wait_for_function("() => document.querySelector('audio').error")
        assert any("Content Security Policy" in said for said in places.complaints)
