"""The OpenAPI 3.1 document, made of the types that check the bodies."""

from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from callwright.api import examples, models

BASE = "/api/v1/partner"

_BODIES = (models.BatchCallBody, models.DispositionBody)
_ANSWERS = (
    *(models.Success, models.Refusal, models.ValidationRefusal, models.CallSummary),
    *(models.AcceptedData, models.CallData, models.BatchData, models.CustomerData),
)

_DESCRIPTION = """\
Recordings of sales calls in, transcripts and analyses out. Every answer is JSON in one envelope: `success`, then
`data` or `message`. The checks run in this order, and the first that fails is the answer: credentials (401, 403),
tenant headers (400), rate limit (429), tenant rights (403), media type (415), body size (413), syntax (400), contents
(422)."""

_REQUEST_HEADERS = [
    {
        "name": "x-tenant-id",
        "in": "header",
        "required": True,
        "description": "The tenant: one organisation of the partner",
        "schema": {"type": "string", "maxLength": 255},
        "example": "acme",
    },
    {
        "name": "x-sub-tenant-id",
        "in": "header",
        "required": True,
        "description": "The subtenant: a group, department or team of the tenant",
        "schema": {"type": "string", "maxLength": 255},
        "example": "sales-north",
    },
    {
        "name": "x-request-id",
        "in": "header",
        "required": False,
        "description": "Comes back on the answer; a new one is made where it is missing or malformed",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    },
]

_ANSWER_HEADERS = {
    "x-request-id": ("The request's id, to be quoted in questions", {"type": "string"}),
    "RateLimit-Policy": ('The limit, as `"partner";q=120;w=60`; after authentication', {"type": "string"}),
    "RateLimit": ("What is left, and the seconds until one more is free; after authentication", {"type": "string"}),
    "Retry-After": ("Whole seconds after which a request succeeds", {"type": "integer", "minimum": 1}),
    "Allow": ("The methods that the path has", {"type": "string"}),
}

# Status: (description, message, further headers)
_REFUSALS: dict[int, tuple[str, str, tuple[str, ...]]] = {
    400: ("A tenant header is missing or blank, or the body is malformed", "Tenant ID is required", ()),
    401: ("The key or the secret is missing or blank", "API key and secret are required", ()),
    403: ("Wrong credentials, or a tenant that the partner may not act for", "Forbidden", ()),
    404: ("No such resource of this tenant and subtenant", "Not found", ()),
    405: ("The path does not have this method", "Method Not Allowed", ("Allow",)),
    413: ("The body is larger than 5 MB, as sent or decompressed", "Request body is larger than 5 MB", ()),
    415: ("The body is not JSON, or its encoding is not known", "Content-Type must be application/json", ()),
    422: ("The body's contents are at fault; nothing of it was stored", "Validation failed", ()),
    429: ("Over the rate limit", "Rate limit exceeded. Try again in 7 seconds.", ("Retry-After",)),
    500: ("Our fault", "Internal server error", ()),
    503: ("The database is away; nothing was stored", "Service temporarily unavailable", ("Retry-After",)),
}


@cache
def openapi_document() -> dict[str, Any]:
    """Make the document; it is the same for every process of a release."""
    types = [("body", "validation", TypeAdapter(each)) for each in _BODIES]
    types += [("answer", "serialization", TypeAdapter(each)) for each in _ANSWERS]
    _, definitions = TypeAdapter.json_schemas(
        [(kind, mode, adapter) for kind, mode, adapter in types],  # type: ignore[misc]
        ref_template="#/components/schemas/{model}",
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Callwright Partner API",
            "version": version("callwright"),
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"apiKey": [], "apiSecret": []}],
        "tags": [
            {"name": "Ingest", "description": "What partners send"},
            {"name": "Read", "description": "What partners ask after"},
        ],
        "paths": _paths(),
        "webhooks": {"CALL_SUMMARY": {"post": _callback()}},
        "components": {
            "schemas": definitions["$defs"],
            "headers": {
                name: {"description": text, "schema": schema} for name, (text, schema) in _ANSWER_HEADERS.items()
            },
            "parameters": {parameter["name"]: parameter for parameter in _REQUEST_HEADERS},
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The partner's key"},
                "apiSecret": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-api-secret",
                    "description": "The partner's secret",
                },
            },
        },
    }


def _paths() -> dict[str, Any]:
    return {
        f"{BASE}/ingest/batch-call": {
            "post": {
                "operationId": "ingestBatchCall",
                "summary": "Ingest 1 to 50 calls",
                "description": "Answered once everything is durable. Idempotent on `call.id`: a call that was sent "
                "before is a `duplicate` and changes nothing. One bad call refuses the batch. At most 5 MB, also "
                "decompressed.",
                "tags": ["Ingest"],
                "parameters": _parameters(),
                "requestBody": _body("BatchCallBody", examples.BATCH_CALL_BODY),
                "responses": _responses("AcceptedData", examples.ACCEPTED, 413, 415, 422),
            }
        },
        f"{BASE}/ingest/disposition-status": {
            "put": {
                "operationId": "setDispositionStatus",
                "summary": "Set a customer's disposition",
                "description": "In effect at once, and kept in the customer's history.",
                "tags": ["Ingest"],
                "parameters": _parameters(),
                "requestBody": _body("DispositionBody", examples.DISPOSITION_BODY),
                "responses": _responses(None, None, 404, 413, 415, 422, missing="Customer not found"),
            }
        },
        **_read("calls", "call_id", "call123", "Ask how a call stands", "CallData", examples.CALL),
        **_read(
            "batches", "batch_id", examples.BATCH["batch_id"], "Ask how a batch stands", "BatchData", examples.BATCH
        ),
        **_read("customers", "customer_id", "customer123", "Ask after a customer", "CustomerData", examples.CUSTOMER),
    }


def _read(collection: str, name: str, value: str, summary: str, answer: str, example: object) -> dict[str, Any]:
    resource = name.removesuffix("_id").capitalize()
    path_parameter = {
        "name": name,
        "in": "path",
        "required": True,
        "description": "Percent-encoded",
        "schema": {"type": "string"},
        "example": value,
    }
    operation = {
        "operationId": f"read{resource}",
        "summary": summary,
        "tags": ["Read"],
        "parameters": [path_parameter, *_parameters()],
        "responses": _responses(answer, example, 404, missing=f"{resource} not found"),
    }
    return {f"{BASE}/{collection}/{{{name}}}": {"get": operation}}


def _parameters() -> list[dict[str, Any]]:
    return [{"$ref": f"#/components/parameters/{parameter['name']}"} for parameter in _REQUEST_HEADERS]


def _schema(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _body(name: str, example: object) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": _schema(name), "example": example}}}


def _responses(answer: str | None, example: object, *further: int, missing: str = "Not found") -> dict[str, Any]:
    """Every status that an operation answers with."""
    if answer is None:
        schema: dict[str, Any] = _schema("Success")
        envelope: dict[str, Any] = {"success": True}
    else:
        schema = {
            "type": "object",
            "properties": {"success": {"const": True, "type": "boolean"}, "data": _schema(answer)},
            "required": ["success", "data"],
        }
        envelope = {"success": True, "data": example}
    responses = {"200": _response("Done", schema, envelope, ("RateLimit-Policy", "RateLimit"))}
    for status in sorted({400, 401, 403, 405, 429, 500, 503, *further}):
        description, message, headers = _REFUSALS[status]
        told: dict[str, Any] = {"success": False, "message": missing if status == 404 else message}
        if status == 422:
            told["errors"] = examples.FAULTS
        name = "ValidationRefusal" if status == 422 else "Refusal"
        limits = () if status in (401, 405) else ("RateLimit-Policy", "RateLimit")
        responses[str(status)] = _response(description, _schema(name), told, (*limits, *headers))
    return responses


def _response(description: str, schema: dict[str, Any], example: object, headers: tuple[str, ...]) -> dict[str, Any]:
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("x-request-id", *headers)},
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def _callback() -> dict[str, Any]:
    names = {
        "webhook-id": "The delivery's id; the same over all its tries",
        "webhook-timestamp": "Seconds since 1970",
        "webhook-signature": "`v1,` and a base64 HMAC-SHA256, one for each secret that is live",
    }
    headers = [
        {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
        for name, text in names.items()
    ]
    return {
        "operationId": "callSummary",
        "summary": "A call's processing has ended",
        "description": "Posted to the call's `callback_url` and signed by Standard Webhooks. Anything but a 2xx is "
        "retried 3 times with growing pauses; redirects are not followed.",
        "security": [],
        "parameters": headers,
        "requestBody": _body("CallSummary", examples.CALL_SUMMARY),
        "responses": {"2XX": {"description": "Acknowledged"}},
    }
