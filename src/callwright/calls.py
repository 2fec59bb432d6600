"""Calls: a batch is accepted once and durably; each call walks from state to state and never vanishes."""

import asyncio
import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypedDict
from uuid import UUID, uuid4

import asyncpg
import orjson

from callwright import customers, db, queue
from callwright.db import Connection, Pool, Scope
from callwright.errors import FailureCode, Unavailable
from callwright.transcription.conversation import PartnerTurn

State = Literal["received", "fetched", "transcribed", "completed", "failed"]
CallbackState = Literal["none", "pending", "delivered", "undelivered"]

TRIES = 4
"""How often a step of a call is begun before it is set aside; a call that kills its worker is counted too."""

DEADLOCK_TRIES = 5


class Submission(TypedDict):
    """One call of a batch, checked and flat; None where the partner left a field out. Times are ISO 8601 in UTC."""

    call_id: str
    recording_url: str
    start_time: str
    end_time: str
    contact_number: str
    agent_id: str
    agent_name: str | None
    agent_email: str | None
    customer_id: str
    customer_name: str | None
    customer_email: str | None
    disposition_status: str | None
    callback_url: str | None
    industry: str | None
    function: str | None
    metadata: dict[str, str | int | float] | None
    custom_fields: list[dict[str, str]] | None
    transcript: list[PartnerTurn] | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one call of a batch; `changed` where a duplicate's content differs from the first."""

    id: str
    status: Literal["accepted", "duplicate"]
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """A batch that is durable, its entries in the order of the request."""

    batch_id: UUID
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class Call:
    """What a step needs to know of a call."""

    partner_id: int
    call_id: str
    subtenant_no: int
    state: State
    attempts: int
    recording_url: str
    callback_url: str | None
    agent_id: str
    customer_id: str
    start_time: datetime
    end_time: datetime
    metadata_json: str | None
    partner_transcript: list[PartnerTurn] | None
    failure_message: str | None


_ACCEPT = f"""
WITH input AS MATERIALIZED (
    SELECT * FROM json_to_recordset($4::text::json) AS r(
        ord integer, call_id text, body_hash text, recording_url text, start_time timestamptz, end_time timestamptz,
        contact_number text, agent_id text, agent_name text, agent_email text, customer_id text, customer_name text,
        customer_email text, disposition_status text, callback_url text, industry text, function text,
        metadata text, custom_fields text, transcript text)
), fresh AS (
    INSERT INTO calls (partner_id, call_id, subtenant_no, batch_id, body_hash, callback_state, start_time, end_time,
        agent_id, customer_id, contact_number, recording_url, callback_url, industry, function,
        metadata, custom_fields, partner_transcript)
    SELECT $1, call_id, $2, $3, decode(body_hash, 'hex'),
        CASE WHEN callback_url IS NULL THEN 'none' ELSE 'pending' END, start_time, end_time,
        agent_id, customer_id, contact_number, recording_url, callback_url, industry, function,
        metadata::json, custom_fields::json, transcript::json
    FROM input ORDER BY call_id COLLATE "C"
    ON CONFLICT (partner_id, call_id) DO NOTHING
    RETURNING call_id
), accepted AS (
    SELECT input.* FROM input JOIN fresh USING (call_id)
), agents_kept AS ({customers.UPSERT_AGENTS}),
customers_kept AS ({customers.UPSERT_CUSTOMERS}),
dispositions_kept AS ({customers.RECORD_DISPOSITIONS}),
jobs AS ({queue.ENQUEUE_FETCH}),
batch AS (
    INSERT INTO batches (partner_id, batch_id, subtenant_no, call_ids, duplicates)
    SELECT $1, $3, $2, $5::text[], array_agg(fresh.call_id IS NULL OR NOT asked.first ORDER BY asked.ord)
    FROM (
        SELECT call_id, ord, row_number() OVER (PARTITION BY call_id ORDER BY ord) = 1 AS first
        FROM unnest($5::text[]) WITH ORDINALITY AS u(call_id, ord)
    ) AS asked
    LEFT JOIN fresh USING (call_id)
)
SELECT call_id FROM fresh
"""  # noqa: S608


def _body_hash(submission: Submission) -> str:
    """Hash a call's content; the order of keys and a field that is null rather than absent make no difference."""
    text = json.dumps(submission, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _verbatim(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, allow_nan=False)


def _row(order: int, submission: Submission, body_hash: str) -> dict[str, object]:
    return {
        **submission,
        "ord": order,
        "body_hash": body_hash,
        "metadata": _verbatim(submission["metadata"]),
        "custom_fields": _verbatim(submission["custom_fields"]),
        "transcript": _verbatim(submission["transcript"]),
    }


async def accept(pool: Pool, scope: Scope, submissions: Sequence[Submission]) -> Accepted:
    """Accept a batch: when this returns, it is committed, its jobs included.

    Idempotent on the call's id, over all tenants of the partner: a call that is there already, or earlier in the same
    batch, is a duplicate and changes nothing, even when two requests race.

    Args:
        pool: The database.
        scope: Whose calls these are.
        submissions: At least one call, checked.

    Raises:
        Unavailable: The database is away; the same batch may be sent again.
    """
    batch_id = uuid4()
    hashes = [_body_hash(submission) for submission in submissions]
    first: dict[str, int] = {}
    for order, submission in enumerate(submissions):
        first.setdefault(submission["call_id"], order)
    rows = [_row(order, submissions[order], hashes[order]) for order in first.values()]
    arguments = (
        scope.partner_id,
        scope.subtenant_no,
        batch_id,
        orjson.dumps(rows).decode(),
        [submission["call_id"] for submission in submissions],
    )
    async with db.connection(pool) as connection:
        fresh = await _accept_rows(connection, arguments)
        known = await _known_hashes(
            connection, scope.partner_id, [call_id for call_id in first if call_id not in fresh]
        )
    entries = []
    for order, submission in enumerate(submissions):
        call_id = submission["call_id"]
        if call_id in fresh and first[call_id] == order:
            entries.append(Entry(call_id, "accepted"))
        else:
            kept = hashes[first[call_id]] if call_id in fresh else known.get(call_id)
            entries.append(Entry(call_id, "duplicate", changed=kept != hashes[order]))
    return Accepted(batch_id, entries)


async def _accept_rows(connection: Connection, arguments: tuple[object, ...]) -> set[str]:
    """Run the one statement; a batch that meets another head-on is simply tried again, as nothing of it was kept."""
    for _ in range(DEADLOCK_TRIES):
        try:
            return {row["call_id"] for row in await connection.fetch(_ACCEPT, *arguments)}
        except asyncpg.DeadlockDetectedError:
            await asyncio.sleep(random.uniform(0.01, 0.1))
    raise Unavailable


async def _known_hashes(connection: Connection, partner_id: int, call_ids: list[str]) -> dict[str, str]:
    if not call_ids:
        return {}
    rows = await connection.fetch(
        "SELECT call_id, encode(body_hash, 'hex') AS hash FROM calls WHERE partner_id = $1 AND call_id = ANY($2)",
        partner_id,
        call_ids,
    )
    return {row["call_id"]: row["hash"] for row in rows}


async def begin_step(connection: Connection, partner_id: int, call_id: str, state: State) -> Call | None:
    """Count a try of a step and read the call; None where the call is past this step, and the job is done.

    The try is counted before the work begins, so that a call that kills its worker is set aside in the end.

    Args:
        connection: On which the statement is its own transaction.
        partner_id: Whose call it is.
        call_id: The partner's own id.
        state: The state in which the step finds the call.
    """
    row = await connection.fetchrow(
        """
        UPDATE calls SET attempts = attempts + 1
        WHERE partner_id = $1 AND call_id = $2 AND state = $3
        RETURNING partner_id, call_id, subtenant_no, state, attempts, recording_url, callback_url, agent_id,
            customer_id, start_time, end_time, metadata::text, partner_transcript, failure_message
        """,
        partner_id,
        call_id,
        state,
    )
    return None if row is None else Call(*row.values())


async def take_back_try(connection: Connection, call: Call) -> None:
    """Uncount a try that broke off for no reason of the call's own."""
    await connection.execute(
        """
        UPDATE calls SET attempts = attempts - 1
        WHERE partner_id = $1 AND call_id = $2 AND state = $3 AND attempts > 0
        """,
        call.partner_id,
        call.call_id,
        call.state,
    )


async def read_ended(connection: Connection, partner_id: int, call_id: str) -> Call:
    """Read a call as its callback tells of it."""
    row = await connection.fetchrow(
        """
        SELECT partner_id, call_id, subtenant_no, state, attempts, recording_url, callback_url, agent_id,
            customer_id, start_time, end_time, metadata::text, partner_transcript, failure_message
        FROM calls WHERE partner_id = $1 AND call_id = $2
        """,
        partner_id,
        call_id,
    )
    assert row is not None, "calls are never deleted"
    return Call(*row.values())


async def move(connection: Connection, call: Call, to: Literal["fetched", "transcribed", "completed"]) -> bool:
    """Move a call on, in the transaction that saves what the step made; its tries start anew.

    Returns:
        False where somebody else has moved it meanwhile: the caller then saves nothing.
    """
    moved = await connection.fetchval(
        """
        UPDATE calls SET state = $4, attempts = 0, changed_at = now(),
            ended_at = CASE WHEN $4 = 'completed' THEN now() END
        WHERE partner_id = $1 AND call_id = $2 AND state = $3 RETURNING true
        """,
        call.partner_id,
        call.call_id,
        call.state,
        to,
    )
    return moved is not None


async def fail(connection: Connection, call: Call, code: FailureCode, message: str) -> bool:
    """End a call as failed, with a reason that the partner can read.

    Returns:
        False where somebody else has moved it meanwhile.
    """
    moved = await connection.fetchval(
        """
        UPDATE calls SET state = 'failed', failure_code = $4, failure_message = $5, changed_at = now(), ended_at = now()
        WHERE partner_id = $1 AND call_id = $2 AND state = $3 RETURNING true
        """,
        call.partner_id,
        call.call_id,
        call.state,
        code,
        message,
    )
    return moved is not None


async def set_callback_state(connection: Connection, partner_id: int, call_id: str, state: CallbackState) -> None:
    """Say on the call how its callback stands, in the transaction that moved the callback."""
    await connection.execute(
        "UPDATE calls SET callback_state = $3 WHERE partner_id = $1 AND call_id = $2", partner_id, call_id, state
    )
