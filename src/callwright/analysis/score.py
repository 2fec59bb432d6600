"""From evidence to intent: one scale for every engine, so that label and score never disagree."""

import math
from dataclasses import dataclass

from callwright.analysis import Intent

BANDS: dict[Intent, tuple[int, int]] = {
    "INTERESTED": (60, 100),
    "NEUTRAL": (40, 59),
    "NOT_INTERESTED": (0, 39),
    "NOT_QUALIFIED": (0, 30),
}
"""Scores that a label can have. `NOT_AVAILABLE` has none: nobody was there whose propensity could be known."""

_SCALE = 4.0  # evidence of one scale unit moves the score from 50 to 73


@dataclass(frozen=True, slots=True)
class Judged:
    """An intent, its score, why, and the turns it rests on."""

    intent: Intent | None
    score: int | None
    justification: str | None
    turns: tuple[int, ...]


def propensity(net: float) -> int:
    """Evidence for buying less evidence against it, put on 0 to 100 by a logistic curve; 50 where they are even."""
    return math.floor(100 / (1 + math.exp(-max(min(net, 100.0), -100.0) / _SCALE)) + 0.5)


def by_evidence(net: float) -> Intent:
    """The label whose band holds the evidence: `INTERESTED`, `NEUTRAL` or `NOT_INTERESTED`."""
    score = propensity(net)
    if score >= BANDS["INTERESTED"][0]:
        return "INTERESTED"
    return "NEUTRAL" if score >= BANDS["NEUTRAL"][0] else "NOT_INTERESTED"


def banded(label: Intent, net: float) -> int | None:
    """The score of a label with this evidence, within the label's band; None for `NOT_AVAILABLE`."""
    if label == "NOT_AVAILABLE":
        return None
    low, high = BANDS[label]
    return min(max(propensity(net), low), high)
