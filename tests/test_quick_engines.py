"""An engine that is quick judges a call in the step that has put it into words; what breaks in it costs no words."""

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

import told
from callwright import pipeline, results
from callwright.analysis.engine import Analyser, load_analyser
from callwright.db import Connection
from callwright.pipeline import Tools
from callwright.transcription import Transcript
from test_outages import CALL, Stage, fetched, partner_id, recordings, seen, tools
from test_reanalysis import transcript

__all__ = ["partner_id", "recordings", "tools"]

ANALYSED = {"step": "analyse", "outcome": "done", "code": ""}
JOBS = "SELECT entrypoint FROM pgqueuer ORDER BY id"


class Hears:
    """A speech engine that hears the same in every recording."""

    async def transcribe(self, *_: object, **__: object) -> Transcript:
        return transcript()


@dataclass
class Broken(Stage):
    """A quick engine that breaks."""

    at_once: bool = True


def counted() -> float:
    return told.value(told.now("worker"), "callwright_steps_total", **ANALYSED)


async def test_the_rules_judge_a_call_in_the_step_that_hears_it(tools: Tools, partner_id: int) -> None:
    await fetched(tools, partner_id)
    before = counted()
    await pipeline.walk(replace(tools, transcriber=cast("Any", Hears())), "transcribe", partner_id, "call-1")
    assert await seen(tools.pool, CALL) == [("completed", 0, 0, None, "pending")]
    assert await seen(tools.pool, "SELECT (body->>'turns') IS NOT NULL FROM transcripts") == [(True,)]
    assert await seen(tools.pool, "SELECT engine FROM analyses") == [("rules",)]
    assert await seen(tools.pool, JOBS) == [("deliver",)], "none to analyse it"
    assert counted() == before + 1


async def test_a_model_that_is_waited_for_has_a_job_of_its_own(tools: Tools, partner_id: int) -> None:
    await fetched(tools, partner_id)
    model = load_analyser("llm", base_url="http://127.0.0.1:9/v1", model="m")
    hearing = replace(tools, transcriber=cast("Any", Hears()), analyser=model)
    await pipeline.walk(hearing, "transcribe", partner_id, "call-1")
    assert await seen(tools.pool, CALL) == [("transcribed", 0, 0, None, "pending")]
    assert await seen(tools.pool, JOBS) == [("analyse",)]


@pytest.mark.parametrize("failure", [ZeroDivisionError("a fault of the rules"), MemoryError()])
async def test_where_a_quick_engine_breaks_the_words_are_kept_and_it_has_tries_of_its_own(
    tools: Tools, partner_id: int, failure: Exception
) -> None:
    await fetched(tools, partner_id)
    before = counted()
    broken = replace(tools, transcriber=cast("Any", Hears()), analyser=cast("Analyser", Broken(failure)))
    await pipeline.walk(broken, "transcribe", partner_id, "call-1")
    assert await seen(tools.pool, CALL) == [("transcribed", 0, 0, None, "pending")]
    assert await seen(tools.pool, "SELECT count(*) FROM transcripts") == [(1,)]
    assert await seen(tools.pool, JOBS) == [("analyse",)]
    assert counted() == before
    await pipeline.walk(tools, "analyse", partner_id, "call-1")
    assert (await seen(tools.pool, CALL))[0][0] == "completed"


async def test_what_the_database_refuses_of_the_judgement_costs_no_words(
    tools: Tools, partner_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(connection: Connection, *_: object) -> None:
        await connection.execute("SELECT 1 / 0")

    await fetched(tools, partner_id)
    monkeypatch.setattr(results, "save_analysis", refused)
    before = counted()
    await pipeline.walk(replace(tools, transcriber=cast("Any", Hears())), "transcribe", partner_id, "call-1")
    assert await seen(tools.pool, CALL) == [("transcribed", 0, 0, None, "pending")]
    assert await seen(tools.pool, "SELECT count(*) FROM transcripts") == [(1,)]
    assert await seen(tools.pool, JOBS) == [("analyse",)]
    assert counted() == before
