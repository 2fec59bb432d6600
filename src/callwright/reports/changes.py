"""Whether calls of a subtenant have ended or changed, told without looking at them; and how those under way stand."""

from collections.abc import Collection
from typing import NamedTuple

from callwright.db import Connection, Scope

Mark = tuple[int, int]
"""The number of the newest entry that was ever due, and how many are: whatever changes adds one."""


class CallOf(NamedTuple):
    """A call, by the subtenant that may see it."""

    scope: Scope
    call_id: str


async def read_marks(connection: Connection, scopes: Collection[Scope]) -> dict[Scope, Mark]:
    """Read the mark of each subtenant."""
    rows = await connection.fetch(
        """
        SELECT w.partner_id, w.subtenant_no, greatest(max(d.due_no), max(r.counted_to), 0) AS newest, count(d.due_no)
        FROM unnest($1::bigint[], $2::bigint[]) AS w (partner_id, subtenant_no)
        LEFT JOIN rolled_subtenants r USING (partner_id, subtenant_no)
        LEFT JOIN recounts_due d USING (partner_id, subtenant_no)
        GROUP BY w.partner_id, w.subtenant_no
        """,
        [scope.partner_id for scope in scopes],
        [scope.subtenant_no for scope in scopes],
    )
    return {Scope(row["partner_id"], row["subtenant_no"]): (row["newest"], row["count"]) for row in rows}


def is_later(now: Mark, before: Mark) -> bool:
    """Whether something was added: a lower number may be committed later, and entries go once they are counted."""
    return now[0] > before[0] or (now[0] == before[0] and now[1] > before[1])


async def read_states(connection: Connection, calls: Collection[CallOf]) -> dict[CallOf, str]:
    """Read the state of each call; one that is gone has none."""
    rows = await connection.fetch(
        """
        SELECT c.partner_id, c.subtenant_no, c.call_id, c.state
        FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS w (partner_id, subtenant_no, call_id)
        JOIN calls c ON c.partner_id = w.partner_id AND c.call_id = w.call_id AND c.subtenant_no = w.subtenant_no
        """,
        [call.scope.partner_id for call in calls],
        [call.scope.subtenant_no for call in calls],
        [call.call_id for call in calls],
    )
    return {CallOf(Scope(row["partner_id"], row["subtenant_no"]), row["call_id"]): row["state"] for row in rows}
