"""A process dies at every moment of a call's life, and what was answered 200 is processed all the same, once."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sound
from analysis.scripted_model import Model
from callwright.kill_points import KILL_POINTS, KillPoint
from callwright.recordings.store import BUFFER
from chaos.house import CALLWRIGHT, RESTART_SECONDS, House, a_house
from chaos.speech import IN_PIECES, said_of, wav
from conftest import administer, drop_database, of_database
from local_server import LocalServer, serve

AT_A_TIME = 3
"""Trials that run beside each other: most of a trial is waiting for the dead process's jobs to be taken over."""

RECOVERY_SECONDS = 30.0
"""From the restart until everything is processed, on a machine that has no more to do than this."""

DEATH_SECONDS = 120.0

UNHEARD: dict[KillPoint, str] = {"batch-read": "accepted", "batch-inserted": "accepted", "batch-committed": "duplicate"}
"""The moments at which the client hears nothing, and what it is told when it asks again."""

HEARD_TWICE = {"callback-sent", "callback-answered", "callback-recorded"}
"""The moments at which the receiver has heard of a call, and nobody here knows."""

NO_ENGINE = "openai:http://127.0.0.1:9#none"
"""Spares a trial with transcripts alone the speech engine's start, which is more work than all of the rest."""


GROUPS = -(-len(KILL_POINTS) // AT_A_TIME)


@pytest.mark.parametrize("group", range(GROUPS))
async def test_nothing_is_lost_and_nothing_done_twice_wherever_a_process_dies(
    group: int,
    tmp_path_factory: pytest.TempPathFactory,
    server_url: str,
    template: str,
    names: Iterator[str],
    subtests: pytest.Subtests,
) -> None:
    points = KILL_POINTS[group::GROUPS]
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(_database(server_url, template, next(names))) for _ in points]
        trials = [
            _tried(point, tmp_path_factory.mktemp(point), url) for point, url in zip(points, databases, strict=True)
        ]
        outcomes = await asyncio.gather(*trials, return_exceptions=True)
    for point, outcome in zip(points, outcomes, strict=True):
        with subtests.test(point):
            if isinstance(outcome, BaseException):
                raise outcome


async def test_a_large_download_that_broke_off_leaves_nothing_in_the_store(tmp_path: Path, database_url: str) -> None:
    """A large recording goes to the disk while it comes; where that breaks off, it lies there under no call's name."""
    at_first = {"CALLWRIGHT_KILL_AT": "download-whole"}
    async with a_house(tmp_path, database_url, at_first=at_first, TRANSCRIBER=NO_ENGINE) as house:
        large = house.recordings.answer("/large.wav", wav(np.zeros(2 * BUFFER, np.int16)))
        await house.push([house.record("large", large)])
        await _a_death(house)
        assert [path.name[-2:] for path in house.store.rglob("*#*")] == ["#1"], "it left what must be cleared away"
        assert (await house.settled(RESTART_SECONDS + _recovery_seconds())).lost == 0


async def test_what_a_dead_try_had_stored_goes_with_a_call_that_then_fails(tmp_path: Path, database_url: str) -> None:
    """Addresses that work once are common: what the first try has stored is then the recording of no call."""
    at_first = {"CALLWRIGHT_KILL_AT": "store-written"}
    async with a_house(tmp_path, database_url, at_first=at_first, TRANSCRIBER=NO_ENGINE) as house:
        house.recordings.answer("/tone.wav", wav(sound.tone(3, -20)))
        house.recordings.answer("/gone.wav", status=404)
        once = _then(house.recordings, "/once.wav", "/tone.wav", "/gone.wav")
        await house.push([house.record("once", once, callback_url=house.callback_url)])
        await _a_death(house)
        assert [path for path in house.store.rglob("*") if path.is_file()], "the first try has stored it"
        assert (await house.settled(RESTART_SECONDS + _recovery_seconds())).failed == 1


@asynccontextmanager
async def _database(server_url: str, template: str, name: str) -> AsyncIterator[str]:
    await administer(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield of_database(server_url, name)
    await drop_database(server_url, name)


async def _tried(point: KillPoint, folder: Path, database_url: str) -> None:
    """Let a process die at a point, and see that everything comes to its end within the time."""
    pieces, outage = point.startswith("pieces"), point.startswith("outage")
    speech = pieces or point.startswith(("transcribe", "recording", "outage"))
    at_first = {"CALLWRIGHT_KILL_AT": point, **({"CALLWRIGHT_TRANSCRIBER": NO_ENGINE} if outage else {})}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve())
        server.routes["/v1/audio/transcriptions"] = _hear
        engine = f"openai:{server.url('')}#m" if pieces else "pocketsphinx" if speech else NO_ENGINE
        asks_a_model = point.startswith("analyse") or point == "transcribe-enqueued"
        settings = {"TRANSCRIBER": engine, **(_a_model(server) if asks_a_model else {})}
        program = IN_PIECES if pieces else CALLWRIGHT
        house = await stack.enter_async_context(
            a_house(folder, database_url, workers=1, at_first=at_first, program=program, **settings)
        )
        house.acknowledges = 503 if point == "callback-retried" else 204
        batch = _batch(house, speech=speech, late=point.startswith("retry"))
        pushing = asyncio.create_task(house.push(batch))
        await _a_death(house)
        house.acknowledges = 204
        answer = await asyncio.wait_for(pushing, _recovery_seconds())
        figures = await house.settled(RESTART_SECONDS + _recovery_seconds())
        ends = [end for process in house.processes.values() for end in process.ends]
        assert ends == [-9], "it died once, and by its own hand"
        scratch = list(house.temporary.iterdir())
        assert len(scratch) == len(house.processes), "each that lives has one; that of the dead is gone"
        assert not [each for of_one in scratch for each in of_one.iterdir()], "no recording lies about"
    calls = len({record["call"]["id"] for record in batch})
    assert (figures.promised, figures.completed, figures.failed) == (calls, calls - 1, 1)
    assert figures.repeated or point not in HEARD_TWICE
    first, again = answer["calls"][:calls], answer["calls"][calls]
    assert {entry["status"] for entry in first} == {UNHEARD.get(point, "accepted")}
    assert again == {"id": "told", "status": "duplicate"}


def _recovery_seconds() -> float:
    """How long everything may take after the restart: longer where more than two processes want each core."""
    return RECOVERY_SECONDS * max(1.0, os.getloadavg()[0] / (2 * (os.cpu_count() or 1)))


async def _a_death(house: House) -> None:
    """Wait until a process has died; one that does not is not where it was told to be."""
    deadline = time.monotonic() + DEATH_SECONDS
    while not any(process.ends for process in house.processes.values()):
        assert time.monotonic() < deadline, "the moment was never reached"
        await asyncio.sleep(0.02)


def _batch(house: House, *, speech: bool, late: bool) -> list[dict[str, Any]]:
    """Calls that go different ways, and one of them again.

    Args:
        house: Where the recordings are served, and the callbacks received.
        speech: Whether one has no transcript, and is put into words.
        late: Whether one can be fetched at the second try only.
    """
    told = {"callback_url": house.callback_url}
    tone = house.recordings.answer("/tone.wav", wav(sound.tone(3, -20)))
    missing = house.recordings.answer("/missing.wav", status=404)
    batch = [house.record("told", tone, **told), house.record("untold", tone), house.record("missing", missing, **told)]
    if speech:
        spoken = wav(sound.demo("price-mishandled.wav")[0, : 4 * sound.RATE])
        batch.append(house.record("spoken", house.recordings.answer("/speech.wav", spoken), transcript=None, **told))
    if late:
        house.recordings.answer("/busy.wav", status=503)
        batch.append(house.record("late", _then(house.recordings, "/late.wav", "/busy.wav", "/tone.wav"), **told))
    return [*batch, batch[0]]


def _a_model(server: LocalServer) -> dict[str, str]:
    """Settings of an engine that is worth a job of its own: the rules judge a call in the step that hears it."""
    Model(server).says("I am no JSON, so the rules judge in my place.")
    return {"ANALYSER": "llm", "LLM_BASE_URL": server.url("/v1"), "LLM_MODEL": "m"}


async def _hear(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(said_of(f"I have heard {len(request)} bytes."))


def _then(server: LocalServer, path: str, *others: str) -> str:
    """Let a path answer as others do, one after the other, and as the last from then on; gives its URL."""
    following = list(others)

    async def route(request: bytes, writer: asyncio.StreamWriter) -> None:
        await server.routes[following.pop(0) if len(following) > 1 else following[0]](request, writer)

    server.routes[path] = route
    return server.url(path)
