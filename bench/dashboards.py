"""What each question of a dashboard takes with millions of calls stored: a large subtenant among others."""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import asyncpg
import orjson

from bench.figures import Figure
from bench.house import a_server, add_accounts
from bench.scale import Scale
from callwright import db, rollups
from callwright.db import Pool, Scope
from callwright.db.reads import Reads
from callwright.db.roles import EVERY_PARTNER
from callwright.reports.asked import Asked
from callwright.reports.call_list import Wanted, list_ended
from callwright.reports.contact_list import Page, list_contacts
from callwright.reports.insights import read_overview
from callwright.sealing import make_secret_key
from callwright.up import prepare

SUBTENANTS = 20
LARGE = 5
"""The large subtenant has one call in so many of all."""
CALLS_OF_A_CUSTOMER, AGENTS = 3, 45
"""Agents of the large one; the others have a quarter."""
DAYS = 365
STEP = 250_000
WARM_UP, TIMES = 6, 10
"""The driver's statements are planned for good after five."""
MOST_MILLISECONDS = 300

# $1: the partner, $2: the first number, $3: the last, $4: all of them, $5: the subtenants, the large one first, $6: the
# end of the year. Calls are stored as they come in: in the order of time but for hours, those of all subtenants mixed.
_NUMBERED = f"""
    SELECT n, s.subtenant_no,
        $6::timestamptz - interval '{DAYS} days' * (1 - n::float8 / $4::bigint)
            - interval '6 hours' * random() AS end_time,
        'customer-' || (n / {LARGE} % (1 + $4::bigint / {LARGE * CALLS_OF_A_CUSTOMER})) AS customer_id,
        'agent-' || (hashint8(n) & 1023)
            % CASE WHEN s.ord = 1 THEN {AGENTS} ELSE {AGENTS // 4} END AS agent_id,
        (hashint8(n + 7) & 1023) AS r
    FROM generate_series($2::bigint, $3::bigint) AS n
    JOIN unnest($5::bigint[]) WITH ORDINALITY AS s (subtenant_no, ord)
        ON s.ord = CASE WHEN n % {LARGE} = 0 THEN 1 ELSE 2 + n % (cardinality($5::bigint[]) - 1) END
"""
_METRICS = orjson.dumps(
    {
        "agent_talk_seconds": 131.25,
        "customer_talk_seconds": 88.5,
        "talk_ratio": 0.597,
        "longest_monologue_seconds": 41.0,
        "agent_interruptions": 3,
        "customer_interruptions": 2,
        "silence_seconds": 31.4,
        "response_latency_seconds": 0.82,
        "customer_longest_monologue_seconds": 30.1,
        "customer_response_latency_seconds": 0.71,
        "silences": 4,
        "longest_silence_seconds": 6.2,
        "agent_words_per_minute": 151.2,
        "customer_words_per_minute": 140.9,
        "agent_questions": 7,
        "customer_questions": 3,
    }
).decode()
_PARAMETERS = (
    *("Setting Context", "Building Rapport", "Discovery", "Active Listening", "Product Knowledge"),
    *("Objection Handling", "Next Steps", "Closing"),
)
_FILL = f"""
    WITH numbered AS MATERIALIZED ({_NUMBERED}), told AS (
        INSERT INTO dispositions (partner_id, subtenant_no, customer_id, status, effective_at, source, call_id)
        SELECT $1, subtenant_no, customer_id, (ARRAY['new', 'interested', 'callback', 'won', 'lost'])[1 + r % 5],
            end_time, 'call', 'call-' || n
        FROM numbered WHERE r % 2 = 0
    )
    INSERT INTO ended_calls (partner_id, subtenant_no, customer_id, end_time, call_id, start_time, agent_id, completed,
        intent, intent_score, quality_score, bant, concerns, topics, quality_parameters, quality_reached,
        quality_maxima, metrics)
    SELECT $1, subtenant_no, customer_id, end_time, 'call-' || n, end_time - interval '1 second' * (20 + r), agent_id,
        true,
        (ARRAY['INTERESTED', 'NEUTRAL', 'NEUTRAL', 'NOT_INTERESTED', 'NOT_INTERESTED', 'NOT_QUALIFIED',
            'NOT_AVAILABLE', NULL])[1 + r % 8],
        r % 101, 40 + r % 60, ARRAY['needs', 'objection'],
        CASE WHEN r % 3 = 0 THEN ARRAY[(ARRAY['Pricing', 'Functionality', 'Integration', 'Timing', 'Trust'])[1 + r % 5]]
            ELSE '{{}}' END,
        ARRAY['Budget', 'Timeline'], $7::text[], ARRAY[r % 11, 5, 7, r % 6, 9, 3, r % 8, 4], $8::smallint[],
        $9::text::jsonb
    FROM numbered
"""
_PEOPLE = f"""
    WITH agents_made AS (
        INSERT INTO agents (partner_id, subtenant_no, agent_id, name)
        SELECT $1, s, 'agent-' || n, 'Agent ' || n FROM unnest($2::bigint[]) AS s, generate_series(0, {AGENTS - 1}) AS n
    )
    INSERT INTO customers (partner_id, subtenant_no, customer_id, name, email, disposition_status,
        disposition_effective_at)
    SELECT $1, subtenant_no, customer_id, 'Jordan Example ' || md5(customer_id),
        customer_id || '@customer.example.com',
        (ARRAY['new', 'interested', 'callback', 'won', 'lost'])[1 + (hashtext(customer_id) & 1023) % 5], now()
    FROM (SELECT DISTINCT subtenant_no, customer_id FROM ended_calls WHERE partner_id = $1) AS k
"""


async def measure(scale: Scale) -> list[Figure]:
    """Figure 10."""
    async with a_server() as (_, url):
        await prepare(url)
        [account] = await add_accounts(url, make_secret_key(), 1)
        subtenants = await fill(url, account.scope, scale.stored[1])
        pool = await db.open_pool(url, size=2, name="bench")
        began = time.perf_counter()
        await rollups.keep_house(pool, asyncio.Event())
        counted = time.perf_counter() - began
        await analyse(url, "contact_rollups", "day_rollups", "day_calls")
        figures = await answers(pool, Scope(account.scope.partner_id, subtenants[0]))
        await pool.close()
    return [
        *figures,
        Figure(
            "rollups counted anew",
            f"{scale.stored[1] / counted:,.0f} calls/s",
            note=f"all days of all subtenants of a database with {scale.stored[1]:,} calls, resting half of the time",
        ),
    ]


async def fill(url: str, scope: Scope, count: int) -> list[int]:
    """Store calls that have ended over a year, with customers, agents and dispositions; gives the subtenants."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"SET ROLE {EVERY_PARTNER}; SET statement_timeout = 0")
    rows = await connection.fetch(
        """
        INSERT INTO subtenants (partner_id, tenant_id, subtenant_id)
        SELECT $1, 'tenant', 'team-' || n FROM generate_series(1, $2) AS n RETURNING subtenant_no
        """,
        scope.partner_id,
        SUBTENANTS,
    )
    subtenants, end = [row["subtenant_no"] for row in rows], dt.datetime.now(dt.UTC)
    for first in range(0, count, STEP):
        await connection.execute(
            _FILL, scope.partner_id, first, min(first + STEP, count) - 1, count, subtenants, end, list(_PARAMETERS),
            [10, 5, 10, 5, 10, 10, 10, 5], _METRICS,
        )  # fmt: skip
    await connection.execute(_PEOPLE, scope.partner_id, subtenants)
    await connection.execute(
        "INSERT INTO recounts_due (partner_id, subtenant_no, at) SELECT $1, s, now() FROM unnest($2::bigint[]) AS s",
        scope.partner_id,
        subtenants,
    )
    await connection.execute("RESET ROLE")
    await connection.close()
    await analyse(url, "ended_calls", "customers", "dispositions", "agents")
    return subtenants


async def analyse(url: str, *tables: str) -> None:
    """Tell the planner of what was written, as the server does itself within a minute."""
    connection = await asyncpg.connect(url)
    for table in tables:
        await connection.execute(f"VACUUM (ANALYZE) {table}")
    await connection.close()


async def answers(pool: Pool, scope: Scope, only: str = "") -> list[Figure]:
    """The median time of each question."""
    bound = MOST_MILLISECONDS
    return [
        Figure(name, f"{taken:.0f} ms", f"{bound} ms", taken / bound, 1.0, at_most=True)
        for name, taken in (await milliseconds(pool, scope, only)).items()
    ]


async def milliseconds(pool: Pool, scope: Scope, only: str = "") -> dict[str, float]:
    """The median milliseconds of each question, by its name."""
    today = dt.datetime.now(dt.UTC).date() + dt.timedelta(1)

    def last(days: int, **filters: Any) -> Asked:
        return Asked(today - dt.timedelta(days), today, **filters)

    def overview(asked: Asked) -> Callable[[], Awaitable[object]]:
        return lambda: read_overview(Reads(pool), scope, asked)

    async def contacts(asked: Asked, page: Page) -> object:
        async with db.transaction(pool, scope) as connection:
            return await list_contacts(connection, scope, asked, page)

    async def calls(asked: Asked, wanted: Wanted) -> object:
        async with db.transaction(pool, scope) as connection:
            return await list_ended(connection, scope, asked, wanted, most=50)

    questions: dict[str, Callable[[], Awaitable[object]]] = {
        "figures of 30 days": overview(last(30)),
        "figures of a year": overview(last(DAYS)),
        "figures of a year, one agent": overview(last(DAYS, agent_id="agent-7")),
        "figures of a year, one intent": overview(last(DAYS, intent="INTERESTED")),
        "figures of a year, one customer": overview(last(DAYS, customer_id="customer-10")),
        "figures of 30 days, one disposition": overview(last(30, disposition="won")),
        "figures of 92 days, one disposition": overview(last(92, disposition="won")),
        "figures of 92 days, one disposition and agent": overview(last(92, disposition="won", agent_id="agent-7")),
        "contacts of a year": lambda: contacts(last(DAYS), Page()),
        "contacts of a year, by quality": lambda: contacts(last(DAYS), Page(sort="quality")),
        "contacts of a year, searched": lambda: contacts(last(DAYS), Page(search="ab12")),
        "contacts of 92 days, one disposition": lambda: contacts(last(92, disposition="won"), Page()),
        "calls of a year": lambda: calls(last(DAYS), Wanted()),
        "calls of a year, one concern and agent": lambda: calls(
            last(DAYS, agent_id="agent-7"), Wanted(concern="Trust")
        ),
        "calls of 92 days, one disposition": lambda: calls(last(92, disposition="won"), Wanted()),
    }
    return {name: await _timed(ask) for name, ask in questions.items() if only in name}


async def _timed(ask: Callable[[], Awaitable[object]]) -> float:
    taken = []
    for number in range(WARM_UP + TIMES):
        began = time.perf_counter()
        await ask()
        if number >= WARM_UP:
            taken.append((time.perf_counter() - began) * 1000)
    return median(taken)
