"""From a decoded recording to a transcript, with an engine whose every word is known."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from callwright.errors import StepFailed
from callwright.transcription import Dropped, Span, Transcript, Turn
from callwright.transcription.conversation import PartnerTurn, coverage, from_partner, transcribe
from callwright.transcription.engine import Heard, Segment
from callwright.transcription.vad import Floats
from sound import CALL, RATE, mixed, noise, shared, silence, tone, written

CALL_SECONDS = 20


@dataclass
class Clock:
    """An engine that says a word for each half second it hears, and keeps what it was given."""

    joins: bool = False
    name: str = "clock"
    model: str | None = "half-seconds"
    draft: bool = False
    said: str | None = None
    given: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)

    def transcribe(self, samples: Floats, languages: tuple[str, ...]) -> Heard:
        assert samples.dtype == np.float32
        assert np.abs(samples).max() <= 1
        seconds = len(samples) / RATE
        self.given.append((seconds, languages))
        steps = np.arange(0, seconds - 0.25, 0.5)
        return Heard([Segment(float(at), float(at) + 0.45, f"w{at:g}", 0.8) for at in steps], self.said)


@dataclass
class Liar(Clock):
    """An engine that says what it should not."""

    def transcribe(self, samples: Floats, languages: tuple[str, ...]) -> Heard:
        wrong = [math.nan, -math.inf, -1e300, 1e300, 5.0, -0.0]
        return Heard([Segment(a, b, "a\x00b\ud800 \x1b", a) for a in wrong for b in wrong])


@pytest.fixture
def call(tmp_path: Path) -> dict[str, object]:
    return written(tmp_path, shared(CALL)[:, : CALL_SECONDS * RATE])


def in_order(transcript: Transcript) -> bool:
    """Whether turns are numbered, ordered, and inside the recording."""
    turns = transcript.turns
    return (
        [turn.id for turn in turns] == list(range(len(turns)))
        and [turn.start for turn in turns] == sorted(turn.start for turn in turns)
        and all(0 <= turn.start < turn.end <= transcript.seconds for turn in turns)
    )


@pytest.mark.parametrize("joins", [False, True])
def test_a_stereo_call_becomes_turns_of_two_speakers(call: dict[str, object], joins: bool) -> None:
    engine = Clock(joins=joins)
    transcript = transcribe(**call, engine=engine, agent_channel=0, languages=("en",))  # type: ignore[arg-type]
    assert (transcript.engine, transcript.model, transcript.quality) == ("clock", "half-seconds", "final")
    assert (transcript.speakers, transcript.language, transcript.seconds) == ("channels", "en", CALL_SECONDS)
    assert in_order(transcript)
    assert [turn.speaker for turn in transcript.turns][:2] == ["agent", "customer"]
    assert transcript.coverage is not None
    assert transcript.coverage > 0.85
    assert {turn.confidence for turn in transcript.turns} == {0.8}
    spoken = sum(span.end - span.start for span in transcript.speech)
    assert spoken < sum(seconds for seconds, _ in engine.given) < spoken + 0.6 * len(transcript.speech)
    assert len(engine.given) == (2 if joins else len(transcript.speech))


def test_silence_never_reaches_the_engine(tmp_path: Path) -> None:
    speech = shared("jfk.wav")[0]
    engine = Clock()
    sound = np.concatenate((silence(30), speech, silence(30)))
    transcript = transcribe(**written(tmp_path, sound), engine=engine)
    assert sum(seconds for seconds, _ in engine.given) < 11
    assert transcript.speakers == "single"
    assert 30 < transcript.turns[0].start < transcript.turns[-1].end < 41.2


@pytest.mark.parametrize("joins", [False, True])
def test_no_piece_is_longer_than_an_engine_hears(tmp_path: Path, joins: bool) -> None:
    engine = Clock(joins=joins)
    transcript = transcribe(**written(tmp_path, np.tile(shared("jfk.wav")[0], 4)), engine=engine)
    assert max(seconds for seconds, _ in engine.given) <= 30
    assert in_order(transcript)
    if joins:
        assert len(engine.given) < 3 < len(transcript.speech)


def test_the_longest_pieces_vote_on_the_language_until_it_is_decided(call: dict[str, object]) -> None:
    engine = Clock(said="fr")
    transcript = transcribe(**call, engine=engine)  # type: ignore[arg-type]
    lengths = [seconds for seconds, _ in engine.given]
    asked = [languages for _, languages in engine.given]
    voted = asked.count(())
    assert lengths[:voted] == sorted(lengths, reverse=True)[:voted]
    assert 1 < voted < len(asked)
    assert asked[voted:] == [("fr",)] * (len(asked) - voted)
    assert transcript.language == "fr"


def test_a_piece_that_was_heard_in_another_language_is_heard_again(call: dict[str, object]) -> None:
    class Wavering(Clock):
        def transcribe(self, samples: Floats, languages: tuple[str, ...]) -> Heard:
            self.said = languages[0] if len(languages) == 1 else ("ur" if not self.given else "hi")
            return super().transcribe(samples, languages)

    engine = Wavering()
    transcript = transcribe(**call, engine=engine, languages=("en", "hi-IN"))  # type: ignore[arg-type]
    assert transcript.language == "hi-IN", "as the list has it, and nothing outside of it"
    longest = max(seconds for seconds, _ in engine.given)
    assert [languages for seconds, languages in engine.given if seconds == longest] == [("en", "hi-IN"), ("hi-IN",)]


@dataclass
class Looping(Clock):
    """An engine that loses the thread after two seconds, and goes on talking after the end of what it was given."""

    def transcribe(self, samples: Floats, languages: tuple[str, ...]) -> Heard:
        heard = super().transcribe(samples, languages)
        seconds = len(samples) / RATE
        looped = [replace(word, text="thank you") if word.start >= 2 else word for word in heard.segments]
        after = [Segment(seconds + 1, seconds + 2, "Thanks for watching!"), Segment(29, 30, "Bye!")]
        return Heard([*looped, *after], "en")


def test_what_an_engine_makes_up_is_dropped_and_counted_and_covers_nothing(tmp_path: Path) -> None:
    recording = written(tmp_path, shared("jfk.wav"))
    honest = transcribe(**recording, engine=Clock(joins=True))
    transcript = transcribe(**recording, engine=Looping(joins=True))
    assert honest.dropped == Dropped(0, 0)
    said = " ".join(turn.text for turn in transcript.turns)
    assert said.count("thank you") == 1
    assert transcript.dropped is not None
    assert transcript.dropped.loops == 2 * sum(len(turn.text.split()) for turn in honest.turns) - 8 - 2
    assert transcript.dropped.over_silence == 4
    assert honest.coverage is not None
    assert transcript.coverage is not None
    assert honest.coverage > 0.85
    assert transcript.coverage < 0.4


def test_a_draft_engine_makes_a_draft(tmp_path: Path) -> None:
    transcript = transcribe(**written(tmp_path, shared("jfk.wav")), engine=Clock(draft=True))
    assert transcript.quality == "draft"


@pytest.mark.parametrize("joins", [False, True])
def test_a_lying_engine_is_cleaned(tmp_path: Path, joins: bool) -> None:
    transcript = transcribe(**written(tmp_path, shared("jfk.wav")), engine=Liar(joins=joins))
    assert transcript.turns
    assert in_order(transcript)
    assert all(set(turn.text) <= set("ab ") for turn in transcript.turns)
    assert TypeAdapter(Transcript).dump_json(transcript)


def test_an_engine_that_hears_nothing_leaves_speech_without_words(tmp_path: Path) -> None:
    class Deaf(Clock):
        def transcribe(self, samples: Floats, languages: tuple[str, ...]) -> Heard:
            return Heard(())

    transcript = transcribe(**written(tmp_path, shared("jfk.wav")), engine=Deaf())
    assert transcript.turns == ()
    assert transcript.speech
    assert transcript.coverage == 0


@pytest.mark.parametrize(
    "sound", [silence(5), tone(5, -20), noise(5, -60), silence(0)], ids=["0", "tone", "hiss", "none"]
)
def test_a_recording_without_speech_says_so(tmp_path: Path, sound: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
    engine = Clock()
    with pytest.raises(StepFailed) as failure:
        transcribe(**written(tmp_path, sound), engine=engine)
    assert (failure.value.code, failure.value.retry) == ("recording_silent", False)
    assert engine.given == []


def test_a_mono_call_is_told_apart_by_voice(tmp_path: Path) -> None:
    transcript = transcribe(**written(tmp_path, mixed(shared(CALL)[:, : 40 * RATE])), engine=Clock(joins=True))
    assert transcript.speakers == "voices"
    assert [turn.speaker for turn in transcript.turns][:2] == ["customer", "agent"], "the agent of this call says less"
    assert in_order(transcript)
    assert transcript.coverage is not None
    assert transcript.coverage > 0.85


def test_a_transcript_survives_json() -> None:
    turns: list[PartnerTurn] = [{"speaker": "agent", "start": 0, "end": 1.5, "text": "Grüße 👍"}]
    transcript = from_partner(turns, language="de")
    adapter = TypeAdapter(Transcript)
    assert adapter.validate_json(adapter.dump_json(transcript)) == transcript


def test_a_partners_transcript_is_taken_as_it_is() -> None:
    transcript = from_partner(
        [
            {"speaker": "customer", "start": 2, "end": 4, "text": "Fine,\x00 thanks."},
            {"speaker": "agent", "start": 0.5, "end": 1.5, "text": "How are you?"},
            {"speaker": "agent", "start": 5, "end": 5, "text": "Good."},
            {"speaker": "agent", "start": 6, "end": 7, "text": " \ud800 "},
            {"speaker": "agent", "start": math.nan, "end": 7, "text": "when?"},
        ]
    )
    assert transcript.turns == (
        Turn(0, "agent", 0.5, 1.5, "How are you?"),
        Turn(1, "customer", 2, 4, "Fine, thanks."),
        Turn(2, "agent", 5, 5.01, "Good."),
    )
    assert (transcript.engine, transcript.quality, transcript.speakers) == ("partner", "partner", "partner")
    assert transcript.speech[1] == Span("customer", 2, 4)
    assert (transcript.seconds, transcript.coverage, transcript.model) == (5.01, 1, None)


def test_a_partners_transcript_may_be_empty() -> None:
    transcript = from_partner([])
    assert (transcript.turns, transcript.speech, transcript.seconds, transcript.coverage) == ((), (), 0, None)


def test_coverage_counts_each_speakers_own_turns() -> None:
    speech = [Span("agent", 0, 2), Span("agent", 3, 4), Span("customer", 1, 2)]
    turns = [Turn(0, "agent", 0, 1, "a"), Turn(1, "agent", 0.5, 2, "b"), Turn(2, "agent", 5, 9, "c")]
    assert coverage(turns, speech) == 0.5
    assert coverage(turns, []) is None
