"""A speech server of the OpenAI style, as much of it as the trials with long calls need, and what is sent to it."""

import io
import json
import wave
from pathlib import Path

import numpy as np

import sound

IN_PIECES = (str(Path(__file__).parent / "in_pieces.py"),)
"""The program of a worker to which every call is a long one."""


def said_of(text: str) -> bytes:
    """An answer of the server's: this text, in English."""
    body = json.dumps({"text": text, "language": "en"}).encode()
    return f"HTTP/1.1 200 X\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def heard_by(request: bytes) -> bytes:
    """The sound in a request to the server."""
    return request[request.index(b"RIFF") :].rpartition(b"\r\n--")[0].partition(b"\r\n--")[0]


def wav(samples: sound.Sound) -> bytes:
    """A recording, shape (channels, samples) or (samples,)."""
    channels = np.atleast_2d(samples)
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(len(channels))
        output.setsampwidth(2)
        output.setframerate(sound.RATE)
        output.writeframes(channels.T.astype("<i2").tobytes())
    return file.getvalue()
