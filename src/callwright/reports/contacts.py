"""What is known of a customer over all of its calls: counted from the rows of those that ended, when somebody asks."""

from datetime import datetime
from typing import Any

from callwright import customers
from callwright.db import Connection, Scope

MOST_CALLS = 10_000
"""Calls that a rollup looks at, the newest: one contact has fewer; an id that stands for all unknown callers, more."""

TREND_CALLS = 100
RECENT_CALLS = 5
"""The completed calls whose talking points and suggested actions are shown."""

MOST_LISTED = 20
"""Of each list that is not the trend."""

# `age` numbers the calls from the newest on, so that the latest of any is the smallest.
_ROLLUP = """
WITH newest AS MATERIALIZED (
    SELECT call_id, start_time, end_time, completed, intent, intent_score, quality_score, bant, concerns, topics,
        metrics, row_number() OVER (ORDER BY end_time DESC, call_id DESC) AS age
    FROM (
        SELECT * FROM ended_calls WHERE partner_id = $1 AND subtenant_no = $2 AND customer_id = $3
        ORDER BY end_time DESC, call_id DESC LIMIT $4::int + 1
    ) AS first
), mine AS (
    SELECT * FROM newest WHERE age <= $4
), talk AS (
    SELECT (metrics ->> 'agent_talk_seconds')::float8 AS agent,
        (metrics ->> 'customer_talk_seconds')::float8 AS customer,
        metrics ->> 'talk_ratio' IS NOT NULL AS told_apart
    FROM mine WHERE metrics IS NOT NULL
), named AS (
    SELECT part, name, min(age) AS age, count(*) AS calls FROM (
        SELECT 'bant' AS part, unnest(bant) AS name, age FROM mine
        UNION ALL SELECT 'topic', unnest(topics), age FROM mine
        UNION ALL SELECT 'concern', unnest(concerns), age FROM mine
    ) AS said GROUP BY part, name
), listed AS (
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY part ORDER BY age, name) AS place FROM named
    ) AS placed WHERE place <= $6
), recent AS (
    SELECT age FROM mine WHERE completed ORDER BY age LIMIT $5
), trend AS (
    SELECT age, call_id, end_time, intent_score, quality_score FROM mine WHERE completed ORDER BY age LIMIT $7
), texts AS (
    SELECT m.age, m.call_id, m.end_time, m.intent, m.intent_score, a.body FROM mine m
    JOIN analyses a ON a.partner_id = $1 AND a.call_id = m.call_id
    WHERE m.age IN (
        SELECT age FROM listed UNION SELECT age FROM recent UNION SELECT min(age) FROM mine WHERE intent IS NOT NULL)
)
SELECT count(*) AS calls, count(*) FILTER (WHERE completed) AS completed,
    min(start_time) AS first_call_at, max(end_time) AS last_call_at,
    avg(quality_score)::float8 AS quality, count(quality_score) AS judged,
    min(age) FILTER (WHERE intent IS NOT NULL) AS intent,
    EXISTS (SELECT FROM newest WHERE age > $4) AS more,
    (SELECT coalesce(sum(agent + customer), 0) FROM talk) AS talk_seconds,
    (SELECT sum(agent) / nullif(sum(agent + customer), 0) FROM talk WHERE told_apart) AS talk_ratio,
    (SELECT array_agg(age ORDER BY age) FROM recent) AS recent,
    (SELECT json_agg(json_build_array(part, name, age, calls) ORDER BY part, place) FROM listed) AS named,
    (SELECT json_agg(json_build_array(call_id, end_time, intent_score, quality_score) ORDER BY age DESC)
        FROM trend) AS trend,
    (SELECT json_object_agg(age, json_build_object('call_id', call_id, 'end_time', end_time, 'intent', intent,
        'intent_score', intent_score, 'why', body -> 'intent_justification', 'turns', body -> 'intent_turns',
        'bant', body -> 'bant', 'topics', body -> 'qualification', 'talking_points', body -> 'talking_points',
        'actions', body -> 'suggested_actions')) FROM texts) AS texts
FROM mine
"""


async def read_customer(connection: Connection, scope: Scope, customer_id: str) -> dict[str, object]:
    """Read a customer, the history of its dispositions, and what is known of it over all its calls.

    Raises:
        NotFound: No call of this tenant and subtenant has brought the customer in.
    """
    found = await customers.read_customer(connection, scope, customer_id)
    return {**found, "rollup": await read_rollup(connection, scope, customer_id)}


async def read_rollup(connection: Connection, scope: Scope, customer_id: str) -> dict[str, object] | None:
    """What is known of a customer over all its calls, in the words of the API; None before one was completed.

    The latest is always meant by the end of the call. One statement, so that all of it is of one moment.
    """
    whose = scope.partner_id, scope.subtenant_no, customer_id
    row = await connection.fetchrow(_ROLLUP, *whose, MOST_CALLS, RECENT_CALLS, MOST_LISTED, TREND_CALLS)
    assert row is not None, "counting gives a row"
    if not row["completed"]:
        return None
    texts: dict[str, Any] = row["texts"] or {}
    named = [(part, name, texts[str(age)], calls) for part, name, age, calls in row["named"] or []]
    recent = [texts[str(age)] for age in row["recent"]]
    return {
        "calls": {"total": row["calls"], "completed": row["completed"], "failed": row["calls"] - row["completed"]},
        "older_calls_left_out": row["more"],
        "first_call_at": row["first_call_at"],
        "last_call_at": row["last_call_at"],
        "total_talk_seconds": round(row["talk_seconds"], 3),
        "talk_ratio": _rounded(row["talk_ratio"], 3),
        "intent": _intent(texts[str(row["intent"])]) if row["intent"] else None,
        "bant": _bant({name: of for part, name, of, _ in named if part == "bant"}),
        "objections": [_objection(name, of, calls) for part, name, of, calls in named if part == "concern"],
        "qualification": [_answer(name, of) for part, name, of, _ in named if part == "topic"],
        "talking_points": _talking_points(recent),
        "suggested_actions": _open_actions(recent),
        "quality": {"average": _rounded(row["quality"], 1), "calls": row["judged"]},
        "trend": {
            "calls": [
                {"call_id": call_id, "end_time": _moment(at), "intent_score": intent, "quality_score": quality}
                for call_id, at, intent, quality in row["trend"]
            ],
            "left_out": max(row["completed"] - TREND_CALLS, 0),
        },
    }


def _intent(of: dict[str, Any]) -> dict[str, object]:
    return {
        "intent": of["intent"],
        "intent_score": of["intent_score"],
        "intent_justification": of["why"],
        "turns": of["turns"],
        **_call(of),
    }


def _bant(latest: dict[str, dict[str, Any]]) -> dict[str, object]:
    names = ("needs", "objection", "concern_categories", "objection_handling")
    return {name: {**latest[name]["bant"][name], **_call(latest[name])} if name in latest else None for name in names}


def _objection(category: str, of: dict[str, Any], calls: int) -> dict[str, object]:
    """A category of objections, in the words of the latest call that raised it."""
    said = {name: statement and statement["text"] for name, statement in of["bant"].items()}
    return {
        "category": category,
        "calls": calls,
        "came_up_again": calls > 1,
        "objection": said["objection"],
        "objection_handling": said["objection_handling"],
        **{f"last_{name}": value for name, value in _call(of).items()},
    }


def _answer(label: str, of: dict[str, Any]) -> dict[str, object]:
    topic = next(topic for topic in of["topics"] if topic["label"] == label)
    return {"label": label, "answer": topic["answer"], "turns": topic["turns"], **_call(of)}


def _talking_points(recent: list[dict[str, Any]]) -> list[dict[str, object]]:
    """Those of the newest calls; one that was said before is listed once, with the newest call that says so."""
    found: dict[str, dict[str, object]] = {}
    for of in recent:
        for point in of["talking_points"] or ():
            found.setdefault(_plain(point["text"]), {"text": point["text"], "turns": point["turns"], **_call(of)})
    return list(found.values())[:MOST_LISTED]


def _open_actions(recent: list[dict[str, Any]]) -> list[dict[str, object]]:
    """What the newest calls leave to be done.

    Nobody tells us what was done. A day that was named has passed once the two spoke again later: what was still to be
    done then is an action of that later call.
    """
    found: dict[str, dict[str, object]] = {}
    last_day = _moment(recent[0]["end_time"]).date().isoformat()
    for number, of in enumerate(recent):
        for action in of["actions"] or ():
            due_day = action.get("due_date")
            if number == 0 or due_day is None or due_day >= last_day:
                said = {name: action.get(name) for name in ("text", "owner", "due", "due_date", "turns")}
                found.setdefault(_plain(action["text"]), {**said, **_call(of)})
    return list(found.values())[:MOST_LISTED]


def _call(of: dict[str, Any]) -> dict[str, object]:
    return {"call_id": of["call_id"], "end_time": _moment(of["end_time"])}


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
