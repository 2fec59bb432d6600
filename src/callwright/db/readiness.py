"""Whether the database is as a process of this release needs it."""

from callwright import db
from callwright.db import Pool
from callwright.db.migrate import pending
from callwright.errors import SetupError, Unavailable


async def fault_of(pool: Pool) -> str | None:
    """What is wrong with it, in a few words: it does not answer, or lacks tables; None where nothing is."""
    try:
        async with db.beside(pool) as connection:
            waiting = await pending(connection)
    except Unavailable:
        return "the database does not answer"
    except SetupError as error:
        return error.message
    return f"migrations to apply: {', '.join(waiting)}" if waiting else None
