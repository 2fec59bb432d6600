"""Transcription: who said what and when; plain values in and out."""

from dataclasses import dataclass
from typing import Literal

Speaker = Literal["agent", "customer"]
Quality = Literal["final", "draft", "partner"]
SpeakerSource = Literal["channels", "voices", "single", "partner"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One uninterrupted stretch of one speaker's words.

    Attributes:
        id: Its number in the transcript, from 0.
        speaker: Who speaks.
        start: Seconds from the start of the recording.
        end: Seconds from the start of the recording.
        text: What was said.
        confidence: 0 to 1 as the engine says, or None where it does not say.
    """

    id: int
    speaker: Speaker
    start: float
    end: float
    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of voice activity of one speaker, in seconds from the start of the recording."""

    speaker: Speaker
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """Words that an engine made up, and that are not in the turns.

    Attributes:
        loops: Said again and again by the engine alone.
        over_silence: Put where nobody speaks.
    """

    loops: int
    over_silence: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """A call in words.

    Attributes:
        engine: The engine's name, as `pocketsphinx`; `partner` where the partner sent it.
        model: The engine's model, where it names one.
        language: BCP 47 tag, where known.
        quality: `draft` where the words must not be relied on, `partner` where the partner vouches for them.
        speakers: How the speakers were told apart.
        turns: In order of their start.
        speech: Voice activity per speaker, in order of start; from the audio, or the turns where the partner sent them.
        seconds: Duration of the recording (partner: end of the last turn).
        coverage: Share of the speech time that turns cover, 0 to 1; None where there was no speech.
        dropped: How many words were; None where they were not checked: the partner sent them, or an older version.
    """

    engine: str
    model: str | None
    language: str | None
    quality: Quality
    speakers: SpeakerSource
    turns: tuple[Turn, ...]
    speech: tuple[Span, ...]
    seconds: float
    coverage: float | None
    dropped: Dropped | None = None
