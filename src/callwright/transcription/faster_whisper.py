"""faster-whisper: Whisper models by CTranslate2, from a local folder; fetched by name only when told to."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from callwright.errors import SetupError, StepFailed
from callwright.transcription.engine import EngineOptions, Heard, Segment, primary
from callwright.transcription.vad import RATE, Floats

if TYPE_CHECKING:
    from faster_whisper.transcribe import Segment as WhisperSegment

NEEDED = ("model.bin", "config.json", "tokenizer.json")
"""Without its tokenizer, faster-whisper would fetch one from the network."""


GPU_BATCH = 8
"""Pieces at a time on a GPU, faster-whisper's own default: more needs more of its memory."""

WINDOW_SECONDS = 30
"""What Whisper hears at a time, however short a piece is."""


class FasterWhisper:
    """One model in memory.

    Args:
        folder: The converted model.
        model: Its name in the transcript.
        batch: Pieces at a time; None is `GPU_BATCH` on a GPU, and one after the other on a processor.
    """

    draft = False
    joins = True

    def __init__(self, folder: Path, model: str, batch: int | None = None) -> None:
        from faster_whisper import BatchedInferencePipeline, WhisperModel  # noqa: PLC0415 - an extra, where it is chosen

        self.model = model
        # One thread: a worker takes as many calls at a time as there are cores. `auto` is the fastest type of number
        # that the processor offers, https://opennmt.net/CTranslate2/quantization.html.
        self._whisper = WhisperModel(str(folder), compute_type="auto", cpu_threads=1)
        self.batch = batch or (GPU_BATCH if self._whisper.model.device == "cuda" else 1)
        # Batched, it tries nothing again at a higher temperature: other words may come of it, so it has another name.
        self.name = "faster-whisper-batched" if self.batch > 1 else "faster-whisper"
        self._batched = BatchedInferencePipeline(self._whisper)

    def transcribe(self, samples: Floats, languages: tuple[str, ...]) -> Heard:
        """See `Engine.transcribe`."""
        known = self._known(languages)
        with _failing():
            found, about = self._whisper.transcribe(
                samples,
                language=self._likeliest(samples, known) if len(known) > 1 else next(iter(known), None),
                word_timestamps=True,
                condition_on_previous_text=False,
            )
            return Heard([word for part in found for word in _words(part, 0.0)], about.language)

    def transcribe_together(self, sounds: Sequence[Floats], languages: tuple[str, ...]) -> list[Heard]:
        """See `BatchEngine.transcribe_together`; a batch is heard in one language, so that it has to be known."""
        known = self._known(languages)
        if len(known) != 1 or len(sounds) == 1:
            return [self.transcribe(samples, languages) for samples in sounds]
        window = WINDOW_SECONDS * RATE
        audio = np.zeros(len(sounds) * window, np.float32)
        clips = []
        for number, samples in enumerate(sounds):
            audio[number * window : number * window + len(samples)] = samples[:window]
            start = number * WINDOW_SECONDS
            clips.append({"start": start, "end": start + min(len(samples) / RATE, WINDOW_SECONDS)})
        heard: list[list[Segment]] = [[] for _ in sounds]
        with _failing():
            found, _ = self._batched.transcribe(
                audio, language=known[0], clip_timestamps=clips, batch_size=self.batch, word_timestamps=True
            )
            for part in found:
                number = part.seek // (WINDOW_SECONDS * self._whisper.frames_per_second)
                heard[number] += _words(part, number * WINDOW_SECONDS)
        return [Heard(segments, known[0]) for segments in heard]

    def _known(self, languages: tuple[str, ...]) -> list[str]:
        """Those of the languages that the model knows, by its own names."""
        known = [code for code in map(primary, languages) if code in self._whisper.supported_languages]
        if languages and not known:
            raise StepFailed("transcription_failed", f"The speech model {self.model} does not know this language.")
        return known

    def _likeliest(self, samples: Floats, codes: list[str]) -> str:
        """The one of some languages that these samples are in."""
        _, _, chances = self._whisper.detect_language(samples)
        by_code = dict(chances)
        return max(codes, key=lambda code: by_code.get(code, 0.0))


@contextmanager
def _failing() -> Iterator[None]:
    """Say of what CTranslate2 raises (out of memory, a lost device) that the engine failed."""
    try:
        yield
    except RuntimeError as error:
        raise StepFailed("transcription_failed", "The speech engine failed.", retry=True) from error


def _words(part: "WhisperSegment", offset: float) -> list[Segment]:
    """The words of a segment at their times in a piece that begins so many seconds into what was heard."""
    return [
        Segment(max(0.0, float(word.start) - offset), float(word.end) - offset, word.word, float(word.probability))
        for word in part.words or ()
    ]


def load(target: str, options: EngineOptions) -> FasterWhisper:
    """Load the model.

    Args:
        target: A folder, or the name of a model that `pull_model` has fetched.
        options: `models` is where it was put, `batch` how many pieces it hears at a time.

    Raises:
        SetupError: The package or the model is missing, or the model cannot be read.
    """
    folder = _find(target, options.models)
    try:
        return FasterWhisper(folder, folder.name if Path(target).is_dir() else target, options.batch)
    except Exception as error:  # CTranslate2 and tokenizers raise what they like for a file that is none of theirs
        raise SetupError(
            f"The speech model in {folder} cannot be loaded: {error}", "Fetch or convert it again"
        ) from error


def check(target: str, options: EngineOptions) -> str:
    """Say what there is.

    Raises:
        SetupError: The package or the model is missing.
    """
    folder = _find(target, options.models)
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    return f"faster-whisper, {folder.name if Path(target).is_dir() else target}, {size / 1e6:,.0f} MB"


def pull_model(name: str, folder: Path) -> Path:
    """Fetch a model by its name into a folder of models.

    Args:
        name: As `small`, or `<owner>/<model>` of a CTranslate2 model on the Hugging Face hub.
        folder: The folder of models; made where it is missing.

    Returns:
        The model's own folder.

    Raises:
        SetupError: The package is missing, there is no such model, or it cannot be fetched.
    """
    _need_package()
    from faster_whisper.utils import download_model  # noqa: PLC0415
    from httpx import HTTPError  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    try:
        return Path(download_model(name, cache_dir=str(folder)))
    except ValueError as error:  # an unknown name, or a malformed one
        raise SetupError(f"There is no model {name!r}: {error}", "callwright models list") from error
    except (OSError, HTTPError) as error:
        reason = str(error).partition("\n")[0]
        raise SetupError(
            f"The model {name!r} cannot be fetched: {reason}", "Check the name and the network, then try again"
        ) from error


def list_models(folder: Path) -> list[tuple[str, int]]:
    """The models in a folder of models, as (name on the hub, bytes), in order of name."""
    _need_package()
    from huggingface_hub import scan_cache_dir  # noqa: PLC0415

    if not folder.is_dir():
        return []
    return sorted((model.repo_id, model.size_on_disk) for model in scan_cache_dir(folder).repos)


def _find(target: str, models: Path | None) -> Path:
    """The folder with the model's files."""
    _need_package()
    if not target:
        raise SetupError(
            "No model is named", "Set CALLWRIGHT_TRANSCRIBER to faster-whisper:<folder or model name, as small>"
        )
    folder = Path(target).expanduser() if Path(target).expanduser().is_dir() else _pulled(target, models)
    if missing := [name for name in NEEDED if not (folder / name).is_file()]:
        raise SetupError(f"The speech model in {folder} lacks {', '.join(missing)}", "Fetch or convert it again")
    return folder


def _pulled(name: str, models: Path | None) -> Path:
    from faster_whisper.utils import download_model  # noqa: PLC0415

    try:
        return Path(download_model(name, cache_dir=str(models) if models else None, local_files_only=True))
    except ValueError as error:
        raise SetupError(f"There is no model or folder {name!r}", "callwright models list") from error
    except OSError as error:
        raise SetupError(f"The model {name!r} is not here", f"callwright models pull {name}") from error


def _need_package() -> None:
    if find_spec("faster_whisper") is None:
        raise SetupError("faster-whisper is not installed", "pip install 'callwright[faster-whisper]'")
