"""The cue tables, compiled once: what the rules listen for, by section."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

# Devanagari vowel signs are no word characters to `re`, so that `\b` would end a word in its middle.
_WORD = r"[\w\u0900-\u097f]"


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing to listen for.

    Attributes:
        id: What it is, in words; justifications name it.
        weight: Evidence for (+) or against (-) buying; 0 where the section weighs nothing.
        fixed: True where negation does not turn it round.
    """

    id: str
    weight: float
    fixed: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """A cue and where it was heard, as offsets into the normalised text."""

    cue: Cue
    start: int
    end: int


class Section:
    """Cues of one kind as a single pattern; of two that match at one place the earlier in the table wins."""

    def __init__(self, cues: list[tuple[Cue, list[str]]]) -> None:
        self._cues = {f"c{number}": cue for number, (cue, _) in enumerate(cues)}
        groups = (f"(?P<c{number}>{'|'.join(phrases)})" for number, (_, phrases) in enumerate(cues))
        self._pattern = re.compile(f"(?<!{_WORD})(?:{'|'.join(groups)})(?!{_WORD})")

    def find(self, text: str) -> Iterator[Hit]:
        """Every cue in a normalised text, from left to right, without overlaps."""
        for match in self._pattern.finditer(text):
            if match.lastgroup and match.end() > match.start():
                yield Hit(self._cues[match.lastgroup], match.start(), match.end())

    def ids(self, text: str) -> list[str]:
        """The ids of the cues in a normalised text, in the order heard."""
        return [hit.cue.id for hit in self.find(text)]


def _section(entries: list[dict[str, Any]], name: str = "id", phrases: str = "any") -> Section:
    return Section([(Cue(e[name], e.get("weight", 0.0), e.get("fixed", False)), e[phrases]) for e in entries])


_TABLES = tomllib.loads(files(__package__).joinpath("cues.toml").read_text(encoding="utf-8"))

VERSION: str = _TABLES["version"]
COMMON = frozenset(_TABLES["common"].split())
INTENT = _section(_TABLES["intent"])
DISQUALIFIER = _section(_TABLES["disqualifier"])
UNAVAILABLE = _section(_TABLES["unavailable"])
CONCERN = _section(_TABLES["concern"])
NEED = _section(_TABLES["need"])
AGENT = {entry["id"]: _section([entry]) for entry in _TABLES["agent"]}
TIME = _section(_TABLES["time"])
TOPIC = _section(_TABLES["topic"])
TOPICS: tuple[str, ...] = tuple(entry["id"] for entry in _TABLES["topic"])
QUALIFICATION: tuple[str, ...] = tuple(entry["label"] for entry in _TABLES["qualification"])
ASKED = {e["label"]: _section([e], "label", "asked") for e in _TABLES["qualification"]}
VOLUNTEERED = {e["label"]: _section([e], "label", "said") for e in _TABLES["qualification"]}
