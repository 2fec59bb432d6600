"""Bells: when a lane is woken, and how many places it has."""

import asyncio

from callwright.bells import Bell
from test_lanes import until


async def test_a_bell_rings_once_for_many_and_not_for_a_lane_without_a_place() -> None:
    rung: list[int] = []
    bell = Bell(2, wake=lambda: rung.append(bell.taken))
    for _ in range(5):
        bell.ring()
    await until(lambda: rung == [0])
    bell.job_begins()
    bell.job_ends(0.1)  # another place was free all the time
    await asyncio.sleep(0.1)
    assert rung == [0]
    bell.job_begins()
    bell.job_begins()
    bell.ring()
    await asyncio.sleep(0.1)
    assert rung == [0]
    bell.job_ends(0.1)
    await asyncio.sleep(0.1)
    assert rung == [0], "the place is the job's until the queue has been told"
    bell.told()
    assert rung == [0], "it has been woken already, and has not looked yet"
    assert bell.looks()
    assert not bell.looks(), "nothing has happened since"
    bell.told()
    bell.told()
    assert rung == [0, 1]


def test_a_lane_leaves_its_places_to_one_that_cannot_follow() -> None:
    behind = Bell(8)
    ahead, other = Bell(64, following=behind, defers=True), Bell(64, following=behind)
    assert (ahead.most(), Bell(64, defers=True).most()) == (64, 64)
    behind.picked.update(range(6))
    assert (ahead.most(), other.most()) == (16, 64)
    assert Bell(2, following=behind, defers=True).most() == 1
    behind.picked.discard(0)
    assert ahead.most() == 64


def test_a_lane_whose_jobs_take_long_leaves_some_to_other_workers() -> None:
    bell = Bell(20, if_slow=10)
    assert bell.most() == 10, "nobody knows yet"
    for seconds, most in ((0.1, 20), (12.0, 10), (0.1, 10), (0.1, 10), (0.1, 10)):
        bell.job_begins()
        bell.job_ends(seconds)
        assert bell.most() == most
    for _ in range(10):
        bell.job_ends(0.1)
    assert bell.most() == 20, "it was a single one"
    behind, ahead = Bell(20, if_slow=10), Bell(64)
    ahead.following, ahead.defers = behind, True
    behind.picked.update(range(7))
    assert ahead.most() == 16, "three quarters of those that it has now"
