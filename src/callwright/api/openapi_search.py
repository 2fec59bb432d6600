"""The part of the OpenAPI document on searches."""

from typing import Any

from callwright.api import search_models
from callwright.api.openapi_parts import BASE, for_no_tenant, parameters, query, responses


def search_paths() -> dict[str, Any]:
    """The requests that search transcripts."""
    example = search_models.SEARCH_EXAMPLE
    found: tuple[str, object, int] = ("SearchData", search_models.FOUND_EXAMPLE, 422)
    return {
        f"{BASE}/search": {
            "get": {
                "operationId": "search",
                "summary": "Search for words in transcripts",
                "description": "Turns in which they are said, the best first among the 200 calls with these words that "
                "ended last, then among the 200 before them. A page shows what the pages before did not. It may be "
                "short, or empty, while `next_cursor` leads on to further ones.",
                "tags": ["Read"],
                "parameters": [*query(search_models.SEARCH_QUERY, example), *parameters()],
                "responses": responses(*found, faults=search_models.SEARCH_FAULTS),
            }
        },
        f"{BASE}/search/all": {
            "get": {
                "operationId": "searchAll",
                "summary": "Search for words in transcripts of all tenants",
                "description": "As `search`, in all calls of the partner. It takes no tenant headers.",
                "tags": ["Read"],
                "parameters": [*query(search_models.WHOLE_SEARCH_QUERY, example), *parameters(of_partner=True)],
                "responses": for_no_tenant(responses(*found, faults=search_models.SEARCH_FAULTS)),
            }
        },
    }
