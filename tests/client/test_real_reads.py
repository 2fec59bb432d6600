"""What both clients read from the real application, and what they have done again."""

import csv
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callwright import callbacks, calls, partners, twins
from callwright.api.examples import RUBRIC
from callwright.callbacks import Told
from callwright.calls import CallbackState
from callwright.db import Scope, everywhere, transaction
from callwright.partners import NewPartner
from callwright_client import Forbidden, NotFound, ValidationFailed
from client.conftest import Desk, House
from judged import analysis, end
from partner_api import SEALER, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVER = "2020-01-01T00:00:00Z"


async def whose(house: House, partner: NewPartner) -> Scope:
    async with everywhere(house.pool) as lent:
        number = await lent.fetchval(
            "SELECT min(subtenant_no) FROM subtenants WHERE partner_id = $1", partner.partner_id
        )
    return Scope(partner.partner_id, number)


async def with_callback(house: House, scope: Scope, call_id: str, state: CallbackState) -> str:
    """Give a call that has ended a callback in this state; gives its id."""
    async with transaction(house.pool, scope.partner_id) as connection:
        told = Told(scope.partner_id, scope.subtenant_no, call_id, "a", "c", None, "https://hooks.example.com")
        await callbacks.prepare(connection, told, b"{}")
        callback_id = await callbacks.newest(connection, scope.partner_id, call_id)
        await connection.execute(
            "UPDATE callbacks SET state = $3, ended_at = now() WHERE partner_id = $1 AND callback_id = $2",
            *(scope.partner_id, callback_id, state),
        )
        await calls.set_callback_state(connection, scope.partner_id, [call_id], state)
    assert callback_id
    return callback_id


async def test_a_call_from_batch_to_report(house: House, partner: NewPartner, desk: Desk) -> None:
    turn = {"speaker": "agent", "start": 0.4, "end": 2.1, "text": "Hello."}
    start = datetime.now(UTC) - timedelta(hours=2)
    sent = a_record("whole", transcript=[turn], call__start_time=start, call__end_time=start + timedelta(minutes=9))
    report = await desk.ask("push_calls", [sent])
    batch = await desk.ask("get_batch", report.calls[0].batch_id)
    assert (batch["accepted"], batch["calls"][0]["state"]) == (1, "received")
    await end(house.pool, await whose(house, partner), "whole", analysis())

    call = await desk.ask("get_call", "whole")
    assert (call["status"], call["analysis"]["intent"], call["metadata"]["attempt"]) == ("completed", "INTERESTED", 2)
    customer = await desk.ask("get_customer", "customer123")
    assert customer["rollup"]["calls"] == {"total": 1, "completed": 1, "failed": 0}
    agents = await desk.ask("report_on_agents", since=start - timedelta(days=1))
    assert [agent["agent_id"] for agent in agents["agents"]] == ["agent123"]
    table = await desk.ask("report_on_agents_csv", since=start - timedelta(days=1), agent_id="agent123")
    assert [row["agent_id"] for row in csv.DictReader(table.splitlines())] == ["agent123"]


async def test_lists_go_on_from_page_to_page(house: House, partner: NewPartner, desk: Desk) -> None:
    await desk.ask("push_calls", [a_record(f"c{n}", agent__id="x" if n < 205 else "y") for n in range(210)])
    assert await house.requests(partner) == 5
    ids = [call["id"] for call in await desk.ask("list_calls", agent_id="x", since=EVER, status="received")]
    assert sorted(ids) == sorted(f"c{n}" for n in range(205))
    assert await house.requests(partner) == 8
    first = await desk.page("list_calls", None, agent_id="x", limit=7)
    second = await desk.page("list_calls", first.next_cursor, agent_id="x")
    assert [call["id"] for call in first.entries + second.entries] == ids[:107]
    assert await house.requests(partner) == 10
    assert await desk.ask("list_calls", until=datetime(2020, 1, 1, tzinfo=UTC)) == []
    with pytest.raises(ValidationFailed) as refused:
        await desk.ask("list_calls", status="asleep")
    assert [fault["field"] for fault in refused.value.faults] == ["status"]
    with pytest.raises(ValueError, match="time zone"):
        await desk.ask("list_calls", since=datetime(2026, 1, 5))  # noqa: DTZ001


async def test_dispositions(desk: Desk) -> None:
    await desk.ask("push_calls", [a_record("d")])
    assert await desk.ask("set_disposition", "customer123", "won") is None
    assert (await desk.ask("get_customer", "customer123"))["disposition_status"] == "won"
    await desk.ask("set_disposition", "customer123", None)
    assert (await desk.ask("get_customer", "customer123"))["disposition_status"] == "won"
    with pytest.raises(NotFound, match="Customer not found"):
        await desk.ask("set_disposition", "nobody", "won")
    for _ in range(2):
        await desk.ask("set_disposition", "customer123", "lost", idempotency_key="deal-7")
    with pytest.raises(ValidationFailed, match="must not be sent again with another request"):
        await desk.ask("set_disposition", "customer123", "won", idempotency_key="deal-7")
    history = (await desk.ask("get_customer", "customer123"))["disposition_history"]
    assert [entry["status"] for entry in history if entry["source"] == "api"] == ["lost", "won"]


async def test_callbacks_again(house: House, partner: NewPartner, desk: Desk) -> None:
    await desk.ask("push_calls", [a_record("x"), a_record("y"), a_record("z")])
    scope = await whose(house, partner)
    for call_id in "xyz":
        await end(house.pool, scope, call_id, None)
    ids = [await with_callback(house, scope, call_id, "undelivered") for call_id in "xyz"]
    listed = await desk.ask("list_callbacks", state="undelivered", since=EVER)
    assert {each["callback_id"] for each in listed} == set(ids)
    assert [each["call_id"] for each in await desk.ask("list_callbacks", call_id="y")] == ["y"]
    again = await desk.ask("resend_callback", "x")
    assert (again["callback_id"], again["resent"]) == (ids[0], True)
    assert await desk.ask("resend_callbacks", callback_ids=[ids[1]]) == 1
    assert await desk.ask("resend_callbacks", since=EVER) == 1
    assert await desk.ask("resend_callbacks", since=EVER) == 0


async def test_the_rubric(desk: Desk) -> None:
    before = await desk.ask("get_rubric")
    assert (before["version"], before["applied_at"]) == (0, None)
    document: Any = RUBRIC["rubric"]
    assert await desk.ask("apply_rubric", document) == {"version": 1, "changed": True}
    assert await desk.ask("apply_rubric", document) == {"version": 1, "changed": False}
    assert (await desk.ask("get_rubric"))["rubric"]["name"] == document["name"]
    assert (await desk.ask("get_rubric", 0))["rubric"] == before["rubric"]
    with pytest.raises(ValidationFailed, match="is not known"):
        await desk.ask("apply_rubric", {**document, "paramters": []})


async def test_words_are_found_and_calls_erased(desk: Desk) -> None:
    assert await desk.ask("search", "discount", scope="tenant", speaker="customer") == []
    assert await desk.ask("search_all", '"ten percent"', since=EVER) == []
    with pytest.raises(ValidationFailed, match="must contain a word"):
        await desk.ask("search", "-")
    await desk.ask("push_calls", [a_record("gone"), a_record("kept")])
    erasure = await desk.ask("erase_call", "gone")
    assert (erasure["kind"], erasure["calls"]) == ("call", 1)
    assert (await desk.ask("get_erasure", erasure["erasure_id"]))["erasure_id"] == erasure["erasure_id"]
    with pytest.raises(NotFound):
        await desk.ask("get_call", "gone")
    assert (await desk.ask("erase_customer", "customer123"))["calls"] == 1
    assert (await desk.ask("erase_person", email="nobody@example.com"))["calls"] == 0


async def test_reports_and_what_belongs_to_the_partner(desk: Desk) -> None:
    await desk.ask("push_calls", [a_record("counted")])
    days = {"first_day": "2023-01-01", "last_day": "2023-01-31"}
    figures = ("summary", "intent", "concerns", "pitch_gaps", "trends", "dispositions", "leaderboard")
    for name in figures:
        assert (await desk.ask(f"report_{name}", **days))["first_day"] == "2023-01-01", name
    assert await desk.ask("report_contacts", search="nobody", **days) == []
    assert await desk.ask("report_calls", engaged="yes", **days) == []
    await desk.ask("set_disposition", "customer123", "won")
    changes = await desk.ask("list_dispositions", since=EVER, customer_id="customer123", status="won")
    assert [(each["customer_id"], each["status"], each["source"]) for each in changes] == [
        ("customer123", "won", "api")
    ]
    assert await desk.ask("list_calls", intent="INTERESTED", disposition="won") == []
    assert [each["tenant_id"] for each in await desk.ask("list_tenants")]
    assert (await desk.ask("get_usage", "2023-01"))["limits"]


async def test_the_token_of_the_dashboards(desk: Desk) -> None:
    token = await desk.ask("dashboard_token")
    assert len(token.split(".")) == 3


async def test_test_data_is_deleted_by_its_own_key(house: House, partner: NewPartner, desk: Desk) -> None:
    with pytest.raises(Forbidden, match="Only a test key deletes test data"):
        await desk.ask("delete_test_data")
    async with everywhere(house.pool) as lent:
        live = await partners.get_partner_by_id(lent, partner.partner_id)
        key = await twins.add_test_key(lent, live, sealer=SEALER)
    test = Desk(type(desk.client)(house.url, key.api_key, key.api_secret, "acme", "sales"))
    await test.ask("push_calls", [a_record("x")])
    assert await test.ask("delete_test_data") > 1
    assert await test.ask("delete_test_data") == 0
    with pytest.raises(NotFound):
        await test.ask("get_call", "x")
    await test.close()


async def test_another_subtenant_is_another_client(desk: Desk) -> None:
    await desk.ask("push_calls", [a_record("mine")])
    other = Desk(desk.client.for_tenant("acme", "support"))
    with pytest.raises(NotFound):
        await other.ask("get_call", "mine")
    await other.close()
    assert (await desk.ask("get_call", "mine"))["id"] == "mine", "the connections stay open for the first one"
