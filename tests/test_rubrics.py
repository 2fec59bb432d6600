"""The rubric in force is what the pipeline judges by, from the moment that it is applied, for its subtenant alone."""

from dataclasses import replace
from typing import Any, cast

from callwright import calls, db, pipeline, reports, results, rubrics
from callwright.analysis.built_in import INSIDE_SALES, built_in
from callwright.db import Scope
from callwright.pipeline import Tools
from submissions import onboard, scope, submission
from test_outages import Stage, away, fetched, partner_id, recordings, tools
from test_reanalysis import transcript

__all__ = ["partner_id", "recordings", "tools"]


async def judged_by(tools: Tools, whose: Scope, call_id: str) -> tuple[object, object]:
    """Bring a call in, have the pipeline analyse it, and say by which rubric it did and how many scores there are."""
    await calls.accept(tools.pool, whose, [submission(call_id)])
    async with db.everywhere(tools.pool) as lent:
        await results.save_transcript(lent, whose.partner_id, call_id, transcript())
        await lent.execute("UPDATE calls SET state = 'transcribed' WHERE call_id = $1", call_id)
    await pipeline.walk(tools, "analyse", whose.partner_id, call_id)
    async with db.transaction(tools.pool, whose) as lent:
        call = await reports.read_call(lent, whose, call_id)
    analysis = call["analysis"]
    assert call["status"] == "completed"
    assert isinstance(analysis, dict)
    assert call["analysis_history"] == []
    return analysis["rubric"], len(analysis["quality"])


async def test_a_call_is_judged_by_its_subtenants_rubric(tools: Tools) -> None:
    await onboard(tools.pool)
    ours, others = await scope(tools.pool), await scope(tools.pool, subtenant="other")
    assert await judged_by(tools, ours, "before") == ("inside-sales/0", len(INSIDE_SALES.parameters))
    for version, name in enumerate(("collections", "support"), 1):
        async with db.transaction(tools.pool, ours) as lent:
            assert await rubrics.apply(lent, ours, built_in(name), "command") == (version, True)
        parameters = built_in(name).parameters
        assert await judged_by(tools, ours, name) == (f"{name}/{version}", len(parameters))
    assert await judged_by(tools, others, "other") == ("inside-sales/0", len(INSIDE_SALES.parameters))


async def test_the_languages_of_the_rubric_are_what_the_speech_engine_chooses_from(
    tools: Tools, partner_id: int
) -> None:
    whose = await scope(tools.pool)
    await fetched(tools, partner_id)
    engine = Stage(away())
    for languages in ((), ("en", "hi-IN")):
        async with db.transaction(tools.pool, whose) as lent:
            await rubrics.apply(lent, whose, replace(INSIDE_SALES, languages=languages), "command")
        await pipeline.walk(replace(tools, transcriber=cast("Any", engine)), "transcribe", partner_id, "call-1")
        assert engine.asked["languages"] == languages
