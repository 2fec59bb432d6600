"""Logs: every line is one line, and nobody's secret or phone number is in it, whoever logs it."""

import json
import logging
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from callwright.logs import MOST_CHARACTERS, configure_logging, mask, mask_event


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.contextvars.clear_contextvars()


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


SECRETS = {
    "cw_live_0123456789abcdef0123": "cw_live_***",
    "cws_live_00ff_aa": "cws_live_***",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": "whsec_***",
    "whsec_ab+/cd==": "whsec_***",
    "Authorization: Bearer abc.def-ghi": "Authorization: Bearer ***",
    "authorization: Basic dXNlcjpwYXNz": "authorization: Basic ***",
    "authorization: dXNlcjpwYXNz": "authorization: ***",
    "x-api-secret: anything-at-all": "x-api-secret: ***",
    "(b'x-api-key', b'abc')": "(b'x-api-key', b'***')",
    "{'x-zip-api-key': 'abc'}": "{'x-zip-api-key': '***'}",
    "postgresql://app:hunter2@db:5432/x": "postgresql://app:***@db:5432/x",
    "redis://:p@ss@cache/0": "redis://:***@cache/0",
    "GET https://h/a.mp3?X-Amz-Signature=abc&b=1 404": "GET https://h/a.mp3?*** 404",
    "GET /view-insights?token=abc HTTP/1.1": "GET /view-insights?*** HTTP/1.1",
    "eyJhbGciOi.eyJzdWIiOiIx.c2ln": "***",
    "password=hunter2 next": "password=*** next",
    '{"api_key": "abc"}': '{"api_key": "***"}',
    "LLM_API_KEY=sk-1234": "LLM_API_KEY=***",
}
PHONES = {
    "+14155550123": "+*********23",
    "call +1 (415) 555-0123 now": "call +* (***) ***-**23 now",
    "tel:%2B14155550123": "tel:%2B*********23",
}
KEPT = [
    "2026-11-23T08:30:21.341+00:00",
    "call_id=call123 took 12.5 s",
    "http://127.0.0.1:8000/api/v1/partner",
    "postgresql://callwright@/callwright",
    "what? nothing",
    "0190f3a1-7c1e-7000-8000-123456789012",
]


@pytest.mark.parametrize(("text", "masked"), [*SECRETS.items(), *PHONES.items(), *((text, text) for text in KEPT)])
def test_a_text_is_masked_and_no_more_than_that(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize("log_format", ["json", "human"])
def test_nothing_passes_in_a_message_a_value_or_an_exception(
    log_format: Literal["json", "human"], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(log_format=log_format, log_level="info")
    log = structlog.get_logger("tests")
    for text in (*SECRETS, *PHONES):
        log.info(text, url=text, nested={"list": [text, (text,)], text: 1}, raw=text.encode())
        logging.getLogger("uvicorn.access").info('%s - "GET %s"', "1.2.3.4", text)
        try:
            raise ValueError(text) from KeyError(text)
        except ValueError:
            log.exception("failed")
            logging.getLogger("pgqueuer").exception("job failed: %s", text)
    out = capsys.readouterr().err
    assert out.count("failed") >= 2 * len(SECRETS)
    for hidden in (
        "0123456789abcdef", "00ff_aa", "MfKQ9r8", "ab+/cd", "def-ghi", "dXNlcjpwYXNz", "anything", "hunter2", "p@ss",
        "X-Amz", "token=abc", "c2ln", "sk-1234", "'abc'", '"abc"', "4155550", "555-01",
    ):  # fmt: skip
        assert hidden not in out


def test_names_that_say_secret_or_phone_hide_whatever_they_hold() -> None:
    event = {
        "api_secret": "x", "password": 1, "headers": {"Authorization": "y", "Cookie": ["z"]}, "client_secret": ["a"],
        "contact_number": "00442071838750", "customer": {"phone": 442071838750}, "input_tokens": 17, "secret": None,
    }  # fmt: skip
    assert mask_event(None, "info", event) == {
        "api_secret": "***", "password": "***", "headers": {"Authorization": "***", "Cookie": "***"},
        "client_secret": "***", "contact_number": "************50", "customer": {"phone": "**********50"},
        "input_tokens": 17, "secret": None,
    }  # fmt: skip


FORGED = "ok\r\n2026-01-01 [info] forged line\x1b[2J\u2028\x85 end"


@pytest.mark.parametrize("log_format", ["json", "human"])
def test_no_value_can_forge_a_line(log_format: Literal["json", "human"], capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(log_format=log_format, log_level="info")
    structlog.get_logger().info(FORGED, value=FORGED, nested=[FORGED])
    logging.getLogger("uvicorn.error").info("Invalid request: %s", FORGED)
    try:
        raise ValueError(FORGED)
    except ValueError:
        structlog.get_logger().exception("failed", value=FORGED)
    out = capsys.readouterr().err
    assert not any(line.startswith(("2026-01-01", "forged")) for line in out.splitlines())
    assert len([line for line in out.splitlines() if not line.startswith(" ")]) == 3
    assert "\x1b[2J" not in out


def test_json_has_one_object_per_line_with_the_context(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(log_format="json", log_level="info", service="worker")
    structlog.contextvars.bind_contextvars(request_id="r1", partner="acme", call_id="c1")
    structlog.get_logger("callwright.pipeline").info("step_done", step="fetch", seconds=0.5)
    logging.getLogger("asyncpg").warning("slow %s", "query")
    ours, theirs = written(capsys)
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {
        "service": "worker", "request_id": "r1", "partner": "acme", "call_id": "c1", "step": "fetch", "seconds": 0.5,
        "event": "step_done", "logger": "callwright.pipeline", "level": "info",
    }  # fmt: skip
    assert (theirs["event"], theirs["logger"], theirs["request_id"]) == ("slow query", "asyncpg", "r1")


def test_the_level_holds_for_everybody(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(log_format="json", log_level="warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("uvicorn.error").info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in written(capsys)] == ["loud"]


def test_the_http_client_does_not_write_every_request(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(log_format="json", log_level="info")
    logging.getLogger("httpx").info("HTTP Request: GET https://partner.example/recording")
    assert written(capsys) == []


def test_warnings_and_faulty_log_calls_stay_inside(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(log_format="json", log_level="info")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("password=hunter2", stacklevel=1)
    logging.getLogger("library").info("%d", "cws_live_abc")
    out = capsys.readouterr().err
    assert "password=***" in out
    assert "hunter2" not in out
    assert "cws_live_abc" not in out


def test_what_nobody_caught_is_masked_too() -> None:
    program = """
from callwright.logs import configure_logging
configure_logging(log_format="json", log_level="info")
raise ValueError("whsec_abcdef")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    line = json.loads(done.stderr)
    assert (line["event"], line["level"]) == ("crashed", "critical")
    assert "whsec_***" in line["exception"]
    assert "abcdef" not in line["exception"].replace('raise ValueError("whsec_abcdef")', "")


def test_odd_values_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(log_format="json", log_level="info")
    loop: list[object] = []
    loop.append(loop)
    structlog.get_logger().info(
        "odd", surrogate="\ud800", big=2**70, nan=float("nan"), loop=loop, kind={1, 2}, id=object
    )
    (line,) = written(capsys)
    assert (line["surrogate"], line["big"], line["nan"]) == ("\\ud800", str(2**70), None)
    assert sorted(line["kind"]) == [1, 2]


def test_a_long_value_is_cut_in_its_middle() -> None:
    cut = mask("a" * 1_000_000 + "end")
    assert len(cut) < MOST_CHARACTERS + 20
    assert cut.endswith("end")


_PIECES = (
    *("cw", "_live_", "whsec_", "eyJ", "bearer ", "Basic ", "api_key", "x-api-", "Secret", "token"),
    *(".", "-", " ", ": ", "a", "7"),
)


@given(st.lists(st.sampled_from(_PIECES), max_size=8).map("".join))
def test_the_short_way_masks_as_the_long_one(text: str) -> None:
    assert mask("\t" + text) == " " + mask(text), "a tab is never passed over"


@given(st.text(max_size=60), st.sampled_from(["?", "://", ":", "token=", "+1 ", "cw_live_", "eyJ", "x-api-", "a_"]))
def test_masking_is_total_quick_and_on_one_line(text: str, piece: str) -> None:
    started = time.process_time()
    masked = mask(piece * 2_000 + text)
    assert time.process_time() - started < 2
    assert len(masked.splitlines()) <= 1
