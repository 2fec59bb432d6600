"""Recordings: fetched to the store, told apart by their bytes, decoded to samples; plain values in and out."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Container = Literal["mp3", "wav", "aac", "mp4", "flac", "ogg", "webm"]
"""What the bytes of a recording say it is; M4A and MP4 are one container."""

MEDIA_TYPES: Final[dict[Container, str]] = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "aac": "audio/aac",
    "mp4": "audio/mp4",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "webm": "audio/webm",
}
"""As browsers know them."""


def key_of(partner_id: int, call_id: str) -> str:
    """The name of a call's recording in the store."""
    name = hashlib.sha256(call_id.encode()).hexdigest()
    return f"recordings/{partner_id}/{name[:2]}/{name}"


@dataclass(frozen=True, slots=True)
class Stored:
    """A recording in the store.

    Attributes:
        key: Its name in the store.
        size: Bytes.
        sha256: Hex digest of the bytes.
        container: What its first bytes say it is.
    """

    key: str
    size: int
    sha256: str
    container: Container


@dataclass(frozen=True, slots=True)
class Decoded:
    """A recording decoded to 16 kHz samples, in a scratch folder of the caller's.

    Attributes:
        path: Raw little-endian int16 samples at 16 kHz, shape (channels, samples), channel after channel.
        channels: 1 or 2; further channels of the source are mixed into these.
        samples: Samples per channel.
        seconds: Duration by counted samples, not by what the file declares.
        codec: FFmpeg's name of the codec, as `pcm_mulaw`.
        source_rate: Sample rate of the source in Hz.
        source_channels: Channels of the source.
        declared_seconds: What the container declares, where it does so reliably.
        peaks: Per channel, up to 1,000 loudest absolute values (0 to 255) over equal slices, for a player.
    """

    path: Path
    channels: int
    samples: int
    seconds: float
    codec: str
    source_rate: int
    source_channels: int
    declared_seconds: float | None
    peaks: tuple[bytes, ...]
