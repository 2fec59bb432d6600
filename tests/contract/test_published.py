"""What the published Partner API promises over its sections; `docs/compatibility.md` names the test of each promise."""

import json
from itertools import pairwise
from typing import Any, get_args

import pytest

from callwright import calls, db, errors, results, summaries
from callwright.analysis import Intent, QualityStatus
from callwright.analysis.scorecard import Parameter, not_assessed, scored
from callwright.api.openapi import openapi_document
from callwright.callbacks import Told
from callwright.calls import CallbackState, State
from callwright.db import everywhere
from callwright.errors import Unavailable
from callwright.settings import Settings
from dashboards.spoken import LINES, conversation
from dashboards.test_pages import words
from dashboards.viewing import screen_of
from judged import analysis, end
from partner_api import BATCH_CALL, Door, a_batch, a_record, open_door

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDPOINTS = {
    *("POST ingest/batch-call", "PUT ingest/disposition-status", "GET dashboard/auth/token"),
    *("GET calls/{call_id}", "GET calls", "GET batches/{batch_id}", "GET customers/{customer_id}"),
    *("GET search", "GET search/all", "GET dispositions", "GET tenants", "GET usage", "GET rubric", "PUT rubric"),
    *(
        f"GET reports/{name}"
        for name in (
            *("summary", "intent", "concerns", "pitch-gaps", "trends", "dispositions", "leaderboard"),
            *("contacts", "calls", "agents"),
        )
    ),
    *("POST calls/{call_id}/callback", "GET callbacks", "POST callbacks/resend"),
    *("DELETE calls/{call_id}", "DELETE customers/{customer_id}", "POST erasures", "GET erasures/{erasure_id}"),
    "DELETE test-data",
}
"""What version 1 was ever served with: a line may come, none may go."""

SINCE = "2023-01-01T00:00:00Z"

FAILURES = {
    *("recording_not_found", "recording_forbidden", "recording_address_refused", "recording_unreachable"),
    *("recording_timeout", "recording_server_error", "recording_too_many_redirects", "recording_too_large"),
    *("recording_empty", "recording_not_audio", "recording_unsupported_format", "recording_protected"),
    *("recording_damaged", "recording_truncated", "recording_too_long", "recording_too_costly", "recording_silent"),
    *("transcription_failed", "transcription_unavailable", "analysis_failed", "storage_unavailable"),
    *("attempts_exhausted", "internal_error"),
}
"""What a call has ever failed with, likewise."""


async def test_nothing_that_was_served_is_gone() -> None:
    """Every version that was ever served goes on being served; failure codes are never renamed."""
    served = {f"{method.upper()} {path}" for path, item in openapi_document()["paths"].items() for method in item}
    assert {endpoint.replace(" ", " /api/v1/partner/") for endpoint in ENDPOINTS} <= served
    assert set(errors.FAILURE_CODES) >= FAILURES


async def test_every_success_is_json_in_the_envelope(door: Door) -> None:
    """JSON out, in UTF-8: 200, `success` and `data`, `x-request-id` and the headers of the limit, wherever one asks."""
    own = await door.for_another(("acme", "sales"))
    batch = (await own.post(a_batch(a_record("one"), a_record("two")))).json()["data"]
    rubric = (await own.get("rubric")).json()["data"]["rubric"]
    given: dict[str, object] = {
        "POST ingest/batch-call": a_batch(a_record("three")),
        "PUT ingest/disposition-status": {"customer_id": "customer123"},
        "PUT rubric": {**rubric, "name": "another"},
        "POST callbacks/resend": {"since": SINCE},
        "POST erasures": {"phone": "+12025550199"},
    }
    queries = {
        "GET search": "?q=price",
        "GET search/all": "?q=price",
        "GET reports/agents": "?since=2026-01-01T00:00:00Z",
    }
    erasure_id = (await own.send("POST", "erasures", given["POST erasures"])).json()["data"]["erasure_id"]
    ids = {"call_id": "two", "batch_id": batch["batch_id"], "customer_id": "customer123", "erasure_id": erasure_id}
    apart = {"GET dashboard/auth/token", "DELETE test-data"}  # a shape of its own; for test keys alone
    for endpoint in sorted(ENDPOINTS - apart, key=lambda each: (each.startswith("DELETE"), each)):
        method, path = endpoint.split()
        answer = await own.send(method, path.format(**ids) + queries.get(endpoint, ""), given.get(endpoint))
        assert answer.status_code == 200, (endpoint, answer.text)
        assert answer.headers["content-type"] == "application/json; charset=utf-8", endpoint
        assert len(answer.headers["x-request-id"]) == 32, endpoint
        assert {"ratelimit", "ratelimit-policy"} <= set(answer.headers), endpoint
        told = json.loads(answer.content.decode("utf-8"))
        assert told.pop("success") is True, endpoint
        assert set(told) == (set() if endpoint == "PUT ingest/disposition-status" else {"data"}), endpoint


@pytest.mark.parametrize("error", [RuntimeError("boom"), Unavailable()])
async def test_an_answer_that_is_our_fault_has_the_headers_too(
    door: Door, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Every authenticated answer carries `RateLimit-Policy` and `RateLimit`: of 500 and 503 too."""

    async def broken(*_: Any) -> None:
        raise error

    monkeypatch.setattr("callwright.calls.accept", broken)
    answer = await door.post(a_batch(a_record()))
    assert answer.status_code == (503 if isinstance(error, Unavailable) else 500)
    assert {"ratelimit", "ratelimit-policy", "x-request-id"} <= set(answer.headers)


async def test_the_limit_that_nobody_has_changed(module_database_url: str) -> None:
    """120 requests per minute per partner (a setting)."""
    async with open_door(module_database_url, rate_limit=Settings.model_fields["rate_limit"].default) as opened:
        assert (await opened.get("calls/x")).headers["ratelimit-policy"] == '"partner";q=120;w=60'


async def test_agents_are_brought_up_to_date(door: Door) -> None:
    """Agents are created or brought up to date: a later call's name or email wins, an absent one erases nothing."""
    own = await door.for_another(("acme", "sales"))
    for call_id, told in (
        ("a1", {"agent__name": "First", "agent__email": "first@example.com"}),
        ("a2", {"agent__name": "Second", "agent__email": None}),
        ("a3", {"agent__name": None, "agent__email": None}),
    ):
        assert (await own.post(a_batch(a_record(call_id, **told)))).status_code == 200
    async with everywhere(own.pool) as lent:
        rows = await lent.fetch(
            "SELECT agent_id, name, email FROM agents WHERE partner_id = $1", own.partner.partner_id
        )
    assert [tuple(row) for row in rows] == [("agent123", "Second", "first@example.com")]


async def test_each_state_of_a_call_and_of_its_callback_can_be_read(door: Door) -> None:
    """`received` → `fetched` → `transcribed` → `completed`; or `failed`, with a `failure` of code and message."""
    assert get_args(State) == ("received", "fetched", "transcribed", "completed", "failed")
    assert get_args(CallbackState) == ("none", "pending", "delivered", "undelivered")
    own = await door.for_another(("acme", "sales"))
    await own.post(a_batch(a_record("walks"), a_record("fails")))
    number = own.partner.partner_id

    async def read(call_id: str, name: str) -> object:
        return (await own.get(f"calls/{call_id}")).json()["data"][name]

    for before, after in pairwise(("received", "fetched", "transcribed", "completed")):
        assert await read("walks", "status") == before
        async with everywhere(own.pool) as lent:
            call = await calls.begin_step(lent, number, "walks", before)  # type: ignore[arg-type]
            assert call is not None
            assert await calls.move(lent, call.partner_id, [(call, after)])  # type: ignore[list-item]
        assert await read("walks", "status") == after
    for state in ("delivered", "undelivered"):
        assert await read("walks", "callback_status") != state
        async with everywhere(own.pool) as lent:
            await calls.set_callback_state(lent, number, ["walks"], state)
        assert await read("walks", "callback_status") == state
    async with everywhere(own.pool) as lent:
        call = await calls.begin_step(lent, number, "fails", "received")
        assert call is not None
        await calls.fail(lent, call, "recording_not_found", "It is gone.")
    assert await read("fails", "status") == "failed"
    assert await read("fails", "failure") == {"code": "recording_not_found", "message": "It is gone."}


MADE = {
    "intent": "INTERESTED",
    "intent_justification": "They asked for an offer.",
    "intent_score": 74,
    "quality_score": 82,
    "summary": [{"chapter_name": "Pricing", "chapter_summary": "The price was discussed."}],
    "bant": {
        "needs": "Fewer missed callbacks",
        "objection": "Too expensive",
        "concern_categories": "Pricing",
        "objection_handling": "A monthly plan",
    },
    "qualification": [{"label": "Budget", "answer": "5,000"}, {"label": "Authority", "answer": "The CFO"}],
    "quality": [
        {
            "parameter_name": name,
            "justification": "Why.",
            "suggestion": None if reached in (None, 10) else "Do better.",
            "inference_score": reached,
            "parameter_score": 10,
            "status": status,
            "is_fatal": status == "Needs Improvement",
        }
        for name, reached, status in (
            ("Setting Context", 8, "Partially Done"),
            ("Closing", None, "Not Applicable"),
            ("Listening", 10, "Done"),
            ("Courtesy", 0, "Needs Improvement"),
        )
    ],
}
"""`JUDGED` as the callback has it."""

JUDGED = analysis(
    quality=(
        scored(Parameter("Setting Context", "…", 10, "context"), 8, "Why.", "Do better.", (0,)),
        not_assessed(Parameter("Closing", "…", 10, "closing"), "Why."),
        scored(Parameter("Listening", "…", 10, "listening"), 10, "Why.", None, (1,)),
        scored(Parameter("Courtesy", "…", 10, "courtesy", fatal=True), 0, "Why.", "Do better.", (2,)),
    )
)


async def test_the_callback_of_a_completed_call_to_the_byte() -> None:
    """The body of the callback: every field, in the published order, and `meta` as it was sent."""
    sent = '{"campaign":"Q1 Outreach","attempt":2}'
    told = Told(1, 1, "call123", "agent123", "customer123", sent, "https://partner.example.com/callback")
    head = {"call_id": "call123", "type": "CALL_SUMMARY", "customer_id": "customer123", "agent_id": "agent123"}
    expected = {**head, "status": "completed", "error": None, **MADE, "meta": json.loads(sent)}
    body = json.dumps(expected, ensure_ascii=False, separators=(",", ":")).encode()
    assert summaries.payload(told, JUDGED, None) == body
    assert get_args(Intent) == ("INTERESTED", "NOT_INTERESTED", "NEUTRAL", "NOT_QUALIFIED", "NOT_AVAILABLE")
    assert set(get_args(QualityStatus)) == {"Done", "Partially Done", "Needs Improvement", "Not Applicable"}


async def test_a_call_is_read_with_the_analysis_of_its_callback(door: Door) -> None:
    """`GET calls/{id}`: state, times, `transcript` with engine, quality and turns, `analysis` as in the callback."""
    screen = await screen_of(door)
    await screen.door.post(a_batch(a_record("read")))
    whose = await screen.scope()
    await end(door.pool, whose, "read", JUDGED)
    async with db.transaction(door.pool, whose.partner_id) as connection:
        await results.save_transcript(connection, whose.partner_id, "read", conversation(LINES))
    data = (await screen.door.get("calls/read")).json()["data"]
    assert {name: data["analysis"][name] for name in MADE} == MADE
    transcript = data["transcript"]
    assert (transcript["engine"], transcript["quality"]) == ("test", "final")
    assert [(turn["speaker"], turn["text"]) for turn in transcript["turns"]] == list(LINES)
    assert {"id", "status", "failure", "callback_status", "recording", "transcript", "analysis"} <= set(data)
    times = {"start_time", "end_time", "received_at", "changed_at", "ended_at"}
    assert all(data[name].endswith("Z") for name in times)


async def test_a_dashboards_token_opens_no_endpoint(door: Door) -> None:
    """The JWT … opens nothing else."""
    token = (await door.get("dashboard/auth/token")).json()["data"]["token"]
    tenant = {name: value for name, value in door.headers().items() if "tenant" in name}
    path = "/api/v1/partner/calls"
    bearer = await door.client.get(f"{path}?token={token}", headers={**tenant, "authorization": f"Bearer {token}"})
    assert (bearer.status_code, bearer.json()["message"]) == (401, "API key and secret are required")
    for changes in ({"api_key": token}, {"api_secret": token}, {"api_key": token, "api_secret": token}):
        refused = await door.get("calls", **changes)
        assert (refused.status_code, refused.json()["message"]) == (403, "Forbidden")


async def test_the_page_of_a_customer_has_what_it_promises(door: Door) -> None:
    """`/call-details/{call-id}`: lead details, conversations, summary, insights, quality."""
    screen = await screen_of(door)
    await screen.call("one", JUDGED, customer_name="Asha")
    whose = await screen.scope()
    async with db.transaction(door.pool, whose.partner_id) as connection:
        await results.save_transcript(connection, whose.partner_id, "one", conversation(LINES))
    answer = await screen.open("/call-details/one")
    told = words(answer)
    assert answer.status_code == 200
    for said in (
        "Lead details", "Conversations", "Buying intent Interested", "Fewer missed callbacks", "Budget 5,000",
        "Authority The CFO", "Pricing", "Too expensive", "Handled A monthly plan",
        "Suggested next actions Send the offer.", "Talking points They compare two vendors.",
        "Summary", "The price was discussed.", "Insights", "Quality",
        "Setting Context Partially Done 8 / 10", LINES[0][1],
    ):  # fmt: skip
        assert said in told, said


async def test_the_dashboard_has_every_part_that_it_promises(door: Door) -> None:
    """`/view-insights`: totals, buying intent, lead concerns, pitch gaps, contacts table, leaderboard, filters."""
    screen = await screen_of(door)
    await screen.call("one", analysis(), disposition_status="won")
    page = (await screen.open("/view-insights")).text
    for part in ("totals", "intent", "concerns", "gaps", "contacts", "leaderboard"):
        assert f'id="{part}"' in page
    for name in ("from", "to", "customer", "agent-id", "disposition"):
        assert f'name="{name}"' in page


async def test_the_other_door_is_not_there(door: Door) -> None:
    """What the page says is not served is a plain 404, which no integration takes for a success."""
    for path in ("/calls-webhook-ingestion-handler", "/api/v1/client/conversation/webhook/customer-sync"):
        answer = await door.client.post(path, json={"data": []}, headers={"x-zip-api-key": door.partner.api_key})
        assert (answer.status_code, answer.json()) == (404, {"success": False, "message": "Not found"})


async def test_the_faults_of_a_list_that_is_too_long_have_an_end(door: Door) -> None:
    """`errors` lists EVERY fault of the body: of a list as long as it may be, and of a transcript the first hundred."""
    faulty = [a_record(call__id="") for _ in range(53)]
    turns = [{"speaker": "agent", "start": 0, "end": 1, "text": ""} for _ in range(120)]
    answer = await door.post(a_batch(*faulty[:52], a_record(transcript=turns)))
    told = [fault["field"] for fault in answer.json()["errors"]]
    assert (answer.status_code, told) == (422, ["data", *(f"data[{n}].call.id" for n in range(50))])
    answer = await door.post(a_batch(a_record(transcript=turns), a_record(call__id="")))
    told = [fault["field"] for fault in answer.json()["errors"]]
    assert told == [*(f"data[0].transcript[{n}].text" for n in range(101)), "data[1].call.id"]


async def test_fractions_in_metadata_are_numbers(door: Door) -> None:
    """`metadata` comes back verbatim: the same numbers, which JSON may write in more ways than one."""
    body = json.dumps(a_batch(a_record("fractions", metadata={"a": "A", "b": "B", "c": "C"})))
    for text, number in (("A", "0.10000000000000000001"), ("B", "2.50"), ("C", "123456789012345678901")):
        body = body.replace(f'"{text}"', number)
    answer = await door.client.post(BATCH_CALL, content=body, headers=door.headers())
    assert answer.status_code == 200
    assert '"metadata":{"a":0.1,"b":2.5,"c":123456789012345678901}' in (await door.get("calls/fractions")).text
