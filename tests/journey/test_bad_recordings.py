"""What cannot be processed ends as failed, with its own reason, and harms nothing else."""

import asyncio
import wave
from pathlib import Path
from typing import Any

import pytest

from callwright.recordings.audio import DecodeLimits
from callwright.recordings.fetch import FetchLimits
from journey_house import RECORDINGS, House, working

TURNS = [{"speaker": "customer", "start": 1, "end": 2, "text": "Hello, who is this?"}]
GOOD = RECORDINGS / "next-step-booked.mp3"


def silence(path: Path, seconds: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(b"\x80" * 8000 * seconds)
    return path


async def hang(request: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def endless(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + GOOD.read_bytes())
    while True:
        writer.write(bytes(65536))
        await writer.drain()


async def breaking_off(request: bytes, writer: asyncio.StreamWriter) -> None:
    content = GOOD.read_bytes()
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content[:20_000])
    await writer.drain()
    writer.close()


def bad_recordings(house: House, folder: Path) -> dict[str, str]:
    """Addresses of bad recordings, by the code of the failure that each must end in."""
    wav = RECORDINGS / "call-back-later.wav"
    server = house.recordings
    server.routes |= {"/hang": hang, "/endless": endless, "/breaking-off": breaking_off}
    protected = (RECORDINGS / "price-handled.m4a").read_bytes().replace(b"mp4a", b"enca")
    return {
        "recording_not_audio": server.answer("/page", b"<!doctype html><title>Log in</title>"),
        "recording_not_audio ": server.answer("/list", b"#EXTM3U\n#EXTINF:1,\nhttp://169.254.169.254/\n"),
        "recording_empty": server.answer("/empty"),
        "recording_truncated": server.answer("/cut", wav.read_bytes()[:60_000]),
        "recording_truncated ": server.url("/breaking-off"),
        "recording_protected": server.answer("/protected", protected),
        "recording_too_long": house.serve(silence(folder / "hours.wav", 100)),
        "recording_silent": house.serve(silence(folder / "silent.wav", 20)),
        "recording_not_found": server.answer("/gone", status=404),
        "recording_forbidden": server.answer("/forbidden", status=403),
        "recording_server_error": server.answer("/broken", status=503),
        "recording_timeout": server.url("/hang"),
        "recording_too_large": server.url("/endless"),
        "recording_address_refused": server.answer("/away", status=302, headers="location: http://10.0.0.1/x\r\n"),
        "recording_address_refused ": "http://169.254.169.254/latest/meta-data",
        "recording_unreachable": "http://nowhere.invalid/x.mp3",
    }


@pytest.mark.timeout(300)
async def test_each_bad_recording_fails_with_its_own_reason_and_the_good_one_is_done(
    house: House, tmp_path: Path
) -> None:
    urls = bad_recordings(house, tmp_path)
    limits: dict[str, Any] = {
        "fetch_limits": FetchLimits(max_bytes=2_000_000, max_seconds=5, stall_seconds=1),
        "decode_limits": DecodeLimits(seconds=60),
    }
    async with working(house.settings, **limits):
        good_record = house.record("good", house.serve(GOOD), transcript=TURNS)
        records = [house.record(code, url) for code, url in urls.items()]
        await house.push(*records[:7], good_record, *records[7:])
        good = await house.ended("good")
        failed = {code: await house.ended(code.replace(" ", "%20")) for code in urls}
    assert good["status"] == "completed"
    assert {code: (call["status"], (call["failure"] or {}).get("code")) for code, call in failed.items()} == {
        code: ("failed", code.strip()) for code in urls
    }
    told = house.called_back()
    for code, call in failed.items():
        assert call["failure"]["message"].endswith(".")
        assert told[code]["status"] == "failed"
        assert told[code]["error"] == f"{code.strip()}: {call['failure']['message']}"
        assert told[code]["quality"] is None


async def test_a_poison_call_is_set_aside_after_its_tries(
    house: House, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("callwright.pipeline.decode", crash)
    await house.push(house.record("poison", house.serve(GOOD)))
    call = await house.ended("poison")
    assert call["failure"] == {"code": "internal_error", "message": "Something went wrong on our side."}
    assert "boom" not in str(house.called_back())
