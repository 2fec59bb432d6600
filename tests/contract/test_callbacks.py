"""Section 7: `POST calls/{id}/callback` (send again), and the lists that go with it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from callwright import calls
from callwright.db import everywhere
from partner_api import Door, a_batch, a_record

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNDELIVERED = "callbacks?state=undelivered"


@pytest_asyncio.fixture(loop_scope="module")
async def own(door: Door) -> AsyncIterator[Door]:
    """The door for a partner of this test's own, with a second subtenant."""
    yield await door.for_another(("acme", "sales"), ("acme", "support"))


async def with_callbacks(door: Door, *call_ids: str, state: str = "undelivered", **changes: str) -> list[str]:
    """Calls that have failed, each with a callback in this state, one made after the other; the callbacks' ids."""
    await door.post(a_batch(*(a_record(each) for each in call_ids)), **changes)
    ids = []
    for call_id in call_ids:
        async with everywhere(door.pool) as lent:
            number = door.partner.partner_id
            call = await calls.begin_step(lent, number, call_id, "received")
            assert call is not None
            await calls.fail(lent, call, "recording_not_found", "It is gone.")
            ids.append(f"msg_{len(await lent.fetch('SELECT FROM callbacks')):024x}")
            await lent.execute(
                """
                INSERT INTO callbacks (partner_id, callback_id, subtenant_no, call_id, url, body, state, attempts,
                    allowed, ended_at)
                VALUES ($1, $2, $3, $4, 'https://partner.example.com/callback', '{}', $5, 4, 4, now())
                """,
                *(number, ids[-1], call.subtenant_no, call_id, state),
            )
            await lent.execute(
                "INSERT INTO callback_attempts VALUES ($1, $2, 4, now(), 10, 503, 'The receiver answered 503.', 'no')",
                *(number, ids[-1]),
            )
            await calls.set_callback_state(lent, number, [call_id], state)  # type: ignore[arg-type]
    return ids


IDS = ["plain", "a/b", "a/callback", "callback", "a b%20?x=1#y", "é/../..", "/", "callback/"]


@pytest.mark.parametrize(
    ("call_id", "quoted"),
    [
        *((call_id, "".join(f"%{byte:02X}" for byte in call_id.encode())) for call_id in IDS),
        *((call_id, call_id) for call_id in IDS if call_id.replace("/", "").isalpha()),
    ],
)
async def test_a_calls_callback_is_sent_again_whatever_its_id_is(own: Door, call_id: str, quoted: str) -> None:
    [callback_id] = await with_callbacks(own, call_id)
    answer = await own.send("POST", f"calls/{quoted}/callback")
    assert answer.status_code == 200
    told = {"call_id": call_id, "callback_id": callback_id, "callback_status": "pending", "resent": True}
    assert answer.json() == {"success": True, "data": told}
    read = (await own.get(f"calls/{quoted}")).json()["data"]
    assert (read["id"], read["callback_status"]) == (call_id, "pending")
    again = await own.send("POST", f"calls/{quoted}/callback")
    assert again.json() == {"success": True, "data": {**told, "resent": False}}


async def test_a_call_that_has_not_ended_stays_as_it_is(own: Door) -> None:
    await own.post(a_batch(a_record("running")))
    answer = await own.send("POST", "calls/running/callback")
    told = {"call_id": "running", "callback_id": None, "callback_status": "pending", "resent": False}
    assert (answer.status_code, answer.json()["data"]) == (200, told)


async def test_delivered_is_sent_again_too(own: Door) -> None:
    await with_callbacks(own, "had", state="delivered")
    assert (await own.send("POST", "calls/had/callback")).json()["data"]["resent"]


async def test_what_is_not_there(own: Door) -> None:
    await own.post(a_batch(a_record("quiet", callback_url=None)))
    await with_callbacks(own, "theirs", sub_tenant_id="support")
    answer = await own.send("POST", "calls/quiet/callback")
    assert (answer.status_code, answer.json()["message"]) == (404, "Callback not found")
    refused = [await own.send("POST", f"calls/{each}/callback") for each in ("theirs", "nothing", "%00", "a%00b", "")]
    assert {(each.status_code, each.content) for each in refused} == {
        (404, b'{"success":false,"message":"Call not found"}')
    }


async def test_methods(own: Door) -> None:
    for method, path, allowed in (
        ("PUT", "calls/x/callback", {"DELETE", "GET", "POST"}),
        ("POST", "calls/x", {"DELETE", "GET"}),
        ("POST", "callbacks", {"GET"}),
        ("GET", "callbacks/resend", {"POST"}),
    ):
        answer = await own.send(method, path)
        assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, allowed)


async def test_the_list(own: Door) -> None:
    ids = await with_callbacks(own, "one", "two")
    await with_callbacks(own, "theirs", sub_tenant_id="support")
    data = (await own.get("callbacks")).json()["data"]
    assert data["next_cursor"] is None
    assert [each["callback_id"] for each in data["callbacks"]] == ids[::-1], "newest first"
    first = data["callbacks"][0]
    [tried] = first.pop("attempts")
    assert (tried["attempt"], tried["http_status"], tried["error"]) == (4, 503, "The receiver answered 503.")
    assert tried["started_at"].endswith("Z")
    assert first.pop("created_at").endswith("Z")
    assert first.pop("ended_at").endswith("Z")
    assert first == {
        "callback_id": ids[1],
        "call_id": "two",
        "url": "https://partner.example.com/callback",
        "state": "undelivered",
        "next_attempt_at": None,
    }


async def listed(door: Door, query: str) -> list[str]:
    answer = await door.get(f"callbacks?{query}")
    assert answer.status_code == 200, answer.text
    return [each["call_id"] for each in answer.json()["data"]["callbacks"]]


async def test_filters(own: Door) -> None:
    await with_callbacks(own, "a", "b")
    await with_callbacks(own, "c/d", state="delivered")
    made = (await own.get("callbacks?call_id=b")).json()["data"]["callbacks"][0]["created_at"]
    assert await listed(own, "state=undelivered") == ["b", "a"]
    assert await listed(own, "state=delivered") == ["c/d"]
    assert await listed(own, "call_id=c%2Fd&unknown=1") == ["c/d"]
    assert await listed(own, f"since={made}") == ["c/d", "b"], "since is included"
    assert await listed(own, f"until={made}") == ["a"], "until is not"
    assert await listed(own, "since=2099-01-01T00:00:00Z") == []


async def test_pages_show_each_callback_once_whatever_is_written_meanwhile(own: Door) -> None:
    ids = await with_callbacks(own, *(f"c{n}" for n in range(7)))
    shown, path, pages = [], "callbacks?limit=3", 0
    while True:
        data = (await own.get(path)).json()["data"]
        shown += [each["callback_id"] for each in data["callbacks"]]
        pages += 1
        if data["next_cursor"] is None:
            break
        path = f"callbacks?limit=3&cursor={data['next_cursor']}"
        await with_callbacks(own, f"later{pages}")
        await own.send("POST", "callbacks/resend", {"callback_ids": [ids[0], ids[5]]})
    assert (shown, pages) == (ids[::-1], 3)


async def test_a_cursor_of_another_shows_nothing_of_theirs(own: Door, door: Door) -> None:
    await with_callbacks(own, "a", "b")
    cursor = (await own.get("callbacks?limit=1")).json()["data"]["next_cursor"]
    other = await door.for_another(("acme", "sales"))
    assert (await other.get(f"callbacks?cursor={cursor}")).json()["data"] == {"callbacks": [], "next_cursor": None}


async def test_the_undelivered_of_a_range_are_sent_again(own: Door) -> None:
    ids = await with_callbacks(own, "a", "b", "c")
    await with_callbacks(own, "had", state="delivered")
    await with_callbacks(own, "theirs", sub_tenant_id="support")
    made = (await own.get("callbacks?call_id=b")).json()["data"]["callbacks"][0]["created_at"]
    answer = await own.send("POST", "callbacks/resend", {"since": made})
    assert (answer.status_code, answer.json()) == (200, {"success": True, "data": {"resent": 2, "more": False}})
    assert await listed(own, "state=pending") == ["c", "b"]
    named = {"callback_ids": ids, "since": None, "until": None}
    assert (await own.send("POST", "callbacks/resend", named)).json()["data"] == {"resent": 1, "more": False}
    data = (await own.get(UNDELIVERED, sub_tenant_id="support")).json()["data"]
    assert [each["call_id"] for each in data["callbacks"]] == ["theirs"]


async def test_one_unknown_id_refuses_all(own: Door) -> None:
    [mine] = await with_callbacks(own, "mine")
    [theirs] = await with_callbacks(own, "theirs", sub_tenant_id="support")
    for unknown in ("msg_none", theirs):
        answer = await own.send("POST", "callbacks/resend", {"callback_ids": [mine, unknown]})
        assert (answer.status_code, answer.content) == (404, b'{"success":false,"message":"Callback not found"}')
    assert await listed(own, "state=undelivered") == ["mine"]


def faults(*told: tuple[str, str]) -> dict[str, Any]:
    errors = [{"field": field, "message": f"{field} {message}"} for field, message in told]
    return {"success": False, "message": "Validation failed", "errors": errors}


UTC_WORDS = "must be a valid ISO 8601 date string in UTC"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("state=lost", [("state", "must be one of pending, delivered, undelivered, replaced")]),
        ("state=", [("state", "must be one of pending, delivered, undelivered, replaced")]),
        ("since=yesterday", [("since", UTC_WORDS)]),
        ("since=2026-02-30T00:00:00Z", [("since", UTC_WORDS)]),
        ("since=2026-01-01T00:00:00Z&since=2026-01-02T00:00:00Z", [("since", UTC_WORDS)]),
        ("since=", [("since", "should not be empty")]),
        ("since=2026-01-02T00:00:00Z&until=2026-01-02T00:00:00Z", [("until", "must be after since")]),
        ("call_id=%00", [("call_id", "must not contain the character U+0000")]),
        ("call_id=" + "x" * 256, [("call_id", "must be shorter than or equal to 255 characters")]),
        *((f"limit={n}", [("limit", "must be a number from 1 to 100")]) for n in ("0", "101", "-1", "1.5", "x", "")),
        *(
            (f"cursor={c}", [("cursor", "must be the next_cursor of a page")])
            for c in ("x", "é", "A" * 101, "OTk5OTk5OTk5OTk5OTk5OTk5IG1zZ18wMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA")
        ),
        ("limit=x&until=y&state=z", [("limit", "must be a number from 1 to 100"), ("until", UTC_WORDS),
                                     ("state", "must be one of pending, delivered, undelivered, replaced")]),
    ],
)  # fmt: skip
async def test_query_faults(door: Door, query: str, told: list[tuple[str, str]]) -> None:
    answer = await door.get(f"callbacks?{query}")
    assert (answer.status_code, answer.json()) == (422, faults(*told))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, [("since", "should not be empty")]),
        ([], [("since", "should not be empty")]),
        ({"until": "x"}, [("since", "should not be empty"), ("until", UTC_WORDS)]),
        ({"since": 5, "until": None}, [("since", UTC_WORDS)]),
        (
            {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
            [("until", "must be after since")],
        ),
        ({"callback_ids": []}, [("callback_ids", "must contain at least 1 element")]),
        ({"callback_ids": "msg_1"}, [("callback_ids", "must be an array")]),
        (
            {"callback_ids": ["a", 5, ""]},
            [("callback_ids[1]", "must be a string"), ("callback_ids[2]", "should not be empty")],
        ),
        ({"callback_ids": ["a"] * 1001}, [("callback_ids", "must contain no more than 1000 elements")]),
    ],
)  # fmt: skip
async def test_body_faults(door: Door, body: object, told: list[tuple[str, str]]) -> None:
    answer = await door.send("POST", "callbacks/resend", body)
    assert (answer.status_code, answer.json()) == (422, faults(*told))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "calls/x/callback", None),
        ("GET", "callbacks?limit=x", None),
        ("POST", "callbacks/resend", {}),
    ],
)
async def test_checks_come_in_the_order_of_the_contract(door: Door, method: str, path: str, body: object) -> None:
    changed: list[tuple[dict[str, str | None], int]] = [
        ({"api_key": None, "tenant_id": None}, 401),
        ({"api_secret": "wrong", "tenant_id": None}, 403),
        ({"tenant_id": None}, 400),
        ({"sub_tenant_id": " "}, 400),
        ({"tenant_id": "other"}, 403),
    ]
    for changes, status in changed:
        assert (await door.send(method, path, body, **changes)).status_code == status
    answer = await door.send(method, path, body)
    assert answer.status_code == (404 if body is None and method == "POST" else 422)
    assert "ratelimit" in answer.headers


async def test_malformed_large_and_other_bodies(door: Door) -> None:
    url = "/api/v1/partner/callbacks/resend"
    for content, headers, status in (
        (b"{", {}, 400),
        (b" " * (5 * 1024 * 1024 + 1), {}, 413),
        (b"{}", {"content-type": "text/plain"}, 415),
    ):
        answer = await door.client.post(url, content=content, headers={**door.headers(), **headers})
        assert answer.status_code == status
