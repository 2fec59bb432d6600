"""The migration that gives callbacks their subtenant: on rows that are there, by an owner that is no superuser."""

import os
from unittest.mock import patch

import asyncpg

from callwright.db import migrate as module
from callwright.db.migrate import migrate, migrations
from callwright.db.roles import EVERY_PARTNER, ensure_roles


async def test_callbacks_that_are_there_get_their_subtenant(empty_database_url: str) -> None:
    name = f"owner_{os.urandom(4).hex()}"
    administrator = await asyncpg.connect(empty_database_url)
    await ensure_roles(administrator)
    await administrator.execute(f"CREATE ROLE {name} LOGIN; GRANT CREATE ON SCHEMA public TO {name}")
    await administrator.execute(f"GRANT {EVERY_PARTNER}, callwright_partner TO {name}")
    try:
        owner = await asyncpg.connect(empty_database_url, user=name)
        before = [each for each in migrations() if each.version < 8]
        with patch.object(module, "migrations", lambda: before):
            await migrate(owner)
        await owner.execute(
            f"""
            SET ROLE {EVERY_PARTNER};
            INSERT INTO calls (partner_id, call_id, subtenant_no, batch_id, body_hash, callback_state, start_time,
                end_time, agent_id, customer_id, contact_number, recording_url)
            SELECT 7, 'c' || n, n, gen_random_uuid(), '', 'pending', now(), now(), 'a', 'k', '+1', 'u'
            FROM generate_series(1, 3) AS n;
            INSERT INTO callbacks (partner_id, callback_id, call_id, url, body, allowed)
            SELECT 7, 'm' || n, 'c' || n, 'u', '', 4 FROM generate_series(1, 3) AS n;
            RESET ROLE
            """
        )
        assert await migrate(owner) == [f"{each.version:04}_{each.name}" for each in migrations()[len(before) :]]
        await owner.execute(f"SET ROLE {EVERY_PARTNER}")
        rows = await owner.fetch("SELECT callback_id, subtenant_no FROM callbacks ORDER BY 1")
        assert [tuple(row) for row in rows] == [("m1", 1), ("m2", 2), ("m3", 3)]
        await owner.close()
    finally:
        # Who is no superuser may drop what is owned by roles that it is a member of.
        await administrator.execute(f"GRANT {name} TO CURRENT_USER; DROP OWNED BY {name} CASCADE; DROP ROLE {name}")
        await administrator.close()
