"""What partners ask and are answered about callbacks: the types that check requests and make the OpenAPI document."""

import re
from typing import Annotated, NotRequired

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from callwright.api.models import Time
from callwright.api.queries import CURSOR_FIELD, CURSOR_RULE, CursorText, Limit, Since, Until, place_of
from callwright.api.rules import Id, Rule, UntilTime, UtcTime
from callwright.callbacks import State
from callwright.calls import CallbackState
from callwright.redelivery import MOST_AT_A_TIME

_CALLBACK = re.compile("msg_[0-9a-f]{24}")


def _is_a_cursor(value: str) -> str:
    if not _CALLBACK.fullmatch(place_of(value)[1]):
        raise ValueError(value)
    return value


def _with_since(body: object) -> object:
    """Leave out what is null, and miss `since` where no callback is named either."""
    if not isinstance(body, dict):
        return body
    given = {name: value for name, value in body.items() if value is not None}
    return given if "callback_ids" in given else {"since": "", **given}


class CallbackQuery(TypedDict):
    """Which callbacks; what is left out makes no difference."""

    state: NotRequired[
        Annotated[
            Annotated[State, Rule("must be one of pending, delivered, undelivered, replaced")],
            Field(description="`undelivered`: all tries failed; `replaced`: the call was processed again before that"),
        ]
    ]
    since: NotRequired[Annotated[Since, Field(description="Made then or later: ISO 8601 in UTC, with `Z`")]]
    until: NotRequired[Annotated[Until, Field(description="Made before: ISO 8601 in UTC, with `Z`")]]
    call_id: NotRequired[Annotated[Id, Field(description="Of this call")]]
    limit: NotRequired[Limit]
    cursor: NotRequired[Annotated[Annotated[CursorText, AfterValidator(_is_a_cursor), CURSOR_RULE], CURSOR_FIELD]]


class ResendBody(TypedDict):
    """Which undelivered callbacks to send again: those made in a span of time, or those named, or both at once."""

    since: NotRequired[
        Annotated[UtcTime | None, Field(description="Made then or later; required where no `callback_ids` are given")]
    ]
    until: NotRequired[Annotated[UntilTime | None, Field(description="Made before; now where it is left out")]]
    callback_ids: NotRequired[
        Annotated[
            Annotated[list[Id], Field(min_length=1, max_length=MOST_AT_A_TIME)] | None,
            Field(description="Their `webhook-id`s"),
        ]
    ]


CALLBACK_QUERY = TypeAdapter(CallbackQuery)
RESEND: TypeAdapter[ResendBody] = TypeAdapter(Annotated[ResendBody, BeforeValidator(_with_since)])


class AttemptData(TypedDict):
    """One try to deliver a callback; `error` is null where it was acknowledged."""

    attempt: int
    started_at: Time
    http_status: int | None
    error: str | None


class CallbackData(TypedDict):
    """A callback and its newest 20 tries."""

    callback_id: Annotated[str, Field(description="Its `webhook-id`, the same over all its tries")]
    call_id: str
    url: str
    state: State
    created_at: Time
    next_attempt_at: Time | None
    ended_at: Time | None
    attempts: list[AttemptData]


class CallbacksData(TypedDict):
    """A page of callbacks, the newest first."""

    callbacks: list[CallbackData]
    next_cursor: Annotated[str | None, Field(description="For the next page; null on the last one")]


class ResentCallData(TypedDict):
    """How a call's callback stands now."""

    call_id: str
    callback_id: Annotated[str | None, Field(description="Its `webhook-id`; null where the call has not ended yet")]
    callback_status: CallbackState
    resent: Annotated[bool, Field(description="False where it was pending already: nothing was changed")]


class ResentData(TypedDict):
    """How many callbacks are on their way again."""

    resent: int
    more: Annotated[bool, Field(description="Whether there may be more: send the same request again")]
