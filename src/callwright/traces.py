"""One OpenTelemetry trace for each call, from its acceptance over its steps to its callback, over all processes.

A call's trace has its id from the call's own key. So nothing has to be carried through the queue, a step that another
worker takes over goes on in the same trace, and every process leaves out the same calls where only a share is traced.
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import structlog

from callwright import __version__
from callwright.errors import SetupError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

FLUSH_MILLISECONDS = 5_000
"""How long what was not sent yet may take at the end."""


class _Tracing:
    """Makes the spans of this process.

    Args:
        service: What the process is, as `worker`.
        key: What trace ids are derived with, the same in every process: nobody without it can tell whose a trace is.
        share: Of the calls, from 0 to 1.
        processor: Takes the spans that have ended.
    """

    def __init__(self, service: str, key: bytes, share: float, processor: "SpanProcessor") -> None:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - likewise
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - likewise
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415 - likewise
        from opentelemetry.sdk.trace.sampling import TraceIdRatioBased  # noqa: PLC0415 - likewise

        class Ids(RandomIdGenerator):
            """New ids, but for the span that a trace begins with."""

            first: tuple[int, int] | None = None

            def generate_trace_id(self) -> int:
                return self.first[0] if self.first else super().generate_trace_id()

            def generate_span_id(self) -> int:
                return self.first[1] if self.first else super().generate_span_id()

        self._trace = trace
        self._key = key
        self._ids = Ids()
        self._provider = TracerProvider(
            sampler=TraceIdRatioBased(share),
            resource=Resource.create({"service.name": f"callwright-{service}", "service.version": __version__}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("callwright", __version__)

    def close(self) -> None:
        self._provider.force_flush(FLUSH_MILLISECONDS)
        self._provider.shutdown()

    def _ids_of(self, partner_id: int, call_id: str) -> tuple[int, int]:
        """The trace of a call, and the span that it begins with."""
        made = hmac.digest(self._key, f"trace/{partner_id}/{call_id}".encode(), hashlib.sha256)
        return int.from_bytes(made[:16]) or 1, int.from_bytes(made[16:24]) or 1

    def accepted(self, partner_id: int, call_ids: Sequence[str], began: int) -> None:
        attributes = {"callwright.partner_id": partner_id, "callwright.batch_size": len(call_ids)}
        for call_id in call_ids:
            self._ids.first = self._ids_of(partner_id, call_id)
            try:
                span = self._tracer.start_span(
                    "accept", self._trace.set_span_in_context(self._trace.INVALID_SPAN),
                    kind=self._trace.SpanKind.SERVER, attributes=attributes, start_time=began,
                )  # fmt: skip
            finally:
                self._ids.first = None
            span.end()

    @contextmanager
    def within(self, name: str, partner_id: int, call_id: str, attempt: int) -> Iterator[None]:
        trace_id, root = self._ids_of(partner_id, call_id)
        begun = self._trace.SpanContext(trace_id, root, is_remote=True, trace_flags=self._trace.TraceFlags(1))
        context = self._trace.set_span_in_context(self._trace.NonRecordingSpan(begun))
        attributes = {"callwright.partner_id": partner_id, "callwright.attempt": attempt}
        with self._tracer.start_as_current_span(
            name, context, kind=self._trace.SpanKind.CONSUMER, attributes=attributes,
            record_exception=False, set_status_on_exception=False,
        ) as span:  # fmt: skip
            named = {"trace_id": f"{trace_id:032x}"} if span.is_recording() else {}
            with structlog.contextvars.bound_contextvars(**named):
                yield

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        if not self._trace.get_current_span().is_recording():  # of no call that is traced
            yield
            return
        with self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:
            try:
                yield
            except BaseException as error:
                span.set_status(self._trace.StatusCode.ERROR, getattr(error, "code", type(error).__name__))
                raise

    def tell(self, what: str, value: float | str) -> None:
        self._trace.get_current_span().set_attribute(f"callwright.{what}", value)

    def note(self, outcome: str, failed: bool) -> None:
        span = self._trace.get_current_span()
        span.set_attribute("callwright.outcome", outcome)
        if failed:
            span.set_status(self._trace.StatusCode.ERROR, outcome)


class _Process:
    """What this process has of it."""

    tracing: _Tracing | None = None


_NOTHING: AbstractContextManager[None] = nullcontext()
"""One for all: where nothing is traced, nothing is made."""


@contextmanager
def traced(service: str, url: str | None, key: bytes, share: float) -> Iterator[None]:
    """Send the spans of this process to a collector as long as the block runs; without an address there are none.

    Args:
        service: What the process is, as `worker`.
        url: Of a collector that takes OTLP over HTTP, as `http://127.0.0.1:4318/v1/traces`.
        key: The secret key.
        share: Of the calls, from 0 to 1.

    Raises:
        SetupError: OpenTelemetry is not installed.
    """
    if url is None:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - likewise
    except ModuleNotFoundError as error:
        raise SetupError(
            "CALLWRIGHT_TRACES_URL is set and OpenTelemetry is not installed", "pip install 'callwright[traces]'"
        ) from error
    with sent_to(BatchSpanProcessor(OTLPSpanExporter(url)), service, key, share):
        yield


@contextmanager
def sent_to(processor: "SpanProcessor", service: str, key: bytes, share: float = 1.0) -> Iterator[None]:
    """Give the spans of this process to a processor as long as the block runs."""
    tracing = _Process.tracing = _Tracing(service, key, share, processor)
    try:
        yield
    finally:
        _Process.tracing = None
        tracing.close()


def accepted(partner_id: int, call_ids: Sequence[str], began: int) -> None:
    """Begin the traces of calls that are durable now.

    Args:
        partner_id: Whose they are.
        call_ids: The partner's own ids.
        began: When their batch came, in nanoseconds of the clock on the wall.
    """
    if _Process.tracing is not None:
        _Process.tracing.accepted(partner_id, call_ids, began)


def within(name: str, partner_id: int, call_id: str, attempt: int) -> AbstractContextManager[None]:
    """Be a span of a call's trace as long as the block runs; log lines name the trace.

    Args:
        name: What is done, as `fetch`.
        partner_id: Whose call it is.
        call_id: The partner's own id.
        attempt: Which try, from 1.
    """
    tracing = _Process.tracing
    return _NOTHING if tracing is None else tracing.within(name, partner_id, call_id, attempt)


def part(name: str) -> AbstractContextManager[None]:
    """Be a span within the one that is under way, as long as the block runs; where there is none, be nothing.

    Args:
        name: What is done, as `decode`. Where the block raises, the span says the failure's code, or the error's type.
    """
    tracing = _Process.tracing
    return _NOTHING if tracing is None else tracing.part(name)


def tell(what: str, value: float | str) -> None:
    """Say something of the span that is under way.

    Args:
        what: Its name, as `audio_seconds`.
        value: A number, or one of a few words of ours: never what a partner has sent or a caller has said.
    """
    if _Process.tracing is not None:
        _Process.tracing.tell(what, value)


def note(outcome: str, *, failed: bool) -> None:
    """Say of the span that is under way what came of it, in a word of ours."""
    if _Process.tracing is not None:
        _Process.tracing.note(outcome, failed)
