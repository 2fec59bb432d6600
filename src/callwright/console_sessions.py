"""The operator's logins at the console: links that are valid once, and the sessions that come of them."""

import hashlib
import re
import secrets
from datetime import timedelta

from callwright.db import Connection

LINK_LIFE = timedelta(minutes=10)
LIFE = timedelta(hours=12)

# Both in the form that logs mask wherever they find it.
_CODE = re.compile(r"cwlink_live_[0-9a-f]{64}")
_SESSION = re.compile(r"cwconsole_live_[0-9a-f]{64}")


async def make_link(connection: Connection) -> str:
    """Make a code that logs an operator in once, within `LINK_LIFE`; what is over is forgotten.

    Args:
        connection: With a transaction open.

    Returns:
        The code, of which only a hash is kept.
    """
    code = f"cwlink_live_{secrets.token_hex(32)}"
    await connection.execute("DELETE FROM console_sessions WHERE coalesce(ends_at, link_until) <= now()")
    await connection.execute(
        "INSERT INTO console_sessions (code_hash, link_until) VALUES ($1, now() + $2::interval)", _hash(code), LINK_LIFE
    )
    return code


async def begin(connection: Connection, code: str) -> str | None:
    """Begin a session by a code, which is used up by that; of several who use it at once one gets it.

    Returns:
        What the session is known by from now on, of which only a hash is kept; None where the code is wrong, was used
        or has expired.
    """
    if not _CODE.fullmatch(code):
        return None
    session = f"cwconsole_live_{secrets.token_hex(32)}"
    begun = await connection.fetchval(
        """
        UPDATE console_sessions SET session_hash = $2, began_at = now(), ends_at = now() + $3::interval
        WHERE code_hash = $1 AND session_hash IS NULL AND link_until > now() RETURNING true
        """,
        _hash(code),
        _hash(session),
        LIFE,
    )
    return session if begun else None


async def is_open(connection: Connection, session: str) -> bool:
    """Whether a session has begun and has not ended."""
    if not _SESSION.fullmatch(session):
        return False
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM console_sessions WHERE session_hash = $1 AND ends_at > now())", _hash(session)
    )
    return found


async def end(connection: Connection, session: str) -> None:
    """End a session."""
    await connection.execute("DELETE FROM console_sessions WHERE session_hash = $1", _hash(session))


async def end_all(connection: Connection) -> int:
    """End every session, and let no link that was made so far be used; says how many sessions were open."""
    rows = await connection.fetch("DELETE FROM console_sessions RETURNING coalesce(ends_at > now(), false) AS was_open")
    return sum(row["was_open"] for row in rows)


def _hash(secret: str) -> bytes:
    """256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()
