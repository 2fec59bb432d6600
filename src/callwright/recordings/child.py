"""The process that decodes: a server that forks one limited process per recording.

`audio.py` starts it once as `python -I -m callwright.recordings.child` with a socket as standard input. It has no
settings and no connections; it answers in JSON, never in pickles, for what it answers is not trusted. The library's own
fork server would run the main module again in every child (Python 3.11) and inherit the environment with its secrets.
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
from contextlib import suppress
from functools import partial
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


def _limit(memory_bytes: int, cpu_seconds: int, file_bytes: int) -> None:
    """Give up everything that decoding does not need; what is measured counts from here."""
    in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: PTH123, SIM115
    for what, soft, hard in (
        (resource.RLIMIT_AS, in_use + memory_bytes, in_use + memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1),  # at the soft one comes a signal that tells why
        (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        (resource.RLIMIT_NOFILE, 64, 64),
        (resource.RLIMIT_NPROC, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(what, (soft, hard))


def _work(job: dict[str, Any], answer: socket.socket, files: list[int]) -> None:
    """Decode in a process of its own; never returns."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    reply: dict[str, object]
    try:
        source, *channels = [os.fdopen(file, mode, 1 << 18) for file, mode in zip(files[:3], _MODES, strict=True)]
        _limit(job["memory_bytes"], job["cpu_seconds"], job["file_bytes"])
        confine()  # where the kernel cannot, FFmpeg's own lists stand alone, and the doctor says so
        fields = decode(source, tuple(channels), job["seconds"])  # type: ignore[arg-type]
        if len(files) > len(_MODES):  # and where it is to be written in a form that every browser plays
            with os.fdopen(files[3], "r+b", 1 << 18) as target:
                encode(channels[0], fields, target)  # type: ignore[arg-type]
        reply = {"decoded": fields}
    except StepFailed as failure:
        reply = {"failed": [failure.code, failure.message]}
    except MemoryError:
        reply = {"out_of": "memory"}
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reply = {"out_of": "space"} if full else {"error": f"{type(error).__name__}: {error}"}
    except BaseException as error:  # noqa: BLE001 - the parent must hear of everything
        reply = {"error": f"{type(error).__name__}: {error}"}
    answer.sendall(json.dumps(reply).encode())
    os._exit(0)


def _start(control: socket.socket, selector: selectors.BaseSelector) -> bool:
    """Fork for the next job; False where the other side has gone."""
    message, files, _, _ = socket.recv_fds(control, _MESSAGE, 5)
    if not message:
        return False
    answer = socket.socket(fileno=files[0])
    try:
        pid = os.fork()
    except OSError:  # no process or no memory just now: what is being decoded already goes on
        _tell(answer, {"out_of": "processes"})
        for descriptor in files[1:]:
            os.close(descriptor)
        answer.close()
        return True
    if not pid:
        kept = {0, 1, 2, *files}
        for descriptor in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
            if descriptor not in kept:
                with suppress(OSError):  # the listing's own
                    os.close(descriptor)
        os.close(0)
        _work(json.loads(message), answer, files[1:])
    for descriptor in files[1:]:
        os.close(descriptor)
    watched = os.pidfd_open(pid)
    selector.register(watched, selectors.EVENT_READ, partial(_ended, selector, watched, pid, answer))
    # Nothing is ever sent to us here: readable means that whoever wanted the result has gone.
    selector.register(answer, selectors.EVENT_READ, partial(_unwanted, selector, pid, answer))
    return True


def _ended(selector: selectors.BaseSelector, watched: int, pid: int, answer: socket.socket) -> None:
    """Reap a child and, where it was killed, say by what."""
    _, status = os.waitpid(pid, 0)
    selector.unregister(watched)
    os.close(watched)
    if answer in selector.get_map():
        selector.unregister(answer)
    if os.WIFSIGNALED(status):
        _tell(answer, {"signal": os.WTERMSIG(status)})
    answer.close()


def _tell(answer: socket.socket, reply: dict[str, object]) -> None:
    with suppress(OSError):  # who asked has gone
        answer.sendall(json.dumps(reply).encode())


def _unwanted(selector: selectors.BaseSelector, pid: int, answer: socket.socket) -> None:
    selector.unregister(answer)
    os.kill(pid, signal.SIGKILL)


def _warm() -> None:
    """Decode a moment of silence: what the libraries load and set up on first use is then there in every child."""
    silence = bytes(3200)
    header = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 2, 8000, 32000, 4, 16, b"data", len(silence))
    wav = b"RIFF" + struct.pack("<I", 4 + len(header) + len(silence)) + b"WAVE" + header + silence
    decode(io.BytesIO(wav), (io.BytesIO(), io.BytesIO()), most_seconds=1)
    gc.collect()
    gc.freeze()  # a child that collects would copy every page it has from here


def serve(control: socket.socket) -> None:
    """Fork a process for every job until the other side closes; what still runs then is killed.

    Args:
        control: Brings a JSON object per job, with file descriptors: for the answer, the source, two channels,
            and a copy where one is wanted.
    """
    empty = tempfile.mkdtemp()
    os.chdir(empty)
    os.rmdir(empty)  # noqa: PTH106 - a folder that is gone is empty, and nothing can be put into it
    _warm()
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is control:
                    if not _start(control, selector):
                        return
                elif selector.get_map().get(key.fd) is key:  # else it went with what happened just before
                    key.data()


if __name__ == "__main__":
    serve(socket.socket(fileno=0))
