"""Erasures that a restore has undone: a copy of the database from before them, and the file that was kept beside it."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest

from callwright import calls, db, erasing, reerasing, retention
from callwright.audit import Asker
from callwright.db import Connection, Pool, open_pool
from callwright.erasing import Wanted
from callwright.erasures import Order
from callwright.errors import SetupError
from callwright.recordings.store import Store
from callwright.reports import erasable
from callwright.retention import Rule
from conftest import administer, drop_database, of_database
from submissions import onboard, scope, submission
from test_erasing import erase, kept_files, ordered, proof, proofs, recorded


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(url, size=4, name="tests")
    try:
        yield pool
    finally:
        await pool.close()


@pytest.fixture
async def backup(database_url: str, server_url: str, names: Iterator[str], tmp_path: Path) -> AsyncIterator[str]:
    """A copy of `database_url` and of its store from when nothing was erased yet, with the calls of three people."""
    async with opened(database_url) as pool:
        await onboard(pool)
        whose = await scope(pool)
        store = Store(str(tmp_path / "store"))
        for call_id, customer in (("one", "k"), ("two", "k"), ("three", "j"), ("four", "i")):
            await recorded(pool, store, whose, call_id, customer_id=customer, agent_id="a")
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    name = next(names)
    await administer(server_url, f"CREATE DATABASE {name} TEMPLATE {urlsplit(database_url).path[1:]}")
    yield of_database(server_url, name)
    await drop_database(server_url, name)


async def test_what_was_erased_since_the_backup_is_erased_again(database_url: str, backup: str, tmp_path: Path) -> None:
    file, store, copy = tmp_path / "erasures.jsonl", Store(str(tmp_path / "store")), Store(str(tmp_path / "copy"))
    async with opened(database_url) as pool:
        whose = await scope(pool)
        await calls.accept(pool, whose, [submission("late", customer_id="l")])
        by_person = await erase(pool, store, whose, "customer", "k")
        by_call = await erase(pool, store, whose, "call", "late")
        kept = await reerasing.export(pool, file)
        once_more = await calls.accept(pool, whose, [submission("late")])
    assert kept == (2, 3)
    assert not {"one", "two", "late", "customer-1"} & set(file.read_text().replace('"', " ").split())

    async with opened(backup) as pool:
        assert len(await left_by(pool)) == 4, "the restore has brought them back"
        told = await reerasing.reapply(pool, lambda: copy, file)
        assert (told.calls, told.erasures, told.marks, told.partners_unknown, told.not_done) == (2, 1, 3, 0, [])
        assert await left_by(pool) == ["four", "three"]
        assert len(kept_files(tmp_path / "copy")) == 4, "two recordings and their copies"
        again = await proof(pool, whose, by_person.erasure_id)
        assert (again.calls, again.customers, again.files) == (4, 2, 8), "it counts what went, both times"
        assert again.done_at is not None
        assert (await proof(pool, whose, by_call.erasure_id)).calls == 1
        entries = (await calls.accept(pool, whose, [submission("late"), submission("one")])).entries
        assert {each.status for each in entries} == {"duplicate"} == {each.status for each in once_more.entries}
        async with db.everywhere(pool) as lent:
            people = [row["customer_id"] for row in await lent.fetch("SELECT customer_id FROM customers ORDER BY 1")]
            assert people == ["i", "j"]
            assert not await lent.fetchval("SELECT EXISTS (SELECT FROM erasure_orders)")
        repeated = await reerasing.reapply(pool, lambda: copy, file)
        assert (repeated.calls, repeated.marks) == (0, 0)


async def left_by(pool: Pool) -> list[str]:
    async with db.everywhere(pool) as lent:
        return [row["call_id"] for row in await lent.fetch("SELECT call_id FROM calls ORDER BY call_id")]


async def test_what_a_rule_has_erased_goes_page_by_page(
    database_url: str, backup: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reerasing, "MARKS_AT_A_TIME", 2)
    monkeypatch.setattr(erasing, "AT_A_TIME", 1)
    monkeypatch.setattr(erasable, "SCANNED", 2)
    file, copy = tmp_path / "erasures.jsonl", Store(str(tmp_path / "copy"))
    async with opened(database_url) as pool:
        whose = await scope(pool)
        async with db.everywhere(pool) as lent:
            await lent.execute("UPDATE batches SET received_at = now() - $1::interval", timedelta(days=3))
            await retention.set_rule(lent, whose, Rule(everything_days=2))
        await keep_house(pool, Store(str(tmp_path / "store")))
        assert await left_by(pool) == []
        assert await reerasing.export(pool, file) == (1, 4)
    async with opened(backup) as pool:
        told = await reerasing.reapply(pool, lambda: copy, file)
        assert (told.calls, told.erasures, await left_by(pool)) == (4, 1, [])
        async with db.everywhere(pool) as lent:
            assert not await lent.fetchval("SELECT EXISTS (SELECT FROM customers) OR EXISTS (SELECT FROM agents)")
    assert kept_files(tmp_path / "copy") == []


async def keep_house(pool: Pool, store: Store) -> None:
    """Do what a worker does every few seconds."""
    await erasing.keep_house(pool, store, asyncio.Event())


async def test_a_worker_goes_on_where_the_command_dies(database_url: str, backup: str, tmp_path: Path) -> None:
    file, copy = tmp_path / "erasures.jsonl", Store(str(tmp_path / "copy"))
    async with opened(database_url) as pool:
        await erase(pool, Store(str(tmp_path / "store")), await scope(pool), "customer", "k")
        await reerasing.export(pool, file)
    async with opened(backup) as pool:
        with patch.object(erasing, "carry_out", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
            await reerasing.reapply(pool, lambda: copy, file)
        assert len(kept_files(tmp_path / "copy")) == 8
        await keep_house(pool, copy)
        assert (len(kept_files(tmp_path / "copy")), await left_by(pool)) == (4, ["four", "three"])


async def test_an_erasure_under_way_is_named_and_a_partner_who_came_later_too(
    database_url: str, backup: str, tmp_path: Path
) -> None:
    file = tmp_path / "erasures.jsonl"
    async with opened(database_url) as pool:
        under_way = await ordered(pool, await scope(pool), "phone", "+12025550123")
        await onboard(pool, "later")
        await ordered(pool, await scope(pool, "later"), "phone", "+12025550123")
        await reerasing.export(pool, file)
    async with opened(backup) as pool:
        for _ in range(2):  # however often
            told = await reerasing.reapply(pool, lambda: Store(str(tmp_path / "copy")), file)
            assert (told.not_done, told.partners_unknown, told.calls) == ([under_way], 1, 0)
        assert len(await left_by(pool)) == 4
        assert (await proof(pool, await scope(pool), under_way)).done_at is None


async def test_what_an_erasure_had_erased_goes_again_and_the_rest_of_it_is_not_said_to_be_gone(
    database_url: str, backup: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "AT_A_TIME", 2)
    file, copy = tmp_path / "erasures.jsonl", Store(str(tmp_path / "copy"))
    async with opened(database_url) as pool:
        whose = await scope(pool)
        under_way = await ordered(pool, whose, "phone", "+12025550123")
        await erasing._stepped(pool, whose.partner_id, under_way)
        await reerasing.export(pool, file)
        left = await left_by(pool)
        assert len(left) == 2, "half of them"
    async with opened(backup) as pool:
        with patch.object(erasing, "carry_out", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
            await reerasing.reapply(pool, lambda: copy, file)
        await keep_house(pool, copy)
        told = await reerasing.reapply(pool, lambda: copy, file)
        assert (told.not_done, await left_by(pool)) == ([under_way], left)
        assert (await proof(pool, whose, under_way)).done_at is None
        [again] = [each for each in await proofs(pool) if each.erasure_id != under_way]
        assert (again.kind, again.calls, again.files, again.who) == ("call", 2, 4, "restored")
        assert again.done_at is not None
        await erase(pool, copy, whose, "phone", "+12025550123")
        assert await left_by(pool) == []


async def test_an_erasure_that_the_backup_knows_goes_on_by_itself(database_url: str, tmp_path: Path) -> None:
    file, store = tmp_path / "erasures.jsonl", Store(str(tmp_path / "store"))
    async with opened(database_url) as pool:
        await onboard(pool)
        whose = await scope(pool)
        await recorded(pool, store, whose, "one", customer_id="k", agent_id="a")
        under_way = await ordered(pool, whose, "phone", "+12025550123")
        await reerasing.export(pool, file)
        told = await reerasing.reapply(pool, lambda: store, file)
        assert told.not_done == []
        await keep_house(pool, store)
        assert (await proof(pool, whose, under_way)).done_at is not None
        assert (await reerasing.reapply(pool, lambda: store, file)).not_done == [], "it was done since"


async def test_a_rule_that_was_at_work_begins_anew(database_url: str, backup: str, tmp_path: Path) -> None:
    file, copy = tmp_path / "erasures.jsonl", Store(str(tmp_path / "copy"))
    for url in (database_url, backup):
        async with opened(url) as pool, db.everywhere(pool) as lent:
            await lent.execute("UPDATE batches SET received_at = now() - $1::interval", timedelta(days=3))
            await retention.set_rule(lent, await scope(pool), Rule(everything_days=2))
    async with opened(database_url) as pool:
        await erasing._apply_rules(pool)
        assert await reerasing.export(pool, file) == (1, 0)
    async with opened(backup) as pool:
        assert (await reerasing.reapply(pool, lambda: copy, file)).not_done == []
        await keep_house(pool, copy)
        assert await left_by(pool) == []


async def test_an_erasure_that_meets_another_transaction_head_on_is_tried_again(
    database_url: str, backup: str, tmp_path: Path
) -> None:
    file, copy = tmp_path / "erasures.jsonl", Store(str(tmp_path / "copy"))
    async with opened(database_url) as pool:
        await erase(pool, Store(str(tmp_path / "store")), await scope(pool), "call", "one")
        await reerasing.export(pool, file)
    erase_calls, met = erasing.erase_calls, iter([True])

    async def once_head_on(connection: Connection, order: Order, call_ids: list[str]) -> int:
        if next(met, False):
            await connection.execute("DO $$ BEGIN RAISE EXCEPTION 'head-on' USING ERRCODE = '40P01'; END $$")
        return await erase_calls(connection, order, call_ids)

    async with opened(backup) as pool:
        with patch.object(erasing, "erase_calls", once_head_on):
            told = await reerasing.reapply(pool, lambda: copy, file)
        assert (told.calls, await left_by(pool)) == (1, ["four", "three", "two"])


async def test_the_file_says_of_nobody_that_he_wanted_it(database_url: str, backup: str, tmp_path: Path) -> None:
    file = tmp_path / "erasures.jsonl"
    async with opened(database_url) as pool:
        whose = await scope(pool)
        wanted = Wanted(whose.partner_id, whose.subtenant_no, "call", "one")
        async with db.transaction(pool, whose.partner_id) as connection:
            erasure_id = await erasing.begin(connection, wanted, Asker("api", "key-of-jo", "jo@example.com"))
        await erasing.carry_out(pool, lambda: Store(str(tmp_path / "store")), whose.partner_id, erasure_id)
        await reerasing.export(pool, file)
    assert str(erasure_id) in file.read_text()
    assert not [word for word in ("key-of-jo", "jo@example.com", "who", "request_id") if word in file.read_text()]
    async with opened(backup) as pool:
        await reerasing.reapply(pool, lambda: Store(str(tmp_path / "copy")), file)
        kept = await proof(pool, whose, erasure_id)
        assert (kept.asked_by, kept.who, kept.request_id) == ("api", "restored", None)


@pytest.mark.parametrize("cut", [1, 2])
async def test_half_a_file_is_refused(database_url: str, backup: str, tmp_path: Path, cut: int) -> None:
    file = tmp_path / "erasures.jsonl"
    async with opened(database_url) as pool:
        await erase(pool, Store(str(tmp_path / "store")), await scope(pool), "call", "one")
        await reerasing.export(pool, file)
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-cut]))
    async with opened(backup) as pool:
        with pytest.raises(SetupError, match="no whole file"):
            await reerasing.reapply(pool, lambda: Store(str(tmp_path / "copy")), file)
        assert len(await left_by(pool)) == 4
