"""From a transcript and a rubric to an analysis: the same for a call's first analysis and for every later one."""

import time
from dataclasses import replace
from datetime import datetime

from callwright import metrics, traces
from callwright.analysis import Analysis, Conversation, Line, Talk
from callwright.analysis.engine import Analyser
from callwright.analysis.rubric import Rubric
from callwright.transcription import Transcript

SHORT_BY_SHARE, SHORT_BY_SECONDS = 0.1, 5.0
"""A recording shorter than its call by more than both is spoken of in the analysis."""


async def judge(
    analyser: Analyser, transcript: Transcript, rubric: Rubric, started_at: datetime, ended_at: datetime
) -> Analysis:
    """Say what a call means for the sale.

    Args:
        analyser: The engine.
        transcript: The call in words.
        rubric: By what it is judged.
        started_at: When the call began, as the partner says.
        ended_at: When it ended.

    Raises:
        StepFailed: As the engine's `analyse`.
    """
    began = time.perf_counter()
    with traces.part("judge"):
        analysis = await analyser.analyse(conversation_of(transcript, started_at), rubric)
        traces.tell("engine", analysis.engine)
    _count(analyser, analysis, time.perf_counter() - began)
    spoken_of = (ended_at - started_at).total_seconds()
    if spoken_of - transcript.seconds <= max(SHORT_BY_SECONDS, SHORT_BY_SHARE * spoken_of):
        return analysis
    note = f"The recording holds {transcript.seconds:.0f} s of a call of {spoken_of:.0f} s; the rest was not assessed."
    return replace(analysis, notes=(*analysis.notes, note))


def _count(analyser: Analyser, analysis: Analysis, seconds: float) -> None:
    metrics.ANALYSIS_SECONDS.labels(analysis.engine).observe(seconds)
    if analysis.engine != analyser.name:
        metrics.FALLBACKS.inc()
    if analysis.usage is not None:
        metrics.LLM_REQUESTS.inc(analysis.usage.requests)
        metrics.LLM_TOKENS.labels("input").inc(analysis.usage.input_tokens or 0)
        metrics.LLM_TOKENS.labels("output").inc(analysis.usage.output_tokens or 0)


def conversation_of(transcript: Transcript, started_at: datetime) -> Conversation:
    """Hand a transcript over to the analysis."""
    return Conversation(
        turns=tuple(Line(turn.id, turn.speaker, turn.start, turn.end, turn.text) for turn in transcript.turns),
        speech=tuple(Talk(span.speaker, span.start, span.end) for span in transcript.speech),
        seconds=transcript.seconds,
        draft=transcript.quality == "draft",
        language=transcript.language,
        one_voice=transcript.speakers == "single",
        started_at=started_at,
    )
