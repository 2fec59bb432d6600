"""Calls that can be listened to: a sound made for each, who speaks when, and what the pipeline keeps of it."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from callwright import db, results
from callwright.analysis import Analysis
from callwright.recordings import MEDIA_TYPES, Stored
from callwright.recordings.audio import decode
from callwright.recordings.sniff import HEAD, container_of, sniff
from callwright.recordings.store import Store
from callwright.transcription import Span, Speaker, Transcript, Turn
from dashboards.viewing import Screen
from recordings.media import Samples, encode, tones

RATE = 8_000
PAUSE = 0.25
LINES: tuple[tuple[Speaker, str], ...] = (
    ("agent", "Good morning, this is Ann. Is it a good time?"),
    ("customer", "Yes. We lose requests, and it costs us accounts."),
    ("agent", "So each request needs one owner. Our plan does that."),
    ("customer", "The price is what worries me, to be honest."),
    ("agent", "Paid yearly it is within what you named."),
    ("customer", "Then send me the offer, and we talk on Thursday."),
)


def conversation(lines: Sequence[tuple[Speaker, str]], seconds_each: float = 1.5, **about: Any) -> Transcript:
    """A transcript in which each line takes so long, with short pauses between; `about` by `Transcript`'s names."""
    starts = [round(PAUSE + number * (seconds_each + PAUSE), 3) for number in range(len(lines))]
    turns = tuple(
        Turn(number, speaker, start, round(start + seconds_each, 3), text)
        for number, (start, (speaker, text)) in enumerate(zip(starts, lines, strict=True))
    )
    plain: dict[str, Any] = {
        "engine": "test",
        "model": None,
        "language": "en",
        "quality": "final",
        "speakers": "channels",
        "turns": turns,
        "speech": tuple(Span(turn.speaker, turn.start, turn.end) for turn in turns),
        "seconds": round(turns[-1].end + PAUSE, 3),
        "coverage": 1.0,
        **about,
    }
    return Transcript(**plain)


def sound_of(transcript: Transcript) -> Samples:
    """What the conversation sounds like: a tone for each speaker, on a channel of its own."""
    whole = tones(transcript.seconds, RATE, 330, 550)
    for channel, speaker in enumerate(("agent", "customer")):
        mine = np.zeros(whole.shape[1], bool)
        for span in transcript.speech:
            if span.speaker == speaker:
                mine[round(span.start * RATE) : round(span.end * RATE)] = True
        whole[channel, ~mine] = 0
    return whole


async def spoken(
    screen: Screen, folder: Path, call_id: str, made: Analysis, transcript: Transcript, *, data: bytes | None = None,
    store: Store | None = None, **sent: Any,
) -> bytes:  # fmt: skip
    """Bring in a call that has ended with a recording, mu-law unless it is given, in a store, else that of the folder.

    Returns:
        The recording.
    """
    recording = data or encode(sound_of(transcript), RATE, container="wav", codec="pcm_mulaw")
    await screen.call(call_id, made, seconds=round(transcript.seconds), **sent)
    store, scope = store or Store(str(folder)), await screen.scope()
    key = f"recordings/{scope.partner_id}/{scope.subtenant_no}/{call_id.encode().hex()}"

    async def chunks() -> AsyncIterator[bytes]:
        yield recording

    await store.put(key, chunks(), media_type=lambda: MEDIA_TYPES[sniff(recording[:HEAD])])
    path = await store.get(key, folder / "unused")
    with path.open("rb") as file:
        stored = Stored(key, len(recording), "ab" * 32, container_of(file))
    decoded = await decode(path, scratch=folder)
    decoded.path.unlink()
    async with db.transaction(screen.door.pool, scope.partner_id) as connection:
        await results.save_recording(connection, scope.partner_id, call_id, stored)
        await results.save_decoded(connection, scope.partner_id, call_id, decoded)
        await results.save_transcript(connection, scope.partner_id, call_id, transcript)
    return recording
