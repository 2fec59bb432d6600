"""Section 1.4: the rate limit."""

import asyncio
import re

import pytest

from callwright import partners
from callwright.db import everywhere
from partner_api import BATCH_CALL, Door, a_batch, a_record, open_door

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGE_THE_WINDOW = "UPDATE rate_stamps SET taken_at = taken_at - make_interval(secs => $1)"


async def limited_to(door: Door, most: int) -> Door:
    limited = await door.for_another(("acme", "sales"))
    async with everywhere(door.pool) as lent:
        await partners.set_partner(lent, limited.partner.partner_id, rate_limit=most)
    return limited


async def test_default_limit(module_database_url: str) -> None:
    """120 requests per minute per partner (a setting), counted across every process and machine."""
    async with (
        open_door(module_database_url, rate_limit=120) as one,
        open_door(module_database_url, rate_limit=120) as two,
    ):
        elsewhere = Door(two.app, two.client, two.pool, one.partner)
        answers = await asyncio.gather(*[(one if n % 2 else elsewhere).get("calls/x") for n in range(125)])
        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(404), statuses.count(429)) == (120, 5)
        assert (await two.get("calls/x")).status_code == 404, "another partner's requests are its own"


async def test_over_the_limit(door: Door) -> None:
    """Over it: 429, header `Retry-After: N`, body message `Rate limit exceeded. Try again in N seconds.`."""
    limited = await limited_to(door, 2)
    for _ in range(2):
        assert (await limited.get("calls/x")).status_code == 404
    answer = await limited.get("calls/x")
    assert answer.status_code == 429
    wait = answer.headers["retry-after"]
    assert re.fullmatch("[1-9][0-9]*", wait)
    assert answer.json() == {"success": False, "message": f"Rate limit exceeded. Try again in {wait} seconds."}


async def test_retry_after_is_true(door: Door) -> None:
    """Whole seconds, N >= 1, and a request sent N seconds later succeeds."""
    limited = await limited_to(door, 2)
    await limited.get("calls/x")
    async with everywhere(door.pool) as lent:
        await lent.execute(AGE_THE_WINDOW, 58.2)
    await limited.get("calls/x")
    answer = await limited.get("calls/x")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    async with everywhere(door.pool) as lent:
        await lent.execute(AGE_THE_WINDOW, 2)
    assert (await limited.get("calls/x")).status_code == 404
    assert (await limited.get("calls/x")).status_code == 429, "the window moves: only one request had left it"


async def test_limit_of_a_partner(door: Door) -> None:
    """120 requests per minute per partner (…, and per partner overridable)."""
    limited = await limited_to(door, 1)
    assert (await limited.get("calls/x")).headers["ratelimit-policy"] == '"partner";q=1;w=60'
    assert (await limited.get("calls/x")).status_code == 429


async def test_headers(door: Door) -> None:
    """Every authenticated answer carries the draft standard's `RateLimit-Policy` and `RateLimit` headers."""
    limited = await limited_to(door, 10)
    headers = limited.headers()
    headers["content-type"] = "text/plain"
    answers = [
        await limited.get("calls/x"),
        await limited.get("calls/x", tenant_id=None),
        await limited.get("calls/x", tenant_id="other"),
        await limited.post({}),
        await limited.post([]),
        await limited.put(None),
        await limited.post(a_batch(a_record("headers"))),
        await limited.client.post(BATCH_CALL, content=b"{}", headers=headers),
        await limited.client.post(BATCH_CALL, content=b" " * 6_000_000, headers=limited.headers()),
        await limited.client.post(BATCH_CALL, content=b"{", headers=limited.headers()),
        await limited.get("calls/headers"),
        await limited.get("calls/headers"),
    ]
    assert [a.status_code for a in answers] == [404, 400, 403, 422, 422, 422, 200, 415, 413, 400, 200, 429]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"partner";q=10;w=60'}
    left = [re.fullmatch(r'"partner";r=(\d+);t=(\d+)', answer.headers["ratelimit"]) for answer in answers]
    assert [int(match[1]) for match in left if match] == [9, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]
    assert all(0 < int(match[2]) <= 60 for match in left if match)


async def test_no_headers_for_strangers(door: Door) -> None:
    """Every authenticated answer: a stranger learns nothing of a partner's limit."""
    for answer in (await door.get("calls/x", api_secret="wrong"), await door.get("calls/x", api_key=None)):
        assert "ratelimit" not in answer.headers
        assert "ratelimit-policy" not in answer.headers


async def test_failed_logins(module_database_url: str) -> None:
    """Failed logins are limited by address, so that secrets cannot be guessed at speed."""
    async with open_door(module_database_url) as door:
        assert (await door.get("calls/x")).status_code == 404
        answers = await asyncio.gather(*[door.get("calls/x", api_secret=f"guess{n}") for n in range(70)])
        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(403), statuses.count(429)) == (60, 10)
        shut = await door.get("calls/x", api_secret="guess")
        assert shut.status_code == 429
        assert 1 <= int(shut.headers["retry-after"]) <= 60
        assert (await door.get("calls/x", api_secret=None)).status_code == 401
        assert (await door.get("calls/x")).status_code == 404, "who was let in lately is not locked out"
