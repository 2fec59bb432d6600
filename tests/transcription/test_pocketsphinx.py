"""The embedded engine, for real."""

from pathlib import Path

import numpy as np
import pytest

from callwright.errors import SetupError, StepFailed
from callwright.transcription.conversation import transcribe
from callwright.transcription.engine import Engine, check_engine, load_engine
from sound import CALL, RATE, shared, written


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine("pocketsphinx")


def test_it_says_what_it_is(engine: Engine) -> None:
    assert (engine.name, engine.model, engine.draft) == ("pocketsphinx", "en-us", True)
    assert "draft" in check_engine("pocketsphinx")
    assert load_engine("pocketsphinx") is engine


def test_it_hears_a_known_speech(engine: Engine, tmp_path: Path) -> None:
    transcript = transcribe(**written(tmp_path, shared("jfk.wav")), engine=engine)
    text = " ".join(turn.text for turn in transcript.turns)
    assert "country" in text
    assert "fellow" in text
    assert not set(text) & set("<>[]()")
    assert transcript.quality == "draft"
    assert transcript.language == "en"
    assert {turn.confidence for turn in transcript.turns} == {None}


def test_it_hears_both_sides_of_a_telephone_call(engine: Engine, tmp_path: Path) -> None:
    transcript = transcribe(**written(tmp_path, shared(CALL)[:, : 12 * RATE]), engine=engine, agent_channel=0)
    assert [turn.speaker for turn in transcript.turns] == ["agent", "customer"]
    assert transcript.coverage is not None
    assert transcript.coverage > 0.7


def test_a_recording_reads_the_same_after_another_one(engine: Engine) -> None:
    speech, other = (shared(name)[0].astype(np.float32) / 32_768 for name in ("gcp_audio.wav", "gcp_fair.wav"))
    first = engine.transcribe(speech, ())
    engine.transcribe(other, ())
    assert engine.transcribe(speech, ("en-GB",)) == first
    assert first.segments


def test_words_have_times_in_order(engine: Engine) -> None:
    heard = engine.transcribe(shared("gcp_audio.wav")[0].astype(np.float32) / 32_768, ())
    times = [time for word in heard.segments for time in (word.start, word.end)]
    assert times == sorted(times)
    assert [word.text for word in heard.segments][-2:] == ["brooklyn", "bridge"]


@pytest.mark.parametrize("length", [1, 100, RATE])
def test_next_to_nothing_is_no_crash(engine: Engine, length: int) -> None:
    assert len(engine.transcribe(np.zeros(length, np.float32), ()).segments) <= 1


def test_another_language_is_refused(engine: Engine) -> None:
    with pytest.raises(StepFailed) as failure:
        engine.transcribe(np.zeros(RATE, np.float32), ("de-DE",))
    assert (failure.value.code, failure.value.retry) == ("transcription_failed", False)


def test_it_takes_no_model() -> None:
    with pytest.raises(SetupError) as error:
        load_engine("pocketsphinx:large")
    assert error.value.fix == "Set CALLWRIGHT_TRANSCRIBER to pocketsphinx alone"


@pytest.mark.parametrize("spec", ["", "vosk", "whisper:small", "Pocketsphinx"])
def test_an_unknown_engine_is_a_setting_to_correct(spec: str) -> None:
    for ask in (load_engine, check_engine):
        with pytest.raises(SetupError) as error:
            ask(spec)
        assert "CALLWRIGHT_TRANSCRIBER" in error.value.fix
