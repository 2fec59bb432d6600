"""What this process tells of its work in numbers: every metric, its labels, and what it means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from callwright import __version__
from callwright.errors import FAILURE_CODES

Kind = Literal["counter", "gauge", "histogram"]
Process = Literal["API", "worker"]
Tells = Literal["API", "worker", "both"]


@dataclass(frozen=True, slots=True)
class Described:
    """A metric as its reference describes it.

    Attributes:
        name: Without what the format appends to it: `_total`, `_bucket`, `_sum`, `_count`.
        kind: What can be asked of it.
        labels: Their names. Their values are ours and few: never an id, never a word that somebody else chose.
        meaning: In a sentence.
        tells: Which process does.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    tells: Tells

    @property
    def series(self) -> tuple[str, ...]:
        """The names that can be asked for."""
        ends = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
        return tuple(self.name + end for end in ends[self.kind])


REGISTRIES: dict[Tells, CollectorRegistry] = {of: CollectorRegistry() for of in ("API", "worker", "both")}
DESCRIBED: list[Described] = []

disable_created_metrics()  # type: ignore[no-untyped-call] # a second series beside each, for what nobody asks
ProcessCollector(registry=REGISTRIES["both"])

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LONG = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Seconds."""


def _counter(tells: Tells, name: str, meaning: str, *labels: str) -> Counter:
    DESCRIBED.append(Described(f"callwright_{name}", "counter", labels, meaning, tells))
    return Counter(f"callwright_{name}", meaning, labels, registry=REGISTRIES[tells])


def _gauge(tells: Tells, name: str, meaning: str, *labels: str) -> Gauge:
    DESCRIBED.append(Described(f"callwright_{name}", "gauge", labels, meaning, tells))
    return Gauge(f"callwright_{name}", meaning, labels, registry=REGISTRIES[tells])


def _histogram(tells: Tells, name: str, meaning: str, *labels: str, buckets: Sequence[float] = SHORT) -> Histogram:
    DESCRIBED.append(Described(f"callwright_{name}", "histogram", labels, meaning, tells))
    return Histogram(f"callwright_{name}", meaning, labels, registry=REGISTRIES[tells], buckets=buckets)


def exposition(of: Process) -> bytes:
    """All that a process tells, in Prometheus' text format; `CONTENT_TYPE` says which one."""
    return generate_latest(REGISTRIES["both"]) + generate_latest(REGISTRIES[of])


LABELS = {
    "answer": "the class of the receiver's answer, as `2xx`; `none` where there was none",
    "engine": "its name, as in results: a speech engine's; `listener`, which finds who speaks when; `rules`, `llm`",
    "code": "the [failure code](errors.md#failure-codes)",
    "limit": "`partner`: its requests in a minute; `logins`: an address's failed logins in a minute",
    "method": "of HTTP; `other` for what is none that we answer to",
    "outcome": "of a call that came in: `accepted`, `duplicate`. Of a step: `done`; `retried`: it failed and is tried "
    "again; `outage`: it waits for something of ours that is away; `failed`: it failed for good, and the call with it",
    "pool": "`requests` of the API; `steps` and `jobs` of a worker: what does the work, and what takes it",
    "route": "the path as the [API reference](api.md#endpoints) writes it; `none` where no path fits",
    "state": "of a connection: `busy`, `idle`. Of a job: `due`; `later`: it waits for its time; `running`. Of a "
    "callback: `delivered`, `undelivered`",
    "status": "of HTTP; 499 where the client went before it was answered",
    "step": "`fetch`, `transcribe`, `analyse`, `deliver`",
    "task": "`house`, `rollups`, `erasures`",
    "tokens": "`input`, `output`",
    "transcriber": "the speech engine's name",
    "analyser": "the analysis engine's name",
    "version": "of Callwright",
}
"""What the values of each label are."""

BUILD = _gauge("both", "build_info", "1, for the version that runs.", "version")
BUILD.labels(__version__).set(1)

# What comes in.

REQUESTS = _counter("API", "http_requests", "Requests that were answered.", "method", "route", "status")
REQUEST_SECONDS = _histogram(
    "API", "http_request_seconds", "Seconds from a request's headers to the end of its answer.", "method", "route"
)
REQUESTS_RUNNING = _gauge("API", "http_requests_running", "Requests that are being answered.")
CALLS = _counter("API", "calls_received", "Calls in batches that were accepted, but for test calls.", "outcome")
REFUSALS = _counter("API", "rate_limit_refusals", "Requests that were refused with 429.", "limit")
UNCOUNTED = _counter("API", "rate_limit_uncounted", "Requests that were let in uncounted, as Redis was away.")

# The database.

DATABASE_UP = _gauge("API", "database_up", "Whether the database answered when the queue was last looked at: 1 or 0.")
DATABASE_AWAY = _counter(
    "both", "database_unavailable", "Times that the database did not answer, or no connection came free."
)
DATABASE_WAIT = _histogram("both", "database_wait_seconds", "Seconds that was waited for a connection.")
DATABASE_CONNECTIONS = _gauge("both", "database_connections", "Connections that this process holds.", "pool", "state")
DATABASE_MOST = _gauge("both", "database_connections_max", "Connections that this process may hold.", "pool")

# The queue, as the database has it: every process that tells it tells the same.

QUEUE_JOBS = _gauge(
    "API", "queue_jobs", "Jobs of each step, counted up to 10,000 each; `due` are those that a worker may take.",
    *("step", "state"),
)  # fmt: skip
QUEUE_AGE = _gauge(
    "API", "queue_oldest_seconds", "How long the job has been due that is due longest; 0 where none is.", "step"
)

# Work.

ENGINES = _gauge(
    "worker", "engines_info", "1, for the engines that the worker has been told to use.", "transcriber", "analyser"
)
PLACES = _gauge("worker", "lane_places", "Jobs that the worker may have under way at a time.", "step")
BUSY = _gauge("worker", "lane_busy", "Jobs that it has under way.", "step")
STEPS = _counter(
    "worker", "steps", "Steps of calls that ended, but for test calls; the code is empty where they were `done`.",
    *("step", "outcome", "code"),
)  # fmt: skip
STEP_SECONDS = _histogram(
    "worker", "step_seconds", "Seconds of a step of a call, with what it waited for within it.", "step", buckets=LONG
)
CRASHES = _counter("worker", "job_crashes", "Jobs that a fault of ours broke off; they are done again.", "step")
HOUSEKEEPING = _counter(
    "worker", "housekeeping_failures", "Times that housekeeping failed, but for a database that is away.", "task"
)

RECORDING_BYTES = _counter("worker", "recording_bytes", "Bytes of recordings that were downloaded.")
AUDIO_SECONDS = _counter("worker", "audio_seconds", "Seconds of recordings that were decoded.")
DECODE_SECONDS = _histogram(
    "worker", "decode_seconds", "Seconds that a recording took to decode, waiting for a decoder included.", buckets=LONG
)
SPEECH_ENGINES = _gauge("worker", "speech_engines", "Processes with the speech engine in them.")
SPEECH_ENGINES_FREE = _gauge("worker", "speech_engines_free", "Those of them that have nothing to do.")
SPEECH_SECONDS = _histogram(
    "worker", "speech_work_seconds", "Seconds that an engine was at work on a recording, or on a piece of a long one.",
    "engine", buckets=LONG,
)  # fmt: skip
HEARD_SECONDS = _counter(
    "worker", "speech_audio_seconds", "Seconds of sound, channel by channel, that an engine has been through.", "engine"
)

ANALYSIS_SECONDS = _histogram(
    "worker",
    "analysis_seconds",
    "Seconds that an analysis took, by the engine that came to judge.",
    "engine",
    buckets=LONG,
)
FALLBACKS = _counter(
    "worker", "llm_fallbacks", "Calls that `llm` left to the rules, as the model could not be used for them."
)
LLM_REQUESTS = _counter("worker", "llm_requests", "Requests to the language model's server.")
LLM_TOKENS = _counter("worker", "llm_tokens", "Tokens, as that server counts them.", "tokens")

# What goes out.

CALLBACK_TRIES = _counter("worker", "callback_tries", "Tries of callbacks, those of test calls too.", "answer")
CALLBACK_SECONDS = _histogram(
    "worker", "callback_seconds", "Seconds from a callback's begin to its answer.", buckets=LONG[:11]
)
CALLBACKS_ENDED = _counter("worker", "callbacks", "Callbacks that ended, those of test calls too.", "state")


def _begin_at_zero() -> None:
    """Tell what seldom happens from the start: of a series that begins at 1, Prometheus sees no increase."""
    for step in ("fetch", "transcribe", "analyse"):
        STEPS.labels(step, "done", "")
        for code in FAILURE_CODES:
            STEPS.labels(step, "failed", code)
            STEPS.labels(step, "outage", code)
    for step in ("fetch", "transcribe", "analyse", "deliver"):
        CRASHES.labels(step)
    for task in ("house", "rollups", "erasures"):
        HOUSEKEEPING.labels(task)
    for limit in ("partner", "logins"):
        REFUSALS.labels(limit)
    for outcome in ("accepted", "duplicate"):
        CALLS.labels(outcome)
    for state in ("delivered", "undelivered"):
        CALLBACKS_ENDED.labels(state)


_begin_at_zero()
