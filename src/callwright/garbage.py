"""Memory of processes that serve or work for days: collected seldom, and given back to the system."""

import ctypes
import gc

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h

_LARGE_BYTES = 160 * 1024
"""More than a connection holds of plain HTTP, as to take each piece from the system costs a call two milliseconds; less
than most recordings, and than the 256 kB that TLS reads into, of which a connection touches a few pages."""

_LEFT_BYTES = 256 * 1024
"""What may lie free at the heap's end: too little for TLS's, which would hold the heap up for as long as it is open."""


def tune(young: int) -> None:
    """Keep what was loaded at the start out of every later collection, and collect less often.

    Measured with 50,000: a fifth more requests to the API.

    Args:
        young: So many more objects must have been made than went before those are looked through. What waits for that
            is memory: some megabytes for 50,000.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, 20, 50)


def give_back() -> None:
    """Have every block as large as a recording taken from the system, and given back to it, by itself.

    glibc begins so, but keeps blocks in its heap up to the size of the largest that was ever freed, and twice as much
    free at the heap's end (mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD). Small ones that come to lie behind them
    hold the heap up: a worker grew by a quarter over 100,000 calls. Where there is no glibc, nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _LEFT_BYTES)
