"""The labelled calls: read, held to the closed lists of the guide, and turned into conversations."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from callwright.analysis import Conversation, Intent, Line, Speaker, Talk

HERE = Path(__file__).parent
TUNING, HELD_OUT = HERE / "calls", HERE / "held_out"

Domain = Literal["sales", "collections", "support"]
Language = Literal["en", "hi", "hi-Latn", "mixed"]
Trap = Literal[
    "sarcasm",
    "negation",
    "polite-no",
    "price-question",
    "third-person-budget",
    "hypothetical",
    "callback-interest",
    "callback-no-interest",
    "wrong-person",
    "voicemail",
    "agent-says-it",
    "resolved-objection",
    "competitor-praised",
    "hedging",
    "no-problem",
    "other-numbers",
]
ConcernCategory = Literal[
    "Pricing",
    "Functionality",
    "Implementation Timeline",
    "Integration",
    "Competition",
    "Trust",
    "Authority",
    "Timing",
    "No Need",
    "Support",
    "Quality",
    "Payment Ability",
    "Dispute",
]
TopicName = Literal[
    "Budget",
    "Authority",
    "Need",
    "Timeline",
    "Current Solution",
    "Company Size",
    "Reason For Delay",
    "Promise To Pay",
    "Payment Mode",
    "Problem",
    "Since When",
    "Impact",
    "Resolution",
]
TOPICS_OF: dict[Domain, tuple[str, ...]] = {
    "sales": get_args(TopicName)[:6],
    "collections": get_args(TopicName)[6:9],
    "support": get_args(TopicName)[9:],
}

TUNING_ALONE = frozenset({2, 3})
"""The batches of which nothing is held out: written for what was weakest, so no fair measure."""

WORDS_PER_SECOND = 2.5
"""150 words a minute, the middle of what is usual on the telephone; the rules of the analysis read times, not rates."""
PAUSE_SECONDS = 0.4
CUT_OFF, OVERLAP_SECONDS = "—", 0.3


class Strict(BaseModel):
    """Refuses keys and values that the guide does not know."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Evidence(Strict):
    """What a label rests on.

    Attributes:
        turns: The ids of the turns that carry it, at least one, from 1.
    """

    turns: list[int] = Field(min_length=1)


class IntentLabel(Evidence):
    """The intent of the call."""

    label: Intent


class ConcernLabel(Evidence):
    """The main concern."""

    label: ConcernCategory


class TopicLabel(Evidence):
    """A qualification topic that came up, with the answer in short."""

    label: TopicName
    answer: str = Field(min_length=1)


class Action(Evidence):
    """What was agreed; `due` in the words of the call."""

    what: str = Field(min_length=1)
    due: str | None


class Said(Strict):
    """One turn: who said what."""

    id: int
    agent: str | None = Field(None, min_length=1)
    customer: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _one_speaker(self) -> Self:
        if (self.agent is None) == (self.customer is None):
            raise ValueError(f"turn {self.id} must have one speaker")
        return self

    @property
    def speaker(self) -> Speaker:
        """Who speaks."""
        return "customer" if self.agent is None else "agent"

    @property
    def text(self) -> str:
        """What is said."""
        return self.agent or self.customer or ""


class LabelledCall(Strict):
    """A scripted call and its labels; `README.md` says what each means."""

    id: str
    domain: Domain
    language: Language
    batch: int
    held_out: bool
    traps: list[Trap]
    about: str
    intent: IntentLabel
    concern: ConcernLabel | None
    topics: list[TopicLabel]
    actions: list[Action]
    turns: list[Said] = Field(min_length=8, max_length=40)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        ids = [turn.id for turn in self.turns]
        if ids != list(range(1, len(ids) + 1)):
            raise ValueError(f"{self.id}: turns are numbered from 1")
        labels = [self.intent, *([self.concern] if self.concern else []), *self.topics, *self.actions]
        if missing := {turn for label in labels for turn in label.turns} - set(ids):
            raise ValueError(f"{self.id}: there is no turn {sorted(missing)}")
        names = [topic.label for topic in self.topics]
        if len(set(names)) < len(names) or not set(names) <= set(TOPICS_OF[self.domain]):
            raise ValueError(f"{self.id}: a topic is there twice, or is not one of {self.domain}")
        return self


def read_calls(folder: Path) -> list[LabelledCall]:
    """Every call of a folder, in the order of their ids.

    Raises:
        ValueError: A file is not as the guide says; the message names it.
    """
    found = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            found.append(LabelledCall.model_validate(yaml.safe_load(path.read_text("utf-8"))))
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error
    return found


def to_be_held_out(calls: Iterable[LabelledCall]) -> set[str]:
    """The ids that the guide's rule holds out: every third of a batch, sorted as it says, from the second on.

    A batch for tuning alone has none.
    """
    batches: dict[int, list[LabelledCall]] = {}
    for call in calls:
        if call.batch not in TUNING_ALONE:
            batches.setdefault(call.batch, []).append(call)
    return {call.id for batch in batches.values() for call in sorted(batch, key=_place)[1::3]}


def _place(call: LabelledCall) -> tuple[str, ...]:
    first_trap = call.traps[0] if call.traps else ""
    return (
        call.domain,
        call.intent.label,
        call.language,
        first_trap,
        hashlib.sha256(call.id.encode()).hexdigest(),
    )


def conversation(call: LabelledCall) -> Conversation:
    """A call as an engine gets it from a partner's transcript: with times, ids from 0, and no word on its language."""
    lines: list[Line] = []
    at = 0.0
    for turn in call.turns:
        end = round(at + len(turn.text.split()) / WORDS_PER_SECOND, 3)
        lines.append(Line(turn.id - 1, turn.speaker, at, end, turn.text))
        at = round(end - OVERLAP_SECONDS if turn.text.endswith(CUT_OFF) else end + PAUSE_SECONDS, 3)
    speech = tuple(Talk(line.speaker, line.start, line.end) for line in lines)
    return Conversation(turns=tuple(lines), speech=speech, seconds=max(line.end for line in lines))
