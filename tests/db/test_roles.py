"""The roles behind row level security can be taken on by a role that is no superuser, on each version of PostgreSQL."""

import os

import asyncpg
import pytest

from callwright.db.roles import EVERY_PARTNER, ONE_PARTNER, ensure_roles


async def test_who_administers_the_roles_without_being_able_to_become_them_lets_itself(database_url: str) -> None:
    """So stands a role with CREATEROLE since PostgreSQL 16, once it has made them."""
    name = f"maker_{os.urandom(4).hex()}"
    owner = await asyncpg.connect(database_url)
    if owner.get_server_version() < (16,):
        await owner.close()
        pytest.skip("membership is one thing before PostgreSQL 16")
    await owner.execute(f"CREATE ROLE {name} LOGIN")
    try:
        await owner.execute(f"GRANT {ONE_PARTNER}, {EVERY_PARTNER} TO {name} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
        maker = await asyncpg.connect(database_url, user=name)
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await maker.execute(f"SET ROLE {ONE_PARTNER}")
            await ensure_roles(maker)
            for role in (ONE_PARTNER, EVERY_PARTNER):
                await maker.execute(f"SET ROLE {role}; RESET ROLE")
        finally:
            await maker.close()
    finally:
        await owner.execute(f"DROP ROLE {name}")
        await owner.close()
