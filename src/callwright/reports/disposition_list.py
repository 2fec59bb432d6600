"""The changes of dispositions over a period, those that took effect last first, in pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from callwright.db import Connection, Scope

MOST_LOOKED_AT = 10_000
"""Changes that one page looks at for a status that few have."""

_COLUMNS = "customer_id, status, effective_at, recorded_at, source, call_id"
_ORDER = "ORDER BY effective_at DESC, recorded_at DESC, coalesce(call_id, '') DESC, customer_id DESC"


@dataclass(frozen=True, slots=True)
class WantedChanges:
    """Which changes of a subtenant's customers; what is None makes no difference.

    Attributes:
        since: In effect from then or from later on.
        until: In effect from before.
    """

    since: datetime | None = None
    until: datetime | None = None
    customer_id: str | None = None
    status: str | None = None


class Place(NamedTuple):
    """Where a page has ended. The call is empty where the change came without one."""

    effective_at: datetime
    recorded_at: datetime
    call_id: str
    customer_id: str


async def list_changes(
    connection: Connection, scope: Scope, wanted: WantedChanges, *, most: int, after: Place | None = None
) -> tuple[list[dict[str, object]], Place | None]:
    """List changes.

    Args:
        connection: The database.
        scope: Whose customers.
        wanted: Which changes.
        most: How many.
        after: Where the page before has ended: no page shows that change or a later one again.

    Returns:
        The page, and where it ends; None where nothing follows. A page is short, or empty, where few of the
        `MOST_LOOKED_AT` changes that it has looked at have the status.
    """
    looked_at, arguments = _looked_at(scope, wanted, after)
    if wanted.status is None:
        rows = await connection.fetch(f"SELECT {_COLUMNS} FROM ({looked_at} LIMIT {most + 1:d}) AS p", *arguments)  # noqa: S608
        end = None
    else:
        rows = await connection.fetch(
            f"""
            SELECT {_COLUMNS} FROM ({looked_at} LIMIT {MOST_LOOKED_AT:d}) AS p
            WHERE status = ${len(arguments) + 1} {_ORDER} LIMIT {most + 1:d}
            """,  # noqa: S608
            *(*arguments, wanted.status),
        )
        end = await connection.fetchrow(
            f"SELECT {_COLUMNS} FROM ({looked_at} OFFSET {MOST_LOOKED_AT - 1:d} LIMIT 1) AS p",  # noqa: S608
            *arguments,
        )
    last = rows[most - 1] if len(rows) > most else end
    page = [dict(row) for row in rows[:most]]
    if last is None:
        return page, None
    return page, Place(last["effective_at"], last["recorded_at"], last["call_id"] or "", last["customer_id"])


def _looked_at(scope: Scope, wanted: WantedChanges, after: Place | None) -> tuple[str, list[object]]:
    """The changes of a span of time in their order, and the arguments; only what is asked is a condition."""
    arguments: list[object] = [scope.partner_id, scope.subtenant_no]

    def give(value: object) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    found = "SELECT * FROM dispositions WHERE partner_id = $1 AND subtenant_no = $2"
    if wanted.since is not None:
        found += f" AND effective_at >= {give(wanted.since)}"
    if wanted.until is not None:
        found += f" AND effective_at < {give(wanted.until)}"
    if wanted.customer_id is not None:
        found += f" AND customer_id = {give(wanted.customer_id)}"
    if after is not None:  # the index has the time alone
        places = ", ".join(give(part) for part in after)
        found += f""" AND effective_at <= {give(after.effective_at)}
            AND (effective_at, recorded_at, coalesce(call_id, ''), customer_id) < ({places})"""
    return f"{found} {_ORDER}", arguments
