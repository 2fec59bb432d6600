"""Who tried to come in: every refusal with its reason, no secret, and no more rows than are worth reading."""

import asyncio
import re
from datetime import timedelta

import pytest

from callwright import audit, partners
from callwright.api import auth
from callwright.audit import Attempt, list_attempts
from callwright.cli import app
from callwright.db import everywhere
from partner_api import Door, open_door


async def attempts(door: Door) -> list[Attempt]:
    async with everywhere(door.pool) as lent:
        return await list_attempts(lent)


async def test_every_refused_login_is_written_down_with_its_reason(database_url: str) -> None:
    async with open_door(database_url) as door:
        revoked = await door.for_another(("acme", "sales"))
        async with everywhere(door.pool) as lent:
            await partners.revoke_partner(lent, revoked.partner.partner_id)
        await door.get("calls/x", api_secret="wrong")
        await revoked.get("calls/x")
        await door.get("calls/x", api_key="cw_live_00000000000000000000")
        await door.get("calls/x", api_key="forged, wrong secret", api_secret="wrong")
        found = await attempts(door)
        ours = {door.partner.api_key, revoked.partner.api_key}
        named = [(each.outcome, each.api_key, each.partner is not None) for each in found]
        assert named == [
            ("unknown key", None, False),
            ("unknown key", "cw_live_00000000000000000000", False),
            ("revoked key", revoked.partner.api_key, True),
            ("wrong secret", door.partner.api_key, True),
        ]
        assert ours < {each.api_key for each in found}
        assert all(each.address.startswith("198.18.") and len(each.request_id) == 32 for each in found)
        async with everywhere(door.pool) as lent:
            (own,) = await list_attempts(lent, revoked.partner.partner_id)
        assert own.outcome == "revoked key"


FORGED = "\r\n2026-01-01 00:00:00 UTC  let in  acme"


async def test_nothing_that_is_sent_makes_a_line_of_its_own(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Headers as no server would let them pass: the audit does not rely on the parser in front of it."""
    async with open_door(database_url) as door:
        key = door.partner.api_key
        for bad_key, bad_secret, request_id in (
            (key + FORGED, "wrong", "request-1"),
            (f"{FORGED}\r\n{key}", "wrong", "request-2"),
            (key, "wrong" + FORGED, "request-3" + FORGED),
            (f"{key}\x1b[2J", "wrong", "request-4\x1b[2J"),
            (f"{key}\n", "wrong", "\n"),
        ):
            named = {"x-api-key": bad_key, "x-api-secret": bad_secret, "x-request-id": request_id}
            raw = [(name.encode(), value.encode()) for name, value in named.items()]
            assert (await door.client.get("/api/v1/partner/calls/x", headers=raw)).status_code == 403
        kept = await attempts(door)
    assert len(kept) == 5
    for each in kept:
        assert each.api_key in (None, key)
        assert all(text.isascii() and text.isprintable() for text in (each.outcome, each.address, each.request_id))
    monkeypatch.setenv("CALLWRIGHT_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "400")
    capsys.readouterr()
    await asyncio.to_thread(app, ["audit"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert len(re.findall(r"(?m)^ *20\d\d-", shown)) == 5
    assert "let in" not in shown
    assert "\x1b" not in shown


async def test_who_is_let_in_is_written_down_once_a_minute(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_door(database_url) as door:
        monkeypatch.setattr(auth, "FRESH_SECONDS", -1.0)
        for _ in range(3):
            assert (await door.get("calls/x")).status_code == 404
        assert [each.outcome for each in await attempts(door)] == ["let in"]
        monkeypatch.setattr(auth, "NOTED_SECONDS", -1.0)
        await door.get("calls/x")
        assert [each.outcome for each in await attempts(door)] == ["let in"] * 2


async def test_what_the_process_remembers_is_not_written(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_door(database_url) as door:
        await door.get("calls/x")

        async def never(*arguments: object, **named: object) -> None:
            raise AssertionError(arguments)

        monkeypatch.setattr(audit, "record", never)
        monkeypatch.setattr(auth, "FRESH_SECONDS", 60.0)
        monkeypatch.setattr(auth, "NOTED_SECONDS", -1.0)
        assert (await door.get("calls/x")).status_code == 404


async def test_a_flood_from_a_shut_address_is_one_row(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "FAILED_LOGINS", 2)
    async with open_door(database_url) as door:
        statuses = [(await door.get("calls/x", api_secret=f"guess{n}")).status_code for n in range(8)]
        assert statuses == [403, 403, *[429] * 6]
        assert [each.outcome for each in await attempts(door)] == ["shut out", "wrong secret", "wrong secret"]


async def test_a_login_without_credentials_is_none(database_url: str) -> None:
    async with open_door(database_url) as door:
        assert (await door.get("calls/x", api_secret=None)).status_code == 401
        assert await attempts(door) == []


@pytest.mark.parametrize(("days", "left"), [(89, 1), (91, 0)])
async def test_old_rows_are_forgotten(database_url: str, days: int, left: int) -> None:
    async with open_door(database_url) as door:
        async with everywhere(door.pool) as lent:
            await audit.record(lent, "refused", "x", address="192.0.2.1", request_id="r")
            await lent.execute("UPDATE login_audit SET at = now() - $1::interval", timedelta(days=days))
            await audit.keep_house(lent)
        assert len(await attempts(door)) == left
