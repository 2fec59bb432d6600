"""Erasing: calls and people, by request or by a rule, out of the database and the store; begun once, it is carried out.

An order is kept first. Then it is worked off in short transactions, each of which says how far it has come, so that
whoever dies is followed by another who goes on: the one who was asked, or a worker's housekeeping.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

import asyncpg
import structlog

from callwright import (
    audit,
    batches,
    callbacks,
    calls,
    corrections,
    customers,
    db,
    ended_calls,
    erasures,
    idempotency,
    queue,
    results,
    retention,
    rollups,
    tombstones,
)
from callwright.audit import Asker, ErasureKind
from callwright.calls import Doomed
from callwright.db import Connection, Pool, Scope
from callwright.erasures import File, Order, Person
from callwright.errors import NotFound, SetupError
from callwright.kill_points import reached
from callwright.recordings import key_of, listening
from callwright.recordings.store import AWAY, Store
from callwright.reports import erasable
from callwright.reports.erasable import Meant

log = structlog.get_logger()

AT_A_TIME = 100
"""Calls that go in one transaction."""

BATCHES_AT_A_TIME = 2
"""Of at most 50 calls each, where a rule has reached them."""

BATCHES_SCANNED = 2_000
FILES_AT_A_TIME = 16

_DAYS = UUID("5d0cbe1c-3e5f-4a0a-9a39-1f6f1f0a7a5e")
"""Names what a rule erases on one day, so that it is one order and one proof."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be erased: by one of the four; `subtenant_no` None is all of the partner's."""

    partner_id: int
    subtenant_no: int | None
    kind: ErasureKind
    subject: str


async def begin(connection: Connection, wanted: Wanted, asker: Asker) -> UUID:
    """Keep an order, begin its proof, and forget the customers who are meant: what comes in of them later is new.

    Args:
        connection: With a transaction open; once it is committed the order is carried out.
        wanted: What.
        asker: Who wants it.

    Returns:
        The erasure; of a call that was erased before the one by which it went.

    Raises:
        NotFound: There is no such call or customer. That nobody has a number or an address is no error.
    """
    partner_id, number = wanted.partner_id, wanted.subtenant_no
    people = await customers_of(connection, wanted)
    if wanted.kind == "customer" and not people:
        raise NotFound("Customer not found")
    if wanted.kind == "call":
        assert number is not None, "a call is one subtenant's"
        if not await erasable.has_call(connection, Scope(partner_id, number), wanted.subject):
            before = await tombstones.erasure_of(connection, Scope(partner_id, number), wanted.subject)
            if before is None:
                raise NotFound("Call not found")
            return before
    erasure_id = uuid4()
    subject = wanted.subject if wanted.kind in ("call", "phone") else None
    await audit.begin_erasure(connection, partner_id, erasure_id, number, wanted.kind, asker)
    await erasures.begin(connection, partner_id, erasure_id, number, wanted.kind, subject=subject)
    await erasures.note_people(connection, partner_id, erasure_id, people, meant=True)
    await _forget(connection, partner_id, erasure_id, people)
    return erasure_id


async def customers_of(connection: Connection, wanted: Wanted) -> list[Person]:
    """The customers whom an erasure is about."""
    if wanted.kind not in ("customer", "email"):
        return []
    return await erasable.find_customers(
        *(connection, wanted.partner_id, wanted.subtenant_no),
        customer_id=wanted.subject if wanted.kind == "customer" else None,
        email=wanted.subject if wanted.kind == "email" else None,
    )


async def carry_out(
    pool: Pool,
    open_store: Callable[[], Store],
    partner_id: int,
    erasure_id: UUID,
    done: Callable[[int], None] = lambda _: None,
) -> None:
    """Carry an order out as far as can be: what the store does not let go of now is tried again by a worker.

    Args:
        pool: The database.
        open_store: Opens the store, once there is something in it to remove.
        partner_id: Whose data.
        erasure_id: The order; nothing happens where it was carried out.
        done: Is told how many calls have gone, each time that some have.

    Raises:
        Unavailable: The database is away; a worker goes on when it is back.
    """
    reached("erasure-begun")
    while (count := await _stepped(pool, partner_id, erasure_id)) is not None:
        reached("erasure-stepped")
        done(count)
    while True:
        async with db.transaction(pool, partner_id) as connection:
            order = await erasures.lock(connection, partner_id, erasure_id)
            files = [] if order is None else await erasures.files_of(connection, order, FILES_AT_A_TIME)
            if order is not None and not await erasures.any_file_left(connection, order):
                await audit.end_erasure(connection, partner_id, erasure_id)
                await erasures.end(connection, order)
        if not files:
            return
        await _remove(pool, open_store, files)


async def _stepped(pool: Pool, partner_id: int, erasure_id: UUID) -> int | None:
    """Take an order one step on."""

    async def step(connection: Connection) -> int | None:
        count = await _step(connection, partner_id, erasure_id)
        reached("erasure-saved")
        return count

    return await erasures.in_transaction(pool, partner_id, step)


async def _step(connection: Connection, partner_id: int, erasure_id: UUID) -> int | None:
    """Take an order one step on; gives the calls that went, None where only files are left to go, or nothing."""
    order = await erasures.lock(connection, partner_id, erasure_id)
    if order is None or order.phase == "files":
        return None
    phases = {"due": _due, "calls": _calls, "people": _people, "batches": _batches}
    return await phases[order.phase](connection, order)


async def _due(connection: Connection, order: Order) -> int:
    """Erase some of what a rule has reached."""
    assert order.subtenant_no is not None, "a rule is one subtenant's"
    scope = Scope(order.partner_id, order.subtenant_no)
    if order.kind == "rule for recordings":
        found = await erasable.old_recordings(connection, scope, order.before, most=AT_A_TIME)
        removed = await results.remove_recordings(connection, order.partner_id, found)
        await erasures.note_files(connection, order, [key_of(order.partner_id, each) for each in removed])
        if not found:
            await erasures.move(connection, order, "files")
        return len(found)
    most = BATCHES_AT_A_TIME
    batch_ids, call_ids = await erasable.oldest_batches(connection, scope, order.before, most=most)
    gone = await erase_calls(connection, order, call_ids)
    rows = await batches.drop(connection, order.partner_id, batch_ids)  # what else they name is not theirs
    await audit.count_erased(connection, order.partner_id, order.erasure_id, rows=rows)
    if not batch_ids:
        await erasures.move(connection, order, "people")
    return gone


async def _calls(connection: Connection, order: Order) -> int:
    """Erase some of the calls that are meant; before the first of them, those customers are counted again."""
    if order.kind == "call":
        gone = await erase_calls(connection, order, [order.subject or ""])
        await erasures.move(connection, order, "people")
        return gone
    people = await erasures.people(connection, order, meant=True)
    if not order.place:
        await _count_contacts(connection, order.partner_id, people)
    meant = Meant(order.partner_id, order.subtenant_no, order.subject, people, order.before)
    call_ids, place = await erasable.find_calls(connection, meant, after=order.place, most=AT_A_TIME)
    gone = await erase_calls(connection, order, call_ids)
    await erasures.move(connection, order, "people" if place is None else "calls", place or "")
    return gone


async def _people(connection: Connection, order: Order) -> int:
    """Look for calls of those who may have none left; forget who has none once all calls have been looked at."""
    if await erasures.people(connection, order):
        there, place = await erasable.still_there(connection, order)
        await erasures.strike(connection, order, there)
        if place is not None:
            await erasures.move(connection, order, "people", place)
            return 0
        await erasures.strike(connection, order, await erasable.came_since(connection, order))
        left = await erasures.people(connection, order)
        await _forget(connection, order.partner_id, order.erasure_id, left)
        await _count_contacts(connection, order.partner_id, left)
        await erasures.forget_people(connection, order)
    await erasures.move(connection, order, "batches")
    return 0


async def _batches(connection: Connection, order: Order) -> int:
    """Clear some of the batches that brought an erased call once more."""
    place = await batches.forget_erased(connection, order.partner_id, after=order.place, most=BATCHES_SCANNED)
    await erasures.move(connection, order, "files" if place is None else "batches", place or "")
    return 0


async def erase_calls(connection: Connection, order: Order, call_ids: Sequence[str]) -> int:
    """Erase calls of an order that is locked, with all that hangs on them; gives how many.

    Who was in them and which files are to go is kept with the order, for the rest of it.
    """
    if not call_ids:
        return 0
    partner_id = order.partner_id
    sent, rows = await callbacks.erase(connection, partner_id, call_ids)
    doomed = await calls.lock(connection, partner_id, call_ids, order.subtenant_no)
    ids = [each.call_id for each in doomed]
    prepared, more = await callbacks.erase(connection, partner_id, ids)
    rows += more
    rows += await results.erase(connection, partner_id, ids)
    rows += await corrections.erase(connection, partner_id, ids)
    rows += await idempotency.erase(connection, partner_id, ids)
    rows += await ended_calls.erase(connection, partner_id, ids)
    rows += await calls.erase(connection, partner_id, doomed, order.erasure_id)
    if any(each.under_way for each in doomed):
        rows += await queue.forget(connection, partner_id, [*ids, *sent, *prepared])
    for scope, theirs in _by_scope(partner_id, doomed).items():
        of = sorted({each.customer_id for each in theirs})
        rows += await customers.erase_dispositions(connection, scope, [each.call_id for each in theirs], of)
        await rollups.count_contacts(connection, scope, of)
    people = [Person("customer", each.subtenant_no, each.customer_id) for each in doomed]
    people += [Person("agent", each.subtenant_no, each.agent_id) for each in doomed]
    await erasures.note_people(connection, partner_id, order.erasure_id, people, meant=False)
    await erasures.note_files(connection, order, [key_of(partner_id, each) for each in ids])
    await audit.count_erased(connection, partner_id, order.erasure_id, calls=len(ids), rows=rows)
    return len(ids)


def _by_scope(partner_id: int, doomed: Sequence[Doomed]) -> dict[Scope, list[Doomed]]:
    found: dict[Scope, list[Doomed]] = defaultdict(list)
    for each in doomed:
        found[Scope(partner_id, each.subtenant_no)].append(each)
    return found


async def _forget(connection: Connection, partner_id: int, erasure_id: UUID, people: Sequence[Person]) -> None:
    """Delete customers and agents."""
    for scope, theirs in _ids_by_scope(partner_id, people).items():
        gone, rows = await customers.erase_customers(connection, scope, theirs["customer"])
        agents = await customers.erase_agents(connection, scope, theirs["agent"])
        await audit.count_erased(
            *(connection, partner_id, erasure_id), customers=gone, agents=agents, rows=rows + agents
        )


async def _count_contacts(connection: Connection, partner_id: int, people: Sequence[Person]) -> None:
    """Count customers again who were deleted: a worker may be counting, and this waits for it."""
    for scope, theirs in _ids_by_scope(partner_id, people).items():
        await rollups.count_contacts(connection, scope, theirs["customer"])


def _ids_by_scope(partner_id: int, people: Sequence[Person]) -> dict[Scope, dict[str, list[str]]]:
    found: dict[Scope, dict[str, list[str]]] = defaultdict(lambda: {"customer": [], "agent": []})
    for each in people:
        found[Scope(partner_id, each.subtenant_no)][each.kind].append(each.person_id)
    return found


async def _remove(pool: Pool, open_store: Callable[[], Store], files: Sequence[File]) -> None:
    """Remove files, see that they are gone and note it; what stays is tried again."""
    outcomes = await asyncio.gather(*(_removed(open_store, each.store_key) for each in files))
    reached("files-removed")
    for file, found in zip(files, outcomes, strict=True):
        async with db.transaction(pool, file.partner_id) as connection:
            if found is None:
                await erasures.file_stays(connection, file)
            elif await erasures.file_gone(connection, file):
                await audit.count_erased(connection, file.partner_id, file.erasure_id, files=found)


async def _removed(open_store: Callable[[], Store], key: str) -> int | None:
    """Remove a recording and its copy; gives how many of them there were, None where they may still be there."""
    try:
        store = open_store()
        keys = key, listening.copy_key(key)
        found = sum([await store.size(each) is not None for each in keys])
        await listening.remove(store, key)
        left = [each for each in keys if await store.size(each) is not None]
    except (SetupError, *AWAY) as error:
        log.warning("a file cannot be removed, it is tried again", reason=type(error).__name__)
        return None
    if left:
        log.error("a file is still there after it was removed; it is tried again", files=len(left))
        return None
    return found


async def keep_house(pool: Pool, store: Store, stop: asyncio.Event) -> None:
    """Begin what the rules want, go on with what is under way, and look once more for files that are gone.

    Args:
        pool: The database.
        store: Where the recordings are.
        stop: Ends it between two orders.
    """
    await _apply_rules(pool)
    async with db.everywhere(pool) as connection:
        orders = await erasures.under_way(connection)
    for partner_id, erasure_id in orders:
        if stop.is_set():
            return
        try:
            await carry_out(pool, lambda: store, partner_id, erasure_id)
        except (asyncpg.PostgresError, TimeoutError):  # the others must not wait for this one
            log.exception("an erasure was not carried out", partner_id=partner_id, erasure_id=str(erasure_id))
    while not stop.is_set():
        async with db.everywhere(pool) as connection:
            files = await erasures.files_to_check(connection, FILES_AT_A_TIME)
        if not files:
            return
        await _remove(pool, lambda: store, files)


async def _apply_rules(pool: Pool) -> None:
    """Keep an order for each rule that has something to erase and had none today."""
    now = datetime.now(UTC)
    async with db.everywhere(pool) as connection:
        found = await retention.rules(connection)
    for scope, rule in found:
        kinds: list[tuple[ErasureKind, int | None]] = [
            ("rule for everything", rule.everything_days),
            ("rule for recordings", rule.recordings_days),
        ]
        for kind, days in kinds:
            if days is not None:
                async with db.transaction(pool, scope.partner_id) as connection:
                    await _apply(connection, scope, kind, days, now)


async def _apply(connection: Connection, scope: Scope, kind: ErasureKind, days: int, now: datetime) -> None:
    partner_id, before = scope.partner_id, now - timedelta(days=days)
    erasure_id = uuid5(_DAYS, f"{partner_id} {scope.subtenant_no} {kind} {now:%Y-%m-%d}")
    if await audit.read_erasure(connection, partner_id, erasure_id):
        return
    if kind == "rule for recordings":
        due: Sequence[object] = await erasable.old_recordings(connection, scope, before, most=1)
    else:
        due, _ = await erasable.oldest_batches(connection, scope, before, most=1)
    if due:
        asker = Asker("rule", f"{days} days")
        await audit.begin_erasure(connection, partner_id, erasure_id, scope.subtenant_no, kind, asker)
        await erasures.begin(connection, partner_id, erasure_id, scope.subtenant_no, kind, before=before)


async def carry_out_within(
    pool: Pool, open_store: Callable[[], Store], partner_id: int, erasure_id: UUID, seconds: float
) -> None:
    """Carry an order out for so long, for somebody who waits for the answer; a worker goes on with what is left."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await carry_out(pool, open_store, partner_id, erasure_id)
