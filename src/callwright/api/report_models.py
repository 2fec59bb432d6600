"""What partners ask and are answered about reports: the types that check requests and make the OpenAPI document."""

from datetime import date
from functools import cache
from typing import Annotated, Literal, NotRequired
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from callwright.analysis import Intent
from callwright.api.models import Time
from callwright.api.queries import (
    CURSOR_FIELD,
    CURSOR_RULE,
    Disposition,
    IntentFilter,
    Limit,
    MarkText,
    parts_of,
    time_of,
)
from callwright.api.rules import Id, Rule
from callwright.reports.call_list import Place

FIRST_YEAR, LAST_YEAR = 1990, 2100
MOST_CHARACTERS_SEARCHED = 100


def _is_a_day(value: str) -> str:
    if not FIRST_YEAR <= date.fromisoformat(value).year <= LAST_YEAR:
        raise ValueError(value)
    return value


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _is_a_zone(value: str) -> str:
    if value not in _time_zones():
        raise ValueError(value)
    return value


def _is_a_customer(value: str) -> str:
    [customer_id] = parts_of(value)
    return value if customer_id else _is_no_place(value)


def place_of_ended(cursor: str) -> Place:
    """Where a page of calls ended.

    Raises:
        ValueError: No page has ended there.
    """
    at, call_id = parts_of(cursor)
    return Place(time_of(at), call_id)


def _is_a_place_of_calls(value: str) -> str:
    return value if place_of_ended(value).call_id else _is_no_place(value)


def _is_no_place(value: str) -> str:
    raise ValueError(value)


Day = Annotated[
    str,
    StringConstraints(strict=True, pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    AfterValidator(_is_a_day),
    Field(json_schema_extra={"format": "date"}),
    Rule("must be a day, as 2026-11-24"),
]
ShownDay = Annotated[str, Field(json_schema_extra={"format": "date"})]
Label = Intent | Literal["NOT_ASSESSED", "FAILED"]


class ReportQuery(TypedDict):
    """Which calls a report counts, by the days on which they ended, and how it is written."""

    first_day: NotRequired[Annotated[Day, Field(description="29 days before `last_day` unless given")]]
    last_day: NotRequired[
        Annotated[Day, Field(description="Counted in; today unless given. At most 1,098 days with the first")]
    ]
    time_zone: NotRequired[
        Annotated[
            Annotated[
                str,
                StringConstraints(strict=True, max_length=64, pattern="^[A-Za-z0-9_+/-]+$"),
                AfterValidator(_is_a_zone),
                Rule("must be a time zone of the tz database, as Asia/Kolkata"),
            ],
            Field(description="Whose days they are; the partner's own unless given. With another, 92 days at most"),
        ]
    ]
    agent_id: NotRequired[Annotated[Id, Field(description="Of this agent")]]
    customer_id: NotRequired[Annotated[Id, Field(description="With this customer")]]
    intent: NotRequired[IntentFilter]
    disposition: NotRequired[
        Annotated[Disposition, Field(description="Of customers who are in it now; 92 days at most")]
    ]
    format: NotRequired[
        Annotated[
            Annotated[str, StringConstraints(strict=True, pattern="^(?:json|csv)$"), Rule("must be json or csv")],
            Field(description="`json` unless given"),
        ]
    ]


class ContactsQuery(ReportQuery):
    """Which contacts; the filters are on what is shown of each: the agent of the last call, the latest intent."""

    search: NotRequired[
        Annotated[
            Annotated[
                str,
                StringConstraints(strict=True, max_length=MOST_CHARACTERS_SEARCHED, pattern="^[^\\x00]+$"),
                Rule("must be a string of 1 to 100 characters"),
            ],
            Field(description="A part of the id, the name or the e-mail address"),
        ]
    ]
    limit: NotRequired[Limit]
    cursor: NotRequired[Annotated[Annotated[MarkText, AfterValidator(_is_a_customer), CURSOR_RULE], CURSOR_FIELD]]


class EndedCallsQuery(ReportQuery):
    """The calls behind a figure."""

    engaged: NotRequired[
        Annotated[
            Annotated[str, StringConstraints(strict=True, pattern="^yes$"), Rule("must be yes")],
            Field(description="`yes`: those over 2 minutes alone"),
        ]
    ]
    concern: NotRequired[Annotated[Id, Field(description="In which this stood in the way")]]
    parameter: NotRequired[Annotated[Id, Field(description="Of which this quality parameter was assessed")]]
    disposition_set: NotRequired[Annotated[Id, Field(description="That came with this disposition")]]
    limit: NotRequired[Limit]
    cursor: NotRequired[Annotated[Annotated[MarkText, AfterValidator(_is_a_place_of_calls), CURSOR_RULE], CURSOR_FIELD]]


REPORT_QUERY = TypeAdapter(ReportQuery)
CONTACTS_QUERY = TypeAdapter(ContactsQuery)
ENDED_CALLS_QUERY = TypeAdapter(EndedCallsQuery)


class PeriodData(TypedDict):
    """The days that a report is about, counting both."""

    first_day: ShownDay
    last_day: ShownDay
    time_zone: str


class FiguresData(TypedDict):
    """Calls taken together; null where no call assessed it. Seconds, scores of 0 to 100, shares of 0 to 1."""

    calls: int
    engaged_calls: Annotated[int, Field(description="Over 2 minutes")]
    average_seconds: float | None
    talk_seconds: Annotated[float | None, Field(description="Of both sides")]
    talk_ratio: Annotated[float | None, Field(description="The agents' share of the talk, where voices can be told")]
    quality_average: float | None
    quality_calls: Annotated[int, Field(description="On how many calls it rests")]
    intent_score_average: float | None
    assessed: Annotated[int, Field(description="Calls that have an intent")]
    interested: Annotated[int, Field(description="Those of interested customers")]


class TotalsData(FiguresData):
    """The calls of a period."""

    completed: int
    failed: int
    contacts: Annotated[int, Field(description="Customers, each once")]


class TotalsBeforeData(TotalsData):
    """The calls of as many days before the period."""

    first_day: ShownDay
    last_day: ShownDay


class WordsData(TypedDict):
    """A sentence that the figures make true."""

    text: str
    figure: Annotated[
        Literal["calls", "intent", "engaged", "concerns", "gaps", "talk", "quality", "leaderboard"],
        Field(description="What it rests on"),
    ]
    tone: Literal["good", "warning", "neutral"]
    calls: Annotated[dict[str, str], Field(description="The filters of `GET reports/calls` for the calls behind it")]


class SummaryData(PeriodData):
    """Totals with the period before, and what stands out in words."""

    now: TotalsData
    before: TotalsBeforeData
    words: list[WordsData]


class IntentLineData(TypedDict):
    """The calls of one intent; `contacts` are of the period, each customer once."""

    intent: Label
    calls: int
    share: Annotated[float | None, Field(description="Of all calls of the period")]
    contacts: int
    calls_before: Annotated[int, Field(description="In as many days before")]


class IntentReportData(PeriodData):
    """Calls by buying intent; those that have none last."""

    intents: list[IntentLineData]


class ConcernData(TypedDict):
    """What stood in the way."""

    concern: str
    calls: int
    share: Annotated[float | None, Field(description="Of the completed calls")]


class ConcernsData(PeriodData):
    """Concerns, the most frequent first."""

    concerns: list[ConcernData]


class PitchGapData(TypedDict):
    """A quality parameter over the calls of which it was assessed."""

    parameter_name: str
    share: Annotated[float, Field(description="What was reached of the points that could be")]
    calls: int


class PitchGapsData(PeriodData):
    """Quality parameters, the one with the lowest share of points first."""

    pitch_gaps: list[PitchGapData]


class PointData(FiguresData):
    """A step of a trend."""

    first_day: ShownDay
    last_day: ShownDay


class TrendsData(PeriodData):
    """The figures step by step: by day up to 45 days, by week up to 400, else by four weeks."""

    days_of_a_step: int
    points: list[PointData]


class DispositionStepData(TypedDict):
    """How often a disposition was set in a step."""

    first_day: ShownDay
    last_day: ShownDay
    times: Annotated[int, Field(description="How often it was set, by calls or by requests")]


class DispositionLineData(TypedDict):
    """How often a disposition was set; steps in which it was not are left out."""

    disposition: str
    times: int
    points: list[DispositionStepData]


class DispositionsReportData(PeriodData):
    """How often each disposition was set over time, the most frequent first."""

    days_of_a_step: int
    dispositions: list[DispositionLineData]


class AgentLineData(TypedDict):
    """An agent now, and in as many days before."""

    agent_id: str
    name: str | None
    now: FiguresData
    before: FiguresData


class LeaderboardData(PeriodData):
    """The agents who had calls in either period, at most 1,000, those with the most first."""

    agents: list[AgentLineData]


class ContactData(TypedDict):
    """A customer. All but `last_call_at` is over all of the customer's calls, whatever the period."""

    customer_id: str
    name: str | None
    email: str | None
    calls: int
    last_call_at: Time
    last_call_id: str
    agent_id: Annotated[str, Field(description="Of the last call")]
    agent_name: str | None
    intent: Annotated[Intent | None, Field(description="Of the last call that has one")]
    intent_score: int | None
    quality: float | None
    disposition: str | None


class ContactsData(PeriodData):
    """A page of the customers who had a call in the period, by id."""

    contacts: list[ContactData]
    next_cursor: Annotated[str | None, Field(description="For the next page; null on the last one")]


class CallBehindData(TypedDict):
    """A call that has ended; `reached` and `maximum` are the points of the `parameter` that was asked for."""

    call_id: str
    end_time: Time
    seconds: float
    completed: bool
    agent_id: str
    agent_name: str | None
    customer_id: str
    customer_name: str | None
    intent: Intent | None
    intent_score: int | None
    quality: int | None
    reached: int | None
    maximum: int | None


class CallsBehindData(PeriodData):
    """A page of the calls behind a figure, those that ended last first."""

    calls: list[CallBehindData]
    next_cursor: Annotated[str | None, Field(description="For the next page; null on the last one")]
