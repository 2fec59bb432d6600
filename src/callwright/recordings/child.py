"""The process that decodes: a server that forks limited processes, which share nothing between subtenants.

`audio.py` starts it once as `python -I -m callwright.recordings.child` with a socket as standard input. It has no
settings and no connections; it answers in JSON, never in pickles, for what it answers is not trusted. The library's own
fork server would run the main module again in every child (Python 3.11) and inherit the environment with its secrets.

To fork costs twice what decoding a minute does, so a process that has decoded a recording to its end takes the next one
of the same subtenant. Whatever else it comes to is its end.
"""

import ctypes
import errno
import gc
import io
import json
import os
import resource
import selectors
import signal
import socket
import struct
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from callwright.errors import StepFailed
from callwright.recordings.confinement import confine
from callwright.recordings.decoder import decode
from callwright.recordings.encoder import encode

_MESSAGE: Final = 65_536
_MODES: Final = ("rb", "r+b", "r+b")
"""Of the source and the channels; a file for the copy may follow them."""

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)
_TICKS: Final = os.sysconf("SC_CLK_TCK")

BEHIND: Final = 4
"""How much nicer than the worker: to decode is much of the work, and the worker and the database have little to do for
each call, for which the next ones wait. Engines are nicer still: without samples they have nothing to do."""

MOST_RECORDINGS: Final = 100
"""What one process decodes."""

MOST_IDLE: Final = 24
IDLE_SECONDS: Final = 10.0
"""How many processes wait for a further recording of their subtenant's, with 5 MB of memory each, and how long."""


def _limit(memory_bytes: int, cpu_seconds: int, file_bytes: int, *, shared: bool = False) -> None:
    """Give up everything that decoding does not need; what is measured counts from here.

    A process that takes further recordings has its processor time from the server, for each anew (`_allow`).
    """
    in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: PTH123, SIM115
    for what, soft, hard in (
        (resource.RLIMIT_AS, in_use + memory_bytes, in_use + memory_bytes),
        # At the soft one comes a signal that tells why.
        (resource.RLIMIT_CPU, cpu_seconds, (2 * cpu_seconds if shared else cpu_seconds) + 1),
        (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        (resource.RLIMIT_NOFILE, 64, 64),
        (resource.RLIMIT_NPROC, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(what, (soft, hard))


def _work(job: dict[str, Any], answer: int, files: list[int], *, first: bool) -> bool:
    """Decode a recording and say what came of it; whether the process may go on."""
    reply: dict[str, object]
    opened = [os.fdopen(file, mode, 1 << 18) for file, mode in zip(files[:3], _MODES, strict=True)]
    try:
        source, *channels = opened
        if first:
            _limit(job["memory_bytes"], job["cpu_seconds"], job["file_bytes"], shared=bool(job["of"]))
            confine()  # where the kernel cannot, FFmpeg's own lists stand alone, and the doctor says so
        fields = decode(source, tuple(channels), job["seconds"])  # type: ignore[arg-type]
        if len(files) > len(_MODES):  # and where it is to be written in a form that every browser plays
            with os.fdopen(files[3], "r+b", 1 << 18) as target:
                encode(channels[0], fields, target)  # type: ignore[arg-type]
        for file in opened:
            file.close()
        reply = {"decoded": fields}
    except StepFailed as failure:
        reply = {"failed": [failure.code, failure.message]}
    except MemoryError:
        if not first:  # it may be what was decoded before that takes the room: without a word, it is tried again
            return False
        reply = {"out_of": "memory"}
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reply = {"out_of": "space"} if full else {"error": f"{type(error).__name__}: {error}"}
    except BaseException as error:  # noqa: BLE001 - the parent must hear of everything
        reply = {"error": f"{type(error).__name__}: {error}"}
    left = json.dumps(reply).encode()
    while left:
        left = left[os.write(answer, left) :]
    os.close(answer)
    return "decoded" in reply


def _live(message: bytes, files: list[int], channel: socket.socket) -> None:
    """Decode in a process of its own, one recording after the other as they come; never returns."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    job, first = json.loads(message), True
    while _work(job, files[0], files[1:], first=first) and job["of"]:
        channel.sendall(b".")
        message, files, _, _ = socket.recv_fds(channel, _MESSAGE, 5)
        if not message:
            break
        job, first = json.loads(message), False
    os._exit(0)


@dataclass(slots=True, eq=False)
class _Child:
    """A process that decodes, as the server sees it.

    Attributes:
        terms: Whose recordings it decodes, within which limits; no others.
        answer: To whoever waits for the recording at hand; None where there is none.
        recordings: How many it was given.
        since: Since when it waits for another.
    """

    pid: int
    watched: int
    channel: socket.socket
    terms: tuple[object, ...]
    answer: socket.socket | None
    recordings: int = 1
    since: float = 0.0


class _Children:
    """The processes that decode, each known to the selector by its end, its channel and who waits for it."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._idle: list[_Child] = []

    def start(self, control: socket.socket) -> bool:
        """Have the next recording decoded; False where the other side has gone."""
        message, files, _, _ = socket.recv_fds(control, _MESSAGE, 5)
        if not message:
            return False
        job = json.loads(message)
        terms = tuple(job[name] for name in ("of", "memory_bytes", "cpu_seconds", "file_bytes"))
        child = next((each for each in reversed(self._idle) if each.terms == terms), None)
        if child is None or not self._handed_over(child, job, message, files):
            child = self._forked(message, files, terms)
        answer = socket.socket(fileno=files[0])
        for descriptor in files[1:]:
            os.close(descriptor)
        if child is None:
            _tell(answer, {"out_of": "processes"})
            answer.close()
            return True
        child.answer = answer
        # Nothing is ever sent to us here: readable means that whoever wanted the result has gone.
        self._selector.register(answer, selectors.EVENT_READ, partial(self._unwanted, child))
        return True

    def _forked(self, message: bytes, files: list[int], terms: tuple[object, ...]) -> _Child | None:
        """A new process; None where there is no process or no memory for it just now: what is under way goes on."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                pid = os.fork()
            except OSError:
                ours.close()
                return None
            if not pid:
                kept = {0, 1, 2, theirs.fileno(), *files}
                for descriptor in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
                    if descriptor not in kept:
                        with suppress(OSError):  # the listing's own
                            os.close(descriptor)
                os.close(0)
                _live(message, files, theirs)
        child = _Child(pid, os.pidfd_open(pid), ours, terms, None)
        self._selector.register(child.watched, selectors.EVENT_READ, partial(self._ended, child))
        self._selector.register(ours, selectors.EVENT_READ, partial(self._done, child))
        return child

    def _handed_over(self, child: _Child, job: dict[str, Any], message: bytes, files: list[int]) -> bool:
        """Give a process that waits its next recording; False where it has just ended."""
        self._idle.remove(child)
        try:
            _allow(child.pid, job["cpu_seconds"])
            socket.send_fds(child.channel, [message], files)
        except (OSError, ValueError):
            return False
        child.recordings += 1
        return True

    def _done(self, child: _Child) -> None:
        """A process has said what came of its recording, and waits for the next; or it has ended."""
        try:
            told = child.channel.recv(1)
        except OSError:
            told = b""
        if not told:
            self._selector.unregister(child.channel)
            return
        if child.answer is None:  # nobody has asked it: that is no decoder any more
            os.kill(child.pid, signal.SIGKILL)
            return
        self._forget_answer(child)
        if child.recordings >= MOST_RECORDINGS or _used(child.pid) >= int(str(child.terms[2])):
            child.channel.shutdown(socket.SHUT_WR)  # it ends
            return
        child.since = time.monotonic()
        self._idle.append(child)
        if len(self._idle) > MOST_IDLE:
            self._idle.pop(0).channel.shutdown(socket.SHUT_WR)

    def tidy(self) -> float | None:
        """End those that have waited for too long; gives the seconds until there is one more, None where none waits."""
        while self._idle:
            left = self._idle[0].since + IDLE_SECONDS - time.monotonic()
            if left > 0:
                return left
            self._idle.pop(0).channel.shutdown(socket.SHUT_WR)
        return None

    def _ended(self, child: _Child) -> None:
        """Reap a process and, where it was killed, say by what.

        One that has decoded before says nothing, so that a new one tries again: it may not be this recording's doing.
        """
        _, status = os.waitpid(child.pid, 0)
        self._selector.unregister(child.watched)
        os.close(child.watched)
        if child in self._idle:
            self._idle.remove(child)
        if child.answer is not None and child.recordings == 1 and os.WIFSIGNALED(status):
            _tell(child.answer, {"signal": os.WTERMSIG(status)})
        self._forget_answer(child)
        if child.channel in self._selector.get_map():
            self._selector.unregister(child.channel)
        child.channel.close()

    def _unwanted(self, child: _Child) -> None:
        assert child.answer is not None
        self._selector.unregister(child.answer)
        os.kill(child.pid, signal.SIGKILL)

    def _forget_answer(self, child: _Child) -> None:
        if child.answer is not None:
            if child.answer in self._selector.get_map():
                self._selector.unregister(child.answer)
            child.answer.close()
            child.answer = None


def _allow(pid: int, cpu_seconds: int) -> None:
    """Give a process so much more of the processor's time than it has used."""
    _, most = resource.prlimit(pid, resource.RLIMIT_CPU)
    resource.prlimit(pid, resource.RLIMIT_CPU, (min(most, int(_used(pid)) + 1 + cpu_seconds), most))


def _used(pid: int) -> float:
    """Seconds of the processor's time that a process has used; infinitely many where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return float("inf")
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _tell(answer: socket.socket, reply: dict[str, object]) -> None:
    with suppress(OSError):  # who asked has gone
        answer.sendall(json.dumps(reply).encode())


def _warm() -> None:
    """Decode a moment of silence: what the libraries load and set up on first use is then there in every child."""
    silence = bytes(3200)
    header = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 2, 8000, 32000, 4, 16, b"data", len(silence))
    wav = b"RIFF" + struct.pack("<I", 4 + len(header) + len(silence)) + b"WAVE" + header + silence
    decode(io.BytesIO(wav), (io.BytesIO(), io.BytesIO()), most_seconds=1)
    gc.collect()
    gc.freeze()  # a child that collects would copy every page it has from here


def serve(control: socket.socket) -> None:
    """Decode what comes until the other side closes; what still runs then is killed.

    Args:
        control: Brings a JSON object per recording, with file descriptors: for the answer, the source, two channels,
            and a copy where one is wanted.
    """
    empty = tempfile.mkdtemp()
    os.chdir(empty)
    os.rmdir(empty)  # noqa: PTH106 - a folder that is gone is empty, and nothing can be put into it
    os.nice(BEHIND)
    _warm()
    with selectors.DefaultSelector() as selector:
        children = _Children(selector)
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select(children.tidy()):
                if key.fileobj is control:
                    if not children.start(control):
                        return
                elif selector.get_map().get(key.fd) is key:  # else it went with what happened just before
                    key.data()


if __name__ == "__main__":
    serve(socket.socket(fileno=0))
