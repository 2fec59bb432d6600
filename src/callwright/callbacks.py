"""Callbacks: what a partner is told of a call is kept, signed and tried, and every try is kept."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from standardwebhooks import Webhook

from callwright import queue
from callwright.db import Connection
from callwright.kill_points import reached
from callwright.outbound import AddressRefused, ExchangeFailed, Outbound, retry_after_seconds

State = Literal["pending", "delivered", "undelivered", "replaced"]
"""`replaced`: the call was processed again before this result was delivered; it is not sent any more."""

TRIES = 4
"""One and three retries (contract, section 3.1)."""

ANSWER_CHARACTERS = 500
"""How much of a receiver's answer is kept with the try."""

LONGEST_WAIT_SECONDS = 3600.0
"""A receiver's Retry-After is honoured up to this."""

MOST_ATTEMPTS = 1_000
"""A callback that has been tried so often is not sent again."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a callback is tried again.

    Attributes:
        timeout: Seconds for one try.
        first_wait: Seconds before the first retry; each further one waits `factor` times as long.
        factor: The growth.
        jitter: Each wait is made longer or shorter by up to this share, so that retries spread.
    """

    timeout: float = 15.0
    first_wait: float = 10.0
    factor: float = 6.0
    jitter: float = 0.2

    def wait(self, attempt: int, asked: float | None) -> float:
        """Seconds to wait after try number `attempt` (from 1), or longer where the receiver asked for it."""
        wait = self.first_wait * self.factor ** (attempt - 1) * random.uniform(1 - self.jitter, 1 + self.jitter)
        return max(wait, min(asked or 0.0, LONGEST_WAIT_SECONDS))


@dataclass(frozen=True, slots=True)
class Told:
    """Of which call, and to where: what a callback carries beside the analysis; `metadata_json` is as it was sent.

    That it is a test call's is told of those alone: what a live call's callback says stays as it is to the byte.
    """

    partner_id: int
    subtenant_no: int
    call_id: str
    agent_id: str
    customer_id: str
    metadata_json: str | None
    url: str
    test: bool = False
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """A callback whose next try has begun: number `attempt`, of at most `allowed`."""

    partner_id: int
    callback_id: str
    call_id: str
    url: str
    body: bytes
    attempt: int
    allowed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try; `error` is None where it was acknowledged."""

    started_at: datetime
    elapsed: float
    http_status: int | None
    error: str | None
    answer: str | None
    retry_after: float | None


async def prepare(connection: Connection, told: Told, body: bytes) -> None:
    """Keep a callback and enqueue its delivery, in the transaction that ends the call.

    Its id is made of what it tells: a restored database that has forgotten it tells the same under the same id again.
    """
    callback_id: str = await connection.fetchval(
        """
        INSERT INTO callbacks (partner_id, callback_id, subtenant_no, call_id, url, body, allowed)
        VALUES ($1, 'msg_' || left(encode(sha256((SELECT tombstone_salt FROM partners WHERE partner_id = $1)
            || int8send((SELECT count(*) FROM callbacks WHERE partner_id = $1 AND call_id = $3))
            || convert_to($3, 'UTF8') || $5), 'hex'), 24), $2, $3, $4, $5, $6) RETURNING callback_id
        """,
        *(told.partner_id, told.subtenant_no, told.call_id, told.url, body, TRIES),
    )
    reached("callback-prepared")
    host = queue.host_of(told.url)
    await queue.enqueue(connection, "deliver", told.partner_id, callback_id, host=host, backfill=told.backfill)


async def begin_attempts(connection: Connection, partner_id: int, callback_ids: Sequence[str]) -> dict[str, Delivery]:
    """Count a try of each callback and read what to send; left out are those that have ended or are not due.

    The try is counted first: a process that dies between the POST and its record has used it up.
    """
    rows = await connection.fetch(
        """
        UPDATE callbacks SET attempts = attempts + 1
        WHERE partner_id = $1 AND callback_id = ANY($2::text[]) AND state = 'pending' AND next_attempt_at <= now()
        RETURNING partner_id, callback_id, call_id, url, body, attempts, allowed
        """,
        *(partner_id, callback_ids),
    )
    return {row["callback_id"]: Delivery(*row.values()) for row in rows}


def signed_headers(delivery: Delivery, secrets_live: list[str], at: datetime) -> dict[str, str]:
    """Sign a body by Standard Webhooks, once with each secret that is live.

    Source: the Standard Webhooks specification, https://www.standardwebhooks.com.
    """
    text = delivery.body.decode()
    signatures = [Webhook(secret).sign(delivery.callback_id, at, text) for secret in secrets_live]
    return {
        "content-type": "application/json",
        "webhook-id": delivery.callback_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


async def attempt(outbound: Outbound, delivery: Delivery, secrets_live: list[str], policy: RetryPolicy) -> Outcome:
    """Send a callback once; a refusal, a redirect and no answer in time are outcomes, never errors."""
    started_at = datetime.now(UTC)
    status = answer = retry_after = None
    try:
        answered = await outbound.post(
            delivery.url,
            delivery.body,
            signed_headers(delivery, secrets_live, started_at),
            timeout=policy.timeout,
        )
    except (AddressRefused, ExchangeFailed) as refusal:
        error: str | None = str(refusal)
    else:
        status = answered.status
        answer = _printable(answered.body)
        retry_after = retry_after_seconds(answered.headers.get("retry-after"))
        error = None if 200 <= status < 300 else f"The receiver answered {status}."
    elapsed = (datetime.now(UTC) - started_at).total_seconds()
    return Outcome(started_at, elapsed, status, error, answer, retry_after)


def _printable(body: bytes) -> str:
    """An answer as one line that does nothing to a terminal and looks like no line of a log."""
    text = " ".join(body[: ANSWER_CHARACTERS * 4].decode("utf-8", "replace").split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:ANSWER_CHARACTERS]


async def finish_attempts(
    connection: Connection, partner_id: int, tried: Sequence[tuple[Delivery, Outcome]], policy: RetryPolicy
) -> list[State | None]:
    """Record tries and what follows from them, in one transaction; recorded already, they change nothing.

    Returns:
        How each callback stands now, None where it was erased; the caller tells the calls, in the same transaction.
    """
    rows = [
        (of.callback_id, of.attempt, was.started_at, round(was.elapsed * 1000), was.http_status, was.error, was.answer)
        for of, was in tried
    ]
    fresh = await connection.fetch(
        """
        WITH there AS MATERIALIZED (  -- who erases a callback waits for this, and of one that is gone nothing is kept
            SELECT callback_id FROM callbacks WHERE partner_id = $1 AND callback_id = ANY($2::text[])
            ORDER BY callback_id FOR NO KEY UPDATE
        )
        INSERT INTO callback_attempts
            (partner_id, callback_id, attempt, started_at, elapsed_ms, http_status, error, answer)
        SELECT $1, tried.* FROM unnest($2::text[], $3::smallint[], $4::timestamptz[], $5::integer[], $6::smallint[],
                                       $7::text[], $8::text[]) AS tried (callback_id)
        JOIN there USING (callback_id)
        ON CONFLICT DO NOTHING RETURNING callback_id
        """,
        partner_id,
        *(list(column) for column in zip(*rows, strict=True)),
    )
    new = {row["callback_id"] for row in fresh}
    acknowledged = sorted(of.callback_id for of, was in tried if was.error is None and of.callback_id in new)
    delivered = await _end(connection, partner_id, acknowledged, "delivered")
    states: list[State | None] = []
    for of, was in tried:
        if of.callback_id in delivered:
            states.append("delivered")
        elif of.callback_id in new and was.error is not None:
            states.append(await _after_refusal(connection, of, was, policy))
        else:
            states.append(await _state_of(connection, of))
    return states


async def _after_refusal(
    connection: Connection, delivery: Delivery, outcome: Outcome, policy: RetryPolicy
) -> State | None:
    """Have a callback that was not acknowledged tried again, or end it."""
    if delivery.attempt >= delivery.allowed:
        return (
            "undelivered" if await end(connection, delivery, "undelivered") else await _state_of(connection, delivery)
        )
    wait = policy.wait(delivery.attempt, outcome.retry_after)
    await connection.execute(
        """
        UPDATE callbacks SET next_attempt_at = now() + $3
        WHERE partner_id = $1 AND callback_id = $2 AND state = 'pending'
        """,
        *(delivery.partner_id, delivery.callback_id, timedelta(seconds=wait)),
    )
    host = queue.host_of(delivery.url)
    await queue.enqueue(connection, "deliver", delivery.partner_id, delivery.callback_id, host=host, delay=wait)
    reached("callback-retried")
    return "pending"


async def _state_of(connection: Connection, delivery: Delivery) -> State | None:
    state: State | None = await connection.fetchval(
        "SELECT state FROM callbacks WHERE partner_id = $1 AND callback_id = $2",
        *(delivery.partner_id, delivery.callback_id),
    )
    return state


async def end(connection: Connection, delivery: Delivery, state: State) -> bool:
    """End a callback, so that it is not tried any more unless somebody sends it again.

    One that was acknowledged is delivered, even where it was given up for dead meanwhile.

    Returns:
        False where it has ended otherwise meanwhile: the caller then says nothing on the call.
    """
    return bool(await _end(connection, delivery.partner_id, [delivery.callback_id], state))


async def _end(connection: Connection, partner_id: int, callback_ids: list[str], state: State) -> set[str]:
    """End callbacks; gives those that had not ended otherwise."""
    if not callback_ids:
        return set()
    rows = await connection.fetch(
        """
        UPDATE callbacks SET state = $3, ended_at = now()
        WHERE partner_id = $1 AND callback_id = ANY($2::text[])
            AND (state = 'pending' OR state = 'undelivered' AND $3 = 'delivered') RETURNING callback_id
        """,
        *(partner_id, callback_ids, state),
    )
    return {row["callback_id"] for row in rows}


async def replace(connection: Connection, partner_id: int, call_id: str) -> None:
    """Send nothing more of a call that is processed again: what was not delivered gives way to the result to come."""
    await connection.execute(
        """
        UPDATE callbacks SET state = 'replaced', ended_at = now()
        WHERE partner_id = $1 AND call_id = $2 AND state IN ('pending', 'undelivered')
        """,
        *(partner_id, call_id),
    )


async def erase(connection: Connection, partner_id: int, call_ids: Sequence[str]) -> tuple[list[str], int]:
    """Delete the callbacks of calls and their tries.

    Callbacks are locked before their calls, and made by who has the call: erase them before the calls are locked, and
    once more after.

    Returns:
        The ids of the callbacks, and the rows that went.
    """
    gone = await connection.fetch(
        "DELETE FROM callbacks WHERE partner_id = $1 AND call_id = ANY($2::text[]) RETURNING callback_id",
        *(partner_id, call_ids),
    )
    callback_ids = [row["callback_id"] for row in gone]
    tries: int = await connection.fetchval(  # a statement of its own, which sees the tries that it waited for
        """
        WITH gone AS (
            DELETE FROM callback_attempts WHERE partner_id = $1 AND callback_id = ANY($2::text[]) RETURNING 1
        )
        SELECT count(*) FROM gone
        """,
        *(partner_id, callback_ids),
    )
    return callback_ids, len(callback_ids) + tries


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which callbacks of a partner; what is None makes no difference.

    Attributes:
        since: Made then or later.
        until: Made before.
    """

    partner_id: int
    subtenant_no: int | None = None
    state: State | None = None
    call_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    callback_ids: list[str] | None = None

    def values(self) -> tuple[object, ...]:
        """The arguments of `WANTED`."""
        return (
            *(self.partner_id, self.subtenant_no, self.state, self.call_id),
            *(self.since, self.until, self.callback_ids),
        )


WANTED = """
    ($2::bigint IS NULL OR c.subtenant_no = $2) AND ($3::text IS NULL OR c.state = $3)
    AND ($4::text IS NULL OR c.call_id = $4) AND ($5::timestamptz IS NULL OR c.created_at >= $5)
    AND ($6::timestamptz IS NULL OR c.created_at < $6) AND ($7::text[] IS NULL OR c.callback_id = ANY($7))
"""
"""Which callbacks `c` of a partner are wanted; $1 is the partner."""


async def find(connection: Connection, wanted: Wanted, *, most: int) -> list[str]:
    """Find and lock callbacks that are to be sent again, the oldest first; those that others work on are left out."""
    rows = await connection.fetch(
        f"""
        SELECT c.callback_id FROM callbacks c WHERE c.partner_id = $1 AND {WANTED}
        ORDER BY c.created_at, c.callback_id LIMIT $8 FOR NO KEY UPDATE SKIP LOCKED
        """,  # noqa: S608
        *wanted.values(),
        most,
    )
    return [row["callback_id"] for row in rows]


async def count(connection: Connection, wanted: Wanted) -> int:
    """How many callbacks there are."""
    counted: int = await connection.fetchval(
        f"SELECT count(*) FROM callbacks c WHERE c.partner_id = $1 AND {WANTED}",  # noqa: S608
        *wanted.values(),
    )
    return counted


async def newest(connection: Connection, partner_id: int, call_id: str) -> str | None:
    """The id of a call's newest callback; None where there is none yet."""
    callback_id: str | None = await connection.fetchval(
        """
        SELECT callback_id FROM callbacks WHERE partner_id = $1 AND call_id = $2
        ORDER BY created_at DESC, callback_id DESC LIMIT 1
        """,
        partner_id,
        call_id,
    )
    return callback_id


async def resend(connection: Connection, partner_id: int, callback_ids: list[str]) -> list[str]:
    """Send callbacks that have ended again, each with the same id and body and as many tries as at first.

    Left as they are: those that are pending, those tried too often, and those of which the call has a newer one.

    Returns:
        The ids of the calls whose callbacks are pending now; the caller says so on them.
    """
    rows = await connection.fetch(
        """
        UPDATE callbacks c SET state = 'pending', allowed = attempts + $3, next_attempt_at = now(), ended_at = NULL
        WHERE partner_id = $1 AND callback_id = ANY($2) AND state IN ('delivered', 'undelivered') AND attempts < $4
            AND NOT EXISTS (
                SELECT FROM callbacks n WHERE n.partner_id = c.partner_id AND n.call_id = c.call_id
                    AND (n.created_at, n.callback_id) > (c.created_at, c.callback_id))
        RETURNING callback_id, call_id, url
        """,
        *(partner_id, callback_ids, TRIES, MOST_ATTEMPTS),
    )
    for row in rows:
        await queue.enqueue(connection, "deliver", partner_id, row["callback_id"], host=queue.host_of(row["url"]))
    return [row["call_id"] for row in rows]
