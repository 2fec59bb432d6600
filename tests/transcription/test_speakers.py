"""Who speaks: by channel where there are two signals, by voice where there is one."""

from itertools import pairwise

import numpy as np
import pytest

from callwright.transcription.speakers import find_speech, one_signal, without_bleed
from callwright.transcription.vad import Activity
from sound import CALL, RATE, Sound, mixed, noise, quieter, shared, silence, tone


def stereo(left: Sound, right: Sound) -> Sound:
    length = max(len(left), len(right))
    return np.stack([np.pad(side, (0, length - len(side))) for side in (left, right)])


def spoken(recording: Sound, agent_channel: int = 0) -> tuple[str, dict[str, float]]:
    """How the speakers were told apart, and seconds by speaker."""
    source, speech = find_speech(recording, agent_channel)
    return source, {
        name: sum(part.end - part.start for part in speech if part.speaker == name) for name in ("agent", "customer")
    }


@pytest.mark.parametrize(
    ("right", "copy"),
    [
        (noise(20, -20), True),
        (-noise(20, -20), True),
        (noise(20, -26), True),
        (noise(20, -20, seed=2), False),
        (silence(20), False),
        (noise(20, -70, seed=2), False),
        (noise(20, -45), False),
    ],
    ids=["same", "inverted", "quieter", "another", "silent", "hiss", "leak"],
)
def test_a_copy_is_mono_in_disguise_and_a_silent_side_is_not(right: Sound, copy: bool) -> None:
    assert one_signal(stereo(noise(20, -20), right)) is copy


def test_a_copy_with_noise_of_its_own_is_still_a_copy() -> None:
    left = noise(20, -20)
    assert one_signal(stereo(left, left + noise(20, -45, seed=3)))


def test_sides_that_leak_into_each_other_are_two_signals() -> None:
    agent, customer = noise(10, -20, seed=1), noise(10, -20, seed=2)
    left = np.concatenate((agent, quieter(customer, 10)))
    right = np.concatenate((quieter(agent, 10), customer))
    assert not one_signal(stereo(left, right))


def test_silence_is_no_copy() -> None:
    assert not one_signal(stereo(silence(5), silence(5)))
    assert not one_signal(stereo(silence(0.1), silence(0.1)))


def test_each_channel_is_a_speaker() -> None:
    call = shared(CALL)[:, : 20 * RATE]
    source, seconds = spoken(call)
    assert source == "channels"
    assert seconds["customer"] > seconds["agent"] > 3
    assert spoken(call, agent_channel=1) == ("channels", {"agent": seconds["customer"], "customer": seconds["agent"]})


def test_a_side_that_says_nothing_has_no_speech() -> None:
    source, seconds = spoken(stereo(shared("jfk.wav")[0], silence(11)))
    assert source == "channels"
    assert seconds["agent"] > 5
    assert seconds["customer"] == 0


def test_an_echo_is_not_the_other_speaker() -> None:
    speech = shared("jfk.wav")[0]
    _, seconds = spoken(stereo(speech, np.roll(quieter(speech, 22), 800)))
    assert seconds["agent"] > 5
    assert seconds["customer"] == 0


def test_two_who_talk_at_once_are_both_heard() -> None:
    speech = shared("jfk.wav")[0]
    _, seconds = spoken(stereo(speech, quieter(np.roll(speech, 4 * RATE), 8)))
    assert seconds["customer"] > 0.7 * seconds["agent"] > 3


def test_a_quiet_side_keeps_its_speech_under_a_loud_one() -> None:
    """Thirty windows alone at -40 dB show how this side sounds; at that level it is no leak of the other."""
    own = Activity(np.full(200, 0.9, np.float32), np.full(200, -40, np.float32))
    other = Activity(
        np.concatenate((np.zeros(100), np.full(100, 0.9))).astype(np.float32),
        np.concatenate((np.full(100, -80), np.full(100, -15))).astype(np.float32),
    )
    assert without_bleed(own, other).min() > 0.5
    leak = Activity(own.probability, np.where(np.arange(200) < 100, -40, -55).astype(np.float32))
    assert without_bleed(leak, other)[110:].max() == 0
    assert without_bleed(leak, other)[:90].min() > 0.5


def test_a_copied_call_is_split_by_voice_and_the_talkative_one_is_the_agent() -> None:
    mono = mixed(shared(CALL)[:, : 60 * RATE])
    source, speech = find_speech(stereo(mono, -mono), 0)
    assert source == "voices"
    times = {
        name: sum(part.end - part.start for part in speech if part.speaker == name) for name in ("agent", "customer")
    }
    assert times["agent"] > 2 * times["customer"] > 10
    assert all(before.end <= after.start for before, after in pairwise(speech))
    assert all(0 <= part.start < part.end <= 60 for part in speech)


def test_a_lone_voice_is_the_agents() -> None:
    source, seconds = spoken(shared("jfk.wav"))
    assert source == "single"
    assert seconds["agent"] > 5
    assert seconds["customer"] == 0


def test_tones_and_silence_are_nobody() -> None:
    assert spoken(stereo(tone(5, -20), silence(5)))[1] == {"agent": 0, "customer": 0}
