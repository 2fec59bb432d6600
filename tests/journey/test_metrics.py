"""What the metrics say of calls that went through the house, and that nothing in them is a partner's word."""

import asyncio
import json
from typing import Any

import told
from callwright.errors import FAILURE_CODES
from callwright.metrics import DESCRIBED, Process
from journey_house import RECORDINGS, House, working

HOSTILE = 'cust-7f3a\'"\n{evil="1"}'


async def test_calls_are_told_in_numbers(house: House) -> None:
    before: dict[Process, list[told.Sample]] = {"API": told.now("API"), "worker": told.now("worker")}
    good, gone = prepared(house)
    async with working(house.settings):
        await house.push(good, gone)
        await house.push(good)
        await house.ended("told-good")
        await house.ended("told-gone")
    await house.client.request("BREW", "/coffee/told-pot")

    api, worker = told.now("API"), told.now("worker")

    def more(name: str, **labels: str) -> float:
        of: Process = "API" if any(s.name == name for s in api) else "worker"
        return told.value(api if of == "API" else worker, name, **labels) - told.value(before[of], name, **labels)

    batches = "/api/v1/partner/ingest/batch-call"
    assert more("callwright_http_requests_total", method="POST", route=batches, status="200") == 2
    assert more("callwright_http_request_seconds_count", method="POST", route=batches) == 2
    assert more("callwright_http_requests_total", method="other", route="none") == 1
    assert more("callwright_calls_received_total", outcome="accepted") == 2
    assert more("callwright_calls_received_total", outcome="duplicate") == 1

    for step in ("fetch", "transcribe", "analyse"):
        assert more("callwright_steps_total", step=step, outcome="done", code="") == 1, step
        assert more("callwright_step_seconds_count", step=step) == (3 if step == "fetch" else 1), step
    assert more("callwright_steps_total", step="fetch", outcome="retried", code="recording_server_error") == 1
    assert more("callwright_steps_total", step="fetch", outcome="failed", code="recording_not_found") == 1
    assert more("callwright_recording_bytes_total") == (RECORDINGS / "nobody-there.wav").stat().st_size
    assert 8 < more("callwright_audio_seconds_total") < 9
    assert more("callwright_decode_seconds_count") == 1
    assert more("callwright_speech_work_seconds_count", engine="pocketsphinx") == 1
    assert more("callwright_speech_work_seconds_count", engine="listener") == 1
    assert more("callwright_speech_audio_seconds_total", engine="pocketsphinx") >= 8
    assert more("callwright_analysis_seconds_count", engine="rules") == 1
    assert more("callwright_callback_tries_total", answer="2xx") == 1
    assert more("callwright_callback_tries_total", answer="5xx") == 4
    assert more("callwright_callbacks_total", state="delivered") == 1
    assert more("callwright_callbacks_total", state="undelivered") == 1
    assert more("callwright_database_wait_seconds_count") > 0
    assert more("callwright_job_crashes_total") == 0

    no_word_of_others([*api, *worker], house.partner.api_key)


def prepared(house: House) -> tuple[dict[str, Any], dict[str, Any]]:
    """A call that is processed, and one whose server is busy, then has no recording, and whose receiver refuses."""
    good = house.record("told-good", house.serve(RECORDINGS / "nobody-there.wav"), customer={"id": HOSTILE})
    good["agent"]["name"] = HOSTILE
    gone = house.record("told-gone", house.recordings.answer("/gone.wav", status=503))

    async def busy_then_gone(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n")
        house.recordings.answer("/gone.wav", status=404)

    house.recordings.routes["/gone.wav"] = busy_then_gone
    house.receiver.answer("/refusing", status=500)
    gone["callback_url"] = house.receiver.url("/refusing", scheme="https", host="localhost")
    return good, gone


def no_word_of_others(tells: list[told.Sample], api_key: str) -> None:
    every = json.dumps([[s.name, dict(s.labels)] for s in tells])
    for word in ("told-", "coffee", "BREW", "evil", api_key, "acme", "localhost", "127.0.0.1"):
        assert word not in every, "a label is never somebody else's word"
    described = {series: d for d in DESCRIBED for series in d.series}
    for sample in tells:
        if sample.name.startswith("callwright_"):
            assert set(sample.labels) - {"le"} == set(described[sample.name].labels)
            assert sample.labels.get("code", "") in {"", *FAILURE_CODES}
