"""Partners: their credentials, the tenants they act for, their settings and their share of requests."""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

import asyncpg

from callwright.credentials import make_api_key, make_api_secret, make_webhook_secret, secret_hash
from callwright.db import Connection, Scope
from callwright.errors import Forbidden, SetupError
from callwright.sealing import Sealer

NAME_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Partner:
    """A telephony or CRM vendor; `rate_limit` is None where the house's setting holds.

    While several have a backlog, each gets work done in proportion to its `share` (1 to 1000). Pages at its
    `frame_origins` may frame dashboards, whose days are those of its `time_zone`. A test twin is one too, `test_of` the
    partner whose calls it is to rehearse; its own calls are canned.
    """

    partner_id: int
    name: str
    api_key: str
    auto_provision: bool
    rate_limit: int | None
    share: int
    agent_channel: int
    created_at: datetime
    revoked_at: datetime | None
    frame_origins: tuple[str, ...]
    time_zone: str
    test_of: int | None


@dataclass(frozen=True, slots=True)
class Login:
    """A partner and the hashes of its secrets that are live now."""

    partner: Partner
    secret_hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant and subtenant that a partner acts for."""

    tenant_id: str
    subtenant_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewPartner:
    """What is shown once, when a partner is added."""

    partner_id: int
    api_key: str
    api_secret: str
    webhook_secret: str


_NOBODY = (secret_hash(make_api_secret("live")), secret_hash(make_api_secret("live")))


def verify(login: Login | None, api_secret: str) -> Partner:
    """Check a secret; an unknown key, a revoked one and a wrong secret take the same work and the same answer.

    Raises:
        Forbidden: There is no such login, or the secret is not one of its live ones.
    """
    given = secret_hash(api_secret)
    known = (login.secret_hashes if login else ()) + _NOBODY
    matches = [hmac.compare_digest(given, expected) for expected in known[: len(_NOBODY)]]
    if login is None or not any(matches[: len(login.secret_hashes)]):
        raise Forbidden
    return login.partner


_PARTNER_COLUMNS = """
    partner_id, name, api_key, auto_provision, rate_limit, share, agent_channel, created_at, revoked_at, frame_origins,
    time_zone, test_of
"""


def _partner(values: Iterable[Any]) -> Partner:
    hashable: list[Any] = [tuple(value) if isinstance(value, list) else value for value in values]
    return Partner(*hashable)


_FIND_LOGIN = f"""
    WITH found AS MATERIALIZED (
        SELECT (SELECT partner_id FROM partners WHERE api_key = $1 AND revoked_at IS NULL) AS asked,
               (SELECT partner_id FROM partners ORDER BY partner_id LIMIT 1) AS another
    )
    SELECT asked IS NOT NULL AS known, {_PARTNER_COLUMNS}, ARRAY(
        SELECT hash FROM partner_secrets s
        WHERE s.partner_id = p.partner_id AND kind = 'api' AND (expires_at IS NULL OR expires_at > now())
        ORDER BY secret_no DESC LIMIT 2
    ) AS hashes
    FROM found JOIN partners p ON p.partner_id = coalesce(asked, another)
"""  # noqa: S608
"""For a key that nobody has, or that is revoked, another partner is read: it takes as long, and so tells nothing."""


async def find_login(connection: Connection, api_key: str) -> Login | None:
    """Find a partner that is not revoked by its key, with the hashes of at most two live secrets."""
    if "\0" in api_key:
        return None
    row = await connection.fetchrow(_FIND_LOGIN, api_key)
    if row is None:
        return None
    known, *values, hashes = row.values()
    login = Login(_partner(values), tuple(hashes))
    return login if known else None


async def scope_of(connection: Connection, partner: Partner, tenant_id: str, subtenant_id: str) -> Scope:
    """Find the tenant and subtenant that a partner names, or bring it in where the partner may.

    Raises:
        Forbidden: The partner may not act for it.
    """
    find = """
        SELECT subtenant_no FROM subtenants WHERE partner_id = $1 AND tenant_id = $2 AND subtenant_id = $3
    """
    if "\0" in tenant_id + subtenant_id or max(len(tenant_id), len(subtenant_id)) > 255:
        raise Forbidden
    number = await connection.fetchval(find, partner.partner_id, tenant_id, subtenant_id)
    if number is None:
        if not partner.auto_provision:
            raise Forbidden
        await add_tenant(connection, partner.partner_id, tenant_id, subtenant_id)
        number = await connection.fetchval(find, partner.partner_id, tenant_id, subtenant_id)
    return Scope(partner.partner_id, number)


async def find_scope(connection: Connection, partner_id: int, tenant_id: str, subtenant_id: str) -> Scope:
    """Find a tenant and subtenant for the operator, and bring in none.

    Raises:
        SetupError: The partner does not act for it.
    """
    number = await connection.fetchval(
        "SELECT subtenant_no FROM subtenants WHERE partner_id = $1 AND tenant_id = $2 AND subtenant_id = $3",
        partner_id,
        tenant_id,
        subtenant_id,
    )
    if number is None:
        raise SetupError(
            f"The partner does not act for {tenant_id!r}, {subtenant_id!r}", "See: callwright tenant list PARTNER"
        )
    return Scope(partner_id, number)


async def add_partner(connection: Connection, name: str, *, sealer: Sealer, auto_provision: bool = False) -> NewPartner:
    """Add a partner with a key, an API secret and a webhook secret.

    Args:
        connection: With a transaction open.
        name: What the operator calls it.
        sealer: Seals the webhook secret.
        auto_provision: Whether it brings new tenants in by using them.

    Raises:
        SetupError: The name is taken, blank or too long.
    """
    if not name.strip() or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise SetupError(f"A partner's name has 1 to {NAME_CHARACTERS} printable characters", "Choose another name")
    api_key = make_api_key("live")
    try:
        partner_id = await connection.fetchval(
            "INSERT INTO partners (name, api_key, auto_provision) VALUES ($1, $2, $3) RETURNING partner_id",
            name,
            api_key,
            auto_provision,
        )
    except asyncpg.UniqueViolationError:
        raise SetupError(f"There is a partner {name!r} already", "See: callwright partner list") from None
    api_secret = await rotate_api_secret(connection, partner_id, overlap_seconds=0)
    webhook_secret = await rotate_webhook_secret(connection, partner_id, sealer=sealer, overlap_seconds=0)
    return NewPartner(partner_id, api_key, api_secret, webhook_secret)


async def list_partners(connection: Connection) -> list[Partner]:
    """List every partner, by name."""
    rows = await connection.fetch(f"SELECT {_PARTNER_COLUMNS} FROM partners ORDER BY name")  # noqa: S608
    return [_partner(row.values()) for row in rows]


async def get_partner(connection: Connection, name: str) -> Partner:
    """Find a partner by its name.

    Raises:
        SetupError: There is none.
    """
    row = await connection.fetchrow(f"SELECT {_PARTNER_COLUMNS} FROM partners WHERE name = $1", name)  # noqa: S608
    if row is None:
        raise SetupError(f"There is no partner {name!r}", "See: callwright partner list")
    return _partner(row.values())


async def get_partner_by_id(connection: Connection, partner_id: int) -> Partner:
    """Find a partner by its number, which a job carries."""
    row = await connection.fetchrow(
        f"SELECT {_PARTNER_COLUMNS} FROM partners WHERE partner_id = $1",  # noqa: S608
        partner_id,
    )
    assert row is not None, "partners are never deleted"
    return _partner(row.values())


async def _expire_secrets(connection: Connection, partner_id: int, kind: str, overlap_seconds: float) -> None:
    """End the live secrets: the newest after the overlap, any older at once, so that two are live at most."""
    await connection.execute(
        """
        UPDATE partner_secrets SET expires_at = CASE
            WHEN secret_no = (SELECT max(secret_no) FROM partner_secrets WHERE partner_id = $1 AND kind = $2)
            THEN now() + $3::interval ELSE now() END
        WHERE partner_id = $1 AND kind = $2 AND (expires_at IS NULL OR expires_at > now())
        """,
        partner_id,
        kind,
        timedelta(seconds=overlap_seconds),
    )


async def rotate_api_secret(connection: Connection, partner_id: int, *, overlap_seconds: float) -> str:
    """Make a new API secret; the one before stays live for the overlap.

    Returns:
        The secret, which is kept nowhere.
    """
    await _expire_secrets(connection, partner_id, "api", overlap_seconds)
    is_test = await connection.fetchval("SELECT test_of IS NOT NULL FROM partners WHERE partner_id = $1", partner_id)
    api_secret = make_api_secret("test" if is_test else "live")
    await connection.execute(
        "INSERT INTO partner_secrets (partner_id, kind, hash) VALUES ($1, 'api', $2)",
        partner_id,
        secret_hash(api_secret),
    )
    return api_secret


async def rotate_webhook_secret(
    connection: Connection, partner_id: int, *, sealer: Sealer, overlap_seconds: float
) -> str:
    """Make a new signing secret; callbacks are signed with the one before as well for the overlap."""
    await _expire_secrets(connection, partner_id, "webhook", overlap_seconds)
    webhook_secret = make_webhook_secret()
    await connection.execute(
        "INSERT INTO partner_secrets (partner_id, kind, sealed) VALUES ($1, 'webhook', $2)",
        partner_id,
        sealer.seal(webhook_secret),
    )
    return webhook_secret


async def webhook_secrets(connection: Connection, partner_id: int, sealer: Sealer) -> list[str]:
    """The signing secrets that are live now, the newest first."""
    rows = await connection.fetch(
        """
        SELECT sealed FROM partner_secrets
        WHERE partner_id = $1 AND kind = 'webhook' AND (expires_at IS NULL OR expires_at > now())
        ORDER BY secret_no DESC
        """,
        partner_id,
    )
    return [sealer.open(row["sealed"]) for row in rows]


async def any_sealed_secret(connection: Connection) -> bytes | None:
    """The newest sealed secret of any partner, to check a secret key against."""
    sealed: bytes | None = await connection.fetchval(
        "SELECT sealed FROM partner_secrets WHERE kind = 'webhook' ORDER BY secret_no DESC LIMIT 1"
    )
    return sealed


async def revoke_partner(connection: Connection, partner_id: int) -> None:
    """Refuse the partner's key from now on, and its test key too; its data stays. A test key goes alone."""
    await connection.execute(
        "UPDATE partners SET revoked_at = now() WHERE (partner_id = $1 OR test_of = $1) AND revoked_at IS NULL",
        partner_id,
    )


async def set_partner(
    connection: Connection,
    partner_id: int,
    *,
    auto_provision: bool | None = None,
    rate_limit: int | None = None,
    share: int | None = None,
    agent_channel: int | None = None,
    frame_origins: Sequence[str] | None = None,
    time_zone: str | None = None,
) -> None:
    """Change a partner's settings; what is None stays as it is. Its test twin follows, but for its limit and its share.

    Raises:
        SetupError: The database knows no such time zone.
    """
    known = "SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = $1)"
    if time_zone and not (time_zone in available_timezones() and await connection.fetchval(known, time_zone)):
        raise SetupError(f"{time_zone!r} is no time zone", "Name one of the tz database, as Asia/Kolkata or UTC")
    await connection.execute(
        """
        UPDATE partners SET auto_provision = coalesce($2, auto_provision), agent_channel = coalesce($4, agent_channel),
            rate_limit = CASE WHEN partner_id = $1 THEN coalesce($3, rate_limit) ELSE rate_limit END,
            share = CASE WHEN partner_id = $1 THEN coalesce($5, share) ELSE share END,
            frame_origins = coalesce($6, frame_origins), time_zone = coalesce($7, time_zone)
        WHERE partner_id = $1 OR test_of = $1
        """,
        partner_id,
        auto_provision,
        rate_limit,
        agent_channel,
        share,
        frame_origins,
        time_zone,
    )
    if auto_provision is False:  # the twin brings in no more of the tenants that the partner has brought in
        await share_tenants(connection, partner_id)


async def add_tenant(connection: Connection, partner_id: int, tenant_id: str, subtenant_id: str) -> None:
    """Let a partner act for a tenant and subtenant, and its test twin too, where the transaction sees it.

    Nothing happens where it does already.
    """
    await connection.execute(
        """
        INSERT INTO subtenants (partner_id, tenant_id, subtenant_id)
        SELECT partner_id, $2, $3 FROM partners WHERE partner_id = $1 OR test_of = $1 ON CONFLICT DO NOTHING
        """,
        partner_id,
        tenant_id,
        subtenant_id,
    )


async def share_tenants(connection: Connection, partner_id: int) -> None:
    """Let a partner's test twin act for whom the partner acts for now."""
    await connection.execute(
        """
        INSERT INTO subtenants (partner_id, tenant_id, subtenant_id)
        SELECT twin.partner_id, s.tenant_id, s.subtenant_id
        FROM partners twin JOIN subtenants s ON s.partner_id = twin.test_of WHERE twin.test_of = $1
        ON CONFLICT DO NOTHING
        """,
        partner_id,
    )


async def list_tenants(connection: Connection, partner_id: int) -> list[Tenant]:
    """List the tenants and subtenants that a partner acts for."""
    rows = await connection.fetch(
        """
        SELECT tenant_id, subtenant_id, created_at FROM subtenants WHERE partner_id = $1
        ORDER BY tenant_id, subtenant_id
        """,
        partner_id,
    )
    return [Tenant(*row.values()) for row in rows]
