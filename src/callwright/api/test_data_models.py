"""What partners are told of test data that is deleted."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12


class WipedData(TypedDict):
    """How much test data was deleted."""

    deleted: Annotated[int, Field(description="Rows: a call has several")]
    more: Annotated[bool, Field(description="Whether there may be more: send the same request again")]
