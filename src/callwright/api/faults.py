"""The faults of a body in the contract's words, paths and order (section 1.3)."""

from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from callwright.api.models import TURN
from callwright.api.rules import EMPTY
from callwright.errors import FieldFault

Path = tuple[int | str, ...]

# Where a field is missing, it is told of at the place that it has in the contract's tables.
_REQUIRED = (
    *("call", "agent", "customer"),
    *("id", "recording_url", "start_time", "end_time", "contact_number"),
    *("internal_name", "value"),
    *("speaker", "start", "end", "text"),
)
_RANK = {name: rank for rank, name in enumerate(_REQUIRED)}

MOST_TURN_FAULTS = 100
"""Once a transcript has more, the rest of it is not looked at."""


def faults_of(adapter: TypeAdapter[Any], body: object, error: ValidationError) -> list[FieldFault]:
    """Tell every fault of a body, in the order of the body.

    Of a list or an object that is too long, the elements past the limit are not looked at, nor is a transcript past
    `MOST_TURN_FAULTS`: the answer to a hostile body stays bounded.

    Args:
        adapter: The body's type.
        body: The parsed body; containers that are too long are cut.
        error: What checking the body raised.
    """
    if not isinstance(body, dict):
        return _told({}, _details(adapter, {}))
    details = error.errors(include_url=False)
    found: list[ErrorDetails] = []
    while too_long := [fault for fault in details if fault["type"] == "too_long"]:
        found += too_long
        for fault in too_long:
            _cut(body, fault["loc"], fault["ctx"]["max_length"])
        details = _details(adapter, body)  # what lies deeper was not looked at before
    return _told(body, found + details + _of_further_turns(body, details))


def _of_further_turns(body: dict[str, Any], details: list[ErrorDetails]) -> list[ErrorDetails]:
    """The faults of the turns after each transcript's first faulty one, at which checking it stopped."""
    places = [fault["loc"] for fault in details if fault["loc"][2:3] == ("transcript",)]
    first = {place[:3]: place[3] for place in places if len(place) > 3}
    found: list[ErrorDetails] = []
    for path, index in first.items():
        turns = body["data"][path[1]]["transcript"]
        most = len(found) + MOST_TURN_FAULTS
        for number in range(int(index) + 1, len(turns)):
            for fault in _details(TURN, turns[number]):
                fault["loc"] = (*path, number, *fault["loc"])
                found.append(fault)
            if len(found) >= most:
                break
    return found


def _details(adapter: TypeAdapter[Any], body: object) -> list[ErrorDetails]:
    try:
        adapter.validate_python(body)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _told(body: dict[str, Any], details: list[ErrorDetails]) -> list[FieldFault]:
    found: list[tuple[Path, str]] = []
    for fault in details:
        path: Path = fault["loc"]
        if path[-1] == "[key]" and fault["input"] == path[-2]:  # how pydantic says that the name itself is at fault
            path = path[:-1]
        found.append((path, _sentence(path, fault)))
    orders: dict[int, dict[str, int]] = {}
    found.sort(key=lambda fault: _place(body, fault[0], orders))
    return [{"field": _written(path), "message": message} for path, message in found]


def _sentence(path: Path, fault: ErrorDetails) -> str:
    last = path[-1]
    name = last if isinstance(last, str) else _written(path[-2:])
    return f"{name} {_words(name, fault)}"


def _words(name: str, fault: ErrorDetails) -> str:
    kind, value, context = fault["type"], fault["input"], fault.get("ctx", {})
    if kind == "rule":
        return _rule_words(fault["msg"], value, context)
    if kind == "missing":
        return "must be an array" if name == "data" else EMPTY
    if kind == "too_long":
        return f"must contain no more than {context['max_length']} {'keys' if isinstance(value, dict) else 'elements'}"
    if kind == "too_short":
        return "must contain at least 1 element"
    if kind == "list_type":
        return "must be an array"
    return EMPTY if value is None and not name.endswith("]") else "must be an object"


def _rule_words(message: str, value: object, context: dict[str, Any]) -> str:
    if isinstance(value, str):
        if "\0" in value:
            return "must not contain the character U+0000"
        if len(value) > context.get("most", len(value)):
            return f"must be shorter than or equal to {context['most']} characters"
    if context.get("required") and (value is None or (isinstance(value, str) and not value.strip())):
        return EMPTY
    return message


def _written(path: Path) -> str:
    written = ""
    for part in path:
        written += f"[{part}]" if isinstance(part, int) else f".{part}" if written else part
    return written


def _place(body: object, path: Path, orders: dict[int, dict[str, int]]) -> tuple[tuple[int, int], ...]:
    """Where a fault stands in the body; a missing field follows the present one that it follows in the contract."""
    place = []
    node: Any = body
    for part in path:
        if not isinstance(node, dict):
            place.append((int(part), -1))
        elif part in node:
            place.append((_order(node, orders)[str(part)], -1))
        else:
            rank = _RANK.get(str(part), -1)
            before = next((name for name in reversed(_REQUIRED[: max(rank, 0)]) if name in node), None)
            place.append((-1 if before is None else _order(node, orders)[before], rank))
            break
        node = node[part]
    return tuple(place)


def _order(node: dict[str, Any], orders: dict[int, dict[str, int]]) -> dict[str, int]:
    """Where each name stands in an object; kept, as many faults may lie in one that has very many names."""
    if id(node) not in orders:
        orders[id(node)] = {name: index for index, name in enumerate(node)}
    return orders[id(node)]


def _cut(body: dict[str, Any], path: Path, most: int) -> None:
    container: Any = body
    for part in path:
        container = container[part]
    if isinstance(container, list):
        del container[most:]
    else:
        for name in list(container)[most:]:
            del container[name]
