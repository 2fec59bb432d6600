"""faster-whisper: Whisper models by CTranslate2, from a local folder; fetched by name only when told to."""

from importlib.util import find_spec
from pathlib import Path

from callwright.errors import SetupError, StepFailed
from callwright.transcription.engine import EngineOptions, Heard, Segment, primary
from callwright.transcription.vad import Floats

NEEDED = ("model.bin", "config.json", "tokenizer.json")
"""Without its tokenizer, faster-whisper would fetch one from the network."""


class FasterWhisper:
    """One model in memory.

    Args:
        folder: The converted model.
        model: Its name in the transcript.
    """

    name = "faster-whisper"
    draft = False
    joins = True

    def __init__(self, folder: Path, model: str) -> None:
        from faster_whisper import WhisperModel  # noqa: PLC0415 - an extra, loaded only when it is chosen

        self.model = model
        # One thread: a worker takes as many calls at a time as there are cores. `auto` is the fastest type of number
        # that the processor offers, https://opennmt.net/CTranslate2/quantization.html.
        self._whisper = WhisperModel(str(folder), compute_type="auto", cpu_threads=1)

    def transcribe(self, samples: Floats, languages: tuple[str, ...]) -> Heard:
        """See `Engine.transcribe`."""
        known = [code for code in map(primary, languages) if code in self._whisper.supported_languages]
        if languages and not known:
            raise StepFailed("transcription_failed", f"The speech model {self.model} does not know this language.")
        try:
            found, about = self._whisper.transcribe(
                samples,
                language=self._likeliest(samples, known) if len(known) > 1 else next(iter(known), None),
                word_timestamps=True,
                condition_on_previous_text=False,
            )
            segments = [
                Segment(float(word.start), float(word.end), word.word, float(word.probability))
                for part in found
                for word in part.words or ()
            ]
        except RuntimeError as error:  # CTranslate2: out of memory, a lost device
            raise StepFailed("transcription_failed", "The speech engine failed.", retry=True) from error
        return Heard(segments, about.language)

    def _likeliest(self, samples: Floats, codes: list[str]) -> str:
        """The one of some languages that these samples are in."""
        _, _, chances = self._whisper.detect_language(samples)
        by_code = dict(chances)
        return max(codes, key=lambda code: by_code.get(code, 0.0))


def load(target: str, options: EngineOptions) -> FasterWhisper:
    """Load the model.

    Args:
        target: A folder, or the name of a model that `pull_model` has fetched.
        options: `models` is where it was put.

    Raises:
        SetupError: The package or the model is missing, or the model cannot be read.
    """
    folder = _find(target, options.models)
    try:
        return FasterWhisper(folder, folder.name if Path(target).is_dir() else target)
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
