"""The console's door: a link logs in once, nothing else does, and no other page sends its forms."""

import base64
import io
import json
import logging
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio
from fastapi.routing import APIRoute

from callwright import console_sessions, db
from callwright.dashboards.console import login
from callwright.dashboards.console.door import ConsoleRoute
from callwright.logs import configure_logging
from dashboards.operating import ORIGIN, desk_at, words
from partner_api import Door, open_door
from submissions import submission

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = (
    *("/console", "/console/live", "/console/partners", "/console/partners/1", "/console/failed-calls"),
    *("/console/callbacks", "/console/engines", "/console/logins"),
)
KEYS = ((1, "x"), ("x", 1))
ACTIONS = ("/console/failed-calls", "/console/callbacks", "/console/logout")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(module_database_url: str) -> AsyncIterator[Door]:
    async with open_door(module_database_url) as opened:
        yield opened


def place(*parts: object) -> str:
    """A place in a list as an address has it."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


async def rows(door: Door, query: str) -> list[tuple[object, ...]]:
    async with db.everywhere(door.pool) as lent:
        return [tuple(row.values()) for row in await lent.fetch(query)]


async def age(door: Door, by: timedelta) -> None:
    """Let time pass for links and sessions."""
    async with db.everywhere(door.pool) as lent:
        await lent.execute(
            "UPDATE console_sessions SET link_until = link_until - $1::interval, ends_at = ends_at - $1::interval", by
        )


async def test_every_page_of_the_console_is_walked_here(door: Door) -> None:
    found = {
        (method, re.sub(r"\{\w+\}", "1", route.path))
        for route in door.app.routes
        if isinstance(route, APIRoute) and route.path.startswith("/console")
        for method in route.methods or ()
        if isinstance(route, ConsoleRoute)
    }
    walked = {("GET", path) for path in PAGES} | {("POST", path) for path in ACTIONS}
    assert found == walked | {("GET", "/console/login"), ("POST", "/console/login")}


async def test_a_link_logs_in_once(door: Door) -> None:
    async with desk_at(door) as desk, desk_at(door) as other:
        code = await desk.code()
        asked = await desk.open("/console/login", code=code)
        assert (asked.status_code, "Log in" in words(asked)) == (200, True)
        for _ in range(2):  # whatever looks at links before people do
            await desk.open("/console/login", code=code)
        answer = await desk.post("/console/login", {"code": code})
        assert (answer.status_code, answer.headers["location"]) == (303, "/console")
        assert (await desk.open("/console")).status_code == 200
        again = await other.post("/console/login", {"code": code})
        assert (again.status_code, "This link is not valid" in words(again)) == (403, True)
        assert "set-cookie" not in again.headers
        assert "Run this on the machine" in words(await other.open("/console"))


async def test_the_cookie_stays_with_this_host_and_out_of_scripts(door: Door) -> None:
    async with desk_at(door) as desk:
        kept = (await desk.log_in()).headers["set-cookie"]
        name, _, rest = kept.partition("=")
        assert name == "__Host-callwright-console"
        attributes = {part.strip().lower() for part in rest.split(";")[1:]}
        assert attributes == {"secure", "httponly", "samesite=strict", "path=/", "max-age=43200"}


async def test_plain_http_is_for_this_machine_alone(door: Door) -> None:
    async with desk_at(door, base="http://127.0.0.1:8000") as near, desk_at(door, base="http://callwright.test") as far:
        answer = await near.post("/console/login", {"code": await near.code()}, origin="http://127.0.0.1:8000")
        assert answer.headers["set-cookie"].startswith("callwright-console=")
        assert "secure" not in answer.headers["set-cookie"].lower()
        assert (await near.open("/console")).status_code == 200
        code = await far.code()
        answer = await far.post("/console/login", {"code": code}, origin="http://callwright.test")
        assert (answer.status_code, "The console needs https" in words(answer)) == (403, True)
        assert "set-cookie" not in answer.headers
    async with desk_at(door) as desk:
        assert (await desk.post("/console/login", {"code": code})).status_code == 303, "the link was not used up"


@pytest.mark.parametrize("code", ["", "x", "cwlink_live_" + "0" * 64, "cwlink_live_" + "0" * 63 + "\0", "💥" * 90])
async def test_a_wrong_code_opens_nothing(door: Door, code: str) -> None:
    async with desk_at(door) as desk:
        answer = await desk.post("/console/login", {"code": code})
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_a_link_is_valid_for_ten_minutes_and_a_session_for_twelve_hours(door: Door) -> None:
    async with desk_at(door) as desk:
        code = await desk.code()
        await age(door, timedelta(minutes=10, seconds=1))
        assert (await desk.post("/console/login", {"code": code})).status_code == 403
        code = await desk.code()
        await age(door, timedelta(minutes=9, seconds=50))
        assert (await desk.post("/console/login", {"code": code})).status_code == 303
        await age(door, timedelta(hours=11, minutes=59))
        assert "Overview" in words(await desk.open("/console"))
        await age(door, timedelta(minutes=2))
        assert "Run this on the machine" in words(await desk.open("/console"))


async def test_logging_out_ends_the_session_everywhere(door: Door) -> None:
    async with desk_at(door) as desk:
        await desk.log_in()
        kept = dict(desk.client.cookies)
        answer = await desk.post("/console/logout", {"form-token": await desk.form_token()})
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/login")
        assert not desk.client.cookies
        async with httpx.AsyncClient(transport=door.client._transport, base_url=ORIGIN, cookies=kept) as thief:
            assert (await thief.get("/console")).headers["location"] == "/console/login"


async def test_all_sessions_end_at_once(door: Door) -> None:
    async with desk_at(door) as desk:
        await desk.log_in()
        code = await desk.code()
        async with db.everywhere(door.pool) as lent:
            assert await console_sessions.end_all(lent) >= 1
        assert "Run this on the machine" in words(await desk.open("/console"))
        assert (await desk.post("/console/login", {"code": code})).status_code == 403


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("cookie", [None, "x", "cwconsole_live_" + "0" * 64])
async def test_without_a_session_no_page_says_a_thing(door: Door, path: str, cookie: str | None) -> None:
    cookies = {} if cookie is None else {"__Host-callwright-console": cookie}
    async with httpx.AsyncClient(transport=door.client._transport, base_url=ORIGIN, cookies=cookies) as client:
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/login")
        part = await client.get(path, headers={"hx-request": "true"})
        assert (part.status_code, part.headers["hx-redirect"]) == (401, "/console/login")
        assert door.partner.api_key not in answer.text + part.text
        assert "callwright console" in words(await client.get("/console/login"))


async def test_a_partners_credentials_and_tokens_open_nothing_here(door: Door) -> None:
    token = (await door.get("dashboard/auth/token")).json()["data"]["token"]
    for path in PAGES:
        answer = await door.client.get(path, params={"token": token}, headers=door.headers())
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/login")
        bearer = await door.client.get(path, headers={"authorization": f"Bearer {token}"})
        assert bearer.status_code == 303


@pytest.mark.parametrize("path", ACTIONS)
async def test_another_page_sends_no_form(door: Door, path: str) -> None:
    async with desk_at(door) as desk:
        await desk.log_in()
        good = {"form-token": await desk.form_token(), "item": "1:x"}
        for origin in (
            "https://evil.test",
            "null",
            "",
            None,
            "https://callwright.test.evil.test",
            "file://callwright.test",
        ):
            answer = await desk.post(path, good, origin=origin)
            assert (answer.status_code, "This form is not from here" in words(answer)) == (403, True), origin
        for token in ("", "x", "0" * 64, "ü"):
            answer = await desk.post(path, {"form-token": token, "item": "1:x"})
            assert (answer.status_code, "This form is out of date" in words(answer)) == (403, True), token
        assert (await desk.open("/console")).url.path == "/console", "and nobody was logged out"
        assert (await desk.post(path, good)).status_code in (200, 303)


async def test_no_other_page_logs_somebody_in(door: Door) -> None:
    async with desk_at(door) as desk:
        form = {"code": await desk.code()}
        assert (await desk.post("/console/login", form, origin="https://evil.test")).status_code == 403
        assert (await desk.post("/console/login", form, origin=None)).status_code == 403
        assert (await desk.post("/console/login", form)).status_code == 303


async def test_forms_are_read_within_bounds(door: Door) -> None:
    async with desk_at(door) as desk:
        await desk.log_in()
        token = await desk.form_token()
        for body, kind, status in (
            (b"form-token=" + token.encode() + b"&item=1:x" * 501, None, 400),
            (b"x" * 200_000, None, 413),
            (b"form-token=%ff\xff", None, 400),
            (b"{}", "application/json", 415),
            (f"form-token={token}".encode(), None, 400),
            (f"form-token={token}&item=1".encode(), None, 400),
            (f"form-token={token}&item=x:y".encode(), None, 400),
            (f"form-token={token}&item=1:%00".encode(), None, 400),
        ):
            headers = {"origin": ORIGIN, "content-type": kind or "application/x-www-form-urlencoded"}
            answer = await desk.client.post("/console/failed-calls", content=body, headers=headers)
            assert answer.status_code == status, body[:60]


@pytest.mark.parametrize(
    "query",
    [
        *("after=x", "after=W10", "partner=x", "since=now", "after=WyJ4IiwxLCIiXQ", "code=%00"),
        *("since=0001-01-01T00:00%2B14:00", "until=9999-12-31T23:59-14:00"),
        *(f"after={place(at, *rest)}" for at in ("2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00") for rest in KEYS),
    ],
)
async def test_an_address_that_cannot_be_read_is_a_plain_page(door: Door, query: str) -> None:
    async with desk_at(door) as desk:
        await desk.log_in()
        for path in ("/console/failed-calls", "/console/callbacks"):
            name = query.replace("code", "call") if "callbacks" in path else query
            answer = await desk.client.get(f"{path}?{name}")
            assert (answer.status_code, "This address cannot be read" in words(answer)) == (400, True)


async def test_the_policy_of_every_answer(door: Door) -> None:
    async with desk_at(door) as desk, desk_at(door) as stranger:
        await desk.log_in()
        answers = [await desk.open(path) for path in (*PAGES, "/console/login", "/console/partners/x")]
        answers += [await stranger.client.get("/console")]
        for answer in answers:
            policy = answer.headers["content-security-policy"].split("; ")
            assert {"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} <= set(
                policy
            )
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "strict-origin"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert not re.search(r"\son\w+=|style=|javascript:", answer.text)


async def test_an_address_that_guesses_is_shut_out(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "FAILED_LOGINS", 3)
    async with open_door(database_url) as door, desk_at(door) as desk:
        statuses = [(await desk.post("/console/login", {"code": f"guess {n}"})).status_code for n in range(6)]
        assert statuses == [403, 403, 403, 429, 429, 429]
        shut = await desk.log_in()
        assert (shut.status_code, 1 <= int(shut.headers["retry-after"]) <= 60) == (429, True)
        assert (await door.get("calls/x")).status_code == 404, "the API's failed logins are counted apart"
        found = await rows(door, "SELECT outcome FROM login_audit WHERE door = 'console' ORDER BY login_no")
        assert [outcome for (outcome,) in found] == ["wrong link"] * 3 + ["shut out"]


async def test_only_hashes_are_kept_and_logins_are_written_down(database_url: str) -> None:
    said = io.StringIO()
    async with open_door(database_url) as door, desk_at(door) as desk:
        configure_logging(log_format="json", log_level="debug")
        handler = logging.getLogger().handlers[0]
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(said)
        code = await desk.code()
        await desk.open("/console/login", code=code)
        await desk.post("/console/login", {"code": code})
        [session] = desk.client.cookies.values()
        await desk.open("/console/logins")
        kept = str(await rows(door, "SELECT * FROM console_sessions")) + str(
            await rows(door, "SELECT * FROM login_audit")
        )
        for secret in (code, session):
            assert secret[-64:] not in kept + said.getvalue()
            assert bytes.fromhex(secret[-64:]).hex() not in kept
        assert '"route":"/console/login"' in said.getvalue()
        found = await rows(door, "SELECT door, outcome, partner_id, api_key FROM login_audit")
        assert ("console", "let in", None, None) in found


async def test_a_partners_transaction_sees_no_session(door: Door) -> None:
    async with desk_at(door) as desk:
        await desk.log_in()
    async with db.transaction(door.pool, door.partner.partner_id) as lent:
        assert await lent.fetch("SELECT * FROM console_sessions") == []
        assert await lent.fetch("SELECT * FROM login_audit WHERE door = 'console'") == []


async def test_no_page_shows_a_secret(door: Door) -> None:
    async with desk_at(door) as desk:
        await desk.log_in()
        secrets = (door.partner.api_secret, door.partner.webhook_secret)
        number = door.partner.partner_id
        pages = [await desk.open(path) for path in (*PAGES, f"/console/partners/{number}")]
        assert door.partner.api_key in "".join(page.text for page in pages), "the public id is shown"
        for page in pages:
            assert not any(secret in page.text or secret[9:40] in page.text for secret in secrets)
            assert submission()["recording_url"] not in page.text
