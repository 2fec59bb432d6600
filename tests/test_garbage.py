"""What a worker's memory is told: large blocks go back to the system, whatever was freed before."""

import subprocess
import sys

import pytest

APART = """
import ctypes
from callwright import garbage

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena a b blocks apart c d used free e".split()]

info = ctypes.CDLL(None).mallinfo2
info.restype = Info
if {told}:
    garbage.give_back()
del (largest := [bytes(4_000_000)])[:]  # from now on glibc would keep what is smaller
before = info().apart
kept = bytes(500_000)
print(info().apart - before >= 500_000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc")
@pytest.mark.parametrize("told", [True, False])
def test_blocks_as_large_as_a_recording_lie_apart(told: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", APART.format(told=told)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == [str(told)]
