"""Who tried to come in, and what was erased: a row for every login that was refused, and for every erasure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from callwright.credentials import KEY_FORM
from callwright.db import Connection

Outcome = Literal["let in", "refused", "shut out"]
ErasureKind = Literal["call", "customer", "phone", "email", "rule for recordings", "rule for everything"]

KEPT = timedelta(days=90)
MOST_LISTED = 200

_FORGOTTEN_AT_A_TIME = 10_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login: of `partner` where the key is one's, with the key only where it has the form of one."""

    at: datetime
    outcome: str
    partner: str | None
    api_key: str | None
    address: str
    request_id: str
    door: str


@dataclass(frozen=True, slots=True)
class Asker:
    """Who has something erased.

    Attributes:
        by: Over the API, by a command, or a rule of retention.
        who: The API key, the user of the machine, or the rule.
        request_id: Of the request, where there was one.
    """

    by: Literal["api", "command", "rule"]
    who: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Erasure:
    """The proof of an erasure: what went, in numbers alone; `done_at` is None while some of it is still there.

    Attributes:
        rows: Of the database, those of calls and of people among them.
        files: Of the store, each seen to be gone.
    """

    erasure_id: UUID
    partner: str
    kind: ErasureKind
    asked_by: str
    who: str
    request_id: str | None
    asked_at: datetime
    calls: int
    customers: int
    agents: int
    rows: int
    files: int
    done_at: datetime | None


async def record(connection: Connection, outcome: Outcome, api_key: str, *, address: str, request_id: str) -> None:
    """Write a login down; why one was refused is found here, by the same statement whatever the reason is.

    Args:
        connection: On which each statement is its own transaction.
        outcome: `shut out` is one from an address that failed too often: its secret was not even looked at.
        api_key: As it was sent.
        address: An address or network, which the caller has parsed.
        request_id: Of a form that the caller has checked.
    """
    key = api_key if KEY_FORM.fullmatch(api_key) else None
    await connection.execute(
        """
        INSERT INTO login_audit (outcome, partner_id, api_key, address, request_id)
        SELECT CASE WHEN $1::text <> 'refused' THEN $1::text WHEN p.partner_id IS NULL THEN 'unknown key'
                    WHEN p.revoked_at IS NULL THEN 'wrong secret' ELSE 'revoked key' END,
               p.partner_id, $2::text, $3, $4
        FROM (VALUES (1)) AS one LEFT JOIN partners p ON p.api_key = $2::text
        """,
        outcome,
        key,
        address,
        request_id,
    )


async def record_console(
    connection: Connection, outcome: Literal["let in", "wrong link", "shut out"], *, address: str, request_id: str
) -> None:
    """Write a login at the operator's console down.

    Args:
        connection: The database.
        outcome: `wrong link` is one that was made up, used before or too old.
        address: As in `record`.
        request_id: Likewise.
    """
    await connection.execute(
        "INSERT INTO login_audit (outcome, address, request_id, door) VALUES ($1, $2, $3, 'console')",
        outcome,
        address,
        request_id,
    )


async def list_attempts(connection: Connection, partner_id: int | None = None) -> list[Attempt]:
    """List the newest logins, at most `MOST_LISTED`.

    Args:
        connection: The database.
        partner_id: Whose key was sent; None for all, those with no partner's key as well.
    """
    rows = await connection.fetch(
        """
        SELECT a.at, a.outcome, p.name, a.api_key, a.address, a.request_id, a.door
        FROM login_audit a LEFT JOIN partners p USING (partner_id)
        WHERE $1::bigint IS NULL OR a.partner_id = $1
        ORDER BY a.login_no DESC LIMIT $2
        """,
        partner_id,
        MOST_LISTED,
    )
    return [Attempt(*row.values()) for row in rows]


async def keep_house(connection: Connection) -> None:
    """Forget what is older than `KEPT`, a part at a time so that no other work has to wait for it."""
    await connection.execute(
        """
        DELETE FROM login_audit WHERE login_no IN (
            SELECT login_no FROM login_audit WHERE at < now() - $1::interval ORDER BY at LIMIT $2
        )
        """,
        KEPT,
        _FORGOTTEN_AT_A_TIME,
    )


async def begin_erasure(
    connection: Connection,
    partner_id: int,
    erasure_id: UUID,
    subtenant_no: int | None,
    kind: ErasureKind,
    asker: Asker,
) -> None:
    """Write down that somebody has something erased; what a rule erases on a day is one row, begun once."""
    await connection.execute(
        """
        INSERT INTO erasure_audit (partner_id, erasure_id, subtenant_no, kind, asked_by, who, request_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
        """,
        *(partner_id, erasure_id, subtenant_no, kind, asker.by, asker.who, asker.request_id),
    )


async def count_erased(
    connection: Connection,
    partner_id: int,
    erasure_id: UUID,
    *,
    calls: int = 0,
    customers: int = 0,
    agents: int = 0,
    rows: int = 0,
    files: int = 0,
) -> None:
    """Add what went to the proof, in the transaction in which it went."""
    await connection.execute(
        """
        UPDATE erasure_audit SET calls = calls + $3, customers = customers + $4, agents = agents + $5,
            rows = rows + $6, files = files + $7
        WHERE partner_id = $1 AND erasure_id = $2
        """,
        *(partner_id, erasure_id, calls, customers, agents, rows, files),
    )


async def end_erasure(connection: Connection, partner_id: int, erasure_id: UUID) -> None:
    """Write down that nothing of it is left."""
    await connection.execute(
        "UPDATE erasure_audit SET done_at = now() WHERE partner_id = $1 AND erasure_id = $2",
        *(partner_id, erasure_id),
    )


async def reopen_erasure(connection: Connection, partner_id: int, erasure_id: UUID) -> None:
    """Write down that what had been erased is here again, as after a restore, and is being erased once more."""
    await connection.execute(
        "UPDATE erasure_audit SET done_at = NULL WHERE partner_id = $1 AND erasure_id = $2",
        *(partner_id, erasure_id),
    )


async def every_erasure(connection: Connection) -> list[tuple[int, dict[str, object]]]:
    """Every proof, partner by partner, as `keep_erasure` takes it: without who asked for it, and by which request."""
    rows = await connection.fetch(
        f"SELECT partner_id, {', '.join(_PROOF)} FROM erasure_audit ORDER BY partner_id, asked_at"  # noqa: S608
    )
    return [(row["partner_id"], {name: row[name] for name in _PROOF}) for row in rows]


async def keep_erasure(connection: Connection, partner_id: int, proof: Mapping[str, object]) -> bool:
    """Keep a proof from another copy of the database; False where it is here already.

    One of a subtenant that is not here is of all of the partner's. Who asked for it was not kept: it says `restored`.
    """
    return bool(
        await connection.fetchval(
            f"""
            INSERT INTO erasure_audit (partner_id, who, {", ".join(_PROOF)})
            SELECT $1, 'restored', erasure_id, (SELECT s.subtenant_no FROM subtenants s
                WHERE s.partner_id = $1 AND s.subtenant_no = of.subtenant_no), {", ".join(_PROOF[2:])}
            FROM jsonb_populate_record(NULL::erasure_audit, $2) AS of
            ON CONFLICT DO NOTHING RETURNING true
            """,  # noqa: S608
            *(partner_id, dict(proof)),
        )
    )


_PROOF = (
    *("erasure_id", "subtenant_no", "kind", "asked_by", "asked_at"),
    *("calls", "customers", "agents", "rows", "files", "done_at"),
)

_ERASURES = """
    SELECT e.erasure_id, p.name, e.kind, e.asked_by, e.who, e.request_id, e.asked_at, e.calls, e.customers, e.agents,
        e.rows, e.files, e.done_at
    FROM erasure_audit e JOIN partners p USING (partner_id)
"""


async def read_erasure(
    connection: Connection, partner_id: int, erasure_id: UUID, subtenant_no: int | None = None
) -> Erasure | None:
    """Read a proof; for a subtenant its own, or one of an erasure in all of the partner's. None where there is none."""
    row = await connection.fetchrow(
        f"""
        {_ERASURES} WHERE e.partner_id = $1 AND e.erasure_id = $2
            AND ($3::bigint IS NULL OR e.subtenant_no IS NULL OR e.subtenant_no = $3)
        """,
        *(partner_id, erasure_id, subtenant_no),
    )
    return None if row is None else Erasure(*row.values())


async def list_erasures(connection: Connection, partner_id: int | None = None) -> list[Erasure]:
    """List the newest erasures, of one partner or of all, at most `MOST_LISTED`."""
    rows = await connection.fetch(
        f"{_ERASURES} WHERE $1::bigint IS NULL OR e.partner_id = $1 ORDER BY e.asked_at DESC LIMIT $2",
        *(partner_id, MOST_LISTED),
    )
    return [Erasure(*row.values()) for row in rows]
