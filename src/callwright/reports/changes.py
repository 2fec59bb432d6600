"""Whether calls of a subtenant have ended or changed, told without looking at them."""

from collections.abc import Collection

from callwright.db import Connection, Scope

Mark = tuple[int, int]
"""The number of the newest entry of what is due, and how many there are: whatever changes adds one."""


async def read_marks(connection: Connection, scopes: Collection[Scope]) -> dict[Scope, Mark]:
    """Read the mark of each subtenant; one of which nothing is due has none."""
    rows = await connection.fetch(
        """
        SELECT partner_id, subtenant_no, max(due_no), count(*) FROM recounts_due
        WHERE (partner_id, subtenant_no) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))
        GROUP BY partner_id, subtenant_no
        """,
        [scope.partner_id for scope in scopes],
        [scope.subtenant_no for scope in scopes],
    )
    return {Scope(row["partner_id"], row["subtenant_no"]): (row["max"], row["count"]) for row in rows}


def is_later(now: Mark, before: Mark) -> bool:
    """Whether something was added: a lower number may be committed later, and entries go once they are counted."""
    return now[0] > before[0] or (now[0] == before[0] and now[1] > before[1])
