"""What reports answer, and what belongs to the partner as a whole, as typed dicts."""

from typing import Literal, TypedDict

from callwright_client.models import Intent, Time
from callwright_client.rollup_models import Disposition, EndedCalls

Day = str
"""As `2026-11-29`."""


class Period(TypedDict):
    """The days that a report is about, counting both, and whose they are."""

    first_day: Day
    last_day: Day
    time_zone: str


class Figures(TypedDict):
    """Calls taken together; None where no call assessed it. Seconds, scores of 0 to 100, shares of 0 to 1."""

    calls: int
    engaged_calls: int
    average_seconds: float | None
    talk_seconds: float | None
    talk_ratio: float | None
    quality_average: float | None
    quality_calls: int
    intent_score_average: float | None
    assessed: int
    interested: int


class Totals(Figures):
    """The calls of a period; `contacts` are customers, each once."""

    completed: int
    failed: int
    contacts: int


class TotalsBefore(Totals):
    """The calls of as many days before."""

    first_day: Day
    last_day: Day


class Words(TypedDict):
    """A sentence that the figures make true; `calls` has the filters of `report_calls` for the calls behind it."""

    text: str
    figure: Literal["calls", "intent", "engaged", "concerns", "gaps", "talk", "quality", "leaderboard"]
    tone: Literal["good", "warning", "neutral"]
    calls: dict[str, str]


class Summary(Period):
    """Totals with the period before, and what stands out in words."""

    now: Totals
    before: TotalsBefore
    words: list[Words]


class IntentLine(TypedDict):
    """The calls of one intent, and their share of all; `calls_before` are those of as many days before."""

    intent: Intent | Literal["NOT_ASSESSED", "FAILED"]
    calls: int
    share: float | None
    contacts: int
    calls_before: int


class IntentReport(Period):
    """Calls by buying intent; those that have none last."""

    intents: list[IntentLine]


class Concern(TypedDict):
    """What stood in the way, and in which share of the completed calls."""

    concern: str
    calls: int
    share: float | None


class ConcernsReport(Period):
    """Concerns, the most frequent first."""

    concerns: list[Concern]


class PitchGap(TypedDict):
    """A quality parameter over the calls of which it was assessed; `share` is what was reached of the points."""

    parameter_name: str
    share: float
    calls: int


class PitchGapsReport(Period):
    """Quality parameters, the one with the lowest share of points first."""

    pitch_gaps: list[PitchGap]


class Point(Figures):
    """A step of a trend."""

    first_day: Day
    last_day: Day


class TrendsReport(Period):
    """The figures step by step."""

    days_of_a_step: int
    points: list[Point]


class DispositionStep(TypedDict):
    """How often a disposition was set in a step."""

    first_day: Day
    last_day: Day
    times: int


class DispositionLine(TypedDict):
    """How often a disposition was set; steps in which it was not are left out."""

    disposition: str
    times: int
    points: list[DispositionStep]


class DispositionsReport(Period):
    """How often each disposition was set over time, the most frequent first."""

    days_of_a_step: int
    dispositions: list[DispositionLine]


class AgentLine(TypedDict):
    """An agent now, and in as many days before."""

    agent_id: str
    name: str | None
    now: Figures
    before: Figures


class Leaderboard(Period):
    """The agents who had calls in either period, those with the most first."""

    agents: list[AgentLine]


class Contact(TypedDict):
    """A customer. All but `last_call_at` is over all of the customer's calls, whatever the period."""

    customer_id: str
    name: str | None
    email: str | None
    calls: int
    last_call_at: Time
    last_call_id: str
    agent_id: str
    agent_name: str | None
    intent: Intent | None
    intent_score: int | None
    quality: float | None
    disposition: str | None


class CallBehind(TypedDict):
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


class DispositionChange(Disposition):
    """A change of a customer's disposition."""

    customer_id: str


class Tenant(TypedDict):
    """A tenant and subtenant that the partner acts for; `last_received_at` is None before any batch came in."""

    tenant_id: str
    subtenant_id: str
    created_at: Time
    calls: EndedCalls
    agents: int
    last_received_at: Time | None


class Limits(TypedDict):
    """What the partner may send; `requests_left` are those of this minute."""

    requests_per_minute: int
    requests_left: int
    calls_per_batch: int
    bytes_per_body: int


class Used(TypedDict):
    """Calls of all tenants that have ended; seconds from their start to their end."""

    calls: int
    failed: int
    call_seconds: float


class UsedDay(Used):
    """Those that ended on a day."""

    day: Day


class PartnerUsage(TypedDict):
    """What the partner may send, and what was processed in a month; days without any calls are left out."""

    limits: Limits
    month: str
    time_zone: str
    used: Used
    days: list[UsedDay]
