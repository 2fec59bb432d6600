"""faster-whisper, for real, with a model of random weights: the wiring, times and voice activity are real."""

import hashlib
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import tiny_whisper
from callwright.errors import SetupError, StepFailed
from callwright.transcription import Transcript, faster_whisper
from callwright.transcription.conversation import transcribe
from callwright.transcription.engine import BatchEngine, EngineOptions, check_engine, load_engine
from callwright.transcription.faster_whisper import FasterWhisper
from callwright.transcription.pieces import REACH_SECONDS
from callwright.transcription.vad import Floats
from sound import CALL, RATE, shared, written


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper.build(tmp_path_factory.mktemp("whisper") / "tiny-random")


def _elsewhere(spec: str, options: EngineOptions, recording: dict[str, object]) -> Transcript:
    return transcribe(**recording, engine=load_engine(spec, options))  # type: ignore[arg-type]


def test_the_model_is_tiny(model: Path) -> None:
    assert sum(file.stat().st_size for file in model.iterdir()) < 2_000_000


def test_a_folder_is_a_model(model: Path) -> None:
    assert check_engine(f"faster-whisper:{model}") == "faster-whisper, tiny-random, 1 MB"
    engine = load_engine(f"faster-whisper:{model}")
    assert (engine.name, engine.model, engine.draft) == ("faster-whisper", "tiny-random", False)


def test_words_have_times_and_confidence(model: Path) -> None:
    engine = load_engine(f"faster-whisper:{model}")
    heard = engine.transcribe(shared("jfk.wav")[0].astype(np.float32) / 32_768, ("en-US",))
    assert heard.language == "en"
    assert heard.segments
    assert all(0 <= word.start <= word.end <= 30 for word in heard.segments)
    assert all(word.confidence is not None and 0 <= word.confidence <= 1 for word in heard.segments)
    assert {type(word.start) for word in heard.segments} == {float}


def sounds() -> list[Floats]:
    """Pieces of several lengths, of which this model says something."""
    speech = shared("jfk.wav")[0].astype(np.float32) / 32_768
    return [speech[: 3 * RATE], speech[RATE:], speech[5 * RATE : 9 * RATE]]


def test_on_a_processor_pieces_are_heard_one_after_the_other(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = load_engine(f"faster-whisper:{model}")
    assert isinstance(engine, BatchEngine)
    assert isinstance(engine, FasterWhisper)
    assert (engine.name, engine.batch) == ("faster-whisper", 1)
    monkeypatch.setattr(engine, "_batched", None)
    assert [heard.language for heard in engine.transcribe_together(sounds()[:1], ("en",))] == ["en"]


def test_a_batch_is_heard_as_its_pieces_are(model: Path) -> None:
    """The same weights on the same sound: each piece has its own words at its own times, whatever is beside it."""
    engine = load_engine(f"faster-whisper:{model}", EngineOptions(batch=3))
    assert isinstance(engine, FasterWhisper)
    assert (engine.name, engine.batch) == ("faster-whisper-batched", 3)
    pieces = sounds()
    together = engine.transcribe_together(pieces, ("en-US",))
    for samples, heard in zip(pieces, together, strict=True):
        assert heard.language == "en"
        assert heard.segments
        assert all(0 <= word.start <= word.end <= len(samples) / RATE for word in heard.segments)
    other = engine.transcribe_together(pieces[::-1], ("en-US",))[::-1]
    for heard, again in zip(together, other, strict=True):
        assert [word.text for word in again.segments] == [word.text for word in heard.segments]
        assert [word.start for word in again.segments] == pytest.approx(
            [word.start for word in heard.segments], abs=0.1
        )


def test_a_batch_reaches_the_model_in_one_go(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = load_engine(f"faster-whisper:{model}", EngineOptions(batch=3))
    assert isinstance(engine, FasterWhisper)
    sizes = []
    whole = engine._batched.generate_segment_batched

    def counted(features: Floats, *rest: object) -> object:
        sizes.append(len(features))
        return whole(features, *rest)

    monkeypatch.setattr(engine._batched, "generate_segment_batched", counted)
    engine.transcribe_together(sounds(), ("en",))
    assert sizes == [3]
    engine.transcribe_together(sounds(), ())
    assert sizes == [3], "where the language has to be found out, each piece is heard by itself"


def test_a_gpu_hears_eight_at_a_time(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faster_whisper.WhisperModel", OnGpu)
    assert [FasterWhisper(model, "m", batch).batch for batch in (None, 1, 20)] == [8, 1, 20]


class OnGpu:
    """As much of a model on a GPU as is asked for it: there is none here."""

    def __init__(self, *_: object, **__: object) -> None:
        self.model = self
        self.device = "cuda"


def test_a_call_in_batches_keeps_to_the_same_checks(model: Path, tmp_path: Path) -> None:
    recording = written(tmp_path, shared(CALL)[:, : 15 * RATE])
    engine = load_engine(f"faster-whisper:{model}", EngineOptions(batch=4))
    transcript = transcribe(**recording, engine=engine, languages=("en-US",))
    assert (transcript.engine, transcript.quality) == ("faster-whisper-batched", "final")
    assert transcript.turns
    assert transcript.coverage is not None
    assert transcript.dropped is not None
    for turn in transcript.turns:
        nearest = min(
            max(span.start - turn.end, turn.start - span.end, 0.0)
            for span in transcript.speech
            if span.speaker == turn.speaker
        )
        assert nearest <= REACH_SECONDS, "nothing was said where nobody spoke"


def test_a_call_goes_through_in_a_process_of_its_own(model: Path, tmp_path: Path) -> None:
    recording = written(tmp_path, shared(CALL)[:, : 15 * RATE])
    spec, options = f"faster-whisper:{model}", EngineOptions(models=tmp_path)
    assert pickle.loads(pickle.dumps(options)) == options
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        transcript = pool.submit(_elsewhere, spec, options, recording).result(timeout=100)
    assert (transcript.engine, transcript.model, transcript.quality) == ("faster-whisper", "tiny-random", "final")
    assert {span.speaker for span in transcript.speech} == {"agent", "customer"}
    assert all(0 <= turn.start < turn.end <= 15 for turn in transcript.turns)


def test_a_language_the_model_does_not_know_is_refused(model: Path) -> None:
    with pytest.raises(StepFailed) as failure:
        load_engine(f"faster-whisper:{model}").transcribe(np.zeros(RATE, np.float32), ("fr",))
    assert (failure.value.code, failure.value.retry) == ("transcription_failed", False)


@pytest.mark.parametrize(
    ("target", "fix"),
    [
        ("", "Set CALLWRIGHT_TRANSCRIBER to faster-whisper:<folder or model name, as small>"),
        ("tiny", "callwright models pull tiny"),
        ("owner/model", "callwright models pull owner/model"),
        ("no-such-model", "callwright models list"),
        ("/no/such/folder", "callwright models list"),
    ],
)
def test_a_model_that_is_not_here_is_told_at_once(target: str, fix: str, tmp_path: Path) -> None:
    for ask in (load_engine, check_engine):
        with pytest.raises(SetupError) as error:
            ask(f"faster-whisper:{target}", EngineOptions(models=tmp_path))
        assert error.value.fix == fix


def test_a_folder_without_a_model_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"lacks model\.bin, config\.json, tokenizer\.json"):
        load_engine(f"faster-whisper:{tmp_path}")


def test_a_broken_model_is_told_at_once(tmp_path: Path) -> None:
    for name in faster_whisper.NEEDED:
        (tmp_path / name).write_text("{}")
    with pytest.raises(SetupError, match="cannot be loaded"):
        load_engine(f"faster-whisper:{tmp_path}")


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faster_whisper, "find_spec", lambda name: None)
    with pytest.raises(SetupError) as error:
        check_engine("faster-whisper:small")
    assert error.value.fix == "pip install 'callwright[faster-whisper]'"


def test_an_empty_folder_of_models_lists_none(tmp_path: Path) -> None:
    assert faster_whisper.list_models(tmp_path / "none") == []
    with pytest.raises(SetupError, match="no model 'nonsense'"):
        faster_whisper.pull_model("nonsense", tmp_path)


def test_a_model_is_fetched_by_name_and_then_found_without_the_hub(model: Path, tmp_path: Path) -> None:
    """In processes of their own, since the hub's address is read at import."""
    models = tmp_path / "models"
    load = f"load_engine('faster-whisper:owner/tiny', EngineOptions(models=Path({str(models)!r}))).model"
    with hub(model) as (url, asked):
        done = run(f"pull_model('owner/tiny', Path({str(models)!r}))", url)
        assert done.returncode == 0, done.stderr
        assert Path(done.stdout.strip()).is_relative_to(models)
        assert [name for name, _ in faster_whisper.list_models(models)] == ["owner/tiny"]
        fetched = len(asked)
        assert run(load, url).stdout == "owner/tiny\n"
        assert not [path for path in asked[fetched:] if "tiny" in path]
        absent = run(f"pull_model('owner/none', Path({str(models)!r}))", url)
        assert "SetupError: The model 'owner/none' cannot be fetched" in absent.stderr


def run(expression: str, url: str) -> subprocess.CompletedProcess[str]:
    code = (
        "from pathlib import Path; from callwright.transcription.faster_whisper import pull_model; "
        f"from callwright.transcription.engine import EngineOptions, load_engine; print({expression})"
    )
    environment = {**os.environ, "HF_ENDPOINT": url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def hub(model: Path) -> Iterator[tuple[str, list[str]]]:
    """A model hub on loopback that has one model, `owner/tiny`; its address and the paths it was asked for."""
    asked: list[str] = []
    commit = "0" * 39 + "1"
    files = {file.name: file.read_bytes() for file in model.iterdir()}
    about = {"id": "owner/tiny", "sha": commit, "siblings": [{"rfilename": name} for name in files]}
    tree = [{"type": "file", "path": name, "size": len(data), "oid": "1" * 40} for name, data in files.items()]

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            data = {
                "/api/models/owner/tiny/revision/main": json.dumps(about).encode(),
                f"/api/models/owner/tiny/tree/{commit}": json.dumps(tree).encode(),
                **{f"/owner/tiny/resolve/{commit}/{name}": data for name, data in files.items()},
            }.get(self.path.partition("?")[0])
            self.send_response(404 if data is None else 200)
            self.send_header("content-length", str(len(data or b"")))
            self.send_header("etag", f'"{hashlib.sha256(data or b"").hexdigest()}"')
            self.send_header("x-repo-commit", commit)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data or b"")

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_of_several_languages_the_likeliest_that_the_model_knows_is_chosen(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = load_engine(f"faster-whisper:{model}")
    assert isinstance(engine, faster_whisper.FasterWhisper)
    speech = shared("jfk.wav")[0].astype(np.float32) / 32_768
    assert engine.transcribe(speech, ("hi-IN", "en-IN")).language == "en", "this model knows no Hindi"
    chances = [("ur", 0.5), ("hi", 0.3), ("en", 0.2)]
    monkeypatch.setattr(engine._whisper, "detect_language", lambda samples: ("ur", 0.5, chances))
    assert engine._likeliest(speech, ["en", "hi"]) == "hi", "and Urdu is not expected"
