"""What the request for a dashboard's token is answered with, in the one shape that is not the envelope."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

CODE: Literal["RESPONSE_SUCCESS"] = "RESPONSE_SUCCESS"
MESSAGE: Literal["Request served successfully."] = "Request served successfully."


class TokenData(TypedDict):
    """The token."""

    token: Annotated[str, Field(description="A JSON web token, for `?token=` of a dashboard's address")]


class TokenAnswer(TypedDict):
    """A token that opens the dashboards of the tenant and subtenant for 24 hours."""

    code: Literal["RESPONSE_SUCCESS"]
    message: Literal["Request served successfully."]
    type: Literal["object"]
    data: TokenData


def answer(token: str) -> TokenAnswer:
    """The whole body."""
    return {"code": CODE, "message": MESSAGE, "type": "object", "data": {"token": token}}
