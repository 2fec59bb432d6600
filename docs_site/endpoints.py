"""Writes the pages on the endpoints, one for each group, from the OpenAPI document."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from docs_site.schemas import Field, Schema, fields, kind_of, resolved

FOLDER = "reference/endpoints"
_CREDENTIALS = '-H "x-api-key: $API_KEY" -H "x-api-secret: $API_SECRET"'
_OF_TENANT = '-H "x-tenant-id: acme-uk" -H "x-sub-tenant-id: inside-sales"'
_MARK = "<!-- made by docs_site/endpoints.py from the OpenAPI document -->"


def operations(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Method, path and description of every operation, in the order of the document."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def is_for_a_tenant(parameters: list[Schema]) -> bool:
    """Whether a request with these parameters needs the tenant headers."""
    return any(each["in"] == "header" and each["name"] == "x-tenant-id" for each in parameters)


def places(document: Schema) -> dict[str, str]:
    """Where each request is described: `GET /…` and the page with its anchor, from the root of the site."""
    return {
        f"{method} {path}": f"{FOLDER}/{_slug(operation['tags'][0])}.md#{operation['operationId']}"
        for method, path, operation in operations(document)
    }


def pages(document: Schema) -> dict[str, tuple[str, str]]:
    """The pages by their place in the site: title and text."""
    made = {}
    for tag in document["tags"]:
        ours = [each for each in operations(document) if tag["name"] in each[2]["tags"]]
        parts = [_operation(document, *each) for each in ours]
        text = "\n".join((f"# {tag['name']}\n\n{tag['description']}.\n", _MARK, "", *parts))
        made[f"{FOLDER}/{_slug(tag['name'])}.md"] = (tag["name"], text)
    parts = [_callback(document, item["post"]) for item in document["webhooks"].values()]
    made[f"{FOLDER}/callback.md"] = ("The callback", "\n".join(("# The callback\n", _MARK, "", *parts)))
    return made


def _slug(tag: str) -> str:
    return tag.lower().replace(" ", "-")


def _operation(document: Schema, method: str, path: str, operation: Schema) -> str:
    parameters = [resolved(document, each) for each in operation["parameters"]]
    own = [each for each in parameters if each["in"] != "header"]
    which = "" if is_for_a_tenant(parameters) else ", without those of a tenant"
    lines = [
        f"## {operation['summary']} {{ #{operation['operationId']} }}",
        f"```http\n{method} {path}\n```",
        operation.get("description", ""),
        f"With the [headers of every request](../api.md#every-request){which}.",
        _curl(method, path, operation, parameters),
    ]
    if own:
        lines += ["**Parameters**", _parameters(document, own)]
    if "requestBody" in operation:
        lines += ["**Body**, here as `body.json`", _body(document, operation["requestBody"])]
    return "\n\n".join([line for line in lines if line] + [_answers(document, operation)]) + "\n"


def _callback(document: Schema, operation: Schema) -> str:
    headers = [resolved(document, each) for each in operation["parameters"]]
    told = operation["description"] + " How to verify one: [receive callbacks](../../how-to/receive-callbacks.md)."
    parts = [told, "**Headers**", _parameters(document, headers), "**Body**", _body(document, operation["requestBody"])]
    return "\n\n".join(parts) + "\n"


def _curl(method: str, path: str, operation: Schema, parameters: list[Schema]) -> str:
    """The request as a command, of the document's own examples."""
    values = {each["name"]: str(each["example"]) for each in parameters if each["in"] == "path"}
    query = {each["name"]: str(each["example"]) for each in parameters if each["in"] == "query" and each["required"]}
    address = path.format(**values) + (f"?{urlencode(query)}" if query else "")
    method = "" if method == "GET" else f" -X {method}"
    lines = [f'curl -sS{method} "$API_URL{address}"', f"  {_CREDENTIALS}"]
    if is_for_a_tenant(parameters):
        lines += [f"  {_OF_TENANT}"]
    if "requestBody" in operation:
        lines += ['  -H "content-type: application/json" -d @body.json']
    return "```sh\n" + " \\\n".join(lines) + "\n```"


def _parameters(document: Schema, parameters: list[Schema]) -> str:
    rows = [
        (
            f"`{each['name']}`",
            each["in"],
            kind_of(document, each["schema"]),
            _yes(each["required"]),
            each["description"],
        )
        for each in parameters
    ]
    return _table(("name", "in", "what it may be", "required", "meaning"), rows)


def _body(document: Schema, holder: Schema) -> str:
    content = holder["content"]["application/json"]
    rows = [(f"`{each.path}`", each.kind, _yes(each.required), each.meaning) for each in _rows(document, content)]
    return _table(("field", "what it may be", "required", "meaning"), rows) + "\n\n" + _example(content["example"])


def _answers(document: Schema, operation: Schema) -> str:
    parts = ["**Answers**"]
    refused = []
    for status, answer in operation["responses"].items():
        if status == "200":
            parts += _success(document, answer["content"])
        else:
            message = answer["content"]["application/json"]["example"]["message"]
            refused.append((status, f"`{message}`", answer["description"]))
    parts.append(_table(("status", "message", "when"), refused))
    parts.append("What to do about each: [errors](../errors.md#http-errors).")
    following = [_following(document, link) for link in operation["responses"]["200"].get("links", {}).values()]
    if following:
        parts.append("**What it leads to:** " + ", ".join(following) + ".")
    return "\n\n".join(parts)


def _success(document: Schema, content: Schema) -> Iterator[str]:
    answer = content["application/json"]
    rows = [(f"`{each.path}`", each.kind, each.meaning) for each in _rows(document, answer)]
    yield "200:"
    yield _example(answer["example"])
    yield _folded("Every field of it", _table(("field", "what it may be", "meaning"), rows))
    for media_type, other in content.items():
        if media_type != "application/json":
            yield f"200, as `{media_type}`:"
            yield f"```text\n{other['example'].strip()}\n```"


def _following(document: Schema, link: Schema) -> str:
    for _, _, operation in operations(document):
        if operation["operationId"] == link["operationId"]:
            page = f"{_slug(operation['tags'][0])}.md#{operation['operationId']}"
            summary: str = operation["summary"]
            return f"[{summary[0].lower()}{summary[1:]}]({page})"
    raise LookupError(link["operationId"])


def _rows(document: Schema, content: Schema) -> list[Field]:
    return list(fields(document, content["schema"]))


def _example(value: object) -> str:
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```"


def _folded(title: str, text: str) -> str:
    return f'??? info "{title}"\n\n' + "\n".join(f"    {line}" if line else "" for line in text.splitlines())


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _yes(required: bool) -> str:
    return "yes" if required else "no"
