"""What bytes are, told from the bytes alone."""

import codecs
import re
from typing import BinaryIO, Final

from callwright.errors import FailureCode, StepFailed
from callwright.recordings import Container

HEAD: Final = 16 * 1024
"""How many first bytes are looked at; what stands at the front of a recording is shorter than that."""

_READABLE: Final = "MP3, WAV, AAC, M4A, MP4, FLAC, Ogg and WebM can be read."

_OTHER_FILES: Final[tuple[tuple[bytes, FailureCode, str], ...]] = (
    (b"PK\x03\x04", "recording_unsupported_format", "a ZIP archive"),
    (b"\x1f\x8b", "recording_unsupported_format", "a gzip-compressed file"),
    (b"7z\xbc\xaf\x27\x1c", "recording_unsupported_format", "a 7z archive"),
    (b"Rar!", "recording_unsupported_format", "a RAR archive"),
    (b"BZh", "recording_unsupported_format", "a bzip2-compressed file"),
    (b"\xfd7zXZ", "recording_unsupported_format", "an xz-compressed file"),
    (b"\x28\xb5\x2f\xfd", "recording_unsupported_format", "a zstd-compressed file"),
    (b"#!AMR", "recording_unsupported_format", "an AMR file"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "recording_unsupported_format", "a Windows Media file"),
    (b"FORM", "recording_unsupported_format", "an AIFF file"),
    (b".snd", "recording_unsupported_format", "a Sun audio file"),
    (b"caff", "recording_unsupported_format", "a Core Audio file"),
    (b"MThd", "recording_unsupported_format", "a MIDI file"),
    (b"MAC ", "recording_unsupported_format", "a Monkey's Audio file"),
    (b"wvPK", "recording_unsupported_format", "a WavPack file"),
    (b"FLV\x01", "recording_unsupported_format", "a Flash video"),
    (b"ADIF", "recording_unsupported_format", "an AAC file of the ADIF form"),
    (b"\x00\x00\x01\xba", "recording_unsupported_format", "an MPEG program stream"),
    (b"RIFX", "recording_unsupported_format", "a big-endian WAV file"),
    (b"RIFF", "recording_unsupported_format", "a RIFF file that is not WAV"),
    (b"\x89PNG", "recording_not_audio", "an image"),
    (b"\xff\xd8\xff", "recording_not_audio", "an image"),
    (b"GIF8", "recording_not_audio", "an image"),
    (b"%PDF", "recording_not_audio", "a PDF document"),
    (b"\x7fELF", "recording_not_audio", "a program"),
    (b"MZ\x90", "recording_not_audio", "a program"),
)

_TEXTS: Final = (
    (re.compile(rb"#extm3u|#extinf|\[playlist\]|\[reference\]|ffconcat version"), "a playlist"),
    (re.compile(rb"(https?|file|rtsp|rtmp|mms)://"), "a playlist"),
    (re.compile(rb"<(\w+:)?(playlist|mpd|smil|asx|wpl)\b"), "a playlist"),
    (re.compile(rb"<\s*(!doctype\s+html|html|head|body|script|meta|title|div)\b"), "a web page"),
    (re.compile(rb"<|$"), "an XML document"),
    (re.compile(rb"\{|\[\s*[\[\{\"\]\d]"), "a JSON document"),
)

_BITRATES: Final = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""kbit/s by (MPEG version, layer) and index - 1: ISO 11172-3, 2.4.2.3 and ISO 13818-3, 2.4.2.3."""


def sniff(head: bytes) -> Container:
    """Tell a recording's container from its first bytes.

    Args:
        head: The first `HEAD` bytes of the file, or all of it where it is shorter.

    Raises:
        StepFailed: `recording_not_audio` or `recording_unsupported_format`, with what it is instead.
    """
    if not head:
        raise StepFailed("recording_empty", "The recording is empty.")
    tag = id3_length(head)
    if tag >= len(head):
        return "mp3"  # nothing but the tag is here; `container_of` looks behind it
    body = head[tag:]
    known = _container(body)
    if known is not None:
        return known
    for magic, code, what in _OTHER_FILES:
        if body.startswith(magic):
            raise StepFailed(code, f"The address answered with {what}, not with a recording. {_READABLE}")
    text = _text(body)
    if text is not None:
        raise StepFailed("recording_not_audio", f"The address answered with {text}, not with a recording.")
    found = _frames_anywhere(body)
    if found is not None:
        return found
    raise StepFailed("recording_unsupported_format", f"The recording is in no known format. {_READABLE}")


def container_of(file: BinaryIO) -> Container:
    """Tell a file's container, looking behind an ID3 tag of any length, and rewind the file.

    Raises:
        StepFailed: As `sniff`; `recording_damaged` where there is nothing behind the tag.
    """
    position = 0
    for _ in range(8):
        file.seek(position)
        head = file.read(HEAD)
        tag = id3_length(head)
        if tag < len(head) or not tag:
            break
        position += tag
    file.seek(0)
    if position and not head:
        raise StepFailed("recording_damaged", "The recording ends before any sound begins.")
    return sniff(head)


def id3_length(head: bytes) -> int:
    """The bytes that ID3v2 tags take up at the front, as far as `head` shows them (id3.org, ID3v2.4, section 3.1)."""
    length = 0
    while head[length : length + 3] == b"ID3" and len(head) >= length + 10:
        size = 0
        for byte in head[length + 6 : length + 10]:
            size = size << 7 | byte & 0x7F
        length += 10 + size + (10 if head[length + 5] & 0x10 else 0)
    return length


def mpeg_frame(head: bytes) -> tuple[int, int, int] | None:
    """Read an MPEG audio frame's header: its length in bytes, sample rate in Hz and samples; None where it is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bitrate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    hertz = (44100, 48000, 32000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
    kilobits = _BITRATES[1 if version == 3 else 2, layer][bitrate - 1]
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    if layer == 1:
        return (12 * kilobits * 1000 // hertz + padding) * 4, hertz, samples
    return samples // 8 * kilobits * 1000 // hertz + padding, hertz, samples


def _adts_length(head: bytes) -> int | None:
    """The length of an AAC frame in bytes (ISO 13818-7, 6.2), or None where `head` begins with none."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return None
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length > 7 else None


def _container(body: bytes) -> Container | None:
    if body[:4] in (b"RIFF", b"RF64", b"BW64") and body[8:12] == b"WAVE":
        return "wav"
    if body[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        if body[4:8] == b"ftyp" and body[8:12] in (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"):
            raise StepFailed("recording_not_audio", "The address answered with an image, not with a recording.")
        return "mp4"
    if body.startswith(b"fLaC"):
        return "flac"
    if body.startswith(b"OggS"):
        return "ogg"
    if body.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm"
    return _frames(body, 0)


def _frames(body: bytes, at: int) -> Container | None:
    """MP3 or AAC where two frames follow each other, or one frame is all there is."""
    adts = _adts_length(body[at : at + 7])
    if adts is not None and (at + adts == len(body) or _adts_length(body[at + adts : at + adts + 7])):
        return "aac"
    frame = mpeg_frame(body[at : at + 4])
    if frame is None:
        return None
    following = mpeg_frame(body[at + frame[0] : at + frame[0] + 4])
    return "mp3" if at + frame[0] == len(body) or (following and following[1:] == frame[1:]) else None


def _frames_anywhere(body: bytes) -> Container | None:
    """MP3 or AAC behind leading rubbish, as cut streams have it."""
    at = body.find(b"\xff")
    while at != -1:
        found = _frames(body, at)
        if found is not None:
            return found
        at = body.find(b"\xff", at + 1)
    return None


def _text(body: bytes) -> str | None:
    """What a text is, or None where the bytes are no text."""
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            body = body[: len(body) // 2 * 2].decode("utf-16").encode()
        except UnicodeDecodeError:
            return None
    start = _unwrapped(body.removeprefix(b"\xef\xbb\xbf").lstrip()[:4096].lower())
    for pattern, what in _TEXTS:
        if pattern.match(start):
            return what
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in body):
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body)
    except UnicodeDecodeError:
        return "a text" if sum(byte < 128 for byte in body) > 0.8 * len(body) else None
    return "a text"


def _unwrapped(text: bytes) -> bytes:
    """Markup without the declarations and comments in front of its first element."""
    while text.startswith((b"<?", b"<!--")):
        _, _, rest = text.partition(b"?>" if text.startswith(b"<?") else b"-->")
        text = rest.lstrip()
    return text
