"""An OpenAI-style speech server on loopback: its words, its faults, and what it is sent."""

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import numpy as np
import pytest

from callwright.errors import SetupError, StepFailed
from callwright.transcription import openai
from callwright.transcription.conversation import transcribe
from callwright.transcription.engine import Engine, EngineOptions, Heard, Segment, check_engine, load_engine
from sound import RATE, shared, written

SECOND = np.full(RATE, 0.1, np.float32)
VERBOSE = {
    "text": "Hello there. Bye.",
    "language": "en",
    "segments": [
        {"start": 0.0, "end": 0.4, "text": " Hello there.", "avg_logprob": -0.5},
        {"start": 0.5, "end": 0.9, "text": " Bye."},
        {"start": "soon", "end": 2, "text": "broken"},
        "broken",
    ],
}


@dataclass
class Server:
    """What it answers next, and what it was asked."""

    url: str = ""
    answers: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def will(self, body: Any, status: int = 200, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, data, {name.replace("_", "-"): value for name, value in headers.items()}))


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            state.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status, data, headers = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            self.send_response(status)
            for name, value in {"content-length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(data)

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_port}"
    yield state
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def engine_at(url: str, **options: Any) -> Engine:
    return load_engine(f"openai:{url}#whisper-1", EngineOptions(**options))


def failure_of(engine: Engine) -> StepFailed:
    with pytest.raises(StepFailed) as failure:
        engine.transcribe(SECOND, ())
    return failure.value


def test_segments_keep_their_times(server: Server) -> None:
    server.will(VERBOSE)
    heard = engine_at(server.url, api_key="sk-1").transcribe(SECOND, ("en-US",))
    first = Segment(0, 0.4, " Hello there.", math.exp(-0.5))
    assert heard == Heard([first, Segment(0.5, 0.9, " Bye.", None)], "en")
    path, headers, body = server.asked[0]
    assert path == "/v1/audio/transcriptions"
    assert headers["authorization"] == "Bearer sk-1"
    assert b'name="model"\r\n\r\nwhisper-1\r\n' in body
    assert b'name="language"\r\n\r\nen\r\n' in body
    assert b'name="response_format"\r\n\r\nverbose_json\r\n' in body
    assert b"RIFF" in body
    assert len(body) > 2 * RATE


def test_a_server_of_plain_json_is_asked_plainly_from_then_on(server: Server) -> None:
    server.will({"error": {"message": "response_format 'verbose_json' is not compatible"}}, 400)
    server.will({"text": "Hello."})
    engine = engine_at(f"{server.url}/v1/")
    assert engine.transcribe(SECOND, ()) == Heard([Segment(0.0, 1.0, "Hello.")], None)
    assert engine.transcribe(SECOND, ("de",)).language == "de"
    formats = [b"verbose_json" in body for _, _, body in server.asked]
    assert formats == [True, False, False]
    assert {path for path, _, _ in server.asked} == {"/v1/audio/transcriptions"}
    assert "authorization" not in server.asked[0][1]


@pytest.mark.parametrize(("said", "code"), [("hi", "hi"), ("EN", "en"), ("hindi", "hi"), ("Haitian Creole", "ht")])
def test_a_language_is_known_by_its_code_or_by_whispers_name_for_it(server: Server, said: str, code: str) -> None:
    server.will({"text": "Hello.", "language": said})
    assert engine_at(server.url).transcribe(SECOND, ("en", "hi")).language == code
    assert b'name="language"' not in server.asked[0][2], "such a server takes one language or none"


@pytest.mark.parametrize("language", ["klingon", 7, None, "", "zz-very-long"])
def test_a_language_that_is_no_code_is_unknown(server: Server, language: object) -> None:
    server.will({"text": "Hello.", "language": language})
    assert engine_at(server.url).transcribe(SECOND, ()).language is None


@pytest.mark.parametrize(
    ("status", "headers", "code", "again", "wait"),
    [
        (500, {}, "transcription_unavailable", "retry", None),
        (502, {}, "transcription_unavailable", "ours", None),
        (503, {"retry_after": "7"}, "transcription_unavailable", "ours", 7),
        (429, {"retry_after": "99999999"}, "transcription_unavailable", "ours", 3_600),
        (429, {"retry_after": "Wed, 21 Oct"}, "transcription_unavailable", "ours", None),
        (401, {}, "transcription_unavailable", "ours", None),
        (404, {}, "transcription_unavailable", "ours", None),
        (302, {"location": "http://127.0.0.1:1/"}, "transcription_unavailable", "ours", None),
        (400, {}, "transcription_failed", "", None),
        (413, {}, "transcription_failed", "", None),
    ],
)
def test_a_refusal_says_whether_to_try_again_and_whose_fault_it_is(
    server: Server, status: int, headers: dict[str, str], code: str, again: str, wait: float | None
) -> None:
    server.will(b"<html>secret path</html>", status, **headers)
    failure = failure_of(engine_at(server.url))
    assert (failure.code, failure.retry, failure.ours) == (code, again == "retry", again == "ours")
    assert failure.retry_after == wait
    assert "secret" not in failure.message


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[1]", b'{"text": 3}', b'{"text": "a", ', b'{"text": "\xff"}', b"null"]
)
def test_garbage_is_not_words(server: Server, body: bytes) -> None:
    server.will(body)
    failure = failure_of(engine_at(server.url))
    assert (failure.code, failure.retry) == ("transcription_unavailable", True)


def test_an_answer_without_end_is_not_read_to_it(server: Server) -> None:
    server.will(b'{"text": "' + b"a" * openai.MAX_ANSWER_BYTES + b'"}')
    failure = failure_of(engine_at(server.url))
    assert (failure.code, failure.retry) == ("transcription_failed", False)


def test_a_server_that_is_away_or_slow_is_waited_for() -> None:
    assert failure_of(engine_at("http://127.0.0.1:9")).ours

    def slow(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    with httpx.Client(transport=httpx.MockTransport(slow)) as client:
        failure = failure_of(openai.OpenAIServer("http://127.0.0.1", "m", client))
    assert (failure.code, failure.ours) == ("transcription_unavailable", True)


def test_proxies_of_the_environment_are_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    server.will({"text": "Hello."})
    assert engine_at(server.url).transcribe(SECOND, ()).segments


def test_hostile_words_are_cleaned(server: Server, tmp_path: Path) -> None:
    server.will(
        b'{"text": "x", "segments": [{"start": -1e308, "end": 1e308, "text": "a\\u0000b", "avg_logprob": 1e308},'
        b'{"start": 3, "end": 1, "text": "\\u202ec"}, {"start": true, "end": 2, "text": "d"}]}'
    )
    transcript = transcribe(**written(tmp_path, shared("jfk.wav")), engine=engine_at(server.url))
    assert transcript.turns
    assert all(0 <= turn.start < turn.end <= 11 for turn in transcript.turns)
    assert all(set(turn.text) <= set("abcd ") for turn in transcript.turns)


@pytest.mark.parametrize(
    "target", ["", "#m", "http://h/v1", "ftp://h#m", "http://#m", "http://u:p@h#m", "h:80#m", "http://[::1#m"]
)
def test_an_address_that_is_none_is_told_at_once(target: str) -> None:
    with pytest.raises(SetupError) as error:
        load_engine(f"openai:{target}")
    assert "CALLWRIGHT_TRANSCRIBER" in error.value.fix


def test_unreadable_authorities_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(SetupError) as error:
            engine_at("https://speech.example.com", ca_file=tmp_path / name)
        assert error.value.fix == "Correct CALLWRIGHT_CA_FILE"


def test_the_check_asks_the_server(server: Server) -> None:
    server.will({"data": []})
    spec = f"openai:{server.url}#whisper-1"
    assert check_engine(spec) == f"openai, whisper-1 at {server.url}/v1, answers"
    assert server.asked[0][0] == "/v1/models"
    server.answers = []
    server.will(b"", 401)
    with pytest.raises(SetupError) as error:
        check_engine(spec)
    assert error.value.fix == "Correct CALLWRIGHT_TRANSCRIBER_API_KEY"
    with pytest.raises(SetupError, match="does not answer"):
        check_engine("openai:http://127.0.0.1:9#m")
