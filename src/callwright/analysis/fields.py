"""An analysis as others see it: the fields of the callback, the evidence beside them, and the stored JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from pydantic import TypeAdapter

from callwright.analysis import Analysis, Statement
from callwright.analysis.redaction import Value, redact


class Timed(Protocol):
    """A turn, as far as its place in time goes."""

    @property
    def id(self) -> int:
        """Its number in the transcript."""

    @property
    def start(self) -> float:
        """Seconds from the start of the recording."""

    @property
    def end(self) -> float:
        """Seconds from the start of the recording."""


_ANALYSIS = TypeAdapter(Analysis)


def callback_fields(analysis: Analysis | None, hidden: Sequence[Value] | None = None) -> dict[str, Any]:
    """The analysis fields of the callback (contract 3.1), all present; all null without an analysis.

    With an analysis `bant` is an object whose fields are null where the call did not come to them, and the lists are
    empty where there is nothing to list.

    Args:
        analysis: The analysis.
        hidden: What must not be told of what was said (`RedactedTurns.values` of the call); every sentence is then
            redacted, too. None leaves the sentences as they are. Names from the rubric always stay.
    """
    if analysis is None:
        names = "intent intent_justification intent_score quality_score summary bant qualification quality"
        return dict.fromkeys(names.split())

    def told(text: str | None) -> str | None:
        return text if text is None or hidden is None else redact(text, hidden).text

    return {
        "intent": analysis.intent,
        "intent_justification": told(analysis.intent_justification),
        "intent_score": analysis.intent_score,
        "quality_score": analysis.quality_score,
        "summary": [
            {"chapter_name": told(chapter.chapter_name), "chapter_summary": told(chapter.chapter_summary)}
            for chapter in analysis.summary
        ],
        "bant": {
            name: statement and (statement.text if name == "concern_categories" else told(statement.text))
            for name, statement in _bant(analysis).items()
        },
        "qualification": [{"label": topic.label, "answer": told(topic.answer)} for topic in analysis.qualification],
        "quality": [
            {
                "parameter_name": entry.parameter_name,
                "justification": told(entry.justification),
                "suggestion": told(entry.suggestion),
                "inference_score": entry.inference_score,
                "parameter_score": entry.parameter_score,
                "status": entry.status,
                "is_fatal": entry.is_fatal,
            }
            for entry in analysis.quality
        ],
    }


def evidence_fields(analysis: Analysis, turns: Iterable[Timed]) -> dict[str, Any]:
    """What stands behind and beside the callback's fields: turns and times in the order of those, and who judged.

    Args:
        analysis: The analysis.
        turns: The turns of the transcript that was analysed, by which `spans` gives the time that each statement
            rests on: seconds from the start of its first turn to the end of its last one, null where it rests on none.
    """
    times = {turn.id: (turn.start, turn.end) for turn in turns}
    evidence = _evidence(analysis)
    return {
        "talking_points": [{"text": point.text, "turns": list(point.turns)} for point in analysis.talking_points],
        "suggested_actions": [
            {
                "text": action.text,
                "owner": action.owner,
                "due": action.due,
                "due_date": action.due_date,
                "turns": list(action.turns),
            }
            for action in analysis.suggested_actions
        ],
        "evidence": evidence,
        "spans": {
            "intent": _span(evidence["intent"], times),
            "bant": {name: _span(ids or (), times) for name, ids in evidence["bant"].items()},
            **{name: [_span(ids, times) for ids in evidence[name]] for name in ("summary", "qualification", "quality")},
            "talking_points": [_span(point.turns, times) for point in analysis.talking_points],
            "suggested_actions": [_span(action.turns, times) for action in analysis.suggested_actions],
        },
        "metrics": asdict(analysis.metrics),
        "engine": analysis.engine,
        "version": analysis.version,
        "model": analysis.model,
        "draft": analysis.draft,
        "notes": list(analysis.notes),
        "rubric": analysis.rubric,
        "usage": analysis.usage and asdict(analysis.usage),
    }


def _evidence(analysis: Analysis) -> dict[str, Any]:
    return {
        "intent": list(analysis.intent_turns),
        "summary": [list(chapter.turns) for chapter in analysis.summary],
        "bant": {name: statement and list(statement.turns) for name, statement in _bant(analysis).items()},
        "qualification": [list(topic.turns) for topic in analysis.qualification],
        "quality": [list(entry.turns) for entry in analysis.quality],
    }


def _span(ids: Iterable[int], times: Mapping[int, tuple[float, float]]) -> list[float] | None:
    """From the start of the first of these turns to the end of the last; None where the transcript has none of them."""
    known = [times[turn] for turn in ids if turn in times]
    return [min(start for start, _ in known), max(end for _, end in known)] if known else None


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
