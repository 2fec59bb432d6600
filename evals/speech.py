"""Word errors of the configured speech engine, and confusion of speakers on mono mixes of two-channel calls."""

import csv
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
import numpy as np
import numpy.typing as npt

from callwright.recordings.audio import decode
from callwright.transcription import Transcript
from callwright.transcription.conversation import transcribe
from callwright.transcription.engine import Engine
from callwright.transcription.speakers import Speech, find_speech, one_signal
from callwright.transcription.vad import Samples

DEMO = Path(__file__).parents[1] / "demo" / "recordings"
FRAME_SECONDS = 0.01
ALONE_SECONDS = 0.5
"""Each side must speak alone for so long, or there is nobody to be confused with."""

_AS_WORDS = jiwer.Compose(
    [
        jiwer.ToLowerCase(),
        jiwer.RemovePunctuation(),  # type: ignore[no-untyped-call]
        jiwer.RemoveMultipleSpaces(),
        jiwer.Strip(),
        jiwer.ReduceToListOfListOfWords(),
    ]
)

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Reference:
    """A recording and what is said in it.

    Attributes:
        path: The recording.
        spoken: By speaker where the recording has a channel for each; else all of it under one key.
        source: `real` or `demo`.
    """

    path: Path
    spoken: dict[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class WordErrors:
    """One recording: words of the reference, and words that are wrong (substituted, left out or put in)."""

    name: str
    source: str
    words: int
    errors: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """One two-channel recording as a mono mix.

    Attributes:
        name: Its file.
        speakers: How the speakers of the mix were told apart: `voices` or `single`.
        seconds: Time in which exactly one speaker speaks, by the channels.
        confused: Of it, seconds that were given to the other one, by the better of the two ways to name the voices.
        missed: Of it, seconds that were given to nobody.
        swapped: Whether agent and customer were taken for each other.
    """

    name: str
    speakers: str
    seconds: float
    confused: float
    missed: float
    swapped: bool


def wer(found: Sequence[WordErrors]) -> float | None:
    """Word error rate over all recordings together; None where there is no word."""
    words = sum(each.words for each in found)
    return sum(each.errors for each in found) / words if words else None


def confusion_rate(found: Sequence[Confusion]) -> float | None:
    """Share of the speech time that was given to the wrong speaker, over all recordings together."""
    seconds = sum(each.seconds for each in found)
    return sum(each.confused for each in found) / seconds if seconds else None


def references(audio: Path) -> Iterator[Reference]:
    """Every recording with words that are known exactly: those of `index.tsv` in a folder, and the demo's.

    Args:
        audio: A folder with `index.tsv` (`file`, `reference_kind`, `reference`); may be missing.
    """
    index = audio / "index.tsv"
    if index.exists():
        with index.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                if row["reference_kind"].startswith("exact"):
                    yield Reference(audio / row["file"], {"all": row["reference"]}, "real")
    for made in json.loads((DEMO / "manifest.json").read_text("utf-8"))["recordings"]:
        spoken: dict[str, str] = {}
        for turn in made["turns"]:
            key = turn["speaker"] if made["properties"]["channels"] == 2 else "all"
            spoken[key] = f"{spoken.get(key, '')} {turn['text']}"
        yield Reference(DEMO / made["file"], spoken, "demo")


def two_channel(audio: Path) -> list[Path]:
    """The recordings that may hold a speaker on each channel; copies of one signal are told from their sound."""
    found = []
    index = audio / "index.tsv"
    if index.exists():
        with index.open(encoding="utf-8", newline="") as file:
            found = [audio / row["file"] for row in csv.DictReader(file, delimiter="\t") if row["channels"] == "2"]
    manifest = json.loads((DEMO / "manifest.json").read_text("utf-8"))["recordings"]
    return found + [DEMO / made["file"] for made in manifest if made["properties"]["channels"] == 2]


async def word_errors(reference: Reference, engine: Engine) -> WordErrors:
    """Transcribe a recording and count its wrong words.

    Raises:
        StepFailed: It cannot be decoded, nobody speaks in it, or the engine fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        decoded = await decode(reference.path, scratch=Path(scratch))
        transcript = transcribe(decoded.path, decoded.channels, decoded.samples, decoded.seconds, engine=engine)
    return counted(reference, transcript)


def counted(reference: Reference, transcript: Transcript) -> WordErrors:
    """Hold the words of a transcript against the reference, speaker by speaker where those are known.

    Upper and lower case and punctuation do not count; numbers count as they are written.
    """
    heard = {
        key: " ".join(turn.text for turn in transcript.turns if key in ("all", turn.speaker))
        for key in reference.spoken
    }
    speakers = sorted(reference.spoken)
    result = jiwer.process_words(
        [reference.spoken[key] for key in speakers],
        [heard[key] for key in speakers],
        reference_transform=_AS_WORDS,
        hypothesis_transform=_AS_WORDS,
    )
    words = result.hits + result.substitutions + result.deletions
    errors = result.substitutions + result.deletions + result.insertions
    return WordErrors(reference.path.name, reference.source, words, errors)


async def confusion(path: Path) -> Confusion | None:
    """Mix a two-channel recording down and see whether its speakers are found again; None where only one speaks.

    Raises:
        StepFailed: It cannot be decoded.
    """
    with tempfile.TemporaryDirectory() as scratch:
        decoded = await decode(path, scratch=Path(scratch))
        recording = np.fromfile(decoded.path, "<i2").reshape(decoded.channels, decoded.samples)
    if len(recording) != 2 or one_signal(recording):
        return None
    _, apart = find_speech(recording, 0)
    if shortest_alone(apart) < ALONE_SECONDS:
        return None
    speakers, found = find_speech(mixed(recording)[np.newaxis], 0)
    return confused(path.name, speakers, apart, found)


def shortest_alone(apart: Sequence[Speech]) -> float:
    """Seconds in which the one who speaks alone less does so."""
    agent, customer = (_active(apart, speaker, _frames(apart)) for speaker in ("agent", "customer"))
    return min(np.count_nonzero(agent & ~customer), np.count_nonzero(customer & ~agent)) * FRAME_SECONDS


def mixed(recording: Samples) -> Samples:
    """Two channels, shape (2, samples), as one: their mean, which cannot clip."""
    total = recording.astype(np.int32).sum(axis=0)
    return np.asarray(total // 2, np.int16)


def confused(name: str, speakers: str, apart: Sequence[Speech], found: Sequence[Speech]) -> Confusion:
    """Hold the speakers found in a mix against the channels' activity, where exactly one of the two speaks.

    Which voice is the agent's cannot be heard, so the better of the two ways to name them counts, as in a diarization
    error rate without a collar (NIST RT-09, section 6), of which this is the part called speaker error.

    Args:
        name: The recording.
        speakers: How the speakers of the mix were told apart.
        apart: Activity by channel.
        found: Activity by voice, in the mix.
    """
    frames = _frames([*apart, *found])
    agent, customer = _active(apart, "agent", frames), _active(apart, "customer", frames)
    as_agent, as_customer = _active(found, "agent", frames), _active(found, "customer", frames)
    alone = agent ^ customer
    named = alone & (as_agent ^ as_customer)
    straight = int(np.count_nonzero(named & (agent != as_agent)))
    crossed = int(np.count_nonzero(named)) - straight
    return Confusion(
        name=name,
        speakers=speakers,
        seconds=np.count_nonzero(alone) * FRAME_SECONDS,
        confused=min(straight, crossed) * FRAME_SECONDS,
        missed=np.count_nonzero(alone & ~(as_agent | as_customer)) * FRAME_SECONDS,
        swapped=crossed < straight,
    )


def _frames(speech: Sequence[Speech]) -> int:
    return round(max((each.end for each in speech), default=0.0) / FRAME_SECONDS) + 1


def _active(speech: Sequence[Speech], speaker: str, frames: int) -> Flags:
    flags = np.zeros(frames, np.bool_)
    for each in speech:
        if each.speaker == speaker:
            flags[round(each.start / FRAME_SECONDS) : round(each.end / FRAME_SECONDS)] = True
    return flags
