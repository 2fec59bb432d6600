"""Partners: what is kept of a secret, who may act for whom, and exact limits."""

import asyncio
import hmac

import pytest

from callwright import limits, partners
from callwright.db import Pool, Scope, everywhere
from callwright.errors import Forbidden, SetupError
from callwright.sealing import Sealer, make_secret_key, read_secret_key
from submissions import SEALER, onboard


async def test_key_and_secret_open_and_nothing_in_the_clear_is_kept(pool: Pool) -> None:
    new = await onboard(pool)
    assert new.api_key.startswith("cw_live_")
    assert new.api_secret.startswith("cws_live_")
    assert new.webhook_secret.startswith("whsec_")
    async with everywhere(pool) as lent:
        login = await partners.find_login(lent, new.api_key)
        kept = str(await lent.fetch("SELECT * FROM partner_secrets")) + str(await lent.fetch("SELECT * FROM partners"))
    assert partners.verify(login, new.api_secret).partner_id == new.partner_id
    assert new.api_secret not in kept
    assert new.webhook_secret.removeprefix("whsec_") not in kept


@pytest.mark.parametrize("secret", ["", "cws_live_wrong", "\ud800"])
async def test_a_wrong_secret_is_forbidden(pool: Pool, secret: str) -> None:
    new = await onboard(pool)
    async with everywhere(pool) as lent:
        login = await partners.find_login(lent, new.api_key)
    with pytest.raises(Forbidden):
        partners.verify(login, secret)


async def test_an_unknown_key_takes_the_same_comparisons(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    new = await onboard(pool)
    compared: list[bytes] = []

    def compare(given: bytes, expected: bytes) -> bool:
        compared.append(expected)
        return given == expected

    monkeypatch.setattr(hmac, "compare_digest", compare)
    async with everywhere(pool) as lent:
        known, unknown = await partners.find_login(lent, new.api_key), await partners.find_login(lent, "cw_live_x")
    counts = []
    for login in (known, unknown):
        compared.clear()
        with pytest.raises(Forbidden):
            partners.verify(login, "cws_live_wrong")
        counts.append(len(compared))
    assert unknown is None
    assert counts[0] == counts[1] > 0


async def test_the_old_secret_lives_for_the_overlap_and_two_are_live_at_most(pool: Pool) -> None:
    new = await onboard(pool)
    async with everywhere(pool) as lent:
        second = await partners.rotate_api_secret(lent, new.partner_id, overlap_seconds=3600)
    async with everywhere(pool) as lent:
        login = await partners.find_login(lent, new.api_key)
    assert partners.verify(login, new.api_secret) == partners.verify(login, second)
    async with everywhere(pool) as lent:
        third = await partners.rotate_api_secret(lent, new.partner_id, overlap_seconds=3600)
    async with everywhere(pool) as lent:
        login = await partners.find_login(lent, new.api_key)
    assert partners.verify(login, second) == partners.verify(login, third)
    with pytest.raises(Forbidden):
        partners.verify(login, new.api_secret)


async def test_rotation_without_overlap_ends_the_old_secret_at_once(pool: Pool) -> None:
    new = await onboard(pool)
    async with everywhere(pool) as lent:
        await partners.rotate_api_secret(lent, new.partner_id, overlap_seconds=0)
    async with everywhere(pool) as lent:
        login = await partners.find_login(lent, new.api_key)
    with pytest.raises(Forbidden):
        partners.verify(login, new.api_secret)


async def test_webhook_secrets_overlap_the_newest_first(pool: Pool) -> None:
    new = await onboard(pool)
    async with everywhere(pool) as lent:
        second = await partners.rotate_webhook_secret(lent, new.partner_id, sealer=SEALER, overlap_seconds=3600)
    async with everywhere(pool) as lent:
        assert await partners.webhook_secrets(lent, new.partner_id, SEALER) == [second, new.webhook_secret]
        with pytest.raises(SetupError, match="CALLWRIGHT_SECRET_KEY"):
            await partners.webhook_secrets(lent, new.partner_id, Sealer(read_secret_key(make_secret_key())))


async def test_a_revoked_partner_has_no_login(pool: Pool) -> None:
    new = await onboard(pool)
    async with everywhere(pool) as lent:
        await partners.revoke_partner(lent, new.partner_id)
        assert await partners.find_login(lent, new.api_key) is None


async def test_names_are_unique(pool: Pool) -> None:
    await onboard(pool)
    with pytest.raises(SetupError, match="already"):
        await onboard(pool)


async def test_a_partner_acts_for_given_tenants_only_unless_it_provisions(pool: Pool) -> None:
    await onboard(pool, "strict", auto_provision=False)
    await onboard(pool, "open")
    async with everywhere(pool) as lent:
        strict, opened = await partners.get_partner(lent, "strict"), await partners.get_partner(lent, "open")
        with pytest.raises(Forbidden):
            await partners.scope_of(lent, strict, "north", "sales")
        theirs = await partners.scope_of(lent, opened, "north", "sales")
        await partners.add_tenant(lent, strict.partner_id, "north", "sales")
        ours = await partners.scope_of(lent, strict, "north", "sales")
        assert ours != theirs
        assert ours == await partners.scope_of(lent, strict, "north", "sales")
        listed = await partners.list_tenants(lent, strict.partner_id)
        assert [(t.tenant_id, t.subtenant_id) for t in listed] == [("north", "sales")]


async def test_racing_requests_bring_a_tenant_in_once(pool: Pool) -> None:
    await onboard(pool)
    async with everywhere(pool) as lent:
        partner = await partners.get_partner(lent, "acme")

    async def ask() -> Scope:
        async with everywhere(pool) as lent:
            return await partners.scope_of(lent, partner, "new", "new")

    assert len(set(await asyncio.gather(*(ask() for _ in range(8))))) == 1


async def test_the_window_lets_exactly_the_limit_through_over_many_connections(pool: Pool) -> None:
    async def ask() -> limits.Allowance:
        async with everywhere(pool) as lent:
            return await limits.take_request(lent, "partner:1", 20)

    answers = await asyncio.gather(*(ask() for _ in range(30)))
    assert sum(a.allowed for a in answers) == 20
    assert sorted(a.remaining for a in answers if a.allowed) == list(range(20))
    assert all(55 < a.wait_seconds <= 60 for a in answers if not a.allowed)


async def test_the_window_moves_and_the_wait_is_true(pool: Pool) -> None:
    async with everywhere(pool) as lent:
        for _ in range(3):
            assert (await limits.take_request(lent, "b", 3)).allowed
        refused = await limits.take_request(lent, "b", 3)
        assert not refused.allowed
        await lent.execute(
            "UPDATE rate_stamps SET taken_at = taken_at - make_interval(secs => $1)", refused.wait_seconds + 0.001
        )
        assert (await limits.take_request(lent, "b", 3)).allowed


async def test_a_lowered_limit_waits_until_enough_has_passed(pool: Pool) -> None:
    async with everywhere(pool) as lent:
        for _ in range(5):
            await limits.take_request(lent, "b", 5)
        await lent.execute("UPDATE rate_stamps SET taken_at = taken_at - make_interval(secs => 50 - 10 * n)")
        refused = await limits.take_request(lent, "b", 2)  # stamps are 50, 40, 30, 20 and 10 s old
    assert not refused.allowed
    assert 38 < refused.wait_seconds <= 40  # when the one of 20 s ago has left, one remains


async def test_looking_takes_nothing(pool: Pool) -> None:
    async with everywhere(pool) as lent:
        await limits.take_request(lent, "b", 2)
        looked = await limits.take_request(lent, "b", 2, take=False)
        again = await limits.take_request(lent, "b", 2, take=False)
    assert looked.remaining == again.remaining == 1
