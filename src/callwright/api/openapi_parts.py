"""What the OpenAPI document is put together from: parameters, bodies, and every status with its headers."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from callwright.api import examples

BASE = "/api/v1/partner"

REQUEST_HEADERS = [
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
        "description": "Comes back on the answer where it is 1 to 128 letters, digits, `.`, `_` or `-`; else a new one "
        "is made",
        "schema": {"type": "string"},
    },
]

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "For 24 hours a request that is sent again with the same key is not done again, but answered as it "
    "was: 1 to 255 visible characters, with or without quotes",
    "schema": {"type": "string", "pattern": '^(?:"[ !#-\\[\\]-~]{1,255}"|[!#-\\[\\]-~]{1,255})$'},
    "example": '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
}

ANSWER_HEADERS = {
    "x-request-id": (
        "The request's id, to be quoted in questions",
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    ),
    "RateLimit-Policy": (
        'The limit, as `"partner";q=120;w=60`; once the login was right, so not where it failed (401, 403, 429)',
        {"type": "string"},
    ),
    "RateLimit": (
        'What is left, and the seconds until one more is free, as `"partner";r=119;t=0`; where `RateLimit-Policy` is',
        {"type": "string"},
    ),
    "Retry-After": ("Whole seconds after which a request succeeds", {"type": "integer", "minimum": 1}),
    "Link": ('Where a table goes on, as `<?cursor=…>; rel="next"` (RFC 8288)', {"type": "string"}),
    "Allow": ("The methods that the path has", {"type": "string"}),
}

# Status: (description, message, further headers)
_REFUSALS: dict[int, tuple[str, str, tuple[str, ...]]] = {
    400: (
        "A tenant header is missing or blank, or the body or the request itself is malformed",
        "Tenant ID is required",
        (),
    ),
    401: ("The key or the secret is missing or blank", "API key and secret are required", ()),
    403: (
        "Wrong credentials (without the `RateLimit` headers), or a tenant that the partner may not act for",
        "Forbidden",
        (),
    ),
    404: ("No such resource of this tenant and subtenant", "Not found", ()),
    405: ("The path does not have this method", "Method Not Allowed", ("Allow",)),
    409: ("A request with this `Idempotency-Key` is under way", "A request with this Idempotency-Key is under way", ()),
    413: ("The body is larger than 5 MB, as sent or decompressed", "Request body is larger than 5 MB", ()),
    415: ("The body is not JSON, or its encoding is not known", "Content-Type must be application/json", ()),
    422: ("The contents are at fault; nothing was stored or sent", "Validation failed", ()),
    429: (
        "Over the rate limit, or too many failed logins from this address",
        "Rate limit exceeded. Try again in 7 seconds.",
        ("Retry-After",),
    ),
    500: ("Our fault", "Internal server error", ()),
    503: (
        "The database is away, or too much is going on; nothing was stored",
        "Service temporarily unavailable",
        ("Retry-After",),
    ),
}


def query(adapter: TypeAdapter[Any], values: Mapping[str, str]) -> list[dict[str, Any]]:
    """The parameters after the `?`, each with an example."""
    described = adapter.json_schema()
    return [
        {
            "name": name,
            "in": "query",
            "required": name in described.get("required", ()),
            "description": schema.pop("description"),
            "schema": schema,
            "example": values[name],
        }
        for name, schema in described["properties"].items()
    ]


def idempotency_key() -> dict[str, str]:
    """The header of writes that a request sent again would do again."""
    return {"$ref": "#/components/parameters/Idempotency-Key"}


def path_parameter(name: str, value: str) -> dict[str, Any]:
    """A part of the path, with an example."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": "Percent-encoded",
        "schema": {"type": "string"},
        "example": value,
    }


def parameters(*, of_partner: bool = False) -> list[dict[str, Any]]:
    """The headers that every request has; one that is for no tenant has none of a tenant's."""
    return [
        {"$ref": f"#/components/parameters/{parameter['name']}"}
        for parameter in REQUEST_HEADERS
        if not (of_partner and parameter["required"])
    ]


def for_no_tenant(answers: dict[str, Any]) -> dict[str, Any]:
    """The same statuses, where no tenant can be at fault."""
    answers["400"]["description"] = "The request itself is malformed"
    answers["400"]["content"]["application/json"]["example"]["message"] = "Request headers are too large."
    answers["403"]["description"] = "Wrong credentials (without the `RateLimit` headers)"
    return answers


def _schema(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def body(name: str, example: object) -> dict[str, Any]:
    """A body of this schema, with an example."""
    return {"required": True, "content": {"application/json": {"schema": _schema(name), "example": example}}}


def responses(
    answer: str | None,
    example: object,
    *further: int,
    missing: str = "Not found",
    faults: list[dict[str, Any]] = examples.FAULTS,
) -> dict[str, Any]:
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
    made = {"200": _response("Done", schema, envelope, ("RateLimit-Policy", "RateLimit"))}
    for status in sorted({400, 401, 403, 405, 429, 500, 503, *further}):
        description, message, headers = _REFUSALS[status]
        told: dict[str, Any] = {"success": False, "message": missing if status == 404 else message}
        if status == 422:
            told["errors"] = faults
        name = "ValidationRefusal" if status == 422 else "Refusal"
        limits = () if status in (401, 405) else ("RateLimit-Policy", "RateLimit")
        made[str(status)] = _response(description, _schema(name), told, (*limits, *headers))
    return made


def _response(description: str, schema: dict[str, Any], example: object, headers: tuple[str, ...]) -> dict[str, Any]:
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("x-request-id", *headers)},
        "content": {"application/json": {"schema": schema, "example": example}},
    }
