"""Keys: only the right pair opens, whatever is done to the headers, and a secret is found nowhere afterwards."""

import ast
import inspect
import itertools
from datetime import timedelta
from typing import Any, Literal

import httpx
import pytest

from callwright import credentials, partners
from callwright.api import auth
from callwright.db import Pool, everywhere
from callwright.limits import FAILED_LOGINS
from callwright.logs import configure_logging
from partner_api import BATCH_CALL, Door, a_batch, a_record, open_door

IN_MODULE = pytest.mark.asyncio(loop_scope="module")

KEY, SECRET = "x-api-key", "x-api-secret"
OTHER_KEY = "cw_live_00000000000000000000"
NOTHING: tuple[list[str], ...] = ([], [""], [" "], ["\t"], ["", ""])
"""As a header is sent: not at all, blank, doubled and blank."""


def wrong_forms(right: str) -> list[list[str]]:
    """What is not the right value, as header values."""
    doubled = [[right, right], [right, "x"], ["x", right], ["", right], [right, ""], [right] * 50]
    spelled = [right[:-1], right + "x", right.upper(), right + " " + right, f'"{right}"', right.replace("_", "-")]
    odd = ["null", "undefined", "*", "%", "'", "' OR '1'='1", "é", "\u200b" + right, "0", "[]", "{}"]
    far = ["x" * 512, "x" * 513, "x" * 60_000, right + "," + right, f"{right};", right + "%00", "\ufeff" + right]
    return [*doubled, *([value] for value in (*spelled, *odd, *far))]


async def send(door: Door, keys: list[str], secrets: list[str]) -> httpx.Response:
    headers = [(KEY, each) for each in keys] + [(SECRET, each) for each in secrets]
    raw = [(name.encode(), value.encode()) for name, value in headers]
    raw += [(b"x-tenant-id", b"acme"), (b"x-sub-tenant-id", b"sales")]
    return await door.client.get("/api/v1/partner/calls/x", headers=raw)


async def test_only_the_right_pair_opens(module_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "FAILED_LOGINS", 10_000)
    async with open_door(module_database_url) as door:
        await try_every_pair(door)


async def try_every_pair(door: Door) -> None:
    other = await door.for_another(("acme", "sales"))
    key, secret = door.partner.api_key, door.partner.api_secret
    bad_keys = [*wrong_forms(key), [secret], [OTHER_KEY], [other.partner.api_key]]
    bad_secrets = [*wrong_forms(secret), [key], [other.partner.api_secret], [door.partner.webhook_secret]]
    asked = [(bad, [secret]) for bad in bad_keys] + [([key], bad) for bad in bad_secrets]
    asked += [*zip(bad_keys, bad_secrets, strict=True), ([secret], [key])]
    for keys, secrets in asked:
        answer = await send(door, keys, secrets)
        assert (answer.status_code, answer.json()["message"]) == (403, "Forbidden"), (keys, secrets)
        assert secret not in str(answer.headers) + answer.text
    assert len(asked) >= 90
    assert (await send(door, [key], [secret])).status_code == 404, "and the right pair does"
    assert (await send(door, [f" {key}\t"], [f"{secret} "])).status_code == 404, (
        "white space around is no part of a header"
    )


@IN_MODULE
async def test_no_credentials_are_401(door: Door) -> None:
    key, secret = [door.partner.api_key], [door.partner.api_secret]
    asked = [(nothing, secret) for nothing in NOTHING] + [(key, nothing) for nothing in NOTHING]
    asked += list(itertools.product(NOTHING, NOTHING))
    for keys, secrets in asked:
        answer = await send(door, keys, secrets)
        assert (answer.status_code, answer.json()["message"]) == (401, "API key and secret are required")


@IN_MODULE
async def test_what_was_right_once_opens_no_more(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "FRESH_SECONDS", -1.0)
    rotated = await door.for_another(("acme", "sales"))
    number, old = rotated.partner.partner_id, rotated.partner.api_secret
    async with everywhere(door.pool) as lent:
        second = await partners.rotate_api_secret(lent, number, overlap_seconds=3600)
    assert [(await rotated.get("calls/x", api_secret=each)).status_code for each in (old, second)] == [404, 404]
    async with everywhere(door.pool) as lent:
        await lent.execute(
            "UPDATE partner_secrets SET expires_at = now() - $2::interval WHERE partner_id = $1 AND expires_at > now()",
            number,
            timedelta(seconds=1),
        )
    assert [(await rotated.get("calls/x", api_secret=each)).status_code for each in (old, second)] == [403, 404]
    async with everywhere(door.pool) as lent:
        third = await partners.rotate_api_secret(lent, number, overlap_seconds=0)
    live = [(await rotated.get("calls/x", api_secret=each)).status_code for each in (old, second, third)]
    assert live == [403, 403, 404]
    async with everywhere(door.pool) as lent:
        await partners.revoke_partner(lent, number)
    revoked = [await rotated.get("calls/x", api_secret=each) for each in (old, second, third, "wrong")]
    assert {(answer.status_code, answer.content) for answer in revoked} == {
        (403, b'{"success":false,"message":"Forbidden"}')
    }


async def test_an_address_that_guesses_is_shut_out_and_no_other(module_database_url: str) -> None:
    async with open_door(module_database_url) as guesser, open_door(module_database_url) as neighbour:
        target = neighbour.partner.api_key
        statuses = []
        for number in range(FAILED_LOGINS + 20):
            keys = [target if number % 2 else f"cw_live_{number:020x}"]
            statuses.append((await send(guesser, keys, [f"cws_live_{number:064x}aaaaaa"])).status_code)
        assert (statuses.count(403), statuses.count(429)) == (FAILED_LOGINS, 20)
        shut = await send(guesser, [target], [neighbour.partner.api_secret])
        assert shut.status_code == 429, "nor is a right guess told from a wrong one"
        assert 1 <= int(shut.headers["retry-after"]) <= 60
        assert (await neighbour.get("calls/x")).status_code == 404


def test_secrets_are_compared_in_constant_time_by_construction() -> None:
    """What is compared are hashes, by `compare_digest`, all of them, before any is judged."""
    tree = ast.parse(inspect.getsource(partners.verify))
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    assert all(isinstance(operator, ast.Is) for node in compared for operator in node.ops)
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [f.attr for f in calls if isinstance(f, ast.Attribute)] == ["compare_digest"]
    (listed,) = [node for node in ast.walk(tree) if isinstance(node, ast.ListComp)]
    assert "compare_digest" in ast.dump(listed), "a list, not a generator that stops at the first match"
    assert len(partners._NOBODY) == 2, "as many comparisons as a partner can have live secrets"


async def test_a_key_that_opens_nothing_is_looked_up_with_the_same_work(database_url: str) -> None:
    """Nothing of the statement is done for a live key alone: its time would tell that there is one."""

    def work(node: dict[str, Any]) -> list[tuple[object, ...]]:
        own = (node["Node Type"], node.get("Subplan Name"), node.get("Relation Name"), node["Actual Loops"])
        return [own, *(each for child in node.get("Plans", ()) for each in work(child))]

    async with open_door(database_url) as door:
        revoked = await door.for_another(("acme", "sales"))
        async with everywhere(door.pool) as lent:
            await partners.revoke_partner(lent, revoked.partner.partner_id)
            explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {partners._FIND_LOGIN}"
            keys = (door.partner.api_key, revoked.partner.api_key, OTHER_KEY, "")
            plans = [work((await lent.fetchval(explain, key))[0]["Plan"]) for key in keys]
            found = [await partners.find_login(lent, key) for key in keys]
    assert "partner_secrets" in {relation for _, _, relation, loops in plans[0] if loops}
    assert plans == [plans[0]] * len(keys)
    assert [login is not None for login in found] == [True, False, False, False]


async def dump(pool: Pool) -> str:
    """Every row of every table of the database, as text; bytes both as they are and as hexadecimal digits."""
    async with everywhere(pool) as lent:
        names = [row["tablename"] for row in await lent.fetch("SELECT * FROM pg_tables WHERE schemaname = 'public'")]
        assert {"partners", "login_audit", "calls", "pgqueuer"} <= set(names)
        found = [row for name in names for row in await lent.fetch(f"SELECT * FROM {name}")]
    values = [value for row in found for value in row.values()]
    binary = [value for value in values if isinstance(value, bytes)]
    return "\n".join([*map(str, values), *(value.hex() for value in binary), *(str(value) for value in binary)])


@pytest.mark.parametrize("log_format", ["json", "human"])
async def test_a_secret_is_in_no_log_no_answer_and_no_row(
    database_url: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    log_format: Literal["json", "human"],
) -> None:
    configure_logging(log_format=log_format, log_level="debug")
    async with open_door(database_url) as door:
        key, secret = door.partner.api_key, door.partner.api_secret
        answers = [await door.post(a_batch(a_record("kept", metadata={"note": "a call"})))]
        for keys, secrets in (([secret], [key]), ([key], [secret, secret]), ([key], [secret + "x"]), ([secret], [])):
            answers.append(await send(door, keys, secrets))
        path = f"/api/v1/partner/calls/{secret}?x-api-secret={secret}"
        answers.append(await door.client.get(path, headers=door.headers()))
        answers.append(await door.client.post(BATCH_CALL, content=f'{{"{secret}": ', headers=door.headers()))
        monkeypatch.setattr(auth, "FRESH_SECONDS", -1.0)

        async def crash(*arguments: object) -> None:
            raise RuntimeError(f"no way in with x-api-secret: {secret}")

        monkeypatch.setattr(partners, "find_login", crash)
        answers.append(await door.get("calls/x"))
        kept = await dump(door.pool)
    logged = "".join(capfd.readouterr())
    assert [answer.status_code for answer in answers] == [200, 403, 403, 403, 401, 404, 400, 500]
    assert "request crashed" in logged
    for hidden in (secret, door.partner.webhook_secret, secret.removeprefix(credentials.SECRET_PREFIXES["live"])):
        assert hidden not in logged
        assert hidden not in kept
        assert all(hidden not in answer.text + str(answer.headers) for answer in answers)
    assert key in kept, "the dump is one"
