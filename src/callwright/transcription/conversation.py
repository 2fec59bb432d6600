"""A decoded recording becomes a transcript: activity, speakers, words, turns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TypedDict

import numpy as np

from callwright.errors import StepFailed
from callwright.transcription import Span, Speaker, Transcript, Turn
from callwright.transcription.engine import Engine, Segment
from callwright.transcription.speakers import Speech, find_speech
from callwright.transcription.turns import SHORTEST_SECONDS, Words, build_turns, clean, clean_text
from callwright.transcription.vad import FULL_SCALE, MAX_SPEECH_SECONDS, RATE, Floats, Samples

EDGE_SECONDS = 0.2
"""Sound before and after a span that the engine hears as well, so that no consonant is cut off."""
GAP_SECONDS = 0.2
"""Silence between joined spans: with their edges 0.6 s lie between words, more than the error of their times."""


class PartnerTurn(TypedDict):
    """A turn of a transcript that a partner sent; seconds from the start of the recording."""

    speaker: Speaker
    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A span as the engine hears it: with its edges, and where it begins in the piece; in seconds."""

    speech: Speech
    start: float
    end: float
    offset: float


def transcribe(
    path: Path,
    channels: int,
    samples: int,
    seconds: float,
    *,
    engine: Engine,
    agent_channel: int = 0,
    language: str | None = None,
) -> Transcript:
    """Transcribe a recording. Memory does not grow with its length but for what is said in it.

    Args:
        path: Raw little-endian int16 samples at 16 kHz, shape (channels, samples), channel after channel.
        channels: 1 or 2.
        samples: Per channel.
        seconds: Duration of the recording.
        engine: Loaded in this process.
        agent_channel: 0 or 1, the agent's channel in a stereo recording.
        language: BCP 47 tag of what is spoken; None lets the engine find out from the longest stretch of speech.

    Raises:
        StepFailed: `recording_silent` where nobody speaks; whatever the engine raises.
    """
    if not samples:
        raise _silent()
    recording = np.memmap(path, "<i2", "r", shape=(channels, samples))
    source, speech = find_speech(recording, agent_channel)
    if not speech:
        raise _silent()
    words: list[Words] = []
    for piece in sorted(_pieces(speech, samples / RATE, engine.joins), key=_spoken, reverse=True):
        heard = engine.transcribe(_sound(recording, piece), language)
        # The longest piece comes first and decides: a language guessed from one word is a wild guess.
        language = language or heard.language
        words += _placed(heard.segments, piece)
    turns = build_turns(words, language)
    spans = tuple(Span(part.speaker, round(part.start, 3), round(min(part.end, seconds), 3)) for part in speech)
    return Transcript(
        engine=engine.name,
        model=engine.model,
        language=language,
        quality="draft" if engine.draft else "final",
        speakers=source,
        turns=turns,
        speech=spans,
        seconds=seconds,
        coverage=coverage(turns, spans),
    )


def from_partner(turns: Sequence[PartnerTurn], *, language: str | None = None) -> Transcript:
    """The transcript that a partner sent with its call; no engine runs.

    Args:
        turns: In any order; those without words or without usable times are left out.
        language: BCP 47 tag, where known.
    """
    checked: list[Turn] = []
    for sent in sorted(turns, key=lambda turn: (turn["start"], turn["end"])):
        start, end, text = round(max(sent["start"], 0.0), 3), sent["end"], clean_text(sent["text"])
        if text and isfinite(start) and isfinite(end):
            checked.append(
                Turn(len(checked), sent["speaker"], start, round(max(end, start + SHORTEST_SECONDS), 3), text)
            )
    spans = tuple(Span(turn.speaker, turn.start, turn.end) for turn in checked)
    return Transcript(
        engine="partner",
        model=None,
        language=language,
        quality="partner",
        speakers="partner",
        turns=tuple(checked),
        speech=spans,
        seconds=max((turn.end for turn in checked), default=0.0),
        coverage=coverage(checked, spans),
    )


def coverage(turns: Sequence[Turn], speech: Sequence[Span]) -> float | None:
    """Share of the speech that falls into a turn of the same speaker, 0 to 1; None where there is no speech."""
    spoken = covered = 0.0
    for speaker in ("agent", "customer"):
        said = _merged([(turn.start, turn.end) for turn in turns if turn.speaker == speaker])
        heard = _merged([(span.start, span.end) for span in speech if span.speaker == speaker])
        spoken += sum(end - start for start, end in heard)
        covered += _common(said, heard)
    return round(covered / spoken, 3) if spoken else None


def _merged(stretches: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same time as stretches in order that do not overlap."""
    merged: list[tuple[float, float]] = []
    for start, end in sorted(stretches):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _common(these: list[tuple[float, float]], those: list[tuple[float, float]]) -> float:
    """Seconds that are in both, each without overlaps and in order."""
    total, i, j = 0.0, 0, 0
    while i < len(these) and j < len(those):
        total += max(0.0, min(these[i][1], those[j][1]) - max(these[i][0], those[j][0]))
        if these[i][1] < those[j][1]:
            i += 1
        else:
            j += 1
    return total


def _silent() -> StepFailed:
    return StepFailed("recording_silent", "Nobody speaks in the recording.")


def _pieces(speech: Sequence[Speech], seconds: float, joins: bool) -> Iterator[list[_Part]]:
    """What goes to the engine at a time: each span with its edges, or as many of a channel as 28 s hold."""
    for channel in sorted({part.channel for part in speech}):
        piece: list[_Part] = []
        used = 0.0
        for part, start, end in _with_edges([part for part in speech if part.channel == channel], seconds):
            if piece and (not joins or used + end - start > MAX_SPEECH_SECONDS):
                yield piece
                piece, used = [], 0.0
            piece.append(_Part(part, start, end, used))
            used += end - start + GAP_SECONDS
        yield piece


def _with_edges(speech: Sequence[Speech], seconds: float) -> Iterator[tuple[Speech, float, float]]:
    """Each span of one channel with the sound around it, up to half way to its neighbours."""
    for place, part in enumerate(speech):
        before = speech[place - 1].end if place else -part.start
        after = speech[place + 1].start if place + 1 < len(speech) else 2 * seconds - part.end
        start = part.start - max(0.0, min(EDGE_SECONDS, (part.start - before) / 2))
        end = part.end + max(0.0, min(EDGE_SECONDS, (after - part.end) / 2))
        yield part, start, min(end, seconds)


def _spoken(piece: Sequence[_Part]) -> float:
    return sum(part.end - part.start for part in piece)


def _sound(recording: Samples, piece: Sequence[_Part]) -> Floats:
    """The samples of a piece, -1 to 1, with silence where spans are joined."""
    last = piece[-1]
    sound = np.zeros(round((last.offset + last.end - last.start) * RATE) + 1, np.float32)
    for part in piece:
        heard = recording[part.speech.channel, round(part.start * RATE) : round(part.end * RATE)]
        at = round(part.offset * RATE)
        sound[at : at + len(heard)] = heard[: len(sound) - at].astype(np.float32) / FULL_SCALE
    return sound


def _placed(segments: Sequence[Segment], piece: Sequence[_Part]) -> Iterator[Words]:
    """An engine's words at their time in the recording, each with the speaker of the span it falls into."""
    last = piece[-1]
    for said in segments:
        kept = clean(said, last.offset + last.end - last.start)
        if kept is None:
            continue
        middle = (kept.start + kept.end) / 2
        part = min(
            piece,
            key=lambda part: abs(middle - part.offset - (part.end - part.start) / 2) - (part.end - part.start) / 2,
        )
        own = clean(replace(kept, start=kept.start - part.offset, end=kept.end - part.offset), part.end - part.start)
        if own:
            yield Words(part.speech.speaker, part.start + own.start, part.start + own.end, own.text, own.confidence)
