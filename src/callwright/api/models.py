"""What a partner sends and is answered: the types that check bodies and that the OpenAPI document is made of."""

from typing import Annotated, Literal, NotRequired

from pydantic import BeforeValidator, Field, TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from callwright.api.analysis_models import AnalysisData, FormerAnalysisData
from callwright.api.rules import (
    MAX_METADATA_KEYS,
    CallbackUrl,
    Email,
    EndSeconds,
    EndTime,
    FilledText,
    Id,
    MetadataValue,
    PhoneNumber,
    RecordingUrl,
    Seconds,
    ShortText,
    Speaker,
    Text,
    TurnText,
    UtcTime,
    not_too_many_keys,
)
from callwright.calls import CallbackState, State
from callwright.errors import FailureCode
from callwright.recordings import Container
from callwright.transcription import Quality, SpeakerSource

MAX_CALLS = 50
MAX_CUSTOM_FIELDS = 10
MAX_TURNS = 5_000


class CallPart(TypedDict):
    """The call itself."""

    id: Annotated[Id, Field(description="Unique over all calls of the partner, not of the tenant")]
    recording_url: Annotated[
        RecordingUrl,
        Field(description="Fetched later, without credentials, from a public address; MP3, WAV, AAC, M4A or MP4"),
    ]
    start_time: Annotated[UtcTime, Field(description="ISO 8601 in UTC: `Z` or `+00:00`")]
    end_time: Annotated[EndTime, Field(description="ISO 8601 in UTC, after `start_time`")]
    contact_number: Annotated[PhoneNumber, Field(description="E.164: `+`, then 2 to 15 digits, the first not 0")]


class AgentPart(TypedDict):
    """The salesperson on the call."""

    id: Id
    email: NotRequired[Email | None]
    name: NotRequired[ShortText | None]


class CustomerPart(TypedDict):
    """The person on the other end; a later call's name or email wins, an absent one erases nothing."""

    id: Id
    name: NotRequired[ShortText | None]
    email: NotRequired[Email | None]
    disposition_status: NotRequired[
        Annotated[ShortText | None, Field(description="Takes effect at the call's `end_time`")]
    ]


class CustomField(TypedDict):
    """A field of the partner's own."""

    internal_name: FilledText
    value: FilledText


class TurnPart(TypedDict):
    """What one speaker said without a break."""

    speaker: Annotated[Speaker, Field(description="`agent` or `customer`")]
    start: Annotated[Seconds, Field(description="Seconds from the start of the recording")]
    end: Annotated[EndSeconds, Field(description="Seconds from the start of the recording")]
    text: TurnText


class CallRecord(TypedDict):
    """One call of a batch. Fields that nobody knows are ignored; null for an optional one leaves it out."""

    call: CallPart
    agent: AgentPart
    customer: CustomerPart
    industry: NotRequired[Text | None]
    function: NotRequired[Text | None]
    callback_url: NotRequired[
        Annotated[CallbackUrl | None, Field(description="Where the webhook CALL_SUMMARY is posted to")]
    ]
    metadata: NotRequired[
        Annotated[
            Annotated[
                dict[Text, MetadataValue],
                BeforeValidator(not_too_many_keys),
                # The pattern of the names says nothing of other names by itself.
                Field(json_schema_extra={"maxProperties": MAX_METADATA_KEYS, "additionalProperties": False}),
            ]
            | None,
            Field(description="Comes back verbatim as `meta`"),
        ]
    ]
    custom_fields: NotRequired[Annotated[list[CustomField], Field(max_length=MAX_CUSTOM_FIELDS)] | None]
    transcript: NotRequired[
        Annotated[
            Annotated[list[TurnPart], Field(max_length=MAX_TURNS, fail_fast=True)] | None,
            Field(description="Where the partner has one already; no speech engine runs then"),
        ]
    ]


class BatchCallBody(TypedDict):
    """A batch of calls."""

    data: Annotated[list[CallRecord], Field(min_length=1, max_length=MAX_CALLS)]


class DispositionBody(TypedDict):
    """A customer's new disposition."""

    customer_id: Annotated[Id, Field(description="A customer that a call of this tenant and subtenant brought in")]
    disposition_status: NotRequired[
        Annotated[ShortText | None, Field(description="Absent or null leaves the status as it is")]
    ]


BATCH_CALL = TypeAdapter(BatchCallBody)
DISPOSITION = TypeAdapter(DispositionBody)
TURN = TypeAdapter(TurnPart)

EntryStatus = Literal["accepted", "duplicate"]


class Success(TypedDict):
    """The envelope of an answer that has nothing more to say."""

    success: Literal[True]


class Refusal(TypedDict):
    """The envelope of every error."""

    success: Literal[False]
    message: str


class Fault(TypedDict):
    """One fault: its path from the body's root, and a sentence that starts with the path's last name."""

    field: str
    message: str


class ValidationRefusal(TypedDict):
    """The envelope of a body whose contents are at fault."""

    success: Literal[False]
    message: str
    errors: Annotated[list[Fault], Field(description="Every fault, in the order of the body")]


Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class EntryData(TypedDict):
    """What became of one call of the batch."""

    id: str
    status: EntryStatus
    changed: NotRequired[
        Annotated[Literal[True], Field(description="A duplicate whose content differs from the first; nothing changed")]
    ]


class AcceptedData(TypedDict):
    """A batch that is durable; `calls` is in the order of the request."""

    batch_id: str
    accepted: int
    duplicates: int
    calls: list[EntryData]


class BatchEntryData(TypedDict):
    """One call of a batch and how it stands; `state` is null for a duplicate of another subtenant's call."""

    id: str
    status: EntryStatus
    state: State | None
    callback_status: CallbackState | None


class BatchData(TypedDict):
    """A batch and how its calls stand now."""

    batch_id: str
    received_at: Time
    accepted: int
    duplicates: int
    erased: Annotated[int, Field(description="Of the calls that were sent, those that `calls` has no more")]
    calls: list[BatchEntryData]


class FailureData(TypedDict):
    """Why a call failed; a code is never renamed."""

    code: FailureCode
    message: str


class RecordingData(TypedDict):
    """What was fetched; durations in seconds, size in bytes."""

    duration: float | None
    channels: int | None
    sample_rate: int | None
    codec: str | None
    container: Container
    size: int
    declared_duration: float | None
    call_duration: float
    removed_at: Annotated[
        Time | None, Field(description="When the recording was removed and the rest of the call was kept; else null")
    ]


class TurnData(TypedDict):
    """What one speaker said without a break; seconds from the start of the recording."""

    id: int
    speaker: Literal["agent", "customer"]
    start: float
    end: float
    text: str
    confidence: float | None


class DroppedData(TypedDict):
    """How many words a speech engine made up: said again and again, or put where nobody speaks."""

    loops: int
    over_silence: int


class TranscriptData(TypedDict):
    """The call in words."""

    engine: str
    model: str | None
    language: str | None
    quality: Annotated[Quality, Field(description="The words of a `draft` must not be relied on")]
    speakers: SpeakerSource
    coverage: Annotated[float | None, Field(description="Share of the speech that the turns cover, 0 to 1")]
    dropped: Annotated[DroppedData | None, Field(description="Words that are not in the turns; null where not checked")]
    turns: list[TurnData]


class ListedCallData(TypedDict):
    """A call of a list: what was sent, and how it stands."""

    id: str
    status: State
    failure: FailureData | None
    callback_status: CallbackState
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


class CallData(ListedCallData):
    """A call, from what was sent to what came of it."""

    metadata: dict[str, str | int | float]
    custom_fields: list[CustomField]
    recording: RecordingData | None
    transcript: TranscriptData | None
    analysis: AnalysisData | None
    analysis_history: Annotated[
        list[FormerAnalysisData], Field(description="What was judged before, the newest 20 first")
    ]


class DispositionData(TypedDict):
    """One disposition that a customer was in."""

    status: str
    effective_at: Time
    recorded_at: Time
    source: Literal["call", "api"]
    call_id: str | None


class CustomerData(TypedDict):
    """A customer, with its dispositions from the newest on."""

    id: str
    name: str | None
    email: str | None
    disposition_status: str | None
    disposition_history: list[DispositionData]
