"""Erasures that a restore has undone: kept in a file beside the backups, and carried out again.

The file tells nobody whose data was erased, nor who wanted it: of a call it has the mark that stays of it, which is
worth nothing without the salt in the database, and of an erasure its proof in numbers.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import orjson

from callwright import audit, db, erasing, erasures, tombstones
from callwright.audit import Asker
from callwright.db import Connection, Pool
from callwright.errors import SetupError
from callwright.recordings.store import Store
from callwright.reports import erasable
from callwright.tombstones import Mark

FORM = "callwright erasures 1"
MARKS_AT_A_TIME = 5_000


@dataclass(slots=True)
class Reapplied:
    """What came of a file.

    Attributes:
        partners_unknown: Partners of the file who are not in this database: they were added after the backup.
        marks: Marks that were not here.
        calls: Calls that were here again, and are erased.
        erasures: The erasures that those belong to.
        not_done: Erasures that somebody asked for, that were not done when the file was written, and for which there is
            no order here: what they were about is not known any more.
    """

    partners_unknown: int = 0
    marks: int = 0
    calls: int = 0
    erasures: int = 0
    not_done: list[UUID] = field(default_factory=list)


async def export(pool: Pool, path: Path) -> tuple[int, int]:
    """Write all erasures of all partners to a file; what was there before stays until the new one is whole.

    Args:
        pool: The database.
        path: The file.

    Returns:
        How many erasures and how many marks it has.

    Raises:
        SetupError: It cannot be written.
    """
    try:
        return await _written(pool, path)
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error}", "Name a file in a folder that is there") from error


async def _written(pool: Pool, path: Path) -> tuple[int, int]:
    unfinished = path.with_name(f"{path.name}.unfinished")
    counts = {"erasures": 0, "marks": 0}
    with unfinished.open("wb") as file:
        async for line in _exported(pool):
            for what in counts.keys() & line.keys():
                counts[what] += len(line[what])
            file.write(orjson.dumps(line, default=str) + b"\n")
        file.write(orjson.dumps({"end": counts}) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return counts["erasures"], counts["marks"]


async def _exported(pool: Pool) -> AsyncIterator[dict[str, Any]]:
    """The lines of a file but for its last: the marks first, so that each of them has its proof."""
    yield {"form": FORM}
    after = -1, b""
    while True:
        async with db.everywhere(pool, reads=True) as connection:
            names = {number: name for name, number in (await tombstones.partners_by_fingerprint(connection)).items()}
            found = await tombstones.marks(connection, after, MARKS_AT_A_TIME)
        if not found:
            break
        for partner_id, theirs in groupby(found, key=lambda each: each.partner_id):
            yield {
                "partner": names[partner_id],
                "marks": [(each.mark.hex(), each.subtenant_no, str(each.erasure_id)) for each in theirs],
            }
        after = found[-1].partner_id, found[-1].mark
    async with db.everywhere(pool, reads=True) as connection:
        names = {number: name for name, number in (await tombstones.partners_by_fingerprint(connection)).items()}
        proofs = await audit.every_erasure(connection)
    for partner_id, of in groupby(proofs, key=lambda each: each[0]):
        yield {"partner": names[partner_id], "erasures": [proof for _, proof in of]}


async def reapply(pool: Pool, open_store: Callable[[], Store], path: Path) -> Reapplied:
    """Carry out again what a file says was erased, and is here; a second time changes nothing, and tells the same.

    An erasure that was under way is carried out again as far as it had come, under an id of its own: its proof stays
    open, for nobody here knows what else it was about.

    Args:
        pool: The database.
        open_store: Opens the store, once there is something in it to remove.
        path: What `export` has written.

    Raises:
        SetupError: The file is none, or is not whole.
    """
    _check(path)
    told, parts = Reapplied(), set[UUID]()
    async with db.everywhere(pool) as connection:
        numbers = await tombstones.partners_by_fingerprint(connection)
    named = {line["partner"] for line in _lines(path) if "partner" in line}
    told.partners_unknown = len(named - numbers.keys())
    for line in (each for each in _lines(path) if each.get("partner") in numbers):
        await _keep(pool, numbers[line["partner"]], line, told, parts)
    for partner_id in sorted(numbers[name] for name in named & numbers.keys()):
        await _erase_again(pool, open_store, partner_id, told, parts)
    return told


async def _keep(pool: Pool, partner_id: int, line: dict[str, Any], told: Reapplied, parts: set[UUID]) -> None:
    """Keep what a line of a file has and the database has not; adds to `parts` whose order is lost."""
    found = [Mark(partner_id, bytes.fromhex(mark), number, UUID(of)) for mark, number, of in line.get("marks", ())]
    async with db.transaction(pool, partner_id) as connection:
        told.marks += await tombstones.keep(connection, partner_id, found) if found else 0
        for proof in line.get("erasures", ()):
            erasure_id, of_a_rule = UUID(proof["erasure_id"]), proof["asked_by"] == "rule"
            if proof["done_at"] is not None or not of_a_rule:  # a rule's that was under way the worker begins anew
                await audit.keep_erasure(connection, partner_id, proof)
            if proof["done_at"] is None and await _has_lost_its_order(connection, partner_id, erasure_id):
                parts.add(erasure_id)
                told.not_done += [] if of_a_rule else [erasure_id]


async def _has_lost_its_order(connection: Connection, partner_id: int, erasure_id: UUID) -> bool:
    """Whether an erasure is neither done here nor under way."""
    here = await audit.read_erasure(connection, partner_id, erasure_id)
    return (here is None or here.done_at is None) and await erasures.lock(connection, partner_id, erasure_id) is None


async def _erase_again(
    pool: Pool, open_store: Callable[[], Store], partner_id: int, told: Reapplied, parts: set[UUID]
) -> None:
    """Erase the calls of a partner that are here though they were erased, each by the erasure by which it went."""
    again: set[UUID] = set()
    place: str | None = ""
    while place is not None:
        async with db.transaction(pool, partner_id, reads=True) as connection:
            found, place = await erasable.find_undone(connection, partner_id, place)
        for before, call_ids in found.items():
            erasure_id = uuid5(before, "restored") if before in parts else before
            again.add(erasure_id)
            for some in _some_at_a_time(call_ids):
                told.calls += await _erase(pool, partner_id, erasure_id, some)
    told.erasures += len(again)
    for erasure_id in sorted(again):
        await erasing.carry_out(pool, open_store, partner_id, erasure_id)


async def _erase(pool: Pool, partner_id: int, erasure_id: UUID, call_ids: list[str]) -> int:
    """Open an erasure again with some calls of its; whoever carries it out goes on from there."""

    async def erase(connection: Connection) -> int:
        await audit.begin_erasure(connection, partner_id, erasure_id, None, "call", Asker("command", "restored"))
        await audit.reopen_erasure(connection, partner_id, erasure_id)
        await erasures.begin(connection, partner_id, erasure_id, None, "call")  # of no call: they are named here
        order = await erasures.lock(connection, partner_id, erasure_id)
        assert order is not None, "it was begun"
        if order.phase not in ("due", "calls"):
            await erasures.move(connection, order, "calls")
        return await erasing.erase_calls(connection, order, call_ids)

    return await erasures.in_transaction(pool, partner_id, erase)


def _some_at_a_time(call_ids: list[str]) -> Iterable[list[str]]:
    return (call_ids[at : at + erasing.AT_A_TIME] for at in range(0, len(call_ids), erasing.AT_A_TIME))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def _check(path: Path) -> None:
    """Refuse what is no such file, and what was broken off: half of the erasures would look like all of them."""
    first: dict[str, Any] = {}
    last: dict[str, Any] = {}
    try:
        for line in _lines(path):
            first, last = first or line, line
    except (OSError, ValueError, AttributeError) as error:
        raise SetupError(f"{path} cannot be read: {error}", "Name what `callwright erasures export` wrote") from error
    if first.get("form") != FORM or "end" not in last:
        raise SetupError(f"{path} is no whole file of erasures", "Name what `callwright erasures export` wrote")
