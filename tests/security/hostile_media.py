"""Files that mean no good: scripts for players, lies in headers, endless silence, and recordings changed by chance."""

import random
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO

import numpy as np

from recordings.media import encode, tones, wav

TONE = tones(0.5, 16000, 440)


FORMATS: dict[str, bytes] = {
    "mp3": encode(TONE, 16000, container="mp3", codec="mp3"),
    "wav": wav(TONE, 16000),
    "mulaw": encode(tones(0.5, 8000, 440, 700), 8000, container="wav", codec="pcm_mulaw"),
    "adpcm": encode(TONE, 16000, container="wav", codec="adpcm_ima_wav"),
    "aac": encode(TONE, 16000, container="adts", codec="aac"),
    "m4a": encode(TONE, 16000, container="ipod", codec="aac"),
    "mp4": encode(tones(0.5, 16000, 440), 16000, container="mp4", codec="aac", video=True),
    "flac": encode(TONE, 16000, container="flac", codec="flac"),
    "ogg": encode(TONE, 16000, container="ogg", codec="opus"),
    "webm": encode(TONE, 48000, container="webm", codec="opus"),
}


def scripts(foreign: str, url: str) -> dict[str, bytes]:
    """Files that tell a player to open other files, in every language for that."""
    texts = {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{foreign}\n#EXTINF:10,\n{url}\n",
        "m3u8 with a key": f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:1,\n{foreign}\n',
        "m3u8 with crypto": f"#EXTM3U\n#EXTINF:1,\ncrypto+file://{foreign}\n",
        "m3u8 with concat": f"#EXTM3U\n#EXTINF:1,\nconcat:{url}|file://{foreign}\n",
        "m3u8 with subfile": f"#EXTM3U\n#EXTINF:1,\nsubfile,,start,0,end,9,,:{foreign}\n",
        "m3u8 with data": "#EXTM3U\n#EXTINF:1,\ndata:audio/wav;base64,UklGRg==\n",
        "m3u8 behind spaces": f"\n\n   #EXTM3U\n#EXTINF:1,\n{url}\n",
        "ffconcat": f"ffconcat version 1.0\nfile '{foreign}'\nfile '{url}'\n",
        "concat": f"file '{foreign}'\nfile '{url}'\n",
        "pls": f"[playlist]\nFile1={url}\nFile2={foreign}\nNumberOfEntries=2\n",
        "asx": f'<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
        "xspf": f'<?xml version="1.0"?><playlist><track><location>{url}</location></track></playlist>',
        "dash": f'<?xml version="1.0"?><MPD type="static"><Period><BaseURL>{url}</BaseURL></Period></MPD>',
        "dash with an entity": f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "{foreign}">]><MPD>&y;</MPD>',
        "smil": f'<smil><body><audio src="{url}"/></body></smil>',
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio {url.split(':')[2][:-2]} RTP/AVP 0\n",
        "lavfi": f"amovie={foreign}",
        "filter script": f"[in]amovie={foreign}[out]",
        "data:": "data:audio/wav;base64,UklGRiQAAABXQVZFZm10IA==",
        "crypto:": f"crypto:{foreign}",
        "subfile:": f"subfile,,start,0,end,99,,:{foreign}",
        "a path": foreign,
        "a URL": url,
        "image2": "/tmp/%d.wav",
        "ssa": f"[Script Info]\nTitle: x\n[Events]\nDialogue: {foreign}\n",
        "webvtt": f"WEBVTT\n\n00:00.000 --> 00:01.000\n{url}\n",
        "sami": f'<SAMI><BODY><SYNC Start=0><P><img src="{url}"></BODY></SAMI>',
        "cue": f'FILE "{foreign}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
        "ffmetadata": f";FFMETADATA1\ntitle={url}\n",
        "avisynth": f'DirectShowSource("{foreign}")',
        "vapoursynth": f"import os\nos.system('cat {foreign}')\n",
        "rtsp": f"RTSPtextRTSP://127.0.0.1:{url.split(':')[2]}",
        "quicktime text": f"rtsptext\r\n{url}\r\n",
    }  # fmt: skip
    return {name: text.encode() for name, text in texts.items()}


NAMES = list(scripts("/x", "http://127.0.0.1:1/x"))


FRONTS = {
    "bare": b"",
    "behind an ID3 tag": b"ID3\x04\0\0\0\0\0\x0a" + bytes(10),
    "behind an MP3 frame": FORMATS["mp3"][:600],
    "as a WAV's sound": wav(TONE, 16000)[:44],
    "behind a WAV": FORMATS["wav"],
    "in an MP4's box": struct.pack(">I4s4sI", 16, b"ftyp", b"M4A ", 0),
    "behind an Ogg page": FORMATS["ogg"][:200],
}


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def external(reference: bytes, kind: bytes) -> bytes:
    """A sound track whose bytes are said to be elsewhere."""
    dref = box(b"dref", bytes(4), struct.pack(">I", 1), box(kind, bytes(4), reference))
    entry = box(b"mp4a", bytes(6), b"\0\1", bytes(8), struct.pack(">HHI", 1, 16, 0), struct.pack(">I", 16000 << 16))
    table = box(
        b"stbl",
        box(b"stsd", bytes(4), struct.pack(">I", 1), entry),
        box(b"stts", bytes(4), struct.pack(">III", 1, 9, 1024)),
        box(b"stsc", bytes(4), struct.pack(">IIII", 1, 1, 9, 1)),
        box(b"stsz", bytes(4), struct.pack(">II", 100, 9)),
        box(b"stco", bytes(4), struct.pack(">II", 1, 44)),
    )
    header = struct.pack(">IIIII", 0, 0, 0, 16000, 9216)
    media = box(
        b"mdia",
        box(b"mdhd", header, bytes(4)),
        box(b"hdlr", bytes(8), b"soun", bytes(13)),
        box(b"minf", box(b"smhd", bytes(8)), box(b"dinf", dref), table),
    )
    track = box(b"trak", box(b"tkhd", bytes(84)), media)
    return (
        box(b"ftyp", b"qt  ", bytes(4))
        + box(b"moov", box(b"mvhd", header, bytes(80)), track)
        + box(b"mdat", bytes(999))
    )


def header(*, tag: int = 1, channels: int = 1, rate: int = 16000, bits: int = 16, align: int | None = None) -> bytes:
    align = channels * bits // 8 if align is None else align
    content = struct.pack("<HHIIHH", tag, channels, rate, rate * align % 2**32, align & 0xFFFF, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + content + b"data" + struct.pack("<I", 32000) + bytes(32000)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def id3(size: int, frames: bytes) -> bytes:
    return b"ID3\x04\0\0" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0)) + frames


def zipped() -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("call.wav", FORMATS["wav"])
    return target.getvalue()


def rf64(size: int) -> bytes:
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, size + 100, size, 0, 0)
    rest = FORMATS["wav"][12:36] + b"data\xff\xff\xff\xff" + FORMATS["wav"][44:]
    return b"RF64\xff\xff\xff\xffWAVE" + ds64 + rest


SILENCE = np.zeros((1, 16000 * 610), np.int16)


ANY_FAILURE = "recording_"


ODD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "recording_empty"),
    "one byte": (lambda: b"\0", "recording_unsupported_format"),
    "one letter": (lambda: b"x", "recording_not_audio"),
    "HTML": (lambda: b"<html><body>404</body></html>", "recording_not_audio"),
    "JSON": (lambda: b'{"error": "gone"}', "recording_not_audio"),
    "PDF": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "recording_not_audio"),
    "ZIP": (zipped, "recording_unsupported_format"),
    "a WAV that is a ZIP too": (lambda: FORMATS["wav"] + zipped(), "decoded"),
    "an MP3 that is a page too": (lambda: FORMATS["mp3"] + b"<script>alert(1)</script>" * 9, "decoded"),
    "a page that is an MP3 too": (lambda: b"<html><!--" + FORMATS["mp3"] + b"--></html>", "recording_not_audio"),
    "a program with sound": (lambda: b"\x7fELF" + FORMATS["mp3"], "recording_not_audio"),
    "a script with sound": (lambda: b"#!/bin/sh\nexit\n" + FORMATS["wav"], ANY_FAILURE),
    "WAV of 1 Hz": (lambda: header(rate=1), "recording_unsupported_format"),
    "WAV of 0 Hz": (lambda: header(rate=0), ANY_FAILURE),
    "WAV of 4 GHz": (lambda: header(rate=2**32 - 1), ANY_FAILURE),
    "WAV of 2 GHz": (lambda: header(rate=2**31 - 1), ANY_FAILURE),
    "WAV of 65,535 channels": (lambda: header(channels=65535), ANY_FAILURE),
    "WAV of 255 channels": (lambda: header(channels=255), ""),
    "WAV of no channels": (lambda: header(channels=0), ""),
    "WAV of 0 bits": (lambda: header(bits=0), ANY_FAILURE),
    "WAV of 1 bit": (lambda: header(bits=1), ""),
    "WAV of 65,535 bits": (lambda: header(bits=65535), ANY_FAILURE),
    "WAV of no alignment": (lambda: header(align=0), ""),
    "WAV of a wrong alignment": (lambda: header(align=65535), ""),
    "WAV of an unknown encoding": (lambda: header(tag=0x4242), "recording_unsupported_format"),
    "WAV without sound": (lambda: FORMATS["wav"][:44], "recording_damaged"),
    "WAV without a format": (lambda: b"RIFF\x24\0\0\0WAVEdata\x10\0\0\0" + bytes(16), "recording_damaged"),
    "WAV with a format of nothing": (lambda: b"RIFF\x24\0\0\0WAVEfmt \0\0\0\0data\x10\0\0\0" + bytes(16), ANY_FAILURE),
    "WAV with a huge format": (lambda: b"RIFF\x24\0\0\0WAVEfmt \xff\xff\xff\xff" + bytes(9999), ANY_FAILURE),
    "WAV of ten thousand chunks": (lambda: b"RIFF\x24\0\0\0WAVE" + b"junk\0\0\0\0" * 10_000 + FORMATS["wav"][12:], ""),
    "WAV that says 0 bytes": (lambda: wav(TONE, 16000, data_size=0), "decoded"),
    "WAV that says 4 GB": (lambda: wav(TONE, 16000, data_size=0xFFFFFFFF), "decoded"),
    "WAV that says 1 GB": (lambda: wav(TONE, 16000, data_size=1 << 30), "recording_truncated"),
    "WAV that says less": (lambda: wav(TONE, 16000, data_size=1000), "decoded"),
    "RF64": (lambda: rf64(16000), "decoded"),
    "RF64 that says 2^63": (lambda: rf64(2**63 - 200), ""),
    "RF64 that says 2^64": (lambda: rf64(2**64 - 200), ""),
    "ID3 of 256 MB": (lambda: id3(2**28 - 1, FORMATS["mp3"]), "recording_damaged"),
    "ID3 with a giant frame": (lambda: id3(2000, b"APIC\x7f\x7f\x7f\x7f\0\0" + bytes(1990)) + FORMATS["mp3"], ""),
    "ID3 of nested tags": (lambda: id3(0, b"") * 2000 + FORMATS["mp3"], ""),
    "ID3 with a URL": (lambda: id3(40, b"WOAF\0\0\0\x1e\0\0http://127.0.0.1:1/".ljust(40, b"\0")) + FORMATS["mp3"], ""),
    "too long a silence in FLAC": (
        lambda: encode(SILENCE, 16000, container="flac", codec="flac"),
        "recording_too_long",
    ),
    "too long a silence in MP3": (lambda: encode(SILENCE, 16000, container="mp3", codec="mp3"), "recording_too_long"),
    "too long a silence in AAC": (lambda: encode(SILENCE, 16000, container="adts", codec="aac"), "recording_too_long"),
    "too long a silence in Opus": (lambda: encode(SILENCE, 16000, container="ogg", codec="opus"), "recording_too_long"),
    "a thousand songs": (lambda: FORMATS["mp3"] * 1000, ""),
    "a thousand Ogg streams": (lambda: FORMATS["ogg"] * 1000, ""),
    "a thousand WAVs": (lambda: FORMATS["wav"] * 1000, ""),
    "MP4 of empty boxes": (lambda: box(b"ftyp", b"M4A ", bytes(4)) + box(b"free") * 100_000, ANY_FAILURE),
    "MP4 of boxes in boxes": (lambda: box(b"ftyp", b"M4A ", bytes(4)) + nested(3000), ANY_FAILURE),
    "MP4 with a huge box": (
        lambda: box(b"ftyp", b"M4A ", bytes(4)) + b"\xff\xff\xff\xffmoov" + bytes(999),
        ANY_FAILURE,
    ),
    "MP4 with a box of 2^64": (
        lambda: box(b"ftyp", b"M4A ", bytes(4)) + b"\0\0\0\x01moov" + b"\xff" * 8 + bytes(99),
        ANY_FAILURE,
    ),
    "MP4 with a table of 4 billion": (lambda: table_of(0xFFFFFFFF), ANY_FAILURE),
    "MP4 twice": (lambda: FORMATS["m4a"] * 2, ""),
    "Matroska with an attachment": (lambda: attached(b"cover.m3u8", b"#EXTM3U\nfile:///etc/passwd\n"), ""),
    "Matroska of unknown sizes": (
        lambda: b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01" + b"\xff" * 500,
        ANY_FAILURE,
    ),
    "Ogg skeleton alone": (lambda: ogg_page(b"fishead\0" + bytes(56)), ANY_FAILURE),
    "Ogg skeleton before sound": (lambda: ogg_page(b"fishead\0" + bytes(56)) + FORMATS["ogg"], ""),
    "FLAC with a picture of 16 MB": (lambda: b"fLaC\x06\xff\xff\xff" + bytes(9999), ANY_FAILURE),
    "FLAC of no samples": (lambda: FORMATS["flac"][:42], ANY_FAILURE),
    "a megabyte of FF": (lambda: b"\xff" * 1_000_000, ANY_FAILURE),
    "a megabyte of chance": (lambda: random.Random(7).randbytes(1_000_000), ANY_FAILURE),
    "a film without sound": (lambda: encode(None, 16000, container="mp4", codec="", video=True), "recording_not_audio"),
}  # fmt: skip


def nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = box(b"trak", content)
    return box(b"moov", content)


def table_of(count: int) -> bytes:
    whole = external(b"x\0", b"url ")
    return whole.replace(b"stsz" + bytes(4) + struct.pack(">II", 100, 9), b"stsz" + bytes(8) + struct.pack(">I", count))


def attached(name: bytes, content: bytes) -> bytes:
    """A WebM file with an attachment put behind its end (Matroska, RFC 9559, section 5.1.6)."""

    def element(kind: bytes, body: bytes) -> bytes:
        return kind + (0x10000000 | len(body)).to_bytes(4, "big") + body

    file = element(b"\x46\x6e", name) + element(b"\x46\x60", b"audio/x-mpegurl") + element(b"\x46\x5c", content)
    return FORMATS["webm"] + element(b"\x19\x41\xa4\x69", element(b"\x61\xa7", file + element(b"\x46\xae", b"\1")))


def ogg_page(packet: bytes) -> bytes:
    return b"OggS\0\2" + bytes(8) + b"\7\0\0\0" + bytes(4) + bytes(4) + bytes([1, len(packet)]) + packet


def mutated(chance: random.Random, data: bytes) -> bytes:
    """A file with bits turned, bytes put in or taken out, or a stretch repeated; mostly near its head."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = int(len(changed) * chance.random() ** chance.choice((1, 3)))
        match chance.randrange(5):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at : at + 4] = chance.choice(
                    (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0")
                )
            case 2:
                changed[at:at] = chance.randbytes(chance.choice((1, 2, 100)))
            case 3:
                del changed[at : at + chance.choice((1, 2, 100))]
            case _:
                changed[at:at] = changed[at : at + 500]
    return bytes(changed)
