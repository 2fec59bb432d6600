"""How a cue was meant: negated, hedged, supposed, of somebody else, or of the past."""

import re
from dataclasses import dataclass

from callwright.analysis.rules import tables
from callwright.analysis.rules.tables import Cue, Hit

_CLAUSE = tables.pattern("stance", "clause")
# What looks like a negation and is none comes first and is matched without the group.
_NEGATOR = tables.pattern("stance", "negator")
_LATER_NEGATOR = tables.pattern("stance", "later_negator")
_HEDGE = tables.pattern("stance", "hedge")
_SUPPOSED = tables.pattern("stance", "supposed")
_DISCLAIMED = tables.pattern("stance", "disclaimed")
_PAST = re.compile(r"\b(?:was|were|used to be|would have been|had been)(?: \w+ly)? $")
_SUBJECT = tables.pattern("stance", "subject")  # its group is the customer; the rest is somebody else

_CLAUSE_REACH = 200  # characters before a cue in which its clause is looked for
_NEGATION_REACH = 60  # characters before a cue in which a negator counts; about a dozen words


@dataclass(frozen=True, slots=True)
class Stance:
    """How a cue was meant.

    Attributes:
        negations: Negators that reach it; two undo each other, but what is said so is weak.
        hedged: Said with a maybe.
        supposed: Said under a condition that may not hold.
        disclaimed: Said not to be meant: "it is not that ...".
        own: False where it is about somebody else or about the past.
    """

    negations: int
    hedged: bool
    supposed: bool
    disclaimed: bool
    own: bool

    @property
    def affirmed(self) -> bool:
        """Said of oneself and not negated."""
        return self.own and self.negations % 2 == 0

    def weigh(self, weight: float, *, fixed: bool) -> float:
        """The weight of a cue that was meant so; 0 where it says nothing about the customer."""
        if not self.own:
            return 0.0
        if self.disclaimed and weight < 0:
            return -0.3 * weight
        if fixed:
            return weight
        if self.supposed and weight > 0:
            return 0.0
        if self.negations % 2:
            # "I'm not saying no" is less than a yes; "not interested" is a no.
            return -weight if weight > 0 else -0.3 * weight
        return weight * (0.5 if self.hedged or self.negations else 1.0)


def stance(plain: str, hit: Hit) -> Stance:
    """How a cue in a normalised sentence was meant, from its clause; Hindi negates behind the word as well."""
    start = max(hit.start - _CLAUSE_REACH, 0)
    for boundary in _CLAUSE.finditer(plain, start, hit.start):
        start = boundary.end()
    before = plain[start : hit.start]
    subjects = list(_SUBJECT.finditer(plain[start : hit.end]))
    foreign = bool(subjects) and subjects[-1].group(1) is None
    negations = sum(match.group(1) is not None for match in _NEGATOR.finditer(before[-_NEGATION_REACH:]))
    later = plain[hit.end : hit.end + 40]
    return Stance(
        negations=negations + bool(_LATER_NEGATOR.match(later)),
        hedged=bool(_HEDGE.search(before)) or bool(_HEDGE.match(plain)),
        supposed=bool(_SUPPOSED.search(plain, max(hit.start - _CLAUSE_REACH, 0), hit.start)),
        disclaimed=bool(_DISCLAIMED.search(before)),
        own=not foreign and not _PAST.search(before),
    )


def whole(plain: str) -> Stance:
    """How a normalised sentence was meant as a whole: as its last clause was."""
    end = len(plain.rstrip(" .!?,।—"))
    return stance(plain, Hit(_SENTENCE, end, end))


_SENTENCE = Cue("sentence")
