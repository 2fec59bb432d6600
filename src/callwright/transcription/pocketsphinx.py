"""The embedded engine: PocketSphinx with the US English model of its wheel; a draft, never more."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from callwright.errors import SetupError, StepFailed
from callwright.transcription.engine import EngineOptions, Heard, Segment, primary
from callwright.transcription.vad import RATE, Floats

MODEL = "en-us"
FRAME_SECONDS = 0.01
MAX_STATES_PER_FRAME = 10_000
MAX_WORDS_PER_FRAME = 10
"""A third of the default states and a bound on word exits: 2.3 times as fast (3.7 against 1.6 times real time), and on
nine recordings (45 words, clean and as mu-law) with word error rates of 0.15 and 0.55 against 0.17 and 0.51."""


class PocketSphinx:
    """One decoder; about 240 MB of memory, nearly all of it the language model."""

    name = "pocketsphinx"
    model = MODEL
    draft = True
    joins = True  # its cepstral mean needs seconds: 0.18 word errors on the Kennedy recording, 0.45 span by span

    def __init__(self) -> None:
        from pocketsphinx import Decoder  # noqa: PLC0415 - engines load their packages only when they are chosen

        self._decoder = Decoder(
            samprate=RATE, loglevel="FATAL", maxhmmpf=MAX_STATES_PER_FRAME, maxwpf=MAX_WORDS_PER_FRAME
        )

    def transcribe(self, samples: Floats, languages: tuple[str, ...]) -> Heard:
        """See `Engine.transcribe`.

        There is no confidence: the word posteriors of this model say little, below 0.05 for many a right word.
        """
        if languages and "en" not in map(primary, languages):
            raise StepFailed("transcription_failed", "The speech engine pocketsphinx knows no language but English.")
        decoder = self._decoder
        # Without this its noise estimate carries over, and the same call reads differently after another one.
        decoder.reinit_feat()
        decoder.start_utt()
        # The whole utterance at once, so that the cepstral mean is that of the utterance.
        decoder.process_raw((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is None:
            return Heard((), "en")
        words = [
            Segment(word.start_frame * FRAME_SECONDS, (word.end_frame + 1) * FRAME_SECONDS, word.word.split("(")[0])
            for word in decoder.seg()
            if not word.word.startswith(("<", "["))
        ]
        return Heard(words, "en")


def load(target: str, options: EngineOptions) -> PocketSphinx:
    """Load the decoder.

    Raises:
        SetupError: The package or the model in it is missing.
    """
    check(target, options)
    return PocketSphinx()


def check(target: str, options: EngineOptions) -> str:  # noqa: ARG001 - all engines are asked alike
    """Say what there is.

    Raises:
        SetupError: The package or the model in it is missing, or the setting names a model.
    """
    if target:
        raise SetupError(
            "The speech engine pocketsphinx takes no model", "Set CALLWRIGHT_TRANSCRIBER to pocketsphinx alone"
        )
    package = find_spec("pocketsphinx")
    model = Path(package.origin).parent / "model" / MODEL / MODEL / "mdef" if package and package.origin else None
    if model is None or not model.is_file():
        raise SetupError("The package pocketsphinx, or the model in it, is missing", "pip install pocketsphinx")
    return "pocketsphinx, US English, draft quality: good for who speaks when, not for the words"
