"""Every error that the client raises: one for each status of the API, one for no answer, one for an odd answer."""

from collections.abc import Sequence

from callwright_client.models import Fault
from callwright_client.pushed import PushReport


class CallwrightError(Exception):
    """Whatever goes wrong between this client and Callwright, or with a callback.

    Attributes:
        report: What became of the calls before, where a push was broken off by this error; else None.
    """

    report: PushReport | None = None


class ConnectionFailed(CallwrightError):
    """No answer came before the deadline: whether the request was carried out is not known.

    It may be asked for again: calls that were accepted are duplicates then, and `set_disposition` and `resend_callback`
    do nothing twice that has the same `idempotency_key`.
    """


class UnexpectedAnswer(CallwrightError):
    """The answer is not Callwright's: something else answers at this address."""


class InvalidWebhook(CallwrightError):
    """A callback is signed with none of the secrets, or too old, or is none at all. Answer it with 401."""


class ApiError(CallwrightError):
    """Callwright refused the request. Subclasses stand for the statuses of the contract; any other is this one itself.

    Attributes:
        message: The reason, in the words of the API.
        status: The HTTP status.
        request_id: What the operator finds the request by; quote it when you ask.
        retry_after: Seconds after which the request may be sent again; None where nothing was said.
    """

    def __init__(
        self, message: str, status: int, request_id: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, status, request_id, retry_after)
        self.message = message
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        told = f"{self.status}: {self.message}"
        return f"{told} (request {self.request_id})" if self.request_id else told


class BadRequest(ApiError):
    """400: the request cannot be read, or tells no tenant or subtenant."""


class Unauthorized(ApiError):
    """401: no credentials were sent."""


class Forbidden(ApiError):
    """403: wrong or revoked credentials, or a tenant that the partner may not act for."""


class NotFound(ApiError):
    """404: no such call, batch, customer, callback or rubric, in this tenant and subtenant."""


class MethodNotAllowed(ApiError):
    """405: the server is older than this client, and does not have this yet."""


class Conflict(ApiError):
    """409: a request with the same `idempotency_key` is still under way, for longer than the deadline."""


class TooLarge(ApiError):
    """413: the body is over the limit."""


class UnsupportedMediaType(ApiError):
    """415: the body is not JSON to the server."""


class ValidationFailed(ApiError):
    """422: the contents are at fault; nothing was stored or sent.

    Attributes:
        faults: Every fault, in the order of the body.
    """

    def __init__(
        self,
        message: str,
        status: int,
        request_id: str | None = None,
        retry_after: float | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        super().__init__(message, status, request_id, retry_after)
        self.args = (*self.args, tuple(faults))
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "; ".join([super().__str__(), *(f"{fault['field']}: {fault['message']}" for fault in self.faults)])


class RateLimited(ApiError):
    """429: over the partner's limit, or too many failed logins from this address, for longer than the deadline."""


class ServerError(ApiError):
    """500: a fault of the server's."""


class Unavailable(ApiError):
    """503: the server cannot answer for the moment; nothing was lost, and nothing was promised."""


ERRORS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    409: Conflict,
    413: TooLarge,
    415: UnsupportedMediaType,
    422: ValidationFailed,
    429: RateLimited,
    500: ServerError,
    503: Unavailable,
}
"""Which error stands for which status."""
