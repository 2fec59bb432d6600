"""The client of Callwright's partner API: push calls, read what came of them, verify callbacks."""

from callwright_client.client import AsyncClient, Client
from callwright_client.endpoints import Page
from callwright_client.errors import (
    ApiError,
    BadRequest,
    CallwrightError,
    Conflict,
    ConnectionFailed,
    Forbidden,
    InvalidWebhook,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    ServerError,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    UnsupportedMediaType,
    ValidationFailed,
)
from callwright_client.models import CallRecord, CallSummary, Fault
from callwright_client.pushed import Pushed, PushReport
from callwright_client.version import __version__
from callwright_client.webhooks import Webhook

__all__ = [
    "ApiError",
    "AsyncClient",
    "BadRequest",
    "CallRecord",
    "CallSummary",
    "CallwrightError",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Fault",
    "Forbidden",
    "InvalidWebhook",
    "MethodNotAllowed",
    "NotFound",
    "Page",
    "PushReport",
    "Pushed",
    "RateLimited",
    "ServerError",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "UnsupportedMediaType",
    "ValidationFailed",
    "Webhook",
    "__version__",
]
