"""Section 5: `PUT /api/v1/partner/ingest/disposition-status`."""

import pytest

from partner_api import DISPOSITION, Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def status_of(door: Door, customer: str) -> object:
    return (await door.get(f"customers/{customer}")).json()["data"]["disposition_status"]


async def test_set(door: Door) -> None:
    """Answer 200 `{"success": true}` once committed; in effect at once for every reader."""
    await door.post(a_batch(a_record("set", customer__id="set")))
    for status in ("won", "é" * 255, ""):
        answer = await door.put({"customer_id": "set", "disposition_status": status})
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert await status_of(door, "set") == status


@pytest.mark.parametrize("body", [{}, {"disposition_status": None}])
async def test_left_as_it_is(door: Door, body: dict[str, object]) -> None:
    """`disposition_status` … absent or null leaves the status as it is."""
    await door.post(a_batch(a_record("left", customer__id="left")))
    answer = await door.put({"customer_id": "left", **body})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert await status_of(door, "left") == "interested"
    assert len((await door.get("customers/left")).json()["data"]["disposition_history"]) == 1


async def test_unknown_customer(door: Door) -> None:
    """A customer that a call of this tenant and subtenant has brought in, else 404 `Customer not found`."""
    both = await door.for_another(("acme", "sales"), ("acme", "support"))
    await both.post(a_batch(a_record("c")))
    for answer in (
        await both.put({"customer_id": "nobody", "disposition_status": "won"}),
        await both.put({"customer_id": "customer123", "disposition_status": "won"}, sub_tenant_id="support"),
    ):
        assert (answer.status_code, answer.json()) == (404, {"success": False, "message": "Customer not found"})
    assert await status_of(both, "customer123") == "interested"


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "customer_id", "customer_id should not be empty"),
        ([], "customer_id", "customer_id should not be empty"),
        ({"customer_id": " "}, "customer_id", "customer_id should not be empty"),
        ({"customer_id": 5}, "customer_id", "customer_id must be a string"),
        ({"customer_id": "x" * 256}, "customer_id", "customer_id must be shorter than or equal to 255 characters"),
        ({"customer_id": "\0"}, "customer_id", "customer_id must not contain the character U+0000"),
        ({"customer_id": "c", "disposition_status": 5}, "disposition_status", "disposition_status must be a string"),
        (
            {"customer_id": "c", "disposition_status": "x" * 256},
            "disposition_status",
            "disposition_status must be shorter than or equal to 255 characters",
        ),
    ],
)
async def test_faults(door: Door, body: object, field: str, message: str) -> None:
    """`customer_id` required string …; `disposition_status` optional string of at most 255 characters."""
    answer = await door.put(body)
    assert answer.status_code == 422
    assert answer.json() == {
        "success": False,
        "message": "Validation failed",
        "errors": [{"field": field, "message": message}],
    }


async def test_history(door: Door) -> None:
    """Every change is kept in the customer's history (status, when, from where)."""
    await door.post(a_batch(a_record("history", customer__id="history")))
    await door.put({"customer_id": "history", "disposition_status": "won"})
    history = (await door.get("customers/history")).json()["data"]["disposition_history"]
    assert [(entry["status"], entry["source"], entry["call_id"]) for entry in history] == [
        ("won", "api", None),
        ("interested", "call", "history"),
    ]
    assert history[1]["effective_at"] == "2023-01-01T10:30:00Z"


async def test_size_limit(door: Door) -> None:
    """5 MB limit as above."""
    answer = await door.client.put(DISPOSITION, content=b" " * (5 * 1024 * 1024 + 1), headers=door.headers())
    assert answer.status_code == 413
