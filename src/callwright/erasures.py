"""Erasures that are under way: of what, how far they have come, whom they leave without a call, which files must go."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeVar
from uuid import UUID

from callwright import db
from callwright.audit import ErasureKind
from callwright.db import Connection, Pool
from callwright.together import again_after_deadlock

T = TypeVar("T")

Phase = Literal["due", "calls", "people", "batches", "files"]
"""`due`: calls or recordings that a rule has reached; then in this order, `calls` alone being begun with otherwise."""

LATE_CHECK = timedelta(hours=1)
"""When a file that is gone is looked for once more: longer than anybody may be at a file of a call."""

RETRY = timedelta(seconds=60)
"""When a file that could not be removed is tried again."""


@dataclass(frozen=True, slots=True)
class Order:
    """An erasure that is under way.

    Attributes:
        subtenant_no: Whose data; None for all of the partner's.
        subject: The call's id, or the phone number; None once its calls are gone.
        before: Only what came in until then is meant.
        place: How far the phase has come, in its own terms.
        since: When the phase began.
    """

    partner_id: int
    erasure_id: UUID
    subtenant_no: int | None
    kind: ErasureKind
    subject: str | None
    before: datetime
    phase: Phase
    place: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """A customer or an agent of a subtenant."""

    kind: Literal["customer", "agent"]
    subtenant_no: int
    person_id: str


@dataclass(frozen=True, slots=True)
class File:
    """A recording of the store that has to go, with its copy; `gone` where it was seen to be gone once."""

    partner_id: int
    erasure_id: UUID
    store_key: str
    gone: bool


async def in_transaction(pool: Pool, partner_id: int, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Do what erases in a transaction; one that meets another head-on is tried again, nothing of it was kept.

    Raises:
        asyncpg.DeadlockDetectedError: So did the last try.
    """

    async def transaction() -> T:
        async with db.transaction(pool, partner_id) as connection:
            return await work(connection)

    return await again_after_deadlock(transaction)


async def begin(
    connection: Connection,
    partner_id: int,
    erasure_id: UUID,
    subtenant_no: int | None,
    kind: ErasureKind,
    *,
    subject: str | None = None,
    before: datetime | None = None,
) -> None:
    """Keep an order; once this is committed it is carried out, whatever dies.

    Args:
        connection: With a transaction open, in which the proof is begun.
        partner_id: Whose data.
        erasure_id: As in the proof.
        subtenant_no: See `Order`.
        kind: What is to be erased.
        subject: See `Order`.
        before: Likewise; now where it is left out.
    """
    await connection.execute(
        """
        INSERT INTO erasure_orders (partner_id, erasure_id, subtenant_no, kind, subject, before, phase)
        VALUES ($1, $2, $3, $4, $5, coalesce($6, now()), CASE WHEN $4 LIKE 'rule%' THEN 'due' ELSE 'calls' END)
        ON CONFLICT DO NOTHING
        """,
        *(partner_id, erasure_id, subtenant_no, kind, subject, before),
    )


async def lock(connection: Connection, partner_id: int, erasure_id: UUID) -> Order | None:
    """Read an order and keep others off it until the transaction ends; None where it was carried out."""
    row = await connection.fetchrow(
        """
        SELECT partner_id, erasure_id, subtenant_no, kind, subject, before, phase, place, since FROM erasure_orders
        WHERE partner_id = $1 AND erasure_id = $2 FOR UPDATE
        """,
        *(partner_id, erasure_id),
    )
    return None if row is None else Order(*row.values())


async def under_way(connection: Connection) -> list[tuple[int, UUID]]:
    """The orders of all partners that are not carried out."""
    rows = await connection.fetch("SELECT partner_id, erasure_id FROM erasure_orders ORDER BY before, kind, erasure_id")
    return [(row["partner_id"], row["erasure_id"]) for row in rows]


async def move(connection: Connection, order: Order, phase: Phase, place: str = "") -> None:
    """Say how far an order has come; once its calls are gone, it has no use for what it was about."""
    await connection.execute(
        """
        UPDATE erasure_orders SET phase = $3, place = $4, since = CASE WHEN phase = $3 THEN since ELSE now() END,
            subject = CASE WHEN $3 = 'calls' THEN subject END
        WHERE partner_id = $1 AND erasure_id = $2
        """,
        *(order.partner_id, order.erasure_id, phase, place),
    )


async def end(connection: Connection, order: Order) -> None:
    """Forget an order that was carried out."""
    await connection.execute(
        "DELETE FROM erasure_orders WHERE partner_id = $1 AND erasure_id = $2", *(order.partner_id, order.erasure_id)
    )


async def forget_people(connection: Connection, order: Order) -> None:
    """Forget whom an order was about, once they are gone."""
    await connection.execute(
        "DELETE FROM erasure_people WHERE partner_id = $1 AND erasure_id = $2", *(order.partner_id, order.erasure_id)
    )


async def note_people(
    connection: Connection, partner_id: int, erasure_id: UUID, people: Iterable[Person], *, meant: bool
) -> None:
    """Keep whom an erasure is about, or who may be left without a call by it."""
    rows = [(each.kind, each.subtenant_no, each.person_id) for each in dict.fromkeys(people)]
    if rows:
        await connection.execute(
            """
            INSERT INTO erasure_people (partner_id, erasure_id, meant, kind, subtenant_no, person_id)
            SELECT $1, $2, $3, * FROM unnest($4::text[], $5::bigint[], $6::text[]) ON CONFLICT DO NOTHING
            """,
            *(partner_id, erasure_id, meant, *(list(column) for column in zip(*rows, strict=True))),
        )


async def people(connection: Connection, order: Order, *, meant: bool | None = None) -> list[Person]:
    """Whom an erasure is about, or with None also who may be left without a call."""
    rows = await connection.fetch(
        """
        SELECT kind, subtenant_no, person_id FROM erasure_people
        WHERE partner_id = $1 AND erasure_id = $2 AND ($3::boolean IS NULL OR meant = $3)
        """,
        *(order.partner_id, order.erasure_id, meant),
    )
    return [Person(*row.values()) for row in rows]


async def strike(connection: Connection, order: Order, those: Iterable[Person]) -> None:
    """Take out people who still have a call."""
    rows = [(each.kind, each.subtenant_no, each.person_id) for each in those]
    if rows:
        await connection.execute(
            """
            DELETE FROM erasure_people p USING unnest($3::text[], $4::bigint[], $5::text[]) AS of (kind, number, id)
            WHERE p.partner_id = $1 AND p.erasure_id = $2 AND p.kind = of.kind AND p.subtenant_no = of.number
                AND p.person_id = of.id
            """,
            *(order.partner_id, order.erasure_id, *(list(column) for column in zip(*rows, strict=True))),
        )


async def note_files(connection: Connection, order: Order, store_keys: Sequence[str]) -> None:
    """Keep which files have to go, in the transaction that deletes what leads to them."""
    await connection.execute(
        """
        INSERT INTO erased_files (partner_id, erasure_id, store_key) SELECT $1, $2, unnest($3::text[])
        ON CONFLICT (partner_id, store_key)
        DO UPDATE SET erasure_id = excluded.erasure_id, gone_at = NULL, check_at = now()
        """,
        *(order.partner_id, order.erasure_id, store_keys),
    )


_FILE = "partner_id, erasure_id, store_key, gone_at IS NOT NULL AS gone"


async def files_of(connection: Connection, order: Order, most: int) -> list[File]:
    """Files of an order that are to be removed now."""
    rows = await connection.fetch(
        f"""
        SELECT {_FILE} FROM erased_files
        WHERE partner_id = $1 AND erasure_id = $2 AND gone_at IS NULL AND check_at <= now() LIMIT $3
        """,  # noqa: S608
        *(order.partner_id, order.erasure_id, most),
    )
    return [File(*row.values()) for row in rows]


async def files_to_check(connection: Connection, most: int) -> list[File]:
    """Files of all partners that are gone and have to be looked for once more."""
    rows = await connection.fetch(
        f"SELECT {_FILE} FROM erased_files WHERE gone_at IS NOT NULL AND check_at <= now() LIMIT $1",  # noqa: S608
        most,
    )
    return [File(*row.values()) for row in rows]


async def any_file_left(connection: Connection, order: Order) -> bool:
    """Whether a file of an order has not been seen to be gone."""
    left: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM erased_files WHERE partner_id = $1 AND erasure_id = $2 AND gone_at IS NULL)",
        *(order.partner_id, order.erasure_id),
    )
    return left


async def file_gone(connection: Connection, file: File) -> bool:
    """Note that a file was seen to be gone: the second time there is nothing left to note of it.

    Returns:
        False where somebody else has noted this meanwhile.
    """
    of = file.partner_id, file.store_key
    if file.gone:
        noted = await connection.fetchval(
            "DELETE FROM erased_files WHERE partner_id = $1 AND store_key = $2 AND gone_at IS NOT NULL RETURNING true",
            *of,
        )
    else:
        noted = await connection.fetchval(
            """
            UPDATE erased_files SET gone_at = now(), check_at = now() + $3
            WHERE partner_id = $1 AND store_key = $2 AND gone_at IS NULL RETURNING true
            """,
            *(*of, LATE_CHECK),
        )
    return noted is not None


async def file_stays(connection: Connection, file: File) -> None:
    """Have a file that could not be removed tried again later."""
    await connection.execute(
        "UPDATE erased_files SET check_at = now() + $3 WHERE partner_id = $1 AND store_key = $2",
        *(file.partner_id, file.store_key, RETRY),
    )
