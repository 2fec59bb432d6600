"""Conversation metrics: against a reference that samples every tick, and cases that pin each definition."""

import math
from dataclasses import MISSING, fields
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from callwright.analysis import Line, Metrics, Speaker, Talk
from callwright.analysis.metrics import interruptions, measure, of_one_voice

TICK = 0.001

_moments = st.integers(-5, 120).map(lambda tenths: 100 * tenths) | st.integers(-500, 12_000)
_lengths = (
    st.integers(0, 40).map(lambda tenths: 100 * tenths)
    | st.integers(0, 4_000)
    | st.sampled_from([499, 500, 501, 999, 1_000, 1_001])
)
_spans = st.lists(st.tuples(st.sampled_from(["agent", "customer"]), _moments, _lengths), max_size=14)


def _talks(spans: list[tuple[str, int, int]]) -> list[Talk]:
    return [Talk("agent" if s == "agent" else "customer", a * TICK, (a + n) * TICK) for s, a, n in spans]


def _sampled(spans: list[tuple[str, int, int]], speaker: Speaker, ticks: int) -> list[bool]:
    on = [False] * ticks
    for who, start, length in spans:
        if who == speaker:
            first, last = max(start, 0), min(start + length, ticks)
            if first < last:
                on[first:last] = [True] * (last - first)
    return on


def _runs(on: list[bool]) -> list[tuple[int, int]]:
    edges = [False, *on, False]
    starts = [i for i, (a, b) in enumerate(pairwise(edges)) if b and not a]
    stops = [i for i, (a, b) in enumerate(pairwise(edges)) if a and not b]
    return list(zip(starts, stops, strict=True))


def _monologue(by: list[bool], other: list[bool]) -> int:
    real = [False] * len(by)
    for start, stop in _runs(other):
        if stop - start >= 1_000:
            real[start:stop] = [True] * (stop - start)
    longest, first = 0, None
    for tick, (talks, taken) in enumerate(zip(by, real, strict=True)):
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
        count += held and both >= 500 and stop - start >= 1_000
    return count


def _latency(by: list[bool], other: list[bool]) -> float | None:
    gaps = []
    for start, _ in _runs(by):
        tick = start - 1
        while tick >= 0 and not by[tick] and not other[tick]:
            tick -= 1
        if tick >= 0 and other[tick] and not by[tick] and not other[start]:
            gaps.append(start - 1 - tick)
    return median(gaps) * TICK if gaps else None


def _silences(either: list[bool]) -> list[int]:
    """Lengths of the gaps of three seconds or more that speech surrounds."""
    found, quiet, begun = [], 0, False
    for speaks in either:
        if speaks:
            if begun and quiet >= 3_000:
                found.append(quiet)
            quiet, begun = 0, True
        else:
            quiet += 1
    return found


def _near(value: float | None) -> object:
    return None if value is None else pytest.approx(value)


@settings(deadline=None)
@given(_spans, st.integers(1, 150).map(lambda tenths: 100 * tenths) | st.integers(1, 15_000))
def test_agrees_with_a_reference_that_samples_every_millisecond(spans: list[tuple[str, int, int]], ticks: int) -> None:
    agent, customer = _sampled(spans, "agent", ticks), _sampled(spans, "customer", ticks)
    either = [a or c for a, c in zip(agent, customer, strict=True)]

    found = measure(_talks(spans), ticks * TICK)

    assert found.agent_talk_seconds == pytest.approx(sum(agent) * TICK)
    assert found.customer_talk_seconds == pytest.approx(sum(customer) * TICK)
    both = sum(agent) + sum(customer)
    assert found.talk_ratio == _near(sum(agent) / both if both else None)
    assert found.silence_seconds == pytest.approx((ticks - sum(either)) * TICK)
    assert found.longest_monologue_seconds == pytest.approx(_monologue(agent, customer) * TICK)
    assert found.customer_longest_monologue_seconds == pytest.approx(_monologue(customer, agent) * TICK)
    assert found.agent_interruptions == _interruptions(agent, customer)
    assert found.customer_interruptions == _interruptions(customer, agent)
    assert found.response_latency_seconds == _near(_latency(agent, customer))
    assert found.customer_response_latency_seconds == _near(_latency(customer, agent))
    silences = _silences(either)
    assert found.silences == (len(silences) if any(either) else None)
    assert found.longest_silence_seconds == _near(max(silences) * TICK if silences else None)


@settings(deadline=None)
@given(_spans, _spans, st.integers(1, 15_000))
def test_a_rate_is_the_words_by_the_own_talk_time_in_own_turns(
    spans: list[tuple[str, int, int]], said: list[tuple[str, int, int]], ticks: int
) -> None:
    turns = [Line(n, talk.speaker, talk.start, talk.end, "one two - three") for n, talk in enumerate(_talks(said))]

    found = measure(_talks(spans), ticks * TICK, turns)

    for speaker, rate in (("agent", found.agent_words_per_minute), ("customer", found.customer_words_per_minute)):
        who: Speaker = "agent" if speaker == "agent" else "customer"
        voiced = sum(a and b for a, b in zip(_sampled(spans, who, ticks), _sampled(said, who, ticks), strict=True))
        words = 3 * sum(turn.speaker == speaker for turn in turns)
        assert rate == (pytest.approx(words / (voiced * TICK / 60), abs=0.06) if voiced >= 5_000 and words else None)


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
    assert (found.silences, found.longest_silence_seconds) == (None, None)


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


def test_only_a_silence_inside_the_conversation_counts() -> None:
    """What rings before the first word and hums after the last one is nobody's silence."""
    found = measure([Talk("agent", 10, 12), Talk("customer", 15, 16), Talk("agent", 18.9, 20)], 60)

    assert (found.silences, found.longest_silence_seconds, found.silence_seconds) == (1, 3.0, 55.9)


_TALK = [Talk("agent", 0, 10), Talk("customer", 10, 16)]


def test_words_that_cannot_be_relied_on_give_no_rate_and_no_questions() -> None:
    for turns in (None, ()):
        found = measure(_TALK, 20, turns)
        assert (found.agent_words_per_minute, found.agent_questions) == (None, None)
        assert (found.customer_words_per_minute, found.customer_questions) == (None, None)


def test_a_rate_needs_speech_for_some_seconds_and_words_with_spaces_between() -> None:
    turns = [
        Line(0, "agent", 0, 4.9, "far too little to go by"),
        Line(1, "customer", 10, 16, "\u0928\u092e\u0938\u094d\u0924\u0947 \u0939\u093e\u0901 - \u091c\u0940"),
    ]
    found = measure(_TALK, 20, turns)
    assert (found.agent_words_per_minute, found.customer_words_per_minute) == (None, 30.0)
    assert (found.agent_questions, found.customer_questions) == (0, 0)
    japanese = measure(_TALK, 20, [Line(0, "customer", 10, 16, "\u3053\u3093\u306b\u3061\u306f")])
    assert japanese.customer_words_per_minute is None


def test_of_one_voice_nothing_tells_the_sides_apart() -> None:
    found = of_one_voice(measure(_TALK, 20, [Line(0, "agent", 0, 10, "Who is it? Is it you?")]))
    assert (found.talk_ratio, found.agent_questions, found.agent_words_per_minute) == (None, None, None)
    assert found.silence_seconds == 4


def test_what_older_versions_stored_is_read_as_not_assessed() -> None:
    names = [field.name for field in fields(Metrics) if field.default is MISSING]
    stored = TypeAdapter(Metrics).validate_python(dict.fromkeys(names, 1))
    assert len(names) == 8
    assert (stored.silences, stored.agent_words_per_minute, stored.customer_questions) == (None, None, None)
