"""Erasing in parts: page by page, a store that does not let go, and whoever dies on the way."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import obstore
import pytest

from callwright import audit, calls, corrections, db, erasing, results, rollups
from callwright.audit import Asker
from callwright.corrections import Given
from callwright.db import Pool, Scope
from callwright.erasing import Wanted
from callwright.errors import NotFound
from callwright.kill_points import ERASURE_KILL_POINTS, ErasureKillPoint
from callwright.recordings import Stored, key_of, listening
from callwright.recordings.store import Store
from callwright.reports import erasable
from callwright.transcription import Transcript, Turn
from judged import accept, analysis, end, ended
from submissions import onboard, scope, submission

ASKER = Asker("command", "tester")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


@pytest.fixture
async def whose(pool: Pool) -> Scope:
    await onboard(pool)
    return await scope(pool)


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def recorded(pool: Pool, store: Store, whose: Scope, call_id: str, **sent: Any) -> None:
    """A completed call with a recording in the store, a copy of it, and a transcript."""
    key = key_of(whose.partner_id, call_id)
    await store.put(key, _chunks(b"a voice"))
    await store.put(listening.copy_key(key), _chunks(b"a copy"))
    await accept(pool, whose, call_id, **sent)
    stored = Stored(key, 7, "ab" * 32, "wav")
    turns = (Turn(0, "customer", 0.0, 1.0, "We need it.", None),)
    transcript = Transcript("test", None, "en", "final", "channels", turns, (), 1.0, None)
    async with db.transaction(pool, whose.partner_id) as connection:
        await results.save_recording(connection, whose.partner_id, call_id, stored)
        await results.save_transcript(connection, whose.partner_id, call_id, transcript)
    await end(pool, whose, call_id, analysis())


async def ordered(pool: Pool, whose: Scope, kind: audit.ErasureKind, subject: str) -> UUID:
    async with db.transaction(pool, whose.partner_id) as connection:
        wanted = Wanted(whose.partner_id, whose.subtenant_no, kind, subject)
        return await erasing.begin(connection, wanted, ASKER)


async def erase(pool: Pool, store: Store, whose: Scope, kind: audit.ErasureKind, subject: str) -> audit.Erasure:
    erasure_id = await ordered(pool, whose, kind, subject)
    await erasing.carry_out(pool, lambda: store, whose.partner_id, erasure_id)
    return await proof(pool, whose, erasure_id)


async def proof(pool: Pool, whose: Scope, erasure_id: UUID) -> audit.Erasure:
    async with db.transaction(pool, whose.partner_id) as connection:
        found = await audit.read_erasure(connection, whose.partner_id, erasure_id)
    assert found is not None
    return found


async def proofs(pool: Pool) -> list[audit.Erasure]:
    async with db.everywhere(pool) as connection:
        return await audit.list_erasures(connection)


async def left(rows: Pool) -> list[str]:
    return [row["call_id"] for row in await rows.fetch("SELECT call_id FROM calls ORDER BY call_id")]


def kept_files(store: Path) -> list[str]:
    return sorted(path.name for path in store.rglob("*") if path.is_file())


async def test_many_calls_go_page_by_page(
    pool: Pool, rows: Pool, store: Store, whose: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "AT_A_TIME", 3)
    monkeypatch.setattr(erasing, "BATCHES_SCANNED", 2)
    monkeypatch.setattr(erasable, "SCANNED", 5)
    theirs = [submission(f"{n:02d}", customer_id="they", agent_id=f"a{n % 4}") for n in range(20)]
    others = [submission(f"{n:02d}x", customer_id=f"k{n}", agent_id="a0") for n in range(0, 20, 2)]
    both = sorted([*theirs, *others], key=lambda each: each["call_id"])
    await calls.accept(pool, whose, both)
    for start in range(0, 30, 10):  # and once more, as duplicates
        await calls.accept(pool, whose, both[start : start + 10])
    gone: list[int] = []
    erasure_id = await ordered(pool, whose, "customer", "they")
    await erasing.carry_out(pool, lambda: store, whose.partner_id, erasure_id, gone.append)
    told = await proof(pool, whose, erasure_id)
    assert sum(gone) == told.calls == 20
    assert max(gone) == 3
    assert (told.customers, told.agents) == (1, 3), "agent a0 has other calls"
    assert await left(rows) == sorted(each["call_id"] for each in others)
    named = {each for row in await rows.fetch("SELECT call_ids FROM batches") for each in row["call_ids"]} - {None}
    assert named == {each["call_id"] for each in others}
    entries = (await calls.accept(pool, whose, both)).entries
    assert {each.status for each in entries} == {"duplicate"}
    assert not any(each.changed for each in entries)
    assert await rows.fetchval("SELECT count(*) FROM erasure_orders") == 0
    assert await rows.fetchval("SELECT count(*) FROM erasure_people") == 0


async def test_a_number_in_another_subtenant_is_not_meant(pool: Pool, rows: Pool, store: Store, whose: Scope) -> None:
    elsewhere = await scope(pool, subtenant="another")
    for each, call_id in ((whose, "here"), (elsewhere, "there")):
        await accept(pool, each, call_id, customer_email="Jo@example.com")
    assert (await erase(pool, store, whose, "phone", "+12025550123")).calls == 1
    assert await left(rows) == ["there"]
    with pytest.raises(NotFound):
        await ordered(pool, whose, "call", "there")
    async with db.transaction(pool, whose.partner_id) as connection:
        everywhere = Wanted(whose.partner_id, None, "email", "jo@EXAMPLE.com")
        erasure_id = await erasing.begin(connection, everywhere, ASKER)
    await erasing.carry_out(pool, lambda: store, whose.partner_id, erasure_id)
    assert await left(rows) == []


async def test_a_call_that_comes_after_the_order_is_not_meant(
    pool: Pool, rows: Pool, store: Store, whose: Scope
) -> None:
    sent: dict[str, Any] = {"customer_id": "they", "agent_id": "a"}
    await accept(pool, whose, "before", customer_email="they@example.com", disposition_status="gone", **sent)
    erasure_id = await ordered(pool, whose, "customer", "they")
    await accept(pool, whose, "after", customer_name="They", disposition_status="back", **sent)
    await erasing.carry_out(pool, lambda: store, whose.partner_id, erasure_id)
    told = await proof(pool, whose, erasure_id)
    assert (told.calls, told.customers, told.agents) == (1, 1, 0)
    assert await left(rows) == ["after"]
    row = await rows.fetchrow("SELECT name, email, disposition_status FROM customers")
    assert row is not None
    assert tuple(row) == ("They", None, "back"), "what came with the later call, and nothing of before"
    assert [each["status"] for each in await rows.fetch("SELECT status FROM dispositions")] == ["back"]


async def test_dashboards_count_what_is_left(pool: Pool, rows: Pool, store: Store, whose: Scope) -> None:
    await ended(pool, whose, "one", analysis(), customer_id="they")
    await ended(pool, whose, "two", analysis(), customer_id="others")
    await rollups.keep_house(pool, asyncio.Event())
    assert await rows.fetchval("SELECT sum(calls) FROM day_rollups WHERE agent_id = '' AND label <> ''") == 2
    await erase(pool, store, whose, "customer", "they")
    contacts = await rows.fetch("SELECT customer_id FROM contact_rollups")
    assert [row["customer_id"] for row in contacts] == ["others"], "at once"
    await rollups.keep_house(pool, asyncio.Event())
    assert await rows.fetchval("SELECT sum(calls) FROM day_rollups WHERE agent_id = '' AND label <> ''") == 1


class Stubborn:
    """A store that does not let go as long as `stuck`: it fails, or it says that it has removed what it has not."""

    def __init__(self, store: Store, *, silent: bool) -> None:
        self._store, self._silent, self.stuck = store, silent, True

    async def size(self, key: str) -> int | None:
        return await self._store.size(key)

    async def delete(self, key: str) -> None:
        if not self.stuck:
            await self._store.delete(key)
        elif not self._silent:
            raise obstore.exceptions.GenericError("away")


@pytest.mark.parametrize("silent", [False, True], ids=["away", "says yes"])
async def test_an_erasure_is_pending_until_the_store_has_let_go(
    pool: Pool, rows: Pool, store: Store, whose: Scope, tmp_path: Path, silent: bool
) -> None:
    stubborn: Any = Stubborn(store, silent=silent)
    await recorded(pool, store, whose, "one")
    told = await erase(pool, stubborn, whose, "call", "one")
    assert (told.calls, told.files, told.done_at) == (1, 0, None)
    assert await left(rows) == []
    assert await rows.fetchval("SELECT count(*) FROM erasure_people") == 0
    assert await rows.fetchval("SELECT subject FROM erasure_orders") is None, "whom it was about is not kept for it"
    for _ in range(2):  # what is not due yet is left alone
        await erasing.keep_house(pool, stubborn, asyncio.Event())
    assert (await proof(pool, whose, told.erasure_id)).done_at is None
    stubborn.stuck = False
    await rows.execute("UPDATE erased_files SET check_at = now()")
    await erasing.keep_house(pool, stubborn, asyncio.Event())
    told = await proof(pool, whose, told.erasure_id)
    assert told.files == 2
    assert told.done_at is not None
    assert kept_files(tmp_path / "store") == []


async def test_files_are_looked_for_once_more(
    pool: Pool, rows: Pool, store: Store, whose: Scope, tmp_path: Path
) -> None:
    await recorded(pool, store, whose, "one")
    told = await erase(pool, store, whose, "call", "one")
    await store.put(listening.copy_key(key_of(whose.partner_id, "one")), _chunks(b"made by who died"))
    await erasing.keep_house(pool, store, asyncio.Event())
    assert len(kept_files(tmp_path / "store")) == 1, "not due yet"
    await rows.execute("UPDATE erased_files SET check_at = check_at - interval '1 hour'")
    await erasing.keep_house(pool, store, asyncio.Event())
    assert kept_files(tmp_path / "store") == []
    assert await rows.fetchval("SELECT count(*) FROM erased_files") == 0
    assert (await proof(pool, whose, told.erasure_id)).files == 3


async def _waited_for(pool: Pool) -> None:
    """Return once somebody waits for a lock of this database's."""
    async with asyncio.timeout(60):
        while True:
            if await pool.fetchval(
                """
                SELECT EXISTS (SELECT FROM pg_stat_activity
                               WHERE datname = current_database() AND wait_event_type = 'Lock')
                """
            ):
                return
            await asyncio.sleep(0.01)


async def test_nothing_is_said_of_a_call_that_is_being_erased(pool: Pool, store: Store, whose: Scope) -> None:
    """Who corrects or replaces an analysis at the same time comes first, and is erased, or too late."""
    await recorded(pool, store, whose, "one")
    async with db.transaction(pool, whose) as connection:
        made_at = await connection.fetchval("SELECT made_at FROM analyses")
        await corrections.correct(connection, whose, "one", Given("intent", "", "NEUTRAL", "Ann"))
        assert await results.replace_analysis(connection, whose.partner_id, "one", analysis(), made_at=made_at)
        erased = asyncio.create_task(erase(pool, store, whose, "call", "one"))
        await _waited_for(pool)
    told = await erased
    async with db.transaction(pool, whose.partner_id) as connection:
        for table in ("corrections", "former_analyses", "analyses", "ended_calls"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table
        with pytest.raises(NotFound):
            await corrections.correct(connection, whose, "one", Given("intent", "", "NEUTRAL", "Ann"))
        assert not await results.replace_analysis(
            connection, whose.partner_id, "one", analysis(), made_at=made_at + timedelta(seconds=1)
        )
    assert told.done_at is not None


async def test_the_mark_tells_no_id(pool: Pool, rows: Pool, store: Store, whose: Scope) -> None:
    await onboard(pool, "another")
    theirs = await scope(pool, "another")
    for each in (whose, theirs):
        await accept(pool, each, "one")
        await erase(pool, store, each, "call", "one")
    marks = await rows.fetch("SELECT mark, tombstone_salt AS salt FROM erased_calls JOIN partners USING (partner_id)")
    assert len({row["mark"] for row in marks}) == 2, "another at each partner"
    assert all(len(row["mark"]) == len(row["salt"]) == 32 for row in marks)


@pytest.mark.parametrize("point", ERASURE_KILL_POINTS)
async def test_whoever_dies_is_followed_by_another_who_goes_on(
    pool: Pool, rows: Pool, store: Store, whose: Scope, database_url: str, tmp_path: Path, point: ErasureKillPoint
) -> None:
    for name in ("one", "two", "three"):
        await recorded(pool, store, whose, name, customer_id="they")
    await recorded(pool, store, whose, "other", agent_id="another")
    environment = {
        **os.environ,
        "CALLWRIGHT_DATABASE_URL": database_url,
        "CALLWRIGHT_STORE_URL": str(tmp_path / "store"),
        "CALLWRIGHT_KILL_AT": point,
    }
    command = (sys.executable, "-m", "callwright", "erase", "customer", "acme", "they", "--yes")
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await process.communicate()
    assert process.returncode == -9, printed.decode()
    assert [each.done_at for each in await proofs(pool)] == [None]
    await erasing.keep_house(pool, store, asyncio.Event())
    [told] = await proofs(pool)
    assert told.done_at is not None
    assert (told.calls, told.customers, told.agents) == (3, 1, 1)
    assert told.files == (0 if point == "files-removed" else 6), "what went before it was noted is not counted"
    assert await left(rows) == ["other"]
    assert len(kept_files(tmp_path / "store")) == 2


async def test_who_waits_for_the_answer_waits_for_so_long(
    pool: Pool, store: Store, whose: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accept(pool, whose, "one")
    erasure_id = await ordered(pool, whose, "call", "one")
    monkeypatch.setattr(erasing, "carry_out", lambda *_: asyncio.sleep(60))
    await erasing.carry_out_within(pool, lambda: store, whose.partner_id, erasure_id, 0.01)
    assert (await proof(pool, whose, erasure_id)).done_at is None
