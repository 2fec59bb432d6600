"""What a call's analysis looks like, in answers and in the callback."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from callwright.analysis import Intent, Metrics, QualityStatus, Usage


class ChapterData(TypedDict):
    """A part of the call."""

    chapter_name: str
    chapter_summary: str


class BantData(TypedDict):
    """Needs and objections; null where the call did not come to it."""

    needs: str | None
    objection: str | None
    concern_categories: str | None
    objection_handling: str | None


class QualificationData(TypedDict):
    """A topic that came up, and the answer."""

    label: str
    answer: str


class QualityData(TypedDict):
    """One parameter of the scorecard."""

    parameter_name: str
    justification: str
    suggestion: str | None
    inference_score: int | None
    parameter_score: int
    status: QualityStatus
    is_fatal: bool


class AnalysisFields(TypedDict):
    """What the call means for the sale; null or empty where it was not assessed or not discussed."""

    intent: Intent | None
    intent_justification: str | None
    intent_score: Annotated[int | None, Field(ge=0, le=100, description="The customer's propensity to buy")]
    quality_score: Annotated[int | None, Field(ge=0, le=100, description="Over all parameters that apply")]
    summary: list[ChapterData] | None
    bant: BantData | None
    qualification: list[QualificationData] | None
    quality: list[QualityData] | None


class StatementData(TypedDict):
    """A sentence about the call and the turns it rests on."""

    text: str
    turns: list[int]


class ActionData(TypedDict):
    """Something that is to be done after the call."""

    text: str
    owner: Literal["agent", "customer"]
    due: Annotated[str | None, Field(description="In the words of the call")]
    due_date: Annotated[str | None, Field(description="The same as a day, where it can be told")]
    turns: list[int]


class AnalysisData(AnalysisFields):
    """The analysis as in the callback, what it rests on, and who judged."""

    talking_points: list[StatementData]
    suggested_actions: list[ActionData]
    evidence: Annotated[dict[str, Any], Field(description="The turns that each field rests on, in the fields' order")]
    spans: Annotated[
        dict[str, Any],
        Field(description="Likewise the seconds from the start of the first of those turns to the end of the last"),
    ]
    metrics: Metrics
    rubric: Annotated[str | None, Field(description="Name and version of the rubric, as `inside-sales/0`")]
    usage: Annotated[Usage | None, Field(description="What the language model took, where one was asked")]
    engine: str
    version: str
    model: str | None
    draft: bool
    notes: list[str]


class FormerAnalysisData(TypedDict):
    """An analysis that came before the current one."""

    made_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    engine: str
    version: str | None
    rubric: str | None
    intent: Intent | None
    intent_score: int | None
    quality_score: int | None


class CallSummary(AnalysisFields):
    """What is posted to a call's `callback_url` when its processing ends; signed by Standard Webhooks."""

    call_id: str
    type: Literal["CALL_SUMMARY"]
    customer_id: str
    agent_id: str
    status: Literal["completed", "failed"]
    error: Annotated[str | None, Field(description="The reason, where the call failed")]
    meta: Annotated[dict[str, str | int | float], Field(description="The call's `metadata`, verbatim")]
    test: NotRequired[Annotated[Literal[True], Field(description="Only of a test call, as a test key sends it")]]
