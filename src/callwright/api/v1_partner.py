"""What a partner asks of itself, for no tenant: its tenants, its limits and what it has used."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request

from callwright import db
from callwright.api.auth import AdmittedPartner
from callwright.api.body import MAX_BYTES
from callwright.api.envelope import Envelope, success
from callwright.api.models import MAX_CALLS
from callwright.api.partner_models import TENANTS_QUERY, USAGE_QUERY
from callwright.api.queries import PAGE, mark_of, parts_of, read_query
from callwright.reports import partner_wide

router = APIRouter(prefix="/api/v1/partner")


@router.get("/tenants")
async def list_tenants(request: Request, partner: AdmittedPartner) -> Envelope:
    """List the tenants and subtenants that the partner acts for, by name."""
    query = read_query(request, TENANTS_QUERY)
    after = None
    if "cursor" in query:
        tenant_id, subtenant_id = parts_of(query["cursor"])
        after = tenant_id, subtenant_id
    async with db.transaction(request.app.state.pool, partner.partner_id) as connection:
        found, more = await partner_wide.list_tenants(
            connection, partner.partner_id, most=int(query.get("limit", PAGE)), after=after
        )
    tenants = [
        {
            "tenant_id": each.tenant_id,
            "subtenant_id": each.subtenant_id,
            "created_at": each.created_at,
            "calls": {"total": each.calls, "completed": each.calls - each.failed, "failed": each.failed},
            "agents": each.agents,
            "last_received_at": each.last_received_at,
        }
        for each in found
    ]
    cursor = mark_of(found[-1].tenant_id, found[-1].subtenant_id) if more else None
    return success({"tenants": tenants, "next_cursor": cursor})


@router.get("/usage")
async def usage(request: Request, partner: AdmittedPartner) -> Envelope:
    """Tell what the partner may send, and what was processed in a month."""
    query = read_query(request, USAGE_QUERY)
    month = query.get("month") or f"{datetime.now(ZoneInfo(partner.time_zone)):%Y-%m}"
    since = date.fromisoformat(f"{month}-01")
    until = (since + timedelta(days=31)).replace(day=1)
    async with db.transaction(request.app.state.pool, partner.partner_id) as connection:
        days = await partner_wide.read_days(connection, partner.partner_id, since, until)
    most, allowance = request.state.limit
    return success(
        {
            "limits": {
                "requests_per_minute": most,
                "requests_left": allowance.remaining,
                "calls_per_batch": MAX_CALLS,
                "bytes_per_body": MAX_BYTES,
            },
            "month": month,
            "time_zone": partner.time_zone,
            "used": {
                "calls": sum(each.calls for each in days),
                "failed": sum(each.failed for each in days),
                "call_seconds": round(sum(each.call_seconds for each in days), 3),
            },
            "days": days,
        }
    )
