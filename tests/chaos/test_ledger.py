"""The judge is judged: a run in balance passes, and each thing that can go wrong with a call is found and named."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from callwright import calls
from callwright.db import Pool
from chaos.ledger import WITNESS, Figures, Ledger, judge
from submissions import onboard, scope, submission

BODY = json.dumps({"call_id": "told", "status": "completed"}).encode()
PROCESSED = """
DELETE FROM pgqueuer;
UPDATE calls SET state = 'fetched';
INSERT INTO recordings (partner_id, call_id, subtenant_no, store_key, size, sha256, container)
    SELECT partner_id, call_id, subtenant_no, 'key', 1, '', 'wav' FROM calls;
UPDATE calls SET state = 'transcribed';
INSERT INTO transcripts (partner_id, call_id, engine, quality, body)
    SELECT partner_id, call_id, 'engine', 'final', '{}' FROM calls;
UPDATE calls SET state = 'completed', ended_at = now();
INSERT INTO analyses (partner_id, call_id, engine, body) SELECT partner_id, call_id, 'engine', '{}' FROM calls;
UPDATE calls SET callback_state = 'delivered' WHERE call_id = 'told';
"""
TOLD = """
INSERT INTO callbacks (partner_id, callback_id, subtenant_no, call_id, url, body, allowed, state)
    SELECT partner_id, $1, subtenant_no, call_id, callback_url, $2, 4, 'pending' FROM calls WHERE call_id = 'told'
"""


class Books:
    """A ledger and a database in which two calls were processed, one of them with a callback, as it should be."""

    def __init__(self, ledger: Ledger, connection: asyncpg.Connection) -> None:
        self.ledger = ledger
        self.connection = connection

    async def faults(self) -> str:
        with pytest.raises(AssertionError) as caught:
            await judge(self.ledger, self.connection)
        return str(caught.value)


@pytest.fixture
async def books(pool: Pool, database_url: str, tmp_path: Path) -> AsyncIterator[Books]:
    connection = await asyncpg.connect(database_url)
    await connection.execute(WITNESS)
    await onboard(pool)
    told = submission("told", callback_url="https://partner.example.com/hook")
    accepted = await calls.accept(pool, await scope(pool), [told, submission("untold")])
    ledger = Ledger(tmp_path)
    ledger.answered({"calls": [{"id": entry.id, "status": entry.status} for entry in accepted.entries]})
    ledger.called_back("msg_1", BODY, status=204)
    await connection.execute(PROCESSED)
    await connection.execute(TOLD, "msg_1", BODY)
    await connection.execute("UPDATE callbacks SET state = 'delivered'")
    yield Books(ledger, connection)
    ledger.close()
    await connection.close()


async def test_what_is_in_balance_passes_and_is_counted(books: Books) -> None:
    books.ledger.answered({"calls": [{"id": "told", "status": "duplicate"}]})
    books.ledger.called_back("msg_1", BODY, status=204)
    assert await judge(books.ledger, books.connection) == Figures(
        promised=2, completed=2, failed=0, lost=0, callbacks=2, repeated=1
    )


@pytest.mark.parametrize(
    ("call", "status", "fault"),
    [
        ("gone", "accepted", "gone: promised, and not there"),
        ("told", "accepted", "told: called accepted more than once"),
    ],
)
async def test_a_false_promise_is_found(books: Books, call: str, status: str, fault: str) -> None:
    books.ledger.answered({"calls": [{"id": call, "status": status}]})
    assert fault in await books.faults()


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE calls SET state = 'transcribed' WHERE call_id = 'told'", "told: left as transcribed"),
        (
            "UPDATE calls SET state = 'failed', failure_code = '' WHERE call_id = 'untold'",
            "untold: failed without a reason",
        ),
        ("DELETE FROM analyses WHERE call_id = 'told'", "told: done too often: {'delete analyses': 1}"),
        ("UPDATE analyses SET engine = 'again'", "untold: done too often: {'update analyses': 1}"),
        ("UPDATE calls SET state = 'fetched'; UPDATE calls SET state = 'completed'", "'update calls completed': 1"),
        (
            "UPDATE callbacks SET state = 'undelivered'",
            "told: its callback is undelivered, and the call says delivered",
        ),
        ("UPDATE calls SET callback_state = 'pending'", "told: its callback is delivered, and the call says pending"),
        ("UPDATE callbacks SET body = 'other'", "told: told two things"),
        ("DELETE FROM callbacks", "told: has 0 callbacks"),
        ("UPDATE calls SET callback_url = NULL, callback_state = 'none'", "told: told of although nobody asked"),
        ("INSERT INTO pgqueuer (priority, entrypoint, status) VALUES (0, 'fetch', 'queued')", "1 jobs are left over"),
    ],
)
async def test_a_fault_in_the_database_is_found(books: Books, statement: str, fault: str) -> None:
    await books.connection.execute(statement)
    assert fault in await books.faults()


async def test_a_call_that_nobody_was_told_of_is_found(books: Books, pool: Pool) -> None:
    await calls.accept(pool, await scope(pool), [submission("secret")])
    faults = await books.faults()
    assert "secret: is there, and no answer said so" in faults
    assert "secret: left as received" in faults


async def test_two_callbacks_of_one_call_are_found(books: Books) -> None:
    await books.connection.execute(TOLD, "msg_2", BODY)
    assert "told: has 2 callbacks" in await books.faults()


@pytest.mark.parametrize(
    ("webhook_id", "body"),
    [
        ("msg_2", BODY),
        ("msg_1", BODY + b" "),
        ("msg_1", json.dumps({"call_id": "told", "status": "failed"}).encode()),
    ],
)
async def test_a_callback_that_tells_something_else_is_found(books: Books, webhook_id: str, body: bytes) -> None:
    books.ledger.called_back(webhook_id, body, status=204)
    assert "told: told two things, or under two ids" in await books.faults()


async def test_callbacks_of_nothing_and_unheard_ones_are_found(books: Books, tmp_path: Path) -> None:
    books.ledger.called_back("msg_3", BODY.replace(b"told", b"gone"), status=204)
    books.ledger.called_back("msg_4", BODY.replace(b"told", b"untold"), status=204)
    faults = await books.faults()
    assert "gone: a callback of a call that is not there" in faults
    assert "untold: told of although nobody asked" in faults
    (tmp_path / "callbacks.jsonl").write_bytes(b"")
    assert "told: none of its 0 callbacks was acknowledged" in await books.faults()
