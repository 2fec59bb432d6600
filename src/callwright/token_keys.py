"""The keys that sign the dashboards' tokens: made when they are needed, kept sealed, replaced every month."""

import base64
import os
import time
from datetime import UTC, datetime, timedelta

from callwright import db
from callwright.db import Connection, Pool
from callwright.errors import SetupError
from callwright.sealing import Sealer
from callwright.tokens import LIFE, Claim, Key, TokenRefused, key_id_of, sign, verify

SIGNS = timedelta(days=30)
"""How long a key signs; it verifies until the last token that it signed has expired."""

FRESH_SECONDS = 0.5
"""How long a process relies on what it read: a key that is revoked opens nothing within a second, everywhere."""

LOOKED_SECONDS = 0.05
"""How soon it reads again for a key that it does not know: another process may have made one just now."""

_LOCK = 0x746F6B65  # "toke": held while a key is made, so that two processes make one
_SECRET_BYTES = 32  # RFC 7518, section 3.2: no shorter than the hash


async def read(connection: Connection, sealer: Sealer) -> tuple[Key | None, dict[str, bytes]]:
    """The key that signs now, if one does, and the secrets of all that still verify.

    Raises:
        SetupError: One was sealed with another secret key.
    """
    rows = await connection.fetch(
        """
        SELECT key_id, sealed, signs_until > now() AS signs FROM token_keys
        WHERE verifies_until > now() ORDER BY made_at DESC, key_id
        """
    )
    keys = {row["key_id"]: _opened(sealer, row["sealed"]) for row in rows}
    signing = next((row["key_id"] for row in rows if row["signs"]), None)
    return Key(signing, keys[signing]) if signing else None, keys


async def make(connection: Connection, sealer: Sealer) -> str:
    """Make a key that signs from now on in place of the one before, which verifies what it has signed.

    Keys that verify nothing any more are forgotten.

    Args:
        connection: With a transaction open.
        sealer: Seals it.

    Returns:
        Its id.
    """
    key_id = os.urandom(8).hex()
    await connection.execute(
        """
        UPDATE token_keys SET signs_until = now(), verifies_until = least(verifies_until, now() + $1::interval)
        WHERE signs_until > now()
        """,
        LIFE,
    )
    await connection.execute("DELETE FROM token_keys WHERE verifies_until <= now()")
    await connection.execute(
        """
        INSERT INTO token_keys (key_id, sealed, signs_until, verifies_until) VALUES ($1, $2, now() + $3::interval,
            now() + $4::interval)
        """,
        key_id,
        sealer.seal(base64.b64encode(os.urandom(_SECRET_BYTES)).decode()),
        SIGNS,
        SIGNS + LIFE,
    )
    return key_id


async def revoke(connection: Connection) -> int:
    """Let no key that was made so far verify anything, for when one may have leaked; says how many those were."""
    return len(await connection.fetch("DELETE FROM token_keys RETURNING key_id"))


async def _ensured(connection: Connection, sealer: Sealer) -> tuple[Key, dict[str, bytes]]:
    """The key that signs, made where there is none, and all that verify."""
    signing, keys = await read(connection, sealer)
    if signing is None:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        signing, keys = await read(connection, sealer)  # by now somebody else may have made one
    if signing is None:
        await make(connection, sealer)
        signing, keys = await read(connection, sealer)
    assert signing is not None, "one was made just now"
    return signing, keys


def _opened(sealer: Sealer, sealed: bytes) -> bytes:
    try:
        return base64.b64decode(sealer.open(sealed))
    except SetupError:
        raise SetupError(
            "A key of the dashboards' tokens cannot be opened with this CALLWRIGHT_SECRET_KEY",
            "Set the key that was in use when it was made, or make new ones: callwright token-key rotate --revoke-old",
        ) from None


class TokenKeys:
    """Signs and verifies the tokens of dashboards, with the keys of the database.

    Args:
        pool: The database.
        sealer: Opens the keys.
    """

    def __init__(self, pool: Pool, sealer: Sealer) -> None:
        self._pool = pool
        self._sealer = sealer
        self._signing: Key | None = None
        self._keys: dict[str, bytes] = {}
        self._read_at = float("-inf")

    async def sign(self, partner_id: int, tenant_id: str, subtenant_id: str) -> str:
        """Make a token for a tenant and subtenant.

        Raises:
            Unavailable: The database is away.
            SetupError: The keys cannot be opened.
        """
        if self._signing is None or self._age() > FRESH_SECONDS:
            async with db.everywhere(self._pool) as connection:
                self._signing, self._keys = await _ensured(connection, self._sealer)
            self._read_at = time.monotonic()
        return sign(self._signing, partner_id, tenant_id, subtenant_id, at=datetime.now(UTC))

    async def verify(self, token: str) -> Claim:
        """Read a token.

        Raises:
            TokenRefused: It opens nothing; see `tokens.verify`.
            Unavailable: The database is away.
            SetupError: The keys cannot be opened.
        """
        key_id = key_id_of(token)
        if key_id is None:
            raise TokenRefused
        if self._age() > (FRESH_SECONDS if key_id in self._keys else LOOKED_SECONDS):
            async with db.everywhere(self._pool) as connection:
                self._signing, self._keys = await read(connection, self._sealer)
            self._read_at = time.monotonic()
        return verify(token, self._keys, at=datetime.now(UTC))

    def _age(self) -> float:
        return time.monotonic() - self._read_at
