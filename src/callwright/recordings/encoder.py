"""Encoding, as it runs in the child: decoded samples to an MP3 that every browser plays and can seek in."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO, Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from callwright.recordings.decoder import RATE

BITS_PER_CHANNEL: Final = 32_000
"""Per second, of speech; constant, so that a place in time is a place in the file."""

_FAST: Final = {"compression_level": "9"}  # LAME's quickest: two to three times as fast as its default, fine for speech
_BLOCK: Final = RATE * 10


def encode(samples: BinaryIO, about: dict[str, Any], target: BinaryIO) -> None:
    """Write decoded samples as MP3 with a constant bit rate.

    Args:
        samples: As `decode` leaves them: little-endian int16 at 16 kHz, channel after channel.
        about: What it says of them.
        target: An empty file.
    """
    layout = ("mono", "stereo")[about["channels"] - 1]
    rate = 8_000 if about["source_rate"] <= 8_000 else RATE  # there is nothing above, and it takes half the time
    with av.open(target, mode="w", format="mp3") as file:
        stream = file.add_stream("libmp3lame", rate=rate, layout=layout, options=_FAST)
        assert isinstance(stream, AudioStream)
        stream.bit_rate = BITS_PER_CHANNEL * about["channels"]
        context = stream.codec_context
        context.thread_count = 1
        context.open()
        to_size = AudioResampler(format=context.format, layout=layout, rate=rate, frame_size=context.frame_size)
        for frame in chain(_frames(samples, about["channels"], about["samples"], layout), (None,)):
            for part in to_size.resample(frame):
                file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    target.flush()


def _frames(samples: BinaryIO, channels: int, count: int, layout: str) -> Iterator[AudioFrame]:
    for at in range(0, count, _BLOCK):
        block = np.empty((channels, min(_BLOCK, count - at)), np.int16)
        for channel in range(channels):
            samples.seek((channel * count + at) * 2)
            block[channel] = np.frombuffer(samples.read(block.shape[1] * 2), "<i2")
        frame = AudioFrame.from_ndarray(block, format="s16p", layout=layout)
        frame.sample_rate, frame.pts = RATE, at
        yield frame
