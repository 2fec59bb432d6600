"""Who is heard when, as a picture: the kept peaks of a recording, told apart by speaker."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

CLEARLY = 0.1
"""By how much of all that is heard the one way of matching channels to speakers must exceed the other."""

Peaks = NDArray[np.int64]


class Voice(Protocol):
    """A stretch of one speaker's voice."""

    @property
    def speaker(self) -> str:
        """`agent` or `customer`."""

    @property
    def start(self) -> float:
        """Seconds from the start of the recording."""

    @property
    def end(self) -> float:
        """Seconds from the start of the recording."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """Peaks from 0 to 255 over equal slices of a recording; of one length, but for what is empty.

    Attributes:
        seconds: Duration of the recording.
        agent: What is heard of the agent.
        customer: What is heard of the customer.
        neither: What is heard and was told of neither: music, a ringing tone, or all of it where one voice was found.
    """

    seconds: float
    agent: list[int]
    customer: list[int]
    neither: list[int]


def waveform(peaks: Sequence[bytes], seconds: float, voices: Iterable[Voice], *, told_apart: bool = True) -> Waveform:
    """Tell the peaks of a recording apart by speaker.

    Two channels that hold one speaker each are shown as they are, and whose is whose shows in who speaks when. Channels
    that are alike, and a single one, are shared out: each slice goes to whoever speaks for the most of it.

    Args:
        peaks: As `Decoded.peaks`: one or two channels of the same number of slices.
        seconds: Duration of the recording.
        voices: Who speaks when.
        told_apart: False where nobody knows who speaks: then all of it is of neither.
    """
    channels = [np.frombuffer(channel, np.uint8).astype(np.int64) for channel in peaks]
    if not channels or not channels[0].size:
        return Waveform(seconds, [], [], [])
    together = np.maximum.reduce(channels)
    if not told_apart:
        return Waveform(seconds, [], [], together.tolist())
    agent, customer = _shares(voices, len(together), seconds)
    if len(channels) == 2:
        straight = float(channels[0] @ agent + channels[1] @ customer)
        crossed = float(channels[1] @ agent + channels[0] @ customer)
        if abs(straight - crossed) > CLEARLY * (straight + crossed):
            first, second = channels if straight > crossed else reversed(channels)
            return Waveform(seconds, first.tolist(), second.tolist(), [])
    spoken = (agent > 0) | (customer > 0)
    return Waveform(
        seconds,
        np.where(spoken & (agent >= customer), together, 0).tolist(),
        np.where(spoken & (customer > agent), together, 0).tolist(),
        np.where(spoken, 0, together).tolist(),
    )


def _shares(voices: Iterable[Voice], slices: int, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much of each slice the agent and the customer speak for, in slices."""
    shares = {"agent": np.zeros(slices), "customer": np.zeros(slices)}
    for voice in voices:
        start, end = (min(max(at, 0.0) * slices / seconds, slices) for at in (voice.start, voice.end))
        first, last = int(start), min(int(end), slices - 1)
        if end <= start:
            continue
        of = shares[voice.speaker]
        of[first : last + 1] += 1
        of[first] -= start - first
        of[last] -= last + 1 - end
    return shares["agent"], shares["customer"]
