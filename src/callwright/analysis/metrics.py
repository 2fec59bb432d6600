"""The conversation in figures: by voice activity in whole milliseconds, the same for every engine, and by its words."""

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from callwright.analysis import Line, Metrics, Speaker, Talk
from callwright.analysis.questions import count_questions, marked

BACKCHANNEL_SECONDS = 1.0
"""A shorter stretch ("mhm", "right") neither takes the floor nor interrupts; our own choice."""

INTERRUPTION_OVERLAP_SECONDS = 0.5
"""How long both must go on speaking before a start counts as an interruption; our own choice."""

SILENCE_SECONDS = 3.0
"""The shortest silence that counts: nobody speaks, between the first and the last word; our own choice."""

LEAST_RATED_SECONDS = 5.0
"""Speech below which a speaking rate says nothing: a single "yes" is spoken at 200 words a minute; our own choice."""

_BACKCHANNEL = int(BACKCHANNEL_SECONDS * 1000)
_OVERLAP = int(INTERRUPTION_OVERLAP_SECONDS * 1000)
_SILENCE = int(SILENCE_SECONDS * 1000)
_LEAST_RATED = int(LEAST_RATED_SECONDS * 1000)

# Thai and Lao, Burmese, Khmer, Chinese and Japanese are written without spaces between words.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")

_FAR = 1e9  # seconds; what lies beyond is cut off, so that no number is too large to count with

_Stretch = tuple[int, int]


def measure(speech: Iterable[Talk], seconds: float, turns: Sequence[Line] | None = None) -> Metrics:
    """Measure a conversation.

    - Talk time: the union of a speaker's spans.
    - Monologue: a speaker holds the floor from a first word to a last one, own pauses included, until the other
      really speaks (a stretch of at least `BACKCHANNEL_SECONDS`). While the other really speaks the floor is not
      the speaker's, even where both talk.
    - Interruption: a stretch of at least `BACKCHANNEL_SECONDS` that starts while the other speaks, after which both
      go on for at least `INTERRUPTION_OVERLAP_SECONDS`. Who gives way in the end makes no difference. Two that start
      in the same millisecond interrupt nobody.
    - Silence: a stretch of at least `SILENCE_SECONDS` between the first and the last word in which nobody speaks.
    - Response latency: from the end of the other's stretch to the speaker's next start, where nobody spoke between
      and the other is silent at that start.
    - Speaking rate: words of a speaker's turns by that part of the talk time that lies in these turns; from
      `LEAST_RATED_SECONDS` of it on, where words are parted by spaces.
    - Questions: see `questions.count_questions`.

    Args:
        speech: Voice activity, in any order. Spans are cut to the recording; what is not a number is left out.
        seconds: Duration of the recording.
        turns: What was said; None or empty where words are missing or not to be relied on: no rates, no questions.

    Returns:
        Seconds with millisecond resolution.
    """
    end = _milliseconds(seconds) if math.isfinite(seconds) and seconds > 0 else 0
    spans = tuple(speech)
    agent, customer = _stretches(spans, "agent", end), _stretches(spans, "customer", end)
    agent_talk, customer_talk = _length(agent), _length(customer)
    heard = _union(agent + customer)
    silences = _silences(heard)
    agent_asks, customer_asks = _questions(turns)
    return Metrics(
        agent_talk_seconds=agent_talk / 1000,
        customer_talk_seconds=customer_talk / 1000,
        talk_ratio=agent_talk / (agent_talk + customer_talk) if heard else None,
        longest_monologue_seconds=_longest_monologue(agent, customer, end) / 1000,
        agent_interruptions=len(_interruptions(agent, customer)),
        customer_interruptions=len(_interruptions(customer, agent)),
        silence_seconds=(end - _length(heard)) / 1000,
        response_latency_seconds=_median(_latencies(agent, customer)),
        customer_longest_monologue_seconds=_longest_monologue(customer, agent, end) / 1000,
        customer_response_latency_seconds=_median(_latencies(customer, agent)),
        silences=len(silences) if heard else None,
        longest_silence_seconds=max(silences) / 1000 if silences else None,
        agent_words_per_minute=_words_per_minute(turns, "agent", agent, end),
        customer_words_per_minute=_words_per_minute(turns, "customer", customer, end),
        agent_questions=agent_asks,
        customer_questions=customer_asks,
    )


def of_one_voice(metrics: Metrics) -> Metrics:
    """The metrics where nobody knows who says what: nothing that tells the two sides apart."""
    return replace(
        metrics,
        talk_ratio=None,
        customer_longest_monologue_seconds=None,
        customer_response_latency_seconds=None,
        agent_words_per_minute=None,
        customer_words_per_minute=None,
        agent_questions=None,
        customer_questions=None,
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


def _silences(heard: Sequence[_Stretch]) -> list[int]:
    gaps = (after[0] - before[1] for before, after in pairwise(heard))
    return [gap for gap in gaps if gap >= _SILENCE]


def _median(gaps: Sequence[int]) -> float | None:
    return median(gaps) / 1000 if gaps else None


def _longest_monologue(by: Sequence[_Stretch], other: Sequence[_Stretch], end: int) -> int:
    longest, floor = 0, 0
    real = [span for span in other if span[1] - span[0] >= _BACKCHANNEL]
    for start, stop in [*real, (end, end)]:
        # The speaker's stretches that reach into the time between two real turns of the other.
        first = bisect_right(by, floor, key=lambda span: span[1])
        last = bisect_left(by, start, key=lambda span: span[0]) - 1
        if first <= last:
            longest = max(longest, min(by[last][1], start) - max(by[first][0], floor))
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


def _latencies(by: Sequence[_Stretch], other: Sequence[_Stretch]) -> list[int]:
    gaps = []
    for number, (start, _) in enumerate(by):
        index = bisect_right(other, start, key=lambda span: span[0]) - 1
        if index < 0 or other[index][1] > start:
            continue
        heard = other[index][1]
        if number == 0 or by[number - 1][1] < heard:
            gaps.append(start - heard)
    return gaps


def _words_per_minute(
    turns: Sequence[Line] | None, speaker: Speaker, talk: Sequence[_Stretch], end: int
) -> float | None:
    own = [turn for turn in turns or () if turn.speaker == speaker]
    said = _stretches([Talk(speaker, turn.start, turn.end) for turn in own], speaker, end)
    voiced = _length(talk) + _length(said) - _length(_union([*talk, *said]))
    words = sum(any(char.isalnum() for char in word) for turn in own for word in turn.text.split())
    if voiced < _LEAST_RATED or not words or any(_UNSPACED.search(turn.text) for turn in own):
        return None
    return round(words * 60_000 / voiced, 1)


def _questions(turns: Sequence[Line] | None) -> tuple[int | None, int | None]:
    """The agent's and the customer's."""
    if not turns:
        return None, None
    marks = marked(turn.text for turn in turns)
    agent, customer = (
        count_questions((turn.text for turn in turns if turn.speaker == speaker), marked=marks)
        for speaker in ("agent", "customer")
    )
    return agent, customer
