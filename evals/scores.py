"""The arithmetic: what was found against what is labelled, and how sure a figure is."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

NONE = "none"
"""Stands for a field that has no value, on either side, so that "nothing" is a class like any other."""
ROUNDS, SEED = 2_000, 20_261_124
"""Resamples of the bootstrap, and the seed that makes them the same in every run."""

Item = TypeVar("Item")
Pair = tuple[str, str]
"""What is labelled, and what was found."""


@dataclass(frozen=True, slots=True)
class Cited:
    """A statement of an engine and how its turns fit the labelled ones.

    Attributes:
        what: `intent`, `concern` or the name of the topic.
        right: Whether the statement itself agrees with the label.
        overlaps: Whether it cites at least one labelled turn.
        within: Whether besides it cites nothing but labelled turns and the turns directly before those.
    """

    what: str
    right: bool
    overlaps: bool
    within: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """One call: what is labelled and what an engine found.

    Attributes:
        call: Its id.
        domain: Its domain.
        language: Its language.
        held_out: Whether it is of the untouched third.
        intent: Labelled and found.
        concern: Likewise.
        topics: The topics that are labelled.
        found_topics: The topics that were found.
        cited: Every statement of the engine.
        failed: Whether the engine gave no answer at all.
    """

    call: str
    domain: str
    language: str
    held_out: bool
    intent: Pair
    concern: Pair
    topics: frozenset[str]
    found_topics: frozenset[str]
    cited: tuple[Cited, ...]
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Measured(Generic[Item]):
    """A figure: how it is computed, and what it should reach at least.

    Attributes:
        name: Its column.
        of: Computes it, None where there is nothing to compute it from.
        target: None where there is none.
    """

    name: str
    of: Callable[[Sequence[Item]], float | None]
    target: float | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % confidence interval; all None where there was nothing to measure."""

    value: float | None
    low: float | None
    high: float | None


def cited(what: str, turns: Sequence[int], labelled: Sequence[int], *, right: bool) -> Cited:
    """Hold the turns of a statement against the labelled ones.

    Args:
        what: What the statement is on.
        turns: Ids that the engine cites.
        labelled: Ids that carry the label; empty where there is no such label.
        right: Whether it agrees with the label.
    """
    overlaps = bool(set(turns) & set(labelled))
    allowed = {turn - step for turn in labelled for step in (0, 1)}
    return Cited(what, right, overlaps, overlaps and set(turns) <= allowed)


def accuracy(pairs: Sequence[Pair]) -> float | None:
    """Share of the pairs that agree."""
    return sum(labelled == found for labelled, found in pairs) / len(pairs) if pairs else None


def macro_f1(pairs: Sequence[Pair]) -> float | None:
    """The mean of the F1 of every class that is labelled or found, each class counting alike (as in scikit-learn)."""
    if not pairs:
        return None
    both = Counter(labelled for labelled, found in pairs if labelled == found)
    labelled_as, found_as = Counter(pair[0] for pair in pairs), Counter(pair[1] for pair in pairs)
    classes = labelled_as.keys() | found_as.keys()
    return sum(2 * both[name] / (labelled_as[name] + found_as[name]) for name in classes) / len(classes)


def precision(outcomes: Sequence[Outcome]) -> float | None:
    """Share of the topics found that are labelled, over all calls together."""
    found = sum(len(outcome.found_topics) for outcome in outcomes)
    return _right_topics(outcomes) / found if found else None


def recall(outcomes: Sequence[Outcome]) -> float | None:
    """Share of the labelled topics that were found, over all calls together."""
    labelled = sum(len(outcome.topics) for outcome in outcomes)
    return _right_topics(outcomes) / labelled if labelled else None


def topics_f1(outcomes: Sequence[Outcome]) -> float | None:
    """The harmonic mean of precision and recall."""
    both = sum(len(outcome.topics) + len(outcome.found_topics) for outcome in outcomes)
    return 2 * _right_topics(outcomes) / both if both else None


def _right_topics(outcomes: Sequence[Outcome]) -> int:
    return sum(len(outcome.topics & outcome.found_topics) for outcome in outcomes)


def _share(flags: Sequence[bool]) -> float | None:
    return sum(flags) / len(flags) if flags else None


def evidence(outcomes: Sequence[Outcome]) -> float | None:
    """Of the statements that agree with the label, the share that cites a labelled turn."""
    return _share([each.overlaps for outcome in outcomes for each in outcome.cited if each.right])


def strict_evidence(outcomes: Sequence[Outcome]) -> float | None:
    """Likewise, the share that cites no turn beside the labelled ones and those directly before them."""
    return _share([each.within for outcome in outcomes for each in outcome.cited if each.right])


def right_and_evidenced(outcomes: Sequence[Outcome]) -> float | None:
    """Of all statements, also the wrong ones, the share that agrees with the label and cites a labelled turn."""
    return _share([each.right and each.overlaps for outcome in outcomes for each in outcome.cited])


ANALYSIS: tuple[Measured[Outcome], ...] = (
    Measured("intent accuracy", lambda outcomes: accuracy([outcome.intent for outcome in outcomes])),
    Measured("intent macro-F1", lambda outcomes: macro_f1([outcome.intent for outcome in outcomes]), 0.75),
    Measured("concern accuracy", lambda outcomes: accuracy([outcome.concern for outcome in outcomes])),
    Measured("concern macro-F1", lambda outcomes: macro_f1([outcome.concern for outcome in outcomes]), 0.75),
    Measured("topics precision", precision, 0.80),
    Measured("topics recall", recall, 0.70),
    Measured("topics F1", topics_f1),
    Measured("evidence", evidence, 0.95),
    Measured("evidence, strict", strict_evidence),
    Measured("right and evidenced", right_and_evidenced),
)


def interval(items: Sequence[Item], of: Callable[[Sequence[Item]], float | None]) -> Interval:
    """A figure and its 95 % interval: percentiles of the figure over resamples of the items, with replacement.

    Args:
        items: What is resampled: calls, or recordings, so that what belongs together stays together.
        of: The figure; resamples from which it cannot be computed are left out.
    """
    value = of(items)
    if value is None:
        return Interval(None, None, None)
    draws = np.random.default_rng(SEED).integers(0, len(items), (ROUNDS, len(items)))
    drawn = [figure for draw in draws.tolist() if (figure := of([items[at] for at in draw])) is not None]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Interval(value, float(low), float(high))
