"""What Schemathesis must not count as a fault: rules of the contract that a schema has no words for."""

import json
import re
from typing import Any
from uuid import uuid4

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import AllowHeaderMismatch, MissingHeaderNotRejected, RejectedPositiveData

from callwright.api.openapi_parts import IDEMPOTENCY_KEY

BEYOND_A_SCHEMA = re.compile(
    r"end_time must be after start_time|until must be (?:after|no more than 366 days after) since"
    r"|end must not be before start"
    r"|(?:start_time|end_time|since|until) must be a valid ISO 8601 date string in UTC"  # 30 February
    r"|customer_id should not be empty|\w+ must be left out, as \w+ is there"  # one of three
    r"|email must be an email|since should not be empty"
    r"|cursor must (?:be the next_cursor of a page|not contain the character U\+0000)"
    r"|(?:first|last)_day must be a day, as .+|time_zone must be a time zone .+"
    r"|last_day must (?:not be before|be less than \d+ days after) first_day.*"
    r"|\S+ (?:must be unique; \S+ is the same|must have a letter or a digit)"  # a rubric's names and phrases
    r"|phrases (?:should not be empty, as|must be left out, as) .+|parameters must have maximums of no more than .+"
)

LONGER_PATH = re.compile(r"/calls/[^?]+/callback")
"""The id of a call may hold a slash, so that GET and DELETE find a call of every path behind `calls/`."""


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: schemathesis.Case[Any], __: dict[str, Any]) -> None:
    """Make every key a new one: Schemathesis sends the same with other bodies, which is refused."""
    key = case.headers.get("Idempotency-Key") if case.headers else None
    if isinstance(key, str) and re.fullmatch(IDEMPOTENCY_KEY["schema"]["pattern"], key):
        case.headers["Idempotency-Key"] = uuid4().hex


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Failure, case: schemathesis.Case[Any], response: Response
) -> bool:
    """Keep a failure unless one of these rules explains all of it."""
    if isinstance(failure, RejectedPositiveData) and response.status_code == 422:
        faults = json.loads(response.content)["errors"]
        return not all(BEYOND_A_SCHEMA.fullmatch(fault["message"]) for fault in faults)
    if isinstance(failure, MissingHeaderNotRejected):
        return failure.header_name not in response.request.headers  # the configuration sends it all the same
    if isinstance(failure, AllowHeaderMismatch):
        return not (LONGER_PATH.search(case.path) and set(failure.undocumented_methods) == {"DELETE", "GET"})
    return True
