"""The recording of a call whose store is S3: through us as from a folder, or by a link to the store itself."""

import io
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from callwright.errors import SetupError
from callwright.logs import configure_logging
from callwright.recordings.store import Store
from callwright.settings import Settings
from callwright.web import create_app
from dashboards.spoken import LINES, RATE, conversation, sound_of, spoken
from dashboards.viewing import Screen, screen_of
from judged import analysis
from partner_api import SECRET_KEY, open_door
from recordings.media import encode
from s3_server import BUCKET, S3Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

TALK = conversation(LINES)
MP3 = encode(sound_of(TALK), RATE, container="mp3", codec="mp3")
URL = f"s3://{BUCKET}/dashboards"
PLAYED, COPIED, PAGE = "/call-recording/mp3", "/call-recording/mulaw", "/call-details/mp3"


@dataclass(frozen=True)
class Screens:
    """The same calls, as two installations show them: one gives recordings itself, the other links to the store."""

    plain: Screen
    linking: Screen
    origin: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def screens(
    module_database_url: str, s3: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Screens]:
    async with AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in s3.environment().items():
            patch.setenv(name, value)
        plain = await stack.enter_async_context(open_door(module_database_url, store_url=URL))
        linking = await stack.enter_async_context(open_door(module_database_url, store_url=URL, play_from_store=True))
        screen, folder, store = await screen_of(plain), tmp_path_factory.mktemp("x"), Store(URL, encryption="AES256")
        await spoken(screen, folder, "mp3", analysis(), TALK, data=MP3, store=store)
        await spoken(screen, folder, "mulaw", analysis(), TALK, store=store)
        yield Screens(screen, Screen(linking, screen.token), s3.origin)


async def got(link: str, **headers: str) -> httpx.Response:
    """What a browser gets at a link."""
    async with httpx.AsyncClient() as client:
        return await client.get(link, headers=headers)


def media_of(answer: httpx.Response) -> str:
    """From where the policy of an answer lets sound come."""
    policy = dict(each.split(" ", 1) for each in answer.headers["content-security-policy"].split("; "))
    return policy["media-src"]


async def test_without_the_setting_a_recording_comes_through_us(screens: Screens) -> None:
    whole = await screens.plain.open(PLAYED)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, MP3, "audio/mpeg")
    part = await screens.plain.open(PLAYED, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, MP3[100:200])
    copy = await screens.plain.open(COPIED)
    assert (copy.status_code, copy.headers["content-type"]) == (200, "audio/mpeg")
    assert media_of(await screens.plain.open(PAGE)) == "'self'"


@pytest.mark.parametrize("path", [PLAYED, COPIED])
async def test_with_it_a_link_leads_to_the_store(screens: Screens, path: str) -> None:
    answer = await screens.linking.open(path, headers={"range": "bytes=100-199"})
    assert (answer.status_code, answer.content) == (307, b"")
    link = answer.headers["location"]
    assert link.startswith(f"{screens.origin}/{BUCKET}/dashboards/recordings/")
    assert "X-Amz-Expires=300&" in link
    assert screens.linking.token not in link
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    through_us = (await screens.plain.open(path)).content
    part = await got(link, range="bytes=100-199")
    assert (part.status_code, part.content) == (206, through_us[100:200])
    assert part.headers["content-type"] == "audio/mpeg"
    assert part.headers["cache-control"] == "no-store"
    whole = await got(link)
    assert (whole.status_code, whole.content) == (200, through_us)


async def test_a_head_is_answered_by_us(screens: Screens) -> None:
    answer = await screens.linking.door.client.head(PLAYED, params={"token": screens.linking.token})
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(MP3)))


async def test_who_may_not_hear_a_call_gets_no_link(screens: Screens) -> None:
    stranger = await screen_of(screens.linking.door)
    refused = [
        await screens.linking.open(PLAYED, token=""),
        await screens.linking.open(PLAYED, token=screens.linking.token[:-3] + "abc"),
        await screens.linking.open(PLAYED, token=stranger.token),
        await screens.linking.open("/call-recording/none"),
    ]
    assert [answer.status_code for answer in refused] == [401, 401, 404, 404]
    assert not [answer for answer in refused if "location" in answer.headers]


async def test_the_policy_of_the_calls_page_alone_lets_the_stores_origin_in(screens: Screens) -> None:
    assert media_of(await screens.linking.open(PAGE)) == f"'self' {screens.origin}"
    for path in ("/view-insights", "/call-details/none", PLAYED):
        assert media_of(await screens.linking.open(path)) == "'self'"
    policy = (await screens.linking.open(PAGE)).headers["content-security-policy"]
    assert policy.count(screens.origin) == 1


async def test_the_link_is_in_no_log_line(screens: Screens, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    configure_logging(log_format="json", log_level="debug")
    link = (await screens.linking.open(PLAYED)).headers["location"]
    logging.getLogger("x").warning("sent to %s", link)
    assert '"route":"/call-recording/' in written.getvalue(), "requests are logged"
    assert "sent to" in written.getvalue()
    assert "X-Amz" not in written.getvalue()


async def test_no_credentials_to_sign_with_are_a_matter_of_time(
    screens: Screens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise OSError("the metadata service does not answer")

    monkeypatch.setattr(Store, "link", away)
    assert (await screens.linking.open(PLAYED)).status_code == 503


async def test_pages_over_tls_play_nothing_from_a_store_without(s3_url: str, tmp_path: Path) -> None:
    values = {"database_url": "postgresql://x", "secret_key": SECRET_KEY, "data_dir": tmp_path, "play_from_store": True}
    with pytest.raises(SetupError, match="https://"):
        create_app(Settings.model_validate({**values, "store_url": s3_url, "public_url": "https://calls.example.com"}))
