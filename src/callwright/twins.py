"""Test twins: the partner beside a partner whose key is a test key, and whose calls are canned."""

import asyncpg

from callwright.credentials import make_api_key
from callwright.db import Connection
from callwright.errors import SetupError
from callwright.partners import (
    NewPartner,
    Partner,
    get_partner,
    get_partner_by_id,
    rotate_api_secret,
    rotate_webhook_secret,
    share_tenants,
)
from callwright.sealing import Sealer

TEST_SHARE = 1
"""Of the work: while live partners have calls waiting, a hundredth of what one of them gets."""


async def add_test_key(connection: Connection, partner: Partner, *, sealer: Sealer) -> NewPartner:
    """Give a partner a test key: that of its test twin, which is made here, or let in again where it was revoked.

    The twin acts for the partner's tenants and has its settings, as they are now and whenever they change; its limit,
    its share of the work and its secrets are its own.

    Args:
        connection: With a transaction open that sees every partner.
        partner: A live one.
        sealer: Seals the webhook secret.

    Raises:
        SetupError: It has a test key already, or is a test twin itself, or is revoked, or the twin's name is taken.
    """
    if partner.test_of is not None or partner.revoked_at is not None:
        what = "is revoked" if partner.test_of is None else "is a test twin itself"
        raise SetupError(f"The partner {partner.name!r} {what}", "Name a live partner; see: callwright partner list")
    api_key, name = make_api_key("test"), f"{partner.name} (test)"
    try:
        twin_id = await connection.fetchval(
            """
            INSERT INTO partners (name, api_key, test_of, share, auto_provision, agent_channel, frame_origins,
                time_zone)
            SELECT $2, $3, partner_id, $4, auto_provision, agent_channel, frame_origins, time_zone
            FROM partners WHERE partner_id = $1
            ON CONFLICT (test_of) DO UPDATE SET api_key = excluded.api_key, revoked_at = NULL
            WHERE partners.revoked_at IS NOT NULL RETURNING partner_id
            """,
            *(partner.partner_id, name, api_key, TEST_SHARE),
        )
    except asyncpg.UniqueViolationError:
        raise SetupError(f"There is a partner {name!r} already", "A test twin would have its name") from None
    if twin_id is None:
        raise SetupError(
            f"The partner {partner.name!r} has a test key already",
            f'Make a new secret for it: callwright partner rotate "{name}"',
        )
    await share_tenants(connection, partner.partner_id)
    api_secret = await rotate_api_secret(connection, twin_id, overlap_seconds=0)
    webhook_secret = await rotate_webhook_secret(connection, twin_id, sealer=sealer, overlap_seconds=0)
    return NewPartner(twin_id, api_key, api_secret, webhook_secret)


async def find_twin(connection: Connection, name: str) -> Partner:
    """Find the test twin of a partner.

    Args:
        connection: With a transaction open that sees every partner.
        name: The partner's, or the twin's own.

    Raises:
        SetupError: There is no such partner, or it has no test key.
    """
    partner = await get_partner(connection, name)
    if partner.test_of is not None:
        return partner
    twin_id = await connection.fetchval("SELECT partner_id FROM partners WHERE test_of = $1", partner.partner_id)
    if twin_id is None:
        raise SetupError(f"The partner {name!r} has no test key", f'Make one: callwright partner test-key "{name}"')
    return await get_partner_by_id(connection, twin_id)
