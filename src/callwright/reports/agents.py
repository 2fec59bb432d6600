"""How agents spoke over a period: their calls' metrics, each put together as its kind demands."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

import asyncpg

from callwright.analysis import Intent
from callwright.db import Connection, Scope

MOST_AGENTS = 1_000

_NUMBERS = (
    *("agent_talk_seconds", "customer_talk_seconds", "talk_ratio", "silence_seconds", "silences"),
    *("longest_silence_seconds", "longest_monologue_seconds", "customer_longest_monologue_seconds"),
    *("agent_interruptions", "customer_interruptions", "response_latency_seconds"),
    *("customer_response_latency_seconds", "agent_words_per_minute", "customer_words_per_minute"),
    *("agent_questions", "customer_questions"),
)
"""What is read of a call's metrics; one that an older analysis lacks is null there."""

OF_THE_CALL = ("silence_seconds", "silences", "longest_silence_seconds")
"""What can be told though nobody knows who speaks; the rest is not read of such a call (`talk_ratio` is null there)."""

SUMS = (
    *("agent_talk_seconds", "customer_talk_seconds", "silence_seconds", "silences"),
    *("agent_interruptions", "customer_interruptions", "agent_questions", "customer_questions"),
)
LONGEST = ("longest_silence_seconds", "longest_monologue_seconds", "customer_longest_monologue_seconds")
MEDIANS = ("response_latency_seconds", "customer_response_latency_seconds")
RATES = {"agent_words_per_minute": "agent_talk_seconds", "customer_words_per_minute": "customer_talk_seconds"}
"""Means of the calls' rates, each weighted by the talk time of who spoke."""

MEASURES = (
    *("agent_talk_seconds", "customer_talk_seconds", "talk_ratio", "longest_monologue_seconds"),
    *("customer_longest_monologue_seconds", "agent_interruptions", "customer_interruptions", "silence_seconds"),
    *("silences", "longest_silence_seconds", "response_latency_seconds", "customer_response_latency_seconds"),
    *("agent_words_per_minute", "customer_words_per_minute", "agent_questions", "customer_questions"),
)
"""In the order of the answer."""

INTENTS = get_args(Intent)


@dataclass(frozen=True, slots=True)
class Period:
    """Calls that ended at `since` or later and before `until`; of one agent where it is named."""

    since: datetime
    until: datetime
    agent_id: str | None = None


def _measure(name: str) -> str:
    if name in SUMS:
        return f"sum({name})"
    if name in LONGEST:
        return f"max({name})"
    if name in MEDIANS:
        return f"percentile_cont(0.5) WITHIN GROUP (ORDER BY {name})"
    if name in RATES:
        return f"sum({name} * {RATES[name]}) / nullif(sum({RATES[name]}) FILTER (WHERE {name} IS NOT NULL), 0)"
    return "sum(agent_talk_seconds) / nullif(sum(agent_talk_seconds + customer_talk_seconds), 0)"


_WANTED = """
    e.subtenant_no = $2 AND e.end_time >= $3 AND e.end_time < $4
        AND ($5::text IS NULL OR e.agent_id = $5)
"""
_READ = ", ".join(
    f"m.{name}" if name in OF_THE_CALL else f"CASE WHEN m.talk_ratio IS NOT NULL THEN m.{name} END AS {name}"
    for name in _NUMBERS
)
_AGENTS = f"""
WITH read AS (
    SELECT e.agent_id, e.completed, e.intent, e.quality_score, {_READ}
    FROM ended_calls e
    LEFT JOIN LATERAL jsonb_to_record(e.metrics) AS m({", ".join(f"{name} float8" for name in _NUMBERS)}) ON true
    WHERE e.partner_id = $1 AND {_WANTED}
), counted AS (
    SELECT agent_id, count(*) AS calls, count(*) FILTER (WHERE completed) AS completed,
        {", ".join(f"{_measure(name)} AS {name}" for name in MEASURES)},
        {", ".join(f"count({name}) AS of_{name}" for name in MEASURES)},
        avg(quality_score)::float8 AS quality, count(quality_score) AS of_quality,
        {", ".join(f"count(*) FILTER (WHERE intent = '{intent}') AS {intent}" for intent in INTENTS)}
    FROM read GROUP BY agent_id
)
SELECT c.*, a.name FROM counted c
LEFT JOIN agents a ON a.partner_id = $1 AND a.subtenant_no = $2 AND a.agent_id = c.agent_id
ORDER BY c.calls DESC, c.agent_id LIMIT $6
"""  # noqa: S608
_QUALITY = f"""
    SELECT e.agent_id, q.name, sum(q.reached) * 100.0::float8 / sum(q.maximum) AS score, count(*) AS calls
    FROM ended_calls e, unnest(e.quality_parameters, e.quality_reached, e.quality_maxima) AS q(name, reached, maximum)
    WHERE e.partner_id = $1 AND {_WANTED}
    GROUP BY e.agent_id, q.name ORDER BY e.agent_id, q.name
"""  # noqa: S608


async def read_agents(connection: Connection, scope: Scope, period: Period) -> dict[str, object]:
    """Roll up the calls of a period per agent, in the words of the API: who had the most calls first.

    What no call assessed is None; `assessed` says on how many calls each measure rests.
    """
    wanted = scope.partner_id, scope.subtenant_no, period.since, period.until, period.agent_id
    rows = await connection.fetch(_AGENTS, *wanted, MOST_AGENTS + 1)
    quality: dict[str, list[dict[str, object]]] = defaultdict(list)
    for agent_id, name, score, calls in await connection.fetch(_QUALITY, *wanted) if rows else ():
        quality[agent_id].append({"parameter_name": name, "score": round(score, 1), "calls": calls})
    return {
        "since": period.since,
        "until": period.until,
        "agents": [_agent(row, quality[row["agent_id"]]) for row in rows[:MOST_AGENTS]],
        "more": len(rows) > MOST_AGENTS,
    }


def _agent(row: asyncpg.Record, quality: list[dict[str, object]]) -> dict[str, object]:
    counted = {intent: row[intent.lower()] for intent in INTENTS}
    return {
        "agent_id": row["agent_id"],
        "name": row["name"],
        "calls": {"total": row["calls"], "completed": row["completed"], "failed": row["calls"] - row["completed"]},
        "metrics": {name: _figure(name, row[name]) for name in MEASURES},
        "assessed": {name: row[f"of_{name}"] for name in MEASURES},
        "quality": {"average": _figure("", row["quality"]), "calls": row["of_quality"], "parameters": quality},
        "intents": {**counted, "not_assessed": row["completed"] - sum(counted.values())},
    }


def _figure(name: str, value: float | None) -> float | int | None:
    if value is None:
        return None
    if name.endswith(("interruptions", "questions", "silences")):
        return round(value)
    return round(value, 3 if name.endswith(("seconds", "ratio")) else 1)
