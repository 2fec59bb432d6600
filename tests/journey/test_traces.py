"""One trace for each call, whichever process does what of it, and none where nothing asks for one."""

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from callwright import traces
from callwright.errors import StepFailed
from journey_house import RECORDINGS, House, working
from local_server import serve

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

KEY = bytes(32)


def of_call(span: "ReadableSpan") -> bool:
    """Whether it is the call's own, and not within a step."""
    return span.kind is not SpanKind.INTERNAL


def traces_of(kept: "list[ReadableSpan]") -> "dict[int, list[ReadableSpan]]":
    """The spans by their trace."""
    by_trace: dict[int, list[ReadableSpan]] = defaultdict(list)
    for span in kept:
        assert span.context is not None
        by_trace[span.context.trace_id].append(span)
    return by_trace


def assert_below_the_first(spans: "list[ReadableSpan]") -> None:
    """A trace begins with its first span, and every step is right below that."""
    first, *others = spans
    assert first.parent is None
    assert first.context is not None
    steps = [span for span in others if of_call(span)]
    assert {span.parent.span_id for span in steps if span.parent} == {first.context.span_id}
    assert first.start_time is not None
    assert all(first.start_time <= (span.start_time or 0) for span in others)


def within_steps(spans: "list[ReadableSpan]") -> dict[str, list[str]]:
    """What is within each step, in the order of its end."""
    names = {span.context.span_id: span.name for span in spans if span.context}
    found: dict[str, list[str]] = defaultdict(list)
    for span in spans:
        if not of_call(span) and span.parent:
            found[names[span.parent.span_id]].append(span.name)
    return dict(found)


async def test_a_call_is_one_trace_from_its_batch_to_its_callback(house: House) -> None:
    turns = [{"speaker": "agent", "start": 0, "end": 2, "text": "Good morning."}]
    good = house.record("good", house.serve(RECORDINGS / "nobody-there.wav"), transcript=turns)
    gone = house.record("gone", house.recordings.answer("/gone.wav", status=404))
    web, worker = InMemorySpanExporter(), InMemorySpanExporter()
    with traces.sent_to(SimpleSpanProcessor(web), "web", KEY):
        await house.push(good, gone)
        await house.push(good)  # a duplicate begins nothing
    with (
        traces.sent_to(SimpleSpanProcessor(worker), "worker", KEY),  # another process, which was told nothing
        structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logged,
    ):
        async with working(house.settings):
            await house.ended("good")
            await house.ended("gone")
    kept = [*web.get_finished_spans(), *worker.get_finished_spans()]
    by_trace = traces_of(kept)
    stories = {tuple(span.name for span in spans if of_call(span)): spans for spans in by_trace.values()}
    assert set(stories) == {
        ("accept", "fetch", "transcribe", "deliver"),
        ("accept", "fetch", "deliver"),
    }
    for spans in stories.values():
        assert_below_the_first(spans)
    failed = next(span for span in stories["accept", "fetch", "deliver"] if span.name == "fetch")
    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.attributes or {})["callwright.outcome"] == "failed: recording_not_found"
    spans = stories["accept", "fetch", "transcribe", "deliver"]
    assert within_steps(spans) == {
        "fetch": ["download", "save"],
        "transcribe": ["decode", "judge", "save"],
        "deliver": ["send", "save"],
    }
    told_by = {span.name: dict(span.attributes or {}) for span in spans}
    assert told_by["download"] == {"callwright.bytes": (RECORDINGS / "nobody-there.wav").stat().st_size}
    assert told_by["judge"] == {"callwright.engine": "rules"}
    seconds = told_by["decode"]["callwright.audio_seconds"]
    assert isinstance(seconds, float)
    assert 0 < seconds < 60
    assert spans[0].context is not None
    good_trace = f"{spans[0].context.trace_id:032x}"
    told = {line.get("step") or line["event"] for line in logged if line.get("trace_id") == good_trace}
    assert {"fetch", "transcribe", "callback tried"} <= told, "from a line of the log to the trace, and back"
    words = str([span.to_json() for span in kept])
    assert "nobody-there" not in words
    assert "+1202" not in words


def test_a_share_leaves_out_the_same_calls_everywhere_and_another_key_makes_other_traces() -> None:
    def traced(key: bytes, share: float) -> set[int]:
        kept = InMemorySpanExporter()
        with traces.sent_to(SimpleSpanProcessor(kept), "web", key, share):
            traces.accepted(7, [f"call-{number}" for number in range(400)], 1)
        return {span.context.trace_id for span in kept.get_finished_spans() if span.context}

    every, quarter = traced(KEY, 1.0), traced(KEY, 0.25)
    assert len(every) == 400
    assert quarter < every
    assert 60 < len(quarter) < 140
    assert quarter == traced(KEY, 0.25)
    assert not every & traced(bytes([1] * 32), 1.0)


def test_nothing_is_traced_that_nobody_asked_for() -> None:
    with traces.traced("web", None, KEY, 1.0):
        traces.accepted(7, ["call"], 1)
        with traces.within("fetch", 7, "call", 1):
            traces.note("done", failed=False)
            traces.tell("bytes", 1)
            assert "trace_id" not in structlog.contextvars.get_contextvars()
            assert traces.part("download") is traces.part("save"), "nothing is made where nothing is traced"


def test_what_is_within_no_step_or_left_out_is_no_span_and_what_fails_says_its_code() -> None:
    left_out, kept = InMemorySpanExporter(), InMemorySpanExporter()
    with (
        traces.sent_to(SimpleSpanProcessor(left_out), "worker", KEY, 0.0),
        traces.within("fetch", 7, "call", 1),
        traces.part("download"),
    ):
        traces.tell("bytes", 1)
    assert not left_out.get_finished_spans()
    with traces.sent_to(SimpleSpanProcessor(kept), "worker", KEY):
        with traces.part("download"):
            traces.tell("bytes", 1)
        assert not kept.get_finished_spans()
        with pytest.raises(StepFailed), traces.within("fetch", 7, "call", 1), traces.part("download"):
            raise StepFailed("recording_timeout", "What a partner reads.")
    failed, step = kept.get_finished_spans()
    assert (failed.status.status_code, failed.status.description) == (StatusCode.ERROR, "recording_timeout")
    assert failed.context is not None
    assert step.context is not None
    assert failed.context.trace_id == step.context.trace_id


async def test_spans_come_to_a_collector(monkeypatch: "pytest.MonkeyPatch") -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    async with serve() as collector:
        url = collector.answer("/v1/traces")
        with traces.traced("worker", url, KEY, 1.0):
            with traces.within("fetch", 7, "call", 2):
                traces.note("done", failed=False)
            async with asyncio.timeout(30):
                while not collector.requests:  # noqa: ASYNC110 - the server is another's
                    await asyncio.sleep(0.02)
    sent = ExportTraceServiceRequest.FromString(collector.requests[0].split(b"\r\n\r\n", 1)[1])
    [resource] = sent.resource_spans
    assert ("service.name", "callwright-worker") in {
        (a.key, a.value.string_value) for a in resource.resource.attributes
    }
    assert [span.name for scope in resource.scope_spans for span in scope.spans] == ["fetch"]
