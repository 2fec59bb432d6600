"""What a quality rule judges by: what the other rules found, and criteria that a transcript meets or does not."""

from collections.abc import Sequence
from dataclasses import dataclass

from callwright.analysis import Intent, Qualification, QualityScore
from callwright.analysis.rules import tables
from callwright.analysis.rules.concerns import Objection
from callwright.analysis.rules.exchanges import Exchange
from callwright.analysis.rules.reading import Said, Sentence
from callwright.analysis.rules.tables import Domain
from callwright.analysis.scorecard import Parameter, points, scored

_CITED = 3  # turns that are cited for one criterion


@dataclass(frozen=True, slots=True)
class Findings:
    """What the other rules found in the call, for the quality rules to judge by."""

    said: tuple[Said, ...]
    asked: tuple[Exchange, ...]
    intent: Intent | None
    needs: tuple[Sentence, ...]
    objections: tuple[Objection, ...]
    topics: tuple[Qualification, ...]
    domain: Domain

    def agent(self) -> list[Said]:
        """The agent's turns."""
        return [turn for turn in self.said if turn.speaker == "agent"]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing expected of the agent: how it is said when done and when missing, and the turns in which it is done."""

    done: str
    missing: str
    turns: Sequence[int]


def heard(turns: Sequence[Said], cue: str) -> tuple[int, ...]:
    """The turns in which a cue of `quality.toml` is heard."""
    return tuple(turn.turn for turn in turns if any(tables.AGENT[cue].heard(s.plain) for s in turn.sentences))


def by_criteria(parameter: Parameter, criteria: Sequence[Criterion]) -> QualityScore:
    """Points for the share of the criteria that are met, with the turns that meet them."""
    met = [criterion for criterion in criteria if criterion.turns]
    missed = [criterion for criterion in criteria if not criterion.turns]
    text = f"The agent {_listed([criterion.done for criterion in met])}." if met else ""
    if missed:
        text = f"{text} Not heard: {_listed([criterion.missing for criterion in missed])}.".strip()
    suggestion = f"Next time {_listed([criterion.missing for criterion in missed])}." if missed else None
    turns = tuple(sorted({turn for criterion in met for turn in criterion.turns[:_CITED]}))
    return scored(parameter, points(len(met) / len(criteria), parameter.maximum), text, suggestion, turns)


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
