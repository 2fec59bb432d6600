"""Both clients against the real application over a real connection: every method, and every request once."""

from typing import Any

import pytest

from callwright.partners import NewPartner
from callwright_client import (
    AsyncClient,
    Client,
    Forbidden,
    NotFound,
    PushReport,
)
from callwright_client.batches import MOST_BYTES, body_of, entry_of
from client.conftest import Desk, House
from partner_api import ABSENT, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")


def records(number: int, **changes: Any) -> list[Any]:
    return [a_record(f"call-{n}", **changes) for n in range(number)]


async def test_every_call_is_pushed_once(house: House, partner: NewPartner, desk: Desk) -> None:
    report: PushReport = await desk.ask("push_calls", records(120))
    assert (report.accepted, report.duplicates, report.refused) == (120, 0, ())
    assert [(call.position, call.call_id) for call in report.calls] == [(n, f"call-{n}") for n in range(120)]
    assert len({call.batch_id for call in report.calls}) == 3
    assert await house.requests(partner) == 3
    listed = await desk.ask("list_calls", agent_id="agent123")
    assert {call["id"] for call in listed} == {f"call-{n}" for n in range(120)}
    assert len(listed) == 120
    assert await house.requests(partner) == 5


async def test_calls_that_were_there_are_told(desk: Desk) -> None:
    await desk.ask("push_calls", records(2))
    report: PushReport = await desk.ask("push_calls", iter([*records(2, industry="Retail"), a_record("new")]))
    assert [(call.status, call.changed) for call in report.calls] == [
        ("duplicate", True),
        ("duplicate", True),
        ("accepted", False),
    ]
    assert not any(call.sent_again for call in report.calls)


async def test_calls_at_fault_stop_no_others(house: House, partner: NewPartner, desk: Desk) -> None:
    """The API refuses a batch with one bad call whole; the client leaves the bad ones out and says why."""
    pushed = records(60)
    pushed[3] = a_record("call-3", call__id=ABSENT, call__contact_number="12")
    pushed[7] = "not a call"
    pushed[9] = a_record("call-9", metadata={"score": float("nan")})
    pushed[55] = a_record("call-55", callback_url="http://partner.example.com")
    report: PushReport = await desk.ask("push_calls", pushed)
    assert report.accepted == 56
    assert [(call.position, call.call_id, list(call.faults)) for call in report.refused] == [
        (
            3,
            None,
            [
                {"field": "call.id", "message": "id should not be empty"},
                {
                    "field": "call.contact_number",
                    "message": "contact_number must be a valid phone number in E.164 format",
                },
            ],
        ),
        (7, None, [{"field": "", "message": "call must be an object"}]),
        (
            9,
            "call-9",
            [
                {
                    "field": "",
                    "message": "call cannot be written as JSON: Out of range float values are not JSON compliant",
                }
            ],
        ),
        (
            55,
            "call-55",
            [{"field": "callback_url", "message": "callback_url must be a URL address starting with https://"}],
        ),
    ]
    assert [call.position for call in report.calls] == list(range(60))
    assert await house.requests(partner) == 4, "each of the two batches once more, without what is at fault"


async def test_a_call_that_makes_the_body_unreadable_stops_no_others(desk: Desk) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    pushed = records(50)
    pushed[17]["industry"] = deep
    pushed[33]["metadata"] = {1: "doubled", "1": "name"}
    report: PushReport = await desk.ask("push_calls", pushed)
    assert [(call.position, call.call_id) for call in report.refused] == [(17, "call-17"), (33, "call-33")]
    assert {fault["message"] for call in report.refused for fault in call.faults} == {
        "call cannot be read: Malformed JSON"
    }
    assert report.accepted == 48


async def test_a_body_of_the_most_bytes_is_taken(house: House, partner: NewPartner, desk: Desk) -> None:
    """The limit is the server's, to the byte: 5 * 1024 * 1024."""
    pushed = [a_record("large", padding="é"), a_record("small")]
    room = MOST_BYTES - len(body_of([entry_of(n, record) for n, record in enumerate(pushed)]))
    pushed[0]["padding"] += "x" * room
    assert (await desk.ask("push_calls", pushed)).accepted == 2
    assert await house.requests(partner) == 1
    pushed[0]["padding"] += "x"
    assert (await desk.ask("push_calls", pushed)).duplicates == 2
    assert await house.requests(partner) == 3


@pytest.mark.parametrize("call_id", ["a/b?c#d%e", "..", ".", "ü ✓", "x/callback", "a+b&c=d"])
async def test_an_id_may_have_anything_in_it(desk: Desk, call_id: str) -> None:
    await desk.ask("push_calls", [a_record(call_id, customer__id=call_id)])
    assert (await desk.ask("get_call", call_id))["id"] == call_id
    assert (await desk.ask("get_customer", call_id))["id"] == call_id
    assert [call["id"] for call in await desk.ask("list_calls", customer_id=call_id)] == [call_id]
    assert (await desk.ask("resend_callback", call_id))["call_id"] == call_id


async def test_errors_of_the_server(house: House, partner: NewPartner, desk: Desk) -> None:
    with pytest.raises(NotFound, match="Call not found") as missing:
        await desk.ask("get_call", "nobody")
    assert (missing.value.status, missing.value.retry_after) == (404, None)
    assert missing.value.request_id
    stranger = type(desk.client)(house.url, partner.api_key, "wrong", "acme", "sales")
    with pytest.raises(Forbidden, match="Forbidden"):
        await Desk(stranger).ask("get_call", "nobody")
    await Desk(stranger).close()
    assert isinstance(stranger, Client | AsyncClient)
