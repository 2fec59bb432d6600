"""The commands that do something again: callbacks listed and sent, failed calls processed."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from callwright import callbacks, calls
from callwright.callbacks import Told
from callwright.db import Pool, Scope, everywhere, open_pool
from submissions import onboard, scope, submission
from test_cli import Run, _as_before, on_database, run

__all__ = ["_as_before", "on_database", "run"]

T = TypeVar("T")


def on(url: str, work: Callable[[Pool], Coroutine[Any, Any, T]]) -> T:
    """Do something on the database between commands."""

    async def connected() -> T:
        pool = await open_pool(url, size=2, name="tests")
        try:
            return await work(pool)
        finally:
            await pool.close()

    return asyncio.run(connected())


def failed(url: str, partner: str, *call_ids: str, code: Any = "analysis_failed") -> None:
    """Calls of a partner that have failed, each with an undelivered callback."""

    async def make(pool: Pool) -> None:
        whose = await scope(pool, partner)
        hook = "https://x.example/hook"
        await calls.accept(pool, whose, [submission(each, callback_url=hook) for each in call_ids])
        async with everywhere(pool) as lent:
            for call_id in call_ids:
                await end(lent, whose, call_id)
            await lent.execute("UPDATE callbacks SET state = 'undelivered', attempts = 4, ended_at = now()")
            await calls.set_callback_state(lent, whose.partner_id, call_ids, "undelivered")
            await lent.execute("DELETE FROM pgqueuer")

    async def end(lent: Any, whose: Scope, call_id: str) -> None:
        call = await calls.begin_step(lent, whose.partner_id, call_id, "received")
        assert call is not None
        await calls.fail(lent, call, code, "Why.")
        told = Told(whose.partner_id, whose.subtenant_no, call_id, "a", "k", None, "https://x.example/hook")
        await callbacks.prepare(lent, told, b"{}")

    on(url, make)


def states(url: str) -> dict[str, tuple[str, str]]:
    """Of every call its state and its callback's."""

    async def read(pool: Pool) -> dict[str, tuple[str, str]]:
        async with everywhere(pool) as lent:
            return {
                row["call_id"]: (row["state"], row["callback_state"])
                for row in await lent.fetch("SELECT call_id, state, callback_state FROM calls")
            }

    return on(url, read)


@pytest.fixture
def acme(on_database: str) -> str:
    """A database with a partner that has three failed calls whose callbacks did not arrive."""
    on(on_database, onboard)
    failed(on_database, "acme", "one", "two", "three")
    return on_database


def test_callbacks_are_listed(run: Run, acme: str) -> None:
    listed = json.loads(run("callback", "list", "--json"))
    assert {(each["partner"], each["call_id"], each["state"]) for each in listed} == {
        ("acme", call_id, "undelivered") for call_id in ("one", "two", "three")
    }
    shown = run("callback", "list", "--partner", "acme", "--call", "two")
    assert listed_id(listed, "two") in shown
    assert listed_id(listed, "one") not in shown
    assert "No such callback" in run("callback", "list", "--state", "delivered")
    assert "No such callback" in run("callback", "list", "--until", "2020-01-01")
    assert len(json.loads(run("callback", "list", "--since", "2020-01-01T00:00", "--json"))) == 3
    assert "There is no partner 'Nobody'" in run("callback", "list", "--partner", "Nobody", fails=1)


def listed_id(listed: list[dict[str, Any]], call_id: str) -> str:
    return str(next(each["callback_id"] for each in listed if each["call_id"] == call_id))


def test_one_callback_is_sent_again(run: Run, acme: str) -> None:
    callback_id = listed_id(json.loads(run("callback", "list", "--json")), "one")
    assert "would be sent again" in run("callback", "resend", callback_id, "--dry-run")
    assert states(acme)["one"] == ("failed", "undelivered")
    assert "is on its way" in run("callback", "resend", callback_id)
    assert states(acme)["one"] == ("failed", "pending")
    assert "cannot be sent again" in run("callback", "resend", callback_id, fails=1)
    assert "is on its way" in run("callback", "resend", "--call", "two")
    assert states(acme)["two"] == ("failed", "pending")
    assert "Callback not found" in run("callback", "resend", "msg_none", fails=1)
    assert "Callback not found" in run("callback", "resend", "--call", "none", fails=1)


def test_a_call_id_of_several_partners_needs_the_partner(run: Run, acme: str) -> None:
    on(acme, lambda pool: onboard(pool, "other"))
    failed(acme, "other", "one")
    assert "Several partners have a call 'one': acme, other" in run("callback", "resend", "--call", "one", fails=1)
    assert "is on its way" in run("callback", "resend", "--call", "one", "--partner", "other")


def test_many_are_counted_asked_for_and_sent_again(run: Run, acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    span = ("callback", "resend", "--partner", "acme", "--since", "2020-01-01")
    assert "3 undelivered callbacks would be sent again" in run(*span, "--dry-run")
    asked: list[str] = []

    def decline(question: str) -> bool:
        asked.append(question)
        return False

    monkeypatch.setattr("typer.confirm", decline)
    assert "on their way" not in run(*span)
    assert asked == ["Send 3 callbacks again?"]
    assert {each for _, each in states(acme).values()} == {"undelivered"}
    monkeypatch.setattr("callwright.cli.callbacks.AT_A_TIME", 2)
    shown = run(*span, "--yes")
    assert "2 of 3 are on their way" in shown
    assert "3 of 3 are on their way" in shown
    assert {each for _, each in states(acme).values()} == {"pending"}
    assert "No undelivered callback" in run(*span, "--yes")


@pytest.mark.parametrize(
    "words",
    [
        ("resend",),
        ("resend", "--partner", "acme"),
        ("resend", "--since", "2020-01-01"),
        ("resend", "msg_1", "--call", "one"),
        ("resend", "msg_1", "--since", "2020-01-01"),
        ("resend", "--partner", "acme", "--since", "yesterday"),
        ("list", "--state", "lost"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(run: Run, words: tuple[str, ...]) -> None:
    assert "Usage: " in run("callback", *words, fails=2)


def test_a_failed_call_is_processed_again(run: Run, acme: str) -> None:
    assert "1 of 1 calls are taken up again" in run("call", "retry", "acme", "one")
    assert states(acme)["one"] == ("received", "pending")
    [listed] = json.loads(run("callback", "list", "--call", "one", "--json"))
    assert listed["state"] == "replaced"
    message = run("call", "retry", "acme", "one", fails=1)
    assert "The call 'one' has not failed: it is received" in message
    assert "Call not found" in run("call", "retry", "acme", "none", fails=1)


def test_failed_calls_are_processed_again_by_code(run: Run, acme: str) -> None:
    failed(acme, "acme", "gone", code="recording_not_found")
    many = ("call", "retry", "--partner", "acme", "--code", "analysis_failed", "--since", "2020-01-01")
    assert "3 calls would be processed again" in run(*many, "--dry-run")
    assert "3 of 3 calls are taken up again" in run(*many, "--yes")
    assert {call_id: state for call_id, (state, _) in states(acme).items()} == {
        **dict.fromkeys(("one", "two", "three"), "received"),
        "gone": "failed",
    }
    assert "No such failed call" in run(*many, "--yes")


@pytest.mark.parametrize(
    "words", [(), ("acme",), ("acme", "one", "--since", "2020-01-01"), ("--partner", "acme", "--code", "nonsense")]
)
def test_what_to_process_again_must_be_clear(run: Run, words: tuple[str, ...]) -> None:
    assert "Usage: " in run("call", "retry", *words, fails=2)
