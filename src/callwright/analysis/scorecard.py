"""The quality parameters that a call is judged by, and how statuses and the total score follow from them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from callwright.analysis import QualityScore, QualityStatus

ONE_VOICE_REASON = "Not assessed: the mono recording gave no second voice, so nobody knows who says what."
DRAFT_REASON = "Not assessed: the transcript is a draft, so its words cannot be relied on."


@dataclass(frozen=True, slots=True)
class Parameter:
    """One quality parameter.

    Attributes:
        name: What the partner reads as `parameter_name`.
        description: What is expected of the agent; the language model reads it too.
        maximum: The most that can be reached, at least 1.
        rule: Id of the rule that judges it in the `rules` engine; those of
            `acoustics` judge in every engine; `described` leaves it to a language model.
        phrases: What the rules `says` and `never_says` listen for in the agent's words: plain words, no patterns.
        fatal: Marks a critical parameter. A fatal parameter at 0 is shown as such (`is_fatal`, status
            `Needs Improvement`); it changes no other score, since the contract names no such rule.
    """

    name: str
    description: str
    maximum: int
    rule: str
    phrases: tuple[str, ...] = ()
    fatal: bool = False

    def __post_init__(self) -> None:
        if self.maximum < 1:
            raise ValueError(f"{self.name}: the maximum must be at least 1")


def status(inference_score: int | None, parameter_score: int) -> QualityStatus:
    """The status of a parameter, derived as the contract (3.1) says."""
    if inference_score is None:
        return "Not Applicable"
    if inference_score <= 0:
        return "Needs Improvement"
    return "Done" if inference_score >= parameter_score else "Partially Done"


def quality_score(quality: Iterable[QualityScore]) -> int | None:
    """Reached points over reachable points of the assessed parameters, 0 to 100; None where none was assessed."""
    assessed = [entry for entry in quality if entry.inference_score is not None]
    most = sum(entry.parameter_score for entry in assessed)
    reached = sum(entry.inference_score or 0 for entry in assessed)
    return math.floor(100 * reached / most + 0.5) if most else None


def points(share: float, maximum: int) -> int:
    """Points for a share of what was expected: all only for 1, none only for 0, the nearest number between."""
    if share <= 0 or share >= 1:
        return maximum if share >= 1 else 0
    return min(max(math.floor(share * maximum + 0.5), 1), max(maximum - 1, 0))


def scored(
    parameter: Parameter, reached: int, justification: str, suggestion: str | None, turns: tuple[int, ...]
) -> QualityScore:
    """A judged parameter: points bounded to its maximum, and a suggestion only below that."""
    bounded = min(max(reached, 0), parameter.maximum)
    return QualityScore(
        parameter_name=parameter.name,
        justification=justification,
        suggestion=suggestion if bounded < parameter.maximum else None,
        inference_score=bounded,
        parameter_score=parameter.maximum,
        status=status(bounded, parameter.maximum),
        is_fatal=parameter.fatal,
        turns=turns,
    )


def not_assessed(parameter: Parameter, reason: str) -> QualityScore:
    """A parameter that was not assessed or does not apply, and why."""
    return QualityScore(
        parameter_name=parameter.name,
        justification=reason,
        suggestion=None,
        inference_score=None,
        parameter_score=parameter.maximum,
        status=status(None, parameter.maximum),
        is_fatal=parameter.fatal,
        turns=(),
    )
