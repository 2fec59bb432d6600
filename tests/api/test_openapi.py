"""The OpenAPI document: valid, complete, and true."""

from typing import Any

import orjson
import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from callwright import callbacks, results, summaries
from callwright.api import openapi_parts
from callwright.api.call_models import CALL_QUERY
from callwright.api.callback_models import CALLBACK_QUERY, RESEND
from callwright.api.disposition_models import CHANGES_QUERY
from callwright.api.models import BATCH_CALL, DISPOSITION
from callwright.api.openapi import openapi_document
from callwright.api.partner_models import TENANTS_QUERY, USAGE_QUERY
from callwright.api.report_models import CONTACTS_QUERY, ENDED_CALLS_QUERY, REPORT_QUERY
from callwright.api.rollup_models import AGENTS_QUERY
from callwright.api.search_models import SEARCH_QUERY, WHOLE_SEARCH_QUERY
from callwright.db import Scope, everywhere
from dashboards.spoken import conversation
from judged import analysis, end
from partner_api import Door, a_batch, a_record

IN_MODULE = pytest.mark.asyncio(loop_scope="module")

DOCUMENT = openapi_document()
FIGURES = ("summary", "intent", "concerns", "pitch-gaps", "trends", "dispositions", "leaderboard")
OF_REPORTS = [
    *("first_day", "last_day", "time_zone", "agent_id", "customer_id", "intent", "disposition"),
    "format",
]
REGISTRY: Registry[Any] = Registry().with_resource("urn:api", Resource.from_contents(DOCUMENT, DRAFT202012))


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    items = {**DOCUMENT["paths"], **DOCUMENT["webhooks"]}
    return [(path, method, operation) for path, item in items.items() for method, operation in item.items()]


def conform(value: object, schema: dict[str, Any]) -> None:
    """Assert that a value is what a schema of the document says."""
    here = {"$ref": schema["$ref"].replace("#", "urn:api#")} if "$ref" in schema else _absolute(schema)
    Draft202012Validator(here, registry=REGISTRY).validate(value)


def _absolute(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {k: v.replace("#", "urn:api#") if k == "$ref" else _absolute(v) for k, v in schema.items()}
    return schema


def contents(holder: Any) -> list[dict[str, Any]]:
    """Every media type object in a part of the document."""
    if isinstance(holder, list):
        return [found for each in holder for found in contents(each)]
    if not isinstance(holder, dict):
        return []
    own = list(holder["content"].values()) if "content" in holder else []
    return own + [found for each in holder.values() for found in contents(each)]


def test_valid() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


@IN_MODULE
async def test_every_route_is_described(door: Door) -> None:
    routes = {
        (method.lower(), route.path_format)
        for route in door.app.routes
        if isinstance(route, APIRoute) and route.path.startswith("/api/")
        for method in route.methods or ()
    }
    assert routes == {(method, path) for path, method, _ in operations() if path.startswith("/api/")}


def test_every_refusal_is_described() -> None:
    for path, _, operation in operations():
        if path == "CALL_SUMMARY":
            continue
        told = set(operation["responses"])
        assert {"200", "400", "401", "403", "405", "429", "500", "503"} <= told
        assert ("requestBody" in operation) == ({"413", "415"} <= told)
        asks = any(parameter.get("in") == "query" for parameter in operation["parameters"])
        once = {"$ref": "#/components/parameters/Idempotency-Key"} in operation["parameters"]
        assert once == ("409" in told)
        assert ("requestBody" in operation or asks or once) == ("422" in told)
        for status, response in operation["responses"].items():
            assert "x-request-id" in response["headers"]
            assert ("Retry-After" in response["headers"]) == (status in ("429", "503"))


def test_every_example_is_what_its_schema_says() -> None:
    found = contents(DOCUMENT)
    assert len(found) > 40
    for each in found:
        conform(each["example"], each["schema"])


def test_request_examples_are_accepted() -> None:
    bodies: list[tuple[Any, str]] = [
        (BATCH_CALL, "ingest/batch-call"),
        (DISPOSITION, "ingest/disposition-status"),
        (RESEND, "callbacks/resend"),
    ]
    for adapter, path in bodies:
        [operation] = DOCUMENT["paths"][f"{openapi_parts.BASE}/{path}"].values()
        adapter.validate_python(operation["requestBody"]["content"]["application/json"]["example"])


def test_query_examples_are_accepted() -> None:
    searched = ["q", "since", "until", "agent_id", "customer_id", "speaker", "limit", "cursor"]
    lists: list[tuple[str, Any, list[str]]] = [
        ("callbacks", CALLBACK_QUERY, ["state", "since", "until", "call_id", "limit", "cursor"]),
        ("reports/agents", AGENTS_QUERY, ["since", "until", "agent_id", "format"]),
        ("search", SEARCH_QUERY, [*searched, "scope"]),
        ("search/all", WHOLE_SEARCH_QUERY, searched),
        (
            *("calls", CALL_QUERY),
            [
                *("since", "until", "agent_id", "customer_id", "status", "intent", "disposition"),
                *("limit", "cursor"),
            ],
        ),
        ("dispositions", CHANGES_QUERY, ["since", "until", "customer_id", "status", "limit", "cursor"]),
        ("tenants", TENANTS_QUERY, ["limit", "cursor"]),
        ("usage", USAGE_QUERY, ["month"]),
        *((f"reports/{path}", REPORT_QUERY, OF_REPORTS) for path in FIGURES),
        ("reports/contacts", CONTACTS_QUERY, [*OF_REPORTS, "search", "limit", "cursor"]),
        (
            *("reports/calls", ENDED_CALLS_QUERY),
            [*OF_REPORTS, "engaged", "concern", "parameter", "disposition_set", "limit", "cursor"],
        ),
    ]
    for path, adapter, names in lists:
        parameters = DOCUMENT["paths"][f"{openapi_parts.BASE}/{path}"]["get"]["parameters"]
        query = {each["name"]: each["example"] for each in parameters if each.get("in") == "query"}
        assert list(query) == names
        adapter.validate_python(query)
    agents = DOCUMENT["paths"][f"{openapi_parts.BASE}/reports/agents"]["get"]["parameters"]
    assert [each["name"] for each in agents if each.get("in") == "query" and each["required"]] == ["since"]


@IN_MODULE
async def test_real_answers_are_what_the_document_says(door: Door) -> None:
    def of(path: str, method: str, status: str) -> dict[str, Any]:
        schema: dict[str, Any] = DOCUMENT["paths"][openapi_parts.BASE + path][method]["responses"][status]["content"][
            "application/json"
        ]["schema"]
        return schema

    accepted = (await door.post(a_batch(a_record("described"), a_record("described")))).json()
    conform(accepted, of("/ingest/batch-call", "post", "200"))
    conform((await door.post({})).json(), of("/ingest/batch-call", "post", "422"))
    conform((await door.put({"customer_id": "customer123"})).json(), of("/ingest/disposition-status", "put", "200"))
    conform((await door.get("calls/described")).json(), of("/calls/{call_id}", "get", "200"))
    batch_id = accepted["data"]["batch_id"]
    conform((await door.get(f"batches/{batch_id}")).json(), of("/batches/{batch_id}", "get", "200"))
    conform((await door.get("customers/customer123")).json(), of("/customers/{customer_id}", "get", "200"))
    conform((await door.get("calls/nothing")).json(), of("/calls/{call_id}", "get", "404"))
    conform(
        (await door.send("POST", "calls/described/callback")).json(), of("/calls/{call_id}/callback", "post", "200")
    )
    conform((await door.get("calls?limit=1")).json(), of("/calls", "get", "200"))
    conform((await door.get("dispositions")).json(), of("/dispositions", "get", "200"))
    conform((await door.get("tenants", tenant_id=None)).json(), of("/tenants", "get", "200"))
    conform((await door.get("usage", tenant_id=None)).json(), of("/usage", "get", "200"))
    conform((await door.get("calls?limit=0")).json(), of("/calls", "get", "422"))
    conform((await door.get("callbacks?limit=0")).json(), of("/callbacks", "get", "422"))
    resent = (await door.send("POST", "callbacks/resend", {"since": "2023-01-01T10:00:00Z"})).json()
    conform(resent, of("/callbacks/resend", "post", "200"))


@IN_MODULE
async def test_real_hits_are_what_the_document_says(door: Door) -> None:
    await door.post(a_batch(a_record("searched")))
    async with everywhere(door.pool) as lent:
        said = conversation([("customer", "I want my money back.")])
        await results.save_transcript(lent, door.partner.partner_id, "searched", said)
    for path in ("/search", "/search/all"):
        answer = (await door.get(f"{path[1:]}?q=money")).json()
        assert answer["data"]["hits"]
        answers = DOCUMENT["paths"][openapi_parts.BASE + path]["get"]["responses"]
        conform(answer, answers["200"]["content"]["application/json"]["schema"])
        conform((await door.get(f"{path[1:]}?q=-")).json(), answers["422"]["content"]["application/json"]["schema"])


@IN_MODULE
async def test_real_rollups_are_what_the_document_says(door: Door) -> None:
    await door.post(a_batch(a_record("rolled", customer__id="rolled")))
    async with everywhere(door.pool) as lent:
        number = await lent.fetchval("SELECT subtenant_no FROM calls WHERE call_id = 'rolled'")
    await end(door.pool, Scope(door.partner.partner_id, number), "rolled", analysis())
    answers = {
        "/customers/{customer_id}": (await door.get("customers/rolled")).json(),
        "/reports/agents": (await door.get("reports/agents?since=2023-01-01T00:00:00Z")).json(),
        **{
            f"/reports/{path}": (await door.get(f"reports/{path}?first_day=2022-12-31&last_day=2023-01-02")).json()
            for path in (*FIGURES, "contacts", "calls")
        },
    }
    assert answers["/customers/{customer_id}"]["data"]["rollup"]
    assert answers["/reports/agents"]["data"]["agents"]
    for path, answer in answers.items():
        contents = DOCUMENT["paths"][openapi_parts.BASE + path]["get"]["responses"]["200"]["content"]
        conform(answer, contents["application/json"]["schema"])
    asked = await door.get("reports/agents?since=x")
    conform(asked.json(), {"$ref": "#/components/schemas/ValidationRefusal"})


def test_callback_is_what_the_document_says() -> None:
    told = callbacks.Told(1, 1, "c", "a", "cu", '{"attempt": 2}', "https://partner.example.com/")
    sent = orjson.loads(summaries.payload(told, None, "The recording is gone"))
    conform(sent, {"$ref": "#/components/schemas/CallSummary"})
    [operation] = DOCUMENT["webhooks"]["CALL_SUMMARY"].values()
    assert set(operation["requestBody"]["content"]["application/json"]["example"]) == set(sent)


@pytest.mark.parametrize("name", ["BatchCallBody", "DispositionBody", "CallSummary", "CallData", "Refusal"])
def test_types_are_described(name: str) -> None:
    assert DOCUMENT["components"]["schemas"][name]["description"]


def test_every_link_leads_to_an_operation_that_takes_it() -> None:
    named = {operation["operationId"]: operation for _, _, operation in operations()}
    links = [
        link for operation in named.values() for link in operation["responses"].get("200", {}).get("links", {}).values()
    ]
    assert len(links) >= 7
    for link in links:
        taking = named[link["operationId"]]
        taken = {parameter.get("name") for parameter in taking["parameters"]}
        assert set(link.get("parameters", ())) <= taken
        assert ("requestBody" in link) <= ("requestBody" in taking)


def test_times_are_said_to_be_times() -> None:
    """Of answers; what is sent is described by patterns, as not every time is taken."""
    found = [
        (name, each)
        for schema in DOCUMENT["components"]["schemas"].values()
        for name, described in schema["properties"].items()
        if name.endswith(("_at", "_time")) and "pattern" not in described
        for each in described.get("anyOf", [described])
        if each["type"] == "string"
    ]
    assert len(found) >= 8
    assert [name for name, each in found if each.get("format") != "date-time"] == []
