"""The pieces in which a recording goes to a speech engine, cut at pauses, and the words of a piece at their times."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from callwright.transcription import SpeakerSource
from callwright.transcription.engine import Segment
from callwright.transcription.speakers import Speech
from callwright.transcription.turns import Words, clean
from callwright.transcription.vad import FULL_SCALE, MAX_SPEECH_SECONDS, RATE, Floats, Samples

EDGE_SECONDS = 0.2
"""Sound before and after a span that the engine hears as well, so that no consonant is cut off."""
GAP_SECONDS = 0.2
"""Silence between joined spans: with their edges 0.6 s lie between words, more than the error of their times."""
REACH_SECONDS = 0.5
"""How far from all speech a word may lie by the error of its time; further off it is made up. Whisper hears 30 s at a
time, and what it says of the empty rest of them was said by nobody."""
GROUP_SECONDS = 120.0
"""Speech whose words are worth keeping by themselves: what is lost at most where a long call breaks off."""


@dataclass(frozen=True, slots=True)
class Part:
    """A span as the engine hears it: with its edges, and where it begins in the piece; in seconds."""

    speech: Speech
    start: float
    end: float
    offset: float


Piece = Sequence[Part]
"""Spans of one channel that the engine hears at a time."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was said in some pieces.

    Attributes:
        words: In any order.
        over_silence: How many words were dropped because nobody speaks where the engine put them.
    """

    words: tuple[Words, ...] = ()
    over_silence: int = 0


def together(parts: Iterable[Said]) -> Said:
    """What was said in all of them."""
    listed = list(parts)
    return Said(tuple(word for part in listed for word in part.words), sum(part.over_silence for part in listed))


@dataclass(frozen=True, slots=True)
class Begun:
    """All that is known of a recording before most of it is put into words, so that anybody can go on from there.

    Attributes:
        engine: Its name, as in the transcript.
        model: Likewise.
        draft: See `Engine`.
        joins: Likewise.
        speakers: How the speakers were told apart.
        language: BCP 47 tag, where known.
        speech: Everything that is spoken and by whom.
        heard: Numbers of the pieces that were put into words to find the language.
        said: What was said in these.
    """

    engine: str
    model: str | None
    draft: bool
    joins: bool
    speakers: SpeakerSource
    language: str | None
    speech: tuple[Speech, ...]
    heard: tuple[int, ...]
    said: Said


def pieces(speech: Sequence[Speech], seconds: float, joins: bool) -> list[Piece]:
    """What goes to the engine at a time: each span with its edges, or as many of a channel as 28 s hold.

    Args:
        speech: As `find_speech` gives it.
        seconds: Length of the recording.
        joins: See `Engine`.

    Returns:
        Channel by channel, in order of time.
    """
    found: list[Piece] = []
    for channel in sorted({part.channel for part in speech}):
        piece: list[Part] = []
        used = 0.0
        for part, start, end in _with_edges([part for part in speech if part.channel == channel], seconds):
            if piece and (not joins or used + end - start > MAX_SPEECH_SECONDS):
                found.append(piece)
                piece, used = [], 0.0
            piece.append(Part(part, start, end, used))
            used += end - start + GAP_SECONDS
        found.append(piece)
    return found


def groups(begun: Begun, seconds: float) -> list[list[Piece]]:
    """The pieces that have no words yet, in groups of about two minutes of one channel, in order.

    Args:
        begun: The same gives the same, wherever and whenever it is asked.
        seconds: Length of the recording.
    """
    found: list[list[Piece]] = []
    room = 0.0
    for number, piece in enumerate(pieces(begun.speech, seconds, begun.joins)):
        if number in begun.heard:
            continue
        if room <= 0 or found[-1][-1][0].speech.channel != piece[0].speech.channel:
            found.append([])
            room = GROUP_SECONDS
        found[-1].append(piece)
        room -= spoken(piece)
    return found


def _with_edges(speech: Sequence[Speech], seconds: float) -> Iterator[tuple[Speech, float, float]]:
    """Each span of one channel with the sound around it, up to half way to its neighbours."""
    for place, part in enumerate(speech):
        before = speech[place - 1].end if place else -part.start
        after = speech[place + 1].start if place + 1 < len(speech) else 2 * seconds - part.end
        start = part.start - max(0.0, min(EDGE_SECONDS, (part.start - before) / 2))
        end = part.end + max(0.0, min(EDGE_SECONDS, (after - part.end) / 2))
        yield part, start, min(end, seconds)


def spoken(piece: Piece) -> float:
    """Seconds of the recording that are heard in a piece."""
    return sum(part.end - part.start for part in piece)


def sound(recording: Samples, piece: Piece) -> Floats:
    """The samples of a piece, -1 to 1, with silence where spans are joined."""
    last = piece[-1]
    heard = np.zeros(round((last.offset + last.end - last.start) * RATE) + 1, np.float32)
    for part in piece:
        own = recording[part.speech.channel, round(part.start * RATE) : round(part.end * RATE)]
        at = round(part.offset * RATE)
        heard[at : at + len(own)] = own[: len(heard) - at].astype(np.float32) / FULL_SCALE
    return heard


def placed(segments: Sequence[Segment], piece: Piece) -> Said:
    """An engine's words at their time in the recording, each with the speaker of the span it falls into."""
    words: list[Words] = []
    over_silence = 0
    last = piece[-1]
    for heard in segments:
        kept = clean(heard, last.offset + last.end - last.start)
        if kept is None:
            continue
        if all(_apart(heard, part) > REACH_SECONDS for part in piece):
            over_silence += len(kept.text.split())
            continue
        middle = (kept.start + kept.end) / 2
        part = min(
            piece,
            key=lambda part: abs(middle - part.offset - (part.end - part.start) / 2) - (part.end - part.start) / 2,
        )
        own = clean(replace(kept, start=kept.start - part.offset, end=kept.end - part.offset), part.end - part.start)
        if own:
            words.append(
                Words(part.speech.speaker, part.start + own.start, part.start + own.end, own.text, own.confidence)
            )
    return Said(tuple(words), over_silence)


def _apart(heard: Segment, part: Part) -> float:
    """Seconds between words and the speech of a part; 0 where they meet."""
    first = part.offset + part.speech.start - part.start
    return max(first - heard.end, heard.start - first - (part.speech.end - part.speech.start), 0.0)
