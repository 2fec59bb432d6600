"""What a partner asks of itself, in the OpenAPI document."""

from typing import Any

from callwright.api import partner_models
from callwright.api.body import MAX_BYTES
from callwright.api.models import MAX_CALLS
from callwright.api.openapi_parts import for_no_tenant, parameters, query, responses

ANSWERS = (partner_models.TenantsData, partner_models.UsageData)

_TENANTS: dict[str, Any] = {
    "tenants": [
        {
            "tenant_id": "acme",
            "subtenant_id": "sales-north",
            "created_at": "2022-11-28T09:12:44.120934Z",
            "calls": {"total": 8124, "completed": 8030, "failed": 94},
            "agents": 41,
            "last_received_at": "2023-01-01T10:31:02.120934Z",
        }
    ],
    "next_cursor": None,
}
_USAGE: dict[str, Any] = {
    "limits": {
        "requests_per_minute": 120,
        "requests_left": 118,
        "calls_per_batch": MAX_CALLS,
        "bytes_per_body": MAX_BYTES,
    },
    "month": "2023-01",
    "time_zone": "Asia/Kolkata",
    "used": {"calls": 412, "failed": 3, "call_seconds": 169812.5},
    "days": [{"day": "2023-01-01", "calls": 412, "failed": 3, "call_seconds": 169812.5}],
}


def paths(base: str) -> dict[str, Any]:
    """Every path that is for no tenant."""
    cursor = {"limit": "50", "cursor": "YWNtZQBzYWxlcy1ub3J0aA"}
    tenant_faults = [{"field": "limit", "message": "limit must be a number from 1 to 100"}]
    month_faults = [{"field": "month", "message": "month must be a month, as 2026-11"}]
    return {
        f"{base}/tenants": {
            "get": {
                "operationId": "listTenants",
                "summary": "List your tenants and subtenants",
                "description": "By name, each with its calls that have ended, its agents, and when the last batch came "
                "in. Takes no tenant headers.",
                "tags": ["Partner"],
                "parameters": [*query(partner_models.TENANTS_QUERY, cursor), *parameters(of_partner=True)],
                "responses": for_no_tenant(responses("TenantsData", _TENANTS, 422, faults=tenant_faults)),
            }
        },
        f"{base}/usage": {
            "get": {
                "operationId": "readUsage",
                "summary": "Ask for your limits and what you have used",
                "description": "The rate limit and what is left of it, and the calls of all tenants that ended in a "
                "month, by day. Takes no tenant headers.",
                "tags": ["Partner"],
                "parameters": [*query(partner_models.USAGE_QUERY, {"month": "2023-01"}), *parameters(of_partner=True)],
                "responses": for_no_tenant(responses("UsageData", _USAGE, 422, faults=month_faults)),
            }
        },
    }
