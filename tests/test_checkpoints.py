"""What a long call has been put into words so far is kept, and taken over only by the same work on the same sound."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from callwright import calls, checkpoints, db, results
from callwright.calls import Call
from callwright.db import Connection, Pool
from callwright.errors import StepFailed, Unavailable
from callwright.recordings import Decoded, Stored
from callwright.transcription import Transcript
from callwright.transcription.conversation import finish
from callwright.transcription.pieces import GROUP_SECONDS, Begun, Piece, Said
from callwright.transcription.speakers import Speech
from callwright.transcription.turns import Words
from submissions import onboard, scope, submission

SECONDS = 3600.0
DECODED = Decoded(Path("nowhere"), 2, int(SECONDS) * 16_000, SECONDS, "pcm_s16le", 16_000, 2, None, ())
STORED = Stored("key", 7, "ab" * 32, "wav")
SPEECH = tuple(
    Speech(channel, ("agent", "customer")[channel], 40.0 * n + 20 * channel, 40.0 * n + 20 * channel + 15)
    for n in range(20)
    for channel in (0, 1)
)
BEGUN = Begun(
    engine="stub", model="m", draft=False, joins=False, speakers="channels", language="hi-IN", speech=SPEECH,
    heard=(3,), said=Said((Words("agent", 120.0, 121.0, "first"),), 1),
)  # fmt: skip
GROUPS = 6
"""Twenty spans of 15 s on each channel, one of them heard: eight, eight and the rest."""


@dataclass
class Stub:
    """A transcriber whose processes hear a word in each piece, and break off after so many groups."""

    spec: str = "stub:m"
    engine: str = "stub"
    breaks_off_after: int = 99
    begun: Begun | Transcript = BEGUN
    begins: int = 0
    heard: list[float] = field(default_factory=list)

    async def transcribe(self, *_: object, **__: object) -> Transcript:
        return finish(BEGUN, [], 1.0)

    async def begin(self, *_: object, **__: object) -> Begun | Transcript:
        self.begins += 1
        return self.begun

    async def hear(self, path: Path, channels: int, samples: int, group: list[Piece], language: str) -> Said:
        assert (path, channels, samples, language) == (DECODED.path, DECODED.channels, DECODED.samples, "hi-IN")
        if len(self.heard) >= self.breaks_off_after:
            raise StepFailed("transcription_failed", "It broke off.", retry=True)
        self.heard.append(group[0][0].start)
        assert len({piece[0].speech.channel for piece in group}) == 1
        spans = [part.speech for piece in group for part in piece]
        return Said(tuple(Words(span.speaker, span.start, span.end, f"at {span.start:g}") for span in spans), 1)


@pytest.fixture
async def call(pool: Pool) -> Call:
    new = await onboard(pool)
    await calls.accept(pool, await scope(pool), [submission()])
    async with db.transaction(pool, new.partner_id) as lent:
        await results.save_recording(lent, new.partner_id, "call-1", STORED)
        begun = await calls.begin_step(lent, new.partner_id, "call-1", "received")
    assert begun is not None
    return begun


async def go(
    pool: Pool, call: Call, stub: Stub, *, stored: Stored = STORED, channel: int = 0, languages: tuple[str, ...] = ()
) -> Transcript:
    return await checkpoints.transcribe(
        pool, cast("Any", stub), call, stored, DECODED, agent_channel=channel, languages=languages
    )


async def broken_off(pool: Pool, call: Call, after: int) -> None:
    with pytest.raises(StepFailed):
        await go(pool, call, Stub(breaks_off_after=after))


async def kept(rows: Pool) -> list[int]:
    return [row["number"] for row in await rows.fetch("SELECT number FROM transcript_pieces ORDER BY number")]


async def test_the_next_try_does_only_the_rest(pool: Pool, rows: Pool, call: Call) -> None:
    whole = await go(pool, call, Stub(spec="another"))
    await broken_off(pool, call, 4)
    again = Stub()
    assert await go(pool, call, again) == whole
    assert (again.begins, len(again.heard)) == (0, GROUPS - 4)
    said = {turn.text for turn in whole.turns}
    assert said >= {"first", "at 780", "at 20"}
    assert "at 120" not in said, "what was heard to find the language is not heard again"
    assert whole.dropped is not None
    assert whole.dropped.over_silence == 1 + GROUPS
    async with db.transaction(pool, call.partner_id) as lent:
        await results.save_transcript(lent, call.partner_id, call.call_id, whole)
    assert await kept(rows) == []


@pytest.mark.parametrize(
    "other",
    [
        {"stub": Stub(spec="stub:large")},
        {"stub": Stub(engine="stub-batched")},
        {"stored": replace(STORED, sha256="cd" * 32)},
        {"stored": replace(STORED, size=8)},
        {"channel": 1},
        {"languages": ("hi-IN", "en-IN")},
    ],
    ids=["model", "how it hears", "sound", "size", "agent's channel", "languages"],
)
async def test_nothing_is_taken_over_that_rests_on_something_else(
    pool: Pool, rows: Pool, call: Call, other: dict[str, Any]
) -> None:
    await broken_off(pool, call, 4)
    assert await kept(rows) == [0, 1, 2, 3, 4]
    again = replace(other.pop("stub", Stub()), heard=[])
    await go(pool, call, again, **other)
    assert (again.begins, len(again.heard)) == (1, GROUPS)


async def test_no_words_are_put_where_others_were_cut(pool: Pool, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers that hold a call both may cut it differently; the words of one are nothing to the other."""
    await broken_off(pool, call, 4)
    with monkeypatch.context() as patch:
        patch.setattr(results, "read_begun", _nothing)
        with pytest.raises(StepFailed):
            await go(pool, call, Stub(begun=replace(BEGUN, speech=SPEECH[2:]), breaks_off_after=0))
    again = Stub()
    await go(pool, call, again)
    assert (again.begins, len(again.heard)) == (0, GROUPS)
    assert min(again.heard) > 30


async def _nothing(*_: object) -> None:
    return None


async def test_an_ordinary_call_asks_the_database_nothing(call: Call) -> None:
    nowhere = cast("Any", None)
    short = replace(DECODED, seconds=checkpoints.LONG_SECONDS / 2 - 1)
    stub = cast("Any", Stub())
    done = await checkpoints.transcribe(nowhere, stub, call, STORED, short, agent_channel=0, languages=())
    assert done == finish(BEGUN, [], 1.0)


async def test_nothing_is_kept_of_a_long_recording_with_little_speech(pool: Pool, rows: Pool, call: Call) -> None:
    done = finish(BEGUN, [], SECONDS)
    assert await go(pool, call, Stub(begun=done)) == done
    assert await kept(rows) == []


async def test_a_worker_that_was_overtaken_keeps_nothing(pool: Pool, rows: Pool, call: Call) -> None:
    async with db.transaction(pool, call.partner_id) as lent:
        await results.save_transcript(lent, call.partner_id, call.call_id, finish(BEGUN, [], SECONDS))
    await go(pool, call, Stub())
    assert await kept(rows) == []


async def test_a_database_that_is_away_costs_what_is_kept_and_not_the_work(
    pool: Pool, rows: Pool, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = results.save_piece

    async def now_and_then(connection: Connection, partner_id: int, call_id: str, number: int, *rest: Any) -> None:
        if number in {2, 3}:
            raise Unavailable
        await real(connection, partner_id, call_id, number, *rest)

    monkeypatch.setattr(results, "save_piece", now_and_then)
    await broken_off(pool, call, 5)
    assert await kept(rows) == [0, 1, 4, 5]
    again = Stub()
    await go(pool, call, again)
    assert len(again.heard) == 3


def test_a_group_is_minutes_of_speech() -> None:
    assert GROUP_SECONDS == 120
    assert checkpoints.LONG_SECONDS == 600
