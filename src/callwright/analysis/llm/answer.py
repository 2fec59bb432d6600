"""What the language model is asked to return: labels, short texts, ratings, and the words that show them; no scores."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from callwright.analysis import Intent, Speaker


class Evidence(BaseModel):
    """A turn that shows something, and the words in it that do."""

    turn: Annotated[int, Field(description="the id of the turn")]
    quote: Annotated[str, Field(description="up to 12 words of that turn, copied as they stand")]


class SignalAnswer(Evidence):
    """One customer turn that speaks for or against buying."""

    kind: Literal["buying", "refusal", "disqualifier", "unavailable"]
    strength: Annotated[int, Field(ge=1, le=3, description="1 weak, 2 clear, 3 strong")]


class ClaimAnswer(BaseModel):
    """A sentence about the call and what shows it."""

    text: str
    evidence: list[Evidence]


class ChapterAnswer(BaseModel):
    """A part of the call."""

    name: str
    summary: str
    first_turn: int
    last_turn: int


class TopicAnswer(BaseModel):
    """A qualification topic that came up."""

    label: Annotated[str, Field(description="one of the topics of the rubric, by its exact label")]
    answer: str
    evidence: list[Evidence]


class RatingAnswer(BaseModel):
    """The agent's performance on one parameter."""

    parameter: Annotated[str, Field(description="one of the parameters of the rubric, by its exact name")]
    applies: Annotated[bool, Field(description="false where the call gave no occasion for it")]
    rating: Annotated[int, Field(description="0 up to the parameter's maximum")]
    justification: str
    suggestion: str | None
    evidence: list[Evidence]


class ActionAnswer(ClaimAnswer):
    """Something that is to be done after the call."""

    owner: Speaker
    due: Annotated[str | None, Field(description="when, in the words of the call; null where nothing was said")]


class Answer(BaseModel):
    """The analysis of one call, or of one part of it."""

    intent: Intent
    intent_justification: str
    signals: list[SignalAnswer]
    chapters: list[ChapterAnswer]
    needs: ClaimAnswer | None
    objection: ClaimAnswer | None
    concern: Annotated[str | None, Field(description="a concern of the rubric by its exact category, or Other")]
    objection_handling: ClaimAnswer | None
    qualification: list[TopicAnswer]
    ratings: list[RatingAnswer]
    talking_points: list[ClaimAnswer]
    suggested_actions: list[ActionAnswer]
