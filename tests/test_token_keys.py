"""The keys of tokens: made once, replaced every month, revoked at once, sealed in the database."""

import asyncio
from datetime import timedelta

import pytest

from callwright import db, token_keys
from callwright.db import Pool, everywhere
from callwright.errors import SetupError
from callwright.sealing import Sealer
from callwright.token_keys import TokenKeys
from callwright.tokens import TokenRefused
from submissions import SEALER, onboard


async def opens(pool: Pool, token: str) -> bool:
    """Whether a process that has just started takes a token."""
    try:
        await TokenKeys(pool, SEALER).verify(token)
    except TokenRefused:
        return False
    return True


async def age(rows: Pool, by: timedelta) -> None:
    """Let time pass for the keys."""
    await rows.execute(
        "UPDATE token_keys SET made_at = made_at - $1::interval, signs_until = signs_until - $1::interval, "
        "verifies_until = verifies_until - $1::interval",
        by,
    )


async def test_processes_that_start_together_make_one_key(pool: Pool, rows: Pool) -> None:
    tokens = await asyncio.gather(*(TokenKeys(pool, SEALER).sign(7, "t", "s") for _ in range(5)))
    assert await rows.fetchval("SELECT count(*) FROM token_keys") == 1
    assert all([await opens(pool, token) for token in tokens])


async def test_a_process_takes_the_token_of_a_key_that_another_has_just_made(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_keys, "LOOKED_SECONDS", 0.0)
    here = TokenKeys(pool, SEALER)
    await here.sign(7, "t", "s")
    async with everywhere(pool) as lent:
        await token_keys.make(lent, SEALER)
    assert (await here.verify(await TokenKeys(pool, SEALER).sign(8, "t", "s"))).partner_id == 8


async def test_a_key_signs_for_thirty_days_and_verifies_a_day_longer(pool: Pool, rows: Pool) -> None:
    first = await TokenKeys(pool, SEALER).sign(7, "t", "s")
    await age(rows, timedelta(days=29, hours=23))
    await TokenKeys(pool, SEALER).sign(7, "t", "s")
    assert await rows.fetchval("SELECT count(*) FROM token_keys") == 1
    await age(rows, timedelta(hours=2))
    await TokenKeys(pool, SEALER).sign(7, "t", "s")
    assert await rows.fetchval("SELECT count(*) FROM token_keys") == 2
    assert await opens(pool, first)
    await rows.execute("UPDATE token_keys SET verifies_until = now() WHERE signs_until < now()")
    assert not await opens(pool, first)
    async with everywhere(pool) as lent:
        await token_keys.make(lent, SEALER)
    assert await rows.fetchval("SELECT count(*) FROM token_keys") == 2, "one that verifies nothing is forgotten"


async def test_rotation_keeps_tokens_for_their_day_and_revocation_does_not(pool: Pool, rows: Pool) -> None:
    old = await TokenKeys(pool, SEALER).sign(7, "t", "s")
    async with everywhere(pool) as lent:
        made = await token_keys.make(lent, SEALER)
    new = await TokenKeys(pool, SEALER).sign(7, "t", "s")
    assert await opens(pool, old)
    assert await opens(pool, new)
    left = "SELECT max(verifies_until - now()) FROM token_keys WHERE key_id <> $1"
    assert await rows.fetchval(left, made) <= timedelta(hours=24)
    async with everywhere(pool) as lent:
        assert await token_keys.revoke(lent) == 2
    assert not await opens(pool, old)
    assert not await opens(pool, new)


async def test_a_revocation_reaches_a_process_that_knows_the_key(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = TokenKeys(pool, SEALER)
    token = await keys.sign(7, "t", "s")
    async with everywhere(pool) as lent:
        await token_keys.revoke(lent)
    monkeypatch.setattr(token_keys, "FRESH_SECONDS", 0.0)
    with pytest.raises(TokenRefused):
        await keys.verify(token)


async def test_what_is_no_token_asks_the_database_nothing(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "everywhere", None)
    with pytest.raises(TokenRefused):
        await TokenKeys(pool, SEALER).verify("x")


async def test_the_database_alone_opens_nothing(pool: Pool) -> None:
    token = await TokenKeys(pool, SEALER).sign(7, "t", "s")
    with pytest.raises(SetupError, match="cannot be opened with this CALLWRIGHT_SECRET_KEY"):
        await TokenKeys(pool, Sealer(bytes(32))).verify(token)


async def test_a_transaction_of_one_partner_sees_no_key(pool: Pool) -> None:
    partner = await onboard(pool)
    await TokenKeys(pool, SEALER).sign(partner.partner_id, "t", "s")
    async with db.transaction(pool, partner.partner_id) as lent:
        assert await lent.fetchval("SELECT count(*) FROM token_keys") == 0
