"""Callbacks: what a partner is told of a call, signed, tried, and every try kept."""

import random
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import orjson
from standardwebhooks import Webhook

from callwright import queue
from callwright.analysis import Analysis
from callwright.analysis.fields import callback_fields
from callwright.db import Connection
from callwright.errors import NotFound
from callwright.outbound import AddressRefused, ExchangeFailed, Outbound, retry_after_seconds

State = Literal["pending", "delivered", "undelivered"]

TRIES = 4
"""One and three retries (contract, section 3.1)."""

ANSWER_CHARACTERS = 500
"""How much of a receiver's answer is kept with the try."""

LONGEST_WAIT_SECONDS = 3600.0
"""A receiver's Retry-After is honoured up to this."""


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
    """Of which call, and to where: what a callback carries beside the analysis; `metadata_json` is as it was sent."""

    partner_id: int
    call_id: str
    agent_id: str
    customer_id: str
    metadata_json: str | None
    url: str


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


def payload(told: Told, analysis: Analysis | None, failure: str | None) -> bytes:
    """Build the body of section 3.1 of the contract.

    Args:
        told: The call.
        analysis: Its analysis; None where it failed, and every analysis field is then null.
        failure: The reason that the partner reads, where it failed.
    """
    return orjson.dumps(
        {
            "call_id": told.call_id,
            "type": "CALL_SUMMARY",
            "customer_id": told.customer_id,
            "agent_id": told.agent_id,
            "status": "failed" if failure else "completed",
            "error": failure,
            **callback_fields(analysis),
            "meta": orjson.Fragment(told.metadata_json or "{}"),  # verbatim, whatever numbers it has
        }
    )


async def prepare(connection: Connection, told: Told, body: bytes) -> None:
    """Keep a callback and enqueue its delivery, in the transaction that ends the call."""
    callback_id = f"msg_{secrets.token_hex(12)}"
    await connection.execute(
        """
        INSERT INTO callbacks (partner_id, callback_id, call_id, url, body, allowed)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        told.partner_id,
        callback_id,
        told.call_id,
        told.url,
        body,
        TRIES,
    )
    await queue.enqueue(connection, "deliver", told.partner_id, callback_id)


async def begin_attempt(connection: Connection, partner_id: int, callback_id: str) -> Delivery | None:
    """Count a try and read what to send; None where the callback has ended or is not due.

    The try is counted first: a process that dies between the POST and its record has used it up.
    """
    row = await connection.fetchrow(
        """
        UPDATE callbacks SET attempts = attempts + 1
        WHERE partner_id = $1 AND callback_id = $2 AND state = 'pending' AND next_attempt_at <= now()
        RETURNING partner_id, callback_id, call_id, url, body, attempts, allowed
        """,
        partner_id,
        callback_id,
    )
    return None if row is None else Delivery(*row.values())


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
    text = body[: ANSWER_CHARACTERS * 4].decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)[
        :ANSWER_CHARACTERS
    ]


async def finish_attempt(connection: Connection, delivery: Delivery, outcome: Outcome, policy: RetryPolicy) -> State:
    """Record a try and what follows from it, in one transaction; recorded already, it changes nothing.

    Returns:
        How the callback stands now; the caller says so on the call, in the same transaction.
    """
    fresh = await connection.fetchval(
        """
        INSERT INTO callback_attempts
            (partner_id, callback_id, attempt, started_at, elapsed_ms, http_status, error, answer)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING true
        """,
        delivery.partner_id,
        delivery.callback_id,
        delivery.attempt,
        outcome.started_at,
        round(outcome.elapsed * 1000),
        outcome.http_status,
        outcome.error,
        outcome.answer,
    )
    if fresh is None:
        kept: State = await connection.fetchval(
            "SELECT state FROM callbacks WHERE partner_id = $1 AND callback_id = $2",
            delivery.partner_id,
            delivery.callback_id,
        )
        return kept
    if outcome.error is None:
        state: State = "delivered"
    elif delivery.attempt >= delivery.allowed:
        state = "undelivered"
    else:
        wait = policy.wait(delivery.attempt, outcome.retry_after)
        await connection.execute(
            """
            UPDATE callbacks SET next_attempt_at = now() + $3
            WHERE partner_id = $1 AND callback_id = $2 AND state = 'pending'
            """,
            delivery.partner_id,
            delivery.callback_id,
            timedelta(seconds=wait),
        )
        await queue.enqueue(connection, "deliver", delivery.partner_id, delivery.callback_id, delay=wait)
        return "pending"
    await end(connection, delivery, state)
    return state


async def end(connection: Connection, delivery: Delivery, state: State) -> None:
    """End a callback, so that it is not tried any more unless somebody sends it again."""
    await connection.execute(
        "UPDATE callbacks SET state = $3, ended_at = now() WHERE partner_id = $1 AND callback_id = $2",
        delivery.partner_id,
        delivery.callback_id,
        state,
    )


async def list_callbacks(
    connection: Connection, partner_id: int, *, state: str | None = None
) -> list[dict[str, object]]:
    """List a partner's newest callbacks with their last try, at most 200, for the operator."""
    rows = await connection.fetch(
        """
        SELECT c.callback_id, c.call_id, c.state, c.attempts, c.created_at, c.next_attempt_at, c.ended_at,
               t.http_status, t.error
        FROM callbacks c
        LEFT JOIN LATERAL (
            SELECT http_status, error FROM callback_attempts a
            WHERE a.partner_id = c.partner_id AND a.callback_id = c.callback_id ORDER BY attempt DESC LIMIT 1
        ) AS t ON true
        WHERE c.partner_id = $1 AND ($2::text IS NULL OR c.state = $2)
        ORDER BY c.created_at DESC LIMIT 200
        """,
        partner_id,
        state,
    )
    return [dict(row) for row in rows]


async def resend(connection: Connection, partner_id: int, callback_id: str) -> str:
    """Send a callback that has ended again, with the same id and body and as many tries as at first.

    Args:
        connection: With a transaction open.
        partner_id: Whose it is.
        callback_id: Its `webhook-id`.

    Returns:
        The id of its call; the caller says on it that a callback is pending.

    Raises:
        NotFound: The partner has no callback of this id that has ended.
    """
    call_id: str | None = await connection.fetchval(
        """
        UPDATE callbacks SET state = 'pending', allowed = attempts + $3, next_attempt_at = now(), ended_at = NULL
        WHERE partner_id = $1 AND callback_id = $2 AND state <> 'pending' RETURNING call_id
        """,
        partner_id,
        callback_id,
        TRIES,
    )
    if call_id is None:
        raise NotFound("Callback not found")
    await queue.enqueue(connection, "deliver", partner_id, callback_id)
    return call_id
