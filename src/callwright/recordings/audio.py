"""Decode a recording in a limited process, so that no file can harm, hold up or fill the worker."""

import asyncio
import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from callwright import metrics, traces
from callwright.errors import FAILURE_CODES, StepFailed
from callwright.recordings import Decoded

RATE = 16_000
_LONGEST_ANSWER = 65_536
_NOT_NOW = "The recording could not be decoded just now."
_COMMAND = [sys.executable, "-I", "-m", "callwright.recordings.child"]


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What decoding one recording may take.

    Attributes:
        seconds: The longest recording.
        memory_bytes: Address space on top of the libraries' own.
        cpu_seconds: Processor time.
        wall_seconds: Time on the clock, which ends what hangs; a machine that is busy may do better at the next try.
    """

    seconds: float = 4 * 3600
    memory_bytes: int = 512 * 1024 * 1024
    cpu_seconds: int = 300
    wall_seconds: float = 600


DEFAULT_LIMITS = DecodeLimits()


async def decode(source: Path, *, scratch: Path, limits: DecodeLimits = DEFAULT_LIMITS, of: str = "") -> Decoded:
    """Decode a recording to 16 kHz samples, in a limited process that is killed where this is cancelled.

    Two channels stay apart. Of more than two, FFmpeg's stereo downmix is kept; of several audio tracks, the one that
    FFmpeg takes for the main one. The channels may be silent or alike: that is not judged here.

    Args:
        source: The recording; its container is told from its bytes.
        scratch: A folder for the samples; the caller removes it.
        limits: What it may take.
        of: Whose it is: recordings of one owner may be decoded by one process, one after the other; no process ever
            sees those of two. Without an owner, it has a process of its own.

    Raises:
        StepFailed: With one of these codes: `recording_empty`, `recording_not_audio`, `recording_unsupported_format`,
            `recording_protected`, `recording_damaged`, `recording_truncated`, `recording_too_long`,
            `recording_too_costly`, to be tried again where the clock alone ran out; `internal_error`, to be tried
            again, where the process broke off without a word, or, which is ours, where none could be had;
            `storage_unavailable`, which is ours, where there is no room for the samples.
        RuntimeError: The decoder has a fault of its own.
    """
    target = scratch / "samples.s16le"
    try:
        with metrics.DECODE_SECONDS.time(), traces.part("decode"):
            reply = await _ask(source, target, limits, of=of)
            decoded = _decoded(reply, target)
            traces.tell("audio_seconds", decoded.seconds)
        metrics.AUDIO_SECONDS.inc(decoded.seconds)
        return decoded
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def warm_up() -> None:
    """Start the process that forks those which decode, so that the first recording need not wait for its libraries."""
    _server.start()


async def write_copy(source: Path, target: Path, *, scratch: Path, limits: DecodeLimits = DEFAULT_LIMITS) -> None:
    """Write a recording once more as MP3, in time with its samples, in a process as `decode`'s.

    Args:
        source: The recording.
        target: A file for the copy; it may be empty or half written where this raises.
        scratch: A folder for what is needed on the way; nothing of it is left.
        limits: What it may take.

    Raises:
        StepFailed: As `decode`.
        RuntimeError: Likewise.
    """
    samples = scratch / "copied.s16le"
    try:
        await _ask(source, samples, limits, copy=target)
    finally:
        samples.unlink(missing_ok=True)


async def _ask(
    source: Path, target: Path, limits: DecodeLimits, *, of: str = "", copy: Path | None = None
) -> dict[str, Any]:
    job = {
        "of": of,
        "seconds": limits.seconds,
        "memory_bytes": limits.memory_bytes,
        "cpu_seconds": limits.cpu_seconds,
        "file_bytes": int(limits.seconds * RATE * 2 * 2) + 1024 * 1024,
    }
    ours = _handed_over(json.dumps(job).encode(), source, target, copy)
    answer = b""
    with ours:  # whatever still runs for us is killed when it is closed
        try:
            async with asyncio.timeout(limits.wall_seconds):
                receive = asyncio.get_running_loop().sock_recv
                while len(answer) < _LONGEST_ANSWER and (chunk := await receive(ours, _LONGEST_ANSWER)):
                    answer += chunk
        except TimeoutError:  # less than that of the processor's: it was this machine that had no time for it
            raise _too_costly("time", retry=True) from None
    return _parsed(answer)


def _handed_over(job: bytes, source: Path, target: Path, copy: Path | None) -> socket.socket:
    """Start a decoding; what comes of it is read from the socket, and closing the socket ends it."""
    with contextlib.ExitStack() as stack:
        recording = stack.enter_context(source.open("rb"))
        first = stack.enter_context(target.open("w+b"))
        second = stack.enter_context(tempfile.TemporaryFile(dir=target.parent))
        files = [recording, first, second]
        if copy is not None:
            files.append(stack.enter_context(copy.open("w+b")))
        ours, theirs = map(stack.enter_context, socket.socketpair())
        _server.send(job, [theirs.fileno(), *(file.fileno() for file in files)])
        ours.settimeout(0)
        return ours.dup()


def _parsed(answer: bytes) -> dict[str, Any]:
    """What the process said, checked as far as it matters: a broken one may say anything."""
    try:
        reply = json.loads(answer)
    except ValueError:
        raise StepFailed("internal_error", _NOT_NOW, retry=True) from None
    match reply:
        case {"decoded": dict(fields)}:
            return fields
        case {"failed": [str(code), str(message)]} if code in FAILURE_CODES:
            raise StepFailed(cast("Any", code), message)
        case {"out_of": "memory"}:
            raise _too_costly("memory")
        case {"out_of": "processes"}:
            raise StepFailed("internal_error", _NOT_NOW, ours=True)
        case {"out_of": "space"}:
            raise StepFailed("storage_unavailable", "Our storage was not available.", ours=True)
        case {"signal": signal.SIGXCPU}:
            raise _too_costly("time")
        case {"signal": signal.SIGKILL}:  # nobody but the kernel, short of memory
            raise _too_costly("memory")
        case {"signal": int()}:
            raise StepFailed("recording_damaged", "The recording is damaged: it breaks the decoder.")
    raise RuntimeError(f"The decoder failed: {str(reply)[:500]}")


def _decoded(fields: dict[str, Any], target: Path) -> Decoded:
    channels, samples = int(fields["channels"]), int(fields["samples"])
    if channels not in (1, 2) or target.stat().st_size != channels * samples * 2:
        raise RuntimeError("The decoder gave samples that do not fit what it says of them")
    declared = fields["declared_seconds"]
    return Decoded(
        path=target,
        channels=channels,
        samples=samples,
        seconds=samples / RATE,
        codec=str(fields["codec"]),
        source_rate=int(fields["source_rate"]),
        source_channels=int(fields["source_channels"]),
        declared_seconds=None if declared is None else float(declared),
        peaks=tuple(bytes.fromhex(peaks) for peaks in fields["peaks"]),
    )


def _too_costly(what: str, *, retry: bool = False) -> StepFailed:
    return StepFailed("recording_too_costly", f"Decoding the recording would take too much {what}.", retry=retry)


class _Server:
    """The process that forks a child per recording; started with the first one, ended with this process."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server where there is none, or the last one has ended; it is not waited for."""
        if self._control is None or self._process is None or self._process.poll() is not None:
            self._start()

    def send(self, job: bytes, files: list[int]) -> None:
        """Hand a job over; a moment's work, except that a new server is started where the last one has ended."""
        for attempt in range(2):
            self.start()
            try:
                socket.send_fds(cast("socket.socket", self._control), [job], files)
            except (BrokenPipeError, ConnectionError):
                self.close()
                if attempt:
                    raise
            else:
                return

    def close(self) -> None:
        """End the server and every process of it."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.wait()
        self._control = self._process = None

    def _start(self) -> None:
        self.close()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TMPDIR", "TZ") if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                _COMMAND,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd="/",
                env={"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", **kept},
                start_new_session=True,  # a Ctrl-C at the terminal is for the worker, which lets its work end first
            )


_server = _Server()
atexit.register(_server.close)
