"""Read-only questions, across the tables, for the API, the dashboards and the CLI."""

from dataclasses import asdict
from uuid import UUID

import asyncpg
import orjson

from callwright import results
from callwright.analysis.fields import callback_fields, evidence_fields
from callwright.db import Connection, Scope
from callwright.errors import NotFound
from callwright.transcription import Transcript

_CALL = """
    SELECT c.call_id, c.batch_id, c.state, c.callback_state, c.failure_code, c.failure_message, c.start_time,
        c.end_time, c.received_at, c.changed_at, c.ended_at, c.agent_id, c.customer_id, c.contact_number,
        c.industry, c.function, c.metadata::text AS metadata, c.custom_fields,
        r.call_id IS NOT NULL AS has_recording, r.size, r.container, r.codec, r.sample_rate, r.channels, r.seconds,
        r.declared_seconds
    FROM calls c
    LEFT JOIN recordings r ON r.partner_id = c.partner_id AND r.call_id = c.call_id
    WHERE c.partner_id = $1 AND c.call_id = $2 AND c.subtenant_no = $3
"""


async def scope_of_call(connection: Connection, partner_id: int, call_id: str) -> Scope:
    """Find the subtenant of a call, for the operator, who may look at every call.

    Raises:
        NotFound: The partner has no such call.
    """
    number = await connection.fetchval(
        "SELECT subtenant_no FROM calls WHERE partner_id = $1 AND call_id = $2", partner_id, call_id
    )
    if number is None:
        raise NotFound("Call not found")
    return Scope(partner_id, number)


async def read_call(connection: Connection, scope: Scope, call_id: str) -> dict[str, object]:
    """Read a call in the words of section 7 of the contract.

    Raises:
        NotFound: The subtenant has no such call.
    """
    row = await connection.fetchrow(_CALL, scope.partner_id, call_id, scope.subtenant_no)
    if row is None:
        raise NotFound("Call not found")
    transcript = await results.read_transcript(connection, scope.partner_id, call_id)
    analysis = await results.read_analysis(connection, scope.partner_id, call_id)
    failure = {"code": row["failure_code"], "message": row["failure_message"]} if row["failure_code"] else None
    return {
        "id": row["call_id"],
        "status": row["state"],
        "failure": failure,
        "callback_status": row["callback_state"],
        "batch_id": str(row["batch_id"]),
        **{name: row[name] for name in _SENT_OR_TIMED},
        "metadata": orjson.Fragment(row["metadata"] or "{}"),  # verbatim, whatever numbers it has
        "custom_fields": row["custom_fields"] or [],
        "recording": _recording(row),
        "transcript": transcript and _transcript(transcript),
        "analysis": analysis and {**callback_fields(analysis), **evidence_fields(analysis)},
    }


_SENT_OR_TIMED = (
    *("start_time", "end_time", "received_at", "changed_at", "ended_at"),
    *("contact_number", "agent_id", "customer_id", "industry", "function"),
)


def _recording(row: asyncpg.Record) -> dict[str, object] | None:
    """A recording, with its length by three witnesses: our count, the file, and the call's own times."""
    if not row["has_recording"]:
        return None
    return {
        "duration": row["seconds"],
        **{name: row[name] for name in ("channels", "sample_rate", "codec", "container", "size")},
        "declared_duration": row["declared_seconds"],
        "call_duration": (row["end_time"] - row["start_time"]).total_seconds(),
    }


def _transcript(transcript: Transcript) -> dict[str, object]:
    about = {
        name: getattr(transcript, name) for name in ("engine", "model", "language", "quality", "speakers", "coverage")
    }
    return {**about, "turns": [asdict(turn) for turn in transcript.turns]}


async def read_batch(connection: Connection, scope: Scope, batch_id: str) -> dict[str, object]:
    """Read a batch and how its calls stand now.

    Raises:
        NotFound: The subtenant has no such batch, or the id is none.
    """
    try:
        key = UUID(batch_id)
    except ValueError:
        raise NotFound("Batch not found") from None
    rows = await connection.fetch(
        """
        SELECT b.received_at, asked.call_id, asked.duplicate, c.state, c.callback_state
        FROM batches b
        CROSS JOIN LATERAL unnest(b.call_ids, b.duplicates) WITH ORDINALITY AS asked(call_id, duplicate, ord)
        LEFT JOIN calls c
            ON c.partner_id = b.partner_id AND c.call_id = asked.call_id AND c.subtenant_no = b.subtenant_no
        WHERE b.partner_id = $1 AND b.batch_id = $2 AND b.subtenant_no = $3
        ORDER BY asked.ord
        """,
        scope.partner_id,
        key,
        scope.subtenant_no,
    )
    if not rows:
        raise NotFound("Batch not found")
    duplicates = sum(row["duplicate"] for row in rows)
    return {
        "batch_id": str(key),
        "received_at": rows[0]["received_at"],
        "accepted": len(rows) - duplicates,
        "duplicates": duplicates,
        "calls": [
            {
                "id": row["call_id"],
                "status": "duplicate" if row["duplicate"] else "accepted",
                "state": row["state"],
                "callback_status": row["callback_state"],
            }
            for row in rows
        ],
    }
