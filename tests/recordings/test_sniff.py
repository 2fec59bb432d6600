"""What bytes are, told from the bytes alone."""

import gzip
import io
import time
import zipfile
from contextlib import suppress

import pytest

from callwright.errors import StepFailed
from callwright.recordings import Container
from callwright.recordings.sniff import HEAD, container_of, id3_length, mpeg_frame, sniff
from recordings.media import encode, tones, wav

TONE = tones(1, 16000, 400)
MP3 = encode(TONE, 16000, container="mp3", codec="mp3")
AAC = encode(TONE, 16000, container="adts", codec="aac")
ID3 = b"ID3\x04\x00\x00\x00\x00\x07\x76" + bytes(1014)

RECORDINGS: list[tuple[str, bytes, Container]] = [
    ("mp3", MP3, "mp3"),
    ("mp3 without tags", MP3[id3_length(MP3) :], "mp3"),
    ("mp3 behind zeros", bytes(700) + MP3[id3_length(MP3) :], "mp3"),
    ("aac", AAC, "aac"),
    ("aac behind a tag", ID3 + AAC, "aac"),
    ("wav", wav(TONE, 16000), "wav"),
    ("rf64", b"RF64\xff\xff\xff\xffWAVEds64", "wav"),
    ("m4a", encode(TONE, 16000, container="ipod", codec="aac"), "mp4"),
    ("mov", encode(TONE, 16000, container="mov", codec="pcm_s16le"), "mp4"),
    ("flac", encode(TONE, 16000, container="flac", codec="flac"), "flac"),
    ("flac behind a tag", ID3 + encode(TONE, 16000, container="flac", codec="flac"), "flac"),
    ("ogg", encode(TONE, 16000, container="ogg", codec="opus"), "ogg"),
    ("webm", encode(TONE, 48000, container="webm", codec="opus"), "webm"),
]


@pytest.mark.parametrize(("data", "container"), [r[1:] for r in RECORDINGS], ids=[r[0] for r in RECORDINGS])
def test_recordings_are_known(data: bytes, container: Container) -> None:
    assert sniff(data[:HEAD]) == container
    assert container_of(io.BytesIO(data)) == container


def test_behind_a_tag_longer_than_the_head_only_the_file_can_tell() -> None:
    tag = b"ID3\x04\x00\x00\x00\x02\x00\x00" + bytes(2 << 14)
    assert sniff((tag + AAC)[:HEAD]) == "mp3"
    assert container_of(io.BytesIO(tag + AAC)) == "aac"


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("call.mp3", MP3)
    return target.getvalue()


OTHERS: list[tuple[bytes, str, str]] = [
    (b"", "recording_empty", "empty"),
    (b"<!DOCTYPE html><html><body>Sign in</body></html>", "recording_not_audio", "a web page"),
    (b"\xef\xbb\xbf\n\n  <HTML lang=en>", "recording_not_audio", "a web page"),
    (b"<!-- moved --><!-- again -->\n<html>", "recording_not_audio", "a web page"),
    (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x">', "recording_not_audio", "a web page"),
    ("<html>Anmelden</html>".encode("utf-16"), "recording_not_audio", "a web page"),
    (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "recording_not_audio", "an XML document"),
    (b'{"error": "not found"}', "recording_not_audio", "a JSON document"),
    (b'[{"id": 1}]', "recording_not_audio", "a JSON document"),
    (b"Not found", "recording_not_audio", "a text"),
    ("कोई रिकॉर्डिंग नहीं".encode(), "recording_not_audio", "a text"),
    (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd", "recording_not_audio", "a playlist"),
    (b"\xef\xbb\xbf#EXTM3U\n", "recording_not_audio", "a playlist"),
    (b"[playlist]\nFile1=http://10.0.0.1/", "recording_not_audio", "a playlist"),
    (b"ffconcat version 1.0\nfile /etc/passwd", "recording_not_audio", "a playlist"),
    (b'<?xml version="1.0"?><playlist xmlns="http://xspf.org/ns/0/">', "recording_not_audio", "a playlist"),
    (b'<?xml version="1.0"?>\n<!-- c -->\n<MPD xmlns="urn:mpeg:dash">', "recording_not_audio", "a playlist"),
    (b"https://cdn.example/a.mp3\n", "recording_not_audio", "a playlist"),
    (b"%PDF-1.7\n", "recording_not_audio", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "recording_not_audio", "an image"),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100), "recording_not_audio", "an image"),
    (b"\x00\x00\x00\x1cftypavif" + bytes(20), "recording_not_audio", "an image"),
    (zipped(), "recording_unsupported_format", "a ZIP archive"),
    (gzip.compress(MP3, mtime=0), "recording_unsupported_format", "a gzip-compressed file"),
    (b"#!AMR\n\x3c", "recording_unsupported_format", "an AMR file"),
    (b"RIFF\x00\x00\x00\x00AVI LIST", "recording_unsupported_format", "not WAV"),
    (bytes(5000), "recording_unsupported_format", "no known format"),
    (b"\xff\xfb\x90\x00" + bytes(5000), "recording_unsupported_format", "no known format"),
    (ID3, "recording_damaged", "before any sound"),
]


@pytest.mark.parametrize(("data", "code", "words"), OTHERS, ids=lambda value: str(value)[:24])
def test_everything_else_is_named(data: bytes, code: str, words: str) -> None:
    with pytest.raises(StepFailed, match=words) as failure:
        container_of(io.BytesIO(data))
    assert (failure.value.code, failure.value.retry) == (code, False)
    assert failure.value.message.endswith(".")


@pytest.mark.parametrize(
    "data", [b"<!---->" * 3000, b"<?x?>" * 3000, b"\xff" * HEAD, b"\xff\xfb\x90" * HEAD, b"[" * HEAD]
)
def test_no_bytes_take_long_to_judge(data: bytes) -> None:
    started = time.process_time()
    with suppress(StepFailed):
        sniff(data[:HEAD])
    assert time.process_time() - started < 2


def test_a_frame_header_is_read_as_the_standard_says() -> None:
    assert mpeg_frame(b"\xff\xfb\x90\x00") == (417, 44100, 1152)
    assert mpeg_frame(b"\xff\xfb\x92\x00") == (418, 44100, 1152)
    assert mpeg_frame(b"\xff\xf3\x40\x00") == (104, 22050, 576)
    for broken in (
        b"",
        b"\xff\xfb\x90",
        b"\xff\xeb\x90\x00",
        b"\xff\xfb\xf0\x00",
        b"\xff\xfb\x9c\x00",
        b"\xfe\xfb\x90\x00",
    ):
        assert mpeg_frame(broken) is None
