"""From what an engine says to turns: nothing that an engine or a partner sends is believed before it is checked."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from callwright.transcription import Speaker, Turn
from callwright.transcription.engine import Segment

PHRASE_PAUSE_SECONDS = 0.5
"""Words that follow each other more closely are one phrase, which a listener's "mhm" in the middle does not part."""
TURN_PAUSE_SECONDS = 1.2
"""A longer pause begins a new turn even where nobody else speaks."""
MAX_TEXT = 4_000
"""Characters that one segment can have; thirty seconds of fast speech have about 600."""
SHORTEST_SECONDS = 0.01
NO_SPACES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Languages that are written without spaces between words, as Whisper's tokenizer lists them."""

_UNSPEAKABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069\\s]+")


@dataclass(frozen=True, slots=True)
class Words:
    """Checked words of one speaker, in seconds from the start of the recording."""

    speaker: Speaker
    start: float
    end: float
    text: str
    confidence: float | None = None


def clean_text(text: str) -> str:
    """Text without control characters, U+0000, lone surrogates and marks that turn its direction, one space between."""
    return _UNSPEAKABLE.sub(" ", text).strip()


def clean(segment: Segment, seconds: float) -> Segment | None:
    """A segment with times inside 0 to `seconds`, start before end, and clean text; None where nothing is left.

    Args:
        segment: As an engine says.
        seconds: The length of what the engine was given.
    """
    text = clean_text(segment.text[:MAX_TEXT])
    if not text or not math.isfinite(segment.start) or not math.isfinite(segment.end) or seconds < SHORTEST_SECONDS:
        return None
    start = min(max(segment.start, 0.0), seconds - SHORTEST_SECONDS)
    end = min(max(segment.end, start + SHORTEST_SECONDS), seconds)
    confidence = segment.confidence
    if confidence is not None:
        confidence = min(max(confidence, 0.0), 1.0) if math.isfinite(confidence) else None
    return Segment(start, end, text, confidence)


def grouped(words: Sequence[Words], pause: float) -> list[list[Words]]:
    """Words of one speaker, in order, in groups without a longer pause inside; in seconds."""
    groups = [[word] for word in words[:1]]
    for before, word in pairwise(words):
        if word.start - before.end <= pause:
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups


def build_turns(words: Iterable[Words], language: str | None) -> tuple[Turn, ...]:
    """Turns in order of their start, numbered from 0.

    A turn lasts until the other speaker's next phrase or a long pause. Turns of the two may overlap, as people do.

    Args:
        words: Of both speakers, in any order.
        language: BCP 47 tag, which says whether words are parted by spaces.
    """
    phrases: list[list[Words]] = []
    for speaker in ("agent", "customer"):
        own = sorted((word for word in words if word.speaker == speaker), key=_order)
        phrases += grouped(own, PHRASE_PAUSE_SECONDS)
    phrases.sort(key=lambda phrase: _order(phrase[0]))
    turns: list[list[Words]] = []
    for phrase in phrases:
        last = turns[-1] if turns else None
        if last and last[0].speaker == phrase[0].speaker and phrase[0].start - _end(last) <= TURN_PAUSE_SECONDS:
            last.extend(phrase)
        else:
            turns.append(list(phrase))
    between = "" if (language or "").split("-")[0].lower() in NO_SPACES else " "
    return tuple(_turn(number, turn, between) for number, turn in enumerate(turns))


def _order(word: Words) -> tuple[float, float]:
    return word.start, word.end


def _end(words: Sequence[Words]) -> float:
    return max(word.end for word in words)


def _turn(number: int, words: Sequence[Words], between: str) -> Turn:
    known = [word.confidence for word in words if word.confidence is not None]
    return Turn(
        id=number,
        speaker=words[0].speaker,
        start=round(words[0].start, 3),
        end=round(_end(words), 3),
        text=between.join(word.text for word in words),
        confidence=round(sum(known) / len(known), 3) if known else None,
    )
