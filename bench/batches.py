"""Batches as a partner sends them: bodies prebuilt, with a mark in each id that is replaced in every request."""

import datetime as dt
import json
import random
from dataclasses import dataclass
from typing import Any

from bench.house import Account
from callwright.api.models import BATCH_CALL
from callwright.api.v1_ingest import submission
from callwright.submissions import Submission

PATH = "/api/v1/partner/ingest/batch-call"
MARK = "U" * 16
"""As long as the numbers that replace it, so that no length changes."""
LOWEST, HIGHEST = 10**15, 10**16 - 1
AGENTS = 20
TIME = "%Y-%m-%dT%H:%M:%SZ"

_WORDS = ("Quarterly Outreach", "Renewals North", "Inbound Website", "Partner Referral", "Trade Fair Leads")


@dataclass(frozen=True, slots=True)
class Places:
    """Where recordings are fetched from and callbacks go: by default names that nobody ever asks."""

    recording: str = "https://recordings.telephony.example.com/accounts/48213/2026/11/{id}.mp3"
    callback: str | None = "https://crm.partner.example.com/integrations/callwright/callback"


def records(size: int, places: Places = Places()) -> list[dict[str, Any]]:
    """Calls in the form of the contract, some 720 bytes each; ids fall all over the index, as random ones do.

    They ended within the last hours: older ones would be a backfill, which waits behind everything else.
    """
    spread, now = random.Random(size), dt.datetime.now(dt.UTC)
    return [_record(f"{spread.randrange(16**8):08x}-{MARK}", number, now, places) for number in range(size)]


def _record(call_id: str, number: int, now: dt.datetime, places: Places) -> dict[str, Any]:
    agent = number % AGENTS
    ended = now - dt.timedelta(minutes=1 + number * 11 % 600)
    return {
        "call": {
            "id": call_id,
            "recording_url": places.recording.format(id=call_id),
            "start_time": f"{ended - dt.timedelta(seconds=59):{TIME}}",
            "end_time": f"{ended:{TIME}}",
            "contact_number": f"+1202555{number:04}",
        },
        "agent": {
            "id": f"agent-{agent}",
            "email": f"agent.{agent}@vendor.example.com",
            "name": f"Agent Number {agent}",
        },
        "customer": {
            "id": f"customer-{call_id}",
            "name": "Jordan Example-Customer",
            "email": f"jordan.{number}@customer.example.com",
            "disposition_status": "interested" if number % 2 else "call back",
        },
        "industry": "Technology",
        "function": "Sales",
        **({"callback_url": places.callback} if places.callback else {}),
        "metadata": {"campaign": _WORDS[number % 5], "attempt": number % 4, "deal": 48_213 + number},
        "custom_fields": [{"internal_name": "lead_source", "value": "Website"}],
    }


def fresh() -> str:
    """What a request's ids are told apart by."""
    return str(random.randint(LOWEST, HIGHEST))


def request(account: Account, sent: list[dict[str, Any]]) -> bytes:
    """A whole HTTP request with marks in it."""
    body = json.dumps({"data": sent}, separators=(",", ":"))
    return f"POST {PATH} HTTP/1.1\r\n{account.headers()}content-length: {len(body)}\r\n\r\n{body}".encode()


def patched(template: bytes, by: str) -> bytes:
    """A request whose ids nobody has seen, where `by` is fresh."""
    return template.replace(MARK.encode(), by.encode())


def submissions(sent: list[dict[str, Any]]) -> list[Submission]:
    """The calls as the API hands them on."""
    return [submission(each) for each in BATCH_CALL.validate_python({"data": sent})["data"]]
