"""Test data in the OpenAPI document."""

from typing import Any

from callwright.api import test_data_models
from callwright.api.openapi_parts import parameters, responses

ANSWERS = (test_data_models.WipedData,)


def paths(base: str) -> dict[str, Any]:
    """The one path that is for test keys alone."""
    return {
        f"{base}/test-data": {
            "delete": {
                "operationId": "deleteTestData",
                "summary": "Delete all test data",
                "description": "Of every tenant and subtenant; only with a test key (403 with a live one). One request "
                "deletes some thousands of calls: where `more` is true, the same request goes on. It takes no tenant "
                "headers.",
                "tags": ["Test mode"],
                "parameters": parameters()[2:],
                "responses": responses("WipedData", {"deleted": 128, "more": False}),
            }
        },
    }
