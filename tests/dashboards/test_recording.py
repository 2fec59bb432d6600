"""The recording of a call over HTTP: with ranges, as browsers play it, to who may see the call and nobody else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from callwright.recordings.listening import copy_key
from callwright.recordings.store import Store
from dashboards.spoken import LINES, RATE, conversation, sound_of, spoken
from dashboards.viewing import Screen, screen_of, token_of
from judged import analysis
from partner_api import Door, open_door
from recordings.media import encode

pytestmark = pytest.mark.asyncio(loop_scope="module")

TALK = conversation(LINES)
MP3 = encode(sound_of(TALK), RATE, container="mp3", codec="mp3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stored(module_database_url: str, folder: Path) -> AsyncIterator[Door]:
    """A door whose recordings are in `folder`."""
    async with open_door(module_database_url, store_url=str(folder)) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def screen(stored: Door, folder: Path) -> Screen:
    """Somebody with a call that browsers play as it came, and one that they do not."""
    made = await screen_of(stored)
    await spoken(made, folder, "a/mp3", analysis(), TALK, data=MP3)
    await spoken(made, folder, "mulaw", analysis(), TALK)
    await made.call("without", analysis())
    return made


PATH = "/call-recording/a%2Fmp3"
SIZE = len(MP3)


async def test_a_recording_comes_whole_as_it_was_fetched(screen: Screen) -> None:
    answer = await screen.open(PATH)
    assert (answer.status_code, answer.content) == (200, MP3)
    told = answer.headers
    assert (told["content-type"], told["content-length"], told["accept-ranges"]) == ("audio/mpeg", str(SIZE), "bytes")
    assert (told["x-content-type-options"], told["cache-control"]) == ("nosniff", "no-store")
    assert told["content-security-policy"].startswith("default-src 'none'")
    assert "content-range" not in told


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=100-100", 100, 101),
        ("bytes=500-", 500, SIZE),
        ("bytes=-77", SIZE - 77, SIZE),
        (f"bytes=-{SIZE + 5}", 0, SIZE),
        (f"bytes=10-{SIZE + 5}", 10, SIZE),
        ("bytes=0-", 0, SIZE),
    ],
)
async def test_a_range_is_a_part(screen: Screen, asked: str, start: int, end: int) -> None:
    answer = await screen.open(PATH, headers={"range": asked})
    assert (answer.status_code, answer.content) == (206, MP3[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=-0", "bytes=999999999999999999-"])
async def test_a_range_behind_the_end_is_refused(screen: Screen, asked: str) -> None:
    answer = await screen.open(PATH, headers={"range": asked})
    assert (answer.status_code, answer.content) == (416, b"")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "bytes=5-4", "bytes=-", "lines=1-2", "bytes=a-b", "bytes=1", f"bytes={'9' * 5000}-", "x"]
)
async def test_what_is_no_single_range_is_passed_over(screen: Screen, asked: str) -> None:
    answer = await screen.open(PATH, headers={"range": asked})
    assert (answer.status_code, answer.content) == (200, MP3)


async def test_a_part_is_only_added_to_what_it_is_part_of(screen: Screen) -> None:
    tag = (await screen.open(PATH)).headers["etag"]
    same = await screen.open(PATH, headers={"range": "bytes=0-9", "if-range": tag})
    other = await screen.open(PATH, headers={"range": "bytes=0-9", "if-range": '"other"'})
    date = await screen.open(PATH, headers={"range": "bytes=0-9", "if-range": "Tue, 24 Nov 2026 10:00:00 GMT"})
    assert [answer.status_code for answer in (same, other, date)] == [206, 200, 200]
    known = await screen.open(PATH, headers={"if-none-match": f'"x", {tag}'})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)


@pytest.mark.parametrize(("headers", "status", "length"), [({}, 200, SIZE), ({"range": "bytes=5-9"}, 206, 5)])
async def test_a_head_says_what_a_get_would(screen: Screen, headers: dict[str, str], status: int, length: int) -> None:
    answer = await screen.door.client.head(PATH, params={"token": screen.token}, headers=headers)
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (status, b"", str(length))
    assert answer.headers["content-type"] == "audio/mpeg"


async def test_what_browsers_do_not_play_is_given_as_its_copy(screen: Screen, folder: Path) -> None:
    first = await screen.open("/call-recording/mulaw")
    assert (first.status_code, first.headers["content-type"]) == (200, "audio/mpeg")
    scope = await screen.scope()
    key = copy_key(f"recordings/{scope.partner_id}/{scope.subtenant_no}/{b'mulaw'.hex()}")
    assert await Store(str(folder)).read(key, 0, len(first.content) + 1) == first.content
    part = await screen.open("/call-recording/mulaw", headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, first.content[100:200])
    assert part.headers["etag"] == first.headers["etag"] != (await screen.open(PATH)).headers["etag"]


@pytest.mark.parametrize("part", ["recording", "waveform"])
async def test_nobody_else_hears_anything(screen: Screen, part: str) -> None:
    path = f"/call-{part}/mulaw"
    assert (await screen.open(path)).status_code == 200
    assert (await screen.open(path, token="")).status_code == 401
    unknown = await screen.open(f"/call-{part}/none")
    assert unknown.status_code == 404
    colleague = await token_of(screen.door, sub_tenant_id="support")
    stranger = await screen_of(screen.door)
    for token in (colleague, stranger.token):
        refused = await screen.open(path, token=token)
        assert (refused.status_code, len(refused.content)) == (404, len(unknown.content))
    for call_id in ("without", "%00"):
        assert (await screen.open(f"/call-{part}/{call_id}")).status_code == 404


async def test_a_recording_that_is_gone_from_the_store_is_told_as_none(screen: Screen, folder: Path) -> None:
    scope = await screen.scope()
    for call_id, data in (("lost", None), ("lost-mp3", MP3)):
        await spoken(screen, folder, call_id, analysis(), TALK, data=data)
        key = f"recordings/{scope.partner_id}/{scope.subtenant_no}/{call_id.encode().hex()}"
        await Store(str(folder)).delete(key)
        assert (await screen.open(f"/call-recording/{call_id}")).status_code == 404


async def test_a_recording_that_broke_in_the_store_is_told(screen: Screen, folder: Path) -> None:
    await spoken(screen, folder, "broken", analysis(), TALK)
    scope = await screen.scope()
    path = folder / f"recordings/{scope.partner_id}/{scope.subtenant_no}/{b'broken'.hex()}"
    path.write_bytes(b"RIFF1234WAVE" + bytes(100))
    with capture_logs() as logs:
        answer = await screen.open("/call-recording/broken")
    assert (answer.status_code, "This recording cannot be played" in answer.text) == (409, True)
    assert str(folder) not in answer.text
    assert [line["reason"] for line in logs if line["event"] == "recording cannot be played"]


async def test_a_store_that_is_away_is_a_matter_of_time(
    screen: Screen, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await spoken(screen, folder, "away", analysis(), TALK)

    async def away(*_: object) -> bytes:
        raise OSError("no such host")

    async def away_too(*_: object) -> AsyncIterator[bytes]:
        yield await away()

    monkeypatch.setattr(Store, "size", away)
    monkeypatch.setattr(Store, "stream", away_too)
    for path in ("/call-recording/away", PATH):
        answer = await screen.open(path)
        assert (answer.status_code, int(answer.headers["retry-after"]) >= 1) == (503, True)


async def test_nothing_of_the_database_is_held_while_a_recording_flows(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, open_now = Store.stream, list[int]()

    async def watched(store: Store, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        async for piece in real(store, key, start, end):
            pool = screen.door.app.state.pool
            open_now.append(pool.get_size() - pool.get_idle_size())
            yield piece

    monkeypatch.setattr(Store, "stream", watched)
    assert (await screen.open(PATH)).content == MP3
    assert set(open_now) == {0}


async def test_the_waveform_shows_each_speakers_peaks(screen: Screen) -> None:
    answer = await screen.open("/call-waveform/mulaw")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    shown = answer.json()
    assert (shown["seconds"], shown["neither"]) == (pytest.approx(TALK.seconds, abs=0.01), [])
    assert len(shown["agent"]) == len(shown["customer"]) == 1000
    at = round(1000 * (TALK.turns[0].start + 0.5) / TALK.seconds)
    assert shown["agent"][at] > 50 > shown["customer"][at] == 0
    assert len(answer.content) < 12_000
