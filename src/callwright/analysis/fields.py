"""An analysis as others see it: the fields of the callback, the evidence beside them, and the stored JSON."""

from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from callwright.analysis import Analysis, Statement

_ANALYSIS = TypeAdapter(Analysis)


def callback_fields(analysis: Analysis | None) -> dict[str, Any]:
    """The analysis fields of the callback (contract 3.1), all present; all null without an analysis.

    With an analysis `bant` is an object whose fields are null where the call did not come to them, and the lists are
    empty where there is nothing to list.
    """
    if analysis is None:
        names = "intent intent_justification intent_score quality_score summary bant qualification quality"
        return dict.fromkeys(names.split())
    return {
        "intent": analysis.intent,
        "intent_justification": analysis.intent_justification,
        "intent_score": analysis.intent_score,
        "quality_score": analysis.quality_score,
        "summary": [
            {"chapter_name": chapter.chapter_name, "chapter_summary": chapter.chapter_summary}
            for chapter in analysis.summary
        ],
        "bant": {name: statement and statement.text for name, statement in _bant(analysis).items()},
        "qualification": [{"label": topic.label, "answer": topic.answer} for topic in analysis.qualification],
        "quality": [
            {
                "parameter_name": entry.parameter_name,
                "justification": entry.justification,
                "suggestion": entry.suggestion,
                "inference_score": entry.inference_score,
                "parameter_score": entry.parameter_score,
                "status": entry.status,
                "is_fatal": entry.is_fatal,
            }
            for entry in analysis.quality
        ],
    }


def evidence_fields(analysis: Analysis) -> dict[str, Any]:
    """What stands behind the callback's fields: turn ids in the same order as there, metrics, and who judged."""
    return {
        "evidence": {
            "intent": list(analysis.intent_turns),
            "summary": [list(chapter.turns) for chapter in analysis.summary],
            "bant": {name: statement and list(statement.turns) for name, statement in _bant(analysis).items()},
            "qualification": [list(topic.turns) for topic in analysis.qualification],
            "quality": [list(entry.turns) for entry in analysis.quality],
        },
        "metrics": asdict(analysis.metrics),
        "engine": analysis.engine,
        "version": analysis.version,
        "model": analysis.model,
        "draft": analysis.draft,
        "notes": list(analysis.notes),
    }


def analysis_json(analysis: Analysis) -> bytes:
    """An analysis as JSON (UTF-8), for storage."""
    return _ANALYSIS.dump_json(analysis)


def analysis_from_json(stored: bytes | str) -> Analysis:
    """The analysis that `analysis_json` wrote.

    Raises:
        pydantic.ValidationError: It is none.
    """
    return _ANALYSIS.validate_json(stored)


def _bant(analysis: Analysis) -> dict[str, Statement | None]:
    return {
        "needs": analysis.bant.needs,
        "objection": analysis.bant.objection,
        "concern_categories": analysis.bant.concern_categories,
        "objection_handling": analysis.bant.objection_handling,
    }
