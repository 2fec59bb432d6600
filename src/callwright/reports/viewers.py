"""Who looks at dashboards: the partner and the subtenant that a token names, as they are now."""

from dataclasses import dataclass

from callwright.db import Connection, Scope


@dataclass(frozen=True, slots=True)
class Audience:
    """A partner that is not revoked and one of its subtenants; `test` where its calls are test calls."""

    scope: Scope
    partner: str
    frame_origins: tuple[str, ...]
    time_zone: str
    test: bool


async def find_audience(connection: Connection, partner_id: int, tenant_id: str, subtenant_id: str) -> Audience | None:
    """Find what a token names; None where the partner is revoked, or there is no such subtenant."""
    row = await connection.fetchrow(
        """
        SELECT s.subtenant_no, p.name, p.frame_origins, p.time_zone, p.test_of IS NOT NULL AS test
        FROM partners p JOIN subtenants s USING (partner_id)
        WHERE p.partner_id = $1 AND p.revoked_at IS NULL AND s.tenant_id = $2 AND s.subtenant_id = $3
        """,
        partner_id,
        tenant_id,
        subtenant_id,
    )
    if row is None:
        return None
    scope, origins = Scope(partner_id, row["subtenant_no"]), tuple(row["frame_origins"])
    return Audience(scope, row["name"], origins, row["time_zone"], row["test"])


async def is_registered(connection: Connection, origin: str) -> bool:
    """Whether any partner lets pages at an origin frame its dashboards."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM partners WHERE revoked_at IS NULL AND $1 = ANY (frame_origins))", origin
        )
    )


async def has_agent(connection: Connection, scope: Scope, agent_id: str) -> bool:
    """Whether a call of the subtenant has brought in an agent."""
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (SELECT FROM agents WHERE partner_id = $1 AND subtenant_no = $2 AND agent_id = $3)
            """,
            scope.partner_id,
            scope.subtenant_no,
            agent_id,
        )
    )
