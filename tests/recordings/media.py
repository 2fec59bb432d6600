"""Recordings that tests make themselves: tones in every container, by FFmpeg's encoders."""

import io
import struct
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

Samples = NDArray[np.int16]


def tones(seconds: float, rate: int, *hertz: float) -> Samples:
    """One tone per channel, at a third of full scale; shape (channels, samples)."""
    time = np.arange(round(seconds * rate)) / rate
    return np.stack([np.sin(2 * np.pi * tone * time) * 11_000 for tone in hertz]).astype(np.int16)


def encode(samples: Samples | None, rate: int, *, container: str, codec: str, video: bool = False) -> bytes:
    """Samples of one or two channels as a file of FFmpeg's, with or only two seconds of moving picture."""
    target = io.BytesIO()
    with av.open(target, mode="w", format=container) as file:
        picture = file.add_stream("mpeg4", rate=10) if video else None
        layout = ("mono", "stereo")[0 if samples is None else len(samples) - 1]
        sound = None if samples is None else file.add_stream(codec, rate=rate, layout=layout)
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
            for index in range(20):
                shade = np.full((64, 64, 3), index * 10, np.uint8)
                file.mux(picture.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
            file.mux(picture.encode(None))
        if samples is not None:
            assert isinstance(sound, AudioStream)
            for start in range(0, samples.shape[1], 4096):
                part = np.ascontiguousarray(samples[:, start : start + 4096].T).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(part, format="s16", layout=layout)
                frame.sample_rate, frame.pts = rate, start
                file.mux(sound.encode(frame))
            file.mux(sound.encode(None))
    return target.getvalue()


def wav(
    samples: Samples,
    rate: int,
    *,
    tag: int = 1,
    data_size: int | None = None,
    bits: int = 16,
    data: bytes | None = None,
) -> bytes:
    """A WAV file by hand, with whatever header a test wants."""
    channels = len(samples)
    body = np.ascontiguousarray(samples.T).astype("<i2").tobytes() if data is None else data
    align = channels * bits // 8
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate, rate * align, align, bits)
    size = len(body) if data_size is None else data_size
    content = b"WAVE" + head + struct.pack("<4sI", b"data", size) + body
    return b"RIFF" + struct.pack("<I", min(len(content), 0xFFFFFFFF)) + content


def loudest(samples: NDArray[np.float64], rate: int) -> float:
    """The frequency of the loudest tone, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def read(path: Path, channels: int) -> NDArray[np.float64]:
    """What `decode` wrote, as (channels, samples)."""
    return np.fromfile(path, "<i2").reshape(channels, -1).astype(np.float64)
