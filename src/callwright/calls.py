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

from callwright import customers, db, ended_calls, queue
from callwright.db import Connection, Pool, Scope
from callwright.errors import FailureCode, Unavailable
from callwright.kill_points import reached
from callwright.transcription.conversation import PartnerTurn

State = Literal["received", "fetched", "transcribed", "completed", "failed"]
CallbackState = Literal["none", "pending", "delivered", "undelivered"]

TRIES = 4
"""How often a step of a call is begun before it is set aside; a call that kills its worker is counted too."""

SUSPECT = 2
"""A call whose tries died with their workers so often in a row may be what kills them, or have been beside it."""

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
    """What a step needs to know of a call; `test` where it is a test twin's."""

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
    test: bool


_ACCEPT = f"""
WITH input AS MATERIALIZED (
    SELECT * FROM json_to_recordset($4::text::json) AS r(
        ord integer, call_id text, body_hash text, recording_url text, start_time timestamptz, end_time timestamptz,
        contact_number text, agent_id text, agent_name text, agent_email text, customer_id text, customer_name text,
        customer_email text, disposition_status text, callback_url text, industry text, function text,
        metadata json, custom_fields json, transcript json)
), fresh AS (
    INSERT INTO calls (partner_id, call_id, subtenant_no, batch_id, body_hash, callback_state, start_time, end_time,
        agent_id, customer_id, contact_number, recording_url, callback_url, industry, function,
        metadata, custom_fields, partner_transcript)
    SELECT $1, call_id, $2, $3, decode(body_hash, 'hex'),
        CASE WHEN callback_url IS NULL THEN 'none' ELSE 'pending' END, start_time, end_time,
        agent_id, customer_id, contact_number, recording_url, callback_url, industry, function,
        metadata, custom_fields, transcript
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


_ALL_KNOWN = """
    INSERT INTO batches (partner_id, batch_id, subtenant_no, call_ids, duplicates)
    VALUES ($1, $3, $2, $4, array_fill(true, ARRAY[cardinality($4::text[])]))
"""
"""What is kept of a batch without a new call."""


def _body_hash(submission: Submission) -> str:
    """Hash a call's content; the order of keys and a field that is null rather than absent make no difference."""
    return hashlib.blake2b(_json(submission, orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _row(order: int, submission: Submission, body_hash: str) -> bytes:
    """A call as JSON, its metadata as it was sent, with the fields that the statement wants beside it."""
    return b'{"ord":%d,"body_hash":"%s",%s' % (order, body_hash.encode(), _json(submission)[1:])


def _json(submission: Submission, option: int | None = None) -> bytes:
    try:
        return orjson.dumps(submission, option=option)
    except TypeError:  # a number in the metadata that is longer than 64 bits
        return json.dumps(submission, sort_keys=option is not None, separators=(",", ":"), ensure_ascii=False).encode()


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
    rows = {call_id: _row(order, submissions[order], hashes[order]) for call_id, order in first.items()}
    batch = scope.partner_id, scope.subtenant_no, batch_id
    try:
        fresh, known = await _accept_rows(pool, batch, [each["call_id"] for each in submissions], rows)
    finally:
        queue.ledger().settle_soon(pool)
    entries = []
    for order, submission in enumerate(submissions):
        call_id = submission["call_id"]
        if call_id in fresh and first[call_id] == order:
            entries.append(Entry(call_id, "accepted"))
        else:
            kept = hashes[first[call_id]] if call_id in fresh else known.get(call_id)
            entries.append(Entry(call_id, "duplicate", changed=kept != hashes[order]))
    return Accepted(batch_id, entries)


async def _accept_rows(
    pool: Pool, batch: tuple[int, int, UUID], call_ids: list[str], rows: dict[str, bytes]
) -> tuple[set[str], dict[str, str]]:
    """Store a batch; one that meets another head-on is simply tried again, as nothing of it was kept.

    What is known already is found first: the statement that stores costs much even where nothing is new.

    Returns:
        The ids of the calls that are new, and the hashes of those that were known.
    """
    for _ in range(DEADLOCK_TRIES):
        try:
            async with db.transaction(pool, batch[0]) as connection:
                known = await _known_hashes(connection, batch[0], list(rows))
                new = {call_id: row for call_id, row in rows.items() if call_id not in known}
                fresh = await _insert(connection, batch, call_ids, new)
                reached("batch-inserted")
                raced = [call_id for call_id in rows if call_id not in fresh and call_id not in known]
                return fresh, known | await _known_hashes(connection, batch[0], raced)
        except asyncpg.DeadlockDetectedError:
            await asyncio.sleep(random.uniform(0.01, 0.1))
    raise Unavailable


async def _insert(
    connection: Connection, batch: tuple[int, int, UUID], call_ids: list[str], new: dict[str, bytes]
) -> set[str]:
    """Insert what seems to be new, and the batch; gives the ids of those that were."""
    if not new:
        await connection.execute(_ALL_KNOWN, *batch, call_ids)
        return set()
    ledger, billed, fresh = queue.ledger(), len(new), set[str]()
    ahead = ledger.owe("fetch", batch[0], billed)
    try:
        rows = f"[{b','.join(new.values()).decode()}]"
        fresh = {row["call_id"] for row in await connection.fetch(_ACCEPT, *batch, rows, call_ids, ahead)}
    finally:
        ledger.owe("fetch", batch[0], len(fresh) - billed)
    return fresh


async def _known_hashes(connection: Connection, partner_id: int, call_ids: list[str]) -> dict[str, str]:
    if not call_ids:
        return {}
    rows = await connection.fetch(
        "SELECT call_id, encode(body_hash, 'hex') AS hash FROM calls "
        "WHERE partner_id = $1 AND call_id = ANY($2::text[])",
        partner_id,
        call_ids,
    )
    return {row["call_id"]: row["hash"] for row in rows}


async def begin_step(
    connection: Connection, partner_id: int, call_id: str, state: State, *, alone: bool = True
) -> Call | None:
    """Count a try of a step and read the call; None where the call is past this step, and the job is done.

    The try is counted before the work begins, so that a call that kills its worker is set aside in the end.

    Args:
        connection: On which the statement is its own transaction.
        partner_id: Whose call it is.
        call_id: The partner's own id.
        state: The state in which the step finds the call.
        alone: Whether to begin it even where the last `SUSPECT` tries died with their workers.
    """
    row = await connection.fetchrow(
        """
        UPDATE calls SET attempts = least(attempts + 1, 1000), open_tries = least(open_tries + 1, 1000)
        WHERE partner_id = $1 AND call_id = $2 AND state = $3 AND ($4 OR open_tries < $5)
        RETURNING partner_id, call_id, subtenant_no, state, attempts, recording_url, callback_url, agent_id,
            customer_id, start_time, end_time, metadata::text, partner_transcript, failure_message,
            EXISTS (SELECT FROM partners p WHERE p.partner_id = calls.partner_id AND p.test_of IS NOT NULL)
        """,
        *(partner_id, call_id, state, alone, SUSPECT),
    )
    return None if row is None else Call(*row.values())


async def end_try(connection: Connection, call: Call) -> None:
    """Note that a try came to an end, if a bad one: what came before it was not of the call's making."""
    await connection.execute(
        "UPDATE calls SET open_tries = 0 WHERE partner_id = $1 AND call_id = $2 AND state = $3",
        call.partner_id,
        call.call_id,
        call.state,
    )


async def take_back_try(connection: Connection, call: Call) -> None:
    """Uncount a try that broke off for no reason of the call's own."""
    await connection.execute(
        """
        UPDATE calls SET attempts = attempts - 1, open_tries = greatest(open_tries - 1, 0)
        WHERE partner_id = $1 AND call_id = $2 AND state = $3 AND attempts > 0
        """,
        call.partner_id,
        call.call_id,
        call.state,
    )


async def count_outage(connection: Connection, call: Call) -> int | None:
    """Count an outage of ours that stopped a step, instead of the try.

    Returns:
        How many the step has met; None where somebody else has moved the call meanwhile.
    """
    met: int | None = await connection.fetchval(
        """
        UPDATE calls SET attempts = greatest(attempts - 1, 0), outages = outages + 1, open_tries = 0
        WHERE partner_id = $1 AND call_id = $2 AND state = $3 RETURNING outages
        """,
        call.partner_id,
        call.call_id,
        call.state,
    )
    return met


async def move(connection: Connection, call: Call, to: Literal["fetched", "transcribed", "completed"]) -> bool:
    """Move a call on, in the transaction that saves what the step made; its tries start anew.

    Returns:
        False where somebody else has moved it meanwhile: the caller then saves nothing.
    """
    moved = await connection.fetchval(
        """
        UPDATE calls SET state = $4, attempts = 0, open_tries = 0, outages = 0, changed_at = now(),
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
        *(call.partner_id, call.call_id, call.state, code, message),
    )
    if moved:
        await ended_calls.note_failed(connection, call.partner_id, call.call_id)
    return moved is not None


async def retry(
    connection: Connection, partner_id: int, call_id: str, to: Literal["received", "fetched", "transcribed"]
) -> bool:
    """Put a call that failed back to the state in which its failing step finds it; its tries start anew.

    Returns:
        False where there is no such call, or it has not failed.
    """
    moved = await connection.fetchval(
        """
        UPDATE calls SET state = $3, failure_code = NULL, failure_message = NULL, attempts = 0, outages = 0,
            open_tries = 0, changed_at = now(), ended_at = NULL,
            callback_state = CASE WHEN callback_url IS NULL THEN 'none' ELSE 'pending' END
        WHERE partner_id = $1 AND call_id = $2 AND state = 'failed' RETURNING true
        """,
        partner_id,
        call_id,
        to,
    )
    if moved:
        await ended_calls.forget(connection, partner_id, call_id)
    return moved is not None


async def state_of(connection: Connection, partner_id: int, call_id: str) -> State | None:
    """How a call stands; None where the partner has none of this id."""
    state: State | None = await connection.fetchval(
        "SELECT state FROM calls WHERE partner_id = $1 AND call_id = $2", partner_id, call_id
    )
    return state


async def set_callback_state(
    connection: Connection, partner_id: int, call_ids: Sequence[str], state: CallbackState
) -> None:
    """Say on calls how their callbacks stand, in the transaction that moved the callbacks.

    A call that is processed again meanwhile waits for its next callback, whatever becomes of the one before.
    """
    await connection.execute(
        """
        UPDATE calls SET callback_state = $3
        WHERE partner_id = $1 AND call_id = ANY($2) AND state IN ('completed', 'failed')
        """,
        partner_id,
        call_ids,
        state,
    )
