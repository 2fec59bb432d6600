"""Long calls are put into words in pieces, and what is done is kept: a crash repeats minutes, not the hour."""

import asyncio
import hashlib
from typing import TypeAlias

import structlog
from pydantic import TypeAdapter

from callwright import __version__, db, results
from callwright.calls import Call
from callwright.db import Pool
from callwright.errors import Unavailable
from callwright.kill_points import reached
from callwright.recordings import Decoded, Stored
from callwright.transcription import Transcript
from callwright.transcription.conversation import finish
from callwright.transcription.pieces import GROUP_SECONDS, Begun, Said, groups
from callwright.transcription.processes import Transcriber
from callwright.transcription.vad import RATE

log = structlog.get_logger()

LONG_SECONDS = 600.0
"""Speech from which on a call is worth it; one with less is put into words in one go, and nothing is kept of it."""

_BEGUN = TypeAdapter(Begun)

_Left: TypeAlias = tuple[Begun | None, dict[int, Said]]


async def transcribe(
    pool: Pool,
    transcriber: Transcriber,
    call: Call,
    recording: Stored,
    decoded: Decoded,
    *,
    agent_channel: int,
    languages: tuple[str, ...],
) -> Transcript:
    """Put a call into words, from where an earlier try broke off.

    Args:
        pool: The database; each group of pieces is a short transaction.
        transcriber: The engine.
        call: Whose words they are.
        recording: What was decoded.
        decoded: Its samples.
        agent_channel: See `conversation.transcribe`.
        languages: Likewise.

    Raises:
        StepFailed: As there.
    """
    source = decoded.path, decoded.channels, decoded.samples, decoded.seconds
    if decoded.seconds * decoded.channels < LONG_SECONDS:  # there cannot be so much speech in it
        return await transcriber.transcribe(*source, agent_channel=agent_channel, languages=languages)
    # All that the words follow from. A piece of another engine, or of another recording, is never taken over.
    settings = transcriber.spec, transcriber.engine, agent_channel, languages, GROUP_SECONDS, __version__
    rests_on = recording.sha256, recording.size, settings
    basis = hashlib.sha256(repr(rests_on).encode()).digest()
    begun, said = await _left(pool, call, basis)
    if begun is None:
        first = await transcriber.begin(
            *source, agent_channel=agent_channel, languages=languages, at_once_below=LONG_SECONDS
        )
        if isinstance(first, Transcript):
            return first
        begun = first
        await _keep(pool, call, 0, basis, begun)
    for number, group in enumerate(groups(begun, decoded.samples / RATE), 1):
        if number not in said:
            said[number] = await transcriber.hear(*source[:3], group, begun.language)
            await _keep(pool, call, number, _basis_of(basis, begun), said[number])
    return await asyncio.to_thread(finish, begun, list(said.values()), decoded.seconds)


def _basis_of(basis: bytes, begun: Begun) -> bytes:
    """What the words of a group rest on: the numbers mean something only beside the cuts that were made."""
    return hashlib.sha256(basis + _BEGUN.dump_json(begun)).digest()


async def _left(pool: Pool, call: Call, basis: bytes) -> _Left:
    """What an earlier try has left on this basis."""
    async with db.transaction(pool, call.partner_id) as connection:
        begun = await results.read_begun(connection, call.partner_id, call.call_id, basis)
        if begun is None:
            return None, {}
        said = await results.read_said(connection, call.partner_id, call.call_id, _basis_of(basis, begun))
    log.info("a long call goes on", call_id=call.call_id, partner_id=call.partner_id, groups=len(said))
    return begun, said


async def _keep(pool: Pool, call: Call, number: int, basis: bytes, piece: Begun | Said) -> None:
    """Keep what was done; where the database is away it is kept with the transcript at the latest."""
    reached("pieces-heard")
    try:
        async with db.transaction(pool, call.partner_id) as connection:
            await results.save_piece(connection, call.partner_id, call.call_id, number, basis, piece)
            reached("pieces-saved")
    except Unavailable:
        log.warning("the database is away or full, pieces are not kept", call_id=call.call_id, group=number)
    reached("pieces-kept")
