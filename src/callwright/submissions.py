"""A call as a partner sends it, checked and flat, and what is made of it for the statement that stores a batch."""

import hashlib
import json
from datetime import datetime
from typing import TypedDict

import orjson

from callwright.transcription.conversation import PartnerTurn


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


def body_hash(submission: Submission) -> str:
    """Hash a call's content; the order of keys and a field that is null rather than absent make no difference."""
    return hashlib.blake2b(_json(submission, orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def ended_at(submission: Submission) -> datetime:
    """When a call ended."""
    return datetime.fromisoformat(submission["end_time"])


def row_of(order: int, submission: Submission, hashed: str) -> bytes:
    """A call as JSON, its metadata as it was sent, with the fields that the statement wants beside it."""
    return b'{"ord":%d,"body_hash":"%s",%s' % (order, hashed.encode(), _json(submission)[1:])


def _json(submission: Submission, option: int | None = None) -> bytes:
    try:
        return orjson.dumps(submission, option=option)
    except TypeError:  # a number in the metadata that is longer than 64 bits
        return json.dumps(submission, sort_keys=option is not None, separators=(",", ":"), ensure_ascii=False).encode()
