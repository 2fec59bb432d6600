"""How much of the processors' time processes have used, as Linux tells it."""

import os
from collections import defaultdict
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def seconds_of(root: int) -> tuple[float, float]:
    """Seconds that a process has used, and those of all processes under it, the ended ones that were waited for too."""
    under: dict[int, list[int]] = defaultdict(list)
    used: dict[int, tuple[float, float]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        under[int(fields[1])].append(int(folder.name))
        own, reaped = (sum(map(int, fields[at : at + 2])) / _TICKS for at in (11, 13))
        used[int(folder.name)] = own, reaped
    found = used[root][1]
    left = list(under[root])
    while left:
        each = left.pop()
        found += sum(used[each])
        left += under[each]
    return used[root][0], found
