"""Section 1.1: headers of a request, and the order of the checks."""

import httpx
import pytest

from callwright import partners
from callwright.db import everywhere
from partner_api import BATCH_CALL, Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")

BLANK = [None, "", " ", " \t "]


def refused(answer: httpx.Response, status: int, message: str) -> None:
    assert (answer.status_code, answer.json()) == (status, {"success": False, "message": message})


@pytest.mark.parametrize("value", BLANK)
@pytest.mark.parametrize("name", ["api_key", "api_secret"])
async def test_no_credentials(door: Door, name: str, value: str | None) -> None:
    """`x-api-key`, `x-api-secret`: missing or blank: 401."""
    answer = await door.get("calls/x", **{name: value}, tenant_id=None)
    refused(answer, 401, "API key and secret are required")


@pytest.mark.parametrize("name", ["api_key", "api_secret"])
async def test_wrong_credentials(door: Door, name: str) -> None:
    """`x-api-key`, `x-api-secret`: wrong: 403 `Forbidden`."""
    for value in ("wrong", "é", "x" * 5000, getattr(door.partner, name) + "x"):
        refused(await door.get("calls/x", **{name: value}, tenant_id=None), 403, "Forbidden")


@pytest.mark.parametrize("value", BLANK)
async def test_no_tenant(door: Door, value: str | None) -> None:
    """`x-tenant-id` missing or blank: 400 `Tenant ID is required`."""
    refused(await door.get("calls/x", tenant_id=value, sub_tenant_id=None), 400, "Tenant ID is required")


@pytest.mark.parametrize("value", BLANK)
async def test_no_subtenant(door: Door, value: str | None) -> None:
    """`x-sub-tenant-id` missing or blank: 400 `Subtenant ID is required`."""
    refused(await door.get("calls/x", sub_tenant_id=value), 400, "Subtenant ID is required")


@pytest.mark.parametrize("name", ["tenant_id", "sub_tenant_id"])
@pytest.mark.parametrize("value", ["other", "x" * 300, "ACME"])
async def test_wrong_tenant(door: Door, name: str, value: str) -> None:
    """403 `Forbidden` where the partner may not act for it."""
    refused(await door.get("calls/x", **{name: value}), 403, "Forbidden")


async def test_tenants_of_two_partners_never_meet(door: Door) -> None:
    """One organisation of that partner: equal names of two partners are two tenants."""
    other = await door.for_another(("acme", "sales"))
    await door.post(a_batch(a_record("mine")))
    refused(await other.get("calls/mine"), 404, "Call not found")
    refused(await other.get("customers/customer123"), 404, "Customer not found")


async def test_a_partner_that_provisions(door: Door) -> None:
    """403 `Forbidden` where the partner may not act for it: one that brings tenants in may."""
    other = await door.for_another(auto_provision=True)
    answer = await other.post(a_batch(a_record()), tenant_id="Müller", sub_tenant_id="neu")
    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["x-api-key", "x-api-secret", "x-tenant-id", "x-sub-tenant-id"])
async def test_doubled_header(door: Door, name: str) -> None:
    """Wrong: 403 `Forbidden`: a header that says two things, or one thing twice, says nothing."""
    headers = door.headers()
    answer = await door.client.get("/api/v1/partner/calls/x", headers=[*headers.multi_items(), (name, headers[name])])
    refused(answer, 403, "Forbidden")


async def test_order_of_the_checks(door: Door) -> None:
    """Order of the checks, MUST.

    Credentials (401, 403), tenant headers (400), rate limit (429), tenant rights (403), body size (413), body syntax
    (400), body contents (422), the work itself. A request that fails at one step learns nothing about the later ones.
    """
    limited = await door.for_another(("acme", "sales"))
    async with everywhere(door.pool) as lent:
        await partners.set_partner(lent, limited.partner.partner_id, rate_limit=4)
    too_large, malformed = b"{" * (5 * 1024 * 1024 + 1), b"{"

    async def send(body: bytes, **changes: str | None) -> tuple[int, str]:
        answer = await limited.client.post(BATCH_CALL, content=body, headers=limited.headers(**changes))
        return answer.status_code, answer.json()["message"]

    assert await send(too_large, api_key="", api_secret="wrong", tenant_id="") == (
        401,
        "API key and secret are required",
    )
    assert await send(too_large, api_secret="wrong", tenant_id="") == (403, "Forbidden")
    assert await send(too_large, tenant_id="", sub_tenant_id="other") == (400, "Tenant ID is required")
    assert await send(too_large, sub_tenant_id="other") == (403, "Forbidden")
    assert await send(too_large) == (413, "Request body is larger than 5 MB")
    assert await send(malformed) == (400, "Malformed JSON")
    assert await send(b"{}") == (422, "Validation failed")
    assert await send(too_large, sub_tenant_id="other") == (429, "Rate limit exceeded. Try again in 60 seconds.")
    assert await send(too_large, sub_tenant_id="") == (400, "Subtenant ID is required")
    assert await send(too_large, api_secret="wrong") == (403, "Forbidden")


async def test_revoked_unknown_and_wrong_look_the_same(door: Door) -> None:
    """A revoked key, an unknown key and a wrong secret are indistinguishable in answer."""
    revoked = await door.for_another(("acme", "sales"))
    async with everywhere(door.pool) as lent:
        await partners.revoke_partner(lent, revoked.partner.partner_id)
    answers = [
        await revoked.get("calls/x"),
        await door.get("calls/x", api_key="cw_live_00000000000000000000"),
        await door.get("calls/x", api_secret=revoked.partner.api_secret),
    ]
    for answer in answers:
        answer.headers.pop("x-request-id")
    assert len({(answer.status_code, answer.content, str(answer.headers.raw)) for answer in answers}) == 1
    refused(answers[0], 403, "Forbidden")
