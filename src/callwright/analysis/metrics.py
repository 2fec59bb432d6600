"""The conversation by its voice activity alone: exact, the same for every engine, in whole milliseconds."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from statistics import median

from callwright.analysis import Metrics, Speaker, Talk

BACKCHANNEL_SECONDS = 1.0
"""A shorter stretch ("mhm", "right") neither takes the floor nor interrupts; our own choice."""

INTERRUPTION_OVERLAP_SECONDS = 0.5
"""How long both must go on speaking before a start counts as an interruption; our own choice."""

_BACKCHANNEL = int(BACKCHANNEL_SECONDS * 1000)
_OVERLAP = int(INTERRUPTION_OVERLAP_SECONDS * 1000)

_FAR = 1e9  # seconds; what lies beyond is cut off, so that no number is too large to count with

_Stretch = tuple[int, int]


def measure(speech: Iterable[Talk], seconds: float) -> Metrics:
    """Measure a conversation.

    - Talk time: the union of a speaker's spans, so that overlapping spans of one speaker count once.
    - Monologue: the agent holds the floor from a first word to a last one, own pauses included, until the customer
      really speaks (a stretch of at least `BACKCHANNEL_SECONDS`). While the customer really speaks the floor is not
      the agent's, even where both talk.
    - Interruption: a stretch of at least `BACKCHANNEL_SECONDS` that starts while the other speaks, after which both
      go on for at least `INTERRUPTION_OVERLAP_SECONDS`. Who gives way in the end makes no difference. Two that start
      in the same millisecond interrupt nobody.
    - Response latency: from the end of the customer's stretch to the agent's next start, where nobody spoke between
      and the customer is silent at that start.

    Args:
        speech: Voice activity, in any order. Spans are cut to the recording; what is not a number is left out.
        seconds: Duration of the recording.

    Returns:
        Seconds with millisecond resolution.
    """
    end = _milliseconds(seconds) if math.isfinite(seconds) and seconds > 0 else 0
    agent, customer = _stretches(speech, "agent", end), _stretches(speech, "customer", end)
    agent_talk, customer_talk = _length(agent), _length(customer)
    both = agent_talk + customer_talk
    gaps = _latencies(agent, customer)
    return Metrics(
        agent_talk_seconds=agent_talk / 1000,
        customer_talk_seconds=customer_talk / 1000,
        talk_ratio=agent_talk / both if both else None,
        longest_monologue_seconds=_longest_monologue(agent, customer, end) / 1000,
        agent_interruptions=len(_interruptions(agent, customer)),
        customer_interruptions=len(_interruptions(customer, agent)),
        silence_seconds=(end - _length(_union(agent + customer))) / 1000,
        response_latency_seconds=median(gaps) / 1000 if gaps else None,
    )


def interruptions(speech: Iterable[Talk], seconds: float, by: Speaker) -> tuple[float, ...]:
    """When `by` interrupts the other, as `measure` counts it: seconds from the start, in order."""
    end = _milliseconds(seconds) if math.isfinite(seconds) and seconds > 0 else 0
    other: Speaker = "customer" if by == "agent" else "agent"
    spans = tuple(speech)
    return tuple(at / 1000 for at in _interruptions(_stretches(spans, by, end), _stretches(spans, other, end)))


def _milliseconds(value: float) -> int:
    return round(max(min(value, _FAR), -_FAR) * 1000)


def _stretches(speech: Iterable[Talk], speaker: Speaker, end: int) -> list[_Stretch]:
    spans = []
    for talk in speech:
        if talk.speaker == speaker and math.isfinite(talk.start) and math.isfinite(talk.end):
            start, stop = max(_milliseconds(talk.start), 0), min(_milliseconds(talk.end), end)
            if start < stop:
                spans.append((start, stop))
    return _union(spans)


def _union(spans: Iterable[_Stretch]) -> list[_Stretch]:
    """Join spans that overlap or touch, in order."""
    joined: list[_Stretch] = []
    for start, stop in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return joined


def _length(spans: Iterable[_Stretch]) -> int:
    return sum(stop - start for start, stop in spans)


def _longest_monologue(agent: Sequence[_Stretch], customer: Sequence[_Stretch], end: int) -> int:
    longest, floor = 0, 0
    real = [span for span in customer if span[1] - span[0] >= _BACKCHANNEL]
    for start, stop in [*real, (end, end)]:
        # The agent's stretches that reach into the time between two real turns of the customer.
        first = bisect_right(agent, floor, key=lambda span: span[1])
        last = bisect_left(agent, start, key=lambda span: span[0]) - 1
        if first <= last:
            longest = max(longest, min(agent[last][1], start) - max(agent[first][0], floor))
        floor = stop
    return longest


def _interruptions(by: Sequence[_Stretch], other: Sequence[_Stretch]) -> list[int]:
    found = []
    for start, stop in by:
        index = bisect_left(other, start, key=lambda span: span[0]) - 1
        speaking = index >= 0 and min(other[index][1], stop) - start >= _OVERLAP
        if speaking and stop - start >= _BACKCHANNEL:
            found.append(start)
    return found


def _latencies(agent: Sequence[_Stretch], customer: Sequence[_Stretch]) -> list[int]:
    gaps = []
    for number, (start, _) in enumerate(agent):
        index = bisect_right(customer, start, key=lambda span: span[0]) - 1
        if index < 0 or customer[index][1] > start:
            continue
        heard = customer[index][1]
        if number == 0 or agent[number - 1][1] < heard:
            gaps.append(start - heard)
    return gaps
