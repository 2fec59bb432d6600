"""The part of the OpenAPI document on test data."""

from typing import Any

from callwright.api.openapi_parts import BASE, for_no_tenant, parameters, responses


def test_data_paths() -> dict[str, Any]:
    """The one path that is for test keys alone."""
    answers = for_no_tenant(responses("WipedData", {"deleted": 128, "more": False}))
    answers["403"]["description"] = "Wrong credentials (without the `RateLimit` headers), or a live key"
    return {
        f"{BASE}/test-data": {
            "delete": {
                "operationId": "deleteTestData",
                "summary": "Delete all test data",
                "description": "Of every tenant and subtenant; only with a test key (403 with a live one). One request "
                "deletes some thousands of calls: where `more` is true, the same request goes on. It takes no tenant "
                "headers.",
                "tags": ["Test mode"],
                "parameters": parameters(of_partner=True),
                "responses": answers,
            }
        },
    }
