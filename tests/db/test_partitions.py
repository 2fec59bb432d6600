"""Tables that were partitioned by partner are what they were: to the catalogue, to row level security, to every row."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest

from callwright import db, queue
from callwright.db import Pool, open_pool, partitions
from callwright.db import migrate as migrate_module
from callwright.db import table_form as form_module
from callwright.db.migrate import migrate, migrations
from callwright.db.partitions import LARGE, Plan
from callwright.db.roles import EVERY_PARTNER, ONE_PARTNER, ensure_roles, grant_tables
from callwright.errors import SetupError
from catalogue import differences, storage, tables

INTO = 3
FIRST_RELEASE = 22
"""Its last migration: a database may have been partitioned after it, and meets all the others like that."""
OF_AN_OPERATOR = """
    COMMENT ON TABLE calls IS 'what came in';
    COMMENT ON COLUMN calls.state IS 'how far it is';
    COMMENT ON INDEX calls_failed IS 'those to look at';
    ALTER TABLE calls SET (autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_vacuum_threshold = 77);
    ALTER TABLE calls ALTER COLUMN agent_id SET STATISTICS 500, ALTER COLUMN customer_id SET (n_distinct = -0.3);
    ALTER INDEX callbacks_by_time SET (fillfactor = 71);
    ALTER INDEX dispositions_pkey SET (fillfactor = 72);
    CREATE INDEX "Those ""we"" look at again and again, which are many more than we thought" ON batches (partner_id);
    CREATE STATISTICS who_calls ON subtenant_no, agent_id FROM ended_calls;
    ALTER TABLE day_calls ADD CONSTRAINT of_a_partner FOREIGN KEY (partner_id) REFERENCES partners;
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER noted BEFORE UPDATE OF state ON calls
        FOR EACH ROW WHEN (NEW.state = 'failed') EXECUTE FUNCTION note();
    CREATE TRIGGER "not noted" BEFORE INSERT ON calls FOR EACH ROW EXECUTE FUNCTION note();
    CREATE TRIGGER always_noted AFTER INSERT ON calls FOR EACH ROW EXECUTE FUNCTION note();
    CREATE TRIGGER elsewhere_noted AFTER DELETE ON calls FOR EACH ROW EXECUTE FUNCTION note();
    ALTER TABLE calls DISABLE TRIGGER "not noted", ENABLE ALWAYS TRIGGER always_noted,
        ENABLE REPLICA TRIGGER elsewhere_noted;
    ALTER TABLE calls REPLICA IDENTITY FULL;
    ALTER TABLE recordings REPLICA IDENTITY NOTHING;
    ALTER TABLE customers REPLICA IDENTITY USING INDEX customers_pkey;
    CREATE POLICY none_of_them ON analyses AS RESTRICTIVE FOR UPDATE TO PUBLIC USING (partner_id > 0);
    GRANT SELECT ON transcripts TO PUBLIC;
    GRANT UPDATE (name) ON customers TO PUBLIC;
    REVOKE DELETE ON batches FROM callwright_partner;
"""
"""What an operator may have added to the tables."""
ROWS = """
    INSERT INTO partners (name, api_key) SELECT 'P' || n, 'k' || n FROM generate_series(1, 9) AS n;
    INSERT INTO calls (partner_id, call_id, subtenant_no, batch_id, body_hash, callback_state, start_time, end_time,
        agent_id, customer_id, contact_number, recording_url, metadata)
    SELECT p, 'c' || n, 1, gen_random_uuid(), decode(md5(n::text), 'hex'), 'none', '2026-01-01', '2026-01-02', 'a', 'k',
        '+1', repeat('u', 300), json_build_object('campaign', n)
    FROM generate_series(1, 9) AS p, generate_series(1, 300) AS n;
    INSERT INTO transcripts (partner_id, call_id, engine, quality, body, end_time, search_keys)
    SELECT p, 'c1', 'stub', 'final', '{"turns": [{"text": "a word"}]}', '2026-01-02',
        search_keys(p, 1, '2026-01-02', 'a', 'k')
    FROM generate_series(1, 9) AS p;
    INSERT INTO day_calls SELECT p, 1, '2026-01-01', '{}', repeat('x', 90000)::bytea, 'y', 'z'
    FROM generate_series(1, 9) AS p;
    INSERT INTO dispositions (partner_id, subtenant_no, customer_id, status, effective_at, source)
    SELECT p, 1, 'k', 'won', '2026-01-01', 'api' FROM generate_series(1, 9) AS p;
    DELETE FROM dispositions WHERE partner_id IN (3, 9);
    DELETE FROM calls WHERE call_id LIKE 'c2%';
"""


@pytest.fixture
async def owner(empty_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The role that made the tables of a database, and is no superuser."""
    name = f"owner_{os.urandom(4).hex()}"
    administrator = await asyncpg.connect(empty_database_url)
    await ensure_roles(administrator)
    await administrator.execute(f"CREATE ROLE {name} LOGIN; GRANT CREATE ON SCHEMA public TO {name}")
    await administrator.execute(f"GRANT {EVERY_PARTNER}, {ONE_PARTNER} TO {name}")
    connection = await asyncpg.connect(empty_database_url, user=name)
    await migrate(connection)
    await queue.install(connection)
    yield connection
    await connection.close()
    await administrator.execute(f"GRANT {name} TO CURRENT_USER; DROP OWNED BY {name} CASCADE; DROP ROLE {name}")
    await administrator.close()


@pytest.fixture
async def plain(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A database as the migrations make it."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def partitioned(connection: asyncpg.Connection, into: int = INTO) -> Plan:
    plan = await partitions.plan(connection, into)
    await partitions.partition(connection, plan, lambda *_: None)
    return plan


async def rows_of(connection: asyncpg.Connection) -> dict[str, Any]:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {EVERY_PARTNER}")
        return {
            table: await connection.fetchval(f"SELECT array_agg(t::text ORDER BY t::text) FROM {table} AS t")
            for table in LARGE
        }


async def filled(connection: asyncpg.Connection, more: str = "") -> None:
    await connection.execute(more or "SELECT")
    await connection.execute(f"SET ROLE {EVERY_PARTNER}; {ROWS}; RESET ROLE")


async def test_all_is_as_it_was_but_for_the_partitions(owner: asyncpg.Connection, empty_database_url: str) -> None:
    await filled(owner, OF_AN_OPERATOR)
    before = await tables(owner), await storage(owner), await rows_of(owner)
    administrator = await asyncpg.connect(empty_database_url)
    with pytest.raises(SetupError, match="may not make the schema of the partitions") as refused:
        await partitioned(owner)
    await administrator.execute(f"GRANT {await owner.fetchval('SELECT current_user')} TO CURRENT_USER")
    await administrator.execute(refused.value.fix.removeprefix("Let a superuser run: "))
    await administrator.close()
    told: list[int] = []
    plan = await partitions.plan(owner, INTO)
    await partitions.partition(owner, plan, lambda _doing, done: told.append(done))
    after = await tables(owner), await storage(owner), await rows_of(owner)
    assert differences(before[0], after[0]) == []
    assert after[1] == before[1]
    assert after[2] == before[2]
    assert sum(told) == sum(plan.todo.values())
    assert {len(each) for each in after[1].values()} == {1}, "partitions of one table differ"
    parts = await owner.fetch(
        """
        SELECT p.relname, count(*) AS parts FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
        WHERE p.relkind = 'p' AND p.relnamespace = current_schema()::regnamespace GROUP BY 1
        """
    )
    assert {row["relname"]: row["parts"] for row in parts} == dict.fromkeys(LARGE, INTO)
    async with owner.transaction():
        await owner.execute(f"SET LOCAL ROLE {EVERY_PARTNER}")
        number = await owner.fetchval(
            """
            INSERT INTO dispositions (partner_id, subtenant_no, customer_id, status, effective_at, source)
            VALUES (1, 1, 'k', 'lost', now(), 'api') RETURNING disposition_no
            """
        )
    assert number == 10, "the identity counts on, though the last rows are gone"


async def test_what_grows_with_the_calls_is_partitioned_and_nothing_else(plain: asyncpg.Connection) -> None:
    """A table that comes later is placed: into `LARGE`, or here."""
    small = {
        *("agents", "corrections", "erased_files", "erasure_audit", "erasure_orders", "erasure_people"),
        *("idempotent_answers", "login_audit", "partner_secrets", "partners", "recounts_due", "retention_rules"),
        *("rolled_subtenants", "rubrics", "subtenants", "transcript_pieces"),
    }
    rows = await plain.fetch(
        """
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'partner_id'
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
        """
    )
    assert {row["relname"] for row in rows} == small | set(LARGE)


async def test_twice_is_once_and_another_number_is_refused(plain: asyncpg.Connection) -> None:
    assert (await partitions.plan(plain, None)).into == 16
    await partitioned(plain)
    assert await partitions.plan(plain, None) == Plan(INTO, list(LARGE), {})
    before = await tables(plain)
    await partitioned(plain)
    assert await tables(plain) == before
    with pytest.raises(SetupError, match=f"partitioned into {INTO} already"):
        await partitions.plan(plain, 16)
    for number in (1, 129):
        with pytest.raises(SetupError, match="cannot be partitioned into"):
            await partitions.plan(plain, number)


@pytest.mark.parametrize("at", ["calls: rows", "transcripts: transcripts_by_words, 2 of 3", "callbacks: done"])
async def test_broken_off_it_leaves_whole_tables_and_goes_on(plain: asyncpg.Connection, at: str) -> None:
    await filled(plain)
    before = await tables(plain), await rows_of(plain)

    def told(doing: str, _done: int) -> None:
        if doing == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await partitions.partition(plain, await partitions.plan(plain, INTO), told)
    assert differences(before[0], await tables(plain)) == []
    table = at.split(":", 1)[0]
    assert (await partitions.plan(plain, None)).done == list(LARGE[: LARGE.index(table)])
    await partitioned(plain)
    assert (differences(before[0], await tables(plain)), await rows_of(plain)) == ([], before[1])


async def test_rows_that_were_not_copied_keep_the_old_table(
    plain: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(plain)
    before = await rows_of(plain)

    async def too_short(connection: Any, table: str) -> form_module.Form:
        read = await form_module.read_form(connection, table)
        return replace(read, blocks=max(0, read.blocks - 1))

    monkeypatch.setattr(partitions, "PIECE", 1)
    monkeypatch.setattr(partitions, "read_form", too_short)
    with pytest.raises(SetupError, match="not as many are there"):
        await partitioned(plain)
    assert (await partitions.plan(plain, INTO)).done == []
    assert await rows_of(plain) == before


async def test_what_else_rests_on_a_table_is_named_before_anything_is_done(plain: asyncpg.Connection) -> None:
    await plain.execute("CREATE VIEW failed AS SELECT * FROM calls; CREATE PUBLICATION told FOR TABLE customers")
    with pytest.raises(SetupError, match=r"rests on the table calls .* view failed"):
        await partitioned(plain)
    await plain.execute("DROP VIEW failed")
    with pytest.raises(SetupError, match=r"rests on the table customers .* publication told"):
        await partitioned(plain)
    await plain.execute("DROP PUBLICATION told")
    await plain.execute(
        "CREATE TABLE notes (partner_id bigint, call_id text, FOREIGN KEY (partner_id, call_id) REFERENCES calls)"
    )
    with pytest.raises(SetupError, match="constraint notes_partner_id_call_id_fkey on table notes"):
        await partitioned(plain)
    await plain.execute("DROP TABLE notes; CREATE FUNCTION first() RETURNS SETOF calls LANGUAGE sql AS 'TABLE calls'")
    with pytest.raises(SetupError, match=r"function first\(\)"):
        await partitioned(plain)
    assert (await partitions.plan(plain, INTO)).done == []


async def test_who_is_at_work_is_named(
    plain: asyncpg.Connection, pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "IN_USE_PAUSE_SECONDS", 0.05)
    await partitions.refuse_in_use(plain)
    worker = await open_pool(database_url, size=1, name="callwright worker")
    async with db.beside(worker):
        with pytest.raises(SetupError, match=r"at work on this database: callwright worker \(1 sessions\)"):
            await partitions.refuse_in_use(plain)
    worker.terminate()
    async with db.everywhere(pool) as other:
        await other.execute("LOCK TABLE customers IN ACCESS SHARE MODE")
        monkeypatch.setattr(partitions, "LOCK_SECONDS", 0.1)
        with pytest.raises(SetupError, match="Another session works on the tables"):
            await partitioned(plain)
    assert (await partitions.plan(plain, INTO)).done == ["calls", "batches"]


async def test_nobody_reads_a_partition_by_its_name(plain: asyncpg.Connection) -> None:
    await filled(plain)
    await partitioned(plain)
    await grant_tables(plain)  # as each migration does
    parts = [row["name"] for row in await plain.fetch(PARTS)]
    assert len(parts) == INTO * len(LARGE)
    for role in (ONE_PARTNER, EVERY_PARTNER):
        await plain.execute(f"SET ROLE {role}")
        for part in parts:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await plain.execute(f"SELECT FROM {part}")
        await plain.execute("RESET ROLE")
    await plain.execute(f"GRANT USAGE ON SCHEMA public_partitions TO {ONE_PARTNER}")
    await plain.execute(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public_partitions TO {ONE_PARTNER}")
    async with plain.transaction():
        await plain.execute(f"SET LOCAL ROLE {ONE_PARTNER}; SET LOCAL callwright.partner_id = '1'")
        seen = [await plain.fetchval(f"SELECT count(*) FROM {part}") for part in parts]
        assert set(seen) == {0}
        assert await plain.fetchval("SELECT count(*) FROM calls") == 189
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await plain.execute(
                "INSERT INTO public_partitions.batches_01 VALUES (1, gen_random_uuid(), 1, ARRAY['c'], ARRAY[false])"
            )


PARTS = """
    SELECT inhrelid::regclass::text AS name FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
    WHERE c.relkind = 'r' ORDER BY 1
"""


LATER = """
    ALTER TABLE calls ADD COLUMN tone text DEFAULT 'even' CHECK (tone <> ''), ADD COLUMN noted_at timestamptz;
    ALTER TABLE customers ADD COLUMN number bigint;
    CREATE INDEX calls_by_tone ON calls (partner_id, tone) WHERE tone IS NOT NULL;
    CREATE UNIQUE INDEX customers_by_number ON customers (partner_id, number);
    DROP INDEX callbacks_by_time;
    ALTER TABLE callbacks
        DROP CONSTRAINT callbacks_state_check, ADD CONSTRAINT callbacks_state_check CHECK (state <> '');
    ALTER TABLE day_calls ALTER COLUMN named SET STORAGE EXTENDED;
    ALTER TABLE transcripts ALTER COLUMN engine SET STATISTICS 7;
    DROP POLICY partner ON analyses;
    CREATE POLICY partner ON analyses TO callwright_partner USING (partner_id = partner_in_hand());
    CREATE TABLE tones (partner_id bigint NOT NULL, tone text NOT NULL, PRIMARY KEY (partner_id, tone));
    CALL protect('tones');
    SET LOCAL ROLE callwright_operator;
    UPDATE calls SET noted_at = received_at;
    RESET ROLE;
    ALTER TABLE calls ALTER COLUMN noted_at SET NOT NULL;
    ALTER TABLE recordings DROP COLUMN removed_at;
"""
"""What migrations do, those that there are and those that may come."""


@pytest.fixture
async def other(empty_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Another database, as the first release's migrations make it, partitioned."""
    connection = await asyncpg.connect(empty_database_url)
    until_then = [each for each in migrations() if each.version <= FIRST_RELEASE]
    with patch.object(migrate_module, "migrations", lambda: until_then):
        await migrate(connection)
    await queue.install(connection)
    await filled(connection)
    await partitioned(connection)
    yield connection
    await connection.close()


async def test_a_later_migration_does_the_same_to_both(plain: asyncpg.Connection, other: asyncpg.Connection) -> None:
    await filled(plain)
    assert await migrate(other) == [f"{m.version:04}_{m.name}" for m in migrations()[FIRST_RELEASE:]]
    assert differences(await tables(plain), await tables(other)) == []
    for connection in (plain, other):
        async with connection.transaction():
            await connection.execute(LATER)
            await grant_tables(connection)
    assert differences(await tables(plain), await tables(other)) == []
    assert await storage(other) == await storage(plain)


async def test_statistics_of_the_table_itself_are_renewed_as_it_grows(plain: asyncpg.Connection) -> None:
    await partitioned(plain)
    never = asyncio.Event()
    assert await partitions.keep_house(plain, never) is None
    await filled(plain)
    await plain.execute("ANALYZE public_partitions.calls_00, public_partitions.calls_01, public_partitions.calls_02")
    assert await partitions.keep_house(plain, never) == "calls"
    assert await plain.fetchval("SELECT reltuples FROM pg_class WHERE oid = 'calls'::regclass") == 9 * 189
    assert await partitions.keep_house(plain, never) is None
