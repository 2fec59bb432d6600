"""What was made of a call: recording, transcript and analysis, a row each; pieces on the way, and former analyses."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter

from callwright import ended_calls
from callwright.analysis import Analysis
from callwright.db import Connection
from callwright.recordings import Decoded, Stored
from callwright.transcription import Transcript
from callwright.transcription.pieces import Begun, Said

_transcripts = TypeAdapter(Transcript)
_begun = TypeAdapter(Begun)
_said = TypeAdapter(Said)
_pieces: TypeAdapter[Begun | Said] = TypeAdapter(Begun | Said)
_analyses = TypeAdapter(Analysis)


async def save_recording(connection: Connection, partner_id: int, call_id: str, stored: Stored) -> None:
    """Keep where a fetched recording is; one that is fetched anew after it was removed takes the place of that."""
    await connection.execute(
        """
        INSERT INTO recordings AS kept (partner_id, call_id, subtenant_no, store_key, size, sha256, container)
        SELECT $1, $2, subtenant_no, $3, $4, decode($5, 'hex'), $6 FROM calls WHERE partner_id = $1 AND call_id = $2
        ON CONFLICT (partner_id, call_id) DO UPDATE SET store_key = excluded.store_key, size = excluded.size,
            sha256 = excluded.sha256, container = excluded.container, fetched_at = now(), removed_at = NULL
        WHERE kept.removed_at IS NOT NULL
        """,
        partner_id,
        call_id,
        stored.key,
        stored.size,
        stored.sha256,
        stored.container,
    )


async def read_recording(connection: Connection, partner_id: int, call_id: str) -> Stored:
    """Read where a call's recording is."""
    row = await connection.fetchrow(
        """
        SELECT store_key, size, encode(sha256, 'hex'), container FROM recordings
        WHERE partner_id = $1 AND call_id = $2
        """,
        partner_id,
        call_id,
    )
    assert row is not None, "a fetched call has its recording"
    return Stored(*row.values())


async def save_decoded(connection: Connection, partner_id: int, call_id: str, decoded: Decoded) -> None:
    """Keep what decoding found out about a recording."""
    await connection.execute(
        """
        UPDATE recordings SET codec = $3, sample_rate = $4, channels = $5, seconds = $6, declared_seconds = $7,
            peaks = $8
        WHERE partner_id = $1 AND call_id = $2
        """,
        partner_id,
        call_id,
        decoded.codec,
        decoded.source_rate,
        decoded.source_channels,
        decoded.seconds,
        decoded.declared_seconds,
        list(decoded.peaks),
    )


async def save_transcript(connection: Connection, partner_id: int, call_id: str, transcript: Transcript) -> None:
    """Keep a call's transcript, to be searched from then on; what was kept on the way to it goes."""
    await connection.execute(
        """
        WITH gone AS (DELETE FROM transcript_pieces WHERE partner_id = $1 AND call_id = $2)
        INSERT INTO transcripts (partner_id, call_id, engine, quality, body, end_time, search_keys)
        SELECT $1, $2, $3, $4, $5, end_time, search_keys(partner_id, subtenant_no, end_time, agent_id, customer_id)
        FROM calls WHERE partner_id = $1 AND call_id = $2
        """,
        partner_id,
        call_id,
        transcript.engine,
        transcript.quality,
        _transcripts.dump_python(transcript, mode="json"),
    )


async def read_transcript(connection: Connection, partner_id: int, call_id: str) -> Transcript | None:
    """Read a call's transcript; None where it has none yet."""
    body = await connection.fetchval(
        "SELECT body FROM transcripts WHERE partner_id = $1 AND call_id = $2", partner_id, call_id
    )
    return None if body is None else _transcripts.validate_python(body)


async def save_piece(
    connection: Connection, partner_id: int, call_id: str, number: int, basis: bytes, piece: Begun | Said
) -> None:
    """Keep a part of a transcript that is being made; nothing is, once the transcript is there or the call is erased.

    Args:
        connection: With a transaction open.
        partner_id: Whose call it is.
        call_id: The partner's own id.
        number: 0 for the beginning, then of the group of pieces.
        basis: A hash of what it rests on.
        piece: What was found out.
    """
    # Whoever saves the transcript changes this row before, so that this waits for it and then sees the transcript; who
    # erases the call deletes it before the pieces.
    if not await connection.fetchval(
        "SELECT true FROM recordings WHERE partner_id = $1 AND call_id = $2 FOR SHARE", partner_id, call_id
    ):
        return
    await connection.execute(
        """
        INSERT INTO transcript_pieces (partner_id, call_id, number, basis, body)
        SELECT $1, $2, $3, $4, $5
        WHERE NOT EXISTS (SELECT FROM transcripts WHERE partner_id = $1 AND call_id = $2)
        ON CONFLICT (partner_id, call_id, number)
        DO UPDATE SET basis = excluded.basis, body = excluded.body, saved_at = now()
        """,
        partner_id,
        call_id,
        number,
        basis,
        _pieces.dump_python(piece, mode="json"),
    )


async def read_begun(connection: Connection, partner_id: int, call_id: str, basis: bytes) -> Begun | None:
    """Read the beginning of a transcript that is being made; None where there is none on this basis."""
    body = await connection.fetchval(
        "SELECT body FROM transcript_pieces WHERE partner_id = $1 AND call_id = $2 AND number = 0 AND basis = $3",
        partner_id,
        call_id,
        basis,
    )
    return None if body is None else _begun.validate_python(body)


async def read_said(connection: Connection, partner_id: int, call_id: str, basis: bytes) -> dict[int, Said]:
    """Read the words of a transcript that is being made, by number of their group; those on this basis alone."""
    rows = await connection.fetch(
        """
        SELECT number, body FROM transcript_pieces
        WHERE partner_id = $1 AND call_id = $2 AND number > 0 AND basis = $3
        """,
        partner_id,
        call_id,
        basis,
    )
    return {row["number"]: _said.validate_python(row["body"]) for row in rows}


async def drop_pieces(connection: Connection, partner_id: int, call_id: str) -> None:
    """Forget what was kept on the way to a transcript that is not going to be made."""
    await connection.execute(
        "DELETE FROM transcript_pieces WHERE partner_id = $1 AND call_id = $2", partner_id, call_id
    )


async def save_analysis(connection: Connection, partner_id: int, call_id: str, analysis: Analysis) -> None:
    """Keep a call's first analysis, and what it adds to the picture of its customer and its agent."""
    await connection.execute(
        """
        INSERT INTO analyses (partner_id, call_id, engine, version, rubric, intent, intent_score, quality_score, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        partner_id,
        call_id,
        *_columns(analysis),
    )
    await ended_calls.note_completed(connection, partner_id, call_id, analysis)


async def replace_analysis(
    connection: Connection, partner_id: int, call_id: str, analysis: Analysis, *, made_at: datetime
) -> bool:
    """Keep a later analysis of a call as its current one, and the one before in the history.

    Args:
        connection: With a transaction open.
        partner_id: Whose call it is.
        call_id: The partner's own id.
        analysis: The new one.
        made_at: When the one was made that it takes the place of.

    Returns:
        False where that is not the current one any more, or the call is gone: nothing is changed.
    """
    row = await connection.fetchval(
        """
        WITH before AS (
            SELECT * FROM analyses WHERE partner_id = $1 AND call_id = $2 AND made_at = $3 FOR UPDATE
        ), kept AS (
            INSERT INTO former_analyses (partner_id, call_id, analysis_no, engine, version, rubric, intent,
                intent_score, quality_score, body, made_at)
            SELECT partner_id, call_id,
                (SELECT coalesce(max(analysis_no), 0) + 1 FROM former_analyses WHERE partner_id = $1 AND call_id = $2),
                engine, version, rubric, intent, intent_score, quality_score, body, made_at
            FROM before
        )
        UPDATE analyses a SET engine = $4, version = $5, rubric = $6, intent = $7, intent_score = $8,
            quality_score = $9, body = $10, made_at = clock_timestamp()
        FROM before WHERE a.partner_id = $1 AND a.call_id = $2 RETURNING true
        """,
        partner_id,
        call_id,
        made_at,
        *_columns(analysis),
    )
    if row is None:
        return False
    await ended_calls.note_completed(connection, partner_id, call_id, analysis)
    return True


def _columns(analysis: Analysis) -> tuple[object, ...]:
    return (
        *(analysis.engine, analysis.version, analysis.rubric),
        *(analysis.intent, analysis.intent_score, analysis.quality_score),
        _analyses.dump_python(analysis, mode="json"),
    )


async def read_analysis(connection: Connection, partner_id: int, call_id: str) -> Analysis | None:
    """Read a call's current analysis; None where it has none yet."""
    body = await connection.fetchval(
        "SELECT body FROM analyses WHERE partner_id = $1 AND call_id = $2", partner_id, call_id
    )
    return None if body is None else _analyses.validate_python(body)


async def progress_of(
    connection: Connection, partner_id: int, call_id: str
) -> Literal["received", "fetched", "transcribed"]:
    """How far a call that is not completed has come, by what there is of it."""
    state: Literal["received", "fetched", "transcribed"] = await connection.fetchval(
        """
        SELECT CASE
            WHEN EXISTS (SELECT FROM transcripts WHERE partner_id = $1 AND call_id = $2) THEN 'transcribed'
            WHEN EXISTS (SELECT FROM recordings WHERE partner_id = $1 AND call_id = $2 AND removed_at IS NULL)
                THEN 'fetched'
            ELSE 'received' END
        """,
        partner_id,
        call_id,
    )
    return state


async def erase(connection: Connection, partner_id: int, call_ids: Sequence[str]) -> int:
    """Delete all that was made of calls that the caller has locked; gives the rows that went.

    In this order, a statement each: who keeps a piece locks the recording before, and who replaces an analysis locks
    that before it adds to the former ones, so that what they add is seen here.
    """
    rows = 0
    for table in ("recordings", "transcript_pieces", "transcripts", "analyses", "former_analyses"):
        rows += await connection.fetchval(
            f"""
            WITH gone AS (DELETE FROM {table} WHERE partner_id = $1 AND call_id = ANY($2::text[]) RETURNING 1)
            SELECT count(*) FROM gone
            """,  # noqa: S608
            *(partner_id, call_ids),
        )
    return rows


async def remove_recordings(connection: Connection, partner_id: int, call_ids: Sequence[str]) -> list[str]:
    """Say of recordings that they are removed, and forget how loud they are when; gives the calls whose they were.

    The rest of the calls stays. The caller sees to the files.
    """
    rows = await connection.fetch(
        """
        UPDATE recordings SET removed_at = now(), peaks = NULL
        WHERE partner_id = $1 AND call_id = ANY($2::text[]) AND removed_at IS NULL RETURNING call_id
        """,
        *(partner_id, call_ids),
    )
    return [row["call_id"] for row in rows]
