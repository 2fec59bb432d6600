"""Writes the OpenAPI document as a Postman collection of the format 2.1, with an example of every body and answer."""

import json
import re
from typing import Any

from docs_site.endpoints import is_for_a_tenant, operations
from docs_site.schemas import Schema, resolved

FORMAT = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_VARIABLES = {
    "base_url": "http://127.0.0.1:8000",
    "api_key": "",
    "api_secret": "",
    "tenant_id": "acme-uk",
    "sub_tenant_id": "inside-sales",
}
_HEADERS = {
    "x-api-key": "{{api_key}}",
    "x-api-secret": "{{api_secret}}",
}
_OF_TENANT = {
    "x-tenant-id": "{{tenant_id}}",
    "x-sub-tenant-id": "{{sub_tenant_id}}",
}


def collection(document: Schema) -> str:
    """The collection as JSON: a folder for each group, a request for each operation."""
    folders = [
        {
            "name": tag["name"],
            "description": tag["description"],
            "item": [_item(document, *each) for each in operations(document) if tag["name"] in each[2]["tags"]],
        }
        for tag in document["tags"]
    ]
    made = {
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["description"],
            "schema": FORMAT,
        },
        "item": folders,
        "variable": [{"key": key, "value": value, "type": "string"} for key, value in _VARIABLES.items()],
    }
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _item(document: Schema, method: str, path: str, operation: Schema) -> Schema:
    request = _request(document, method, path, operation)
    answer = operation["responses"]["200"]["content"]["application/json"]["example"]
    example = {
        "name": "200",
        "originalRequest": request,
        "status": "OK",
        "code": 200,
        "_postman_previewlanguage": "json",
        "header": [{"key": "Content-Type", "value": "application/json"}],
        "cookie": [],
        "body": json.dumps(answer, indent=2, ensure_ascii=False),
    }
    return {"name": operation["summary"], "request": request, "response": [example]}


def _request(document: Schema, method: str, path: str, operation: Schema) -> Schema:
    parameters = [resolved(document, each) for each in operation["parameters"]]
    headers = {**_HEADERS, **_OF_TENANT} if is_for_a_tenant(parameters) else _HEADERS
    made: dict[str, Any] = {
        "method": method,
        "header": [{"key": key, "value": value} for key, value in headers.items()],
        "url": _url(path, parameters),
        "description": operation.get("description", operation["summary"]),
    }
    if "requestBody" in operation:
        example = operation["requestBody"]["content"]["application/json"]["example"]
        made["header"].append({"key": "Content-Type", "value": "application/json"})
        raw = json.dumps(example, indent=2, ensure_ascii=False)
        made["body"] = {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}
    return made


def _url(path: str, parameters: list[Schema]) -> Schema:
    """The address in parts: `{call_id}` is `:call_id` there, and what may be left out of a query is off."""
    path = re.sub(r"\{(\w+)}", r":\1", path)
    asked = [each for each in parameters if each["in"] == "query"]
    sent = "&".join(f"{each['name']}={each['example']}" for each in asked if each["required"])
    made: dict[str, Any] = {
        "raw": f"{{{{base_url}}}}{path}" + (f"?{sent}" if sent else ""),
        "host": ["{{base_url}}"],
        "path": path.strip("/").split("/"),
    }
    if asked:
        made["query"] = [{**_pair(each), **({} if each["required"] else {"disabled": True})} for each in asked]
    if held := [each for each in parameters if each["in"] == "path"]:
        made["variable"] = [_pair(each) for each in held]
    return made


def _pair(parameter: Schema) -> Schema:
    return {"key": parameter["name"], "value": parameter["example"], "description": parameter["description"]}
