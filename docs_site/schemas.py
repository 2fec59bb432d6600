"""Turns the schemas of the OpenAPI document into rows of a table: one for each field, by its path in the JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """A field of a body or an answer.

    Attributes:
        path: Where it stands, as `data[].call.id`.
        kind: What it may be, in words.
        required: Whether it must be there.
        meaning: What the types say of it.
    """

    path: str
    kind: str
    required: bool
    meaning: str


def resolved(document: Schema, node: Schema) -> Schema:
    """What a `$ref` of the document points to; the node itself where it is none."""
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def fields(document: Schema, schema: Schema, path: str = "") -> Iterator[Field]:
    """Every field below a schema, each before those inside it."""
    schema = _plain(document, schema)[0]
    needed = schema.get("required", ())
    for name, node in schema.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        inner, nullable = _plain(document, node)
        items = inner
        while items.get("type") == "array":
            here += "[]"
            items = _plain(document, items.get("items", {}))[0]
        meaning = node.get("description") or inner.get("description") or items.get("description") or ""
        yield Field(here, _kind(document, inner) + (", or null" if nullable else ""), name in needed, meaning)
        yield from fields(document, items, here)


def kind_of(document: Schema, schema: Schema) -> str:
    """What a value of this schema may be, in words."""
    inner, nullable = _plain(document, schema)
    return _kind(document, inner) + (", or null" if nullable else "")


def _plain(document: Schema, node: Schema) -> tuple[Schema, bool]:
    """A schema without its `null`, and whether it had one."""
    node = resolved(document, node)
    choices = [resolved(document, each) for each in node.get("anyOf", ())]
    others = [each for each in choices if each.get("type") != "null"]
    if len(others) == 1:
        inner, nullable = _plain(document, others[0])
        return {**inner, **{key: value for key, value in node.items() if key == "description"}}, (
            nullable or len(others) < len(choices)
        )
    return (node, len(others) < len(choices)) if not others else ({**node, "anyOf": others}, len(others) < len(choices))


def _kind(document: Schema, schema: Schema) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{str(schema['const']).lower() if isinstance(schema['const'], bool) else schema['const']}`"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(document, resolved(document, each)) for each in schema["anyOf"]))
    kind = str(schema.get("type", "any JSON"))
    if kind == "array":
        items = _kind(document, _plain(document, schema.get("items", {}))[0])
        return f"list of {items}{'s' if ' ' not in items else ''}" + _span(schema, "minItems", "maxItems", " elements")
    if kind == "string":
        form = {"date-time": ", a time in UTC", "uri": ", a URL", "email": ", an address of mail"}
        return "string" + form.get(schema.get("format", ""), "") + _span(schema, "", "maxLength", " characters")
    return kind + _span(schema, "minimum", "maximum", "")


def _span(schema: Schema, least: str, most: str, of_what: str) -> str:
    low, high = schema.get(least), schema.get(most)
    if high is None:
        return "" if low in (None, 0, 1) else f", at least {low}{of_what}"
    return f", {low} to {high:,}{of_what}" if low is not None else f", at most {high:,}{of_what}"
