"""The waveform: each speaker's peaks, from two channels or from one."""

from dataclasses import asdict

from callwright.recordings.waveform import waveform
from callwright.transcription import Span

TALK = [Span("agent", 0, 4), Span("customer", 4, 8)]
FIRST, SECOND = bytes([90] * 4 + [2] * 6), bytes([3] * 4 + [80] * 4 + [1] * 2)


def test_two_channels_are_the_two_speakers_whichever_is_which() -> None:
    straight, crossed = waveform([FIRST, SECOND], 10, TALK), waveform([SECOND, FIRST], 10, TALK)
    assert (straight.agent, straight.customer, straight.neither) == (list(FIRST), list(SECOND), [])
    assert crossed == straight


def test_one_channel_is_shared_out_by_who_speaks() -> None:
    shown = waveform([bytes(range(10, 20))], 10, [*TALK, Span("agent", 8.8, 9.4)])
    assert shown.agent == [10, 11, 12, 13, 0, 0, 0, 0, 18, 19]
    assert shown.customer == [0, 0, 0, 0, 14, 15, 16, 17, 0, 0]
    assert shown.neither == [0] * 10


def test_channels_that_are_alike_are_as_one() -> None:
    shown = waveform([bytes([50] * 10), bytes([51] * 10)], 10, TALK)
    assert shown.agent == [51] * 4 + [0] * 6
    assert shown.customer == [0] * 4 + [51] * 4 + [0] * 2
    assert shown.neither == [0] * 8 + [51] * 2


def test_a_slice_goes_to_whoever_speaks_for_the_most_of_it() -> None:
    shown = waveform([bytes([7, 7])], 2, [Span("agent", 0, 0.4), Span("customer", 0.4, 2.5)])
    assert (shown.agent, shown.customer) == ([0, 0], [7, 7])


def test_one_voice_is_nobodys() -> None:
    shown = waveform([FIRST], 10, TALK, told_apart=False)
    assert asdict(shown) == {"seconds": 10, "agent": [], "customer": [], "neither": list(FIRST)}


def test_what_was_not_decoded_or_lies_outside_shows_nothing() -> None:
    assert waveform([], 10, TALK).agent == []
    outside = [Span("agent", 12, 14), Span("customer", 3, 3), Span("agent", -2, -1)]
    shown = waveform([bytes([9] * 4)], 10, outside)
    assert (shown.agent, shown.customer, shown.neither) == ([0] * 4, [0] * 4, [9] * 4)
