"""The rubric: by what the calls of a subtenant are judged, in every engine; plain values."""

from dataclasses import dataclass

from callwright.analysis import Intent
from callwright.analysis.scorecard import Parameter

RULES = (
    *("setting_context", "need_discovery", "product_pitch", "objection_handling", "next_steps", "courtesy"),
    *("talk_balance", "listening", "responsiveness"),
    *("says", "never_says", "described"),
    *("identity_check", "purpose_disclosed", "amount_stated", "payment_commitment", "no_threats"),
    *("greeting", "problem_restated", "empathy", "solution_offered", "resolution_confirmed", "closing"),
)
"""The ids that a quality parameter may name as its `rule`."""

TAKE_PHRASES = ("says", "never_says")
"""The rules that judge by a parameter's own phrases; to every other rule phrases would mean nothing."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one of the contract's intents means to this subtenant.

    Attributes:
        intent: The label that partners read.
        description: When it holds; the language model reads it too.
        phrases: Further words of the customer's that show it: plain words, no patterns.
    """

    intent: Intent
    description: str
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Concern:
    """A category of objections.

    Attributes:
        category: What the partner reads as `concern_categories`.
        description: What belongs to it; the language model reads it too.
        phrases: Words of the customer's that raise it, beside those that the rules know for a category of this name.
    """

    category: str
    description: str
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Topic:
    """A qualification topic.

    Attributes:
        label: What the partner reads as `label`.
        description: What belongs to it; the language model reads it too.
        asked: Words of the agent's that ask for it, beside those that the rules know for a topic of this label.
        said: Words of the customer's that answer it unasked, likewise.
    """

    label: str
    description: str
    asked: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rubric:
    """Everything that a subtenant says about how its calls are judged.

    Attributes:
        name: What it is called, as `inside-sales`.
        parameters: The quality parameters, in the order in which they are reported.
        intents: What the intents mean; those not named keep their ordinary meaning.
        concerns: The categories that objections are put into.
        topics: The qualification topics, in the order in which they are reported.
        languages: BCP 47 tags of what is spoken in the calls; empty where it can be anything.
        redact_callbacks: Whether numbers and addresses of persons are taken out of callbacks.
        version: Counts the versions that the subtenant has applied; 0 for a rubric that comes with Callwright.
        digest: What tells a rubric that was read from a file and not applied from others of its name; None where it
            was applied or comes with Callwright.
    """

    name: str
    parameters: tuple[Parameter, ...]
    intents: tuple[Meaning, ...] = ()
    concerns: tuple[Concern, ...] = ()
    topics: tuple[Topic, ...] = ()
    languages: tuple[str, ...] = ()
    redact_callbacks: bool = False
    version: int = 0
    digest: str | None = None

    @property
    def label(self) -> str:
        """Name and version, as analyses keep it; `inside-sales/file-1f0a93c2` of a file that was not applied."""
        return f"{self.name}/{self.version if self.digest is None else f'file-{self.digest}'}"
