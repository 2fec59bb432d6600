"""What partners ask and are told of words in transcripts: types that check requests and make the OpenAPI document."""

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, NotRequired

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from callwright.api.models import Time
from callwright.api.queries import CURSOR_FIELD, CURSOR_RULE, CursorText, Limit, Since, Until
from callwright.api.rules import FILLED_TEXT, Id, Rule
from callwright.reports.search import Last, Place
from callwright.reports.search_windows import Edge
from callwright.transcription import Quality, Speaker

MOST_OF_A_QUERY = 200

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PLACE = struct.Struct(">q?qq?qq?iqqi")
"""When it was asked; then the two edges and the last hit, each after whether it is there."""


def cursor_of_search(place: Place) -> str:
    """Write down where a page ends, in letters, digits, `_` and `-`."""
    upper, lower, last = place.upper, place.lower, place.last
    packed = _PLACE.pack(
        _number(place.asked_at),
        *((True, _number(upper.end_time), upper.tie) if upper else (False, 0, 0)),
        *((True, _number(lower.end_time), lower.tie) if lower else (False, 0, 0)),
        *((True, last.rank, _number(last.end_time), last.tie, last.turn) if last else (False, 0, 0, 0, 0)),
    )
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def place_of_search(cursor: str) -> Place:
    """Where a page ended.

    Raises:
        ValueError: `cursor_of_search` has not written this.
    """
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        asked_at, *parts = _PLACE.unpack(packed)
        upper, lower, last = parts[:3], parts[3:6], parts[6:]
        return Place(
            _time(asked_at),
            Edge(_time(upper[1]), upper[2]) if upper[0] else None,
            Edge(_time(lower[1]), lower[2]) if lower[0] else None,
            Last(last[1], _time(last[2]), last[3], last[4]) if last[0] else None,
        )
    except (binascii.Error, struct.error, OverflowError):
        raise ValueError(cursor) from None


def _number(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _time(number: int) -> datetime:
    return _EPOCH + number * _MICROSECOND


def _is_a_cursor(value: str) -> str:
    place_of_search(value)
    return value


class WholeSearchQuery(TypedDict):
    """Which words, and in which calls; what is left out makes no difference."""

    q: Annotated[
        Annotated[
            str,
            StringConstraints(strict=True, max_length=MOST_OF_A_QUERY, pattern=FILLED_TEXT),
            Rule("must be a string", required=True, most=MOST_OF_A_QUERY),
        ],
        Field(description='Words that a turn has, in any form; `"a phrase"`, `OR`, and `-` before what it has not'),
    ]
    since: NotRequired[
        Annotated[Since, Field(description="Of calls that ended then or later: ISO 8601 in UTC, with `Z`")]
    ]
    until: NotRequired[Annotated[Until, Field(description="Of calls that ended before: ISO 8601 in UTC, with `Z`")]]
    agent_id: NotRequired[Annotated[Id, Field(description="In calls of this agent")]]
    customer_id: NotRequired[Annotated[Id, Field(description="In calls with this customer")]]
    speaker: NotRequired[
        Annotated[
            Annotated[Speaker, Rule("must be agent or customer")],
            Field(description="Said by the `agent` or by the `customer`"),
        ]
    ]
    limit: NotRequired[Limit]
    cursor: NotRequired[Annotated[Annotated[CursorText, AfterValidator(_is_a_cursor), CURSOR_RULE], CURSOR_FIELD]]


class SearchQuery(WholeSearchQuery):
    """The same, and whose calls."""

    scope: NotRequired[
        Annotated[
            Annotated[Literal["subtenant", "tenant"], Rule("must be subtenant or tenant")],
            Field(description="In calls of the `subtenant`, unless given, or of all subtenants of the `tenant`"),
        ]
    ]


SEARCH_QUERY = TypeAdapter(SearchQuery)
WHOLE_SEARCH_QUERY = TypeAdapter(WholeSearchQuery)


class FoundTranscriptData(TypedDict):
    """What the words rest on."""

    engine: str
    quality: Quality
    draft: Annotated[bool, Field(description="Whether the words must not be relied on")]


class FoundTurnData(TypedDict):
    """The turn of the call's transcript; seconds from the start of the recording."""

    id: int
    speaker: Speaker
    start: float
    end: float


class HighlightData(TypedDict):
    """A word of the query in the text, in characters (Unicode code points) from its start."""

    offset: int
    length: int


class HitData(TypedDict):
    """A turn that was found, and its call."""

    call_id: str
    tenant_id: str
    subtenant_id: str
    start_time: Time
    end_time: Time
    agent_id: str
    agent_name: str | None
    customer_id: str
    customer_name: str | None
    transcript: FoundTranscriptData
    turn: FoundTurnData
    text: Annotated[str, Field(description="The whole turn, as plain text in Unicode's composed form (NFC)")]
    highlights: list[HighlightData]
    rank: Annotated[float, Field(description="More is better; of no meaning beside another query's")]


class SearchData(TypedDict):
    """A page of turns, the best first among the calls that ended last."""

    hits: list[HitData]
    next_cursor: Annotated[
        str | None, Field(description="For the next page, even where this one is short; null on the last one")
    ]


SEARCH_EXAMPLE: dict[str, str] = {
    "q": 'refund OR "money back" -insurance',
    "since": "2023-01-01T00:00:00Z",
    "until": "2023-02-01T00:00:00Z",
    "agent_id": "agent123",
    "customer_id": "customer123",
    "speaker": "customer",
    "limit": "50",
    "cursor": cursor_of_search(Place(datetime(2023, 2, 1, tzinfo=UTC))),
    "scope": "subtenant",
}
FOUND_EXAMPLE: SearchData = {
    "hits": [
        {
            "call_id": "call123",
            "tenant_id": "acme",
            "subtenant_id": "sales-north",
            "start_time": "2023-01-01T10:00:00Z",
            "end_time": "2023-01-01T10:30:00Z",
            "agent_id": "agent123",
            "agent_name": "Asha Rao",
            "customer_id": "customer123",
            "customer_name": "Jo Smith",
            "transcript": {"engine": "faster-whisper", "quality": "final", "draft": False},
            "turn": {"id": 41, "speaker": "customer", "start": 312.4, "end": 316.02},
            "text": "Then I want my money back.",
            "highlights": [{"offset": 15, "length": 5}, {"offset": 21, "length": 4}],
            "rank": 0.034852,
        }
    ],
    "next_cursor": None,
}
SEARCH_FAULTS = [
    {"field": "q", "message": "q must contain a word to search for"},
    {"field": "speaker", "message": "speaker must be agent or customer"},
]
