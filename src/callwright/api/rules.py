"""The rules of single fields and, for each, the words of the contract for breaking it."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, GetCoreSchemaHandler, StringConstraints, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

EMPTY = "should not be empty"

MAX_METADATA_KEYS = 5

ANY_TEXT = r"^[^\x00]*$"
"""PostgreSQL cannot hold U+0000."""

FILLED_TEXT = r"^[^\x00]*[^\s\x00][^\x00]*$"

_PORT = "[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_AUTHORITY = r'(?:[^\s\x00-\x20\x7f/?#\[\]\\<>"^`{|}@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^\s\x00-\x20\x7f/?#@:\[\]\\<>"^`{|}]+)'
_REST = rf"://{_AUTHORITY}(?::(?:{_PORT}))?(?:[/?#][^\s\x00-\x20\x7f]*)?$"
HTTP_URL = "^[Hh][Tt][Tt][Pp][Ss]?" + _REST
HTTPS_URL = "^[Hh][Tt][Tt][Pp][Ss]" + _REST
"""An absolute URL. What may be fetched or called (addresses, ports, credentials) is decided when that happens."""

E164 = r"^\+[1-9][0-9]{1,14}$"

UTC_TIME = (
    r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,12})?)?(?:Z|\+00:00)$"
)

# The dot-atom of RFC 5321 at a name of the DNS: what nearly every address looks like. The others ask the library.
_PLAIN_EMAIL = re.compile(
    r"(?=.{1,254}\Z)(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Puts one sentence in the place of whatever fault is found in a field.

    Attributes:
        message: What follows the field's name.
        required: Whether null, empty and blank are said to be empty.
        most: Characters, where a longer text gets its own sentence.
    """

    message: str
    required: bool = False
    most: int | None = None

    def __get_pydantic_core_schema__(self, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Wrap the field's schema."""
        context: dict[str, str | int | float] = {"required": int(self.required)}
        if self.most is not None:
            context["most"] = self.most
        return core_schema.custom_error_schema(
            handler(source), "rule", custom_error_message=self.message, custom_error_context=context
        )


def _is_a_time(value: str) -> str:
    """Write the instant in one form, cut to microseconds, for PostgreSQL rounds the last of 9999 up to 10000."""
    return datetime.fromisoformat(value).isoformat()  # refuses 30 February and the year 0, which the pattern let pass


def _ends_after_start(value: str, info: ValidationInfo) -> str:
    start = (info.data or {}).get("start_time")
    if start is not None and datetime.fromisoformat(value) <= datetime.fromisoformat(start):
        raise PydanticCustomError("rule", "must be after start_time")
    return value


def _until_after_since(value: str, info: ValidationInfo) -> str:
    since = (info.data or {}).get("since")
    if since is not None and datetime.fromisoformat(value) <= datetime.fromisoformat(since):
        raise PydanticCustomError("rule", "must be after since")
    return value


def _is_an_email(value: str) -> str:
    if _PLAIN_EMAIL.fullmatch(value) is None:
        try:
            validate_email(value, check_deliverability=False, strict=True)
        except EmailNotValidError as error:
            raise ValueError(value) from error
    return value


def not_too_many_keys(value: object) -> object:
    """Look at a metadata object's size before its values, so that both faults are told."""
    if isinstance(value, dict) and len(value) > MAX_METADATA_KEYS:
        raise PydanticCustomError("too_long", "too long", {"max_length": MAX_METADATA_KEYS})
    return value


def _turn_ends_after_start(value: float, info: ValidationInfo) -> float:
    start = (info.data or {}).get("start")
    if start is not None and value < start:
        raise PydanticCustomError("rule", "must not be before start")
    return value


Id = Annotated[
    str,
    StringConstraints(strict=True, max_length=255, pattern=FILLED_TEXT),
    Rule("must be a string", required=True, most=255),
]
FilledText = Annotated[
    str, StringConstraints(strict=True, pattern=FILLED_TEXT), Rule("must be a string", required=True)
]
Text = Annotated[str, StringConstraints(strict=True, pattern=ANY_TEXT), Rule("must be a string")]
ShortText = Annotated[
    str, StringConstraints(strict=True, max_length=255, pattern=ANY_TEXT), Rule("must be a string", most=255)
]
Email = Annotated[
    str,
    StringConstraints(strict=True, max_length=320, pattern=ANY_TEXT),
    AfterValidator(_is_an_email),
    Field(json_schema_extra={"format": "email"}),
    Rule("must be an email"),
]
RecordingUrl = Annotated[
    str,
    StringConstraints(strict=True, max_length=2048, pattern=HTTP_URL),
    Field(json_schema_extra={"format": "uri"}),
    Rule("must be a URL address", required=True, most=2048),
]
CallbackUrl = Annotated[
    str,
    StringConstraints(strict=True, max_length=2048, pattern=HTTPS_URL),
    Field(json_schema_extra={"format": "uri"}),
    Rule("must be a URL address starting with https://", most=2048),
]
PhoneNumber = Annotated[
    str,
    StringConstraints(strict=True, pattern=E164),
    Rule("must be a valid phone number in E.164 format", required=True),
]
UtcTime = Annotated[
    str,
    StringConstraints(strict=True, pattern=UTC_TIME),
    AfterValidator(_is_a_time),
    Field(json_schema_extra={"format": "date-time"}),
    Rule("must be a valid ISO 8601 date string in UTC", required=True),
]
EndTime = Annotated[UtcTime, AfterValidator(_ends_after_start)]
UntilTime = Annotated[UtcTime, AfterValidator(_until_after_since)]
MetadataValue = Annotated[
    Annotated[str, StringConstraints(strict=True, pattern=ANY_TEXT)]
    | Annotated[int, Field(strict=True)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False)],
    Rule("must be a string or a number"),
]
Speaker = Annotated[
    str,
    StringConstraints(strict=True, pattern="^(?:agent|customer)$"),
    Rule("must be agent or customer", required=True),
]
Seconds = Annotated[
    float,
    Field(strict=True, allow_inf_nan=False, ge=0, le=86_400),
    Rule("must be a number of seconds from 0 to 86400", required=True),
]
EndSeconds = Annotated[Seconds, AfterValidator(_turn_ends_after_start)]
TurnText = Annotated[
    str,
    StringConstraints(strict=True, max_length=10_000, pattern=FILLED_TEXT),
    Rule("must be a string", required=True, most=10_000),
]
