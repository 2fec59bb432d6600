"""Calls: a batch is accepted once and durably; each call walks from state to state and never vanishes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

import asyncpg

from callwright import batches, customers, db, ended_calls, queue, tombstones
from callwright.db import Connection, Pool, Scope
from callwright.errors import FailureCode, Unavailable
from callwright.kill_points import reached
from callwright.submissions import Submission, body_hash, ended_at, row_of
from callwright.together import again_after_deadlock
from callwright.transcription.conversation import PartnerTurn

State = Literal["received", "fetched", "transcribed", "completed", "failed"]
To = Literal["fetched", "transcribed", "completed"]
CallbackState = Literal["none", "pending", "delivered", "undelivered"]

TRIES = 4
"""How often a step of a call is begun before it is set aside; a call that kills its worker is counted too."""

SUSPECT = 2
"""A call whose tries died with their workers so often in a row may be what kills them, or have been beside it."""


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
    """What a step needs to know of a call; `backfill` where it came late, `test` where it is a test twin's."""

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
    backfill: bool
    test: bool
    agent_channel: int


@dataclass(frozen=True, slots=True)
class Doomed:
    """A call that is locked to be erased; `under_way` where a job may be about it."""

    call_id: str
    subtenant_no: int
    batch_id: UUID
    agent_id: str
    customer_id: str
    under_way: bool


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
    FROM input WHERE NOT {tombstones.is_erased("call_id")} ORDER BY call_id COLLATE "C"
    ON CONFLICT (partner_id, call_id) DO NOTHING
    RETURNING call_id
), accepted AS (
    SELECT input.* FROM input JOIN fresh USING (call_id)
), agents_kept AS ({customers.UPSERT_AGENTS}),
customers_kept AS ({customers.UPSERT_CUSTOMERS}),
dispositions_kept AS ({customers.RECORD_DISPOSITIONS}),
jobs AS ({queue.ENQUEUE_FETCH}),
batch AS ({batches.RECORD})
SELECT call_id FROM fresh
"""  # noqa: S608


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
    hashes = [body_hash(submission) for submission in submissions]
    first: dict[str, int] = {}
    for order, submission in enumerate(submissions):
        first.setdefault(submission["call_id"], order)
    rows = {call_id: row_of(order, submissions[order], hashes[order]) for call_id, order in first.items()}
    batch, lane = (scope.partner_id, scope.subtenant_no, batch_id), queue.lane_of(map(ended_at, submissions))
    try:
        fresh, known = await _accept_rows(pool, batch, [each["call_id"] for each in submissions], rows, lane)
    finally:
        queue.ledger().settle_soon(pool)
    entries = []
    for order, submission in enumerate(submissions):
        call_id = submission["call_id"]
        if call_id in fresh and first[call_id] == order:
            entries.append(Entry(call_id, "accepted"))
        else:
            kept = hashes[first[call_id]] if call_id in fresh else known.get(call_id)
            changed = kept is not None and kept != hashes[order]  # of an erased call nobody can tell
            entries.append(Entry(call_id, "duplicate", changed))
    return Accepted(batch_id, entries)


async def _accept_rows(
    pool: Pool, batch: tuple[int, int, UUID], call_ids: list[str], rows: dict[str, bytes], lane: queue.Lane
) -> tuple[set[str], dict[str, str]]:
    """Store a batch; one that meets another head-on is simply tried again, as nothing of it was kept.

    What is known already is found first: the statement that stores costs much even where nothing is new.

    Returns:
        The ids of the calls that are new, and the hashes of those that were known.
    """

    async def store() -> tuple[set[str], dict[str, str]]:
        async with db.transaction(pool, batch[0]) as connection:
            known = await _known_hashes(connection, batch[0], list(rows))
            new = {call_id: row for call_id, row in rows.items() if call_id not in known}
            fresh = await _insert(connection, batch, call_ids, new, lane)
            reached("batch-inserted")
            raced = [call_id for call_id in rows if call_id not in fresh and call_id not in known]
            known |= await _known_hashes(connection, batch[0], raced)
            await batches.forget(connection, batch[0], [batch[2]], [each for each in raced if each not in known])
            return fresh, known

    try:
        return await again_after_deadlock(store)
    except asyncpg.DeadlockDetectedError as error:
        raise Unavailable from error


async def _insert(
    connection: Connection, batch: tuple[int, int, UUID], call_ids: list[str], new: dict[str, bytes], lane: queue.Lane
) -> set[str]:
    """Insert what seems to be new, and the batch; gives the ids of those that were."""
    if not new:
        await connection.execute(batches.ALL_KNOWN, *batch, call_ids)
        return set()
    ledger, billed, fresh = queue.ledger(), len(new), set[str]()
    ahead = ledger.owe("fetch", batch[0], lane, billed)
    try:
        rows = f"[{b','.join(new.values()).decode()}]"
        fresh = {row["call_id"] for row in await connection.fetch(_ACCEPT, *batch, rows, call_ids, ahead, lane)}
    finally:
        ledger.owe("fetch", batch[0], lane, len(fresh) - billed)
    return fresh


async def _known_hashes(connection: Connection, partner_id: int, call_ids: list[str]) -> dict[str, str]:
    if not call_ids:
        return {}
    rows = await connection.fetch(
        "SELECT call_id, encode(body_hash, 'hex') AS hash FROM calls "
        "WHERE partner_id = $1 AND call_id = ANY($2::text[])",
        *(partner_id, call_ids),
    )
    return {row["call_id"]: row["hash"] for row in rows}


async def lock(
    connection: Connection, partner_id: int, call_ids: Sequence[str], subtenant_no: int | None = None
) -> list[Doomed]:
    """Lock calls that are to be erased, until the transaction ends: nothing more is made of them meanwhile.

    Args:
        connection: With a transaction open.
        partner_id: Whose they are.
        call_ids: The partner's own ids; those that are gone are left out.
        subtenant_no: Whose they must be; None for all of the partner's.
    """
    rows = await connection.fetch(
        """
        SELECT call_id, subtenant_no, batch_id, agent_id, customer_id,
            state NOT IN ('completed', 'failed') OR callback_state = 'pending' AS under_way
        FROM calls WHERE partner_id = $1 AND call_id = ANY($2::text[]) AND ($3::bigint IS NULL OR subtenant_no = $3)
        ORDER BY call_id FOR UPDATE
        """,
        *(partner_id, call_ids, subtenant_no),
    )
    return [Doomed(*row.values()) for row in rows]


async def erase(connection: Connection, partner_id: int, doomed: Sequence[Doomed], erasure_id: UUID) -> int:
    """Erase calls that are locked: each leaves its mark, and no batch names it any more. Gives the rows that went."""
    call_ids = [each.call_id for each in doomed]
    rows: int = await connection.fetchval(
        f"""
        WITH gone AS (
            DELETE FROM calls WHERE partner_id = $1 AND call_id = ANY($2::text[]) RETURNING call_id, subtenant_no
        ), marked AS ({tombstones.LEAVE})
        SELECT count(*) FROM gone
        """,  # noqa: S608
        *(partner_id, call_ids, erasure_id),
    )
    of = list({each.batch_id for each in doomed})
    await batches.forget(connection, partner_id, of, call_ids)
    return rows + await batches.drop_emptied(connection, partner_id, of)


async def begin_step(
    connection: Connection, partner_id: int, call_id: str, state: State, *, alone: bool = True
) -> Call | None:
    """Count a try of a step and read the call; None where the call is past this step, and the job is done."""
    return (await begin_steps(connection, partner_id, [call_id], state, alone=alone)).get(call_id)


async def begin_steps(
    connection: Connection, partner_id: int, call_ids: Sequence[str], state: State, *, alone: bool = True
) -> dict[str, Call]:
    """Count a try of a step for each of a partner's calls and read them; left out are those that are past this step.

    The try is counted before the work begins, so that a call that kills its worker is set aside in the end.

    Args:
        connection: On which the statement is its own transaction.
        partner_id: Whose calls they are.
        call_ids: Their own ids.
        state: The state in which the step finds a call.
        alone: Whether to begin it even where the last `SUSPECT` tries died with their workers.
    """
    rows = await connection.fetch(
        """
        UPDATE calls SET attempts = least(attempts + 1, 1000), open_tries = least(open_tries + 1, 1000)
        FROM partners p
        WHERE calls.partner_id = $1 AND call_id = ANY($2::text[]) AND state = $3 AND ($4 OR open_tries < $5)
            AND p.partner_id = calls.partner_id
        RETURNING calls.partner_id, call_id, subtenant_no, state, attempts, recording_url, callback_url, agent_id,
            customer_id, start_time, end_time, metadata::text, partner_transcript, failure_message,
            received_at - end_time > $6, p.test_of IS NOT NULL, p.agent_channel
        """,
        *(partner_id, call_ids, state, alone, SUSPECT, queue.BACKFILL_AFTER),
    )
    return {row["call_id"]: Call(*row.values()) for row in rows}


async def end_try(connection: Connection, call: Call) -> bool:
    """Note that a try came to an end, if a bad one: what came before it was not of the call's making.

    Returns:
        False where somebody else has moved the call meanwhile, or it was erased.
    """
    ended = await connection.fetchval(
        "UPDATE calls SET open_tries = 0 WHERE partner_id = $1 AND call_id = $2 AND state = $3 RETURNING true",
        *(call.partner_id, call.call_id, call.state),
    )
    return ended is not None


async def take_back_try(connection: Connection, call: Call) -> None:
    """Uncount a try that broke off for no reason of the call's own."""
    await connection.execute(
        """
        UPDATE calls SET attempts = attempts - 1, open_tries = greatest(open_tries - 1, 0)
        WHERE partner_id = $1 AND call_id = $2 AND state = $3 AND attempts > 0
        """,
        *(call.partner_id, call.call_id, call.state),
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
        *(call.partner_id, call.call_id, call.state),
    )
    return met


async def move(connection: Connection, partner_id: int, moves: Sequence[tuple[Call, To]]) -> set[str]:
    """Move a partner's calls on, in the transaction that saves what the steps made; their tries start anew.

    Returns:
        The ids of those that were moved. Somebody else has moved the others meanwhile: of them nothing is saved.
    """
    rows = await connection.fetch(
        """
        UPDATE calls SET state = moved.after, attempts = 0, open_tries = 0, outages = 0, changed_at = now(),
            ended_at = CASE WHEN moved.after = 'completed' THEN now() END
        FROM unnest($2::text[], $3::text[], $4::text[]) AS moved (call_id, before, after)
        WHERE partner_id = $1 AND calls.call_id = moved.call_id AND state = moved.before RETURNING calls.call_id
        """,
        *(partner_id, [call.call_id for call, _ in moves], [call.state for call, _ in moves], [to for _, to in moves]),
    )
    return {row["call_id"] for row in rows}


async def fail(connection: Connection, call: Call, code: FailureCode, message: str) -> bool:
    """End a call as failed, with a reason that the partner can read.

    Returns:
        False where somebody else has moved it meanwhile.
    """
    moved = await connection.fetchval(
        """
        UPDATE calls SET state = 'failed', failure_code = $4, failure_message = $5, changed_at = now(),
            ended_at = now(), failed_at = now()
        WHERE partner_id = $1 AND call_id = $2 AND state = $3 RETURNING true
        """,
        *(call.partner_id, call.call_id, call.state, code, message),
    )
    if moved:
        await ended_calls.note_failed(connection, call.partner_id, call.call_id)
    return moved is not None


async def retry(
    connection: Connection, partner_id: int, call_id: str, to: Literal["received", "fetched", "transcribed"]
) -> str | None:
    """Put a call that failed back to the state in which its failing step finds it; its tries start anew.

    Returns:
        Where its recording is; None where there is no such call, or it has not failed.
    """
    url: str | None = await connection.fetchval(
        """
        UPDATE calls SET state = $3, failure_code = NULL, failure_message = NULL, attempts = 0, outages = 0,
            open_tries = 0, changed_at = now(), ended_at = NULL, failed_at = NULL,
            callback_state = CASE WHEN callback_url IS NULL THEN 'none' ELSE 'pending' END
        WHERE partner_id = $1 AND call_id = $2 AND state = 'failed' RETURNING recording_url
        """,
        *(partner_id, call_id, to),
    )
    if url is not None:
        await ended_calls.forget(connection, partner_id, call_id)
    return url


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
        *(partner_id, call_ids, state),
    )
