"""Days and contacts, each counted once from the calls that have ended, and again when they change."""

import asyncio
import time
from datetime import date
from typing import get_args

import structlog

from callwright import day_calls, db, recounts
from callwright.analysis import Intent
from callwright.db import Connection, Pool, Scope

log = structlog.get_logger()

INTENTS = get_args(Intent)
NOT_ASSESSED, FAILED, NO_CALL = "NOT_ASSESSED", "FAILED", "NO_CALL"
ALL = ""
LABELS = (*INTENTS, NOT_ASSESSED, FAILED)
"""One of them is a call's: its intent, or why it has none."""
PACKED_LABELS = (*LABELS, NO_CALL)
"""Those of a day's bytes, which name them by their places."""

ENGAGED_SECONDS = 120
"""A longer call counts as engaged."""

# The statements below are put together from parts, so that what is kept and what is counted for a reader who cannot
# wait for it are the same. Each begins with `house`, the time zone, and `spans`, days from `since` on and before
# `until`; $1 is the partner, $2 the subtenant.


def read(wanted: str = "") -> str:
    """The calls of the spans, each with its day and its label; `wanted` are conditions on ended_calls, with AND."""
    # The hours let in a midnight that a zone has twice; the day is what tells.
    return f"""
    SELECT e.day, e.agent_id, e.label, e.customer_id, e.call_id, e.concerns, e.quality_parameters,
        e.quality_reached, e.quality_maxima, e.quality_score, e.intent_score,
        (extract(epoch FROM e.end_time - e.start_time) * 1000)::bigint AS milliseconds,
        round(m.agent_talk_seconds * 1000)::bigint AS agent_ms,
        round(m.customer_talk_seconds * 1000)::bigint AS customer_ms, m.talk_ratio IS NOT NULL AS sided
    FROM spans s CROSS JOIN house h
    CROSS JOIN LATERAL (
        SELECT *, (end_time AT TIME ZONE h.time_zone)::date AS day,
            CASE WHEN completed THEN coalesce(intent, '{NOT_ASSESSED}') ELSE '{FAILED}' END AS label
        FROM ended_calls
        WHERE partner_id = $1 AND subtenant_no = $2
            AND end_time >= s.since::timestamp AT TIME ZONE h.time_zone - interval '3 hours'
            AND end_time < s.until::timestamp AT TIME ZONE h.time_zone + interval '3 hours' {wanted}
        OFFSET 0  -- each span is looked up by the index, instead of all calls being held against the spans
    ) AS e
    LEFT JOIN LATERAL jsonb_to_record(e.metrics) AS m(
        agent_talk_seconds float8, customer_talk_seconds float8, talk_ratio float8) ON true
    WHERE e.day >= s.since AND e.day < s.until
    """  # noqa: S608


COUNTED = f"""
    count(*)::integer AS calls,
    (count(*) FILTER (WHERE milliseconds > {ENGAGED_SECONDS * 1000}))::integer AS engaged,
    sum(milliseconds)::bigint AS milliseconds,
    coalesce(sum(agent_ms + customer_ms), 0)::bigint AS talk_ms,
    coalesce(sum(agent_ms + customer_ms) FILTER (WHERE sided), 0)::bigint AS sided_ms,
    coalesce(sum(agent_ms) FILTER (WHERE sided), 0)::bigint AS agent_ms,
    coalesce(sum(quality_score), 0)::bigint AS quality_sum, count(quality_score)::integer AS quality_calls,
    coalesce(sum(intent_score), 0)::bigint AS score_sum, count(intent_score)::integer AS score_calls,
    (count(*) FILTER (WHERE label NOT IN ('{NOT_ASSESSED}', '{FAILED}')))::integer AS assessed,
    (count(*) FILTER (WHERE label = 'INTERESTED'))::integer AS interested
"""
SUMS = (
    *("calls", "engaged", "milliseconds", "talk_ms", "sided_ms", "agent_ms"),
    *("quality_sum", "quality_calls", "score_sum", "score_calls", "assessed", "interested"),
)
"""What is counted; all of it can be added up."""

CUSTOMERS = f"string_agg(DISTINCT {day_calls.HASHED_CUSTOMER}, ''::bytea)"
"""Who was called: eight bytes each."""

TOLD = """
    SELECT d.call_id, d.status
    FROM (SELECT DISTINCT customer_id FROM read) AS k
    CROSS JOIN LATERAL (
        SELECT call_id, status FROM dispositions
        WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = k.customer_id AND source = 'call' OFFSET 0
    ) AS d
"""
"""What calls said of their customers: read once of a customer, however many calls that is the customer of."""

# The dispositions of `told` are put beside the calls by grouping, as the planner, which knows nothing of `read`, would
# join them row by row.
NAMED = """
    SELECT day, agent_id, label, 'concern' AS kind, name, 0 AS reached, 0 AS maximum
    FROM read, unnest(concerns) AS name
    UNION ALL
    SELECT day, agent_id, label, 'parameter', q.name, q.reached, q.maximum
    FROM read, unnest(quality_parameters, quality_reached, quality_maxima) AS q (name, reached, maximum)
    UNION ALL
    SELECT max(day), max(agent_id), max(label), 'disposition', max(status), 0, 0
    FROM (
        SELECT call_id, day, agent_id, label, NULL AS status FROM read
        UNION ALL
        SELECT call_id, NULL, NULL, NULL, status FROM told
    ) AS both_of_them
    GROUP BY call_id HAVING count(day) > 0 AND count(status) > 0
"""


def told_without_call(wanted: str = "") -> str:
    """The dispositions of the spans that came without a call; `wanted` are conditions on dispositions, with AND."""
    return f"""
    SELECT d.day, '' AS agent_id, '{NO_CALL}' AS label, 'disposition' AS kind, d.status AS name, 0 AS reached,
        0 AS maximum, d.customer_id
    FROM spans s CROSS JOIN house h
    CROSS JOIN LATERAL (
        SELECT status, customer_id, (effective_at AT TIME ZONE h.time_zone)::date AS day FROM dispositions
        WHERE partner_id = $1 AND subtenant_no = $2 AND source = 'api'
            AND effective_at >= s.since::timestamp AT TIME ZONE h.time_zone - interval '3 hours'
            AND effective_at < s.until::timestamp AT TIME ZONE h.time_zone + interval '3 hours' {wanted}
        OFFSET 0
    ) AS d
    WHERE d.day >= s.since AND d.day < s.until
    """  # noqa: S608


def packed(without_call: str) -> str:
    """The parts of a statement that put the calls of `read` into bytes, as `day_calls.packed`."""
    return day_calls.packed(PACKED_LABELS, without_call)


_COLUMNS = ", ".join(SUMS)
_COUNT_DAYS = f"""
WITH house AS (
    SELECT time_zone FROM rolled_subtenants WHERE partner_id = $1 AND subtenant_no = $2
), spans AS (
    SELECT day AS since, day + 1 AS until FROM unnest($3::date[]) AS day
), read AS MATERIALIZED ({read()}), told AS MATERIALIZED ({TOLD}), counted AS (
    SELECT coalesce(agent_id, '') AS agent_id, day, label, {COUNTED}, {CUSTOMERS} AS customers
    FROM read GROUP BY GROUPING SETS ((day, label), (day, label, agent_id))
    UNION ALL
    SELECT agent_id, day, '{ALL}', {COUNTED}, NULL FROM read GROUP BY agent_id, day
), named AS (
    SELECT coalesce(agent_id, '') AS agent_id, day, label, kind, name, count(*)::integer AS calls,
        sum(reached)::bigint AS reached, sum(maximum)::bigint AS maximum
    FROM ({NAMED}) AS n GROUP BY GROUPING SETS ((day, label, kind, name), (day, label, agent_id, kind, name))
    UNION ALL
    SELECT agent_id, day, label, kind, name, count(*)::integer, 0, 0
    FROM ({told_without_call()}) AS n GROUP BY agent_id, day, label, kind, name
), listed AS (
    SELECT agent_id, day, label, array_agg(kind) AS kinds, array_agg(name) AS names, array_agg(calls) AS name_calls,
        array_agg(reached) AS reached, array_agg(maximum) AS maxima
    FROM named GROUP BY agent_id, day, label
), {packed(told_without_call())}, kept AS (
    INSERT INTO day_calls (partner_id, subtenant_no, {day_calls.COLUMNS})
    SELECT $1, $2, {day_calls.COLUMNS} FROM packed
)
INSERT INTO day_rollups (partner_id, subtenant_no, agent_id, day, label, {_COLUMNS}, customers, kinds, names,
    name_calls, reached, maxima)
SELECT $1, $2, agent_id, day, label, {", ".join(f"coalesce({name}, 0)" for name in SUMS)}, coalesce(customers, ''),
    {", ".join(f"coalesce({name}, '{{}}')" for name in ("kinds", "names", "name_calls", "reached", "maxima"))}
FROM counted FULL JOIN listed USING (agent_id, day, label)
"""  # noqa: S608


def contacts(which: str = "") -> str:
    """What the calls of each contact come to; `which` are conditions on ended_calls, with AND.

    The last call is the one that ended last, by a tie the one with the larger id.
    """
    return f"""
    SELECT c.*, lower(concat_ws(' ', k.customer_id, k.name, k.email)) AS words
    FROM (
        SELECT customer_id, count(*)::integer AS calls, max(end_time) AS last_call_at,
            (array_agg(call_id ORDER BY end_time DESC, call_id DESC))[1] AS last_call_id,
            (array_agg(agent_id ORDER BY end_time DESC, call_id DESC))[1] AS agent_id,
            (array_agg(intent ORDER BY end_time DESC, call_id DESC) FILTER (WHERE intent IS NOT NULL))[1] AS intent,
            (array_agg(intent_score ORDER BY end_time DESC, call_id DESC) FILTER (WHERE intent IS NOT NULL))[1]
                AS intent_score,
            coalesce(sum(quality_score), 0)::bigint AS quality_sum, count(quality_score)::integer AS quality_calls
        FROM ended_calls WHERE partner_id = $1 AND subtenant_no = $2 {which}
        GROUP BY customer_id
    ) AS c
    LEFT JOIN customers k ON k.partner_id = $1 AND k.subtenant_no = $2 AND k.customer_id = c.customer_id
    """  # noqa: S608


CONTACT_COLUMNS = (
    *("customer_id", "calls", "last_call_at", "last_call_id", "agent_id", "intent", "intent_score"),
    *("quality_sum", "quality_calls", "words"),
)
_INTO_CONTACTS = f"INSERT INTO contact_rollups (partner_id, subtenant_no, {', '.join(CONTACT_COLUMNS)})"


async def keep_house(pool: Pool, stop: asyncio.Event) -> None:
    """Count again what has changed, of every subtenant, a few days at a time.

    It rests as long as it works, so that a year that is counted again leaves the machine to others half of the time.

    Args:
        pool: The database.
        stop: Ends it between two transactions.
    """
    async with db.everywhere(pool) as connection:
        waiting = await recounts.subtenants(connection)
    for scope in waiting:
        counted = set[date]()
        while not stop.is_set():
            began = time.monotonic()
            async with db.everywhere(pool) as connection:
                more = await count_again(connection, scope, counted)
            if not more:
                break
            await asyncio.sleep(time.monotonic() - began)


async def count_again(connection: Connection, scope: Scope, counted: set[date]) -> bool:
    """Take some of what is due of a subtenant and count it, in the caller's transaction.

    Args:
        connection: With the transaction open.
        scope: Whose.
        counted: Days that were counted already, and are left for the next time: where calls end all the time, it would
            never end. Those that are counted now are added.

    Returns:
        False where no other day was due, or another worker is at it.
    """
    whose = scope.partner_id, scope.subtenant_no
    await _ready(connection, scope)
    row = await connection.fetchrow(
        """
        SELECT r.time_zone AS counted_in, p.time_zone
        FROM rolled_subtenants r JOIN partners p ON p.partner_id = r.partner_id
        WHERE r.partner_id = $1 AND r.subtenant_no = $2 FOR UPDATE OF r SKIP LOCKED
        """,
        *whose,
    )
    if row is None:
        return False
    if row["counted_in"] != row["time_zone"]:
        counted.clear()
        await _begin_anew(connection, scope, row["time_zone"], everybody=not row["counted_in"])
        return True
    due = await recounts.take(connection, scope, counted)
    if not due.days:
        return False
    await _count(connection, scope, due)
    counted.update(due.days)
    log.debug("counted again", subtenant_no=scope.subtenant_no, days=len(due.days), contacts=len(due.customers))
    return True


async def _count(connection: Connection, scope: Scope, due: recounts.Due) -> None:
    """Put the days' and the contacts' counts in the place of those that were."""
    whose = scope.partner_id, scope.subtenant_no
    await connection.execute(
        """
        UPDATE rolled_subtenants SET counted_to = greatest(counted_to, $3)
        WHERE partner_id = $1 AND subtenant_no = $2
        """,
        *whose,
        due.last,
    )
    await connection.execute(
        """
        DELETE FROM day_rollups
        WHERE partner_id = $1 AND subtenant_no = $2 AND label = ANY($4::text[]) AND day = ANY($3::date[])
        """,
        *whose,
        due.days,
        [*LABELS, NO_CALL, ALL],
    )
    await connection.execute(
        "DELETE FROM day_calls WHERE partner_id = $1 AND subtenant_no = $2 AND day = ANY($3::date[])", *whose, due.days
    )
    await connection.execute(_COUNT_DAYS, *whose, due.days)
    if due.customers:
        await _count_contacts(connection, scope, due.customers)


async def _count_contacts(connection: Connection, scope: Scope, customer_ids: list[str]) -> None:
    of = scope.partner_id, scope.subtenant_no, customer_ids
    await connection.execute(
        "DELETE FROM contact_rollups WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = ANY($3::text[])", *of
    )
    await connection.execute(
        f"{_INTO_CONTACTS} SELECT $1, $2, c.* FROM ({contacts('AND customer_id = ANY($3::text[])')}) AS c",  # noqa: S608
        *of,
    )


async def count_contacts(connection: Connection, scope: Scope, customer_ids: list[str]) -> None:
    """Count contacts again at once, in the caller's transaction: of those who are erased nothing may be left waiting.

    Args:
        connection: With a transaction open, after the contacts' calls were changed in it.
        scope: Whose they are.
        customer_ids: Those whose last call was erased, as well.
    """
    await _ready(connection, scope)
    await connection.fetchval(  # waits for who counts now, and might put back what is taken away here
        "SELECT true FROM rolled_subtenants WHERE partner_id = $1 AND subtenant_no = $2 FOR UPDATE",
        *(scope.partner_id, scope.subtenant_no),
    )
    await _count_contacts(connection, scope, customer_ids)
    await recounts.forget_customers(connection, scope, customer_ids)


async def _ready(connection: Connection, scope: Scope) -> None:
    """Have a row of the subtenant that can be locked; one that was never counted has a time zone of no name."""
    await connection.execute(
        """
        INSERT INTO rolled_subtenants (partner_id, subtenant_no, time_zone)
        SELECT $1, $2, '' WHERE NOT EXISTS (
            SELECT FROM rolled_subtenants WHERE partner_id = $1 AND subtenant_no = $2)
        ON CONFLICT DO NOTHING
        """,
        *(scope.partner_id, scope.subtenant_no),
    )


async def _begin_anew(connection: Connection, scope: Scope, time_zone: str, *, everybody: bool) -> None:
    """Forget a subtenant's days and note that all are due, as they begin at other times now; contacts stay."""
    whose = scope.partner_id, scope.subtenant_no
    await connection.execute("DELETE FROM day_rollups WHERE partner_id = $1 AND subtenant_no = $2", *whose)
    await connection.execute("DELETE FROM day_calls WHERE partner_id = $1 AND subtenant_no = $2", *whose)
    await connection.execute(
        "UPDATE rolled_subtenants SET time_zone = $3 WHERE partner_id = $1 AND subtenant_no = $2", *whose, time_zone
    )
    await recounts.note_every_day(connection, scope)
    if everybody:
        await connection.execute("DELETE FROM contact_rollups WHERE partner_id = $1 AND subtenant_no = $2", *whose)
        await connection.execute(f"{_INTO_CONTACTS} SELECT $1, $2, c.* FROM ({contacts()}) AS c", *whose)  # noqa: S608
