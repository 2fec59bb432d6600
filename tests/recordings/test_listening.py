"""What browsers are given to play: the recording where every one of them can, else a copy that is in time with it."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from callwright.errors import StepFailed
from callwright.recordings import audio, listening
from callwright.recordings.audio import decode
from callwright.recordings.listening import Listening, Recorded, copy_key, remove
from callwright.recordings.sniff import container_of
from callwright.recordings.store import PIECE, Store
from recordings.media import encode, loudest, read, tones, wav

KEY = "recordings/7/ab/abcdef"
AS_IT_CAME = [
    ("mp3", "mp3", 16000, "audio/mpeg"),
    ("wav", "pcm_s16le", 8000, "audio/wav"),
    ("ipod", "aac", 16000, "audio/mp4"),
    ("flac", "flac", 16000, "audio/flac"),
]
COPIED = [
    ("wav", "pcm_mulaw", 8000),
    ("wav", "pcm_alaw", 8000),
    ("wav", "adpcm_ima_wav", 8000),
    ("wav", "pcm_s16le", 44100),
    ("adts", "aac", 16000),
    ("ipod", "alac", 44100),
    ("ogg", "opus", 48000),
    ("webm", "opus", 48000),
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


@pytest.fixture
async def room(store: Store, tmp_path: Path) -> AsyncIterator[Listening]:
    (tmp_path / "scratch").mkdir()
    made = Listening(lambda: store, tmp_path / "scratch")
    yield made
    await made.aclose()
    assert os.listdir(tmp_path / "scratch") == []  # noqa: PTH208 - shorter


async def stored(store: Store, folder: Path, data: bytes) -> Recorded:
    """A recording in the store, with what the pipeline keeps of it."""

    async def chunks() -> AsyncIterator[bytes]:
        yield data

    await store.put(KEY, chunks())
    source = await store.get(KEY, folder / "source")
    decoded = await decode(source, scratch=folder)
    with source.open("rb") as file:
        container = container_of(file)
    return Recorded(
        *(KEY, len(data), "ab" * 32, container, decoded.codec, decoded.source_channels),
        *(decoded.seconds, decoded.declared_seconds),
    )


@pytest.mark.parametrize(("container", "encoder", "rate", "media_type"), AS_IT_CAME)
async def test_what_every_browser_plays_is_given_as_it_came(
    store: Store, room: Listening, tmp_path: Path, container: str, encoder: str, rate: int, media_type: str
) -> None:
    data = encode(tones(3, rate, 440, 700), rate, container=container, codec=encoder)
    playable = await room.playable(await stored(store, tmp_path, data))
    assert (playable.key, playable.size, playable.media_type) == (KEY, len(data), media_type)
    assert b"".join([piece async for piece in room.stream(playable, 0, playable.size)]) == data
    assert await store.size(copy_key(KEY)) is None


@pytest.mark.parametrize(("container", "encoder", "rate"), COPIED)
async def test_everything_else_is_copied_in_time_with_its_channels_apart(
    store: Store, room: Listening, tmp_path: Path, container: str, encoder: str, rate: int
) -> None:
    sound = tones(6, rate, 440, 1250)
    sound[:, : 4 * rate] = 0  # four seconds of silence, by whose end any drift shows
    recorded = await stored(store, tmp_path, encode(sound, rate, container=container, codec=encoder))
    playable = await room.playable(recorded)
    assert (playable.key, playable.media_type) == (copy_key(KEY), "audio/mpeg")
    assert playable.size == await store.size(copy_key(KEY))
    copy = await decode(await store.get(playable.key, tmp_path / "copy"), scratch=tmp_path)
    assert (copy.codec, copy.channels) == ("mp3", 2)
    assert copy.seconds == pytest.approx(recorded.seconds, abs=0.02)
    assert playable.size < 9_000 * copy.seconds
    for samples, tone in zip(read(copy.path, 2), (440, 1250), strict=True):
        assert abs(loudest(samples, 16000) - tone) < 2
        begins = np.argmax(np.abs(samples) > 2000) / 16000
        assert begins == pytest.approx(4, abs=0.1)


async def test_a_length_that_no_browser_could_tell_is_copied(store: Store, room: Listening, tmp_path: Path) -> None:
    endless = wav(tones(2, 8000, 440), 8000, data_size=0xFFFFFFFF)
    assert (await room.playable(await stored(store, tmp_path, endless))).key == copy_key(KEY)


async def test_a_film_is_copied_for_its_sound(store: Store, room: Listening, tmp_path: Path) -> None:
    film = encode(tones(2, 48000, 440), 48000, container="mp4", codec="aac", video=True) + bytes(200_000)
    playable = await room.playable(await stored(store, tmp_path, film))
    assert (playable.key, playable.size < len(film) / 2) == (copy_key(KEY), True)


async def test_a_copy_is_made_once_for_all_who_ask_and_kept(
    store: Store, room: Listening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    real = audio.write_copy

    async def counted(source: Path, target: Path, **how: object) -> None:
        made.append(source)
        await real(source, target, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(listening, "write_copy", counted)
    recorded = await stored(store, tmp_path, encode(tones(3, 8000, 440), 8000, container="wav", codec="pcm_mulaw"))
    impatient = asyncio.create_task(room.playable(recorded))
    await asyncio.sleep(0)
    others = asyncio.gather(room.playable(recorded), room.playable(recorded))
    impatient.cancel()
    first, second = await others
    assert first == second == await room.playable(recorded)
    assert len(made) == 1


async def test_what_cannot_be_copied_leaves_nothing_and_can_be_asked_again(
    store: Store, room: Listening, tmp_path: Path
) -> None:
    recorded = await stored(store, tmp_path, encode(tones(3, 8000, 440), 8000, container="wav", codec="pcm_mulaw"))

    async def broken() -> AsyncIterator[bytes]:
        yield b"RIFF" + bytes(4) + b"WAVE" + bytes(100)

    await store.put(KEY, broken())
    for _ in range(2):
        with pytest.raises(StepFailed):
            await room.playable(recorded)
    assert await store.size(copy_key(KEY)) is None
    await store.delete(KEY)
    with pytest.raises(FileNotFoundError):
        await room.playable(recorded)


async def test_a_recording_goes_with_its_copy(store: Store, room: Listening, tmp_path: Path) -> None:
    await room.playable(
        await stored(store, tmp_path, encode(tones(1, 8000, 440), 8000, container="wav", codec="pcm_alaw"))
    )
    await remove(store, KEY)
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []
    await remove(store, KEY)


async def test_a_stream_is_read_piece_by_piece(store: Store) -> None:
    data = os.urandom(3 * PIECE + 5)

    async def chunks() -> AsyncIterator[bytes]:
        yield data

    await store.put(KEY, chunks())
    pieces = [piece async for piece in store.stream(KEY, 7, len(data) - 1)]
    assert b"".join(pieces) == data[7:-1]
    assert max(map(len, pieces)) <= PIECE
    assert b"".join([piece async for piece in store.stream(KEY, len(data) - 3, len(data))]) == data[-3:]
    with pytest.raises(FileNotFoundError):
        await anext(store.stream(KEY + "-other", 0, 1))
