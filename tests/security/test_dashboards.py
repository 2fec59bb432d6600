"""Dashboards: a token opens its own subtenant and nothing else, stays where it is, and its partner's pages frame."""

import io
import json
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from callwright import db, partners, token_keys
from callwright.db import everywhere
from callwright.logs import configure_logging
from callwright.sealing import Sealer
from callwright.tokens import AUDIENCE, Key, sign
from dashboards.viewing import ORIGIN, Screen, screen_of, token_of
from judged import analysis
from partner_api import Door, open_door

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = (
    "/view-insights",
    "/call-details/secret-call",
    *(f"/view-insights/{part}" for part in ("agents", "contacts", "calls")),
)


async def key_of(door: Door) -> Key:
    """The key that signs now."""
    async with everywhere(door.pool) as lent:
        key, _ = await token_keys.read(lent, Sealer(bytes(32)))
    assert key is not None
    return key


async def estate(door: Door) -> Screen:
    """A screen with a call whose words nobody else may see."""
    screen = await screen_of(door)
    await screen.call("secret-call", analysis(), customer_name="Secret Customer")
    return screen


def refused(answer: httpx.Response, status: int, title: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{title}</h1>" in answer.text
    assert "Secret" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


def policy(answer: httpx.Response) -> dict[str, str]:
    parts = (part.partition(" ") for part in answer.headers["content-security-policy"].split("; "))
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize("path", PAGES)
async def test_the_token_opens_its_own(door: Door, path: str) -> None:
    """Else the tests below would show nothing."""
    screen = await estate(door)
    for answer in (
        await screen.open(path),
        await screen.open(path, token="", headers={"authorization": f"Bearer {screen.token}"}),
        await screen.open(path, token="stale", headers={"authorization": f"bearer {screen.token}"}),
    ):
        assert answer.status_code == 200
    shows = not path.endswith("agents")
    assert ("Secret Customer" in (await screen.open(path)).text) == shows


@pytest.mark.parametrize("path", PAGES)
async def test_no_token(door: Door, path: str) -> None:
    refused(await (await estate(door)).open(path, token=""), 401, "This page needs a token")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("kind", ["alg none", "another key", "another audience", "garbage", "another algorithm"])
async def test_what_is_no_token_of_ours(door: Door, path: str, kind: str) -> None:
    screen = await estate(door)
    key = await key_of(door)
    claims = jwt.decode(screen.token, options={"verify_signature": False})
    named = {"kid": key.key_id}
    forged = {
        "alg none": jwt.encode(claims, "", "none", headers=named),
        "another key": jwt.encode(claims, bytes(32), "HS256", headers=named),
        "another audience": jwt.encode({**claims, "aud": "x"}, key.secret, "HS256", headers=named),
        "garbage": "'\"><script>alert(1)</script>",
        "another algorithm": jwt.encode(claims, key.secret * 2, "HS512", headers=named),
    }[kind]
    answer = await screen.open(path, token=forged)
    refused(answer, 401, "This link is not valid")
    assert policy(answer)["frame-ancestors"] == "'none'"
    assert forged not in answer.text
    assert AUDIENCE not in answer.text


@pytest.mark.parametrize("path", PAGES)
async def test_an_expired_token(door: Door, path: str) -> None:
    screen = await estate(door)
    long_ago = datetime.now(UTC) - timedelta(hours=24, seconds=1)
    old = sign(await key_of(door), screen.door.partner.partner_id, "acme", "sales", at=long_ago)
    answer = await screen.open(path, token=old)
    refused(answer, 401, "This page has expired")
    assert policy(answer)["frame-ancestors"] == ORIGIN, "the page around it can show it, and renew it"


@pytest.mark.parametrize("path", PAGES)
async def test_a_partner_that_is_revoked(door: Door, path: str) -> None:
    screen = await estate(door)
    async with everywhere(door.pool) as lent:
        await partners.revoke_partner(lent, screen.door.partner.partner_id)
    answer = await screen.open(path)
    refused(answer, 403, "This page is closed")
    assert policy(answer)["frame-ancestors"] == "'none'"


async def test_a_key_that_is_revoked(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = await estate(door)
    async with everywhere(door.pool) as lent:
        await token_keys.revoke(lent)
    monkeypatch.setattr(token_keys, "FRESH_SECONDS", 0.0)
    refused(await screen.open(PAGES[0]), 401, "This link is not valid")


@pytest.mark.parametrize("whose", [("acme", "support"), ("other", "sales"), None])
async def test_a_call_of_another(door: Door, whose: tuple[str, str] | None) -> None:
    """Of another subtenant, tenant or partner: as a call that nobody has, to the byte."""
    screen = await estate(door)
    if whose is None:
        stranger = await screen_of(door)
    else:
        token = await token_of(screen.door, tenant_id=whose[0], sub_tenant_id=whose[1])
        stranger = Screen(screen.door, token)
    for page in ("details", "changes"):
        theirs, unknown = [await stranger.open(f"/call-{page}/{call}") for call in ("secret-call", "nobody's")]
        refused(theirs, 404, "This call is not known here")
        assert without_nonce(theirs) == without_nonce(unknown)
    answer = await stranger.open(PAGES[0], agent_id="agent-1")
    refused(answer, 404, "This agent is not known here")


def without_nonce(answer: httpx.Response) -> tuple[object, ...]:
    nonce = re.search(r"'nonce-([\w-]+)'", answer.headers["content-security-policy"])
    assert nonce is not None
    kept = [f"{name}: {value}" for name, value in answer.headers.items() if name != "x-request-id"]
    return answer.status_code, answer.text.replace(nonce[1], ""), [line.replace(nonce[1], "") for line in kept]


async def test_the_policy_of_every_answer(door: Door) -> None:
    screen = await estate(door)
    for answer in (
        await screen.open(PAGES[0]),
        await screen.open("/call-details/none"),
        await screen.open("/view-insights", token=""),
    ):
        told = policy(answer)
        nonce = told["script-src"]
        assert re.fullmatch(r"'nonce-[\w-]{22}'", nonce)
        assert told == {
            "default-src": "'none'",
            "script-src": nonce,
            "style-src": nonce,
            "img-src": "'self'",
            "media-src": "'self'",
            "connect-src": "'self'",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": told["frame-ancestors"],
        }
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert not re.search(
            r"""(?i)\son\w+\s*=\s*["']|\sstyle\s*=|<style|javascript:|(?:src|href)=["']?(?:https?:)?//""", answer.text
        )
        scripts = re.findall(r"<(?:script|link rel=\"stylesheet\")[^>]*>", answer.text)
        assert scripts
        assert all(nonce[7:-1] in tag for tag in scripts)


async def test_who_may_frame(door: Door) -> None:
    both = await screen_of(door, origins=("https://a.example", "https://b.example:8443"))
    assert policy(await both.open(PAGES[0]))["frame-ancestors"] == "https://a.example https://b.example:8443"
    nobody = await screen_of(door, origins=())
    assert policy(await nobody.open(PAGES[0]))["frame-ancestors"] == "'none'"


@pytest.mark.parametrize(
    ("referer", "framed_by"),
    [
        (f"{ORIGIN}/contacts/7?x=1", ORIGIN),
        (f"{ORIGIN}:8443/", "'none'"),
        ("https://evil.example/", "'none'"),
        ("https://evil.example/; script-src *", "'none'"),
        ("null", "'none'"),
        ("", "'none'"),
    ],
)
async def test_a_page_that_nobodys_token_opens_is_shown_in_registered_pages_only(
    door: Door, referer: str, framed_by: str
) -> None:
    screen = await screen_of(door)
    answer = await screen.open(PAGES[0], token="garbage", headers={"referer": referer} if referer else {})
    refused(answer, 401, "This link is not valid")
    assert policy(answer)["frame-ancestors"] == framed_by


async def test_localhost_frames_by_a_setting_only(module_database_url: str) -> None:
    async with open_door(module_database_url, frame_localhost=True) as opened:
        screen = await screen_of(opened)
        assert policy(await screen.open(PAGES[0]))["frame-ancestors"] == f"{ORIGIN} http://localhost:*"
        assert policy(await screen.open(PAGES[0], token="x"))["frame-ancestors"] == "http://localhost:*"


async def test_the_token_is_in_no_log_line(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = await estate(door)
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    configure_logging(log_format="json", log_level="debug")
    for token in (screen.token, screen.token[:-3] + "abc"):
        for path in (*PAGES, "/call-details/none"):
            await screen.open(path, token=token)
            await screen.open(path, token="", headers={"authorization": f"Bearer {token}"})
    logging.getLogger("x").warning("GET /view-insights?token=%s", screen.token)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line for line in lines if line.get("route") == "/view-insights"], "requests are logged"
    for part in screen.token.split("."):
        assert part not in written.getvalue()


async def test_a_transaction_of_a_page_sees_one_subtenant(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = await estate(door)
    seen: list[Any] = []
    real = db.transaction

    def noted(pool: Any, whose: Any) -> Any:
        seen.append(whose)
        return real(pool, whose)

    monkeypatch.setattr(db, "transaction", noted)
    await screen.open(PAGES[1])
    scope = await screen.scope()
    assert seen == [scope.partner_id, scope]
