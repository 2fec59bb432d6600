"""What a dashboard can be narrowed to: agents, dispositions; and who stands behind an id."""

from dataclasses import dataclass

from callwright.db import Connection, Scope

MOST_AGENTS, MOST_DISPOSITIONS = 500, 50


@dataclass(frozen=True, slots=True)
class Choices:
    """What a subtenant's calls can be narrowed to.

    Attributes:
        agents: Ids and names, by name.
        dispositions: Those that were ever set, by how often.
        customer: The name of the customer that was asked for, where one is known.
    """

    agents: list[tuple[str, str]]
    dispositions: list[str]
    customer: str | None


async def read_choices(connection: Connection, scope: Scope, customer_id: str | None) -> Choices:
    """Read what there is to choose; a disposition that is new appears once its day has been counted."""
    whose = scope.partner_id, scope.subtenant_no
    agents = await connection.fetch(
        """
        SELECT agent_id, coalesce(name, agent_id) AS name FROM agents
        WHERE partner_id = $1 AND subtenant_no = $2 ORDER BY lower(coalesce(name, agent_id)), agent_id LIMIT $3
        """,
        *whose,
        MOST_AGENTS,
    )
    dispositions = await connection.fetch(
        """
        SELECT n.name FROM day_rollups d, unnest(d.kinds, d.names, d.name_calls) AS n (kind, name, calls)
        WHERE d.partner_id = $1 AND d.subtenant_no = $2 AND d.agent_id = '' AND n.kind = 'disposition'
        GROUP BY n.name ORDER BY sum(n.calls) DESC, n.name LIMIT $3
        """,
        *whose,
        MOST_DISPOSITIONS,
    )
    customer = None
    if customer_id is not None:
        customer = await connection.fetchval(
            "SELECT name FROM customers WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = $3",
            *whose,
            customer_id,
        )
    return Choices([tuple(row) for row in agents], [row["name"] for row in dispositions], customer)
