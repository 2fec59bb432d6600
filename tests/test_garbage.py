"""What a worker's memory is told: large blocks go back to the system, whatever was freed before."""

import subprocess
import sys

import pytest

APART = """
import ctypes
from callwright import garbage

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena a b blocks apart c d used free left".split()]

info = ctypes.CDLL(None).mallinfo2
info.restype = Info
if {told}:
    garbage.give_back()
del (largest := [bytes(4_000_000)])[:]  # from now on glibc would keep what is smaller
before = info().apart
kept = bytes(300_000)
pieces = [bytes(100_000) for _ in range(15)]
del pieces[:]
print(info().apart - before >= 300_000, info().left < 262_144)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc")
@pytest.mark.parametrize("told", [True, False])
def test_blocks_as_large_as_a_recording_lie_apart_and_little_is_left_at_the_end(told: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", APART.format(told=told)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == [str(told)] * 2
