"""The processes that decode, as the system shows them."""

import asyncio
from pathlib import Path

from callwright.recordings import audio


def children() -> dict[int, str]:
    """The processes that decode now, with their state; the server is their parent."""
    assert audio._server._process is not None
    server, found = audio._server._process.pid, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == server:
            found[int(folder.name)] = fields[0]
    return found


async def until(*, running: bool) -> None:
    """Wait until a recording is being decoded, or none is any more."""
    for _ in range(2000):
        if bool(children()) is running:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"processes: {children()}")


async def until_idle() -> None:
    """Wait until every process sleeps, or is gone."""
    for _ in range(2000):
        if not set(children().values()) - {"S"}:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"processes: {children()}")
