"""The two roles that transactions run as: behind row level security, whatever the role is that logs in."""

from typing import TYPE_CHECKING

import asyncpg

from callwright.errors import SetupError

if TYPE_CHECKING:
    from callwright.db import Connection

ONE_PARTNER = "callwright_partner"
"""Sees the rows of the partner that the transaction names in `callwright.partner_id`, and nobody else's."""

EVERY_PARTNER = "callwright_operator"
"""Sees every row: logins, housekeeping, the operator's commands."""

_TRIES = 5


async def ensure_roles(connection: "Connection") -> None:
    """Make the roles where they are missing, and let the role that logs in become them.

    Roles belong to the whole server, so another database's migration may be making them at the same time.

    Args:
        connection: A connection with no transaction open.

    Raises:
        SetupError: The role that logs in may neither make them nor become them.
    """
    for left in reversed(range(_TRIES)):
        try:
            for role in (ONE_PARTNER, EVERY_PARTNER):
                await _ensure(connection, role)
        except asyncpg.InsufficientPrivilegeError as error:
            user = await connection.fetchval("SELECT quote_ident(session_user)")
            raise SetupError(
                f"The database role may not make the roles behind row level security: {error}",
                f"Let a superuser run: CREATE ROLE {ONE_PARTNER}; CREATE ROLE {EVERY_PARTNER}; "
                f"GRANT {ONE_PARTNER}, {EVERY_PARTNER} TO {user}",
            ) from error
        except (asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError, asyncpg.InternalServerError):
            if not left:  # somebody else was quicker, and what is missing now is not
                raise
        else:
            return


async def _ensure(connection: "Connection", role: str) -> None:
    if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
        await connection.execute(f"CREATE ROLE {role} NOLOGIN NOBYPASSRLS")
    # Since PostgreSQL 16 who makes a role is its member at once, but may not become it.
    may_become = "SET" if connection.get_server_version() >= (16,) else "MEMBER"
    if not await connection.fetchval("SELECT pg_has_role(session_user, $1, $2)", role, may_become):
        await connection.execute(f"GRANT {role} TO SESSION_USER")


async def grant_tables(connection: "Connection") -> None:
    """Let the roles work on every table, those too that another role than the one before has made."""
    schema = await connection.fetchval("SELECT quote_ident(current_schema())")
    for what, where in (("SELECT, INSERT, UPDATE, DELETE", "TABLES"), ("USAGE", "SEQUENCES")):
        await connection.execute(f"GRANT {what} ON ALL {where} IN SCHEMA {schema} TO {ONE_PARTNER}, {EVERY_PARTNER}")
