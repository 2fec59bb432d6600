"""Who speaks when: by channel where there are two, by voice where there is one."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from callwright.transcription import Speaker, SpeakerSource
from callwright.transcription.vad import (
    ENTER,
    GATE_DBFS,
    RATE,
    WINDOW_SECONDS,
    Activity,
    Floats,
    Samples,
    listen,
    spans,
)
from callwright.transcription.voices import Labels, two_voices

COPY_CORRELATION = 0.9
"""Two channels that correlate this much, second by second, carry one signal; the two sides of a call are near 0."""
COPY_SPREAD_DB = 3.0
"""How far a copy's difference in level may vary; where each side leaks into the other it flips with the speaker."""
BLEED_DB = 15.0
"""Speech that is this much quieter than the other channel's at the same time is that one's echo or crosstalk. Chosen
so that two people who talk at once stay: in a real call it takes 8 of 5,700 windows."""
OWN_LEVEL_DB = 6.0
"""A channel's own speech is at most this far below its level while the other side is silent; a leak is further."""
BLOCKS = 600
"""Seconds of the recording that are compared at most, spread over all of it."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A stretch of one speaker's voice.

    Attributes:
        channel: Where in the recording it is heard.
        speaker: Who speaks.
        start: Seconds from the start of the recording.
        end: Seconds from the start of the recording.
    """

    channel: int
    speaker: Speaker
    start: float
    end: float


Found: TypeAlias = tuple[SpeakerSource, list[Speech]]
"""How the speakers were told apart, and everything that is spoken."""


def find_speech(recording: Samples, agent_channel: int) -> Found:
    """Everything that is spoken and by whom, in order of start.

    Args:
        recording: 16 kHz, shape (1 or 2, samples).
        agent_channel: 0 or 1, the agent's channel in a stereo recording.
    """
    if len(recording) == 2 and not one_signal(recording):
        return "channels", _by_channel(recording, agent_channel)
    # A copy may be inverted, so that a mix would cancel out: the louder channel says it all.
    channel = 0 if len(recording) == 1 else int(np.argmax([_loudness(samples) for samples in recording]))
    return _by_voice(recording[channel], channel)


def one_signal(recording: Samples) -> bool:
    """Whether two channels are one in disguise: copies of each other up to a factor.

    A channel in which nobody speaks is not a copy: that is a call where one side said nothing.

    Args:
        recording: 16 kHz, shape (2, samples).
    """
    seconds = recording.shape[1] // RATE
    correlations, differences = [], []
    for second in range(0, seconds, max(1, seconds // BLOCKS)):
        block = recording[:, second * RATE : (second + 1) * RATE].astype(np.float64) / 32_768
        block -= block.mean(axis=1, keepdims=True)
        power = np.mean(block**2, axis=1)
        if 10 * np.log10(power.max() + 1e-12) < GATE_DBFS + 10:
            continue
        scale = np.sqrt(power.prod())
        correlations.append(abs(np.mean(block[0] * block[1])) / scale if scale > 1e-9 else 0.0)
        differences.append(10 * np.log10((power[0] + 1e-12) / (power[1] + 1e-12)))
    if not correlations or np.median(correlations) < COPY_CORRELATION:
        return False
    low, middle, high = np.percentile(differences, [10, 50, 90])
    return bool(high - low <= 2 * COPY_SPREAD_DB and abs(middle) < BLEED_DB)


def _loudness(samples: Samples) -> float:
    """The level of a channel, from up to ten minutes spread over all of it."""
    step = max(1, len(samples) // (BLOCKS * RATE))
    return float(np.mean(np.abs(samples[:: step * 7].astype(np.float32))))


def _by_channel(recording: Samples, agent_channel: int) -> list[Speech]:
    heard = [listen(samples) for samples in recording]
    found = []
    for channel, (own, other) in enumerate((heard, heard[::-1])):
        speaker: Speaker = "agent" if channel == agent_channel else "customer"
        found += [Speech(channel, speaker, *span) for span in spans(without_bleed(own, other))]
    return sorted(found, key=lambda speech: (speech.start, speech.end))


def without_bleed(own: Activity, other: Activity) -> Floats:
    """A channel's probability of speech where the other channel's voice does not leak into it.

    A window is a leak where the other side speaks, this channel is BLEED_DB quieter, and also clearly quieter than
    this side's own voice when it speaks alone (a quiet customer who talks over a loud agent is no leak).

    Args:
        own: The channel in question.
        other: The opposite channel, of the same length.
    """
    level, loudest = _smooth(own.level), _smooth(other.level)
    alone = (own.probability >= ENTER) & (level > loudest)
    limit = loudest - BLEED_DB
    if np.count_nonzero(alone) * WINDOW_SECONDS >= 1.0:
        limit = np.minimum(limit, np.median(level[alone]) - OWN_LEVEL_DB)
    leak = (other.probability >= ENTER) & (level < limit)
    return np.where(leak, np.float32(0), own.probability)


def _smooth(level: Floats) -> Floats:
    """The loudest level within 100 ms either way, so that the gaps between syllables do not count."""
    padded = np.pad(level, 3, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 7).max(axis=1), np.float32)


def _by_voice(samples: Samples, channel: int) -> tuple[SpeakerSource, list[Speech]]:
    """One channel's speech, split between two voices where there are two.

    Which voice is the agent's cannot be heard. The one who speaks longer is taken for the agent: on average sellers
    speak 65 to 75 % of the time (Gong, 25,537 sales calls, gong.io/resources/labs/talk-to-listen-conversion-ratio),
    though not in every call. A lone voice is the agent's, as in a message left behind. The transcript says `voices` or
    `single`, so that a reader knows what it rests on.
    """
    activity = listen(samples)
    found = spans(activity.probability)
    voices = two_voices(samples, activity.probability)
    if voices is None:
        return "single", [Speech(channel, "agent", *span) for span in found]
    agent = int(np.count_nonzero(voices == 1) > np.count_nonzero(voices == 0))
    return "voices", [
        Speech(channel, "agent" if voice == agent else "customer", start, end)
        for span in found
        for voice, start, end in _split(voices, *span)
    ]


def _split(voices: Labels, start: float, end: float) -> list[tuple[int, float, float]]:
    """One span as (voice, start, end), parted half way between two windows of different voices."""
    first, last = round(start / WINDOW_SECONDS), round(end / WINDOW_SECONDS)
    voiced: npt.NDArray[np.intp] = first + np.flatnonzero(voices[first:last] >= 0)
    if not len(voiced):
        return []
    changes = np.flatnonzero(np.diff(voices[voiced]))
    cuts = [float((voiced[at] + 1 + voiced[at + 1]) / 2 * WINDOW_SECONDS) for at in changes]
    spoken_by = [int(voices[voiced[0]]), *(int(voices[voiced[at + 1]]) for at in changes)]
    return list(zip(spoken_by, [start, *cuts], [*cuts, end], strict=True))
