"""What is answered over many calls: of a customer, and of agents over a period."""

from typing import Literal, TypedDict

from callwright_client.models import Intent, Speaker, Time


class EndedCalls(TypedDict):
    """Calls whose processing has ended."""

    total: int
    completed: int
    failed: int


class OfCall(TypedDict):
    """The call that a part rests on, and when it ended."""

    call_id: str
    end_time: Time


class LatestIntent(OfCall):
    """The intent of the latest call of which it was assessed."""

    intent: Intent
    intent_score: int | None
    intent_justification: str | None
    turns: list[int]


class Said(OfCall):
    """What a call says, and its turns that this rests on."""

    text: str
    turns: list[int]


class LatestBant(TypedDict):
    """Each field as the latest call has it that came to it."""

    needs: Said | None
    objection: Said | None
    concern_categories: Said | None
    objection_handling: Said | None


class Objection(TypedDict):
    """A category of objections, in the words of the latest call that raised it."""

    category: str
    calls: int
    came_up_again: bool
    objection: str | None
    objection_handling: str | None
    last_call_id: str
    last_end_time: Time


class LatestAnswer(OfCall):
    """The latest answer to a qualification topic."""

    label: str
    answer: str
    turns: list[int]


class OpenAction(Said):
    """Something that is to be done."""

    owner: Speaker
    due: str | None
    due_date: str | None


class Average(TypedDict):
    """The mean over the calls of which it was assessed; None where it was of none."""

    average: float | None
    calls: int


class TrendCall(OfCall):
    """The scores of one call."""

    intent_score: int | None
    quality_score: int | None


class Trend(TypedDict):
    """The newest 100 completed calls, in the order in which they ended."""

    calls: list[TrendCall]
    left_out: int


class Rollup(TypedDict):
    """What is known of a customer over all its calls."""

    calls: EndedCalls
    older_calls_left_out: bool
    first_call_at: Time
    last_call_at: Time
    total_talk_seconds: float
    talk_ratio: float | None
    intent: LatestIntent | None
    bant: LatestBant
    objections: list[Objection]
    qualification: list[LatestAnswer]
    talking_points: list[Said]
    suggested_actions: list[OpenAction]
    quality: Average
    trend: Trend


class Disposition(TypedDict):
    """One disposition that a customer was in."""

    status: str
    effective_at: Time
    recorded_at: Time
    source: Literal["call", "api"]
    call_id: str | None


class Customer(TypedDict):
    """A customer, its dispositions from the newest on; `rollup` is None before a call is completed."""

    id: str
    name: str | None
    email: str | None
    disposition_status: str | None
    disposition_history: list[Disposition]
    rollup: Rollup | None


class AgentMetrics(TypedDict):
    """An agent's calls taken together: seconds, shares, counts, words per minute."""

    agent_talk_seconds: float | None
    customer_talk_seconds: float | None
    talk_ratio: float | None
    longest_monologue_seconds: float | None
    customer_longest_monologue_seconds: float | None
    agent_interruptions: int | None
    customer_interruptions: int | None
    silence_seconds: float | None
    silences: int | None
    longest_silence_seconds: float | None
    response_latency_seconds: float | None
    customer_response_latency_seconds: float | None
    agent_words_per_minute: float | None
    customer_words_per_minute: float | None
    agent_questions: int | None
    customer_questions: int | None


class ParameterScore(TypedDict):
    """A quality parameter over the calls of which it was assessed; the score in percent."""

    parameter_name: str
    score: float
    calls: int


class AgentQuality(Average):
    """The mean of the calls' quality scores, and each parameter."""

    parameters: list[ParameterScore]


class Intents(TypedDict):
    """How many completed calls had which intent."""

    INTERESTED: int
    NOT_INTERESTED: int
    NEUTRAL: int
    NOT_QUALIFIED: int
    NOT_AVAILABLE: int
    not_assessed: int


class Agent(TypedDict):
    """An agent's calls of the period; `assessed` says on how many calls each of `metrics` rests."""

    agent_id: str
    name: str | None
    calls: EndedCalls
    metrics: AgentMetrics
    assessed: dict[str, int]
    quality: AgentQuality
    intents: Intents


class AgentsReport(TypedDict):
    """The agents who had calls that ended in the period, those with the most first."""

    since: Time
    until: Time
    agents: list[Agent]
    more: bool
