"""Decoding itself, as it runs in the child: whatever FFmpeg can be trusted with, to samples at 16 kHz."""

from collections.abc import Iterator
from typing import BinaryIO, Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard

from callwright.errors import StepFailed
from callwright.recordings import Container
from callwright.recordings.headers import check_mp4, mp3_seconds, wav_seconds
from callwright.recordings.sniff import container_of

RATE: Final = 16_000
PEAKS: Final = 1_000
LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000

_DEMUXERS: Final[dict[Container, str]] = {
    "mp3": "mp3",
    "wav": "wav",
    "aac": "aac",
    "mp4": "mp4",
    "flac": "flac",
    "ogg": "ogg",
    "webm": "webm",
}
_DECODERS: Final = (
    "mp3,mp3float,mp2,mp2float,mp1,mp1float,aac,alac,flac,opus,vorbis,ac3,eac3,speex,pcm_mulaw,pcm_alaw,pcm_u8,pcm_s8,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,adpcm_ms,adpcm_ima_wav,"
    "adpcm_ima_qt,adpcm_g722,g722,adpcm_g726,g726,adpcm_g726le,g726le,g729,gsm,gsm_ms,amr_nb,amrnb,amr_wb,amrwb,truespeech"
)
"""FFmpeg's names of what recorders write, of codecs and of their decoders where the two differ."""

_OPTIONS: Final = {
    "format_whitelist": "mp3,wav,aac,mov,mp4,m4a,3gp,3g2,mj2,flac,ogg,matroska,webm",
    "codec_whitelist": _DECODERS,
    "protocol_whitelist": "none",
    "max_streams": "32",
}
_BROKEN_SHARE: Final = 0.1
_BREATH: Final = 4 << 20
"""Bytes that a process which is not out of memory can always have."""


def decode(source: BinaryIO, channels: tuple[BinaryIO, BinaryIO], most_seconds: float) -> dict[str, object]:
    """Decode a recording to 16 kHz samples.

    Args:
        source: The recording, at its beginning.
        channels: Empty files, open for reading and writing; the first one ends up with all channels, one after the
            other, as little-endian int16.
        most_seconds: The longest recording that is accepted.

    Returns:
        The fields of `Decoded` except its path, with peaks as hexadecimal digits.

    Raises:
        StepFailed: The recording cannot be used; the code says why.
    """
    container = container_of(source)
    if container == "mp4":
        check_mp4(source)
    declared = {"wav": wav_seconds, "mp3": mp3_seconds}.get(container, lambda _: None)(source)
    source.seek(0)
    # A packet of a WAV has as many bytes as one likes: the default of about 25 ms makes three times the work, and in
    # larger ones every frame is memory that the process has to ask for anew.
    options = {**_OPTIONS, "max_size": "16384"} if container == "wav" else _OPTIONS
    try:
        with av.open(
            source, mode="r", format=_DEMUXERS[container], container_options=options, metadata_errors="replace"
        ) as opened:
            stream = _best(opened)
            if container in ("mp4", "flac") and stream.duration and stream.time_base:
                declared = float(stream.duration * stream.time_base)
            made = _Channels(channels, most_seconds)
            _decode_into(opened, stream, made)
            codec = stream.codec_context.codec.canonical_name
    except av.error.MemoryError:
        raise MemoryError from None
    except (av.error.FFmpegError, ValueError) as error:
        bytearray(_BREATH)  # MemoryError where the limit was reached: FFmpeg does not always say so
        raise StepFailed("recording_damaged", "The recording is damaged and cannot be decoded.") from error
    made.finish()
    _check_whole(made, declared)
    return {
        "channels": made.count,
        "samples": made.samples,
        "codec": codec,
        "source_rate": made.source_rate,
        "source_channels": made.source_channels,
        "declared_seconds": declared,
        "peaks": [peaks.hex() for peaks in made.joined()],
    }


class _Channels:
    """Samples at 16 kHz, one file per channel, resampled frame by frame."""

    def __init__(self, files: tuple[BinaryIO, BinaryIO], most_seconds: float) -> None:
        self.files = files
        self.most_samples = int(most_seconds * RATE)
        self.count = self.samples = self.source_rate = self.source_channels = 0
        self._resampler: AudioResampler | None = None
        self._source: tuple[object, ...] = ()

    def add(self, frame: AudioFrame) -> None:
        """Take a decoded frame, in whatever format, rate and layout it comes."""
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or source != self._source:
            self._resampler = self._turned_to(frame)
            self._source = source
        # What the file says of time is not needed, and a lie in it would confuse the resampler.
        frame.pts = None
        self._write(self._resampler.resample(frame))

    def finish(self) -> None:
        """Take what the resampler still holds."""
        if self._resampler is not None:
            self._write(self._resampler.resample(None))

    def joined(self) -> Iterator[bytes]:
        """Append the second channel to the first, and give the peaks of each."""
        for file in self.files[: self.count]:
            yield _peaks(file, self.samples)
        if self.count == 2:
            first, second = self.files
            first.seek(0, 2)
            second.seek(0)
            while block := second.read(1 << 20):
                first.write(block)
        self.files[0].flush()

    def _turned_to(self, frame: AudioFrame) -> AudioResampler:
        rate, channels = frame.sample_rate, frame.layout.nb_channels
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise _odd_rate(rate)
        self.finish()
        if not self.count:
            self.count, self.source_rate, self.source_channels = min(channels, 2), rate, channels
        # Two channels stay as they are, whatever the file calls them: to mix them would mix the speakers.
        layout = frame.layout if channels == self.count else ("mono", "stereo")[self.count - 1]
        return AudioResampler(format="s16p", layout=layout, rate=RATE)

    def _write(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self.samples += frame.samples
            if self.samples > self.most_samples:
                hours = self.most_samples / RATE / 3600
                raise StepFailed("recording_too_long", f"The recording is longer than {hours:g} hours.")
            for file, plane in zip(self.files, frame.planes, strict=False):
                file.write(memoryview(plane)[: frame.samples * 2])


def _best(opened: InputContainer) -> AudioStream:
    stream = opened.streams.best("audio")
    if not isinstance(stream, AudioStream):
        raise StepFailed("recording_not_audio", "The file has no sound in it.")
    decoder = getattr(stream, "name", None)  # absent where FFmpeg has none
    if decoder not in _DECODERS.split(","):
        raise StepFailed("recording_unsupported_format", "The sound in the recording has an encoding that is not read.")
    context = stream.codec_context
    if context.sample_rate and not LOWEST_RATE <= context.sample_rate <= HIGHEST_RATE:
        raise _odd_rate(context.sample_rate)
    context.thread_count = 1
    for other in opened.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    return stream


def _decode_into(opened: InputContainer, stream: AudioStream, made: _Channels) -> None:
    """Decode packet by packet; a few broken ones are left out, as every player does."""
    packets = broken = 0
    try:
        for packet in opened.demux(stream):
            packets += 1
            try:
                frames = stream.codec_context.decode(packet)
            except (av.error.InvalidDataError, av.error.PatchWelcomeError, av.error.UndefinedError):
                broken += 1
                continue
            for frame in frames:
                made.add(frame)
    except av.error.InvalidDataError:
        broken += 1
    if not made.samples or broken > max(1, packets * _BROKEN_SHARE):
        raise StepFailed("recording_damaged", "The recording is damaged and cannot be decoded.")


def _check_whole(made: _Channels, declared: float | None) -> None:
    seconds = made.samples / RATE
    missing = (declared or 0) - seconds
    if declared and missing > 1 and missing > declared / 100:
        raise StepFailed(
            "recording_truncated",
            f"The recording is cut: it should last {declared:.1f} seconds, but only {seconds:.1f} are there.",
        )


def _odd_rate(rate: int) -> StepFailed:
    return StepFailed(
        "recording_unsupported_format",
        f"The recording has a sample rate of {rate} Hz; {LOWEST_RATE} to {HIGHEST_RATE} Hz can be read.",
    )


def _peaks(file: BinaryIO, samples: int) -> bytes:
    count = min(PEAKS, samples)
    bounds = [index * samples // count for index in range(count + 1)]
    peaks = bytearray()
    file.seek(0)
    for first in range(0, count, 50):  # few enough to hold, many enough for numpy to be worth its calls
        starts = np.array(bounds[first : first + 51])
        part = np.frombuffer(file.read(int(starts[-1] - starts[0]) * 2), "<i2")
        at = starts[:-1] - starts[0]
        highest, lowest = np.maximum.reduceat(part, at).astype(int), np.minimum.reduceat(part, at).astype(int)
        peaks += np.minimum(255, np.maximum(highest, -lowest) * 256 // 32768).astype(np.uint8).tobytes()
    return bytes(peaks)
