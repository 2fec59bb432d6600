"""What a container's own headers say: how long it should be, whether it is locked, whether its end is missing."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from callwright.errors import StepFailed
from callwright.recordings.sniff import id3_length, mpeg_frame

_PROTECTED = (b"enca", b"drms", b"aavd")
_UNKNOWN_SIZE = 0x7FFF0000
_MOST_BOXES = 20_000
_MOST_DESCRIPTION = 65_536


def wav_seconds(file: BinaryIO) -> float | None:
    """What a WAV file's `data` chunk declares, in seconds; None where it was written before its length was known.

    Sizes from 0x7FFF0000 on are what recorders write that cannot seek back (0xFFFFFFFF, 0x7FFFFFFF, …).
    """
    file.seek(0)
    wide = file.read(12)[:4] != b"RIFF"  # RF64 and BW64 (EBU Tech 3306) keep the size in a chunk of its own
    per_second = size = 0
    for _ in range(1000):
        header = file.read(8)
        if len(header) < 8:
            return None
        name, length = header[:4], int.from_bytes(header[4:], "little")
        if name == b"data":
            size = size if wide and length == 0xFFFFFFFF else length
            known = size > 0 and (wide or size < _UNKNOWN_SIZE)
            return size / per_second if known and per_second else None
        chunk = file.read(min(length, 64))
        if name == b"ds64" and len(chunk) >= 16:
            size = int.from_bytes(chunk[8:16], "little")
        elif name == b"fmt " and len(chunk) >= 14:
            tag, _, rate, average, align = struct.unpack_from("<HHIIH", chunk)
            per_second = rate * align if tag in (1, 3, 6, 7, 0xFFFE) else average
        file.seek(length - len(chunk) + (length & 1), 1)
    return None


def mp3_seconds(file: BinaryIO) -> float | None:
    """What the Xing, Info or VBRI header in an MP3 file's first frame declares, in seconds; None without one."""
    file.seek(0)
    file.seek(id3_length(file.read(10)))
    head = file.read(4096)
    frame = mpeg_frame(head[:4])
    if frame is None:
        return None
    _, rate, samples = frame
    at = max(head.find(name, 4, 64) for name in (b"Xing", b"Info"))
    if at != -1:
        known, offset = len(head) >= at + 12 and head[at + 7] & 1, at + 8
    else:
        at = head.find(b"VBRI", 4, 64)
        known, offset = at != -1, at + 14
    count = int.from_bytes(head[offset : offset + 4], "big") if known else 0
    return count * samples / rate if count else None


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    end: int


def check_mp4(file: BinaryIO) -> None:
    """Look for what keeps an MP4 file from being decoded, and say it better than a decoder would.

    Raises:
        StepFailed: `recording_protected` where every audio track is encrypted (ISO 14496-12, 8.12: a sample entry of
            its own kind); `recording_truncated` where the index is missing and the last box goes beyond the end;
            `recording_damaged` where it is missing otherwise.
    """
    size = file.seek(0, 2)
    top = list(_boxes(file, 0, size))
    index = next((box for box in top if box.kind == b"moov"), None)
    if index is None:
        if not top or top[-1].end > size:
            raise StepFailed("recording_truncated", "The recording is cut: its end, with the index, is missing.")
        raise StepFailed("recording_damaged", "The recording is damaged: it has no index of its sound.")
    tracks = [found for box in _boxes(file, index.start, index.end) if (found := _audio_protected(file, box))]
    if tracks and all(found == "protected" for found in tracks):
        raise StepFailed("recording_protected", "The recording is protected (DRM) and cannot be decoded.")


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    """The boxes between two positions; the last one may claim to end beyond (ISO 14496-12, 4.2)."""
    for _ in range(_MOST_BOXES):
        if end - start < 8:
            return
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        length, kind, content = int.from_bytes(header[:4], "big"), header[4:8], start + 8
        if length == 1:
            length, content = int.from_bytes(header[8:16], "big"), start + 16
        elif length == 0:
            length = end - start
        if length < content - start:
            return
        yield _Box(kind, content, start + length)
        start += length


def _audio_protected(file: BinaryIO, track: _Box) -> str:
    """`protected` or `clear` for an audio track's box, empty for any other."""
    if track.kind != b"trak":
        return ""
    media = _inside(file, track, b"mdia")
    handler, info = _inside(file, media, b"hdlr"), _inside(file, media, b"minf")
    description = _inside(file, _inside(file, info, b"stbl"), b"stsd")
    if handler is None or description is None:
        return ""
    file.seek(handler.start + 8)
    if file.read(4) != b"soun":
        return ""
    file.seek(description.start + 8)
    entries = file.read(min(description.end - description.start - 8, _MOST_DESCRIPTION))
    return "protected" if entries[4:8] in _PROTECTED or b"sinf" in entries else "clear"


def _inside(file: BinaryIO, box: _Box | None, kind: bytes) -> _Box | None:
    if box is None:
        return None
    return next((inner for inner in _boxes(file, box.start, box.end) if inner.kind == kind), None)
