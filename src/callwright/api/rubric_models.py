"""What partners ask and are answered about the rubric: the types that check requests and make the OpenAPI document."""

from typing import Annotated, NotRequired

from pydantic import Field, StringConstraints, TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from callwright.analysis.rubric_document import RubricDocument
from callwright.api.models import Time
from callwright.api.rules import Rule


class RubricQuery(TypedDict):
    """Which version."""

    version: NotRequired[
        Annotated[
            Annotated[
                str,
                StringConstraints(strict=True, pattern="^(?:0|[1-9][0-9]{0,8})$"),
                Rule("must be a whole number from 0 to 999999999"),
            ],
            Field(description="Not the one in force, but this one; 0 is the default that comes with Callwright"),
        ]
    ]


RUBRIC_QUERY = TypeAdapter(RubricQuery)


class RubricData(TypedDict):
    """A rubric of the subtenant."""

    version: Annotated[int, Field(description="Counts what was applied; 0 is the default that comes with Callwright")]
    applied_at: Annotated[Time | None, Field(description="Null for the default")]
    rubric: RubricDocument


class AppliedData(TypedDict):
    """What is in force now."""

    version: int
    changed: Annotated[bool, Field(description="False where the rubric in force was equal: nothing was changed")]
