"""Calls as the API hands them over, for tests."""

from typing import Any

from callwright.db import Pool, Scope, everywhere
from callwright.partners import NewPartner, add_partner, get_partner, scope_of
from callwright.sealing import Sealer
from callwright.submissions import Submission

SEALER = Sealer(bytes(range(32)))


def submission(call_id: str = "call-1", **changes: Any) -> Submission:
    """One checked call; `changes` by the names of `Submission`."""
    plain: dict[str, Any] = {
        "call_id": call_id,
        "recording_url": "https://recordings.example.com/1.mp3",
        "start_time": "2026-01-01T10:00:00+00:00",
        "end_time": "2026-01-01T10:30:00+00:00",
        "contact_number": "+12025550123",
        "agent_id": "agent-1",
        "agent_name": None,
        "agent_email": None,
        "customer_id": "customer-1",
        "customer_name": None,
        "customer_email": None,
        "disposition_status": None,
        "callback_url": None,
        "industry": None,
        "function": None,
        "metadata": None,
        "custom_fields": None,
        "transcript": None,
        **changes,
    }
    made: Submission = plain  # type: ignore[assignment]
    return made


async def onboard(pool: Pool, name: str = "acme", *, auto_provision: bool = True) -> NewPartner:
    """Add a partner."""
    async with everywhere(pool) as connection:
        return await add_partner(connection, name, sealer=SEALER, auto_provision=auto_provision)


async def scope(pool: Pool, name: str = "acme", tenant: str = "t", subtenant: str = "s") -> Scope:
    """The scope of a subtenant of a partner that was onboarded."""
    async with everywhere(pool) as connection:
        return await scope_of(connection, await get_partner(connection, name), tenant, subtenant)
