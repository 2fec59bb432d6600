"""One connection without a pool, for commands and checks: what goes wrong is said with what to do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from callwright.db import AWAY, Connection
from callwright.db.pooler import ways
from callwright.errors import SetupError

CONNECT_SECONDS = 10.0


class DatabaseAway(SetupError):
    """The server does not answer now, and may later."""


@asynccontextmanager
async def direct(url: str) -> AsyncIterator[Connection]:
    """Connect for the time of the block; statements may take as long as they take.

    Raises:
        DatabaseAway: The server cannot be reached, or is starting or stopping.
        SetupError: The address cannot be used, or the server refuses us.
    """
    try:
        connection = await asyncpg.connect(**ways(url, {"application_name": "callwright"}), timeout=CONNECT_SECONDS)
    except (*AWAY, ValueError, asyncpg.PostgresError) as error:
        reason = str(error) or type(error).__name__
        away = isinstance(error, AWAY) and not isinstance(error, ValueError)  # a malformed address never answers
        kind = DatabaseAway if away else SetupError
        raise kind(
            f"The database cannot be reached: {reason}", "Check CALLWRIGHT_DATABASE_URL and that PostgreSQL is running"
        ) from error
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_SECONDS)
