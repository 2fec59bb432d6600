"""What partners ask and are told of changes of dispositions: the types that check requests and describe answers."""

from typing import Annotated, NotRequired

from pydantic import AfterValidator, Field, TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from callwright.api.models import DispositionData
from callwright.api.queries import CURSOR_FIELD, CURSOR_RULE, Limit, MarkText, Since, Until, mark_of, parts_of, time_of
from callwright.api.rules import Id
from callwright.reports.disposition_list import Place


def cursor_of_changes(place: Place) -> str:
    """Write down where a page ends."""
    effective_at, recorded_at, *rest = place
    return mark_of(effective_at.isoformat(), recorded_at.isoformat(), *rest)


def place_of_changes(cursor: str) -> Place:
    """Where a page ended.

    Raises:
        ValueError: `cursor_of_changes` has not written this.
    """
    effective_at, recorded_at, call_id, customer_id = parts_of(cursor)
    return Place(time_of(effective_at), time_of(recorded_at), call_id, customer_id)


def _is_a_cursor(value: str) -> str:
    place_of_changes(value)
    return value


class ChangesQuery(TypedDict):
    """Which changes; what is left out makes no difference."""

    since: NotRequired[Annotated[Since, Field(description="In effect from then or later on: ISO 8601 in UTC")]]
    until: NotRequired[Annotated[Until, Field(description="In effect from before: ISO 8601 in UTC, with `Z`")]]
    customer_id: NotRequired[Annotated[Id, Field(description="Of this customer")]]
    status: NotRequired[Annotated[Id, Field(description="To this disposition")]]
    limit: NotRequired[Limit]
    cursor: NotRequired[Annotated[Annotated[MarkText, AfterValidator(_is_a_cursor), CURSOR_RULE], CURSOR_FIELD]]


CHANGES_QUERY = TypeAdapter(ChangesQuery)


class ChangeData(DispositionData):
    """A change of a customer's disposition."""

    customer_id: str


class ChangesData(TypedDict):
    """A page of changes, those that took effect last first."""

    dispositions: list[ChangeData]
    next_cursor: Annotated[
        str | None, Field(description="For the next page, even where this one is short; null on the last one")
    ]
