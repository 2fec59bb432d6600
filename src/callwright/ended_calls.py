"""What a call that has ended adds to the picture of its customer and its agent: one row, without what was said."""

from collections.abc import Sequence
from dataclasses import asdict

from callwright import recounts
from callwright.analysis import Analysis
from callwright.db import Connection

BANT_FIELDS = ("needs", "objection", "concern_categories", "objection_handling")
_CHANGED = f"RETURNING partner_id, subtenant_no, end_time AS at, customer_id) {recounts.NOTE}"


async def note_completed(connection: Connection, partner_id: int, call_id: str, analysis: Analysis) -> None:
    """Keep what an analysis says, in the transaction that keeps the analysis; a later one takes its place.

    Args:
        connection: With the transaction open.
        partner_id: Whose call it is.
        call_id: The partner's own id; a call that is gone meanwhile leaves no row.
        analysis: The call's current analysis.
    """
    concern = analysis.bant.concern_categories
    judged = [entry for entry in analysis.quality if entry.inference_score is not None]
    await connection.execute(
        f"""
        WITH changed AS (
        INSERT INTO ended_calls (partner_id, subtenant_no, customer_id, end_time, call_id, start_time, agent_id,
            completed, intent, intent_score, quality_score, bant, concerns, topics,
            quality_parameters, quality_reached, quality_maxima, metrics)
        SELECT partner_id, subtenant_no, customer_id, end_time, call_id, start_time, agent_id,
            true, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
        FROM calls WHERE partner_id = $1 AND call_id = $2
        ON CONFLICT (partner_id, subtenant_no, customer_id, end_time, call_id) DO UPDATE SET
            completed = true, intent = excluded.intent, intent_score = excluded.intent_score,
            quality_score = excluded.quality_score, bant = excluded.bant, concerns = excluded.concerns,
            topics = excluded.topics, quality_parameters = excluded.quality_parameters,
            quality_reached = excluded.quality_reached, quality_maxima = excluded.quality_maxima,
            metrics = excluded.metrics
        {_CHANGED}
        """,  # noqa: S608
        *(partner_id, call_id, analysis.intent, analysis.intent_score, analysis.quality_score),
        [name for name in BANT_FIELDS if (said := getattr(analysis.bant, name)) and said.text],
        [concern.text] if concern and concern.text else [],
        list(dict.fromkeys(topic.label for topic in analysis.qualification)),
        [entry.parameter_name for entry in judged],
        [entry.inference_score for entry in judged],
        [entry.parameter_score for entry in judged],
        asdict(analysis.metrics),
    )


async def note_failed(connection: Connection, partner_id: int, call_id: str) -> None:
    """Keep that a call has failed, in the transaction that says so of the call."""
    await connection.execute(
        f"""
        WITH changed AS (
        INSERT INTO ended_calls (partner_id, subtenant_no, customer_id, end_time, call_id, start_time, agent_id,
            completed)
        SELECT partner_id, subtenant_no, customer_id, end_time, call_id, start_time, agent_id, false
        FROM calls WHERE partner_id = $1 AND call_id = $2
        ON CONFLICT (partner_id, subtenant_no, customer_id, end_time, call_id) DO NOTHING
        {_CHANGED}
        """,  # noqa: S608
        partner_id,
        call_id,
    )


async def forget(connection: Connection, partner_id: int, call_id: str) -> None:
    """Take back that a call has ended, in the transaction that takes it up again."""
    await connection.execute(
        f"""
        WITH changed AS (
        DELETE FROM ended_calls e USING calls c
        WHERE c.partner_id = $1 AND c.call_id = $2 AND e.partner_id = c.partner_id
            AND e.subtenant_no = c.subtenant_no AND e.customer_id = c.customer_id
            AND e.end_time = c.end_time AND e.call_id = c.call_id
        RETURNING e.partner_id, e.subtenant_no, e.end_time AS at, e.customer_id) {recounts.NOTE}
        """,  # noqa: S608
        partner_id,
        call_id,
    )


async def erase(connection: Connection, partner_id: int, call_ids: Sequence[str]) -> int:
    """Delete the rows of calls that the caller has locked, and note their days; gives the rows that went.

    The customers are not noted, as they may be erased as well: `rollups.count_contacts` is for the caller to call.
    """
    rows: int = await connection.fetchval(
        f"""
        WITH gone AS (
            DELETE FROM ended_calls e USING calls c
            WHERE c.partner_id = $1 AND c.call_id = ANY($2::text[]) AND e.partner_id = c.partner_id
                AND e.subtenant_no = c.subtenant_no AND e.customer_id = c.customer_id
                AND e.end_time = c.end_time AND e.call_id = c.call_id
            RETURNING e.partner_id, e.subtenant_no, e.end_time AS at
        ), changed AS (
            SELECT *, NULL AS customer_id FROM gone
        ), noted AS ({recounts.NOTE})
        SELECT count(*) FROM gone
        """,  # noqa: S608
        *(partner_id, call_ids),
    )
    return rows
