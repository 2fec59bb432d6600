"""What was answered to requests that carried an Idempotency-Key, so that one that is sent again does nothing anew."""

from collections.abc import Sequence
from datetime import timedelta

from callwright.db import Connection, Scope
from callwright.errors import Conflict, ValidationFailed

KEPT = timedelta(hours=24)
_FORGOTTEN_AT_A_TIME = 10_000


async def find_answer(connection: Connection, scope: Scope, key: str, request_hash: bytes) -> bytes | None:
    """Look for what was answered to a key, and keep the key to this transaction until it ends.

    Args:
        connection: With the transaction open that does the work and calls `keep_answer`.
        scope: Whose key it is: two subtenants may use the same.
        key: As it was sent.
        request_hash: Of all that makes the request the same one.

    Returns:
        The answer; None where the work is still to be done.

    Raises:
        Conflict: A request with this key is under way.
        ValidationFailed: The key was sent before with another request.
    """
    whose = scope.partner_id, scope.subtenant_no, key
    name = f"idempotency {scope.partner_id} {scope.subtenant_no} {key}"
    if not await connection.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", name):
        raise Conflict
    row = await connection.fetchrow(
        """
        SELECT request_hash, answer FROM idempotent_answers
        WHERE partner_id = $1 AND subtenant_no = $2 AND key = $3 AND answered_at > now() - $4::interval
        """,
        *whose,
        KEPT,
    )
    if row is None:
        return None
    if row["request_hash"] != request_hash:
        told = "Idempotency-Key must not be sent again with another request"
        raise ValidationFailed([{"field": "Idempotency-Key", "message": told}])
    answer: bytes = row["answer"]
    return answer


async def keep_answer(connection: Connection, scope: Scope, key: str, request_hash: bytes, answer: bytes) -> None:
    """Keep an answer with the work that it tells of; one that is too old gives way."""
    await connection.execute(
        """
        INSERT INTO idempotent_answers (partner_id, subtenant_no, key, request_hash, answer)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (partner_id, subtenant_no, key) DO UPDATE
            SET request_hash = excluded.request_hash, answer = excluded.answer, answered_at = now()
        """,
        *(scope.partner_id, scope.subtenant_no, key, request_hash, answer),
    )


async def erase(connection: Connection, partner_id: int, call_ids: Sequence[str]) -> int:
    """Delete the answers that tell of calls, and the keys that may too; gives how many.

    All of a partner's answers are read, of which there are those of a day.
    """
    rows = await connection.fetch(
        """
        DELETE FROM idempotent_answers
        WHERE partner_id = $1 AND convert_from(answer, 'UTF8')::json #>> '{data,call_id}' = ANY($2::text[])
        RETURNING true
        """,
        *(partner_id, call_ids),
    )
    return len(rows)


async def keep_house(connection: Connection) -> None:
    """Forget the answers that are no longer kept."""
    await connection.execute(
        """
        DELETE FROM idempotent_answers WHERE (partner_id, subtenant_no, key) IN (
            SELECT partner_id, subtenant_no, key FROM idempotent_answers
            WHERE answered_at < now() - $1::interval LIMIT $2)
        """,
        KEPT,
        _FORGOTTEN_AT_A_TIME,
    )
