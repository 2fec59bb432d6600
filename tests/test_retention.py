"""Rules of retention, with the clocks of calls moved: recordings alone, or everything."""

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from callwright import calls, db, erasing, results, retention
from callwright.db import Pool, Scope
from callwright.recordings import Stored, key_of
from callwright.recordings.store import Store
from callwright.reports import call_page, read_call
from callwright.retention import Rule
from judged import accept
from submissions import scope, submission
from test_erasing import kept_files, left, proofs, recorded, store, whose

__all__ = ["store", "whose"]

AGE = "UPDATE {} SET {} = {} - interval '31 days' WHERE {}"


async def aged(rows: Pool, *call_ids: str) -> None:
    """Move the clocks of calls back by 31 days."""
    named = ", ".join(f"'{each}'" for each in call_ids)
    await rows.execute(AGE.format("calls", "received_at", "received_at", f"call_id IN ({named})"))
    await rows.execute(AGE.format("recordings", "fetched_at", "fetched_at", f"call_id IN ({named})"))
    await rows.execute(AGE.format("batches", "received_at", "received_at", f"call_ids && ARRAY[{named}]"))


async def ruled(pool: Pool, whose: Scope, rule: Rule) -> None:
    async with db.transaction(pool, whose) as connection:
        await retention.set_rule(connection, whose, rule)
        assert await retention.rule_of(connection, whose) == rule


async def test_a_rule_removes_recordings_and_keeps_the_rest(
    pool: Pool, rows: Pool, store: Store, whose: Scope, tmp_path: Path
) -> None:
    elsewhere = await scope(pool, subtenant="without a rule")
    await recorded(pool, store, whose, "old")
    await recorded(pool, store, whose, "new")
    await recorded(pool, store, elsewhere, "old elsewhere")
    await aged(rows, "old", "old elsewhere")
    await ruled(pool, whose, Rule(recordings_days=30))
    for _ in range(2):
        await erasing.keep_house(pool, store, asyncio.Event())
        assert len(kept_files(tmp_path / "store")) == 4
    assert await store.size(key_of(whose.partner_id, "old")) is None
    [told] = await proofs(pool)
    assert (told.kind, told.asked_by, told.who) == ("rule for recordings", "rule", "30 days")
    assert (told.calls, told.files) == (0, 2)
    assert told.done_at is not None
    async with db.transaction(pool, whose) as connection:
        old, new = [await read_call(connection, whose, each) for each in ("old", "new")]
        facts = await call_page.read_facts(connection, whose, "old")
        assert await call_page.read_recorded(connection, whose, "old") is None
        assert await call_page.read_waveform(connection, whose, "old") is None
        assert await call_page.read_recorded(connection, whose, "new") is not None
    assert isinstance(old["recording"], dict)
    assert isinstance(new["recording"], dict)
    assert isinstance(old["recording"]["removed_at"], datetime)
    assert new["recording"]["removed_at"] is None
    assert old["transcript"]
    assert old["analysis"]
    assert not facts.has_recording
    assert facts.recording_removed_at == old["recording"]["removed_at"]


async def test_a_rule_leaves_a_call_that_is_being_worked_on(
    pool: Pool, rows: Pool, store: Store, whose: Scope, tmp_path: Path
) -> None:
    await recorded(pool, store, whose, "one")
    await rows.execute("UPDATE calls SET state = 'fetched'")
    await aged(rows, "one")
    await ruled(pool, whose, Rule(recordings_days=30))
    await erasing.keep_house(pool, store, asyncio.Event())
    assert len(kept_files(tmp_path / "store")) == 2


async def test_a_removed_recording_is_fetched_anew_for_a_call_that_is_taken_up_again(
    pool: Pool, rows: Pool, store: Store, whose: Scope
) -> None:
    await recorded(pool, store, whose, "one")
    await rows.execute("DELETE FROM transcripts")
    async with db.transaction(pool, whose.partner_id) as connection:
        assert await results.progress_of(connection, whose.partner_id, "one") == "fetched"
        assert await results.remove_recordings(connection, whose.partner_id, ["one"]) == ["one"]
        assert await results.progress_of(connection, whose.partner_id, "one") == "received"
        await results.save_recording(connection, whose.partner_id, "one", Stored("key", 9, "cd" * 32, "mp3"))
        assert await results.read_recording(connection, whose.partner_id, "one") == Stored("key", 9, "cd" * 32, "mp3")
    assert await rows.fetchval("SELECT removed_at FROM recordings") is None


async def test_a_rule_erases_everything_in_bounded_parts(
    pool: Pool, rows: Pool, store: Store, whose: Scope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCHES_AT_A_TIME", 1)
    for name in ("old-1", "old-2", "new"):
        await recorded(pool, store, whose, name, customer_id=name, customer_name=name)
    await accept(pool, whose, "old-1")  # a batch of nothing but a duplicate
    await aged(rows, "old-1", "old-2")
    await ruled(pool, whose, Rule(everything_days=30, recordings_days=30))
    await erasing.keep_house(pool, store, asyncio.Event())
    assert await left(rows) == ["new"]
    assert [row["customer_id"] for row in await rows.fetch("SELECT customer_id FROM customers")] == ["new"]
    assert [row["call_ids"] for row in await rows.fetch("SELECT call_ids FROM batches")] == [["new"]]
    assert len(kept_files(tmp_path / "store")) == 2
    [told] = [each for each in await proofs(pool) if each.kind == "rule for everything"]
    assert (told.calls, told.customers, told.files) == (2, 2, 4)
    await aged(rows, "new")
    await erasing.keep_house(pool, store, asyncio.Event())
    assert await left(rows) == ["new"], "once a day"
    await rows.execute("UPDATE erasure_audit SET erasure_id = gen_random_uuid()")  # as if it had been yesterday's
    await erasing.keep_house(pool, store, asyncio.Event())
    assert await left(rows) == []
    again = await calls.accept(pool, whose, [submission("old-1"), submission("new")])
    assert [each.status for each in again.entries] == ["duplicate"] * 2
