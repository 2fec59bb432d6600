"""Everything that a call's page shows: its customer, the customer's conversations, and the call itself."""

from dataclasses import dataclass
from datetime import datetime

from callwright import corrections, results
from callwright.analysis import Analysis
from callwright.calls import State
from callwright.corrections import Correction
from callwright.db import Connection, Scope
from callwright.errors import NotFound
from callwright.recordings.listening import Recorded
from callwright.recordings.waveform import Waveform, waveform
from callwright.reports.contacts import MOST_CALLS, read_rollup
from callwright.reports.corrected import Judged, ShownTurn, judged, shown_turns
from callwright.transcription import Transcript

CONVERSATIONS = 20
"""Of a customer, on one page."""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What was sent of a call, and how it stands.

    Attributes:
        seconds: Length of the recording, counted; None before it was decoded.
        has_recording: Whether there is something to play.
        recording_removed_at: When it was removed, where the rest of the call was kept.
        agent_name: None where the partner never sent one.
    """

    call_id: str
    state: State
    failure_code: str | None
    failure_message: str | None
    start_time: datetime
    end_time: datetime
    contact_number: str
    agent_id: str
    agent_name: str | None
    customer_id: str
    seconds: float | None
    has_recording: bool
    recording_removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lead:
    """The customer of a call.

    Attributes:
        owner_id: The agent of the latest call that has ended, else of this one.
        owner_name: None where the partner never sent one.
        calls: That were completed, of the newest `MOST_CALLS` that have ended.
        conversation_seconds: From start to end of them, together.
    """

    name: str | None
    email: str | None
    disposition_status: str | None
    owner_id: str
    owner_name: str | None
    calls: int
    conversation_seconds: float


@dataclass(frozen=True, slots=True)
class Conversation:
    """A call in the list of a customer's; labels and scores as the machine said, None where it did not assess."""

    call_id: str
    start_time: datetime
    end_time: datetime
    agent_id: str
    agent_name: str | None
    completed: bool
    intent: str | None
    intent_score: int | None
    quality_score: int | None


@dataclass(frozen=True, slots=True)
class CallPage:
    """A call's page. What is None was not made of the call, yet or ever.

    Attributes:
        rollup: What is known of the customer over all its calls, as `contacts.read_rollup` gives it.
        lead_intent_by: Who corrected the intent that the rollup gives, in the call that it is of.
        turns: Of the transcript, corrected.
        said: Everything that people said in the machine's place, in order.
    """

    call: CallFacts
    lead: Lead
    rollup: dict[str, object] | None
    lead_intent_by: Correction | None
    conversations: list[Conversation]
    next_conversation: tuple[datetime, str] | None
    transcript: Transcript | None
    turns: list[ShownTurn]
    analysis: Analysis | None
    judged: Judged | None
    said: list[Correction]


_CALL = """
    SELECT c.call_id, c.state, c.failure_code, c.failure_message, c.start_time, c.end_time, c.contact_number,
        c.agent_id, a.name AS agent_name, c.customer_id, r.seconds,
        r.call_id IS NOT NULL AND r.removed_at IS NULL AS has_recording, r.removed_at AS recording_removed_at
    FROM calls c
    LEFT JOIN agents a ON a.partner_id = $1 AND a.subtenant_no = $2 AND a.agent_id = c.agent_id
    LEFT JOIN recordings r ON r.partner_id = $1 AND r.call_id = c.call_id
    WHERE c.partner_id = $1 AND c.subtenant_no = $2 AND c.call_id = $3
"""
_LEAD = """
    WITH mine AS (
        SELECT agent_id, completed, end_time - start_time AS took FROM ended_calls
        WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = $3
        ORDER BY end_time DESC, call_id DESC LIMIT $5
    ), counted AS (
        SELECT count(*) FILTER (WHERE completed) AS calls,
            coalesce(extract(epoch FROM sum(took) FILTER (WHERE completed)), 0)::float8 AS seconds
        FROM mine
    ), owner AS (
        SELECT coalesce((SELECT agent_id FROM ended_calls
            WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = $3
            ORDER BY end_time DESC, call_id DESC LIMIT 1), $4::text) AS agent_id
    )
    SELECT c.name, c.email, c.disposition_status, owner.agent_id, a.name AS agent_name, counted.calls, counted.seconds
    FROM owner CROSS JOIN counted
    LEFT JOIN customers c ON c.partner_id = $1 AND c.subtenant_no = $2 AND c.customer_id = $3
    LEFT JOIN agents a ON a.partner_id = $1 AND a.subtenant_no = $2 AND a.agent_id = owner.agent_id
"""
_CONVERSATIONS = """
    SELECT e.call_id, e.start_time, e.end_time, e.agent_id, a.name AS agent_name, e.completed, e.intent, e.intent_score,
        e.quality_score
    FROM (
        SELECT * FROM ended_calls
        WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = $3
            AND ($4::timestamptz IS NULL OR (end_time, call_id) < ($4, $5::text COLLATE "C"))
        ORDER BY end_time DESC, call_id DESC LIMIT $6
    ) AS e
    LEFT JOIN agents a ON a.partner_id = $1 AND a.subtenant_no = $2 AND a.agent_id = e.agent_id
    ORDER BY e.end_time DESC, e.call_id DESC
"""
_RECORDED = """
    SELECT r.store_key, r.size, encode(r.sha256, 'hex') AS sha256, r.container, r.codec, r.channels, r.seconds,
        r.declared_seconds
    FROM calls c JOIN recordings r ON r.partner_id = $1 AND r.call_id = c.call_id
    WHERE c.partner_id = $1 AND c.subtenant_no = $2 AND c.call_id = $3 AND r.removed_at IS NULL
"""
_PEAKS = """
    SELECT r.peaks, r.seconds FROM calls c JOIN recordings r ON r.partner_id = $1 AND r.call_id = c.call_id
    WHERE c.partner_id = $1 AND c.subtenant_no = $2 AND c.call_id = $3 AND r.removed_at IS NULL
"""


async def read_call_page(connection: Connection, scope: Scope, call_id: str) -> CallPage:
    """Read a call's page.

    Args:
        connection: With a transaction of the scope open.
        scope: Whose call it is.
        call_id: The partner's own id.

    Raises:
        NotFound: The subtenant has no such call.
    """
    call = await read_facts(connection, scope, call_id)
    transcript = await results.read_transcript(connection, scope.partner_id, call_id)
    analysis = await results.read_analysis(connection, scope.partner_id, call_id)
    said = await corrections.history(connection, scope.partner_id, call_id)
    stands = corrections.in_force(said, analysis)
    rollup = await read_rollup(connection, scope, call.customer_id)
    conversations, following = await read_conversations(connection, scope, call.customer_id)
    return CallPage(
        call=call,
        lead=await _lead(connection, scope, call),
        rollup=rollup,
        lead_intent_by=await _lead_intent_by(connection, scope, call_id, rollup, said),
        conversations=conversations,
        next_conversation=following,
        transcript=transcript,
        turns=shown_turns(transcript, stands) if transcript else [],
        analysis=analysis,
        judged=judged(analysis, stands) if analysis else None,
        said=said,
    )


async def read_facts(connection: Connection, scope: Scope, call_id: str) -> CallFacts:
    """Read what was sent of a call, and how it stands.

    Raises:
        NotFound: The subtenant has no such call.
    """
    row = await connection.fetchrow(_CALL, scope.partner_id, scope.subtenant_no, call_id)
    if row is None:
        raise NotFound("Call not found")
    return CallFacts(**row)


async def read_conversations(
    connection: Connection, scope: Scope, customer_id: str, after: tuple[datetime, str] | None = None
) -> tuple[list[Conversation], tuple[datetime, str] | None]:
    """List a customer's calls that have ended, the latest first.

    Args:
        connection: The database.
        scope: Whose customer.
        customer_id: The partner's own id.
        after: Where the page before has ended: its last call's end, and id.

    Returns:
        The page, and where it ends; None where nothing follows.
    """
    whose = scope.partner_id, scope.subtenant_no, customer_id
    rows = await connection.fetch(_CONVERSATIONS, *whose, *(after or (None, None)), CONVERSATIONS + 1)
    page = [Conversation(**row) for row in rows[:CONVERSATIONS]]
    return page, (page[-1].end_time, page[-1].call_id) if len(rows) > CONVERSATIONS else None


async def read_recorded(connection: Connection, scope: Scope, call_id: str) -> Recorded | None:
    """Where a call's recording is, and what decoding found out; None where the subtenant has none such."""
    row = await connection.fetchrow(_RECORDED, scope.partner_id, scope.subtenant_no, call_id)
    return None if row is None else Recorded(*row.values())


async def read_waveform(connection: Connection, scope: Scope, call_id: str) -> Waveform | None:
    """Who is heard when in a call's recording, without peaks before it was decoded; None as in `read_recorded`."""
    row = await connection.fetchrow(_PEAKS, scope.partner_id, scope.subtenant_no, call_id)
    if row is None:
        return None
    transcript = await results.read_transcript(connection, scope.partner_id, call_id)
    voices = (transcript.speech or transcript.turns) if transcript else ()
    told_apart = transcript is not None and transcript.speakers != "single"
    return waveform(row["peaks"] or (), row["seconds"] or 0.0, voices, told_apart=told_apart)


async def _lead(connection: Connection, scope: Scope, call: CallFacts) -> Lead:
    whose = scope.partner_id, scope.subtenant_no, call.customer_id
    row = await connection.fetchrow(_LEAD, *whose, call.agent_id, MOST_CALLS)
    assert row is not None, "counting gives a row"
    return Lead(*row.values())


async def _lead_intent_by(
    connection: Connection, scope: Scope, call_id: str, rollup: dict[str, object] | None, said: list[Correction]
) -> Correction | None:
    intent = rollup["intent"] if rollup else None
    if not isinstance(intent, dict):
        return None
    if intent["call_id"] != call_id:
        said = await corrections.history(connection, scope.partner_id, intent["call_id"])
    return corrections.latest(said).get(("intent", ""))
