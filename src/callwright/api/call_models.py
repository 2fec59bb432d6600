"""What partners ask and are told of lists of calls: the types that check requests and make the OpenAPI document."""

from typing import Annotated, NotRequired
from uuid import UUID

from pydantic import AfterValidator, Field, TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from callwright.api.models import MAX_CALLS, ListedCallData
from callwright.api.queries import (
    CURSOR_FIELD,
    CURSOR_RULE,
    CursorText,
    Disposition,
    IntentFilter,
    Limit,
    Since,
    Until,
    cursor_of,
    place_of,
)
from callwright.api.rules import Id, Rule
from callwright.calls import State
from callwright.reports import Place


def cursor_of_calls(place: Place) -> str:
    """Write down where a page ends."""
    return cursor_of(place.at, f"{place.batch_id} {place.number}")


def place_of_calls(cursor: str) -> Place:
    """Where a page ended.

    Raises:
        ValueError: `cursor_of_calls` has not written this.
    """
    at, rest = place_of(cursor)
    batch_id, _, number = rest.partition(" ")
    return Place(at, UUID(batch_id), min(int(number), MAX_CALLS))


def _is_a_cursor(value: str) -> str:
    place_of_calls(value)
    return value


class CallQuery(TypedDict):
    """Which calls; what is left out makes no difference."""

    since: NotRequired[Annotated[Since, Field(description="Received then or later: ISO 8601 in UTC, with `Z`")]]
    until: NotRequired[Annotated[Until, Field(description="Received before: ISO 8601 in UTC, with `Z`")]]
    agent_id: NotRequired[Annotated[Id, Field(description="Of this agent")]]
    customer_id: NotRequired[Annotated[Id, Field(description="With this customer")]]
    status: NotRequired[
        Annotated[
            Annotated[State, Rule("must be one of received, fetched, transcribed, completed, failed")],
            Field(description="That stand so now"),
        ]
    ]
    intent: NotRequired[IntentFilter]
    disposition: NotRequired[Disposition]
    limit: NotRequired[Limit]
    cursor: NotRequired[Annotated[Annotated[CursorText, AfterValidator(_is_a_cursor), CURSOR_RULE], CURSOR_FIELD]]


CALL_QUERY = TypeAdapter(CallQuery)


class CallsData(TypedDict):
    """A page of calls, those that were received last first."""

    calls: list[ListedCallData]
    next_cursor: Annotated[
        str | None, Field(description="For the next page, even where this one is short; null on the last one")
    ]
