"""What partners ask and are told of erasures: the types that check requests and make the OpenAPI document."""

from typing import Annotated, Literal, NotRequired

from pydantic import BeforeValidator, Field, TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from callwright.api.models import Time
from callwright.api.rules import Email, Id, PhoneNumber
from callwright.audit import ErasureKind


def _with_someone(body: object) -> object:
    """Leave out what is null, and miss `customer_id` where nobody is named."""
    if not isinstance(body, dict):
        return body
    given = {name: value for name, value in body.items() if value is not None}
    return given if {"customer_id", "phone", "email"} & set(given) else {"customer_id": "", **given}


class ErasureBody(TypedDict):
    """Who is to be erased: exactly one of the three."""

    customer_id: NotRequired[Annotated[Id | None, Field(description="The partner's own id of a customer")]]
    phone: NotRequired[
        Annotated[PhoneNumber | None, Field(description="All calls with this `contact_number`, in E.164 format")]
    ]
    email: NotRequired[
        Annotated[Email | None, Field(description="All customers with this address, whatever its capitals")]
    ]


ERASURE: TypeAdapter[ErasureBody] = TypeAdapter(Annotated[ErasureBody, BeforeValidator(_with_someone)])


class ErasureData(TypedDict):
    """What an erasure has come to: numbers alone, for there is nothing else left to tell."""

    erasure_id: str
    kind: ErasureKind
    status: Annotated[
        Literal["pending", "erased"], Field(description="`erased`: gone from the database and from the store")
    ]
    asked_at: Time
    done_at: Time | None
    calls: int
    customers: int
    agents: int
    rows: Annotated[int, Field(description="Of the database, those of calls and people among them")]
    files: Annotated[int, Field(description="Of the store, each seen to be gone")]
