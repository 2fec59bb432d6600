"""For the tests: the moments of a call's life at which a process can be told to die, to show that nothing is lost then.

`CALLWRIGHT_KILL_AT` names one of them, and the process that comes to it kills itself as a power cut would: no cleaning
up, no goodbye. Nobody sets the variable but the tests; without it a moment costs one comparison.
"""

import asyncio
import os
import signal
from typing import Literal, get_args

KillPoint = Literal[
    "batch-read",
    "batch-inserted",
    "batch-committed",
    "batch-answered",
    "fetch-claimed",
    "fetch-begun",
    "download-begun",
    "download-half",
    "download-whole",
    "store-written",
    "fetch-worked",
    "fetch-moved",
    "fetch-saved",
    "fetch-enqueued",
    "fetch-done",
    "transcribe-claimed",
    "transcribe-begun",
    "recording-decoded",
    "pieces-heard",
    "pieces-saved",
    "pieces-kept",
    "transcribe-worked",
    "transcribe-moved",
    "transcribe-saved",
    "transcribe-enqueued",
    "transcribe-done",
    "analyse-claimed",
    "analyse-begun",
    "analyse-worked",
    "analyse-moved",
    "callback-prepared",
    "analyse-saved",
    "analyse-done",
    "retry-enqueued",
    "retry-committed",
    "outage-enqueued",
    "failure-saved",
    "failure-committed",
    "deliver-claimed",
    "deliver-begun",
    "callback-sent",
    "callback-answered",
    "callback-recorded",
    "callback-retried",
    "deliver-done",
]
KILL_POINTS: tuple[KillPoint, ...] = get_args(KillPoint)
"""In the order of a call's life; what each means is in docs/explanation/what-happens-to-a-call.md."""

ErasureKillPoint = Literal["erasure-begun", "erasure-saved", "erasure-stepped", "files-removed"]
ERASURE_KILL_POINTS: tuple[ErasureKillPoint, ...] = get_args(ErasureKillPoint)
"""Of an erasure: its order is kept; a transaction is not committed yet; it is; files are gone and it is not noted."""

_KILL_AT = os.environ.get("CALLWRIGHT_KILL_AT")
_WRITING_SECONDS = 0.2


def reached(moment: str) -> None:
    """Die here, where `CALLWRIGHT_KILL_AT` says so.

    Args:
        moment: A `KillPoint`; those of a step are put together from the step's name.
    """
    if moment == _KILL_AT:
        os.kill(os.getpid(), signal.SIGKILL)


def soon_reached(moment: KillPoint) -> None:
    """Die in a moment, where `CALLWRIGHT_KILL_AT` says so: once the event loop has written what is on its way."""
    if moment == _KILL_AT:
        asyncio.get_running_loop().call_later(_WRITING_SECONDS, reached, moment)
