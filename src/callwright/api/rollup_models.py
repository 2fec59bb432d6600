"""What partners ask and are answered about rollups: of a customer over all its calls, of agents over a period."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, NotRequired

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationInfo
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from callwright.analysis import Intent
from callwright.api.models import CustomerData, Time
from callwright.api.rules import Id, Rule, UntilTime, UtcTime

LONGEST_PERIOD = timedelta(days=366)


class EndedCallsData(TypedDict):
    """Calls whose processing has ended."""

    total: int
    completed: int
    failed: int


class OfCall(TypedDict):
    """The call that a part rests on, and when it ended."""

    call_id: str
    end_time: Time


class IntentData(OfCall):
    """The intent of the latest call of which it was assessed."""

    intent: Intent
    intent_score: int | None
    intent_justification: str | None
    turns: list[int]


class SaidData(OfCall):
    """What a call says, and its turns that this rests on."""

    text: str
    turns: list[int]


class LatestBantData(TypedDict):
    """Each field as the latest call has it that came to it; null where none did."""

    needs: SaidData | None
    objection: SaidData | None
    concern_categories: SaidData | None
    objection_handling: SaidData | None


class ObjectionData(TypedDict):
    """A category of objections, in the words of the latest call that raised it."""

    category: str
    calls: Annotated[int, Field(description="How many calls raised it")]
    came_up_again: Annotated[bool, Field(description="Whether more than one call raised it")]
    objection: str | None
    objection_handling: str | None
    last_call_id: str
    last_end_time: Time


class LatestAnswerData(OfCall):
    """The latest answer to a qualification topic."""

    label: str
    answer: str
    turns: list[int]


class OpenActionData(SaidData):
    """Something that is to be done."""

    owner: Literal["agent", "customer"]
    due: Annotated[str | None, Field(description="In the words of the call")]
    due_date: Annotated[str | None, Field(description="The same as a day, where it can be told")]


class AverageData(TypedDict):
    """The mean over the calls of which it was assessed; null where it was of none."""

    average: float | None
    calls: int


class TrendCallData(OfCall):
    """The scores of one call; null where they were not assessed."""

    intent_score: int | None
    quality_score: int | None


class TrendData(TypedDict):
    """The newest 100 completed calls, in the order in which they ended, and how many older ones are left out."""

    calls: list[TrendCallData]
    left_out: int


class RollupData(TypedDict):
    """What is known of a customer over all its calls. The latest is meant by the end of the call."""

    calls: EndedCallsData
    older_calls_left_out: Annotated[bool, Field(description="Whether there are more than the newest 10,000 calls")]
    first_call_at: Annotated[Time, Field(description="When the first call began")]
    last_call_at: Annotated[Time, Field(description="When the last call ended")]
    total_talk_seconds: float
    talk_ratio: Annotated[float | None, Field(description="The agents' share of the talk, where voices can be told")]
    intent: IntentData | None
    bant: LatestBantData
    objections: list[ObjectionData]
    qualification: list[LatestAnswerData]
    talking_points: Annotated[list[SaidData], Field(description="Of the newest 5 completed calls")]
    suggested_actions: Annotated[list[OpenActionData], Field(description="Of the same, those that are open")]
    quality: AverageData
    trend: TrendData


class CustomerAndRollupData(CustomerData):
    """A customer, its dispositions from the newest on, and what is known of it over all its calls."""

    rollup: Annotated[RollupData | None, Field(description="Null before a call is completed")]


def _not_too_long_after_since(value: str, info: ValidationInfo) -> str:
    since = (info.data or {}).get("since")
    if since is not None and datetime.fromisoformat(value) - datetime.fromisoformat(since) > LONGEST_PERIOD:
        raise PydanticCustomError("rule", "must be no more than 366 days after since")
    return value


class AgentsQuery(TypedDict):
    """Which calls a report counts, and how it is written."""

    since: Annotated[UtcTime, Field(description="Calls that ended then or later: ISO 8601 in UTC, with `Z`")]
    until: NotRequired[
        Annotated[
            Annotated[UntilTime, AfterValidator(_not_too_long_after_since)],
            Field(description="Calls that ended before: at most 366 days after `since`, which it is unless given"),
        ]
    ]
    agent_id: NotRequired[Annotated[Id, Field(description="Of this agent alone")]]
    format: NotRequired[
        Annotated[
            Annotated[str, StringConstraints(strict=True, pattern="^(?:json|csv)$"), Rule("must be json or csv")],
            Field(description="`json` unless given"),
        ]
    ]


AGENTS_QUERY = TypeAdapter(AgentsQuery)


class AgentMetricsData(TypedDict):
    """An agent's calls taken together; null where no call assessed it. Seconds, shares and words per minute."""

    agent_talk_seconds: Annotated[float | None, Field(description="Sum")]
    customer_talk_seconds: Annotated[float | None, Field(description="Sum")]
    talk_ratio: Annotated[float | None, Field(description="The agent's share of the summed talk time, 0 to 1")]
    longest_monologue_seconds: Annotated[float | None, Field(description="The longest of all calls")]
    customer_longest_monologue_seconds: Annotated[float | None, Field(description="The longest of all calls")]
    agent_interruptions: Annotated[int | None, Field(description="Sum: the agent interrupts")]
    customer_interruptions: Annotated[int | None, Field(description="Sum: the customer interrupts")]
    silence_seconds: Annotated[float | None, Field(description="Sum")]
    silences: Annotated[int | None, Field(description="Sum")]
    longest_silence_seconds: Annotated[float | None, Field(description="The longest of all calls")]
    response_latency_seconds: Annotated[float | None, Field(description="Median of the calls' medians")]
    customer_response_latency_seconds: Annotated[float | None, Field(description="Median of the calls' medians")]
    agent_words_per_minute: Annotated[float | None, Field(description="Mean, weighted by the agent's talk time")]
    customer_words_per_minute: Annotated[float | None, Field(description="Mean, weighted by the customer's talk time")]
    agent_questions: Annotated[int | None, Field(description="Sum")]
    customer_questions: Annotated[int | None, Field(description="Sum")]


class ParameterData(TypedDict):
    """A quality parameter over the calls of which it was assessed."""

    parameter_name: str
    score: Annotated[float, Field(description="What was reached, in percent of what could be")]
    calls: int


class AgentQualityData(AverageData):
    """The mean of the calls' quality scores, and each parameter."""

    parameters: list[ParameterData]


class IntentsData(TypedDict):
    """How many completed calls had which intent."""

    INTERESTED: int
    NOT_INTERESTED: int
    NEUTRAL: int
    NOT_QUALIFIED: int
    NOT_AVAILABLE: int
    not_assessed: int


class AgentData(TypedDict):
    """An agent's calls of the period."""

    agent_id: str
    name: str | None
    calls: EndedCallsData
    metrics: AgentMetricsData
    assessed: Annotated[dict[str, int], Field(description="On how many calls each of `metrics` rests")]
    quality: AgentQualityData
    intents: IntentsData


class AgentsData(TypedDict):
    """The agents who had calls that ended in the period, those with the most first."""

    since: Time
    until: Time
    agents: list[AgentData]
    more: Annotated[bool, Field(description="Whether there are more than these 1,000 agents")]
