"""What a partner is told of a call: the body of the callback."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import orjson

from callwright.analysis import Analysis
from callwright.analysis.fields import callback_fields
from callwright.analysis.redaction import Value, redact_turns
from callwright.analysis.rubric import Rubric
from callwright.callbacks import Told
from callwright.calls import Call
from callwright.judging import conversation_of
from callwright.transcription import Transcript


def told_of(call: Call) -> Told | None:
    """Who is told of a call, and with what of its own; None where nobody is."""
    if call.callback_url is None:
        return None
    return Told(
        *(call.partner_id, call.subtenant_no, call.call_id, call.agent_id, call.customer_id, call.metadata_json),
        url=call.callback_url,
        test=call.test,
        backfill=call.backfill,
    )


async def completed(
    told: Told | None, transcript: Transcript, analysis: Analysis, rubric: Rubric, started_at: datetime
) -> bytes:
    """What is told of a call that is completed; to find what is to be redacted takes the longer, the more is said."""
    if told is None:
        return b""
    if not rubric.redact_callbacks:
        return payload(told, analysis, None)
    return await asyncio.to_thread(_redacted, told, transcript, analysis, started_at)


def _redacted(told: Told, transcript: Transcript, analysis: Analysis, started_at: datetime) -> bytes:
    return payload(told, analysis, None, redact_turns(conversation_of(transcript, started_at).turns).values)


def failed(told: Told | None, reason: str) -> bytes:
    """What is told of a call that has failed, with the reason that the partner reads."""
    return b"" if told is None else payload(told, None, reason)


def payload(told: Told, analysis: Analysis | None, failure: str | None, hidden: Sequence[Value] | None = None) -> bytes:
    """Build the body of section 3.1 of the contract.

    Args:
        told: The call.
        analysis: Its analysis; None where it failed, and every analysis field is then null.
        failure: The reason that the partner reads, where it failed.
        hidden: Where sentences are to be redacted, what was said and must be hidden; ids and `meta` stay verbatim.
    """
    return orjson.dumps(
        {
            "call_id": told.call_id,
            "type": "CALL_SUMMARY",
            "customer_id": told.customer_id,
            "agent_id": told.agent_id,
            "status": "failed" if failure else "completed",
            "error": failure,
            **callback_fields(analysis, hidden),
            "meta": orjson.Fragment(told.metadata_json or "{}"),  # verbatim, whatever numbers it has
            **({"test": True} if told.test else {}),
        }
    )
