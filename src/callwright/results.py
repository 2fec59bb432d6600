"""What the pipeline made of a call: its recording, its transcript and its analysis, one row each."""

from pydantic import TypeAdapter

from callwright.analysis import Analysis
from callwright.db import Connection
from callwright.recordings import Decoded, Stored
from callwright.transcription import Transcript

_transcripts = TypeAdapter(Transcript)
_analyses = TypeAdapter(Analysis)


async def save_recording(connection: Connection, partner_id: int, call_id: str, stored: Stored) -> None:
    """Keep where a fetched recording is."""
    await connection.execute(
        """
        INSERT INTO recordings (partner_id, call_id, store_key, size, sha256, container)
        VALUES ($1, $2, $3, $4, decode($5, 'hex'), $6)
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
    """Keep a call's transcript."""
    await connection.execute(
        "INSERT INTO transcripts (partner_id, call_id, engine, quality, body) VALUES ($1, $2, $3, $4, $5)",
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


async def save_analysis(connection: Connection, partner_id: int, call_id: str, analysis: Analysis) -> None:
    """Keep a call's analysis."""
    await connection.execute(
        """
        INSERT INTO analyses (partner_id, call_id, engine, intent, intent_score, quality_score, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        partner_id,
        call_id,
        analysis.engine,
        analysis.intent,
        analysis.intent_score,
        analysis.quality_score,
        _analyses.dump_python(analysis, mode="json"),
    )


async def read_analysis(connection: Connection, partner_id: int, call_id: str) -> Analysis | None:
    """Read a call's analysis; None where it has none yet."""
    body = await connection.fetchval(
        "SELECT body FROM analyses WHERE partner_id = $1 AND call_id = $2", partner_id, call_id
    )
    return None if body is None else _analyses.validate_python(body)
