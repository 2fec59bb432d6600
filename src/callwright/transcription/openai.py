"""Any server with the OpenAI style of `/v1/audio/transcriptions`."""

import io
import math
import ssl
import time
import wave
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import orjson

from callwright.errors import SetupError, StepFailed
from callwright.transcription.engine import EngineOptions, Heard, Segment, primary
from callwright.transcription.languages import WHISPER_LANGUAGES
from callwright.transcription.vad import RATE, Floats

TIMEOUT = httpx.Timeout(120, connect=10, pool=10)
DEADLINE_SECONDS = 300.0
MAX_ANSWER_BYTES = 2_000_000
MAX_RETRY_AFTER_SECONDS = 3_600.0


class OpenAIServer:
    """A speech server, spoken to over HTTP.

    The address is the operator's own setting: private ones are allowed, proxies of the environment are not used.

    Args:
        base_url: With or without `/v1`.
        model: As the server knows it.
        client: For this server alone.
    """

    name = "openai"
    draft = False
    joins = False  # not every server says when a word was spoken

    def __init__(self, base_url: str, model: str, client: httpx.Client) -> None:
        self.model = model
        self._url = f"{base_url}/audio/transcriptions"
        self._client = client
        self._format = "verbose_json"

    def transcribe(self, samples: Floats, languages: tuple[str, ...]) -> Heard:
        """See `Engine.transcribe`; such a server takes one language or finds out by itself."""
        language = languages[0] if len(languages) == 1 else None
        recording = _wav(samples)
        status, body = self._ask(recording, language)
        if status == 400 and self._format == "verbose_json":  # some models answer in plain JSON only
            status, body = self._ask(recording, language, "json")
            if status == 200:
                self._format = "json"
        if status != 200:
            raise StepFailed("transcription_failed", f"The speech server refused the audio with status {status}.")
        try:
            answer = orjson.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("text"), str):
            raise StepFailed(
                "transcription_unavailable", "The speech server gave an answer that cannot be read.", retry=True
            )
        return Heard(_segments(answer, len(samples) / RATE), _language(answer) or language)

    def _ask(self, recording: bytes, language: str | None, form: str | None = None) -> tuple[int, bytes]:
        """Status and body of one request; those that another try may mend, and wrong keys, are raised."""
        fields = {"model": self.model, "response_format": form or self._format, "temperature": "0"}
        if language:
            fields["language"] = primary(language)
        files = {"file": ("speech.wav", recording, "audio/wav")}
        try:
            with self._client.stream("POST", self._url, data=fields, files=files) as response:
                _check_status(response)
                return response.status_code, _read(response)
        except httpx.TimeoutException as error:
            raise StepFailed(
                "transcription_unavailable", "The speech server did not answer in time.", ours=True
            ) from error
        except httpx.HTTPError as error:
            raise StepFailed("transcription_unavailable", "The speech server cannot be reached.", ours=True) from error


def _check_status(response: httpx.Response) -> None:
    """Tell what lies in the server, its key or its address from a crash, which this very audio may bring about."""
    status = response.status_code
    if status in {401, 402, 403, 404, 405, 408, 429} or 300 <= status < 400 or status >= 500:
        raise StepFailed(
            "transcription_unavailable",
            f"The speech server answered with status {status}.",
            retry=status == 500,
            ours=status != 500,
            retry_after=_retry_after(response.headers.get("retry-after", "")),
        )


def _retry_after(value: str) -> float | None:
    return min(float(value), MAX_RETRY_AFTER_SECONDS) if value.isascii() and value.isdigit() else None


def _read(response: httpx.Response) -> bytes:
    """The body, counted after decompression."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    body = bytearray()
    for chunk in response.iter_bytes(65_536):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise StepFailed("transcription_failed", "The speech server's answer is too large.")
        if time.monotonic() > deadline:
            raise StepFailed(
                "transcription_unavailable", "The speech server did not finish its answer in time.", ours=True
            )
    return bytes(body)


def _wav(samples: Floats) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
    return file.getvalue()


def _segments(answer: dict[str, Any], seconds: float) -> list[Segment]:
    """The segments with times where the server gave them, else the text as one."""
    listed = answer.get("segments")
    found = [
        Segment(entry["start"], entry["end"], entry["text"], _confidence(entry.get("avg_logprob")))
        for entry in (listed if isinstance(listed, list) else ())
        if isinstance(entry, dict)
        and isinstance(entry.get("text"), str)
        and all(isinstance(entry.get(edge), int | float) for edge in ("start", "end"))
    ]
    return found or [Segment(0.0, seconds, answer["text"])]


def _confidence(log_probability: object) -> float | None:
    return math.exp(min(log_probability, 0.0)) if isinstance(log_probability, int | float) else None


def _language(answer: dict[str, Any]) -> str | None:
    """The language, where it is a code or the English name that Whisper has for one."""
    value = answer.get("language")
    name = value.strip().lower() if isinstance(value, str) else ""
    code = WHISPER_LANGUAGES.get(name, name)
    return code if code.isascii() and code.isalpha() and len(code) in {2, 3} else None


def load(target: str, options: EngineOptions) -> OpenAIServer:
    """Make a client for the server; nothing is sent yet.

    Args:
        target: `<base URL>#<model>`.
        options: Key and certificate authorities.

    Raises:
        SetupError: The address is none, or there is no model in it.
    """
    base_url, model = _parse(target)
    return OpenAIServer(base_url, model, _client(options))


def check(target: str, options: EngineOptions) -> str:
    """Ask the server for its models, which costs it nothing.

    Raises:
        SetupError: The address is none, the server does not answer, or refuses the key.
    """
    base_url, model = _parse(target)
    with _client(options) as client:
        try:
            with client.stream("GET", f"{base_url}/models", timeout=5) as response:
                status = response.status_code
        except httpx.HTTPError as error:
            raise SetupError(
                f"The speech server at {base_url} does not answer: {type(error).__name__}",
                "Start it, or correct CALLWRIGHT_TRANSCRIBER",
            ) from error
    if status in {401, 403}:
        raise SetupError(f"The speech server at {base_url} refuses the key", "Correct CALLWRIGHT_TRANSCRIBER_API_KEY")
    return f"openai, {model} at {base_url}, answers"


def _parse(target: str) -> tuple[str, str]:
    base, _, model = target.partition("#")
    base = base.rstrip("/")
    try:
        parts = urlsplit(base)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username and bool(model)
    except ValueError:
        usable = False
    if not usable:
        raise SetupError(
            "The address of the speech server cannot be used",
            "Set CALLWRIGHT_TRANSCRIBER to openai:<base URL>#<model>, as openai:http://127.0.0.1:8080/v1#whisper-1",
        )
    return (base if base.endswith("/v1") else f"{base}/v1"), model


def _client(options: EngineOptions) -> httpx.Client:
    verify = httpx.create_ssl_context(trust_env=False)
    if options.ca_file:
        try:
            verify.load_verify_locations(options.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SetupError(
                f"The certificate authorities in {options.ca_file} cannot be read", "Correct CALLWRIGHT_CA_FILE"
            ) from error
    headers = {"authorization": f"Bearer {options.api_key}"} if options.api_key else {}
    return httpx.Client(headers=headers, timeout=TIMEOUT, trust_env=False, verify=verify)
