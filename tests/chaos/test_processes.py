"""The processes of a house are halted and ended wherever they are: before, between and at the start of their lives."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from chaos.house import Process

PATIENCE_SECONDS = 20.0


def sleeper(folder: Path) -> Process:
    return Process("-c", "import time; time.sleep(600)", environment=os.environ, at_first={}, log=folder / "log")


async def begins(process: Process, lives: int) -> None:
    """Wait until it lives for the so many-th time."""
    while len(process.ends) < lives - 1 or process.pid is None:  # noqa: ASYNC110 - another process begins
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_a_process_is_halted_while_it_is_started(tmp_path: Path, turns: int) -> None:
    process = sleeper(tmp_path)
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(process.supervise())
        for _ in range(turns):
            await asyncio.sleep(0)
        await process.halt(signal.SIGKILL)
        assert process.pid is None
        halted = len(process.ends)
        process.go_on()
        await begins(process, halted + 1)
        process.stop()
    assert set(process.ends) == {-signal.SIGKILL}


async def test_a_process_is_halted_between_two_lives_and_ended_at_the_start_of_one(tmp_path: Path) -> None:
    process = sleeper(tmp_path)
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(process.supervise())
        await begins(process, 1)
        await process.halt(signal.SIGKILL)
        await process.halt(signal.SIGKILL)
        assert process.ends == [-signal.SIGKILL]
        process.go_on()
        while not process._starting.locked():  # noqa: ASYNC110 - the supervisor goes on
            await asyncio.sleep(0)
        process.stop()
    assert process.ends == [-signal.SIGKILL] * 2
