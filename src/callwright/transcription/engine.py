"""The one interface to speech engines, and how a setting becomes an engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, runtime_checkable

from callwright.errors import SetupError
from callwright.transcription.vad import Floats


@dataclass(frozen=True, slots=True)
class Segment:
    """Words that an engine heard, as it says; not yet checked.

    Attributes:
        start: Seconds from the start of the samples that it was given.
        end: Likewise.
        text: One word, or a few.
        confidence: 0 to 1, or None where the engine has no opinion that means anything.
    """

    start: float
    end: float
    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What an engine made of one piece of audio.

    Attributes:
        segments: In order.
        language: BCP 47 tag that the engine recognised or was told, None where it does not say.
    """

    segments: Sequence[Segment]
    language: str | None = None


class Engine(Protocol):
    """A speech engine, loaded and ready; used by one thread at a time.

    Attributes:
        name: As in the transcript.
        model: Likewise, None where it has no name.
        draft: Whether its words must not be relied on.
        joins: Whether it is given several spans of a channel at a time, up to 28 s: for engines that give every word
            its time, and do better or cost less with more to hear.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - as above

    @property
    def model(self) -> str | None: ...  # noqa: D102

    @property
    def draft(self) -> bool: ...  # noqa: D102

    @property
    def joins(self) -> bool: ...  # noqa: D102

    def transcribe(self, samples: Floats, languages: tuple[str, ...]) -> Heard:
        """Put speech into words.

        Args:
            samples: Mono, 16 kHz, -1 to 1, at most 30 s, shape (samples,).
            languages: BCP 47 tags of what may be spoken: one that is, or several or none where the engine has to find
                out.

        Raises:
            StepFailed: The engine cannot do it, now or at all.
        """
        ...


@runtime_checkable
class BatchEngine(Engine, Protocol):
    """An engine that hears several pieces in about the time of one, as a GPU does.

    Attributes:
        batch: How many at a time; 1 where it has been told to hear one after the other.
    """

    @property
    def batch(self) -> int: ...  # noqa: D102 - as above

    def transcribe_together(self, sounds: Sequence[Floats], languages: tuple[str, ...]) -> list[Heard]:
        """Put several pieces into words, each by itself; see `Engine.transcribe`.

        Args:
            sounds: At most `batch`, each as `samples` there.
            languages: As there, of all of them.

        Returns:
            What was heard in each.

        Raises:
            StepFailed: As there.
        """
        ...


_MODULES = {
    "pocketsphinx": "callwright.transcription.pocketsphinx",
    "faster-whisper": "callwright.transcription.faster_whisper",
    "openai": "callwright.transcription.openai",
}


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What an engine may need beside its name.

    Attributes:
        api_key: For a speech server that asks for one.
        ca_file: PEM file with further certificate authorities to trust, for a speech server.
        models: The folder into which `pull_model` puts models.
        batch: Pieces that an engine which takes several hears at a time; None as many as are good where it runs.
    """

    api_key: str | None = None
    ca_file: Path | None = None
    models: Path | None = None
    batch: int | None = None


class _EngineModule(Protocol):
    def load(self, target: str, options: EngineOptions) -> Engine: ...

    def check(self, target: str, options: EngineOptions) -> str: ...


@cache
def load_engine(spec: str, options: EngineOptions = EngineOptions()) -> Engine:
    """The engine that a setting names, loaded once per process.

    Args:
        spec: `pocketsphinx`, `faster-whisper:<folder or model name>` or `openai:<base URL>#<model>`.
        options: Keys, certificates and folders; like `spec` it can be sent to another process.

    Raises:
        SetupError: There is no such engine, or its package or model is missing.
    """
    module, target = _module(spec)
    return module.load(target, options)


def check_engine(spec: str, options: EngineOptions = EngineOptions()) -> str:
    """One line on the engine that a setting names, without loading its model.

    Raises:
        SetupError: As `load_engine` would, or the speech server does not answer.
    """
    module, target = _module(spec)
    return module.check(target, options)


def primary(tag: str) -> str:
    """The language of a BCP 47 tag, without script and region, as engines name it: `hi` of `hi-IN`."""
    return tag.split("-", maxsplit=1)[0].lower()


def _module(spec: str) -> tuple[_EngineModule, str]:
    name, _, target = spec.strip().partition(":")
    if name not in _MODULES:
        raise SetupError(
            f"There is no speech engine {name!r}",
            "Set CALLWRIGHT_TRANSCRIBER to pocketsphinx, faster-whisper:<folder or model name> "
            "or openai:<base URL>#<model>",
        )
    module: _EngineModule = import_module(_MODULES[name])
    return module, target
