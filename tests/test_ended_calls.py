"""The row that a call leaves when it ends: written once, replaced by a later analysis, taken back by a retry."""

from dataclasses import asdict
from unittest.mock import patch

import asyncpg
from pydantic import TypeAdapter

from callwright import calls, db, ended_calls
from callwright.analysis import Analysis, Metrics
from callwright.db import Pool
from callwright.db import migrate as module
from callwright.db.migrate import migrate, migrations
from callwright.db.roles import EVERY_PARTNER
from judged import METRICS, NOTHING_SAID, accept, analysis, end, ended
from submissions import onboard, scope

ROWS = "SELECT * FROM ended_calls WHERE partner_id > 0 ORDER BY call_id"


async def test_a_completed_call_leaves_its_labels_and_figures(pool: Pool, rows: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    await ended(pool, whose, "one", analysis(), customer_id="k", agent_id="a")
    [row] = await rows.fetch("SELECT *, metrics::text AS figures FROM ended_calls")
    assert (row["partner_id"], row["subtenant_no"], row["customer_id"]) == (whose.partner_id, whose.subtenant_no, "k")
    assert (row["call_id"], row["agent_id"], row["completed"]) == ("one", "a", True)
    assert (row["end_time"] - row["start_time"]).total_seconds() == 600
    assert (row["intent"], row["intent_score"], row["quality_score"]) == ("INTERESTED", 74, 82)
    assert row["bant"] == list(ended_calls.BANT_FIELDS)
    assert (row["concerns"], row["topics"]) == (["Pricing"], ["Budget", "Authority"])
    assert row["quality_parameters"] == ["Setting Context", "Listening"], "what was not assessed is left out"
    assert (row["quality_reached"], row["quality_maxima"]) == ([8, 5], [10, 5])
    assert TypeAdapter(Metrics).validate_json(row["figures"]) == METRICS
    told = str(tuple(row.values()))
    assert "Too expensive" not in told
    assert "CFO" not in told


async def test_what_was_not_discussed_leaves_nothing(pool: Pool, rows: Pool) -> None:
    await onboard(pool)
    silent = analysis(
        intent=None, intent_score=None, bant=NOTHING_SAID, qualification=(), quality=(), quality_score=None
    )
    await ended(pool, await scope(pool), "one", silent)
    [row] = await rows.fetch(ROWS)
    assert [row[name] for name in ("intent", "intent_score", "quality_score")] == [None] * 3
    assert [row[name] for name in ("bant", "concerns", "topics", "quality_parameters")] == [[]] * 4


async def test_a_failed_call_counts_until_it_is_taken_up_again(pool: Pool, rows: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    await ended(pool, whose, "one", None)
    await ended(pool, whose, "two", None)
    first, _ = await rows.fetch(ROWS)
    assert (first["completed"], first["intent"], first["metrics"]) == (False, None, None)
    async with db.transaction(pool, whose.partner_id) as connection:
        assert await calls.retry(connection, whose.partner_id, "one", "received")
        assert not await calls.retry(connection, whose.partner_id, "one", "received")
    assert [row["call_id"] for row in await rows.fetch(ROWS)] == ["two"]
    await end(pool, whose, "one", analysis())
    assert [(row["call_id"], row["completed"]) for row in await rows.fetch(ROWS)] == [("one", True), ("two", False)]


async def test_a_later_analysis_takes_the_place_of_the_first(pool: Pool, rows: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    await ended(pool, whose, "one", analysis())
    async with db.transaction(pool, whose.partner_id) as connection:
        again = analysis(intent="NEUTRAL", bant=NOTHING_SAID)
        await ended_calls.note_completed(connection, whose.partner_id, "one", again)
        await ended_calls.note_completed(connection, whose.partner_id, "gone", again)
    [row] = await rows.fetch(ROWS)
    assert (row["intent"], row["bant"], row["concerns"]) == ("NEUTRAL", [], [])


async def test_a_call_that_somebody_else_has_moved_leaves_no_row(pool: Pool, rows: Pool) -> None:
    await onboard(pool)
    whose = await scope(pool)
    await accept(pool, whose, "one")
    async with db.transaction(pool, whose.partner_id) as connection:
        call = await calls.begin_step(connection, whose.partner_id, "one", "received")
        assert call is not None
        await calls.move(connection, call.partner_id, [(call, "fetched")])
        assert not await calls.fail(connection, call, "recording_not_audio", "Nothing in it.")
    assert await rows.fetch(ROWS) == []


async def test_the_migration_makes_the_rows_of_calls_that_ended_before(empty_database_url: str) -> None:
    kept = [
        analysis(),
        analysis(bant=NOTHING_SAID, qualification=(), quality=(), intent=None, quality_score=None),
        analysis(qualification=analysis().qualification * 2),
    ]
    connection = await asyncpg.connect(empty_database_url)
    before = [each for each in migrations() if each.version < 10]
    with patch.object(module, "migrations", lambda: before):
        await migrate(connection)
    await connection.execute(
        f"""
        SET ROLE {EVERY_PARTNER};
        INSERT INTO calls (partner_id, call_id, subtenant_no, batch_id, body_hash, callback_state, start_time,
            end_time, agent_id, customer_id, contact_number, recording_url, state, failure_code)
        SELECT 7, 'c' || n, 3, gen_random_uuid(), '', 'none', '2026-01-01', '2026-01-02', 'a', 'k' || n, '+1', 'u',
            (ARRAY['completed', 'completed', 'completed', 'failed', 'received'])[n + 1],
            CASE WHEN n = 3 THEN 'recording_not_audio' END
        FROM generate_series(0, 4) AS n
        """
    )
    for number, each in enumerate(kept):
        await connection.execute(
            """
            INSERT INTO analyses (partner_id, call_id, engine, intent, intent_score, quality_score, body)
            VALUES (7, $1, 'rules', $2, $3, $4, $5::text::jsonb)
            """,
            *(f"c{number}", each.intent, each.intent_score, each.quality_score),
            TypeAdapter(Analysis).dump_json(each).decode(),
        )
    await connection.execute("RESET ROLE")
    await migrate(connection)
    await connection.close()

    pool = await db.open_pool(empty_database_url, size=2, name="tests")
    async with db.everywhere(pool) as lent:
        made = await lent.fetch(ROWS)
        assert [(row["call_id"], row["completed"]) for row in made] == [
            *(("c0", True), ("c1", True), ("c2", True)),
            ("c3", False),
        ]
        assert made[0]["metrics"] == asdict(METRICS)
        for number, each in enumerate(kept):
            await ended_calls.note_completed(lent, 7, f"c{number}", each)
        assert await lent.fetch(ROWS) == made, "as the pipeline writes them"
    await pool.close()
