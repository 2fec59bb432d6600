"""Places of a lane: nobody has more of them than leaves enough for others, whoever hangs."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from callwright import calls, pipeline, tries
from callwright.errors import StepFailed
from callwright.outbound import Outbound, Policy
from callwright.recordings.fetch import FetchLimits, fetch
from callwright.recordings.scratch import our_storage
from callwright.recordings.store import Store
from callwright.slots import HANGS, LONGEST_WAIT_SECONDS, Slots
from recording_network import RecordingNetwork


def taken(slots: Slots, partner_id: int, host: str, tries: int = 100) -> int:
    return sum(slots.take(partner_id, host) is None for _ in range(tries))


def test_half_for_a_partner_at_a_quick_host_and_three_quarters_for_a_partner() -> None:
    slots = Slots(64)
    assert [taken(slots, 1, host) for host in ("a", "b", "c")] == [32, 16, 0]


def done(slots: Slots, partner_id: int, host: str, seconds: float) -> None:
    assert slots.take(partner_id, host) is None
    slots.free(partner_id, host, seconds, hung=False)


def test_half_for_a_host_over_all_partners_and_all_once_it_is_known_to_be_quick() -> None:
    slots = Slots(64)
    assert taken(slots, 1, "a") == 32
    assert taken(slots, 2, "a") == 0, "nobody knows yet how long it takes"
    assert taken(slots, 2, "b") == 32, "another host is as it was"
    slots = Slots(64)
    done(slots, 1, "a", 0.1)
    assert [taken(slots, partner, "a") for partner in (1, 2)] == [32, 32]


def test_a_slow_host_of_many_partners_leaves_half_of_the_places_to_others() -> None:
    slots = Slots(64)
    for partner in range(1, 9):
        done(slots, partner, "slow", 8)
    assert sum(taken(slots, partner, "slow") for partner in range(1, 9)) == 32
    assert taken(slots, 9, "elsewhere") == 32


def test_partners_that_share_a_bounded_host_have_as_much_of_it() -> None:
    now = 0.0
    slots = Slots(64, at_a_host=8, clock=lambda: now)
    assert taken(slots, 1, "a") == 8
    assert slots.take(2, "a") is not None, "there is no place now"
    for _ in range(8):
        slots.free(1, "a", 0.1, hung=False)
        slots.take(1, "a")
    assert taken(slots, 2, "a") == 4, "the other leaves it half, though its jobs came sooner"
    for _ in range(4):
        slots.free(2, "a", 0.1, hung=False)
    now = 1_000.0
    assert taken(slots, 1, "a") == 4, "nobody else wants them any more"


def test_a_number_that_is_set_bounds_a_quick_host_too() -> None:
    slots = Slots(64, at_a_host=3)
    done(slots, 1, "a", 0.1)
    assert [taken(slots, partner, "a") for partner in (1, 2)] == [3, 0]
    assert taken(slots, 1, "b") == 3
    many = Slots(64, at_a_host=1)
    assert [taken(many, partner, "a") for partner in range(5)] == [1, 0, 0, 0, 0]


def test_who_waits_for_a_host_waits_as_long_as_its_jobs_take() -> None:
    slots = Slots(8, at_a_host=1, clock=lambda: 0.0)
    for _ in range(20):
        done(slots, 1, "a", 30)
    assert slots.take(1, "a") is None
    assert (slots.take(2, "a") or 0) > 10, "the second partner has not seen yet how slow it is"


def test_a_fresh_job_finds_a_place_that_a_backfill_has_left_and_does_not_wait_for_it() -> None:
    slots = Slots(64)
    for _ in range(30):
        done(slots, 1, "a", 3)
    waits = [slots.take(1, "a", backfill=True) for _ in range(5_000)]
    assert waits.count(None) == 15, "a quarter for a slow host, but one"
    assert max(wait or 0 for wait in waits) > 200
    assert slots.take(1, "a") is None
    assert (slots.take(1, "a") or 0) < 1, "one of its own kind is before it, and no backfill"


def test_of_few_places_a_backfill_leaves_none() -> None:
    slots = Slots(64, at_a_host=3)
    assert [slots.take(1, "a", backfill=True) is None for _ in range(4)] == [True, True, True, False]
    assert slots.take(2, "a") is not None


def test_a_quarter_for_a_partner_at_a_slow_host() -> None:
    slots = Slots(64)
    for _ in range(3):
        assert slots.take(1, "a") is None
        slots.free(1, "a", 8, hung=False)
    assert taken(slots, 1, "a") == 16


def test_without_a_host_a_partner_has_its_share_too() -> None:
    assert taken(Slots(64), 1, "") == 32


def test_a_place_that_is_free_again_is_had_again() -> None:
    slots = Slots(2)
    assert slots.take(1, "a") is None
    assert slots.take(1, "a") is not None
    slots.free(1, "a", 0.1, hung=False)
    assert slots.take(1, "a") is None


def test_a_host_that_hangs_has_one_place_until_it_answers() -> None:
    slots = Slots(64)
    assert taken(slots, 1, "a") == 32
    for _ in range(32):
        slots.free(1, "a", 15, hung=True)
    assert taken(slots, 1, "a") == 1
    assert taken(slots, 2, "a") == 31, "another partner's jobs did not hang there"
    for _ in range(31):
        slots.free(2, "a", 1, hung=False)
    assert not slots.free(1, "a", 1, hung=None)
    assert taken(slots, 1, "a") == 1
    assert slots.free(1, "a", 3, hung=False), "it answers again"
    assert taken(slots, 1, "a") == 16


def test_few_hangs_are_no_reason() -> None:
    slots = Slots(64)
    for hung in [True] * (HANGS - 1) + [False] + [True] * (HANGS - 1):
        assert slots.take(1, "a") is None
        slots.free(1, "a", 15, hung=hung)
    assert taken(slots, 1, "a") == 16


def test_what_did_not_come_from_the_host_neither_counts_nor_makes_good() -> None:
    slots = Slots(64)
    for hung in [None] * HANGS + [True] * (HANGS - 1) + [None]:
        assert slots.take(1, "a") is None
        slots.free(1, "a", 1, hung=hung)
    assert slots.take(1, "a") is None
    slots.free(1, "a", 15, hung=True)
    assert taken(slots, 1, "a") == 1


class Call:
    """As much of a call as a step that fails looks at."""

    partner_id, call_id, attempts, test = 1, "call-1", 1, False


async def ended(monkeypatch: pytest.MonkeyPatch, work: Any, attempts: int = 1) -> bool | None:
    """What a fetch that fails says of the host."""

    async def noted(*_: object) -> None:
        pass

    call = Call()
    call.attempts = attempts
    begun = tries.Try(cast("Any", call), lambda: None)
    monkeypatch.setattr(pipeline, "_not_done", noted)
    monkeypatch.setitem(pipeline.STEPS, "fetch", pipeline.Step("received", noted, work))
    return await pipeline._take_on(cast("Any", None), "fetch", begun)


async def silent(host: str, port: int) -> Sequence[str]:
    await asyncio.sleep(60)
    return []


async def unanswered(host: str, port: int) -> Sequence[str]:
    raise TimeoutError


async def unknown(host: str, port: int) -> Sequence[str]:
    raise socket.gaierror(socket.EAI_NONAME, "no such name")


async def private(host: str, port: int) -> Sequence[str]:
    return ["10.0.0.1"]


async def public(host: str, port: int) -> Sequence[str]:
    return ["93.184.215.14"]


@pytest.mark.parametrize(
    ("resolve", "hung"), [(silent, True), (unanswered, True), (unknown, False), (private, False), (public, False)]
)
async def test_a_fetch_hung_where_no_name_server_answered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, resolve: Any, hung: bool
) -> None:
    async def work(*_: object) -> Any:
        with our_storage():
            await fetch(
                "http://named.example/x",
                outbound=outbound,
                store=Store(str(tmp_path)),
                key="recordings/1/ab/abcdef",
                limits=FetchLimits(stall_seconds=0.1),
            )

    async with Outbound(Policy(), resolve=resolve, network=RecordingNetwork()) as outbound:
        assert await ended(monkeypatch, work) is hung


@pytest.mark.parametrize(
    ("failure", "hung"),
    [
        *((StepFailed("recording_timeout", "Late."), True), (StepFailed("recording_not_found", "Gone."), False)),
        *((StepFailed("storage_unavailable", "Full."), None), (StepFailed("internal_error", "Oh."), None)),
        *((OSError("no memory"), None), (ValueError("a fault"), None)),
    ],
)
async def test_a_failure_of_ours_says_nothing_of_the_host(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, hung: bool | None
) -> None:
    async def work(*_: object) -> Any:
        raise failure

    assert await ended(monkeypatch, work) is hung
    assert await ended(monkeypatch, work, calls.TRIES + 1) is None, "it was not tried any more"


def test_the_wait_grows_with_those_that_wait_and_shrinks_as_they_come_again() -> None:
    now = 0.0
    slots = Slots(64, clock=lambda: now)
    for _ in range(16):
        assert slots.take(1, "a") is None
        slots.free(1, "a", 8, hung=False)  # learns that one takes some seconds
    assert taken(slots, 1, "a", 16) == 16
    waits = [slots.take(1, "a") or 0.0 for _ in range(5000)]
    assert waits[0] < 1 < waits[50] < waits[900]
    assert LONGEST_WAIT_SECONDS / 2 < waits[-1] <= LONGEST_WAIT_SECONDS
    now = LONGEST_WAIT_SECONDS + 1
    assert (slots.take(1, "a") or 0.0) < 1


def test_many_hosts_are_not_remembered_for_ever() -> None:
    slots = Slots(64)
    assert slots.take(1, "held") is None
    for n in range(30_000):
        assert slots.take(2, f"host-{n}") is None
        slots.free(2, f"host-{n}", 15, hung=True)
    assert len(slots._lines) <= 10_002
    slots.free(1, "held", 1, hung=False)


def test_where_there_are_fewer_places_now_a_partner_has_a_part_of_those() -> None:
    now = 64
    slots = Slots(64, now=lambda: now)
    done(slots, 1, "a", 0.1)
    assert taken(slots, 1, "a") == 32
    for _ in range(32):
        slots.free(1, "a", 0.1, hung=False)
    now = 16
    assert taken(slots, 1, "a") == 12, "it leaves a quarter, however quick"
    assert taken(slots, 2, "b") == 8, "nobody knows yet how long that one takes"
    for _ in range(12):
        slots.free(1, "a", 100, hung=False)
    assert taken(slots, 1, "a") == 4, "a quarter, where the host is slow"


def test_who_finds_no_place_among_fewer_waits_no_longer_for_that() -> None:
    waits = []
    for now in (64, 16):
        slots = Slots(64, now=lambda now=now: now, clock=lambda: 0.0)  # type: ignore[misc]
        for _ in range(30):
            done(slots, 1, "a", 16)
        while slots.take(1, "a") is None:
            pass
        waits.append([slots.take(1, "a") or 0 for _ in range(100)][-1])
    assert waits[0] == pytest.approx(80, rel=0.4)
    assert waits[1] == pytest.approx(80, rel=0.4)
