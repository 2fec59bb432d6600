"""A call as the pages show it: what a person said in its place, with what the machine said beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from callwright.analysis import Analysis, QualityScore
from callwright.analysis.scorecard import quality_score, status
from callwright.corrections import Correction, Kind
from callwright.transcription import Transcript, Turn

Stands = Mapping[tuple[Kind, str], Correction]
"""The corrections that are in force, by kind and subject."""


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """A turn with what is shown of it.

    Attributes:
        machine: As it was transcribed.
        speaker: Who speaks.
        text: What was said.
        speaker_by: Who corrected the speaker; None where nobody did.
        text_by: Who corrected the text.
    """

    machine: Turn
    speaker: str
    text: str
    speaker_by: Correction | None
    text_by: Correction | None


@dataclass(frozen=True, slots=True)
class ShownScore:
    """A quality parameter: as it counts, as the machine judged it, and who corrected it."""

    entry: QualityScore
    machine: QualityScore
    by: Correction | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a call means, as it is shown.

    Attributes:
        intent: As a person said, or the machine.
        machine_intent: As the machine said.
        intent_by: Who corrected it.
        quality: In the order of the scorecard.
        quality_score: Counted from the scores as shown; the machine's own where nobody corrected any.
        machine_quality_score: As the machine said.
    """

    intent: str | None
    machine_intent: str | None
    intent_by: Correction | None
    quality: tuple[ShownScore, ...]
    quality_score: int | None
    machine_quality_score: int | None


def shown_turns(transcript: Transcript, stands: Stands) -> list[ShownTurn]:
    """The turns of a call, corrected."""
    return [_turn(turn, stands.get(("speaker", str(turn.id))), stands.get(("text", str(turn.id)))) for turn in
            transcript.turns]  # fmt: skip


def judged(analysis: Analysis, stands: Stands) -> Judged:
    """What a call means, corrected."""
    by = stands.get(("intent", ""))
    quality = tuple(_score(entry, stands.get(("score", entry.parameter_name))) for entry in analysis.quality)
    corrected = any(shown.by for shown in quality)
    return Judged(
        intent=by.value if by else analysis.intent,
        machine_intent=analysis.intent,
        intent_by=by,
        quality=quality,
        quality_score=quality_score(shown.entry for shown in quality) if corrected else analysis.quality_score,
        machine_quality_score=analysis.quality_score,
    )


def _turn(turn: Turn, speaker: Correction | None, text: Correction | None) -> ShownTurn:
    return ShownTurn(
        machine=turn,
        speaker=(speaker and speaker.value) or turn.speaker,
        text=(text and text.value) or turn.text,
        speaker_by=speaker,
        text_by=text,
    )


def _score(machine: QualityScore, by: Correction | None) -> ShownScore:
    if by is None or by.value is None:
        return ShownScore(machine, machine, None)
    reached = int(by.value)
    entry = replace(machine, inference_score=reached, status=status(reached, machine.parameter_score))
    return ShownScore(entry, machine, by)
