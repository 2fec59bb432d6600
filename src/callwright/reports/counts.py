"""The counts that the figures of a dashboard are put together from: kept, or taken from the calls themselves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from callwright import rollups
from callwright.db import Connection, Scope
from callwright.reports.asked import Asked, Statement

Row = Mapping[str, Any]

_SUMS = ", ".join(rollups.SUMS)


@dataclass(frozen=True, slots=True)
class Counts:
    """Of a period and of the one before.

    Attributes:
        days: The sums of each day and label, with the customers.
        names: How often each concern, parameter and disposition came up in the period; the last by step.
        agents: The sums of each agent in either period.
    """

    days: Sequence[Row]
    names: Sequence[Row]
    agents: Sequence[Row]


async def read_counts(connection: Connection, scope: Scope, asked: Asked, step: int) -> Counts:
    """Read them; the rollups in three short statements, the calls themselves once for all three.

    Args:
        connection: With a transaction open.
        scope: Whose calls.
        asked: Which of them.
        step: The days that are taken together for dispositions.
    """
    if asked.live:
        return await _at_once(connection, scope, asked, step)
    return Counts(
        await _ask(connection, scope, asked, _of_days),
        await _ask(connection, scope, asked, lambda statement: _of_names(statement, step)),
        await read_agents(connection, scope, asked),
    )


async def read_agents(connection: Connection, scope: Scope, asked: Asked) -> Sequence[Row]:
    """Read the sums of each agent alone."""
    return await _ask(connection, scope, asked, _of_agents)


async def _ask(connection: Connection, scope: Scope, asked: Asked, part: Callable[[Statement], str]) -> Sequence[Row]:
    statement = Statement(scope, asked)
    text = _reading(statement) + part(statement)
    return [dict(row) for row in await connection.fetch(text, *statement.arguments)]


async def _at_once(connection: Connection, scope: Scope, asked: Asked, step: int) -> Counts:
    statement = Statement(scope, asked)
    parts = _of_days(statement), _of_names(statement, step), _of_agents(statement)
    lists = ", ".join(f"(SELECT coalesce(json_agg(t), '[]') FROM ({part}) AS t)" for part in parts)  # noqa: S608
    row = await connection.fetchrow(f"{_reading(statement)} SELECT {lists}", *statement.arguments)
    assert row is not None
    days, names, agents = row.values()
    for each in days:
        each["day"], each["customers"] = date.fromisoformat(each["day"]), bytes.fromhex(each["customers"][2:])
    for each in names:
        each["day"] = each["day"] and date.fromisoformat(each["day"])
    return Counts(days, names, agents)


def _reading(statement: Statement) -> str:
    """The calls that have to be read themselves, each once however often they are asked after."""
    beginning, wanted = statement.beginning(statement.asked.before.since), statement.wanted()
    return f"{beginning}, read AS MATERIALIZED ({rollups.read(wanted)})"


def _of_days(statement: Statement) -> str:
    return f"""
        SELECT d.day, d.label, {_SUMS}, d.customers
        FROM day_rollups d
        WHERE d.partner_id = $1 AND d.subtenant_no = $2 AND {statement.kept(statement.asked.before.since)}
            AND d.label <> '{rollups.NO_CALL}'
        UNION ALL
        SELECT day, label, {rollups.COUNTED}, {rollups.CUSTOMERS} FROM read GROUP BY day, label
    """  # noqa: S608


def _of_names(statement: Statement, step: int) -> str:
    asked = statement.asked
    first = statement.day(asked.since)
    told = ""
    if asked.agent_id is None and asked.intent is None:
        told = f"""UNION ALL SELECT day, agent_id, label, kind, name, reached, maximum
            FROM ({rollups.told_without_call(statement.of_customers())}) AS w"""  # noqa: S608
    return f"""
        SELECT kind, name,
            CASE WHEN kind = 'disposition' THEN {first} + (day - {first}) / {step:d} * {step:d} END AS day,
            sum(calls)::bigint AS calls, sum(reached)::bigint AS reached, sum(maximum)::bigint AS maximum
        FROM (
            SELECT d.day, n.kind, n.name, n.calls, n.reached, n.maximum
            FROM day_rollups d, unnest(d.kinds, d.names, d.name_calls, d.reached, d.maxima)
                AS n (kind, name, calls, reached, maximum)
            WHERE d.partner_id = $1 AND d.subtenant_no = $2 AND {statement.kept(asked.since)}
            UNION ALL
            SELECT day, kind, name, 1, reached, maximum
            FROM (WITH of_both AS (SELECT * FROM read), read AS (SELECT * FROM of_both WHERE day >= {first}),
                told AS ({rollups.TOLD}) {rollups.NAMED} {told}) AS n
            WHERE day >= {first}
        ) AS named
        GROUP BY 1, 2, 3
    """  # noqa: S608


def _of_agents(statement: Statement) -> str:
    since, first = statement.asked.before.since, statement.day(statement.asked.since)
    sums = ", ".join(f"sum({name})::bigint AS {name}" for name in rollups.SUMS)
    return f"""
        SELECT s.*, a.name
        FROM (
            SELECT agent_id, before, {sums}
            FROM (
                SELECT d.agent_id, d.day < {first} AS before, {_SUMS}
                FROM day_rollups d
                WHERE d.partner_id = $1 AND d.subtenant_no = $2 AND {statement.kept(since, by_agent=True)}
                UNION ALL
                SELECT agent_id, day < {first}, {rollups.COUNTED} FROM read GROUP BY 1, 2
            ) AS counted
            GROUP BY 1, 2
        ) AS s
        LEFT JOIN agents a ON a.partner_id = $1 AND a.subtenant_no = $2 AND a.agent_id = s.agent_id
    """  # noqa: S608
