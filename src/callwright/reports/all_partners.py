"""The partners as the operator sees them: how each is set, which secrets are live, and whom it acts for; no secret."""

from typing import Any

from callwright.db import Connection

MOST_NAMED = 500
"""To choose one from; the page of each leads to its own calls and callbacks."""

_PARTNERS = """
    SELECT p.partner_id, p.name, p.api_key, p.auto_provision, p.rate_limit, p.share, p.agent_channel, p.created_at,
        p.revoked_at, p.frame_origins, p.time_zone,
        (SELECT count(*) FROM subtenants s WHERE s.partner_id = p.partner_id) AS tenants
    FROM partners p
"""


async def list_partners(connection: Connection, *, most: int, after: str | None = None) -> list[dict[str, Any]]:
    """List partners by name.

    Args:
        connection: The database.
        most: How many.
        after: The name of the last one of the page before.
    """
    rows = await connection.fetch(
        f"{_PARTNERS} WHERE $1::text IS NULL OR p.name > $1 ORDER BY p.name LIMIT $2", after, most
    )
    return [dict(row) for row in rows]


async def read_partner(connection: Connection, partner_id: int) -> dict[str, Any] | None:
    """Read a partner; None where there is none of this number."""
    row = await connection.fetchrow(f"{_PARTNERS} WHERE p.partner_id = $1", partner_id)
    return None if row is None else dict(row)


async def name_partners(connection: Connection, chosen: int | None) -> dict[int, str]:
    """The names of partners by number, in their order: of `MOST_NAMED`, and of the one that is chosen."""
    rows = await connection.fetch(
        """
        SELECT partner_id, name FROM (
            (SELECT partner_id, name FROM partners ORDER BY name LIMIT $2)
            UNION SELECT partner_id, name FROM partners WHERE partner_id = $1
        ) AS named ORDER BY name
        """,
        chosen,
        MOST_NAMED,
    )
    return {row["partner_id"]: row["name"] for row in rows}


async def list_secrets(connection: Connection, partner_id: int) -> list[dict[str, Any]]:
    """The live secrets of a partner, by kind: when each was made and when it ends; nothing of the secrets."""
    rows = await connection.fetch(
        """
        SELECT kind, created_at, expires_at FROM partner_secrets
        WHERE partner_id = $1 AND (expires_at IS NULL OR expires_at > now()) ORDER BY kind, secret_no DESC
        """,
        partner_id,
    )
    return [dict(row) for row in rows]


async def list_tenants(
    connection: Connection, partner_id: int, *, most: int, after: tuple[str, str] | None = None
) -> list[dict[str, Any]]:
    """List the tenants and subtenants of a partner by name.

    Args:
        connection: The database.
        partner_id: Whose.
        most: How many.
        after: The tenant and subtenant that the page before ends with.
    """
    rows = await connection.fetch(
        """
        SELECT tenant_id, subtenant_id, created_at FROM subtenants
        WHERE partner_id = $1 AND ($2::text IS NULL OR (tenant_id, subtenant_id) > ($2, $3::text))
        ORDER BY tenant_id, subtenant_id LIMIT $4
        """,
        partner_id,
        *(after or (None, None)),
        most,
    )
    return [dict(row) for row in rows]
