"""Section 7: what was erased is told of once and again; the erasing itself is in `journey/test_erasure.py`."""

from typing import Any
from uuid import UUID

import pytest

from callwright import audit, db, erasing
from callwright.audit import Asker
from callwright.erasing import Wanted
from partner_api import Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASE = "/api/v1/partner/"
PHONE = "+12025550177"


async def with_calls(door: Door) -> Door:
    """A partner with a call of one number in two subtenants."""
    own = await door.for_another(("acme", "sales"), ("acme", "support"))
    for subtenant in ("sales", "support"):
        record = a_record(f"of {subtenant}", call__contact_number=PHONE)
        assert (await own.post(a_batch(record), sub_tenant_id=subtenant)).status_code == 200
    return own


async def data_of(door: Door, method: str, path: str, body: object = None, **changes: str | None) -> Any:
    answer = await door.send(method, path, body, **changes)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def erased_everywhere(door: Door) -> UUID:
    """Have the operator erase a number in all of the partner's tenants."""
    partner_id = door.partner.partner_id
    async with db.everywhere(door.pool) as connection:
        wanted = Wanted(partner_id, None, "phone", PHONE)
        erasure_id = await erasing.begin(connection, wanted, Asker("command", "operator"))
    await erasing.carry_out(door.pool, door.app.state.open_store, partner_id, erasure_id)
    return erasure_id


async def test_a_call_that_the_operator_erased_is_told_of(door: Door) -> None:
    own = await with_calls(door)
    erasure_id = await erased_everywhere(own)
    told = await data_of(own, "DELETE", "calls/of%20sales")
    assert (told["erasure_id"], told["kind"], told["status"], told["calls"]) == (str(erasure_id), "phone", "erased", 2)
    assert await data_of(own, "GET", f"erasures/{erasure_id}") == told
    other = await door.for_another(("acme", "sales"))
    assert (await other.get(f"erasures/{erasure_id}")).status_code == 404


async def test_erasing_again_changes_nothing(door: Door) -> None:
    own = await with_calls(door)
    first = await data_of(own, "POST", "erasures", {"phone": PHONE})
    again = await data_of(own, "POST", "erasures", {"phone": PHONE})
    assert again["erasure_id"] != first["erasure_id"]
    assert [again[name] for name in ("status", "calls", "customers", "rows", "files")] == ["erased", 0, 0, 0, 0]
    assert await data_of(own, "DELETE", "calls/of%20sales") == first
    request_id = "an-erasure-whose-answer-was-lost"
    path = f"{BASE}customers/customer123"
    headers = own.headers(sub_tenant_id="support")
    gone = await own.client.delete(path, headers={**headers, "x-request-id": request_id})
    assert (await own.client.delete(path, headers=headers)).json()["message"] == "Customer not found"
    async with db.everywhere(own.pool) as connection:
        kept = {each.request_id: each.erasure_id for each in await audit.list_erasures(connection)}
    assert str(kept[request_id]) == gone.json()["data"]["erasure_id"]


async def test_a_subtenants_proof_is_its_own(door: Door) -> None:
    own = await with_calls(door)
    told = await data_of(own, "POST", "erasures", {"phone": PHONE})
    assert told["calls"] == 1
    assert await data_of(own, "GET", f"erasures/{told['erasure_id']}") == told
    assert (await own.get(f"erasures/{told['erasure_id']}", sub_tenant_id="support")).status_code == 404
    assert (await own.send("DELETE", "calls/of%20sales", sub_tenant_id="support")).status_code == 404
