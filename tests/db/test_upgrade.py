"""A database from before there were rubrics, with calls in it: after the migration all can be read and judged again."""

import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest
from pydantic import TypeAdapter

from callwright import db, queue, reports
from callwright.analysis import Analysis
from callwright.analysis.built_in import built_in
from callwright.analysis.rules import RulesAnalyser
from callwright.db import Pool, Scope, open_pool
from callwright.db import migrate as module
from callwright.db.migrate import migrate, migrations
from callwright.db.roles import EVERY_PARTNER, ONE_PARTNER, ensure_roles
from callwright.reanalysis import Span, analyse_again
from callwright.reports import agents, contacts
from callwright.transcription import Transcript
from judged import analysis
from test_reanalysis import transcript

OURS = Scope(7, 3)
DAY = datetime(2026, 1, 1, tzinfo=UTC)
CAME_LATER = ("talking_points", "suggested_actions", "rubric", "usage")
METRICS_THEN = (
    *("agent_talk_seconds", "customer_talk_seconds", "talk_ratio", "longest_monologue_seconds"),
    *("agent_interruptions", "customer_interruptions", "silence_seconds", "response_latency_seconds"),
)


def old_analysis() -> dict[str, Any]:
    """An analysis as that version stored it."""
    stored: dict[str, Any] = TypeAdapter(Analysis).dump_python(analysis(), mode="json")
    kept = {name: value for name, value in stored.items() if name not in CAME_LATER}
    return {**kept, "metrics": {name: stored["metrics"][name] for name in METRICS_THEN}}


def old_transcript() -> dict[str, Any]:
    """A transcript as that version stored it."""
    stored: dict[str, Any] = TypeAdapter(Transcript).dump_python(transcript(), mode="json")
    return {name: value for name, value in stored.items() if name != "dropped"}


async def fill(owner: asyncpg.Connection) -> None:
    """One call that was completed, and one that failed."""
    await owner.execute(
        f"""
        SET ROLE {EVERY_PARTNER};
        INSERT INTO calls (partner_id, call_id, subtenant_no, batch_id, body_hash, callback_state, start_time,
            end_time, agent_id, customer_id, contact_number, recording_url, state, ended_at, failure_code,
            failure_message)
        SELECT 7, id, 3, gen_random_uuid(), '', 'none', '2026-01-01', '2026-01-01 00:10', 'a', 'k', '+1', 'u', state,
            now(), CASE WHEN state = 'failed' THEN 'recording_not_audio' END, CASE WHEN state = 'failed' THEN 'No.' END
        FROM (VALUES ('done', 'completed'), ('none', 'failed')) AS those (id, state);
        INSERT INTO customers (partner_id, subtenant_no, customer_id) VALUES (7, 3, 'k')
        """
    )
    await owner.execute(
        """
        INSERT INTO transcripts (partner_id, call_id, engine, quality, body)
        VALUES (7, 'done', 'partner', 'partner', $1::jsonb)
        """,
        json.dumps(old_transcript()),
    )
    await owner.execute(
        """
        INSERT INTO analyses (partner_id, call_id, engine, intent, intent_score, quality_score, body)
        VALUES (7, 'done', 'rules', 'INTERESTED', 74, 82, $1::jsonb)
        """,
        json.dumps(old_analysis()),
    )
    await owner.execute("RESET ROLE")


@pytest.fixture
async def upgraded(empty_database_url: str) -> AsyncIterator[Pool]:
    """The database after the migration, which an owner ran who is no superuser."""
    name = f"owner_{os.urandom(4).hex()}"
    administrator = await asyncpg.connect(empty_database_url)
    await ensure_roles(administrator)
    await administrator.execute(f"CREATE ROLE {name} LOGIN; GRANT CREATE ON SCHEMA public TO {name}")
    await administrator.execute(f"GRANT {EVERY_PARTNER}, {ONE_PARTNER} TO {name}")
    before = [each for each in migrations() if each.version < 10]
    owner = await asyncpg.connect(empty_database_url, user=name)
    with patch.object(module, "migrations", lambda: before):
        await migrate(owner)
    await queue.install(owner)
    await fill(owner)
    table = await owner.fetchval("SELECT pg_relation_filenode('calls')")
    assert await migrate(owner) == [f"{each.version:04}_{each.name}" for each in migrations()[len(before) :]]
    assert await owner.fetchval("SELECT pg_relation_filenode('calls')") == table, "the table is not written anew"
    await owner.close()
    pool = await open_pool(empty_database_url, size=2, name="tests")
    yield pool
    await pool.close()
    await administrator.execute(f"GRANT {name} TO CURRENT_USER; DROP OWNED BY {name} CASCADE; DROP ROLE {name}")
    await administrator.close()


async def test_an_older_analysis_is_read_with_null_where_it_says_nothing(upgraded: Pool) -> None:
    async with db.transaction(upgraded, OURS) as connection:
        call = await reports.read_call(connection, OURS, "done")
        rollup: Any = (await contacts.read_customer(connection, OURS, "k"))["rollup"]
        report: Any = await agents.read_agents(connection, OURS, agents.Period(DAY, DAY + timedelta(1)))
    read: Any = call["analysis"]
    assert (read["intent"], read["version"], read["rubric"], read["usage"]) == ("INTERESTED", "rules-1", None, None)
    assert (read["talking_points"], read["suggested_actions"], read["metrics"]["silences"]) == ([], [], None)
    assert (call["analysis_history"], call["transcript"]["dropped"]) == ([], None)  # type: ignore[index]
    assert rollup["calls"] == {"total": 2, "completed": 1, "failed": 1}
    assert (rollup["bant"]["objection"]["text"], rollup["suggested_actions"]) == ("Too expensive", [])
    [agent] = report["agents"]
    assert (agent["metrics"]["talk_ratio"], agent["metrics"]["agent_questions"]) == (0.6, None)


async def test_a_call_that_failed_before_is_listed_as_failed(upgraded: Pool) -> None:
    async with db.everywhere(upgraded) as connection:
        rows = await connection.fetch("SELECT call_id, failed_at = ended_at AS told FROM calls ORDER BY call_id")
    assert [tuple(row) for row in rows] == [("done", None), ("none", True)]


async def test_it_is_judged_again_and_kept_as_it_was(upgraded: Pool) -> None:
    told: dict[str, bool] = {}
    await analyse_again(upgraded, RulesAnalyser(), Span(OURS, built_in("support"), DAY, None), told.__setitem__)
    assert told == {"done": True}
    async with db.transaction(upgraded, OURS) as connection:
        call: Any = await reports.read_call(connection, OURS, "done")
        kept = await connection.fetchval("SELECT body FROM former_analyses")
    assert call["analysis"]["rubric"] == "support/0"
    [former] = call["analysis_history"]
    assert (former["version"], former["rubric"], former["intent"]) == ("rules-1", None, "INTERESTED")
    assert kept == old_analysis()
