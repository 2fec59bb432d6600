"""Connections through PgBouncer in transaction mode: from one transaction to the next, nothing is kept on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from callwright.errors import SetupError

if TYPE_CHECKING:
    Plain = asyncpg.Connection[asyncpg.Record]
else:
    Plain = asyncpg.Connection

MARK = "pgbouncer"
"""The parameter of an address that says so, as Prisma's and others' do."""


class Pooled(Plain):
    """A connection whose every statement is one transaction, as that of a plain connection is.

    asyncpg sends a statement in two parts, and a pooler may give each to another server.
    """

    async def execute(self, query: str, *args: object, **options: Any) -> str:  # noqa: ANN401 - as asyncpg's
        """As asyncpg's; without arguments it is a single message."""
        if not args:
            return await super().execute(query, **options)
        async with self._one_transaction():
            return await super().execute(query, *args, **options)

    async def executemany(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as asyncpg's
        """As asyncpg's."""
        async with self._one_transaction():
            await super().executemany(*args, **options)

    async def fetch(self, *args: Any, **options: Any) -> list[Any]:  # noqa: ANN401 - as asyncpg's
        """As asyncpg's."""
        async with self._one_transaction():
            rows: list[Any] = await super().fetch(*args, **options)
            return rows

    async def fetchrow(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as asyncpg's
        """As asyncpg's."""
        async with self._one_transaction():
            return await super().fetchrow(*args, **options)

    async def fetchval(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as asyncpg's
        """As asyncpg's."""
        async with self._one_transaction():
            return await super().fetchval(*args, **options)

    @asynccontextmanager
    async def _one_transaction(self) -> AsyncIterator[None]:
        if self.is_in_transaction():
            yield
            return
        async with self.transaction():
            yield


def ways(url: str, session: dict[str, str]) -> dict[str, Any]:
    """How asyncpg is to connect to an address.

    Args:
        url: A PostgreSQL URL, with `pgbouncer=true` where PgBouncer in transaction mode is behind it.
        session: What is set for a session of the server's own. PgBouncer knows no more of it than the time zone and the
            application's name, and refuses a client that asks for anything else.

    Returns:
        The arguments of `asyncpg.connect` and `asyncpg.create_pool`.

    Raises:
        SetupError: The parameter has another value.
    """
    address, _, query = url.partition("?")
    parameters = [each for each in query.split("&") if each]
    marks = [each for each in parameters if each.partition("=")[0] == MARK]
    if not marks:
        return {"dsn": url, "server_settings": session}
    if marks != [f"{MARK}=true"]:
        raise SetupError(
            f"The parameter {MARK} of a database's address has another value than true",
            f"Write {MARK}=true, or leave it out where no pooler is in between",
        )
    others = "&".join(each for each in parameters if each not in marks)
    return {
        "dsn": f"{address}?{others}" if others else address,
        "connection_class": Pooled,
        "statement_cache_size": 0,
        "server_settings": {name: session[name] for name in ("application_name", "timezone") if name in session},
    }
