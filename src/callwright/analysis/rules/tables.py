"""The cue tables, compiled once: what the rules listen for, by section, language and kind of call."""

import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from callwright.analysis.rules.hindi import Lexicon

Domain = Literal["sales", "collections", "support"]
"""The kind of call, which some cues depend on."""

_MACRO = re.compile(r"\{([a-z_]+)\}")
_ESCAPED = re.compile(r"\\[a-zA-Z]")
_LETTERS = re.compile(r"[a-z]{2,}")
_KEPT = re.compile(r"(\{[a-z_]+\}|\\[a-zA-Z])")  # what stands in a pattern and is no word
_STEMS = re.compile(
    r"(?<![a-z\\])(dekh|soch|pooch|puch|bata|toot|bigad|mil|chhod|badal|nikal|khareed|samajh|uth|jud|sikh|seekh|maan|ruk|atak|phans|sookh|jal|khul|bhool|phat|chal)(?=[)|]|$)"
)  # verbs that take any ending where they close a pattern
_IN = re.compile(r"(?<![a-z\\])(?:me|mein)(?![a-z])")  # English or Hindi, where it is written in Latin letters
_ENDINGS = re.compile(r"(?<![a-z\\{])([a-z]{2,})\(\?:([a-z| ]+)\)(?!\?)")


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing to listen for.

    Attributes:
        id: What it is, in words; justifications name it.
        weight: Evidence for (+) or against (-) going on; 0 where the section weighs nothing.
        fixed: True where negation does not turn it round.
    """

    id: str
    weight: float = 0.0
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A cue and where it was heard, as offsets into the normalised text."""

    cue: Cue
    start: int
    end: int


class Section:
    """Cues of one kind as a single pattern; of two that match at one place the earlier in the table wins."""

    def __init__(self, cues: Sequence[tuple[Cue, Sequence[str]]]) -> None:
        heard = [(cue, patterns) for cue, patterns in cues if patterns]
        self._cues = {f"c{number}": cue for number, (cue, _) in enumerate(heard)}
        groups = (f"(?P<c{number}>{'|'.join(patterns)})" for number, (_, patterns) in enumerate(heard))
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(groups)})(?!\w)") if heard else None

    def find(self, text: str) -> Iterator[Hit]:
        """Every cue in a normalised text, from left to right, without overlaps."""
        for match in self._pattern.finditer(text) if self._pattern else ():
            if match.lastgroup and match.end() > match.start():
                yield Hit(self._cues[match.lastgroup], match.start(), match.end())

    def ids(self, text: str) -> list[str]:
        """The ids of the cues in a normalised text, in the order heard."""
        return [hit.cue.id for hit in self.find(text)]

    def heard(self, text: str) -> bool:
        """Whether any cue is in a normalised text."""
        return self._pattern is not None and self._pattern.search(text) is not None


def table(name: str) -> dict[str, Any]:
    """A file of `cues/`."""
    return tomllib.loads(files(__package__).joinpath("cues", name).read_text(encoding="utf-8"))


WORDS = table("words.toml")
_PATTERNS = table("patterns.toml")
_TABLES = [table(name) for name in ("intent.toml", "concerns.toml", "topics.toml", "quality.toml", "chapters.toml")]


def _listed(words: str) -> list[str]:
    """The patterns of a list of words, the longest first; `*` stands for any ending and `_` for a space."""
    return [word.replace("_", " ").replace("*", r"\w*") for word in sorted(words.split(), key=len, reverse=True)]


_TABLES.append(
    {
        section: [{"id": entry["id"], "en": _listed(entry["en"]), "hi": _listed(entry["hi"])} for entry in entries]
        for section, entries in table("vocabulary.toml").items()
    }
)

VERSION: str = WORDS["version"]
COMMON = frozenset(WORDS["common"].split())


def _entries(section: str) -> list[dict[str, Any]]:
    return [entry for table in _TABLES for entry in table.get(section, ())]


def expanded(pattern: str, macros: Mapping[str, str] = WORDS["macros"]) -> str:
    """A pattern with its {macros} written out."""
    return _MACRO.sub(lambda match: macros[match[1]], pattern)


def pattern(module: str, name: str) -> re.Pattern[str]:
    """A pattern of `patterns.toml`."""
    return re.compile(_PATTERNS[module][name])


def _whole_words(pattern: str) -> str:
    """A pattern in which endings in brackets are joined to their word: `dekh(?:enge|unga)`."""
    joined = _ENDINGS.sub(lambda m: f"(?:{'|'.join(m[1] + ending for ending in m[2].split('|'))})", pattern)
    return _STEMS.sub(r"\1\\w*", joined)


def _words(pattern: str) -> set[str]:
    return set(_LETTERS.findall(_ESCAPED.sub(" ", _MACRO.sub(" ", pattern))))


def _lexicon() -> Lexicon:
    words: dict[str, set[str]] = {"hi": set(WORDS["numbers"]), "en": set()}
    for entry in (entry for table in _TABLES for section in table.values() for entry in section):
        for key, patterns in entry.items():
            language = key.removeprefix("asked_").removeprefix("said_").removeprefix("weak_")
            if language in words and isinstance(patterns, list):
                words[language] |= {word for pattern in patterns for word in _words(_whole_words(pattern))}
    words["hi"] |= _words(WORDS["macros"]["weekday"]) - words["en"]
    hindi = set(WORDS["spellings"]) | set(WORDS["numbers"])
    english = (words["en"] | set(WORDS["loans"]) | set(WORDS["english"]["words"].split())) - hindi
    return Lexicon(words["hi"], WORDS["spellings"], WORDS["loans"], english)


LEXICON = _lexicon()


def _in_one_spelling(pattern: str) -> str:
    pieces = _KEPT.split(_whole_words(pattern))
    pieces[::2] = [LEXICON.spelled(piece) for piece in pieces[::2]]
    return _IN.sub("(?:me|mein)", "".join(pieces))


def _patterns(entry: dict[str, Any], *names: str) -> list[str]:
    """The patterns of an entry, their macros written out and their Hindi in the lexicon's spelling."""
    found = []
    for name in names:
        hindi = name.endswith("hi")
        found += [expanded(_in_one_spelling(pattern) if hindi else pattern) for pattern in entry.get(name, ())]
    return found


@lru_cache(maxsize=8)
def section(name: str, domain: Domain | None = None) -> Section:
    """The cues of a section that count in a kind of call: intent, disqualifier, unavailable, concern, part."""
    entries = [entry for entry in _entries(name) if domain is None or domain in entry.get("domains", (domain,))]
    return Section(
        [
            (Cue(e.get("id", ""), e.get("weight", 0.0), e.get("fixed", False)), _patterns(e, "en", "hi"))
            for e in entries
            if not e.get("agent")
        ]
    )


@lru_cache(maxsize=8)
def said_by_agent(name: str, domain: Domain) -> Section:
    """The cues of a section that the agent's words give."""
    entries = [entry for entry in _entries(name) if entry.get("agent") and domain in entry.get("domains", (domain,))]
    return Section([(Cue(e["id"], e.get("weight", 0.0)), _patterns(e, "en", "hi")) for e in entries])


AGENT = {entry["id"]: Section([(Cue(entry["id"]), _patterns(entry, "en", "hi"))]) for entry in _entries("agent")}
_TURNING = {entry["id"]: Section([(Cue(entry["id"]), _patterns(entry, "en", "hi"))]) for entry in _entries("turning")}
MOCKING, SETTLES, CONFIRMS = _TURNING["mocking"], _TURNING["settles"], _TURNING["confirms"]
REFUSES, HARMLESS = _TURNING["refuses"], _TURNING["harmless"]
RENEWAL, COMING_BACK = _TURNING["renewal"], _TURNING["coming back"]
SOMEBODY_ELSE = _TURNING["somebody else"]
OFFER_TO_STAY, ASKS_FOR_PAYMENT = _TURNING["offer to stay"], _TURNING["asks for payment"]
LAST_WORD, COMMITS, REQUESTS, PROPOSES = (_TURNING[n] for n in ("last word", "commits", "requests", "proposes"))
PARTS: tuple[str, ...] = tuple(entry["id"] for entry in _entries("part"))


@dataclass(frozen=True, slots=True)
class TopicCues:
    """What a topic is known by.

    Attributes:
        asked: Questions of the agent's.
        said: Words of the customer's that answer unasked.
        weak: Words that may, and count where nothing clearer was said.
        answer: What an answer must hold; None where any content will do.
    """

    asked: tuple[str, ...]
    said: tuple[str, ...]
    weak: tuple[str, ...]
    answer: str | None


TOPICS = {
    entry["label"]: TopicCues(
        tuple(_patterns(entry, "asked_en", "asked_hi")),
        tuple(_patterns(entry, "said_en", "said_hi")),
        tuple(_patterns(entry, "weak_en", "weak_hi")),
        entry.get("answer"),
    )
    for entry in _entries("topic")
}
CONCERNS = {entry["id"]: tuple(_patterns(entry, "en", "hi")) for entry in _entries("concern")}
TOGETHER = {
    entry["id"]: tuple(
        Section([(Cue(entry["id"]), [expanded(part), *_patterns({"hi": [part]}, "hi")])]) for part in entry["together"]
    )
    for entry in _entries("concern")
    if "together" in entry
}
"""Words that raise a concern where they stand in one sentence, in any order."""
WEAK_CONCERNS = {entry["id"]: tuple(_patterns(entry, "weak_en", "weak_hi")) for entry in _entries("concern")}
RHETORICAL = {entry["id"]: tuple(_patterns(entry, "asked_en", "asked_hi")) for entry in _entries("concern")}
"""Questions that ask nothing and raise a concern."""
CONCERN_DOMAINS: dict[str, Iterable[str]] = {e["id"]: e["domains"] for e in _entries("concern") if "domains" in e}


class Field:
    """The words of a category's field, of which one alone says little."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._words = frozenset(pattern for pattern in patterns if pattern.isalpha())
        self._rest = Section([(Cue("field"), [pattern for pattern in patterns if not pattern.isalpha()])])

    def heard(self, plain: str, words: frozenset[str]) -> set[str]:
        """Which of them are in a normalised text, whose single words are given as well."""
        return {*(self._words & words), *(plain[hit.start : hit.end] for hit in self._rest.find(plain))}

    def speaks(self, plain: str, words: frozenset[str]) -> bool:
        """Whether any of them is in it."""
        return not self._words.isdisjoint(words) or self._rest.heard(plain)


VOCABULARY = {entry["id"]: Field(_patterns(entry, "en", "hi")) for entry in _entries("vocabulary")}


@lru_cache(maxsize=10_000)
def _distinct(words: str) -> float:
    single = frozenset(words.split())
    return 1.0 / math.sqrt(sum(field.speaks(words, single) for field in VOCABULARY.values()) or 1)


def distinct(words: Iterable[str]) -> float:
    """How many words of a field are heard, each counting the less the more fields it belongs to."""
    return sum(map(_distinct, words))


COMPLAINTS = {entry["id"]: Field(_patterns(entry, "en", "hi")) for entry in _entries("complaint")}
"""Words that tell a complaint from the report of a problem, and words that speak against one."""
