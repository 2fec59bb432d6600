"""Whether a call to support complains or merely reports a problem, and what of, where no words name it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from callwright.analysis import Intent
from callwright.analysis.rubric import Rubric
from callwright.analysis.rules import tables
from callwright.analysis.rules.concerns import Objection, objection
from callwright.analysis.rules.reading import Said
from callwright.analysis.rules.tables import Domain

_WORD = re.compile(r"\w+")
_WEIGHTS = {"again": 1.0, "let down": 1.0, "scorn": 1.0, "content": -1.5, "agent: sorry": 0.5}
"""What a turn that has such words says of a complaint; words of content speak against one."""
_COMPLAINS = (
    1.5  # from here on it is a complaint: two turns, or two kinds of words in one, or one and the agent's regret
)
_CONTENT = -1.0  # from here on the customer is content, and holds nothing against anybody
_SAYS = 0.6  # what a turn weighs for the category that its kind of complaint suggests; less than a cue
_NOT_DONE = 1.0  # what the agent's word that it does not do that weighs, for the customer's turn on either side


@dataclass(frozen=True, slots=True)
class Complaint:
    """What tells a complaint.

    Attributes:
        strength: The sum of what speaks for one, less what speaks against.
        turns: Indices of the customer's turns with such words, by their kind.
    """

    strength: float
    turns: dict[str, list[int]]

    @property
    def meant(self) -> bool:
        """Whether the customer complains."""
        return self.strength >= _COMPLAINS

    @property
    def content(self) -> bool:
        """Whether the customer is content with how it went."""
        return self.strength <= _CONTENT


def complaint(said: Sequence[Said], domain: Domain) -> Complaint:
    """What tells that the customer complains; nothing in any call but one to support."""
    turns: dict[str, list[int]] = {}
    for index, turn in enumerate(said if domain == "support" else ()):
        for kind in _kinds(turn):
            turns.setdefault(kind, []).append(index)
    return Complaint(sum(_WEIGHTS.get(kind, 0.0) * len(heard) for kind, heard in turns.items()), turns)


def _kinds(turn: Said) -> list[str]:
    """The kinds of words that a turn has; what is said in mockery scorns, and contents nobody."""
    plain, by_agent = turn.plain, turn.speaker == "agent"
    words = frozenset(_WORD.findall(plain))
    kinds = [
        kind
        for kind, known in tables.COMPLAINTS.items()
        if kind.startswith("agent: ") == by_agent and known.speaks(plain, words)
    ]
    if by_agent or not tables.MOCKING.heard(plain):
        return kinds
    return ["scorn", *(kind for kind in kinds if kind not in ("scorn", "content"))]


def suggested(
    said: Sequence[Said], complained: Complaint, intent: Intent | None, rubric: Rubric
) -> tuple[Objection, ...]:
    """The categories that the course of a complaint suggests.

    What comes again is of bad quality; who was let down misses support; where the agent says that it does not do that,
    a function is missing.
    """
    if intent not in ("NEUTRAL", "INTERESTED"):
        return ()
    categories = {concern.category for concern in rubric.concerns}
    found: list[Objection] = []
    if complained.meant:
        let_down = complained.turns.get("let down", [])
        found += [objection(said, at, "Support", _SAYS) for at in let_down]
        found += [
            objection(said, at, "Quality", _SAYS) for at in complained.turns.get("again", []) if at not in let_down
        ]
    for at in complained.turns.get("agent: does not do that", []):
        found += [
            objection(said, near, "Functionality", _NOT_DONE)
            for near in (at - 1, at + 1)
            if 0 <= near < len(said) and said[near].speaker == "customer"
        ]
    return tuple(each for each in found if each.category in categories)
