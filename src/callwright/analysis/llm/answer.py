"""What the language model is asked to return: labels, short texts, ratings and turn ids; never a score of ours."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from callwright.analysis import Intent

Concern = Literal[
    "Pricing",
    "Functionality",
    "Implementation Timeline",
    "Integration",
    "Competition",
    "Trust/Security",
    "Support",
    "Decision Process",
    "Other",
]


class SignalAnswer(BaseModel):
    """One customer turn that speaks for or against buying."""

    kind: Literal["buying", "refusal", "disqualifier", "unavailable"]
    turn: int
    strength: Annotated[int, Field(ge=1, le=3, description="1 weak, 2 clear, 3 strong")]


class ClaimAnswer(BaseModel):
    """A sentence about the call and the turns that show it."""

    text: str
    turns: list[int]


class ChapterAnswer(BaseModel):
    """A part of the call."""

    name: str
    summary: str
    first_turn: int
    last_turn: int


class TopicAnswer(BaseModel):
    """A qualification topic that came up."""

    label: Annotated[str, Field(description="Budget, Authority, Need, Timeline, Current Solution, Team Size, Location")]
    answer: str
    turns: list[int]


class RatingAnswer(BaseModel):
    """The agent's performance on one parameter."""

    parameter: str
    applies: Annotated[bool, Field(description="false where the call gave no occasion for it")]
    rating: Annotated[int, Field(description="0 up to the parameter's maximum")]
    justification: str
    suggestion: str | None
    turns: list[int]


class Answer(BaseModel):
    """The analysis of one call."""

    intent: Intent
    intent_justification: str
    signals: list[SignalAnswer]
    chapters: list[ChapterAnswer]
    needs: ClaimAnswer | None
    objection: ClaimAnswer | None
    concern: Concern | None
    objection_handling: ClaimAnswer | None
    qualification: list[TopicAnswer]
    ratings: list[RatingAnswer]
