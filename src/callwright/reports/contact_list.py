"""The contacts that were called in a period, each with what all of its calls come to, in pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from callwright import rollups
from callwright.db import Connection, Scope
from callwright.reports.asked import Asked, Statement

Sort = Literal["last_call", "calls", "intent", "quality", "id"]
SORTS: dict[Sort, str] = {
    "last_call": "c.last_call_at",
    "calls": "c.calls",
    "intent": "c.intent_score",
    "quality": "c.quality_sum::float8 / nullif(c.quality_calls, 0)",
    "id": "c.customer_id",
}
MOST_SKIPPED = 100_000


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer. All but the last call's time is over all of the customer's calls, whatever the period.

    Attributes:
        customer_id: The partner's own id.
        name: None where nobody sent one.
        email: Likewise.
        calls: Those that have ended.
        last_call_at: When the last one ended, by the end of the calls.
        last_call_id: Its id.
        agent_id: Of the last call.
        agent_name: Likewise.
        intent: Of the last call that has one.
        intent_score: Likewise.
        quality: The mean of the calls' quality scores; None where no call has one.
        disposition: As it is now.
    """

    customer_id: str
    name: str | None
    email: str | None
    calls: int
    last_call_at: datetime
    last_call_id: str
    agent_id: str
    agent_name: str | None
    intent: str | None
    intent_score: int | None
    quality: float | None
    disposition: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list.

    Attributes:
        search: A part of the id, the name or the e-mail address; case makes no difference to ASCII letters.
        sort: By what.
        descending: The largest first; what is not known comes last either way.
        skip: How many come before.
        most: How many.
        after: The id after which the page begins, for those that are sorted by it from the smallest on.
    """

    search: str = ""
    sort: Sort = "last_call"
    descending: bool = True
    skip: int = 0
    most: int = 25
    after: str | None = None


async def list_contacts(connection: Connection, scope: Scope, asked: Asked, page: Page) -> tuple[list[Contact], bool]:
    """List the contacts who had a call in the period; the other filters are on what the list shows of each.

    That is: the agent is that of the last call, the intent the latest. `FAILED` asks for those who had a call in the
    period that failed. Those of whom something is due are counted from their calls.

    Returns:
        The page, and whether there are more.
    """
    statement = Statement(scope, asked)
    beginning = statement.beginning(asked.since)
    columns = ", ".join(f"c.{name}" for name in rollups.CONTACT_COLUMNS)
    wanted, order = _wanted(statement, page), _order(page)
    most = f"{statement.give(min(page.skip, MOST_SKIPPED) + page.most + 1)}::bigint"
    pending = "AND customer_id IN (SELECT customer_id FROM pending) AND (SELECT kept FROM ready)"
    text = f"""
        {beginning}, ready AS MATERIALIZED (
            SELECT EXISTS (SELECT FROM rolled_subtenants
                WHERE partner_id = $1 AND subtenant_no = $2 AND time_zone <> '') AS kept
        ), pending AS MATERIALIZED (
            SELECT DISTINCT customer_id FROM recounts_due
            WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id IS NOT NULL
        ), found AS (
            SELECT {columns} FROM (  -- the index has all that is sorted by; the rest is read of a page alone
                SELECT c.customer_id FROM contact_rollups c
                WHERE c.partner_id = $1 AND c.subtenant_no = $2 AND (SELECT kept FROM ready)
                    AND c.customer_id NOT IN (SELECT customer_id FROM pending) AND {wanted}
                ORDER BY {order} LIMIT {most}
            ) AS first
            JOIN contact_rollups c
                ON c.partner_id = $1 AND c.subtenant_no = $2 AND c.customer_id = first.customer_id
            UNION ALL
            SELECT {columns} FROM ({rollups.contacts(pending)}) AS c WHERE {wanted}
            UNION ALL
            SELECT {columns} FROM ({rollups.contacts("AND NOT (SELECT kept FROM ready)")}) AS c WHERE {wanted}
        ), page AS (
            SELECT * FROM found c ORDER BY {order} LIMIT {most} OFFSET {statement.give(page.skip)}::bigint
        )
        SELECT c.customer_id, k.name, k.email, c.calls, c.last_call_at, c.last_call_id, c.agent_id,
            a.name AS agent_name, c.intent, c.intent_score,
            c.quality_sum::float8 / nullif(c.quality_calls, 0) AS quality, k.disposition_status
        FROM page c
        LEFT JOIN customers k ON k.partner_id = $1 AND k.subtenant_no = $2 AND k.customer_id = c.customer_id
        LEFT JOIN agents a ON a.partner_id = $1 AND a.subtenant_no = $2 AND a.agent_id = c.agent_id
        ORDER BY {order}
    """  # noqa: S608
    rows = await connection.fetch(text, *statement.arguments)
    return [Contact(*row.values()) for row in rows[: page.most]], len(rows) > page.most


def _order(page: Page) -> str:
    direction = "DESC" if page.descending else "ASC"
    last = " NULLS LAST" if page.sort in ("intent", "quality") else ""  # the index has no such order
    return f"{SORTS[page.sort]} {direction}{last}, c.customer_id"


def _had_call(statement: Statement, which: str = "") -> str:
    since, until = statement.day(statement.asked.since), statement.day(statement.asked.until)
    return f"""EXISTS (SELECT FROM ended_calls e
        WHERE e.partner_id = $1 AND e.subtenant_no = $2 AND e.customer_id = c.customer_id
            AND e.end_time >= {statement.midnight(statement.asked.since)} - interval '3 hours'
            AND e.end_time < {statement.midnight(statement.asked.until)} + interval '3 hours'
            AND {statement.day_of("e.end_time")} >= {since} AND {statement.day_of("e.end_time")} < {until} {which})
    """


def _wanted(statement: Statement, page: Page) -> str:
    """Conditions on a contact `c`. It had a call in the period: its last one tells, unless that came after it."""
    asked = statement.asked
    since, until = statement.midnight(asked.since), statement.midnight(asked.until)
    last = statement.day_of("c.last_call_at")
    found = [  # what needs no day is asked first: days are dear, for some 100,000 contacts
        f"c.last_call_at >= {since} - interval '3 hours'",
        f"(c.last_call_at >= {since} + interval '3 hours' OR {last} >= {statement.day(asked.since)})",
        f"""(c.last_call_at < {until} - interval '3 hours' OR {last} < {statement.day(asked.until)}
            OR {_had_call(statement)})""",
    ]
    if asked.agent_id is not None:
        found.append(f"c.agent_id = {statement.give(asked.agent_id)}")
    if asked.customer_id is not None:
        found.append(f"c.customer_id = {statement.give(asked.customer_id)}")
    if asked.disposition is not None:
        found.append(statement.is_one_of_those("c.customer_id"))
    if asked.intent == rollups.FAILED:
        found.append(_had_call(statement, "AND NOT e.completed"))
    elif asked.intent == rollups.NOT_ASSESSED:
        found.append("c.intent IS NULL")
    elif asked.intent is not None:
        found.append(f"c.intent = {statement.give(asked.intent)}")
    if page.search:
        found.append(f"strpos(c.words, lower({statement.give(page.search)}::text)) > 0")
    if page.after is not None:
        found.append(f"c.customer_id > {statement.give(page.after)}")
    return " AND ".join(found)
