"""A decoded recording becomes a transcript: activity, speakers, words, turns."""

from collections.abc import Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import TypedDict

import numpy as np

from callwright.errors import StepFailed
from callwright.transcription import Dropped, Span, Speaker, Transcript, Turn
from callwright.transcription.engine import BatchEngine, Engine, Heard
from callwright.transcription.hallucinations import without_loops, without_stock_phrases
from callwright.transcription.languages import vote
from callwright.transcription.pieces import Begun, Piece, Said, groups, pieces, placed, sound, spoken, together
from callwright.transcription.speakers import Found, find_speech
from callwright.transcription.turns import SHORTEST_SECONDS, build_turns, clean_text
from callwright.transcription.vad import RATE, Samples


class PartnerTurn(TypedDict):
    """A turn of a transcript that a partner sent; seconds from the start of the recording."""

    speaker: Speaker
    start: float
    end: float
    text: str


def transcribe(
    path: Path,
    channels: int,
    samples: int,
    seconds: float,
    *,
    engine: Engine,
    agent_channel: int = 0,
    languages: tuple[str, ...] = (),
    found: Found | None = None,
) -> Transcript:
    """Transcribe a recording. Memory does not grow with its length but for what is said in it.

    Args:
        path: Raw little-endian int16 samples at 16 kHz, shape (channels, samples), channel after channel.
        channels: 1 or 2.
        samples: Per channel.
        seconds: Duration of the recording.
        engine: Loaded in this process.
        agent_channel: 0 or 1, the agent's channel in a stereo recording.
        languages: BCP 47 tags of what may be spoken, of which the likeliest is chosen; empty is any language.
        found: Who speaks when, where that has been found already.

    Raises:
        StepFailed: `recording_silent` where nobody speaks; whatever the engine raises.
    """
    recording = mapped(path, channels, samples)
    begun = begin(recording, found or find_speech(recording, agent_channel), engine=engine, languages=languages)
    return complete(recording, begun, seconds, engine=engine)


def begin(recording: Samples, found: Found, *, engine: Engine, languages: tuple[str, ...]) -> Begun:
    """Cut what is spoken into pieces, and find in which language it is.

    Args:
        recording: At 16 kHz, shape (1 or 2, samples).
        found: Who speaks when in it.
        engine: As in `transcribe`.
        languages: Likewise.

    Raises:
        StepFailed: As `transcribe`.
    """
    speakers, speech = found
    if not speech:
        raise _silent()
    cut = pieces(speech, recording.shape[1] / RATE, engine.joins)

    def hear_piece(number: int, expected: tuple[str, ...]) -> Heard:
        return engine.transcribe(sound(recording, cut[number]), expected)

    language, heard = vote([spoken(piece) for piece in cut], hear_piece, languages)
    return Begun(
        engine=engine.name,
        model=engine.model,
        draft=engine.draft,
        joins=engine.joins,
        speakers=speakers,
        language=language,
        speech=tuple(speech),
        heard=tuple(sorted(heard)),
        said=together(placed(heard[number].segments, cut[number]) for number in sorted(heard)),
    )


def complete(recording: Samples, begun: Begun, seconds: float, *, engine: Engine) -> Transcript:
    """Put the rest of a recording into words in one go; `hear` and `finish` do it step by step.

    Args:
        recording: As in `begin`.
        begun: What that has given.
        seconds: Duration of the recording.
        engine: The same as there.

    Raises:
        StepFailed: Whatever the engine raises.
    """
    rest = [piece for group in groups(begun, recording.shape[1] / RATE) for piece in group]
    return finish(begun, [hear(recording, rest, begun.language, engine=engine)], seconds)


def hear(recording: Samples, group: Sequence[Piece], language: str | None, *, engine: Engine) -> Said:
    """Put a group of pieces into words, as many at a time as the engine takes.

    Args:
        recording: As in `begin`.
        group: One of `pieces.groups`, or all of them.
        language: BCP 47 tag of what is spoken; None where the engine has to find out, piece by piece.
        engine: The same as in `begin`.

    Raises:
        StepFailed: Whatever the engine raises.
    """
    languages = () if language is None else (language,)
    if not isinstance(engine, BatchEngine):
        return together(
            placed(engine.transcribe(sound(recording, piece), languages).segments, piece) for piece in group
        )
    said = []
    for first in range(0, len(group), engine.batch):
        batch = group[first : first + engine.batch]
        heard = engine.transcribe_together([sound(recording, piece) for piece in batch], languages)
        said += [placed(each.segments, piece) for each, piece in zip(heard, batch, strict=True)]
    return together(said)


def finish(begun: Begun, rest: Iterable[Said], seconds: float) -> Transcript:
    """The transcript, without what the engine made up.

    Args:
        begun: What `begin` has given.
        rest: What `hear` has given of every group.
        seconds: Duration of the recording.
    """
    said = together([begun.said, *rest])
    spans = tuple(Span(part.speaker, round(part.start, 3), round(min(part.end, seconds), 3)) for part in begun.speech)
    spoken_words, stock = without_stock_phrases(said.words, spans)
    words, loops = without_loops(spoken_words)
    turns = build_turns(words, begun.language)
    return Transcript(
        engine=begun.engine,
        model=begun.model,
        language=begun.language,
        quality="draft" if begun.draft else "final",
        speakers=begun.speakers,
        turns=turns,
        speech=spans,
        seconds=seconds,
        coverage=coverage(turns, spans),
        dropped=Dropped(loops=loops, over_silence=said.over_silence + stock),
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


def mapped(path: Path, channels: int, samples: int) -> Samples:
    """A decoded recording, of which no more is in memory than is looked at.

    Raises:
        StepFailed: `recording_silent` where it has no samples.
    """
    if not samples:
        raise _silent()
    return np.memmap(path, "<i2", "r", shape=(channels, samples))


def _silent() -> StepFailed:
    return StepFailed("recording_silent", "Nobody speaks in the recording.")
