"""`callwright calls tail`: which events it sees, against a real server and as a rule."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import httpx

from callwright import calls
from callwright.cli.tail import FIRST, Watch
from callwright.db import Pool, everywhere
from partner_api import a_batch, a_record
from push.shell import Shell, environment_of
from real_server import a_door, a_server


def listed(number: int, status: str = "received") -> Any:
    return {"id": f"c{number}", "status": status, "received_at": f"2026-01-05T10:00:{number:02}Z"}


def seen(watch: Watch, *newest_first: Any) -> list[tuple[str, str]]:
    return [(event, call["id"]) for event, call in watch.news(newest_first)]


def test_each_call_is_seen_as_it_comes_and_as_it_ends() -> None:
    watch = Watch()
    assert seen(watch) == []
    assert watch.since is None
    assert seen(watch, listed(2, "failed"), listed(1)) == [("received", "c1"), ("failed", "c2")]
    assert watch.since == listed(1)["received_at"], "the oldest that has not ended"
    assert seen(watch, listed(3), listed(2, "failed"), listed(1, "fetched")) == [("received", "c3")]
    assert seen(watch, listed(3, "transcribed"), listed(2, "failed"), listed(1, "completed")) == [("completed", "c1")]
    assert watch.since == listed(3)["received_at"]
    assert seen(watch, listed(3, "completed")) == [("completed", "c3")]
    assert watch.since == listed(3)["received_at"], "where all have ended, the newest"
    assert seen(watch, listed(3, "completed")) == []
    assert seen(watch, listed(3)) == [("received", "c3")], "it was taken up again"


def test_the_start_shows_the_newest_alone_and_follows_all_that_have_not_ended() -> None:
    watch = Watch()
    calls_before = [listed(number) for number in reversed(range(40))]
    assert [call_id for _, call_id in seen(watch, *calls_before)] == [f"c{n}" for n in range(40 - FIRST, 40)]
    assert seen(watch, *calls_before[:-1], listed(0, "completed")) == [("completed", "c0")]


async def test_the_command_follows_a_server_until_it_is_interrupted(
    database_url: str, tmp_path: Path, pool: Pool
) -> None:
    async with a_server(database_url) as (port, _, _), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        door = await a_door(client, database_url)
        await door.post(a_batch(a_record("first"), a_record("second")))
        environment = environment_of(str(client.base_url), door.partner.api_key, door.partner.api_secret)
        process = await Shell(tmp_path, environment).start("calls", "tail", "--json")
        assert process.stdout

        async def next_event() -> tuple[str, str]:
            assert process.stdout
            told = json.loads(await process.stdout.readline())
            return told["event"], told["call"]["id"]

        assert {await next_event(), await next_event()} == {("received", "first"), ("received", "second")}
        async with everywhere(pool) as lent:
            call = await calls.begin_step(lent, door.partner.partner_id, "first", "received")
            assert call is not None
            await calls.fail(lent, call, "recording_not_found", "It is gone.")
        assert await next_event() == ("failed", "first")
        await door.post(a_batch(a_record("third")))
        assert await next_event() == ("received", "third")
        process.send_signal(signal.SIGINT)
        rest, said = await process.communicate()
        assert (process.returncode, rest, said) == (130, b"", b"")

        process = await Shell(tmp_path, environment).start("calls", "tail")
        assert process.stdout
        lines = {(await process.stdout.readline()).decode()[21:].strip() for _ in range(3)}
        process.send_signal(signal.SIGINT)
        await process.communicate()
        assert lines == {
            "received   second  agent123  customer123",
            "received   third  agent123  customer123",
            "failed     first  agent123  customer123  recording_not_found: It is gone.",
        }


async def test_who_may_not_is_told(tmp_path: Path) -> None:
    shell = Shell(tmp_path, environment_of("http://127.0.0.1:1", "", "s"))
    assert "CALLWRIGHT_API_KEY is not set" in await asyncio.wait_for(shell.run("calls", "tail", code=1), 60)
