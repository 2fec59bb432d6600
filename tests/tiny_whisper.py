"""A Whisper model of random weights in the layout of CTranslate2: everything about it is real but its words."""

import json
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

WIDTH, HIDDEN, MELS, FRAMES, LENGTH = 16, 32, 80, 1_500, 448
SPECIAL = ("endoftext", "startoftranscript", "translate", "transcribe", "startoflm", "startofprev", "nospeech")


def build(folder: Path) -> Path:
    """Write the model: one layer each side, English only, letters and spaces for words."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer, tokens = _tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    shape = {"feature_size": MELS, "sampling_rate": 16_000, "hop_length": 160, "chunk_length": 30, "n_fft": 400}
    (folder / "preprocessor_config.json").write_text(json.dumps(shape))
    spec = ctranslate2.specs.WhisperSpec(1, 2, 1, 2)
    _Filler().fill(spec, tokens)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = []
    spec.config.alignment_heads = [[0, 0], [0, 1]]
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.save(str(folder))
    return folder


def _tokenizer() -> tuple[Tokenizer, list[str]]:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [f"<|{name}|>" for name in (*SPECIAL, "notimestamps")]
    special += [f"<|{place * 0.02:.2f}|>" for place in range(FRAMES + 1)]
    tokenizer.add_special_tokens(special)
    return tokenizer, [*letters, *special]


class _Filler:
    """Random weights from a fixed seed."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(7)

    def fill(self, spec: Any, tokens: list[str]) -> None:
        for side, positions in ((spec.encoder, FRAMES), (spec.decoder, LENGTH)):
            side.position_encodings.encodings = self._weights(positions, WIDTH)
            self._norm(side.layer_norm)
            layer = side.layer[0]
            for attention, parts in ((layer.self_attention, (3, 1)), (getattr(layer, "attention", None), (1, 2, 1))):
                if attention is not None:
                    self._norm(attention.layer_norm)
                    for linear, part in zip(attention.linear, parts, strict=True):
                        self._linear(linear, part * WIDTH, WIDTH)
            self._norm(layer.ffn.layer_norm)
            self._linear(layer.ffn.linear_0, HIDDEN, WIDTH)
            self._linear(layer.ffn.linear_1, WIDTH, HIDDEN)
        for conv, inputs in ((spec.encoder.conv1, MELS), (spec.encoder.conv2, WIDTH)):
            conv.weight, conv.bias = self._weights(WIDTH, inputs, 3), self._weights(WIDTH)
        spec.decoder.embeddings.weight = self._weights(len(tokens), WIDTH)
        self._linear(spec.decoder.projection, len(tokens), WIDTH)
        # Letters, the space, the end and the times can be said, so that the text is readable.
        sayable = [(token.isascii() and token.isalpha()) or token in {"Ġ", "<|endoftext|>"} for token in tokens]
        times = [token.startswith("<|") and token[2].isdigit() for token in tokens]
        spec.decoder.projection.bias = np.where(np.array(sayable) | np.array(times), 0, -1e4).astype(np.float32)

    def _weights(self, *shape: int) -> Any:
        return self._random.normal(0, 0.3, shape).astype(np.float32)

    def _linear(self, linear: Any, rows: int, columns: int) -> None:
        linear.weight, linear.bias = self._weights(rows, columns), self._weights(rows)

    def _norm(self, norm: Any) -> None:
        norm.gamma, norm.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
