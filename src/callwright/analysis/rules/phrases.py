"""A rubric's own phrases: plain words, found in any inflection that only adds an ending, never read as patterns."""

import re
from collections.abc import Sequence
from functools import lru_cache

from callwright.analysis.rules.reading import normalised

_WORD = re.compile(r"\w+")
_ENDINGS = "(?:'s|s|es|d|ed|ing)?"

_WORDS_READ = 20  # words of one phrase


def pattern(phrase: str) -> str | None:
    """The pattern of one phrase: its words in order, with nothing but spaces and commas between; None without words."""
    words = _WORD.findall(normalised(phrase))[:_WORDS_READ]
    return "[ ,'-]{1,3}".join(f"{re.escape(word)}{_ENDINGS}" for word in words) if words else None


@lru_cache(maxsize=256)
def compiled(phrases: tuple[str, ...]) -> re.Pattern[str] | None:
    """What finds any of the phrases in a normalised text; None where there is none with words."""
    patterns = patterns_of(phrases)
    return re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)") if patterns else None


def patterns_of(phrases: Sequence[str]) -> list[str]:
    """The patterns of the phrases that have words, the longest first."""
    return sorted(filter(None, map(pattern, phrases)), key=len, reverse=True)
