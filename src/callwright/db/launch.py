"""Starts a program that ends with its owner and, where it refuses to run as root, as somebody else.

Run as a script, between our process and the program: what has to be done after fork and before exec is then ordinary
code in a process with one thread, where `preexec_fn` would run it in a fork of ours with the locks of other threads
held. It uses the standard library alone, so that it is up in some 20 ms.
"""

import ctypes
import os
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path
from signal import Signals

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAP_DAC_OVERRIDE = 1
CLONE_NEWUSER = 0x10000000
LINUX_CAPABILITY_VERSION_3 = 0x20080522
NOBODY = 65534


def launched(program: Sequence[str | Path], *, at_owners_end: Signals, not_as_root: Path | None = None) -> list[str]:
    """The command that runs a program as a child that ends with us.

    Start it from a thread that lives as long as the process: Linux sends the signal when the thread ends that forked.

    Args:
        program: The absolute path of the program and its arguments.
        at_owners_end: The signal that the program gets when this process ends, however it ends.
        not_as_root: The program's data folder, where the program refuses to run as root.
    """
    this = Path(__file__).resolve()
    wrapped = [sys.executable, "-I", "-S", this, os.getpid(), int(at_owners_end), not_as_root or "", *program]
    return [str(part) for part in wrapped]


def _call(name: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return NOBODY, NOBODY
    return entry.pw_uid, entry.pw_gid


def _enter_namespace() -> None:
    """Root under another number: a user namespace in which our id is that of `nobody`, files stay our own."""
    uid, gid = _nobody()
    owner, group = os.geteuid(), os.getegid()
    _call("unshare", CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {owner} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {group} 1")


def _become(uid: int, gid: int) -> None:
    """Another user, who may still pass root's folders: the program or its data may lie in one that is root's alone."""
    _call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    mask = 1 << CAP_DAC_OVERRIDE
    try:
        _call("capset", header, (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0))
        _call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)
    except OSError:
        pass  # a container without that right; folders that others may enter still work


def _leave_root(data: Path) -> None:
    owner = data.stat()
    if owner.st_uid != 0:
        _become(owner.st_uid, owner.st_gid)
        return
    try:
        _enter_namespace()
    except OSError:  # as in a container with the usual system call filter
        uid, gid = _nobody()
        for path in (data, *data.rglob("*")):
            os.chown(path, uid, gid, follow_symlinks=False)
        _become(uid, gid)


def main(arguments: list[str]) -> None:
    """Turn into the program.

    Args:
        arguments: Our owner's process id, the signal's number, a data folder or an empty word, then the program.
    """
    owner, signal, data, *program = arguments
    if data and os.geteuid() == 0:
        _leave_root(Path(data))
    _call("prctl", PR_SET_PDEATHSIG, int(signal), 0, 0, 0)  # after the change of identity, which clears it
    if os.getppid() != int(owner):
        sys.exit("The owner ended first")
    os.execv(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.exit(f"FATAL: cannot start {sys.argv[4]}: {error}")
