"""Keeping to the rate limit: against a moving window as the server has it, what is sent is never refused."""

import heapq
from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from callwright_client.pace import LOOK_AGAIN, Pace


class Window:
    """The server's own count: at most so many in any minute, as `limits.MovingWindowRateLimiter` has it."""

    def __init__(self, most: int, seconds: float = 60.0) -> None:
        self.most, self.seconds = most, seconds
        self.stamps: deque[float] = deque()
        self.refused = 0

    def hit(self, now: float) -> tuple[str, str]:
        while self.stamps and self.stamps[0] <= now - self.seconds:
            self.stamps.popleft()
        if len(self.stamps) < self.most:
            self.stamps.append(now)
        else:
            self.refused += 1
        left = self.most - len(self.stamps)
        wait = self.stamps[0] + self.seconds - now
        return f'"partner";q={self.most};w={self.seconds:.0f}', f'"partner";r={left};t={int(-(-wait // 1))}'


def enter(pace: Pace, now: float) -> float:
    """Wait for a place; gives when it is there."""
    while wait := pace.enter(now):
        now += wait
    return now


@given(most=st.integers(1, 130), latencies=st.lists(st.floats(0.001, 3.0), min_size=1, max_size=5))
@settings(deadline=None, max_examples=30)
def test_one_after_the_other_none_is_refused(most: int, latencies: list[float]) -> None:
    window, pace, now = Window(most), Pace(), 0.0
    for number in range(300):
        now = enter(pace, now)
        latency = latencies[number % len(latencies)]
        told = window.hit(now + latency / 2)
        now += latency
        pace.learn(*told, now)
        pace.leave(now, counted=True)
    assert window.refused == 0
    assert now <= (300 / most + 1) * (60 + max(latencies)) + 300 * max(latencies), "and not much slower than is allowed"


def side_by_side(most: int, tasks: int, latency: float, others: float | None = None) -> tuple[int, float]:
    """Several tasks share a pace for 400 requests: each sends its next one when its last one was answered.

    Args:
        most: The limit of a minute.
        tasks: How many there are.
        latency: Seconds from a request to its answer.
        others: Seconds between the requests of somebody else with the same key.

    Returns:
        How many were refused, and the seconds that it all took.
    """
    window, pace = Window(most), Pace()
    events: list[tuple[float, int, tuple[Any, ...]]] = [(0.0, n, ("ask",)) for n in range(tasks)]
    events += [(others, -1, ("other",))] if others else []
    heapq.heapify(events)
    done, refused, now = 0, 0, 0.0
    while done < 400:
        now, who, (what, *told) = heapq.heappop(events)
        following: tuple[float, tuple[Any, ...]] = (now, ("ask",))
        if what == "ask":
            wait = pace.enter(now)
            following = (now + wait, ("ask",)) if wait else (now + latency / 2, ("arrive",))
        elif what == "arrive":
            before = window.refused
            following = (now + latency / 2, ("answer", *window.hit(now), window.refused == before))
        elif what == "other":
            window.hit(now)
            following = (now + (others or 0.0), ("other",))
        else:
            policy, left, counted = told
            pace.learn(policy, left, now)
            pace.leave(now, counted=counted)
            done += 1
            refused += not counted
        heapq.heappush(events, (following[0], who, following[1]))
    return refused, now


@given(most=st.integers(10, 130), tasks=st.integers(2, 10), latency=st.floats(0.01, 0.5))
@settings(deadline=None, max_examples=30)
def test_side_by_side_none_is_refused(most: int, tasks: int, latency: float) -> None:
    refused, took = side_by_side(most, tasks, latency)
    assert refused == 0
    assert took <= (400 / most + 1) * (60 + latency + LOOK_AGAIN) + 400 * latency, "and not much slower than is allowed"


def test_where_others_use_the_key_few_are_refused() -> None:
    """A place may be gone before we are there: theirs are a quarter of the limit here."""
    refused, took = side_by_side(120, 4, 0.2, others=2.0)
    assert refused <= 20
    assert took <= 400 / 90 * 60 + 60


def test_after_a_minute_of_rest_all_is_free_again() -> None:
    window, pace = Window(5), Pace()
    for _ in range(4):
        assert pace.enter(0.0) == 0.0
        pace.learn(*window.hit(0.0), 0.0)
        pace.leave(0.0, counted=True)
    assert [pace.enter(100.0) for _ in range(5)] == [0.0] * 5
    assert pace.enter(100.0) == LOOK_AGAIN


def test_what_others_use_is_left_to_them() -> None:
    pace = Pace()
    assert pace.enter(0.0) == 0.0
    pace.learn('"partner";q=60;w=60', '"partner";r=0;t=30', 0.0)
    pace.leave(0.0, counted=True)
    assert pace.enter(0.0) == 30.0
    assert pace.enter(30.0) == 0.0, "one place is free then"
    assert pace.enter(30.0) == 30.0


def test_where_only_an_answer_to_come_can_tell_it_is_looked_for_soon() -> None:
    pace = Pace()
    assert pace.enter(0.0) == 0.0
    pace.learn('"partner";q=1;w=60', '"partner";r=0;t=60', 0.0)
    pace.leave(0.0, counted=True)
    assert pace.enter(0.0) == 60.0
    assert pace.enter(60.0) == 0.0
    assert pace.enter(60.0) == LOOK_AGAIN, "the one that is under way has the only place"
    pace.leave(60.0, counted=False)
    assert pace.enter(60.0) == 0.0


def test_headers_that_are_none_change_nothing() -> None:
    pace = Pace()
    for policy, left in (
        *[("", ""), ("120", "5"), ('"partner";q=1;w=60', ""), ("a" * 100_000, ";r=" + "9" * 100_000)],
        *[('"partner";q=0;w=0', '"partner";r=0;t=0')],
    ):
        assert pace.enter(0.0) == 0.0
        pace.learn(policy, left, 0.0)
        pace.leave(0.0, counted=True)
