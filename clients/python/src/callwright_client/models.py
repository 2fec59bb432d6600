"""What is sent and answered, as typed dicts: what the server adds later stays in them, as it was answered."""

from datetime import datetime
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

Time: TypeAlias = str
"""ISO 8601 in UTC, with `Z`."""

SentTime: TypeAlias = str | datetime
"""The same, or a datetime with its time zone."""

Intent: TypeAlias = Literal["INTERESTED", "NOT_INTERESTED", "NEUTRAL", "NOT_QUALIFIED", "NOT_AVAILABLE"]
Speaker: TypeAlias = Literal["agent", "customer"]
CallState: TypeAlias = Literal["received", "fetched", "transcribed", "completed", "failed"]
CallbackStatus: TypeAlias = Literal["none", "pending", "delivered", "undelivered"]
CallbackState: TypeAlias = Literal["pending", "delivered", "undelivered", "replaced"]


class Fault(TypedDict):
    """One fault: where it is, and a sentence that starts with the last name of that."""

    field: str
    message: str


# What is sent


class CallPart(TypedDict):
    """The call itself; `id` is unique over all calls of the partner, not of the tenant."""

    id: str
    recording_url: str
    start_time: SentTime
    end_time: SentTime
    contact_number: str


class AgentPart(TypedDict):
    """The salesperson on the call."""

    id: str
    email: NotRequired[str | None]
    name: NotRequired[str | None]


class CustomerPart(TypedDict):
    """The person on the other end; a later call's name or email wins, an absent one erases nothing."""

    id: str
    name: NotRequired[str | None]
    email: NotRequired[str | None]
    disposition_status: NotRequired[str | None]


class CustomField(TypedDict):
    """A field of the partner's own."""

    internal_name: str
    value: str


class TurnPart(TypedDict):
    """What one speaker said without a break; seconds from the start of the recording."""

    speaker: Speaker
    start: float
    end: float
    text: str


class CallRecord(TypedDict):
    """One call to push."""

    call: CallPart
    agent: AgentPart
    customer: CustomerPart
    industry: NotRequired[str | None]
    function: NotRequired[str | None]
    callback_url: NotRequired[str | None]
    metadata: NotRequired[dict[str, str | int | float] | None]
    custom_fields: NotRequired[list[CustomField] | None]
    transcript: NotRequired[list[TurnPart] | None]


# Batches and calls


class BatchEntry(TypedDict):
    """One call of a batch and how it stands; `state` is None for a duplicate of another subtenant's call."""

    id: str
    status: Literal["accepted", "duplicate"]
    state: CallState | None
    callback_status: CallbackStatus | None


class Batch(TypedDict):
    """A batch and how its calls stand now."""

    batch_id: str
    received_at: Time
    accepted: int
    duplicates: int
    erased: int
    calls: list[BatchEntry]


class Failure(TypedDict):
    """Why a call failed; a code is never renamed, and new ones may come."""

    code: str
    message: str


class ListedCall(TypedDict):
    """A call of a list: what was sent, and how it stands."""

    id: str
    status: CallState
    failure: Failure | None
    callback_status: CallbackStatus
    batch_id: str
    start_time: Time
    end_time: Time
    received_at: Time
    changed_at: Time
    ended_at: Time | None
    contact_number: str
    agent_id: str
    customer_id: str
    industry: str | None
    function: str | None


class Recording(TypedDict):
    """What was fetched; durations in seconds, size in bytes."""

    duration: float | None
    channels: int | None
    sample_rate: int | None
    codec: str | None
    container: str
    size: int
    declared_duration: float | None
    call_duration: float
    removed_at: Time | None


class Turn(TypedDict):
    """What one speaker said without a break; seconds from the start of the recording."""

    id: int
    speaker: Speaker
    start: float
    end: float
    text: str
    confidence: float | None


class Dropped(TypedDict):
    """How many words a speech engine made up: said again and again, or put where nobody speaks."""

    loops: int
    over_silence: int


class Transcript(TypedDict):
    """The call in words; those of a `draft` must not be relied on."""

    engine: str
    model: str | None
    language: str | None
    quality: Literal["final", "draft", "partner"]
    speakers: Literal["channels", "voices", "single", "partner"]
    coverage: float | None
    dropped: Dropped | None
    turns: list[Turn]


class Chapter(TypedDict):
    """A part of the call."""

    chapter_name: str
    chapter_summary: str


class Bant(TypedDict):
    """Needs and objections; None where the call did not come to it."""

    needs: str | None
    objection: str | None
    concern_categories: str | None
    objection_handling: str | None


class Qualification(TypedDict):
    """A topic that came up, and the answer."""

    label: str
    answer: str


class Quality(TypedDict):
    """One parameter of the scorecard."""

    parameter_name: str
    justification: str
    suggestion: str | None
    inference_score: int | None
    parameter_score: int
    status: Literal["Done", "Partially Done", "Needs Improvement", "Not Applicable"]
    is_fatal: bool


class AnalysisFields(TypedDict):
    """What the call means for the sale; None or empty where it was not assessed or not discussed."""

    intent: Intent | None
    intent_justification: str | None
    intent_score: int | None
    quality_score: int | None
    summary: list[Chapter] | None
    bant: Bant | None
    qualification: list[Qualification] | None
    quality: list[Quality] | None


class Statement(TypedDict):
    """A sentence about the call and the turns it rests on."""

    text: str
    turns: list[int]


class Action(TypedDict):
    """Something that is to be done after the call; `due` in its words, `due_date` the same as a day."""

    text: str
    owner: Speaker
    due: str | None
    due_date: str | None
    turns: list[int]


class Metrics(TypedDict):
    """The conversation in figures: seconds, shares, counts, words per minute; None where it was not assessed."""

    agent_talk_seconds: float
    customer_talk_seconds: float
    talk_ratio: float | None
    longest_monologue_seconds: float
    agent_interruptions: int
    customer_interruptions: int
    silence_seconds: float
    response_latency_seconds: float | None
    customer_longest_monologue_seconds: float | None
    customer_response_latency_seconds: float | None
    silences: int | None
    longest_silence_seconds: float | None
    agent_words_per_minute: float | None
    customer_words_per_minute: float | None
    agent_questions: int | None
    customer_questions: int | None


class Usage(TypedDict):
    """What the language model took."""

    requests: int
    input_tokens: int | None
    output_tokens: int | None
    seconds: float


class Analysis(AnalysisFields):
    """The analysis as in the callback, what it rests on, and who judged."""

    talking_points: list[Statement]
    suggested_actions: list[Action]
    evidence: dict[str, Any]
    spans: dict[str, Any]
    metrics: Metrics
    rubric: str | None
    usage: Usage | None
    engine: str
    version: str
    model: str | None
    draft: bool
    notes: list[str]


class FormerAnalysis(TypedDict):
    """An analysis that came before the current one."""

    made_at: Time
    engine: str
    version: str | None
    rubric: str | None
    intent: Intent | None
    intent_score: int | None
    quality_score: int | None


class Call(ListedCall):
    """A call, from what was sent to what came of it."""

    metadata: dict[str, str | int | float]
    custom_fields: list[CustomField]
    recording: Recording | None
    transcript: Transcript | None
    analysis: Analysis | None
    analysis_history: list[FormerAnalysis]


class CallSummary(AnalysisFields):
    """What is posted to a call's `callback_url` when its processing ends; `meta` is its `metadata`, verbatim.

    `test` is there where it is a test call's.
    """

    call_id: str
    type: Literal["CALL_SUMMARY"]
    customer_id: str
    agent_id: str
    status: Literal["completed", "failed"]
    error: str | None
    meta: dict[str, str | int | float]
    test: NotRequired[Literal[True]]


# Callbacks


class Attempt(TypedDict):
    """One try to deliver a callback; `error` is None where it was acknowledged."""

    attempt: int
    started_at: Time
    http_status: int | None
    error: str | None


class Callback(TypedDict):
    """A callback and its newest 20 tries; `callback_id` is its `webhook-id`."""

    callback_id: str
    call_id: str
    url: str
    state: CallbackState
    created_at: Time
    next_attempt_at: Time | None
    ended_at: Time | None
    attempts: list[Attempt]


class ResentCallback(TypedDict):
    """How a call's callback stands now; `resent` is False where it was pending already."""

    call_id: str
    callback_id: str | None
    callback_status: CallbackStatus
    resent: bool


# The rubric


class AppliedRubric(TypedDict):
    """What is in force now; `changed` is False where the rubric in force was equal."""

    version: int
    changed: bool


class Rubric(TypedDict):
    """A rubric of the subtenant: `rubric` is the document; `applied_at` is None for the default."""

    version: int
    applied_at: Time | None
    rubric: dict[str, Any]
