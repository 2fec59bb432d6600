"""The ledger: what was promised, what came back, and the judge who says whether the two are in balance.

Three witnesses that know nothing of each other. The client writes down every answer that promises something before it
sends anything else; the receiver writes down every callback before it answers; and triggers in the database write down
every row that the pipeline makes, changes or removes. Each line is on the disk before anything else happens.
"""

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from callwright.db import Connection
from callwright.db.roles import EVERY_PARTNER

Deeds = dict[str, Counter[str]]

WITNESS = f"""
CREATE TABLE IF NOT EXISTS witnessed (call_id text NOT NULL, deed text NOT NULL);
CREATE OR REPLACE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    seen jsonb := to_jsonb(CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END);
BEGIN
    INSERT INTO public.witnessed VALUES (seen->>'call_id', concat_ws(' ', lower(TG_OP), TG_TABLE_NAME, seen->>'state'));
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER witness AFTER INSERT OR DELETE OR UPDATE OF state ON calls
    FOR EACH ROW EXECUTE FUNCTION witness();
CREATE OR REPLACE TRIGGER witness AFTER INSERT OR DELETE OR UPDATE OF store_key, size, sha256 ON recordings
    FOR EACH ROW EXECUTE FUNCTION witness();
CREATE OR REPLACE TRIGGER witness AFTER INSERT OR DELETE OR UPDATE ON transcripts
    FOR EACH ROW EXECUTE FUNCTION witness();
CREATE OR REPLACE TRIGGER witness AFTER INSERT OR DELETE OR UPDATE ON analyses
    FOR EACH ROW EXECUTE FUNCTION witness();
CREATE OR REPLACE TRIGGER witness AFTER INSERT OR DELETE OR UPDATE OF callback_id, call_id, url, body ON callbacks
    FOR EACH ROW EXECUTE FUNCTION witness();
GRANT SELECT ON witnessed, pgqueuer TO {EVERY_PARTNER};
"""
"""Every deed that is committed leaves a line, so that one that was done twice is seen though the tables look right."""

FETCHED = ("update calls fetched", "insert recordings")
WAITED = "update calls transcribed"
"""Done to a call that has waited for its analysis; a quick engine judges it in the step that has heard it."""
TRANSCRIBED = (WAITED, "insert transcripts")
ANALYSED = ("update calls completed", "insert analyses")
CALLBACK = "insert callbacks pending"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run came to.

    Attributes:
        promised: Calls that a 200 has named, as accepted or as a duplicate.
        completed: Those that were analysed.
        failed: Those that ended with a reason.
        lost: Those that did not end, or are not there.
        callbacks: Requests that the receiver got.
        repeated: Those of them that told what an earlier one had told.
    """

    promised: int
    completed: int
    failed: int
    lost: int
    callbacks: int
    repeated: int


class Journal:
    """Lines of JSON in a file, each on the disk when `write` returns.

    Args:
        path: The file; what is there already stays.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)

    def write(self, line: object) -> None:
        """Add a line."""
        self._file.write(json.dumps(line).encode() + b"\n")
        os.fsync(self._file.fileno())

    def lines(self) -> list[Any]:
        """What was written, in order."""
        return [json.loads(line) for line in self._path.read_bytes().splitlines()]

    def close(self) -> None:
        """Write nothing more."""
        self._file.close()


class Ledger:
    """The client's journal and the receiver's.

    Args:
        folder: Where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._answers = Journal(folder / "answers.jsonl")
        self._callbacks = Journal(folder / "callbacks.jsonl")

    def answered(self, data: dict[str, Any]) -> None:
        """Keep the `data` of a 200 to a batch, before the client sends anything else."""
        self._answers.write(data["calls"])

    def lost(self, calls: Iterable[str]) -> None:
        """Keep that a restore has lost calls, as it says: nothing is promised of them until they are sent again."""
        self._answers.write([{"id": call, "status": "lost"} for call in calls])

    def called_back(self, webhook_id: str, body: bytes, *, status: int) -> None:
        """Keep a callback, before it is answered with this status."""
        told = json.loads(body)
        digest = hashlib.sha256(body).hexdigest()
        self._callbacks.write(
            {"id": webhook_id, "call_id": told["call_id"], "tells": told["status"], "sha256": digest, "status": status}
        )

    def promised(self) -> Counter[str]:
        """Every call that a 200 has named, with how often it was called accepted."""
        found: Counter[str] = Counter()
        for entry in (entry for answer in self._answers.lines() for entry in answer):
            if entry["status"] == "lost":
                del found[entry["id"]]
            else:
                found[entry["id"]] += entry["status"] == "accepted"
        return found

    def callbacks(self) -> dict[str, list[dict[str, Any]]]:
        """The callbacks that came, by call."""
        found = defaultdict(list)
        for line in self._callbacks.lines():
            found[line["call_id"]].append(line)
        return dict(found)

    def close(self) -> None:
        """Close the journals."""
        self._answers.close()
        self._callbacks.close()


async def judge(ledger: Ledger, connection: Connection) -> Figures:
    """Hold the journals against the database; what does not balance is an error that names every such call.

    Args:
        ledger: What was promised, and what came back.
        connection: One that sees every row of a database with `WITNESS`, in which no work is under way.

    Returns:
        The figures, which are printed too.

    Raises:
        AssertionError: A call is lost, was accepted or worked on twice, or its callback is not what it must be.
    """
    promised, came = ledger.promised(), ledger.callbacks()
    calls = {row["call_id"]: row for row in await connection.fetch("SELECT * FROM calls")}
    kept = await _kept_callbacks(connection)
    deeds = await _deeds(connection)
    faults = [f"{call}: promised, and not there" for call in promised.keys() - calls.keys()]
    faults += [f"{call}: a callback of a call that is not there" for call in came.keys() - calls.keys()]
    for name, call in calls.items():
        found = _ended(call, promised, deeds[name]) + _told(call, kept.get(name, []), came.get(name, []))
        faults += [f"{name}: {fault}" for fault in found]
    if jobs := await connection.fetchval("SELECT count(*) FROM pgqueuer"):
        faults.append(f"{jobs} jobs are left over")
    states = Counter(calls[call]["state"] for call in promised if call in calls)
    figures = Figures(
        promised=len(promised),
        completed=states["completed"],
        failed=states["failed"],
        lost=len(promised) - states["completed"] - states["failed"],
        callbacks=sum(map(len, came.values())),
        repeated=sum(len(lines) - 1 for lines in came.values()),
    )
    print(figures)  # noqa: T201 - for whoever runs it
    assert not faults, "\n".join([str(figures), *sorted(faults)])
    return figures


async def _kept_callbacks(connection: Connection) -> dict[str, list[asyncpg.Record]]:
    kept = defaultdict(list)
    for row in await connection.fetch("SELECT * FROM callbacks"):
        kept[row["call_id"]].append(row)
    return kept


async def _deeds(connection: Connection) -> Deeds:
    deeds: Deeds = defaultdict(Counter)
    for row in await connection.fetch("SELECT call_id, deed FROM witnessed"):
        deeds[row["call_id"]][row["deed"]] += 1
    return deeds


def _ended(call: asyncpg.Record, promised: Counter[str], deeds: Counter[str]) -> list[str]:
    """What is wrong with how a call came in, and how it came to its end."""
    faults = []
    if call["call_id"] not in promised:
        faults.append("is there, and no answer said so though the client asked until it got one")
    if promised[call["call_id"]] > 1:
        faults.append("called accepted more than once")
    if call["state"] not in ("completed", "failed"):
        return [*faults, f"left as {call['state']} after {call['attempts']} tries"]
    steps = [FETCHED, TRANSCRIBED if WAITED in deeds else TRANSCRIBED[1:], ANALYSED]
    if call["state"] == "failed":
        if not (call["failure_code"] and call["failure_message"]):
            faults.append("failed without a reason")
        steps = [step for step in steps[:2] if step[0] in deeds]
    expected = Counter(["insert calls received", *(deed for step in steps for deed in step)])
    expected += Counter(["update calls failed"] if call["state"] == "failed" else [])
    expected += Counter([CALLBACK] if call["callback_url"] else [])
    if deeds != expected:
        faults.append(f"done too often: {dict(deeds - expected)}, not done: {dict(expected - deeds)}")
    return faults


def _told(call: asyncpg.Record, kept: list[asyncpg.Record], came: list[dict[str, Any]]) -> list[str]:
    """What is wrong with a call's callback."""
    if call["callback_url"] is None:
        return ["told of although nobody asked"] if kept or came or call["callback_state"] != "none" else []
    if len(kept) != 1:
        return [f"has {len(kept)} callbacks"]
    faults = []
    if (kept[0]["state"], call["callback_state"]) != ("delivered", "delivered"):
        faults.append(f"its callback is {kept[0]['state']}, and the call says {call['callback_state']}")
    if not any(200 <= line["status"] < 300 for line in came):
        faults.append(f"none of its {len(came)} callbacks was acknowledged")
    told = (kept[0]["callback_id"], hashlib.sha256(kept[0]["body"]).hexdigest(), call["state"])
    if any((line["id"], line["sha256"], line["tells"]) != told for line in came):
        faults.append("told two things, or under two ids")
    return faults
