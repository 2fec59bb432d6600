"""Analysis: what a call means for the sale, each statement with the turns it rests on; plain values in and out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Intent = Literal["INTERESTED", "NOT_INTERESTED", "NEUTRAL", "NOT_QUALIFIED", "NOT_AVAILABLE"]
Speaker = Literal["agent", "customer"]
QualityStatus = Literal["Done", "Partially Done", "Needs Improvement", "Not Applicable"]


@dataclass(frozen=True, slots=True)
class Line:
    """One turn of the conversation that is to be analysed.

    Attributes:
        id: Its number in the transcript; what evidence refers to.
        speaker: Who speaks.
        start: Seconds from the start of the recording.
        end: Seconds from the start of the recording.
        text: What was said.
    """

    id: int
    speaker: Speaker
    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Talk:
    """A stretch of voice activity of one speaker, in seconds from the start of the recording."""

    speaker: Speaker
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Conversation:
    """What an engine analyses.

    Attributes:
        turns: What was said, in order of start; ids are unique.
        speech: Voice activity per speaker, in any order.
        seconds: Duration of the recording.
        draft: True where the words must not be relied on.
        language: BCP 47 tag, where known.
        one_voice: True where a mono recording gave no second voice, so that nobody knows who says what.
        started_at: When the call began, which dates in it are counted from; None where it is not known.
    """

    turns: tuple[Line, ...]
    speech: tuple[Talk, ...]
    seconds: float
    draft: bool = False
    language: str | None = None
    one_voice: bool = False
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """The conversation in figures; seconds and shares, None where there is nothing to measure or it was not assessed.

    All are measured from the voice activity but for rates and questions, which are None where the words are a draft.
    What has a default came later: an older analysis has None there.

    Attributes:
        agent_talk_seconds: Time in which the agent speaks.
        customer_talk_seconds: Time in which the customer speaks.
        talk_ratio: The agent's share of all talk time, 0 to 1.
        longest_monologue_seconds: The longest stretch in which the agent holds the floor.
        agent_interruptions: Times the agent starts while the customer speaks and goes on.
        customer_interruptions: The other way round.
        silence_seconds: Time in which nobody speaks.
        response_latency_seconds: Median gap before the agent answers the customer.
        customer_longest_monologue_seconds: The longest stretch in which the customer holds the floor.
        customer_response_latency_seconds: Median gap before the customer answers the agent.
        silences: Stretches of at least 3 s between the first and the last word in which nobody speaks.
        longest_silence_seconds: The longest of them.
        agent_words_per_minute: The agent's words by the agent's own talk time in turns.
        customer_words_per_minute: Likewise.
        agent_questions: Sentences of the agent's that ask.
        customer_questions: Likewise.
    """

    agent_talk_seconds: float
    customer_talk_seconds: float
    talk_ratio: float | None
    longest_monologue_seconds: float
    agent_interruptions: int
    customer_interruptions: int
    silence_seconds: float
    response_latency_seconds: float | None
    customer_longest_monologue_seconds: float | None = None
    customer_response_latency_seconds: float | None = None
    silences: int | None = None
    longest_silence_seconds: float | None = None
    agent_words_per_minute: float | None = None
    customer_words_per_minute: float | None = None
    agent_questions: int | None = None
    customer_questions: int | None = None


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the call: its name, what was said in it, and the turns it rests on."""

    chapter_name: str
    chapter_summary: str
    turns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence about the call and the turns it rests on."""

    text: str
    turns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """Something that is to be done after the call.

    Attributes:
        text: What, as a sentence that tells the agent or the customer what to do.
        owner: Who is to do it.
        due: When, in the words of the call, as `Tuesday at three`; None where nothing was said.
        turns: The turns that it rests on.
        due_date: The same as a day, ISO 8601, where the words and the time of the call allow it.
    """

    text: str
    owner: Speaker
    due: str | None
    turns: tuple[int, ...]
    due_date: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What an analysis by a language model took.

    Attributes:
        requests: Requests to its server.
        input_tokens: As the server counts; None where it does not say.
        output_tokens: Likewise.
        seconds: From the first request to the last answer.
    """

    requests: int
    input_tokens: int | None
    output_tokens: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Bant:
    """Needs and objections; a field is None where the call did not come to it."""

    needs: Statement | None = None
    objection: Statement | None = None
    concern_categories: Statement | None = None
    objection_handling: Statement | None = None


@dataclass(frozen=True, slots=True)
class Qualification:
    """A qualification topic that came up, what was answered, and the turns it rests on."""

    label: str
    answer: str
    turns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class QualityScore:
    """One parameter of the scorecard, judged.

    Attributes:
        parameter_name: As configured.
        justification: Why this score, or why it was not assessed.
        suggestion: What to do better; None where there is nothing to say.
        inference_score: 0 to `parameter_score`; None where the parameter was not assessed or does not apply.
        parameter_score: The most that can be reached.
        status: Derived from the two scores.
        is_fatal: Whether the parameter is critical.
        turns: The turns it rests on.
    """

    parameter_name: str
    justification: str
    suggestion: str | None
    inference_score: int | None
    parameter_score: int
    status: QualityStatus
    is_fatal: bool
    turns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What one call means; every field may be None or empty, and is then not assessed or not discussed.

    Attributes:
        engine: `rules` or `llm`.
        version: The version of the rules, or of the prompt.
        model: The language model that answered, for `llm`.
        draft: True where the words of the transcript could not be relied on, so that only the acoustics were judged.
        intent: The customer's buying intent.
        intent_score: 0 to 100, the propensity to buy, computed by us from checked evidence.
        intent_justification: Why, in a sentence or two.
        intent_turns: The turns that the intent rests on.
        summary: Chapters in the order of the call.
        bant: Needs, objection, concern, handling.
        qualification: Only topics that came up.
        quality: One entry per parameter of the scorecard.
        quality_score: 0 to 100 over all parameters that apply; None where none was assessed.
        metrics: The conversation in figures.
        notes: Sentences on what was left out and why (a draft transcript, a fallback, a partial recording).
        talking_points: What to come back to in the next conversation.
        suggested_actions: What is to be done next, as agreed in the call.
        rubric: Name and version of the rubric, as `inside-sales/0`; None in analyses made before there were any.
        usage: What the language model took; None where none was asked.
    """

    engine: str
    version: str
    model: str | None
    draft: bool
    intent: Intent | None
    intent_score: int | None
    intent_justification: str | None
    intent_turns: tuple[int, ...]
    summary: tuple[Chapter, ...]
    bant: Bant
    qualification: tuple[Qualification, ...]
    quality: tuple[QualityScore, ...]
    quality_score: int | None
    metrics: Metrics
    notes: tuple[str, ...] = ()
    talking_points: tuple[Statement, ...] = ()
    suggested_actions: tuple[Action, ...] = ()
    rubric: str | None = None
    usage: Usage | None = None
