"""Customers and agents of a subtenant, and every disposition a customer was ever in."""

from callwright import recounts
from callwright.db import Connection, Scope
from callwright.errors import NotFound

HISTORY_ROWS = 1000
"""The most entries of a history that one answer carries, the newest first."""

UPSERT_AGENTS = """
    INSERT INTO agents AS kept (partner_id, subtenant_no, agent_id, name, email)
    SELECT $1, $2, given.agent_id, given.name, given.email
    FROM (
        SELECT agent_id,
               (array_agg(agent_name ORDER BY ord DESC) FILTER (WHERE agent_name IS NOT NULL))[1] AS name,
               (array_agg(agent_email ORDER BY ord DESC) FILTER (WHERE agent_email IS NOT NULL))[1] AS email
        FROM accepted GROUP BY agent_id
    ) AS given
    LEFT JOIN LATERAL (
        SELECT * FROM agents AS one
        WHERE one.partner_id = $1 AND one.subtenant_no = $2 AND one.agent_id = given.agent_id LIMIT 1
    ) AS known ON true
    WHERE known.agent_id IS NULL
       OR coalesce(given.name, known.name) IS DISTINCT FROM known.name
       OR coalesce(given.email, known.email) IS DISTINCT FROM known.email
    ORDER BY given.agent_id
    ON CONFLICT (partner_id, subtenant_no, agent_id) DO UPDATE
        SET name = coalesce(excluded.name, kept.name), email = coalesce(excluded.email, kept.email)
"""
"""The part of the ingest statement that brings agents in; one that does not change is neither written nor locked.

The lateral look-up with its limit keeps to one index probe each: as a plain join it may get a plan, kept for good, that
reads all of a subtenant's agents.
"""

UPSERT_CUSTOMERS = """
    INSERT INTO customers AS kept
        (partner_id, subtenant_no, customer_id, name, email, disposition_status, disposition_effective_at)
    SELECT $1, $2, given.customer_id, given.name, given.email, given.status, given.effective_at
    FROM (
        SELECT customer_id,
               (array_agg(customer_name ORDER BY ord DESC) FILTER (WHERE customer_name IS NOT NULL))[1] AS name,
               (array_agg(customer_email ORDER BY ord DESC) FILTER (WHERE customer_email IS NOT NULL))[1] AS email,
               (array_agg(disposition_status ORDER BY end_time DESC, ord DESC)
                   FILTER (WHERE disposition_status IS NOT NULL))[1] AS status,
               max(end_time) FILTER (WHERE disposition_status IS NOT NULL) AS effective_at
        FROM accepted GROUP BY customer_id
    ) AS given
    LEFT JOIN LATERAL (
        SELECT * FROM customers AS one
        WHERE one.partner_id = $1 AND one.subtenant_no = $2 AND one.customer_id = given.customer_id LIMIT 1
    ) AS known ON true
    WHERE known.customer_id IS NULL
       OR coalesce(given.name, known.name) IS DISTINCT FROM known.name
       OR coalesce(given.email, known.email) IS DISTINCT FROM known.email
       OR given.effective_at >= coalesce(known.disposition_effective_at, '-infinity')
    ORDER BY given.customer_id
    ON CONFLICT (partner_id, subtenant_no, customer_id) DO UPDATE
        SET name = coalesce(excluded.name, kept.name),
            email = coalesce(excluded.email, kept.email),
            disposition_status =
                CASE WHEN excluded.disposition_effective_at >= coalesce(kept.disposition_effective_at, '-infinity')
                     THEN excluded.disposition_status ELSE kept.disposition_status END,
            disposition_effective_at = greatest(kept.disposition_effective_at, excluded.disposition_effective_at)
"""
"""The part of the ingest statement that brings customers in; a status never overwrites one that took effect later."""

RECORD_DISPOSITIONS = """
    INSERT INTO dispositions (partner_id, subtenant_no, customer_id, status, effective_at, source, call_id)
    SELECT $1, $2, customer_id, disposition_status, end_time, 'call', call_id
    FROM accepted WHERE disposition_status IS NOT NULL
    ORDER BY end_time, ord
"""
"""The part of the ingest statement that keeps what each call says of its customer's disposition."""


async def set_disposition(connection: Connection, scope: Scope, customer_id: str, status: str | None) -> None:
    """Put a customer into a disposition from now on.

    It takes effect after whatever is recorded so far, even after a call whose end time lies ahead of our clock, so that
    every reader sees it at once.

    Args:
        connection: On which the statement is its own transaction.
        scope: Whose customer it is.
        customer_id: The partner's own id.
        status: The new status; None leaves it as it is.

    Raises:
        NotFound: No call of this tenant and subtenant has brought the customer in.
    """
    found = await connection.fetchval(
        f"""
        WITH told AS (
            UPDATE customers
            SET disposition_status = $4,
                disposition_effective_at = greatest(clock_timestamp(), disposition_effective_at)
            WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = $3 AND $4::text IS NOT NULL
            RETURNING disposition_effective_at
        ), kept AS (
            INSERT INTO dispositions (partner_id, subtenant_no, customer_id, status, effective_at, source)
            SELECT $1, $2, $3, $4, disposition_effective_at, 'api' FROM told
        ), changed AS (
            SELECT $1 AS partner_id, $2 AS subtenant_no, disposition_effective_at AS at, NULL AS customer_id FROM told
        ), noted AS ({recounts.NOTE})
        SELECT 1 FROM customers WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = $3
        """,  # noqa: S608
        scope.partner_id,
        scope.subtenant_no,
        customer_id,
        status,
    )
    if found is None:
        raise NotFound("Customer not found")


async def read_customer(connection: Connection, scope: Scope, customer_id: str) -> dict[str, object]:
    """Read a customer and the history of its dispositions, the newest first.

    Raises:
        NotFound: No call of this tenant and subtenant has brought the customer in.
    """
    customer = await connection.fetchrow(
        """
        SELECT customer_id AS id, name, email, disposition_status FROM customers
        WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = $3
        """,
        scope.partner_id,
        scope.subtenant_no,
        customer_id,
    )
    if customer is None:
        raise NotFound("Customer not found")
    history = await connection.fetch(
        """
        SELECT status, effective_at, recorded_at, source, call_id FROM dispositions
        WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = $3
        ORDER BY effective_at DESC, disposition_no DESC LIMIT $4
        """,
        scope.partner_id,
        scope.subtenant_no,
        customer_id,
        HISTORY_ROWS,
    )
    return {**customer, "disposition_history": [dict(entry) for entry in history]}


async def erase_dispositions(connection: Connection, scope: Scope, call_ids: list[str], customer_ids: list[str]) -> int:
    """Delete what calls said of their customers' dispositions; these stand as the rest of their history says.

    Args:
        connection: With a transaction open.
        scope: Whose calls.
        call_ids: The calls that are erased.
        customer_ids: Their customers.

    Returns:
        The rows that went.
    """
    of = scope.partner_id, scope.subtenant_no, customer_ids
    await connection.execute(  # before their history, as everybody who changes both
        """
        SELECT FROM customers WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = ANY($3::text[])
        ORDER BY customer_id FOR NO KEY UPDATE
        """,
        *of,
    )
    rows: int = await connection.fetchval(
        """
        WITH gone AS (
            DELETE FROM dispositions WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = ANY($3::text[])
                AND call_id = ANY($4::text[]) RETURNING 1
        )
        SELECT count(*) FROM gone
        """,
        *(*of, call_ids),
    )
    if rows:
        await connection.execute(
            """
            UPDATE customers c SET disposition_status = latest.status, disposition_effective_at = latest.effective_at
            FROM unnest($3::text[]) AS of (customer_id)
            LEFT JOIN LATERAL (
                SELECT d.status, d.effective_at FROM dispositions d
                WHERE d.partner_id = $1 AND d.subtenant_no = $2 AND d.customer_id = of.customer_id
                ORDER BY d.effective_at DESC, d.disposition_no DESC LIMIT 1
            ) AS latest ON true
            WHERE c.partner_id = $1 AND c.subtenant_no = $2 AND c.customer_id = of.customer_id
            """,
            *of,
        )
    return rows


async def erase_customers(connection: Connection, scope: Scope, customer_ids: list[str]) -> tuple[int, int]:
    """Delete customers and the history of their dispositions.

    Returns:
        How many of them there were, and the rows that went.
    """
    of = scope.partner_id, scope.subtenant_no, customer_ids
    await connection.execute(  # in the order in which a batch brings them in
        """
        SELECT FROM customers WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = ANY($3::text[])
        ORDER BY customer_id FOR UPDATE
        """,
        *of,
    )
    customers = await _deleted(
        connection,
        "DELETE FROM customers WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = ANY($3::text[])",
        of,
    )
    row = await connection.fetchrow(
        f"""
        WITH gone AS (
            DELETE FROM dispositions WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = ANY($3::text[])
            RETURNING source, effective_at
        ), changed AS (  -- those that came with a call are counted with it
            SELECT $1 AS partner_id, $2 AS subtenant_no, effective_at AS at, NULL AS customer_id
            FROM gone WHERE source = 'api'
        ), noted AS ({recounts.NOTE})
        SELECT count(*) AS rows FROM gone
        """,  # noqa: S608
        *of,
    )
    assert row is not None, "counting gives a row"
    return customers, customers + row["rows"]


async def erase_agents(connection: Connection, scope: Scope, agent_ids: list[str]) -> int:
    """Delete agents; gives how many there were."""
    return await _deleted(
        connection,
        "DELETE FROM agents WHERE partner_id = $1 AND subtenant_no = $2 AND agent_id = ANY($3::text[])",
        (scope.partner_id, scope.subtenant_no, agent_ids),
    )


async def _deleted(connection: Connection, delete: str, arguments: tuple[object, ...]) -> int:
    status: str = await connection.execute(delete, *arguments)
    return int(status.rpartition(" ")[2])
