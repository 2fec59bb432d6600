"""Two voices in one channel: told apart where there are two, left alone where there is one."""

import numpy as np
import pytest

from callwright.transcription.vad import ENTER, WINDOW, Samples, listen
from callwright.transcription.voices import two_voices
from sound import CALL, RATE, demo, mixed, noise, shared, silence


def confusion(call: Samples) -> float:
    """Share of the windows in which one side alone speaks, that the mix gives to the wrong voice; 1 for one voice."""
    agent, customer = (listen(channel).probability >= ENTER for channel in call)
    mix = mixed(call)
    voices = two_voices(mix, listen(mix).probability)
    if voices is None:
        return 1.0
    judged = (agent != customer) & (voices >= 0)
    wrong = float(np.mean((voices == 1)[judged] != customer[judged]))
    return min(wrong, 1 - wrong)


def test_a_real_call_mixed_down_is_parted() -> None:
    assert confusion(shared(CALL)[:, : 80 * RATE]) < 0.03


def test_most_of_the_made_calls_are_parted_and_the_others_left_as_one() -> None:
    """Fifteen seconds of two synthesised voices are little to go by; what is parted is parted well."""
    names = ("competitor-in-place.mp4", "next-step-booked.mp3", "price-handled.m4a", "timeline-worry.m4a")
    found = sorted(confusion(demo(name)) for name in names)
    assert found[1] < 0.05
    assert all(share < 0.15 or share == 1.0 for share in found)


@pytest.mark.parametrize("channel", [0, 1])
def test_one_side_of_a_call_is_one_voice(channel: int) -> None:
    side = shared(CALL)[channel, : 120 * RATE]
    assert two_voices(side, listen(side).probability) is None


def test_a_short_recording_is_one_voice() -> None:
    speech = shared("jfk.wav")[0]
    assert two_voices(speech, listen(speech).probability) is None


def test_two_made_voices_are_parted_and_silence_is_nobody() -> None:
    hum = [
        np.convolve(noise(4, -20, seed), np.ones(width) / width, "same").astype(np.int16)
        for seed, width in ((1, 2), (2, 12))
    ]
    sound = np.concatenate([part for _ in range(4) for part in (hum[0], silence(1.024), hum[1], silence(1.024))])
    probability = np.where(np.abs(sound[: len(sound) // WINDOW * WINDOW]).reshape(-1, WINDOW).max(axis=1) > 0, 0.9, 0)
    voices = two_voices(sound, probability.astype(np.float32))
    assert voices is not None
    assert set(voices[probability == 0]) == {-1}
    seconds = np.arange(len(voices)) * WINDOW / RATE % (2 * 5.024)
    assert len(set(voices[(seconds > 0.2) & (seconds < 3.8)])) == 1
    assert len(set(voices[(seconds > 5.3) & (seconds < 8.8)])) == 1
    assert set(voices) == {-1, 0, 1}


def test_the_same_voice_throughout_is_one_voice() -> None:
    sound = noise(30, -20)
    assert two_voices(sound, np.full(len(sound) // WINDOW, 0.9, np.float32)) is None


def test_unvaried_sound_is_one_voice() -> None:
    flat = np.zeros(30 * RATE, np.int16)
    assert two_voices(flat, np.full(len(flat) // WINDOW, 0.9, np.float32)) is None
