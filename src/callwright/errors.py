"""Every error that leaves the house: its status, its words, and the failure codes a partner can read."""

from typing import Literal, TypedDict, get_args

FailureCode = Literal[
    "recording_not_found",
    "recording_forbidden",
    "recording_address_refused",
    "recording_unreachable",
    "recording_timeout",
    "recording_server_error",
    "recording_too_many_redirects",
    "recording_too_large",
    "recording_empty",
    "recording_not_audio",
    "recording_unsupported_format",
    "recording_protected",
    "recording_damaged",
    "recording_truncated",
    "recording_too_long",
    "recording_too_costly",
    "recording_silent",
    "transcription_failed",
    "transcription_unavailable",
    "analysis_failed",
    "storage_unavailable",
    "attempts_exhausted",
    "internal_error",
]
"""Why a call failed. A code that was ever served is never renamed."""

FAILURE_CODES: tuple[FailureCode, ...] = get_args(FailureCode)


class FieldFault(TypedDict):
    """One fault of a body: the path from the body's root and a sentence that starts with its last name."""

    field: str
    message: str


class ApiError(Exception):
    """A request that is answered with an error.

    Args:
        message: What the partner reads.
    """

    status = 500
    message = "Internal server error"

    def __init__(self, message: str | None = None) -> None:
        self.message = message or type(self).message
        super().__init__(self.message)


class BadRequest(ApiError):
    """400: the request cannot be read."""

    status = 400
    message = "Malformed JSON"


class Unauthorized(ApiError):
    """401: no credentials were sent."""

    status = 401
    message = "Unauthorized"


class Forbidden(ApiError):
    """403: wrong credentials, or a tenant that the partner may not act for."""

    status = 403
    message = "Forbidden"


class NotFound(ApiError):
    """404: no such resource, or none that this partner, tenant and subtenant may know of."""

    status = 404
    message = "Not found"


class Conflict(ApiError):
    """409: the same is being done already."""

    status = 409
    message = "A request with this Idempotency-Key is under way"


class TooLarge(ApiError):
    """413: the body is over the limit."""

    status = 413
    message = "Request body is larger than 5 MB"


class UnsupportedMediaType(ApiError):
    """415: the body is not JSON."""

    status = 415
    message = "Content-Type must be application/json"


class ValidationFailed(ApiError):
    """422: the body's contents are at fault.

    Args:
        faults: Every fault, in the order of the body.
    """

    status = 422
    message = "Validation failed"

    def __init__(self, faults: list[FieldFault]) -> None:
        super().__init__()
        self.faults = faults


class RateLimited(ApiError):
    """429: over the limit.

    Args:
        retry_after: Whole seconds, at least 1, after which a request succeeds.
    """

    status = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Rate limit exceeded. Try again in {retry_after} seconds.")
        self.retry_after = retry_after


class Unavailable(ApiError):
    """503: the database is away; nothing was stored."""

    status = 503
    message = "Service temporarily unavailable"
    retry_after = 2


class StepFailed(Exception):
    """A step of a call's life that did not succeed.

    Args:
        code: One of `FAILURE_CODES`; what the partner reads as `failure.code`.
        message: One sentence for the partner, without paths, credentials or stack traces.
        retry: Whether trying again can help (timeouts, 5xx, 429) or not (404, no audio).
        ours: Whether it is an outage of our own (a server, the store, a full disk), which is no fault of the call's:
            it is waited out for about a day, and costs the call none of its tries.
        retry_after: Seconds that the other side asked us to wait, where it did.
    """

    def __init__(
        self,
        code: FailureCode,
        message: str,
        *,
        retry: bool = False,
        ours: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.retry = retry
        self.ours = ours
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the keyword arguments when the error crosses from a child process."""
        return (_step_failed, (self.code, self.message, self.retry, self.ours, self.retry_after))

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def cause(self) -> str | None:
        """The first line of what is behind it; an engine's process has only a traceback, which says less."""
        cause = self.__cause__
        if cause is None or type(cause).__name__ == "_RemoteTraceback":
            return None
        return f"{type(cause).__name__}: {(str(cause).splitlines() or [''])[0][:300]}"


def _step_failed(code: FailureCode, message: str, retry: bool, ours: bool, retry_after: float | None) -> StepFailed:
    return StepFailed(code, message, retry=retry, ours=ours, retry_after=retry_after)


class SetupError(Exception):
    """Something that the operator must put right before Callwright can run.

    Args:
        message: What is wrong.
        fix: What to do next, as a sentence or a command.
    """

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message, fix)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return self.message
