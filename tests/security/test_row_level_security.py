"""The lock behind the queries: whatever a statement asks for, rows of other partners are not there."""

import re
from pathlib import Path

import asyncpg
import pytest

import callwright
from callwright import calls, db
from callwright.db import Pool, Scope
from callwright.db.roles import EVERY_PARTNER, ONE_PARTNER, ensure_roles
from submissions import onboard, scope, submission

NO_PARTNERS = {"schema_migrations", "rate_windows", "rate_stamps", "fair_order", "token_keys", "console_sessions"}
"""Tables without a partner's rows; the queue's, which begin with `pgqueuer`, are the others."""

TABLES = """
    SELECT c.oid, c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
        EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'partner_id') AS of_partners,
        (SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
         WHERE i.indrelid = c.oid AND i.indisprimary) AS key_begins_with
    FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
"""
POLICIES = """
    SELECT polname AS name, polcmd = '*' AS all_commands, polroles::regrole[]::text[] AS roles,
        pg_get_expr(polqual, polrelid) AS using, pg_get_expr(polwithcheck, polrelid) AS check
    FROM pg_policy WHERE polrelid = $1
"""


async def test_no_table_of_the_catalogue_forgets_its_policies(rows: Pool) -> None:
    tables = [t for t in await rows.fetch(TABLES) if not t["name"].startswith("pgqueuer")]
    assert {t["name"] for t in tables if not t["of_partners"]} == NO_PARTNERS
    protected = [t for t in tables if t["of_partners"]]
    assert len(protected) >= 14
    for table in protected:
        assert table["enabled"], f"{table['name']}: CALL protect('{table['name']}') is missing from its migration"
        assert table["forced"], table["name"]
        assert table["key_begins_with"] in {"partner_id", "login_no"}, table["name"]
        policies = {p["name"]: p for p in await rows.fetch(POLICIES, table["oid"])}
        assert policies.keys() == {"partner", "operator"}, table["name"]
        assert (policies["partner"]["roles"], policies["operator"]["roles"]) == ([ONE_PARTNER], [EVERY_PARTNER])
        assert all(p["all_commands"] for p in policies.values())
        mine = policies["partner"]["using"]
        assert mine == policies["partner"]["check"]
        assert re.match(r"\(*partner_id = partner_in_hand\(\)", mine), (table["name"], mine)


OF_THE_INSTALLATION = {"login_audit (login_no)", *(f"partners ({of})" for of in ("api_key", "name", "test_of"))}
"""Keys of what is kept once for all partners: who they are, and who tried to come in. None is split."""
OWN_ALONE = ("partner_secrets", "subtenants")
UNIQUE_INDEXES = """
    SELECT t.relname || ' (' || string_agg(a.attname, ', ' ORDER BY k.at) || ')' AS key
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
    CROSS JOIN LATERAL unnest(i.indkey::int[]) WITH ORDINALITY AS k (attnum, at)
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
    WHERE t.relnamespace = current_schema()::regnamespace AND i.indisunique AND k.at <= i.indnkeyatts
        AND EXISTS (SELECT FROM pg_attribute p WHERE p.attrelid = t.oid AND p.attname = 'partner_id')
    GROUP BY t.relname, i.indexrelid
"""
FOREIGN_KEYS = """
    SELECT t.relname || ' -> ' || pg_get_constraintdef(c.oid) AS key
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
    WHERE t.relnamespace = current_schema()::regnamespace AND c.contype = 'f'
"""


async def test_every_key_of_a_partners_rows_begins_with_the_partner(rows: Pool) -> None:
    """So that partitions by partner, or shards, could take the tables as they are: they refuse any other unique key."""
    keys = {row["key"] for row in await rows.fetch(UNIQUE_INDEXES)}
    assert len(keys) > 30
    assert {key for key in keys if "(partner_id" not in key} == OF_THE_INSTALLATION
    foreign = {row["key"] for row in await rows.fetch(FOREIGN_KEYS)}
    assert foreign - {f"{name} -> FOREIGN KEY (partner_id) REFERENCES partners(partner_id)" for name in OWN_ALONE} == {
        "partners -> FOREIGN KEY (test_of) REFERENCES partners(partner_id)"
    }


async def test_nothing_of_the_catalogue_reads_around_the_policies(rows: Pool) -> None:
    """A view reads as its owner does, and so does a function that says so: a superuser's sees every row."""
    around = await rows.fetch(
        """
        SELECT relname AS name FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('v', 'm', 'f')
            AND NOT coalesce(reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false)
        UNION ALL
        SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND prosecdef
        """
    )
    assert [row["name"] for row in around] == []


async def test_the_roles_bypass_nothing_own_nothing_and_cannot_log_in(rows: Pool) -> None:
    roles = await rows.fetch(
        """
        SELECT rolname, rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb AS too_much
        FROM pg_roles WHERE rolname = ANY($1)
        """,
        [ONE_PARTNER, EVERY_PARTNER],
    )
    assert {role["rolname"]: role["too_much"] for role in roles} == {ONE_PARTNER: False, EVERY_PARTNER: False}
    assert not await rows.fetchval("SELECT pg_has_role($1, $2, 'MEMBER')", ONE_PARTNER, EVERY_PARTNER)
    owned = "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = ANY($1)"
    assert await rows.fetchval(owned, [ONE_PARTNER, EVERY_PARTNER]) == 0


async def test_a_query_that_names_no_partner_sees_one_partners_rows(pool: Pool, rows: Pool) -> None:
    ours, theirs = await _two_partners_with_calls(pool)
    tables = [t["name"] for t in await rows.fetch(TABLES) if t["of_partners"]]
    for table in tables:
        async with db.transaction(pool, ours.partner_id) as lent:
            seen = await lent.fetch(f"SELECT DISTINCT partner_id FROM {table}")
            assert {row["partner_id"] for row in seen} <= {ours.partner_id}, table
    for table in ("partners", "partner_secrets", "subtenants", "agents", "customers", "batches", "calls"):
        async with db.transaction(pool, ours.partner_id) as lent:
            assert await lent.fetchval(f"SELECT count(*) FROM {table}") > 0, table
    async with db.everywhere(pool) as lent:
        seen = await lent.fetch("SELECT DISTINCT partner_id FROM calls")
    assert {row["partner_id"] for row in seen} == {ours.partner_id, theirs.partner_id}


async def test_nothing_of_another_partner_is_written(pool: Pool) -> None:
    ours, theirs = await _two_partners_with_calls(pool)
    async with db.transaction(pool, ours.partner_id) as lent:
        assert await lent.execute("UPDATE calls SET state = 'fetched'") == "UPDATE 2"
        assert await lent.execute("DELETE FROM customers WHERE partner_id = $1", theirs.partner_id) == "DELETE 0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction(pool, ours.partner_id) as lent:
            await lent.execute("INSERT INTO agents VALUES ($1, $2, 'spy')", theirs.partner_id, theirs.subtenant_no)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction(pool, ours.partner_id) as lent:
            await lent.execute("UPDATE calls SET partner_id = $1", theirs.partner_id)


async def test_a_scope_sees_one_subtenant(pool: Pool, rows: Pool) -> None:
    partner = await onboard(pool)
    numbers = [(await scope(pool, subtenant=name)).subtenant_no for name in ("one", "two")]
    for number in numbers:
        await calls.accept(pool, Scope(partner.partner_id, number), [submission(f"call-{number}")])
    await rows.execute(
        """
        INSERT INTO transcripts (partner_id, call_id, engine, quality, body)
        SELECT partner_id, call_id, 'test', 'final', '{}' FROM calls
        """
    )
    async with db.transaction(pool, Scope(partner.partner_id, numbers[0])) as lent:
        for table in ("calls", "transcripts"):
            seen = [row["call_id"] for row in await lent.fetch(f"SELECT call_id FROM {table}")]
            assert seen == [f"call-{numbers[0]}"], table
        for table in ("agents", "customers", "batches"):
            assert await lent.fetchval(f"SELECT count(DISTINCT subtenant_no) FROM {table}") == 1, table
    async with db.transaction(pool, partner.partner_id) as lent:
        assert await lent.fetchval("SELECT count(*) FROM transcripts") == 2


async def test_a_transaction_leaves_no_scope_behind(database_url: str) -> None:
    pool = await db.open_pool(database_url, size=1, name="tests")
    try:
        partner = await onboard(pool)
        async with db.transaction(pool, Scope(partner.partner_id, 1)):
            pass
        with pytest.raises(ZeroDivisionError):
            async with db.transaction(pool, Scope(partner.partner_id, 1)):
                _ = 1 / 0
        async with db.beside(pool) as lent:
            row = await lent.fetchrow(
                "SELECT current_user = session_user AS itself, partner_in_hand() AS partner, subtenant_in_hand() AS sub"
            )
        assert row is not None
        assert tuple(row) == (True, None, None)
    finally:
        await pool.close()


async def test_an_error_that_was_passed_over_is_no_commit(pool: Pool) -> None:
    async def pass_over() -> None:
        async with db.transaction(pool, 1) as lent:
            with pytest.raises(asyncpg.DivisionByZeroError):
                await lent.execute("SELECT 1/0")

    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        await pass_over()


async def test_without_a_partner_in_hand_there_is_nothing(pool: Pool) -> None:
    await _two_partners_with_calls(pool)
    async with db.beside(pool) as lent, lent.transaction():
        await lent.execute(f"SET LOCAL ROLE {ONE_PARTNER}")
        assert await lent.fetchval("SELECT count(*) FROM calls") == 0
        assert await lent.fetchval("SELECT count(*) FROM partners") == 0


async def test_the_roles_are_made_once_by_however_many(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        before = await connection.fetch("SELECT oid FROM pg_roles WHERE rolname LIKE 'callwright\\_%' ORDER BY oid")
        await ensure_roles(connection)
        after = await connection.fetch("SELECT oid FROM pg_roles WHERE rolname LIKE 'callwright\\_%' ORDER BY oid")
        assert before == after
    finally:
        await connection.close()


def test_connections_without_a_scope_are_taken_where_no_partners_rows_are() -> None:
    source = Path(callwright.__file__).parent
    found = {
        str(file.relative_to(source)): sorted(set(re.findall(r"\b(?:db\.)?(beside|everywhere)\(", file.read_text())))
        for file in source.rglob("*.py")
        if file.parent.name != "db"
    }
    assert {file: how for file, how in found.items() if how} == {
        "api/auth.py": ["everywhere"],  # who comes in is not known before
        "cli/analyses.py": ["everywhere"],
        "cli/callbacks.py": ["everywhere"],
        "cli/calls.py": ["everywhere"],
        "cli/erase.py": ["everywhere"],
        "cli/partners.py": ["everywhere"],
        "cli/session.py": ["everywhere"],
        "dashboards/console/callbacks.py": ["everywhere"],  # the operator's, who sees every partner
        "dashboards/console/door.py": ["everywhere"],
        "dashboards/console/engines.py": ["everywhere"],
        "dashboards/console/failed_calls.py": ["everywhere"],
        "dashboards/console/login.py": ["everywhere"],
        "dashboards/console/logins.py": ["everywhere"],
        "dashboards/console/overview.py": ["beside", "everywhere"],
        "dashboards/console/partners.py": ["everywhere"],
        "dashboards/embed.py": ["everywhere"],  # whose page frames one that nobody's token opens
        "dashboards/live.py": ["everywhere"],  # what has moved, whoever's it is: each viewer is told of its own
        "erasing.py": ["everywhere"],  # which erasures are under way, and which rules there are
        "lanes.py": ["beside"],
        "limits.py": ["beside"],
        "reanalysis.py": ["beside"],  # whether a job waits
        "queue.py": ["everywhere"],  # what is billed to whom
        "reerasing.py": ["everywhere"],  # the marks of what was erased, whoever's, and what of it is back
        "reports/search_windows.py": ["everywhere"],  # no index answers it under a policy; told are ids alone
        "rollups.py": ["everywhere"],  # housekeeping
        "token_keys.py": ["everywhere"],  # no partner's
        "vitals.py": ["beside"],  # how long the queue is
        "worker.py": ["beside", "everywhere"],  # housekeeping
    }
    acquired = [str(f) for f in source.rglob("*.py") if ".acquire(timeout" in f.read_text() and f.parent.name != "db"]
    assert not acquired


async def _two_partners_with_calls(pool: Pool) -> tuple[Scope, Scope]:
    scopes = []
    for name in ("ours", "theirs"):
        await onboard(pool, name)
        scopes.append(await scope(pool, name))
        await calls.accept(pool, scopes[-1], [submission("one"), submission("two")])
    return scopes[0], scopes[1]
