"""Section 7: what partners ask after."""

import pytest

from partner_api import Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_call(door: Door) -> None:
    """`GET calls/{id}` (`data`: `id`, `status`, `failure`, `callback_status`, times, `recording`, …)."""
    await door.post(a_batch(a_record("read")))
    answer = await door.get("calls/read")
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["id"] == "read"
    assert (data["status"], data["callback_status"]) == ("received", "pending")
    assert (data["start_time"], data["end_time"]) == ("2023-01-01T10:00:00Z", "2023-01-01T10:30:00Z")
    assert [data[name] for name in ("failure", "recording", "transcript", "analysis")] == [None] * 4


async def test_callback_none(door: Door) -> None:
    """Beside it, the callback: `none`, `pending`, `delivered`, `undelivered`."""
    await door.post(a_batch(a_record("quiet", callback_url=None)))
    assert (await door.get("calls/quiet")).json()["data"]["callback_status"] == "none"


@pytest.mark.parametrize("call_id", ["a/b", "a b%20?x=1#y", "é/../..", "batches/1", "x" * 255, "+", "calls/"])
async def test_any_id_can_be_read(door: Door, call_id: str) -> None:
    """A call can be asked after at any time: whatever its id is."""
    await door.post(a_batch(a_record(call_id)))
    quoted = "".join(f"%{byte:02X}" for byte in call_id.encode())
    answer = await door.get(f"calls/{quoted}")
    assert (answer.status_code, answer.json()["data"]["id"]) == (200, call_id)


async def test_batch(door: Door) -> None:
    """`GET batches/{id}`."""
    await door.post(a_batch(a_record("b1")))
    batch_id = (await door.post(a_batch(a_record("b2"), a_record("b1")))).json()["data"]["batch_id"]
    data = (await door.get(f"batches/{batch_id}")).json()["data"]
    assert (data["batch_id"], data["accepted"], data["duplicates"]) == (batch_id, 1, 1)
    assert [(call["id"], call["status"], call["state"]) for call in data["calls"]] == [
        ("b2", "accepted", "received"),
        ("b1", "duplicate", "received"),
    ]


async def test_customer(door: Door) -> None:
    """`GET customers/{id}` (`data`: `id`, `name`, `email`, `disposition_status`, `disposition_history` …)."""
    await door.post(a_batch(a_record("cu1", customer__id="cu")))
    later = {"call__start_time": "2023-01-02T10:00:00Z", "call__end_time": "2023-01-02T11:00:00Z"}
    await door.post(a_batch(a_record("cu2", customer__id="cu", customer__disposition_status="won", **later)))
    data = (await door.get("customers/cu")).json()["data"]
    history = data.pop("disposition_history")
    assert data.pop("rollup") is None, "no call is completed"
    assert data == {"id": "cu", "name": "Jo", "email": "jo@example.com", "disposition_status": "won"}
    assert [set(entry) for entry in history] == [{"status", "effective_at", "recorded_at", "source", "call_id"}] * 2
    assert [entry["call_id"] for entry in history] == ["cu2", "cu1"], "newest first"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("calls/nothing", "Call not found"),
        ("calls/%00", "Call not found"),
        ("calls/a%00b", "Call not found"),
        ("calls/%FF", "Call not found"),
        ("calls/" + "x" * 5000, "Call not found"),
        ("calls/", "Call not found"),
        ("batches/8d7f8a2e-0f0e-4c89-9d0b-6a1f3f3f0c11", "Batch not found"),
        ("batches/nothing", "Batch not found"),
        ("batches/%00", "Batch not found"),
        ("customers/nothing", "Customer not found"),
        ("customers/%00", "Customer not found"),
    ],
)
async def test_nothing_there(door: Door, path: str, message: str) -> None:
    """404 no such resource."""
    answer = await door.get(path)
    assert (answer.status_code, answer.json()) == (404, {"success": False, "message": message})


@pytest.mark.parametrize("path", ["calls", "calls/x", "batches/x", "customers/x"])
async def test_headers(door: Door, path: str) -> None:
    """Same headers, envelope and limits."""
    assert (await door.get(path, api_key=None)).status_code == 401
    assert (await door.get(path, api_secret="wrong")).status_code == 403
    assert (await door.get(path, tenant_id=None)).status_code == 400
    assert (await door.get(path, tenant_id="other")).status_code == 403
