"""What a process that decodes may still ask of the kernel: its open files and its memory, and nothing else.

A seccomp filter (Linux, also without privileges and in containers): no socket, no file, no process can be opened or
reached any more, whatever a hostile recording makes of the decoder. Everything that is not on the list answers EPERM,
so that a library which merely asks goes on, and one which insists fails as any fault of the recording does.
"""

import ctypes
import os
import socket
import struct
import subprocess
import sys
from typing import Final

# The numbers are those of the manual pages prctl and seccomp, and of linux/filter.h and linux/audit.h.
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_MODE_FILTER: Final = 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _MACHINE_AT = 0, 4
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050001
"""What a filter returns: go on, end the process, and EPERM."""

_MACHINES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

ALLOWED: Final[dict[str, tuple[int, int]]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "lseek": (8, 62), "mmap": (9, 222),
    "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "pread64": (17, 67), "pwrite64": (18, 68),
    "readv": (19, 65), "writev": (20, 66), "sched_yield": (24, 124), "mremap": (25, 216), "madvise": (28, 233),
    "getpid": (39, 172), "sendto": (44, 206), "recvmsg": (47, 212), "exit": (60, 93), "gettimeofday": (96, 169),
    "gettid": (186, 178), "futex": (202, 98), "clock_gettime": (228, 113), "exit_group": (231, 94),
    "getrandom": (318, 278),
}  # fmt: skip
"""System calls with their numbers on each of `_MACHINES` (asm/unistd.h).

`sendto` and `recvmsg` are how it says that it is done and gets its next recording, on a socket whose other end is the
server that forked it.
"""


def confine() -> bool:
    """Give up everything but `ALLOWED`, for good, in this process; it must have one thread.

    Returns:
        Whether the kernel does it: not without seccomp filters, nor on another machine than x86-64 and ARM64. The
        process is then as it was.
    """
    if os.uname().machine not in _MACHINES or sys.maxsize < 2**32:
        return False
    library = ctypes.CDLL(None, use_errno=True)
    program = _program(os.uname().machine)
    code = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    return not library.prctl(_PR_SET_SECCOMP, _MODE_FILTER, described, 0, 0)


def is_confined() -> bool:
    """Whether this machine can do it: a process is started, confined, and tries to open a socket and a file."""
    command = [sys.executable, "-I", "-m", "callwright.recordings.confinement"]
    tried = subprocess.run(command, check=False, capture_output=True, timeout=60)  # noqa: S603 - our own words
    return tried.returncode == 0


def _program(machine: str) -> bytes:
    """The filter as the kernel takes it: instructions of code, two jump lengths and a value."""
    calls = [numbers[tuple(_MACHINES).index(machine)] for numbers in ALLOWED.values()]
    steps = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_JUMP_IF_EQUAL, 1, 0, _MACHINES[machine]),
        (_RETURN, 0, 0, _KILL),  # another machine's calls, as of 32-bit programs, have other numbers
        (_LOAD, 0, 0, _NUMBER_AT),
        *((_JUMP_IF_EQUAL, len(calls) - index, 0, number) for index, number in enumerate(calls)),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _try() -> bool:
    """Confine this process, and see that it can open neither a socket nor a file."""
    if not confine():
        return False
    for reach_out in (socket.socket, os.pipe, lambda: os.open("/", os.O_RDONLY)):
        try:
            reach_out()
        except PermissionError:
            continue
        return False
    return True


if __name__ == "__main__":
    os._exit(0 if _try() else 1)
