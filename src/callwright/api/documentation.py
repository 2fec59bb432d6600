"""The reference for partners: the OpenAPI document, and a page made of it that loads nothing from elsewhere."""

import base64
import hashlib
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import orjson
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from callwright.api.openapi import openapi_document

router = APIRouter()


@router.get("/openapi.json")
async def document() -> Response:
    """Serve the OpenAPI document."""
    return Response(_document_json(), media_type="application/json")


@router.get("/docs")
async def page() -> HTMLResponse:
    """Serve the reference as a page."""
    html, policy = _page()
    return HTMLResponse(html, headers={"content-security-policy": policy, "x-content-type-options": "nosniff"})


@cache
def _document_json() -> bytes:
    return orjson.dumps(openapi_document())


@cache
def _page() -> tuple[str, str]:
    """The page, and the policy that lets it load its own style and nothing else."""
    folder = files("callwright.api")
    style = folder.joinpath("docs.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    described = openapi_document()
    operations = [
        (method, path, operation) for path, item in described["paths"].items() for method, operation in item.items()
    ]
    operations += [("webhook", name, item["post"]) for name, item in described["webhooks"].items()]
    html = Template(folder.joinpath("docs.html").read_text("utf-8")).substitute(
        style=style,
        title=escape(described["info"]["title"]),
        version=escape(described["info"]["version"]),
        description=_text(described["info"]["description"]),
        contents="".join(_link(*operation) for operation in operations),
        operations="".join(_operation(described, *operation) for operation in operations),
        schemas="".join(_schema(name, schema) for name, schema in described["components"]["schemas"].items()),
    )
    return html, f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"


def _link(method: str, path: str, operation: dict[str, Any]) -> str:
    return (
        f'<li><a href="#{operation["operationId"]}"><b class="{method}">{method.upper()}</b> '
        f"{escape(operation['summary'])}</a><code>{escape(path)}</code></li>"
    )


def _operation(described: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = [_resolved(described, parameter) for parameter in operation["parameters"]]
    if operation.get("security") is None:
        schemes = described["components"]["securitySchemes"].values()
        parameters = [{**scheme, "required": True, "schema": {"type": "string"}} for scheme in schemes] + parameters
    rows = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{escape(each['in'])}</td>"
        f"<td>{'required' if each.get('required') else 'optional'}</td><td>{_text(each['description'])}</td></tr>"
        for each in parameters
    )
    body = operation.get("requestBody")
    return (
        f'<section id="{operation["operationId"]}"><h2>{escape(operation["summary"])}</h2>'
        f'<p class="path"><b class="{method}">{method.upper()}</b> <code>{escape(path)}</code></p>'
        f"<p>{_text(operation.get('description', ''))}</p><table>{rows}</table>"
        + ("" if body is None else f"<h3>Body</h3>{_content(body)}")
        + "<h3>Answers</h3>"
        + "".join(_response(status, response) for status, response in operation["responses"].items())
        + "</section>"
    )


def _response(status: str, response: dict[str, Any]) -> str:
    opened = " open" if status == "200" else ""
    headers = ", ".join(f"<code>{escape(name)}</code>" for name in response.get("headers", ()))
    return (
        f"<details{opened}><summary><b>{status}</b> {escape(response['description'])}</summary>"
        + (f"<p>Headers: {headers}</p>" if headers else "")
        + (_content(response) if "content" in response else "")
        + "</details>"
    )


def _content(holder: dict[str, Any]) -> str:
    content = holder["content"]["application/json"]
    schema = content["schema"].get("$ref") or content["schema"]["properties"]["data"]["$ref"]
    name = schema.rpartition("/")[2]
    return f'<p>Type: <a href="#{name}">{name}</a></p>{_json(content["example"])}'


def _schema(name: str, schema: dict[str, Any]) -> str:
    summary = f"<b>{name}</b> {_text(schema.get('description', ''))}"
    return f'<details id="{name}"><summary>{summary}</summary>{_json(schema)}</details>'


def _json(value: object) -> str:
    return f"<pre>{escape(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())}</pre>"


def _text(text: str) -> str:
    """Escaped text, its `code` marked as such."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def _resolved(described: dict[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in parameter:
        return parameter
    found: dict[str, Any] = described["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
    return found
