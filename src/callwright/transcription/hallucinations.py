"""What engines make up: the same words over and over, and stock phrases where hardly anybody speaks.

Engines such as Whisper repeat themselves where they lose the thread, and say over silence what the subtitles say that
they learnt from: "thank you for watching" (https://arxiv.org/abs/2501.11378 lists what they say most).
"""

import re
import sys
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace

from callwright.transcription import Span
from callwright.transcription.turns import Words, grouped
from callwright.transcription.vad import MAX_SPEECH_SECONDS

LONGEST_LOOP = 24
"""Words that are said again together; a sentence has about as many."""
LOOP_PAUSE_SECONDS = 1.0
"""What a loop says follows at once. A listener's "haan" every few seconds is none, however often it comes."""
LEAST_ACROSS_PAUSES = 8
"""How often three words or more must come, with pauses between, to be a loop: who asks "can you hear me" so often?"""
SECONDS_PER_WORD = 0.2
"""The least that a word takes: fast speech has about five words a second."""

STOCK_PHRASES = frozenset(
    {
        "amaraorg",
        "bye",
        "bye bye",
        "dont forget to subscribe",
        "like and subscribe",
        "please subscribe",
        "please subscribe to my channel",
        "see you in the next video",
        "subscribe",
        "subtitles by the amaraorg community",
        "thank you",
        "thank you for watching",
        "thank you so much for watching",
        "thank you very much",
        "thanks for watching",
        "you",
        "देखने के लिए धन्यवाद",
        "धन्यवाद",
        "सब्सक्राइब करें",
    }
)
_LONGEST_PHRASE = max(len(phrase.split()) for phrase in STOCK_PHRASES)

# Twenty signs at most, ten times or more, within one word: "hahaha", or a language without spaces between words.
_STUTTER = re.compile(r"([^\s\d.,!?-]{1,20}?)\1{9,}")


def without_loops(words: Sequence[Words]) -> tuple[list[Words], int]:
    """Words without what is only said again, and how many were dropped; what is repeated stays once.

    People repeat themselves too, so that it takes much to be a loop: eight times the same word at once, six times the
    same two, five times the same three or more, four times a sentence.

    Args:
        words: Of both speakers, in any order; one entry may hold many.
    """
    kept: list[Words] = []
    dropped = 0
    for speaker in ("agent", "customer"):
        own = sorted((word for word in words if word.speaker == speaker), key=lambda word: (word.start, word.end))
        left: list[Words] = []
        for phrase in grouped(own, LOOP_PAUSE_SECONDS):
            said, lost = _cut(phrase, _least_at_once)
            left += said
            dropped += lost
        said, lost = _cut(left, _least_across_pauses)
        kept += said
        dropped += lost
    return kept, dropped


def without_stock_phrases(words: Sequence[Words], speech: Sequence[Span]) -> tuple[list[Words], int]:
    """Words without stock phrases that fill a stretch of sound too short to say them in; and how many were dropped.

    Args:
        words: Of both speakers, in any order.
        speech: Voice activity of both.
    """
    kept = sorted(words, key=lambda word: word.start)
    starts = [word.start for word in kept]
    made_up: set[int] = set()
    for span in speech:
        if span.end - span.start >= SECONDS_PER_WORD * _LONGEST_PHRASE:
            continue
        near = range(bisect_left(starts, span.start - MAX_SPEECH_SECONDS), bisect_left(starts, span.end))
        inside = [at for at in near if kept[at].speaker == span.speaker and kept[at].end > span.start]
        said = " ".join(filter(None, (_plain(text) for at in inside for text in kept[at].text.split())))
        if said in STOCK_PHRASES and span.end - span.start < SECONDS_PER_WORD * len(said.split()):
            made_up.update(inside)
    dropped = sum(len(kept[at].text.split()) for at in made_up)
    return [word for at, word in enumerate(kept) if at not in made_up], dropped


def _least_at_once(period: int) -> int:
    return {1: 8, 2: 6}.get(period, 5 if period < 8 else 4)


def _least_across_pauses(period: int) -> int:
    return LEAST_ACROSS_PAUSES if period >= 3 else sys.maxsize


def _cut(words: Sequence[Words], least: Callable[[int], int]) -> tuple[list[Words], int]:
    """Words of one speaker, in order, without loops; `least` says how often so many words must come to be one."""
    shorter = [replace(word, text=_STUTTER.sub(r"\1", word.text)) for word in words]
    dropped = sum(short.text != word.text for short, word in zip(shorter, words, strict=True))
    texts = [_parted(word.text) for word in shorter]
    again = _repeated([_plain(text) for own in texts for text in own], least)
    if not again:
        return shorter, dropped
    kept: list[Words] = []
    first = 0
    for word, own in zip(shorter, texts, strict=True):
        left = [text for place, text in enumerate(own, first) if place not in again]
        first += len(own)
        if left:  # with as much of the time as of the words
            end = word.start + (word.end - word.start) * len(left) / len(own)
            kept.append(replace(word, text=" ".join(left), end=end))
    return kept, dropped + len(again)


def _repeated(said: Sequence[str], least: Callable[[int], int]) -> set[int]:
    """The places of what is said again: of a loop everything but its first time."""
    again: set[int] = set()
    for period in range(1, min(LONGEST_LOOP, len(said) // 2) + 1):
        same = 0  # words in a row that equal those a period before them
        for place in range(period, len(said) + 1):
            if place < len(said) and said[place] == said[place - period]:
                same += 1
                continue
            times = same // period + 1
            if times >= least(period) and _whole(said[place - same - period : place - same]):
                again.update(range(place - same, place - same + (times - 1) * period))
            same = 0
    return again


def _whole(words: Sequence[str]) -> bool:
    """Whether words are not themselves the same fewer words again and again, which have a measure of their own."""
    count = len(words)
    return not any(
        count % part == 0 and list(words) == list(words[:part]) * (count // part) for part in range(1, count // 2 + 1)
    )


def _parted(text: str) -> list[str]:
    """The words of a text; a sign that stands alone goes with the word before it."""
    words: list[str] = []
    for word in text.split():
        if words and not _plain(word):
            words[-1] += f" {word}"
        else:
            words.append(word)
    return words


def _plain(text: str) -> str:
    """A word without case and punctuation; the marks of Indian scripts are neither."""
    return "".join(char for char in text.casefold() if unicodedata.category(char)[0] in "LNM")
