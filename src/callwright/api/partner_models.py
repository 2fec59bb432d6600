"""What partners ask and are answered about themselves: the types that check requests and describe answers."""

from typing import Annotated, NotRequired

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from callwright.api.models import Time
from callwright.api.queries import CURSOR_FIELD, CURSOR_RULE, Limit, MarkText, parts_of
from callwright.api.rollup_models import EndedCallsData
from callwright.api.rules import Rule


def _is_a_tenant(value: str) -> str:
    _, _ = parts_of(value)
    return value


class TenantsQuery(TypedDict):
    """Which page."""

    limit: NotRequired[Limit]
    cursor: NotRequired[Annotated[Annotated[MarkText, AfterValidator(_is_a_tenant), CURSOR_RULE], CURSOR_FIELD]]


class UsageQuery(TypedDict):
    """Which month."""

    month: NotRequired[
        Annotated[
            Annotated[
                str,
                StringConstraints(strict=True, pattern="^(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])$"),
                Rule("must be a month, as 2026-11"),
            ],
            Field(description="In the partner's time zone; the current one unless given"),
        ]
    ]


TENANTS_QUERY = TypeAdapter(TenantsQuery)
USAGE_QUERY = TypeAdapter(UsageQuery)


class TenantData(TypedDict):
    """A tenant and subtenant that the partner acts for."""

    tenant_id: str
    subtenant_id: str
    created_at: Time
    calls: Annotated[EndedCallsData, Field(description="Calls that have ended")]
    agents: int
    last_received_at: Annotated[Time | None, Field(description="When the last batch came in; null before any has")]


class TenantsData(TypedDict):
    """A page of tenants and subtenants, by name."""

    tenants: list[TenantData]
    next_cursor: Annotated[str | None, Field(description="For the next page; null on the last one")]


class LimitsData(TypedDict):
    """What the partner may send."""

    requests_per_minute: int
    requests_left: Annotated[int, Field(description="In this minute, after this request")]
    calls_per_batch: int
    bytes_per_body: int


class UsedData(TypedDict):
    """Calls of all tenants that have ended."""

    calls: int
    failed: int
    call_seconds: Annotated[float, Field(description="From the start to the end of the calls, together")]


class UsedDayData(UsedData):
    """Those that ended on a day; days without any are left out."""

    day: Annotated[str, Field(json_schema_extra={"format": "date"})]


class UsageData(TypedDict):
    """What the partner may send, and what was processed in a month."""

    limits: LimitsData
    month: str
    time_zone: str
    used: UsedData
    days: list[UsedDayData]
