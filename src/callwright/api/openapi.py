"""The OpenAPI 3.1 document, made of the types that check the bodies."""

from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from callwright.analysis.rubric_document import RubricDocument
from callwright.api import (
    analysis_models,
    call_models,
    callback_models,
    disposition_models,
    erasure_models,
    examples,
    models,
    openapi_partner,
    openapi_reports,
    rollup_examples,
    rollup_models,
    rubric_models,
    search_models,
    test_data_models,
    token_models,
)
from callwright.api.openapi_parts import (
    ANSWER_HEADERS,
    BASE,
    IDEMPOTENCY_KEY,
    REQUEST_HEADERS,
    body,
    idempotency_key,
    parameters,
    path_parameter,
    query,
    responses,
)
from callwright.api.openapi_search import search_paths
from callwright.api.openapi_test_data import test_data_paths

_BODIES = (
    models.BatchCallBody,
    models.DispositionBody,
    callback_models.ResendBody,
    RubricDocument,
    erasure_models.ErasureBody,
)
_ANSWERS = (
    *(models.Success, models.Refusal, models.ValidationRefusal, analysis_models.CallSummary),
    *(models.AcceptedData, models.CallData, models.BatchData),
    *(rollup_models.CustomerAndRollupData, rollup_models.AgentsData),
    *(call_models.CallsData, search_models.SearchData, disposition_models.ChangesData),
    *(*openapi_reports.ANSWERS, *openapi_partner.ANSWERS),
    *(rubric_models.RubricData, rubric_models.AppliedData),
    *(callback_models.CallbacksData, callback_models.ResentData, callback_models.ResentCallData),
    *(token_models.TokenAnswer, erasure_models.ErasureData, test_data_models.WipedData),
)

_DESCRIPTION = """\
Recordings of sales calls in, transcripts and analyses out. Every answer is JSON in one envelope: `success`, then
`data` or `message`. The checks run in this order, and the first that fails is the answer: credentials (401, 403),
tenant headers (400), rate limit (429), tenant rights (403), media type (415), body size (413), syntax (400), contents
(422). A test key (`cw_test_…`) has the same endpoints, limits and answers; its calls are canned, its data apart."""

# Operation: what its answer leads to, and where in it (or in its request) the parameters are.
_LINKS: dict[str, dict[str, dict[str, str]]] = {
    "ingestBatchCall": {
        "readBatch": {"batch_id": "$response.body#/data/batch_id"},
        "readCall": {"call_id": "$response.body#/data/calls/0/id"},
        "resendCallback": {"call_id": "$response.body#/data/calls/0/id"},
        "readCustomer": {"customer_id": "$request.body#/data/0/customer/id"},
    },
    "listCalls": {
        "readCall": {"call_id": "$response.body#/data/calls/0/id"},
        "readBatch": {"batch_id": "$response.body#/data/calls/0/batch_id"},
        "readCustomer": {"customer_id": "$response.body#/data/calls/0/customer_id"},
    },
    "search": {
        "readCall": {"call_id": "$response.body#/data/hits/0/call_id"},
        "readCustomer": {"customer_id": "$response.body#/data/hits/0/customer_id"},
    },
    "listDispositions": {"readCustomer": {"customer_id": "$response.body#/data/dispositions/0/customer_id"}},
    "listCallbacks": {
        "readCall": {"call_id": "$response.body#/data/callbacks/0/call_id"},
        "resendCallback": {"call_id": "$response.body#/data/callbacks/0/call_id"},
    },
    "resendCallback": {"readCall": {"call_id": "$response.body#/data/call_id"}},
    "eraseCall": {"readErasure": {"erasure_id": "$response.body#/data/erasure_id"}},
    "eraseCustomer": {"readErasure": {"erasure_id": "$response.body#/data/erasure_id"}},
    "erasePerson": {"readErasure": {"erasure_id": "$response.body#/data/erasure_id"}},
    "readBatch": {"readCall": {"call_id": "$response.body#/data/calls/0/id"}},
    "readCall": {
        "readBatch": {"batch_id": "$response.body#/data/batch_id"},
        "readCustomer": {"customer_id": "$response.body#/data/customer_id"},
    },
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
            {"name": "Reports", "description": "What the calls come to, as JSON and CSV"},
            {"name": "Partner", "description": "What belongs to no tenant: without tenant headers"},
            {"name": "Rubric", "description": "By what the calls of the subtenant are judged"},
            {"name": "Callbacks", "description": "What did not arrive, and sending it again"},
            {"name": "Erasure", "description": "Calls and people that are to be gone for good"},
            {"name": "Dashboards", "description": "What opens the pages that a partner embeds"},
            {"name": "Test mode", "description": "What a test key has sent"},
        ],
        "paths": _linked({**_erasure({**_paths(), **search_paths()}), **test_data_paths()}),
        "webhooks": {"CALL_SUMMARY": {"post": _callback()}},
        "components": {
            "schemas": definitions["$defs"],
            "headers": {
                name: {"description": text, "schema": schema} for name, (text, schema) in ANSWER_HEADERS.items()
            },
            "parameters": {each["name"]: each for each in (*REQUEST_HEADERS, IDEMPOTENCY_KEY)},
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
                "parameters": parameters(),
                "requestBody": body("BatchCallBody", examples.BATCH_CALL_BODY),
                "responses": responses("AcceptedData", examples.ACCEPTED, 413, 415, 422),
            }
        },
        f"{BASE}/ingest/disposition-status": {
            "put": {
                "operationId": "setDispositionStatus",
                "summary": "Set a customer's disposition",
                "description": "In effect at once, and kept in the customer's history.",
                "tags": ["Ingest"],
                "parameters": [idempotency_key(), *parameters()],
                "requestBody": body("DispositionBody", examples.DISPOSITION_BODY),
                "responses": responses(None, None, 404, 409, 413, 415, 422, missing="Customer not found"),
            }
        },
        **_lists(),
        **_read("calls", "call_id", "call123", "Ask how a call stands", "CallData", examples.CALL),
        **_read(
            "batches", "batch_id", examples.BATCH["batch_id"], "Ask how a batch stands", "BatchData", examples.BATCH
        ),
        **_read(
            *("customers", "customer_id", "customer123", "Ask after a customer, and what its calls come to"),
            *("CustomerAndRollupData", {**examples.CUSTOMER, "rollup": rollup_examples.ROLLUP}),
        ),
        **openapi_reports.paths(BASE),
        **openapi_partner.paths(BASE),
        **_rubric(),
        **_callbacks(),
        **_token(),
    }


def _lists() -> dict[str, Any]:
    return {
        f"{BASE}/calls": {
            "get": {
                "operationId": "listCalls",
                "summary": "List calls",
                "description": "Those that were received last first. A page shows what the pages before did not, "
                "whatever is sent meanwhile. It may be short, or empty, while `next_cursor` leads on to further ones.",
                "tags": ["Read"],
                "parameters": [*query(call_models.CALL_QUERY, examples.CALL_QUERY), *parameters()],
                "responses": responses("CallsData", examples.CALLS, 422, faults=examples.QUERY_FAULTS),
            }
        },
        f"{BASE}/dispositions": {
            "get": {
                "operationId": "listDispositions",
                "summary": "List changes of dispositions",
                "description": "Of all customers, those that took effect last first. A page shows what the pages "
                "before did not, whatever is sent meanwhile. With `status` it may be short, or empty, while "
                "`next_cursor` leads on to further ones.",
                "tags": ["Read"],
                "parameters": [*query(disposition_models.CHANGES_QUERY, examples.CHANGES_QUERY), *parameters()],
                "responses": responses("ChangesData", examples.CHANGES, 422, faults=examples.QUERY_FAULTS),
            }
        },
    }


def _rubric() -> dict[str, Any]:
    return {
        f"{BASE}/rubric": {
            "get": {
                "operationId": "readRubric",
                "summary": "Read the rubric",
                "description": "The one in force: the latest that was applied, else the default, of version 0.",
                "tags": ["Rubric"],
                "parameters": [*query(rubric_models.RUBRIC_QUERY, {"version": "1"}), *parameters()],
                "responses": responses(
                    "RubricData", examples.RUBRIC, 404, 422, missing="Rubric not found", faults=examples.VERSION_FAULTS
                ),
            },
            "put": {
                "operationId": "applyRubric",
                "summary": "Apply a rubric",
                "description": "For calls that are analysed from now on. One that is equal to the one in force makes "
                "no new version. At most 256 kB.",
                "tags": ["Rubric"],
                "parameters": parameters(),
                "requestBody": body("RubricDocument", examples.RUBRIC["rubric"]),
                "responses": responses("AppliedData", examples.APPLIED, 413, 415, 422, faults=examples.RUBRIC_FAULTS),
            },
        }
    }


def _callbacks() -> dict[str, Any]:
    return {
        f"{BASE}/calls/{{call_id}}/callback": {
            "post": {
                "operationId": "resendCallback",
                "summary": "Send a call's callback again",
                "description": "The same content under the same `webhook-id`, delivered or not, with as many tries as "
                "at first. One that is pending already stays as it is. The request has no body.",
                "tags": ["Callbacks"],
                "parameters": [path_parameter("call_id", "call123"), idempotency_key(), *parameters()],
                "responses": responses(
                    *("ResentCallData", examples.RESENT_CALL, 404, 409, 422),
                    missing="Call not found",
                    faults=examples.KEY_FAULTS,
                ),
            }
        },
        f"{BASE}/callbacks": {
            "get": {
                "operationId": "listCallbacks",
                "summary": "List callbacks and their tries",
                "description": "The newest first. A page shows what the pages before did not, whatever is sent "
                "meanwhile.",
                "tags": ["Callbacks"],
                "parameters": [*query(callback_models.CALLBACK_QUERY, examples.CALLBACK_QUERY), *parameters()],
                "responses": responses("CallbacksData", examples.CALLBACKS, 422, faults=examples.QUERY_FAULTS),
            }
        },
        f"{BASE}/callbacks/resend": {
            "post": {
                "operationId": "resendUndelivered",
                "summary": "Send undelivered callbacks again",
                "description": "Those made in a span of time, or those named, the oldest first and at most 1,000 at "
                "a time: where `more` is true, the same request goes on. Callbacks that are pending or delivered stay "
                "as they are. One unknown id refuses the whole request.",
                "tags": ["Callbacks"],
                "parameters": [idempotency_key(), *parameters()],
                "requestBody": body("ResendBody", examples.RESEND_BODY),
                "responses": responses(
                    "ResentData", examples.RESENT, 404, 409, 413, 415, 422, missing="Callback not found"
                ),
            }
        },
    }


def _erasure(paths: dict[str, Any]) -> dict[str, Any]:
    """Add what erases to the paths."""
    for collection, name, value, text in (
        *(("calls", "call_id", "call456", "Recording, transcript, analysis, callbacks and all that was sent of it. "),),
        *(("customers", "customer_id", "customer456", "Name, address, dispositions, and its calls like one call. "),),
    ):
        resource = name.removesuffix("_id").capitalize()
        paths[f"{BASE}/{collection}/{{{name}}}"]["delete"] = {
            "operationId": f"erase{resource}",
            "summary": f"Erase a {resource.lower()}",
            "description": f"{text}What remains is an anonymous mark, by which a call that is sent again is a "
            "`duplicate`. Where `status` is `pending`, the rest follows by itself.",
            "tags": ["Erasure"],
            "parameters": [path_parameter(name, value), *parameters()],
            "responses": responses("ErasureData", examples.ERASURE, 404, missing=f"{resource} not found"),
        }
    answers = responses("ErasureData", examples.ERASURE, 404, 413, 415, 422, missing="Customer not found")
    return {
        **paths,
        f"{BASE}/erasures": {
            "post": {
                "operationId": "erasePerson",
                "summary": "Erase a person",
                "description": "By the customer's id, a phone number or an address of mail. That nobody has the number "
                "or the address is no error: `calls` is then 0.",
                "tags": ["Erasure"],
                "parameters": parameters(),
                "requestBody": body("ErasureBody", examples.ERASURE_BODY),
                "responses": answers,
            }
        },
        **_read(
            *("erasures", "erasure_id", examples.ERASURE["erasure_id"], "Ask what an erasure has come to"),
            *("ErasureData", examples.ERASURE),
        ),
    }


def _token() -> dict[str, Any]:
    answers = responses("TokenAnswer", None)
    answers["200"]["content"]["application/json"] = {
        "schema": {"$ref": "#/components/schemas/TokenAnswer"},
        "example": token_models.answer("header.claims.signature"),
    }
    return {
        f"{BASE}/dashboard/auth/token": {
            "get": {
                "operationId": "makeDashboardToken",
                "summary": "Get a token for the dashboards",
                "description": "Opens `/view-insights` and `/call-details/{call-id}` of the tenant and subtenant for "
                "24 hours, and nothing else. The one answer that is not in the envelope.",
                "tags": ["Dashboards"],
                "parameters": parameters(),
                "responses": answers,
            }
        },
    }


def _read(collection: str, name: str, value: str, summary: str, answer: str, example: object) -> dict[str, Any]:
    resource = name.removesuffix("_id").capitalize()
    operation = {
        "operationId": f"read{resource}",
        "summary": summary,
        "tags": ["Read"],
        "parameters": [path_parameter(name, value), *parameters()],
        "responses": responses(answer, example, 404, missing=f"{resource} not found"),
    }
    return {f"{BASE}/{collection}/{{{name}}}": {"get": operation}}


def _linked(paths: dict[str, Any]) -> dict[str, Any]:
    """Tell of the answers what can be asked next."""
    for operation in (operation for path in paths.values() for operation in path.values()):
        links = {
            name: {"operationId": name, "parameters": parameters}
            for name, parameters in _LINKS.get(operation["operationId"], {}).items()
        }
        if operation["operationId"] == "ingestBatchCall":
            customer = {"customer_id": "$request.body#/data/0/customer/id"}
            links["setDispositionStatus"] = {"operationId": "setDispositionStatus", "requestBody": customer}
        if links:
            operation["responses"]["200"]["links"] = links
    return paths


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
        "requestBody": body("CallSummary", examples.CALL_SUMMARY),
        "responses": {"2XX": {"description": "Acknowledged"}},
    }
