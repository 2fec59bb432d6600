"""The Postman collection has every operation, sends what the document's examples say, and fits the format."""

import json
from typing import Any

from docs_site.committed import POSTMAN
from docs_site.endpoints import operations
from docs_site.postman import FORMAT

from callwright.api.models import BATCH_CALL
from callwright.api.openapi import openapi_document

COLLECTION: dict[str, Any] = json.loads(POSTMAN.read_text("utf-8"))
FOR_NO_TENANT = {"search/all", "tenants", "usage", "test-data"}
ITEMS = [item for folder in COLLECTION["item"] for item in folder["item"]]


def test_every_operation_is_a_request() -> None:
    real = {(method, path) for method, path, _ in operations(openapi_document())}
    sent = {(item["request"]["method"], plain(item["request"]["url"])) for item in ITEMS}
    assert sent == real
    assert len(ITEMS) == len(real)


def plain(url: dict[str, Any]) -> str:
    return "/" + "/".join(f"{{{part[1:]}}}" if part.startswith(":") else part for part in url["path"])


def test_the_parts_that_the_format_requires_are_there() -> None:
    assert (COLLECTION["info"]["schema"], COLLECTION["info"]["name"]) == (FORMAT, "Callwright Partner API")
    for item in ITEMS:
        url = item["request"]["url"]
        assert url["raw"].partition("?")[0] == "{{base_url}}/" + "/".join(url["path"])
        assert {each["key"] for each in url.get("variable", ())} == {p[1:] for p in url["path"] if p.startswith(":")}
        assert all(isinstance(each["value"], str) for each in url.get("query", []) + url.get("variable", []))
        assert json.loads(item["response"][0]["body"])


def test_secrets_are_variables_that_are_empty() -> None:
    values = {each["key"]: each["value"] for each in COLLECTION["variable"]}
    assert (values["api_key"], values["api_secret"]) == ("", "")
    for item in ITEMS:
        headers = {each["key"]: each["value"] for each in item["request"]["header"]}
        assert (headers["x-api-key"], headers["x-api-secret"]) == ("{{api_key}}", "{{api_secret}}")
        assert all(name in values for name in ("base_url", "tenant_id", "sub_tenant_id"))


def test_tenant_headers_are_sent_where_they_are_needed() -> None:
    without = set()
    for item in ITEMS:
        headers = {each["key"]: each["value"] for each in item["request"]["header"]}
        of_tenant = (headers.get("x-tenant-id"), headers.get("x-sub-tenant-id"))
        if of_tenant == (None, None):
            without.add(plain(item["request"]["url"]).removeprefix("/api/v1/partner/"))
        else:
            assert of_tenant == ("{{tenant_id}}", "{{sub_tenant_id}}")
    assert without == FOR_NO_TENANT


def test_the_batch_that_it_sends_is_one() -> None:
    [batch] = [item for item in ITEMS if plain(item["request"]["url"]).endswith("/ingest/batch-call")]
    assert BATCH_CALL.validate_python(json.loads(batch["request"]["body"]["raw"]))
