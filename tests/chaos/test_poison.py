"""A call that kills the worker's process each time is set aside, and takes none of the others with it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from callwright.db import open_pool
from chaos.house import House, a_house
from chaos.load import tone
from submissions import onboard

PATIENCE_SECONDS = 200.0
LONG_SECONDS = 14.0
"""Longer than the time between the take-over of a download and the worker's next death."""

DEADLY = """
import os, signal, sys

def watch(event, arguments):
    if event == "open" and "/recordings/" in str(arguments[0]) and "r" in (arguments[1] or ""):
        if os.stat(arguments[0]).st_size == {size}:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
"""
"""Loaded by every Python process of the house: the worker dies as it takes a recording of this size to be decoded."""


@asynccontextmanager
async def another(house: House) -> AsyncIterator[House]:
    """The same house as another partner sees it."""
    pool = await open_pool(house.database_url, size=1, name="chaos")
    partner = await onboard(pool, "another")
    await pool.close()
    headers = {**house.client.headers, "x-api-key": partner.api_key, "x-api-secret": partner.api_secret}
    async with httpx.AsyncClient(base_url=house.client.base_url, headers=headers, timeout=30) as client:
        yield replace(house, client=client)


def slowly(house: House, path: str, body: bytes) -> str:
    """Serve a recording that takes its time; gives its URL."""
    url = house.recordings.answer(path, body)
    at_once = house.recordings.routes[path]

    async def route(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(LONG_SECONDS)
        await at_once(request, writer)

    house.recordings.routes[path] = route
    return url


@pytest.mark.timeout(300)
async def test_a_poisoned_call_is_set_aside_alone(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = tone(1.2)
    (tmp_path / "sitecustomize.py").write_text(DEADLY.format(size=len(poison)))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    async with a_house(tmp_path, database_url) as house:
        told = {"callback_url": house.callback_url}
        bad = house.recordings.answer("/bad.wav", poison)
        good = house.recordings.answer("/good.wav", tone())
        slow = slowly(house, "/slow.wav", tone())
        await house.push([house.record("poisoned", bad, **told), house.record("slow", slow, **told)])
        others = 0
        async with another(house) as stranger, asyncio.timeout(PATIENCE_SECONDS):
            while "poisoned" not in house.ledger.callbacks():
                others += 1
                await house.push([house.record(f"beside-{others}", good, **told)])
                await stranger.push([house.record(f"strange-{others}", good, **told)])
                await asyncio.sleep(1)
        figures = await house.settled(PATIENCE_SECONDS)
        deaths = list(house.processes["worker-1"].ends)
        async with house.looking() as connection:
            failed = await connection.fetch("SELECT call_id, failure_code FROM calls WHERE state = 'failed'")
    assert [tuple(row) for row in failed] == [("poisoned", "attempts_exhausted")]
    assert deaths == [-9] * 4
    assert (figures.completed, figures.failed, figures.lost) == (2 * others + 1, 1, 0)
