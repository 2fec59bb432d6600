"""Who tried to come in: a row for every login that was refused, and for those let in once a minute."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from callwright.credentials import KEY_FORM
from callwright.db import Connection

Outcome = Literal["let in", "refused", "shut out"]

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
