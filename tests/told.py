"""What a process tells, read as Prometheus reads it."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from callwright import metrics


@dataclass(frozen=True)
class Sample:
    """One line of an exposition."""

    name: str
    labels: Mapping[str, str]
    value: float


def samples(text: str) -> list[Sample]:
    """Every line of an exposition."""
    return [
        Sample(s.name, s.labels, s.value) for family in text_string_to_metric_families(text) for s in family.samples
    ]


def now(of: metrics.Process) -> list[Sample]:
    """What this very process tells."""
    return samples(metrics.exposition(of).decode())


def value(told: list[Sample], name: str, **labels: str) -> float:
    """The sum of the lines of a name that have these labels; 0 where there is none."""
    return sum(s.value for s in told if s.name == name and labels.items() <= s.labels.items())
