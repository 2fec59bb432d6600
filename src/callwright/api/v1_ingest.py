"""What partners send: batches of calls, and dispositions (contract, sections 2 and 5)."""

import time
from typing import TYPE_CHECKING, cast

from fastapi import APIRouter, Request

from callwright import calls, customers, metrics, traces
from callwright.api.auth import Admitted
from callwright.api.body import read_body
from callwright.api.envelope import Envelope, success
from callwright.api.models import BATCH_CALL, DISPOSITION, CallRecord
from callwright.api.once import answered_once
from callwright.db import Connection
from callwright.kill_points import reached, soon_reached
from callwright.submissions import Submission

if TYPE_CHECKING:
    from callwright.transcription.conversation import PartnerTurn

router = APIRouter(prefix="/api/v1/partner/ingest")


@router.post("/batch-call")
async def batch_call(request: Request, caller: Admitted) -> Envelope:
    """Accept 1 to 50 calls; answered once everything is durable."""
    began = time.time_ns()
    batch = await read_body(request, BATCH_CALL)
    reached("batch-read")
    accepted = await calls.accept(request.app.state.pool, caller.scope, [submission(each) for each in batch["data"]])
    entries = [
        {"id": entry.id, "status": entry.status} | ({"changed": True} if entry.changed else {})
        for entry in accepted.entries
    ]
    fresh_ids = [entry.id for entry in accepted.entries if entry.status == "accepted"]
    fresh = len(fresh_ids)
    traces.accepted(caller.scope.partner_id, fresh_ids, began)
    if caller.partner.test_of is None:
        metrics.CALLS.labels("accepted").inc(fresh)
        metrics.CALLS.labels("duplicate").inc(len(entries) - fresh)
    reached("batch-committed")
    soon_reached("batch-answered")
    return success(
        {
            "batch_id": str(accepted.batch_id),
            "accepted": fresh,
            "duplicates": len(entries) - fresh,
            "calls": entries,
        }
    )


@router.put("/disposition-status")
async def disposition_status(request: Request, caller: Admitted) -> Envelope:
    """Set a customer's disposition; answered once it is committed and in effect."""
    body = await read_body(request, DISPOSITION)

    async def set_it(connection: Connection) -> None:
        await customers.set_disposition(connection, caller.scope, body["customer_id"], body.get("disposition_status"))

    return await answered_once(request, caller, body, set_it)


def submission(record: CallRecord) -> Submission:
    """Flatten a checked record for the business."""
    call, agent, customer = record["call"], record["agent"], record["customer"]
    return {
        "call_id": call["id"],
        "recording_url": call["recording_url"],
        "start_time": call["start_time"],
        "end_time": call["end_time"],
        "contact_number": call["contact_number"],
        "agent_id": agent["id"],
        "agent_name": agent.get("name"),
        "agent_email": agent.get("email"),
        "customer_id": customer["id"],
        "customer_name": customer.get("name"),
        "customer_email": customer.get("email"),
        "disposition_status": customer.get("disposition_status"),
        "callback_url": record.get("callback_url"),
        "industry": record.get("industry"),
        "function": record.get("function"),
        "metadata": record.get("metadata"),
        "custom_fields": cast("list[dict[str, str]] | None", record.get("custom_fields")),
        "transcript": cast("list[PartnerTurn] | None", record.get("transcript") or None),  # an empty one says nothing
    }
