"""Recordings for tests: real ones where they are at hand, made ones everywhere; int16 at 16 kHz."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

RATE = 16_000
ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "audio"
DEMO = ROOT / "demo" / "recordings"
CALL = "derived_auto_repairs_40_stereo_mulaw.wav"

Sound = npt.NDArray[np.int16]


def shared(name: str) -> Sound:
    """A recording that lies beside the project, shape (channels, samples); the test is skipped where it does not."""
    return _read(SHARED / name)


def demo(name: str) -> Sound:
    """One of the demo's recordings, shape (channels, samples)."""
    return _read(DEMO / name)


def _read(path: Path) -> Sound:
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    resampler = av.AudioResampler(format="s16p", rate=RATE)
    with av.open(str(path)) as container:
        frames = [part.to_ndarray() for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    frames += [part.to_ndarray() for part in resampler.resample(None)]
    return np.concatenate(frames, axis=1, dtype=np.int16)


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE), np.int16)


def noise(seconds: float, dbfs: float, seed: int = 1) -> Sound:
    return _scaled(np.random.default_rng(seed).normal(0, 1, round(seconds * RATE)), dbfs)


def tone(seconds: float, dbfs: float, hertz: float = 440) -> Sound:
    return _scaled(np.sqrt(2) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE), dbfs)


def quieter(sound: Sound, decibels: float) -> Sound:
    return np.asarray(np.round(sound * 10 ** (-decibels / 20)), np.int16)


def mixed(sound: Sound) -> Sound:
    """Both channels as one."""
    return np.asarray(np.clip(sound.astype(np.int32).sum(axis=0), -32_768, 32_767), np.int16)


def written(folder: Path, sound: Sound) -> dict[str, Any]:
    """The sound as a decoded recording in a file: what `transcribe` is given."""
    channels = np.atleast_2d(sound)
    path = folder / "decoded.raw"
    channels.astype("<i2").tofile(path)
    samples = channels.shape[1]
    return {"path": path, "channels": len(channels), "samples": samples, "seconds": samples / RATE}


def _scaled(signal: npt.NDArray[np.float64], dbfs: float) -> Sound:
    return np.clip(np.round(signal * 10 ** (dbfs / 20) * 32_767), -32_768, 32_767).astype(np.int16)
