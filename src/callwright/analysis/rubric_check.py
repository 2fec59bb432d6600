"""Whether a document is a rubric: every fault at once, in the order of the document and in plain words."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from callwright.analysis import Intent
from callwright.analysis.rubric import RULES, TAKE_PHRASES, Rubric
from callwright.analysis.rubric_document import (
    HIGHEST_SCORE,
    ConcernDocument,
    IntentDocument,
    ParameterDocument,
    RubricDocument,
    TopicDocument,
    one_line,
    rubric_of,
)

MAX_BYTES = 256 * 1024
"""Of a file or a request. The rubrics that come with Callwright have some 6 kB."""

MOST_FAULTS = 100
"""That are told of one document."""

HIGHEST_TOTAL = 1_000
"""Of all parameters."""

Path = tuple[str | int, ...]

_ADAPTER = TypeAdapter(RubricDocument)
_KINDS: dict[str, type[Any]] = {
    "parameters": ParameterDocument,
    "intents": IntentDocument,
    "concerns": ConcernDocument,
    "topics": TopicDocument,
}
_UNIQUE = {"parameters": "name", "intents": "intent", "concerns": "category", "topics": "label"}
_CHOICES: dict[str, tuple[str, ...]] = {"rule": RULES, "intent": get_args(Intent)}
_SCORE = f"must be a whole number from 1 to {HIGHEST_SCORE}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place of a document.

    Attributes:
        field: The path from the root, as `parameters[0].rule`; empty where it is the document as a whole.
        message: A sentence that starts with the last name of the path.
        line: Of the file, counted from 1; None where it is not known.
    """

    field: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        place = ([f"line {self.line}"] if self.line else []) + ([self.field] if self.field else [])
        return f"{', '.join(place)}: {self.message}" if place else self.message


class RubricRefused(Exception):
    """A document that is no rubric.

    Args:
        faults: At least one, in the order of the document, and at most `MOST_FAULTS`.
    """

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def read_document(value: object) -> Rubric:
    """Make a rubric of a parsed document; its version is 0.

    Args:
        value: What a parser gave: dicts with text for keys, lists, text, numbers, True, False and None.

    Raises:
        RubricRefused: With every fault, of which `MOST_FAULTS` are told.
    """
    document, found = check(value)
    if found:
        raise RubricRefused([Fault(written(path), message) for path, message in found])
    assert document is not None, "what has no fault is a document"
    return rubric_of(document)


def check(value: object) -> tuple[RubricDocument | None, list[tuple[Path, str]]]:
    """Check a document; gives it where nothing is wrong, and the path and the sentence of each fault, in its order."""
    root = value if isinstance(value, dict) else {}
    checked, faults = _by_its_types(root)
    told: list[tuple[Path, ErrorDetails | str]] = [(fault["loc"], fault) for fault in faults]
    told += _beyond_types(root)
    orders: dict[int, dict[str, int]] = {}
    told.sort(key=lambda fault: _place(root, fault[0], orders))
    sentences = [
        (path, f"{_last(path)} {each if isinstance(each, str) else _words(path, each)}")
        for path, each in told[:MOST_FAULTS]
    ]
    return (None if sentences else checked), sentences


def written(path: Path) -> str:
    """A path as people and partners read it: `parameters[0].rule`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _by_its_types(value: dict[str, Any]) -> tuple[RubricDocument | None, list[ErrorDetails]]:
    """Hold a document against its types; a list that is too long is cut, so that its elements are looked at too."""
    too_long: list[ErrorDetails] = []
    while True:
        try:
            checked = _ADAPTER.validate_python(value)
        except ValidationError as error:
            faults = error.errors(include_url=False)
        else:
            return (None if too_long else checked), too_long
        longer = [fault for fault in faults if fault["type"] == "too_long"]
        if not longer:
            return None, too_long + faults
        too_long += longer
        for fault in longer:
            value = _cut(value, fault["loc"], fault["ctx"]["max_length"])


def _cut(node: Any, path: Path, most: int) -> Any:  # noqa: ANN401 - a part of a document
    """A copy with the list at a path cut to its limit."""
    if not path:
        return node[:most]
    copied = node.copy()
    copied[path[0]] = _cut(node[path[0]], path[1:], most)
    return copied


def _beyond_types(document: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """What no type says: names that come twice, phrases that nobody listens for, too high a total."""
    for collection, key in _UNIQUE.items():
        yield from _twice([(each.get(key), (collection, n, key)) for n, each in _elements(document, collection)])
    languages = document.get("languages")
    if isinstance(languages, list):
        yield from _twice([(each, ("languages", n)) for n, each in enumerate(languages)])
    total = 0
    for number, parameter in _elements(document, "parameters"):
        path = ("parameters", number, "phrases")
        phrases, rule, maximum = parameter.get("phrases"), parameter.get("rule"), parameter.get("maximum")
        if rule in TAKE_PHRASES and not phrases and isinstance(phrases, list | None):
            yield path, f"should not be empty, as {rule} listens for them"
        elif phrases and isinstance(phrases, list) and rule in RULES and rule not in TAKE_PHRASES:
            yield path, f"must be left out, as only {' and '.join(TAKE_PHRASES)} listen for them"
        if isinstance(maximum, int | float) and maximum is not True and 0 < maximum <= HIGHEST_SCORE:
            total += int(maximum)
    if total > HIGHEST_TOTAL:
        yield ("parameters",), f"must have maximums of no more than {HIGHEST_TOTAL} together, not {total}"


def _elements(document: dict[str, Any], collection: str) -> list[tuple[int, dict[str, Any]]]:
    found = document.get(collection)
    return [(n, each) for n, each in enumerate(found) if isinstance(each, dict)] if isinstance(found, list) else []


def _twice(names: list[tuple[object, Path]]) -> Iterator[tuple[Path, str]]:
    seen: dict[str, Path] = {}
    for name, path in names:
        if isinstance(name, str) and name.strip():
            before = seen.setdefault(one_line(name).casefold(), path)
            if before != path:
                yield path, f"must be unique; {written(before)} is the same"


def _last(path: Path) -> str:
    return path[-1] if isinstance(path[-1], str) else written(path[-2:])


def _words(path: Path, fault: ErrorDetails) -> str:
    """Say in plain words what pydantic found."""
    kind, value, context = fault["type"], fault["input"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind not in ("bool_type", "rule") and (value is None or (isinstance(value, str) and not value.strip())):
        return "should not be empty"
    if kind in ("string_type", "string_pattern_mismatch", "string_unicode"):
        return _no_text(path, value, kind)
    return {
        "missing": "should not be empty",
        "literal_error": _no_choice(str(path[-1]), value),
        "string_too_long": f"must be shorter than or equal to {context.get('max_length')} characters",
        "too_long": f"must contain no more than {context.get('max_length')} elements",
        "too_short": "must contain at least 1 element",
        "list_type": "must be an array",
        "bool_type": "must be true or false",
        "int_type": _SCORE,
        "greater_than_equal": _SCORE,
        "less_than_equal": _SCORE,
        "rule": fault["msg"],
    }.get(kind, "must be an object")


def _no_text(path: Path, value: object, kind: str) -> str:
    if kind == "string_type":
        return "must be a string"
    if path == ("name",):
        return "must be of small letters and digits, with single hyphens between them, as inside-sales"
    if path[0] == "languages":
        return "must be a BCP 47 language tag, as en or hi-IN"
    if "\0" in str(value):
        return "must not contain the character U+0000"
    return "must be plain text, without control characters"


def _no_choice(name: str, value: object) -> str:
    choices = _CHOICES.get(name, ())
    near = _nearest(value, choices)
    return f"is not known; did you mean {near}?" if near else f"must be one of {', '.join(choices)}"


def _unknown_key(path: Path) -> str:
    known = _known_keys(path)
    near = _nearest(path[-1], known)
    return f"is not known; did you mean {near}?" if near else f"is not known; known are {', '.join(known)}"


def _known_keys(path: Path) -> tuple[str, ...]:
    kind: type[Any] = _KINDS[str(path[0])] if len(path) > 1 else RubricDocument
    return tuple(kind.__annotations__)


def _nearest(given: object, known: tuple[str, ...]) -> str | None:
    """The known name that was meant, if any; what is longer than any name was meant for none."""
    if not isinstance(given, str) or len(given) > 64:
        return None
    spelled = {name.casefold(): name for name in known}
    return next((spelled[each] for each in get_close_matches(given.casefold(), spelled, n=1)), None)


def _place(
    node: Any,  # noqa: ANN401 - likewise
    path: Path,
    orders: dict[int, dict[str, int]],
) -> tuple[tuple[int, int], ...]:
    """Where a fault stands in the document; what is missing follows what is there, in the order of the types.

    Args:
        node: The document.
        path: The fault's.
        orders: Where each key stands in an object, by the object's id; kept, as many faults may lie in one.
    """
    place: list[tuple[int, int]] = []
    for depth, part in enumerate(path):
        if not isinstance(node, dict):
            place.append((int(part), -1))
        elif part in node:
            if id(node) not in orders:
                orders[id(node)] = {key: index for index, key in enumerate(node)}
            place.append((orders[id(node)][str(part)], -1))
        else:
            known = _known_keys(path[: depth + 1])
            place.append((len(node), known.index(str(part))))
            break
        node = node[part]
    return tuple(place)
