"""The rubric as a document: the types of its parts, and the way from a rubric to one and back."""

from dataclasses import asdict
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from callwright.analysis import Intent
from callwright.analysis.rubric import RULES, Concern, Meaning, Rubric, Topic
from callwright.analysis.scorecard import Parameter

HIGHEST_SCORE = 100
"""Of one parameter."""

_NAME = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"
_LANGUAGE = r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}$"
# Controls but line ends and tabs, what no database or page can hold, and marks that reorder what is shown.
_UNSAFE = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff"
_TEXT = rf"^[^{_UNSAFE}]*[^\s{_UNSAFE}][^{_UNSAFE}]*$"


def one_line(text: str) -> str:
    """A text without line ends and doubled spaces, as a block of YAML may have them."""
    return " ".join(text.split())


def _whole(number: object) -> object:
    """Take 10.0 for 10, as JSON does: many write it so."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _can_be_heard(text: str) -> str:
    if not any(character.isalnum() for character in text):
        raise PydanticCustomError("rule", "must have a letter or a digit")
    return text


ShortText = Annotated[str, StringConstraints(max_length=255, pattern=_TEXT), AfterValidator(one_line)]
LongText = Annotated[str, StringConstraints(max_length=1000, pattern=_TEXT), AfterValidator(one_line)]
Phrase = Annotated[
    str, StringConstraints(max_length=100, pattern=_TEXT), AfterValidator(one_line), AfterValidator(_can_be_heard)
]
Phrases = Annotated[list[Phrase], Field(max_length=100)]
_strict = with_config(extra="forbid", strict=True)


@_strict
class ParameterDocument(TypedDict):
    """One quality parameter."""

    name: Annotated[ShortText, Field(description="What is read as `parameter_name`; unique in the rubric")]
    description: Annotated[LongText, Field(description="What is expected of the agent; a language model reads it too")]
    maximum: Annotated[
        int, Field(ge=1, le=HIGHEST_SCORE, description="The most that can be reached"), BeforeValidator(_whole)
    ]
    rule: Annotated[Literal[RULES], Field(description="How the `rules` engine judges it")]  # type: ignore[valid-type]
    phrases: NotRequired[
        Annotated[Phrases | None, Field(description="What `says` and `never_says` listen for; for these two alone")]
    ]
    fatal: NotRequired[Annotated[bool | None, Field(description="Marks it as critical (`is_fatal`)")]]


@_strict
class IntentDocument(TypedDict):
    """What one of the five intents means here; those left out keep their ordinary meaning."""

    intent: Annotated[Intent, Field(description="The label, each at most once")]
    description: Annotated[LongText, Field(description="When it holds; a language model reads it too")]
    phrases: NotRequired[Annotated[Phrases | None, Field(description="Further words of the customer's that show it")]]


@_strict
class ConcernDocument(TypedDict):
    """A category that objections are put into."""

    category: Annotated[ShortText, Field(description="What is read as `concern_categories`; unique in the rubric")]
    description: Annotated[LongText, Field(description="What belongs to it; a language model reads it too")]
    phrases: NotRequired[Annotated[Phrases | None, Field(description="Further words of the customer's that raise it")]]


@_strict
class TopicDocument(TypedDict):
    """A qualification topic."""

    label: Annotated[ShortText, Field(description="What is read as `label`; unique in the rubric")]
    description: Annotated[LongText, Field(description="What belongs to it; a language model reads it too")]
    asked: NotRequired[Annotated[Phrases | None, Field(description="Further words of the agent's that ask for it")]]
    said: NotRequired[
        Annotated[Phrases | None, Field(description="Further words of the customer's that answer it unasked")]
    ]


@_strict
class RubricDocument(TypedDict):
    """By what the calls of a subtenant are judged. Keys that nobody knows are refused; null leaves an optional out."""

    name: Annotated[
        Annotated[str, StringConstraints(max_length=64, pattern=_NAME)],
        Field(description="Small letters, digits and hyphens, as `inside-sales`; analyses carry it with the version"),
    ]
    parameters: Annotated[
        list[ParameterDocument],
        Field(min_length=1, max_length=50, description="The quality parameters, in the order of the reports"),
    ]
    intents: NotRequired[
        Annotated[
            Annotated[list[IntentDocument], Field(max_length=5)] | None, Field(description="What the intents mean")
        ]
    ]
    concerns: NotRequired[
        Annotated[
            Annotated[list[ConcernDocument], Field(max_length=50)] | None,
            Field(description="The categories of objections; without any, none is reported"),
        ]
    ]
    topics: NotRequired[
        Annotated[
            Annotated[list[TopicDocument], Field(max_length=50)] | None,
            Field(description="The qualification topics, in the order of the reports"),
        ]
    ]
    languages: NotRequired[
        Annotated[
            Annotated[list[Annotated[str, StringConstraints(max_length=35, pattern=_LANGUAGE)]], Field(max_length=10)]
            | None,
            Field(description="BCP 47 tags of what is spoken; none where it can be anything"),
        ]
    ]
    redact_callbacks: NotRequired[
        Annotated[bool | None, Field(description="Whether numbers and addresses of persons are taken out of callbacks")]
    ]


def document_of(rubric: Rubric) -> RubricDocument:
    """Write a rubric as its document, with every key."""
    plain = asdict(rubric)
    del plain["version"], plain["digest"]
    document: RubricDocument = _with_lists(plain)
    return document


def rubric_of(document: RubricDocument) -> Rubric:
    """Make a rubric of a document that was checked; its version is 0."""
    return Rubric(
        name=document["name"],
        parameters=tuple(
            Parameter(
                each["name"], each["description"], each["maximum"], each["rule"],
                tuple(each.get("phrases") or ()), fatal=bool(each.get("fatal")),
            )
            for each in document["parameters"]
        ),
        intents=tuple(
            Meaning(each["intent"], each["description"], tuple(each.get("phrases") or ()))
            for each in document.get("intents") or ()
        ),
        concerns=tuple(
            Concern(each["category"], each["description"], tuple(each.get("phrases") or ()))
            for each in document.get("concerns") or ()
        ),
        topics=tuple(
            Topic(each["label"], each["description"], tuple(each.get("asked") or ()), tuple(each.get("said") or ()))
            for each in document.get("topics") or ()
        ),
        languages=tuple(document.get("languages") or ()),
        redact_callbacks=bool(document.get("redact_callbacks")),
    )  # fmt: skip


def _with_lists(value: Any) -> Any:  # noqa: ANN401 - whatever a rubric holds
    if isinstance(value, dict):
        return {key: _with_lists(each) for key, each in value.items()}
    return [_with_lists(each) for each in value] if isinstance(value, tuple | list) else value
