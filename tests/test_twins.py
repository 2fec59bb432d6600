"""Test twins: a test key of a partner's, for the same tenants, with the same settings, and nothing else in common."""

from collections.abc import Awaitable, Callable

import pytest

from callwright import partners, twins
from callwright.db import Pool, everywhere, transaction
from callwright.errors import Forbidden, SetupError
from callwright.partners import NewPartner, Partner
from submissions import SEALER, onboard


async def with_test_key(pool: Pool) -> tuple[NewPartner, NewPartner]:
    live = await onboard(pool, auto_provision=False)
    return live, await another_key(pool)


async def another_key(pool: Pool, name: str = "acme") -> NewPartner:
    async with everywhere(pool) as lent:
        return await twins.add_test_key(lent, await partners.get_partner(lent, name), sealer=SEALER)


async def twin_of(pool: Pool, name: str = "acme") -> Partner:
    async with everywhere(pool) as lent:
        return await twins.find_twin(lent, name)


async def let_in(pool: Pool, api_key: str, api_secret: str) -> Partner:
    async with everywhere(pool) as lent:
        return partners.verify(await partners.find_login(lent, api_key), api_secret)


async def tenants(pool: Pool, partner_id: int) -> list[str]:
    async with everywhere(pool) as lent:
        return [each.tenant_id for each in await partners.list_tenants(lent, partner_id)]


async def test_a_test_key_opens_a_partner_of_its_own(pool: Pool) -> None:
    live, test = await with_test_key(pool)
    assert test.api_key.startswith("cw_test_")
    assert test.api_secret.startswith("cws_test_")
    assert live.api_key.startswith("cw_live_")
    assert test.webhook_secret != live.webhook_secret
    twin, partner = await let_in(pool, test.api_key, test.api_secret), await let_in(pool, live.api_key, live.api_secret)
    assert (twin.partner_id, twin.name, twin.test_of) == (test.partner_id, "acme (test)", live.partner_id)
    assert (partner.partner_id, partner.test_of) == (live.partner_id, None)
    for key, secret in ((live.api_key, test.api_secret), (test.api_key, live.api_secret)):
        with pytest.raises(Forbidden):
            await let_in(pool, key, secret)
    async with everywhere(pool) as lent:
        assert await partners.webhook_secrets(lent, twin.partner_id, SEALER) == [test.webhook_secret]
        assert await partners.webhook_secrets(lent, live.partner_id, SEALER) == [live.webhook_secret]


async def test_its_secrets_are_replaced_as_those_of_any_partner(pool: Pool) -> None:
    _, test = await with_test_key(pool)
    async with everywhere(pool) as lent:
        secret = await partners.rotate_api_secret(lent, test.partner_id, overlap_seconds=60)
    assert secret.startswith("cws_test_")
    for each in (secret, test.api_secret):
        assert (await let_in(pool, test.api_key, each)).partner_id == test.partner_id


async def test_the_settings_are_the_partners_and_follow_them(pool: Pool) -> None:
    live = await onboard(pool, auto_provision=True)
    async with everywhere(pool) as lent:
        await partners.set_partner(
            lent, live.partner_id, rate_limit=7, share=300, agent_channel=1, time_zone="Asia/Kolkata"
        )
    await another_key(pool)
    twin = await twin_of(pool)
    assert (twin.auto_provision, twin.agent_channel, twin.time_zone) == (True, 1, "Asia/Kolkata")
    assert (twin.rate_limit, twin.share) == (None, twins.TEST_SHARE), "a limit and a share of its own"
    async with everywhere(pool) as lent:
        await partners.set_partner(
            lent, live.partner_id, rate_limit=9, share=200, frame_origins=["https://crm.example"], time_zone="UTC"
        )
    twin = await twin_of(pool)
    assert (twin.frame_origins, twin.time_zone) == (("https://crm.example",), "UTC")
    assert (twin.rate_limit, twin.share) == (None, twins.TEST_SHARE)
    async with everywhere(pool) as lent:
        await partners.set_partner(lent, twin.partner_id, rate_limit=3, share=5)
        partner = await partners.get_partner(lent, "acme")
    twin = await twin_of(pool)
    assert ((twin.rate_limit, twin.share), (partner.rate_limit, partner.share)) == ((3, 5), (9, 200))


async def test_the_tenants_are_the_partners_whenever_they_come(pool: Pool) -> None:
    live = await onboard(pool, auto_provision=False)
    await onboard(pool, "other", auto_provision=False)
    async with everywhere(pool) as lent:
        await partners.add_tenant(lent, live.partner_id, "before", "s")
    test = await another_key(pool)
    assert await tenants(pool, test.partner_id) == ["before"]
    async with everywhere(pool) as lent:
        await partners.add_tenant(lent, live.partner_id, "later", "s")
        await partners.set_partner(lent, live.partner_id, auto_provision=True)
        partner = await partners.get_partner(lent, "acme")
    async with transaction(pool, live.partner_id) as lent:
        await partners.scope_of(lent, partner, "brought in", "s")
    async with transaction(pool, test.partner_id) as lent:
        await partners.scope_of(lent, await twin_of(pool), "the twin's own", "s")
    assert await tenants(pool, test.partner_id) == ["before", "later", "the twin's own"]
    async with everywhere(pool) as lent:
        await partners.set_partner(lent, live.partner_id, auto_provision=False)
    assert await tenants(pool, test.partner_id) == ["before", "brought in", "later", "the twin's own"]
    assert await tenants(pool, live.partner_id) == ["before", "brought in", "later"]
    with pytest.raises(Forbidden):
        async with transaction(pool, test.partner_id) as lent:
            await partners.scope_of(lent, await twin_of(pool), "unknown", "s")


async def test_it_goes_with_its_partner_or_alone_and_a_new_key_finds_its_data_again(pool: Pool) -> None:
    live, test = await with_test_key(pool)
    async with everywhere(pool) as lent:
        await partners.revoke_partner(lent, test.partner_id)
    with pytest.raises(Forbidden):
        await let_in(pool, test.api_key, test.api_secret)
    assert (await let_in(pool, live.api_key, live.api_secret)).revoked_at is None
    again = await another_key(pool)
    assert (again.partner_id, again.api_key != test.api_key) == (test.partner_id, True)
    await let_in(pool, again.api_key, again.api_secret)
    with pytest.raises(Forbidden):
        await let_in(pool, again.api_key, test.api_secret)
    async with everywhere(pool) as lent:
        await partners.revoke_partner(lent, live.partner_id)
    for each in (live, again):
        with pytest.raises(Forbidden):
            await let_in(pool, each.api_key, each.api_secret)


async def name_taken(pool: Pool) -> None:
    await onboard(pool)
    await onboard(pool, "acme (test)")
    await another_key(pool)


async def second_key(pool: Pool) -> None:
    await with_test_key(pool)
    await another_key(pool)


async def key_of_a_twin(pool: Pool) -> None:
    await with_test_key(pool)
    await another_key(pool, "acme (test)")


async def key_of_one_that_is_revoked(pool: Pool) -> None:
    live = await onboard(pool)
    async with everywhere(pool) as lent:
        await partners.revoke_partner(lent, live.partner_id)
    await another_key(pool)


async def no_key(pool: Pool) -> None:
    await onboard(pool)
    await twin_of(pool)


@pytest.mark.parametrize(
    ("does", "says"),
    [
        (name_taken, "There is a partner 'acme (test)' already"),
        (second_key, "'acme' has a test key already"),
        (key_of_a_twin, "'acme (test)' is a test twin itself"),
        (key_of_one_that_is_revoked, "'acme' is revoked"),
        (no_key, "'acme' has no test key"),
    ],
)
async def test_what_there_cannot_be(pool: Pool, does: Callable[[Pool], Awaitable[None]], says: str) -> None:
    with pytest.raises(SetupError) as refused:
        await does(pool)
    assert says in refused.value.message
