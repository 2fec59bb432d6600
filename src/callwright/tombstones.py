"""What is left of an erased call: a mark by which its id is known again, and which tells nobody the id."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from callwright.db import Connection, Scope

FINGERPRINT = "encode(sha256(tombstone_salt), 'hex')"
"""The SQL by which a partner is known in another copy of the database, where a number may be somebody else's."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is left of an erased call."""

    partner_id: int
    mark: bytes
    subtenant_no: int
    erasure_id: UUID


def mark_of(call_id: str) -> str:
    """The SQL that gives the mark of a call's id; $1 is the partner.

    Args:
        call_id: SQL that gives the id.
    """
    salt = "(SELECT tombstone_salt FROM partners WHERE partner_id = $1)"
    return f"sha256({salt} || convert_to({call_id}, 'UTF8'))"


LEAVE = f"""
    INSERT INTO erased_calls (partner_id, mark, subtenant_no, erasure_id)
    SELECT $1, {mark_of("call_id")}, subtenant_no, $3 FROM gone ON CONFLICT DO NOTHING
"""  # noqa: S608
"""The part of the statement that deletes the calls in `gone`; $3 is the erasure."""


def is_erased(call_id: str) -> str:
    """The SQL that says of a call's id whether such a call was erased; $1 is the partner.

    A value and no EXISTS, which might get a plan, kept for good, that reads all of a partner's marks.
    """
    known = f"SELECT true FROM erased_calls e WHERE e.partner_id = $1 AND e.mark = {mark_of(call_id)} LIMIT 1"  # noqa: S608
    return f"coalesce(({known}), false)"


async def erasure_of(connection: Connection, scope: Scope, call_id: str) -> UUID | None:
    """By which erasure a call of a subtenant went; None where the subtenant has had no such call, or still has it."""
    erasure_id: UUID | None = await connection.fetchval(
        f"""
        SELECT erasure_id FROM erased_calls
        WHERE partner_id = $1 AND subtenant_no = $2 AND mark = {mark_of("$3::text")}
        """,  # noqa: S608
        *(scope.partner_id, scope.subtenant_no, call_id),
    )
    return erasure_id


async def is_known(connection: Connection, partner_id: int, call_id: str) -> bool:
    """Whether a partner had a call of this id that was erased."""
    known: bool = await connection.fetchval(f"SELECT {is_erased('$2::text')}", partner_id, call_id)
    return known


async def marks(connection: Connection, after: tuple[int, bytes], most: int) -> list[Mark]:
    """Some marks of all partners, in the order of partner and mark, from after one on."""
    rows = await connection.fetch(
        """
        SELECT partner_id, mark, subtenant_no, erasure_id FROM erased_calls
        WHERE (partner_id, mark) > ($1, $2) ORDER BY partner_id, mark LIMIT $3
        """,
        *(*after, most),
    )
    return [Mark(*row.values()) for row in rows]


async def keep(connection: Connection, partner_id: int, erased: Sequence[Mark]) -> int:
    """Keep marks from another copy of the database, those that are not here; gives how many those were.

    One of a subtenant that is not here is nobody's: its number may yet become another's.
    """
    kept: int = await connection.fetchval(
        """
        WITH kept AS (
            INSERT INTO erased_calls (partner_id, mark, subtenant_no, erasure_id)
            SELECT $1, mark, coalesce((SELECT s.subtenant_no FROM subtenants s
                WHERE s.partner_id = $1 AND s.subtenant_no = of.subtenant_no), 0), erasure_id
            FROM unnest($2::bytea[], $3::bigint[], $4::uuid[]) AS of (mark, subtenant_no, erasure_id)
            ON CONFLICT DO NOTHING RETURNING 1
        )
        SELECT count(*) FROM kept
        """,
        *(partner_id, [each.mark for each in erased], [each.subtenant_no for each in erased]),
        [each.erasure_id for each in erased],
    )
    return kept


async def partners_by_fingerprint(connection: Connection) -> dict[str, int]:
    """The number of each partner by its fingerprint."""
    rows = await connection.fetch(f"SELECT {FINGERPRINT} AS name, partner_id FROM partners")  # noqa: S608
    return {row["name"]: row["partner_id"] for row in rows}
