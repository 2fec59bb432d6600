"""Voice activity: speech is found where it is, and nothing else is."""

import numpy as np
import pytest

from callwright.transcription.vad import MAX_SPEECH_SECONDS, WINDOW, WINDOW_SECONDS, listen, spans, window_levels
from sound import RATE, Sound, mixed, noise, quieter, shared, silence, tone

MADE = [silence(10), tone(10, -20), noise(10, -30), noise(10, -75), silence(0), silence(0.01)]


def speech_in(sound: Sound) -> list[tuple[float, float]]:
    return spans(listen(sound).probability)


def seconds(found: list[tuple[float, float]]) -> float:
    return sum(end - start for start, end in found)


def windows(*parts: tuple[float, float]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Probabilities from (seconds, probability) parts."""
    return np.concatenate([np.full(round(length / WINDOW_SECONDS), chance, np.float32) for length, chance in parts])


@pytest.mark.parametrize("sound", MADE, ids=["silence", "tone", "noise", "hiss", "empty", "too short"])
def test_what_is_no_speech_has_no_span(sound: Sound) -> None:
    assert speech_in(sound) == []


def test_speech_is_found_between_silences() -> None:
    speech = shared("jfk.wav")[0]
    found = speech_in(np.concatenate((silence(7), speech, silence(7))))
    assert 7.0 <= found[0][0] <= 7.6
    assert found[-1][1] <= 18.2
    assert 6.5 <= seconds(found) <= 10.5


@pytest.mark.parametrize("decibels", [15, 30])
def test_a_quiet_recording_is_heard_like_a_loud_one(decibels: float) -> None:
    speech = shared("jfk.wav")[0]
    assert seconds(speech_in(quieter(speech, decibels))) == pytest.approx(seconds(speech_in(speech)), rel=0.15)


def test_the_gate_loses_no_speech_of_a_telephone_call() -> None:
    call = shared("derived_auto_repairs_40_stereo_mulaw.wav")[1, : 40 * RATE]
    every_window = np.clip(call.astype(np.int32) + noise(40, -50), -32_768, 32_767).astype(np.int16)
    assert np.mean(window_levels(every_window) > -55) > 0.99, "the noise opens the gate everywhere"
    assert seconds(speech_in(call)) >= 0.97 * seconds(speech_in(every_window))


def test_a_level_is_the_root_mean_square() -> None:
    levels = window_levels(np.concatenate((tone(WINDOW / RATE * 3, -20, 1_000), silence(1))))
    assert levels[:3] == pytest.approx(-20, abs=0.2)
    assert levels[-1] == pytest.approx(-120, abs=0.01)
    assert len(levels) == (3 * WINDOW + RATE) // WINDOW


def test_short_pauses_are_bridged_and_short_noises_dropped() -> None:
    found = spans(windows((1, 0), (1, 0.9), (0.3, 0.1), (1, 0.9), (1, 0.1), (0.1, 0.9), (1, 0)))
    assert len(found) == 1
    assert found[0] == pytest.approx((1, 3.3), abs=0.07)


def test_a_doubtful_moment_neither_begins_nor_ends_speech() -> None:
    assert spans(windows((2, 0.45))) == []
    assert len(spans(windows((1, 0.9), (1, 0.45), (1, 0.9)))) == 1


def test_long_speech_is_cut_at_its_pauses() -> None:
    found = spans(windows((20, 0.9), (0.3, 0.05), (20, 0.9), (0.3, 0.05), (20, 0.9)))
    assert [start for start, _ in found[1:]] == [end for _, end in found[:-1]]
    assert [end for _, end in found[:-1]] == pytest.approx([20.15, 40.45], abs=0.2)


@pytest.mark.parametrize("length", [27.9, 28.1, 300])
def test_no_span_is_longer_than_an_engine_hears(length: float) -> None:
    found = spans(windows((length, 0.9)))
    assert max(end - start for start, end in found) <= MAX_SPEECH_SECONDS
    assert min(end - start for start, end in found) > 0.1
    assert seconds(found) == pytest.approx(length, abs=0.1)


def test_a_mono_mix_is_one_sound_of_both_sides() -> None:
    call = shared("gcp_two_channel_16k.wav")
    assert seconds(speech_in(mixed(call))) >= max(seconds(speech_in(channel)) for channel in call)
