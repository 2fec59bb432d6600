"""Conversation metrics: against a reference that samples every tick, and cases that pin each definition."""

import math
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callwright.analysis import Speaker, Talk
from callwright.analysis.metrics import interruptions, measure

TICK = 0.1

_spans = st.lists(
    st.tuples(st.sampled_from(["agent", "customer"]), st.integers(-5, 120), st.integers(0, 40)), max_size=14
)


def _talks(spans: list[tuple[str, int, int]]) -> list[Talk]:
    return [Talk("agent" if s == "agent" else "customer", a * TICK, (a + n) * TICK) for s, a, n in spans]


def _sampled(spans: list[tuple[str, int, int]], speaker: Speaker, ticks: int) -> list[bool]:
    on = [False] * ticks
    for who, start, length in spans:
        for tick in range(max(start, 0), min(start + length, ticks)):
            on[tick] = on[tick] or who == speaker
    return on


def _runs(on: list[bool]) -> list[tuple[int, int]]:
    edges = [False, *on, False]
    starts = [i for i, (a, b) in enumerate(pairwise(edges)) if b and not a]
    stops = [i for i, (a, b) in enumerate(pairwise(edges)) if a and not b]
    return list(zip(starts, stops, strict=True))


def _monologue(agent: list[bool], customer: list[bool]) -> int:
    real = [False] * len(agent)
    for start, stop in _runs(customer):
        if stop - start >= 10:
            real[start:stop] = [True] * (stop - start)
    longest, first = 0, None
    for tick, (talks, taken) in enumerate(zip(agent, real, strict=True)):
        if taken:
            first = None
        elif talks:
            first = tick if first is None else first
            longest = max(longest, tick + 1 - first)
    return longest


def _interruptions(by: list[bool], other: list[bool]) -> int:
    count = 0
    for start, stop in _runs(by):
        held = start > 0 and other[start - 1] and other[start]
        both = 0
        while start + both < stop and other[start + both]:
            both += 1
        count += held and both >= 5 and stop - start >= 10
    return count


def _latency(agent: list[bool], customer: list[bool]) -> float | None:
    gaps = []
    for start, _ in _runs(agent):
        tick = start - 1
        while tick >= 0 and not agent[tick] and not customer[tick]:
            tick -= 1
        if tick >= 0 and customer[tick] and not agent[tick] and not customer[start]:
            gaps.append(start - 1 - tick)
    return median(gaps) * TICK if gaps else None


@given(_spans, st.integers(1, 150))
def test_agrees_with_a_reference_that_samples_every_tick(spans: list[tuple[str, int, int]], ticks: int) -> None:
    agent, customer = _sampled(spans, "agent", ticks), _sampled(spans, "customer", ticks)

    found = measure(_talks(spans), ticks * TICK)

    assert found.agent_talk_seconds == pytest.approx(sum(agent) * TICK)
    assert found.customer_talk_seconds == pytest.approx(sum(customer) * TICK)
    both = sum(agent) + sum(customer)
    assert found.talk_ratio == (pytest.approx(sum(agent) / both) if both else None)
    silent = sum(not a and not c for a, c in zip(agent, customer, strict=True))
    assert found.silence_seconds == pytest.approx(silent * TICK)
    assert found.longest_monologue_seconds == pytest.approx(_monologue(agent, customer) * TICK)
    assert found.agent_interruptions == _interruptions(agent, customer)
    assert found.customer_interruptions == _interruptions(customer, agent)
    latency = _latency(agent, customer)
    assert found.response_latency_seconds == (None if latency is None else pytest.approx(latency))


@given(
    st.lists(
        st.builds(Talk, st.sampled_from(["agent", "customer"]), st.floats(width=32), st.floats(width=32)), max_size=8
    ),
    st.floats(width=32),
)
def test_any_numbers_give_a_valid_measure(speech: list[Talk], seconds: float) -> None:
    found = measure(speech, seconds)

    assert found.talk_ratio is None or 0 <= found.talk_ratio <= 1
    assert found.silence_seconds >= 0
    assert all(math.isfinite(v) for v in (found.agent_talk_seconds, found.longest_monologue_seconds))


def test_nobody_speaks() -> None:
    found = measure([], 12.5)

    assert (found.talk_ratio, found.response_latency_seconds, found.silence_seconds) == (None, None, 12.5)


def test_a_monologue_goes_on_over_a_backchannel_and_ends_at_a_real_turn() -> None:
    backchannel = [Talk("agent", 0, 10), Talk("customer", 10.2, 10.9), Talk("agent", 11, 20), Talk("customer", 21, 30)]
    real = [Talk("agent", 0, 10), Talk("customer", 10.2, 11.2), Talk("agent", 11.5, 20)]

    assert measure(backchannel, 40).longest_monologue_seconds == 20
    assert measure(real, 40).longest_monologue_seconds == 10


def test_a_short_overlap_at_the_end_of_a_turn_is_no_interruption() -> None:
    polite = [Talk("customer", 0, 5), Talk("agent", 4.6, 9)]
    rude = [Talk("customer", 0, 5), Talk("agent", 4.5, 9)]

    assert measure(polite, 10).agent_interruptions == 0
    assert measure(rude, 10).agent_interruptions == 1
    assert interruptions(rude, 10, "agent") == (4.5,)
    assert interruptions(rude, 10, "customer") == ()
