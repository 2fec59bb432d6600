"""The calls of a day as bytes: what the figures of those customers are counted from who are in a disposition now."""

from collections.abc import Sequence

import numpy as np

CALL = np.dtype(
    [
        ("customer", "<u8"),
        *((name, ">i8") for name in ("milliseconds", "talk_ms", "agent_ms")),
        *((name, ">i2") for name in ("quality", "score", "label")),
        ("agent", ">i4"),
    ]
)
"""One of `calls`. The customer is the head of the id's SHA-256; a score that is none is -1; `agent_ms` is 0 where the
two sides cannot be told apart; a label is its place among the labels, doubled, and 1 more where they can. The agent is
a place among the day's words, and -1 where a disposition came without a call."""

NAMED = np.dtype([(name, ">i4") for name in ("concerns", "judged", "told")])
"""One of `named`, in the order of `calls`: places among the words; -1 where there is nothing to name."""

REACHED = np.dtype(">i2")
"""One of `reached`: the points of the parameters that were judged, call by call, in the order of the word."""

HASHED_CUSTOMER = "substr(sha256(convert_to(customer_id, 'UTF8')), 1, 8)"
"""Who was called, as everywhere in what is kept of a day."""

COLUMNS = "day, words, calls, named, reached"


def packed(labels: Sequence[str], without_call: str) -> str:
    """The parts of a statement that put calls into bytes, of which `packed` has a row of `COLUMNS` for each day.

    A word is what many calls share, as JSON: `["agent", id]`, `["concerns", [name, …]]`, `["judged", [parameter, …],
    [maximum, …]]`, `["told", disposition]`.

    Args:
        labels: Those that a call may have, in order.
        without_call: The dispositions that came without a call, as `rollups.told_without_call`. The calls are in `read`
            and their dispositions in `told`, parts of the same statement.
    """
    return f"""
    spoken AS MATERIALIZED ({_spoken(labels, without_call)}), words AS MATERIALIZED (
        SELECT day, jsonb_object_agg(word, place) AS words
        FROM (
            SELECT day, word, row_number() OVER (PARTITION BY day) - 1 AS place
            FROM (
                SELECT DISTINCT day, word
                FROM spoken, LATERAL (VALUES (agent), (concerns), (judged), (told)) AS w (word)
                WHERE word IS NOT NULL
            ) AS each
        ) AS placed
        GROUP BY day
    ), packed AS (
        SELECT w.day, w.words, b.calls, b.named, b.reached
        FROM words w
        JOIN (
            SELECT s.day, string_agg(s.fixed || {_place("agent")}, ''::bytea) AS calls,
                string_agg({_place("concerns")} || {_place("judged")} || {_place("told")}, ''::bytea) AS named,
                coalesce(string_agg(s.reached, ''::bytea), '') AS reached
            FROM spoken s JOIN words w ON w.day = s.day
            GROUP BY s.day
        ) AS b ON b.day = w.day
    )
    """  # noqa: S608


def _spoken(labels: Sequence[str], without_call: str) -> str:
    """The calls one by one, with their words as they are."""
    listed = ", ".join(f"'{label}'" for label in labels)
    label = f"2 * (array_position(ARRAY[{listed}], label) - 1)"
    # As in `rollups.NAMED`, dispositions are put beside their calls by grouping.
    return f"""
        SELECT max(day) AS day, string_agg(fixed, ''::bytea) AS fixed, max(agent) AS agent, max(concerns) AS concerns,
            max(judged) AS judged, string_agg(reached, ''::bytea) AS reached,
            CASE WHEN count(status) > 0 THEN jsonb_build_array('told', max(status))::text END AS told
        FROM (
            SELECT call_id, day,
                {HASHED_CUSTOMER} || int8send(milliseconds) || int8send(coalesce(agent_ms + customer_ms, 0))
                    || int8send(CASE WHEN sided THEN coalesce(agent_ms, 0) ELSE 0 END)
                    || int2send(coalesce(quality_score, -1::smallint)) || int2send(coalesce(intent_score, -1::smallint))
                    || int2send(({label} + coalesce(sided, false)::integer)::smallint) AS fixed,
                jsonb_build_array('agent', agent_id)::text AS agent,
                jsonb_build_array('concerns', concerns)::text AS concerns,
                jsonb_build_array('judged', quality_parameters, quality_maxima)::text AS judged,
                (SELECT string_agg(int2send(points), ''::bytea) FROM unnest(quality_reached) AS points) AS reached,
                NULL AS status
            FROM read
            UNION ALL SELECT call_id, NULL, NULL, NULL, NULL, NULL, NULL, status FROM told
        ) AS both_of_them
        GROUP BY call_id HAVING count(day) > 0
        UNION ALL
        SELECT day, {HASHED_CUSTOMER} || int8send(0) || int8send(0) || int8send(0) || int2send(-1::smallint)
                || int2send(-1::smallint) || int2send(({label})::smallint),
            NULL, NULL, NULL, NULL, jsonb_build_array('told', name)::text
        FROM ({without_call}) AS w
    """  # noqa: S608


def _place(word: str) -> str:
    return f"int4send(coalesce((w.words -> s.{word})::integer, -1))"
