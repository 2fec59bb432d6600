"""Read-only questions, across the tables, for the API, the dashboards and the CLI."""

import time
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from callwright import results, rollups
from callwright.analysis.fields import callback_fields, evidence_fields
from callwright.callbacks import WANTED, Wanted
from callwright.calls import CallbackState, State
from callwright.db import Connection, Scope
from callwright.errors import NotFound
from callwright.transcription import Transcript

ATTEMPTS_SHOWN = 20
"""Of one callback, the newest."""

FIRST_BATCHES = 2
"""Those whose calls a page of a list looks at first; where they do not fill the page, four times as many follow."""
BATCHES_AT_ONCE = 32
"""And no more than these: 1,600 calls, which take some 10 milliseconds from memory, and 50 from the disk."""
SURE_BATCHES = 42
"""That a page looks at however long it takes."""
MOST_BATCHES = 200
"""That it looks at while no more than `LOOKING_SECONDS` have passed, however few of their calls are wanted."""
LOOKING_SECONDS = 0.03

FORMER_SHOWN = 20
"""Of a call's former analyses, the newest."""

_CALL = """
    SELECT c.call_id, c.batch_id, c.state, c.callback_state, c.failure_code, c.failure_message, c.start_time,
        c.end_time, c.received_at, c.changed_at, c.ended_at, c.agent_id, c.customer_id, c.contact_number,
        c.industry, c.function, c.metadata::text AS metadata, c.custom_fields,
        r.call_id IS NOT NULL AS has_recording, r.size, r.container, r.codec, r.sample_rate, r.channels, r.seconds,
        r.declared_seconds, r.removed_at
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
    return {
        **_standing(row),
        "metadata": orjson.Fragment(row["metadata"] or "{}"),  # verbatim, whatever numbers it has
        "custom_fields": row["custom_fields"] or [],
        "recording": _recording(row),
        "transcript": transcript and _transcript(transcript),
        "analysis": analysis
        and {**callback_fields(analysis), **evidence_fields(analysis, transcript.turns if transcript else ())},
        "analysis_history": await _former_analyses(connection, scope.partner_id, call_id) if analysis else [],
    }


def _standing(row: asyncpg.Record) -> dict[str, object]:
    """What was sent of a call, and how it stands."""
    failure = {"code": row["failure_code"], "message": row["failure_message"]} if row["failure_code"] else None
    return {
        "id": row["call_id"],
        "status": row["state"],
        "failure": failure,
        "callback_status": row["callback_state"],
        "batch_id": str(row["batch_id"]),
        **{name: row[name] for name in _SENT_OR_TIMED},
    }


_SENT_OR_TIMED = (
    *("start_time", "end_time", "received_at", "changed_at", "ended_at"),
    *("contact_number", "agent_id", "customer_id", "industry", "function"),
)


async def _former_analyses(connection: Connection, partner_id: int, call_id: str) -> list[dict[str, object]]:
    rows = await connection.fetch(
        """
        SELECT made_at, engine, coalesce(version, body ->> 'version') AS version,
            coalesce(rubric, body ->> 'rubric') AS rubric, intent, intent_score, quality_score
        FROM former_analyses WHERE partner_id = $1 AND call_id = $2 ORDER BY analysis_no DESC LIMIT $3
        """,
        partner_id,
        call_id,
        FORMER_SHOWN,
    )
    return [dict(row) for row in rows]


def _recording(row: asyncpg.Record) -> dict[str, object] | None:
    """A recording, with its length by three witnesses: our count, the file, and the call's own times."""
    if not row["has_recording"]:
        return None
    return {
        "duration": row["seconds"],
        **{name: row[name] for name in ("channels", "sample_rate", "codec", "container", "size")},
        "declared_duration": row["declared_seconds"],
        "call_duration": (row["end_time"] - row["start_time"]).total_seconds(),
        "removed_at": row["removed_at"],
    }


def _transcript(transcript: Transcript) -> dict[str, object]:
    about = {
        name: getattr(transcript, name) for name in ("engine", "model", "language", "quality", "speakers", "coverage")
    }
    dropped = transcript.dropped and asdict(transcript.dropped)
    return {**about, "dropped": dropped, "turns": [asdict(turn) for turn in transcript.turns]}


@dataclass(frozen=True, slots=True)
class WantedCalls:
    """Which calls of a subtenant; what is None makes no difference.

    Attributes:
        since: Received then or later.
        until: Received before.
        intent: One of `rollups.LABELS`: of calls that have ended.
        disposition: Those of customers who are in this disposition now.
    """

    since: datetime | None = None
    until: datetime | None = None
    agent_id: str | None = None
    customer_id: str | None = None
    state: State | None = None
    intent: str | None = None
    disposition: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of calls has ended: when a batch was received, the batch, and the place in it. None ever changes."""

    at: datetime
    batch_id: UUID
    number: int


_BATCHES = """
    SELECT received_at, batch_id FROM batches
    WHERE partner_id = $1 AND subtenant_no = $2
        AND received_at >= coalesce($3::timestamptz, '-infinity')
        AND received_at < coalesce($4::timestamptz, 'infinity')
        AND (received_at, batch_id) <= (coalesce($5::timestamptz, 'infinity'),
            coalesce($6::uuid, '00000000-0000-0000-0000-000000000000'))
    ORDER BY received_at DESC, batch_id DESC LIMIT $7
"""
_OF_BATCHES = f"""
    SELECT c.call_id, c.state, c.failure_code, c.failure_message, c.callback_state, c.batch_id, c.start_time,
        c.end_time, c.received_at, c.changed_at, c.ended_at, c.contact_number, c.agent_id, c.customer_id, c.industry,
        c.function, b.received_at AS at, asked.ord
    FROM batches b
    CROSS JOIN LATERAL unnest(b.call_ids, b.duplicates) WITH ORDINALITY AS asked (call_id, duplicate, ord)
    JOIN calls c ON c.partner_id = $1 AND c.subtenant_no = $2 AND c.call_id = asked.call_id
    WHERE b.partner_id = $1 AND b.batch_id = ANY($3::uuid[]) AND NOT asked.duplicate
        AND (b.batch_id IS DISTINCT FROM $4 OR asked.ord < $5)
        AND ($6::text IS NULL OR c.customer_id = $6) AND ($7::text IS NULL OR c.agent_id = $7)
        AND ($8::text IS NULL OR c.state = $8)
        AND ($9::text IS NULL OR (  -- as EXISTS it may get a plan that hashes all of the subtenant's rows
            SELECT CASE WHEN e.completed THEN coalesce(e.intent, '{rollups.NOT_ASSESSED}') ELSE '{rollups.FAILED}' END
            FROM ended_calls e
            WHERE e.partner_id = $1 AND e.subtenant_no = $2 AND e.customer_id = c.customer_id
                AND e.end_time = c.end_time AND e.call_id = c.call_id) = $9)
        AND ($10::text IS NULL OR (
            SELECT k.disposition_status FROM customers k
            WHERE k.partner_id = $1 AND k.subtenant_no = $2 AND k.customer_id = c.customer_id) = $10)
    ORDER BY b.received_at DESC, b.batch_id DESC, asked.ord DESC LIMIT $11
"""  # noqa: S608


async def list_calls(
    connection: Connection, scope: Scope, wanted: WantedCalls, *, most: int, after: Place | None = None
) -> tuple[list[dict[str, object]], Place | None]:
    """List calls, those that were received last first.

    Args:
        connection: The database.
        scope: Whose calls.
        wanted: Which of them.
        most: How many.
        after: Where the page before has ended: no page shows that call or a later one again.

    Returns:
        The page, and where it ends; None where nothing follows. A page is short, or empty, where few of the calls that
        it has looked at are wanted.
    """
    whose, rows = (scope.partner_id, scope.subtenant_no), list[asyncpg.Record]()
    filters = wanted.customer_id, wanted.agent_id, wanted.state, wanted.intent, wanted.disposition
    place, looked_at, count, until = after, 0, FIRST_BATCHES, time.monotonic() + LOOKING_SECONDS
    while True:  # one statement for all the batches may get a plan that reads all of their calls
        at, batch_id, number = (place.at, place.batch_id, place.number) if place else (None, None, None)
        batches = await connection.fetch(_BATCHES, *whose, wanted.since, wanted.until, at, batch_id, count)
        ids = [batch["batch_id"] for batch in batches]
        rows += await connection.fetch(_OF_BATCHES, *whose, ids, batch_id, number, *filters, most + 1 - len(rows))
        page = [_standing(row) for row in rows[:most]]
        if len(rows) > most:
            last = rows[most - 1]
            return page, Place(last["at"], last["batch_id"], last["ord"])
        if len(batches) < count:
            return page, None
        place, looked_at = Place(batches[-1]["received_at"], ids[-1], 1), looked_at + count
        if looked_at >= MOST_BATCHES or (looked_at >= SURE_BATCHES and time.monotonic() > until):
            return page, place
        count = min(4 * count, BATCHES_AT_ONCE)


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
        "erased": sum(row["call_id"] is None for row in rows),
        "calls": [
            {
                "id": row["call_id"],
                "status": "duplicate" if row["duplicate"] else "accepted",
                "state": row["state"],
                "callback_status": row["callback_state"],
            }
            for row in rows
            if row["call_id"] is not None
        ],
    }


async def list_failed(connection: Connection, partner_id: int, code: str | None, since: datetime | None) -> list[str]:
    """The ids of a partner's calls that failed since then, of one failure code or of any, the first to fail first."""
    rows = await connection.fetch(
        """
        SELECT call_id FROM calls
        WHERE partner_id = $1 AND state = 'failed' AND ($2::text IS NULL OR failure_code = $2)
            AND ($3::timestamptz IS NULL OR ended_at >= $3)
        ORDER BY ended_at
        """,
        partner_id,
        code,
        since,
    )
    return [row["call_id"] for row in rows]


async def callback_state_of(connection: Connection, scope: Scope, call_id: str) -> CallbackState:
    """How a call's callback stands.

    Raises:
        NotFound: The subtenant has no such call.
    """
    state: CallbackState | None = await connection.fetchval(
        "SELECT callback_state FROM calls WHERE partner_id = $1 AND call_id = $2 AND subtenant_no = $3",
        scope.partner_id,
        call_id,
        scope.subtenant_no,
    )
    if state is None:
        raise NotFound("Call not found")
    return state


async def list_callbacks(
    connection: Connection, wanted: Wanted, *, most: int, after: tuple[datetime, str] | None = None
) -> list[dict[str, object]]:
    """List callbacks with their tries, the newest first.

    Args:
        connection: The database.
        wanted: Which ones.
        most: How many.
        after: When the last one of the page before was made, and its id: no page shows it or a newer one again.
    """
    rows = await connection.fetch(
        f"""
        SELECT c.callback_id, c.call_id, c.url, c.state, c.created_at,
               CASE WHEN c.state = 'pending' THEN c.next_attempt_at END AS next_attempt_at, c.ended_at
        FROM callbacks c
        WHERE c.partner_id = $1 AND {WANTED} AND ($8::timestamptz IS NULL OR (c.created_at, c.callback_id) < ($8, $9))
        ORDER BY c.created_at DESC, c.callback_id DESC LIMIT $10
        """,  # noqa: S608
        *wanted.values(),
        *(after or (None, None)),
        most,
    )
    found: dict[str, list[dict[str, object]]] = {row["callback_id"]: [] for row in rows}
    tries = await connection.fetch(
        """
        SELECT a.callback_id, a.attempt, a.started_at, a.http_status, a.error
        FROM callback_attempts a JOIN callbacks c USING (partner_id, callback_id)
        WHERE a.partner_id = $1 AND a.callback_id = ANY($2) AND a.attempt > c.attempts - $3
        ORDER BY a.attempt
        """,
        wanted.partner_id,
        list(found),
        ATTEMPTS_SHOWN,
    )
    for callback_id, *told in (row.values() for row in tries):
        found[callback_id].append(dict(zip(("attempt", "started_at", "http_status", "error"), told, strict=True)))
    return [{**row, "attempts": found[row["callback_id"]]} for row in rows]
