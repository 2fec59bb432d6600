"""A rubric's file, in YAML or JSON, hostile until it is checked; each fault is told with its line."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import yaml

from callwright.analysis.rubric import Rubric
from callwright.analysis.rubric_check import (
    MAX_BYTES,
    MOST_FAULTS,
    Fault,
    Path,
    RubricRefused,
    check,
    read_document,
    written,
)
from callwright.analysis.rubric_document import document_of

DEEPEST = 8
"""Levels of nesting; a rubric has four."""

_LONGEST_NUMBER = 12
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
"""What is no text although it stands without quotes, as in YAML 1.2; `no` and `on` are text."""


def read_file(content: bytes) -> Rubric:
    """Make a rubric of a file's content; its version is 0.

    Of YAML it may use what JSON has too, comments and block text: no anchors, aliases, tags, or further documents.
    What begins with `{` is read as JSON.

    Raises:
        RubricRefused: With every fault, of which `MOST_FAULTS` are told.
    """
    text = _decoded(content)
    if text.lstrip().startswith("{"):
        return read_document(_json(text))
    reader = _Reader(text)
    value = reader.read()
    _, found = check(value)
    if not isinstance(value, dict) and not reader.faults:
        raise _refused("must have keys, as name and parameters, each with its value", 1)
    faults = [
        Fault(written(path), _with_quotes(message, value, path), reader.line_of(path))
        for path, message in found
        if path not in reader.unreadable
    ]
    faults += [Fault(written(path), message, line) for path, line, message in reader.faults]
    if faults:
        raise RubricRefused(sorted(faults, key=lambda fault: fault.line or 0)[:MOST_FAULTS])
    return read_document(value)


def write_file(rubric: Rubric) -> str:
    """Write a rubric as the YAML that `read_file` would make it of; what is empty in its parts is left out."""
    document: dict[str, Any] = {**document_of(rubric)}
    for name in ("parameters", "intents", "concerns", "topics"):
        document[name] = [
            {key: value for key, value in part.items() if value not in ([], False)} for part in document[name]
        ]
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110))


def unapplied(rubric: Rubric) -> Rubric:
    """The same rubric, told by its contents from others of its name, as it has no version of its own."""
    content = json.dumps(document_of(rubric), sort_keys=True)
    return replace(rubric, digest=hashlib.sha256(content.encode()).hexdigest()[:8])


def _refused(what: str, line: int | None = None) -> RubricRefused:
    return RubricRefused([Fault("", f"the file {what}", line)])


def _decoded(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _refused(f"must not be larger than {MAX_BYTES // 1024} kB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused("must be UTF-8", content.count(b"\n", 0, error.start) + 1) from None
    if "\0" in text:
        raise _refused("must not contain the character U+0000", text.count("\n", 0, text.index("\0")) + 1)
    return text


def _json(text: str) -> object:
    doubled: list[str] = []

    def paired(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        doubled.extend(key for n, key in enumerate(keys) if key in keys[:n]) if len(set(keys)) < len(keys) else None
        return dict(pairs)

    try:
        value: object = json.loads(text, object_pairs_hook=paired)
    except json.JSONDecodeError as error:
        raise _refused(f"is not well-formed JSON: {error.msg}", error.lineno) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or lists in lists without an end
        raise _refused("is no JSON that a rubric could be") from None
    if doubled:
        raise RubricRefused([Fault("", f"{key} must not stand twice in one object") for key in doubled[:MOST_FAULTS]])
    return value


def _with_quotes(message: str, value: Any, path: Path) -> str:  # noqa: ANN401 - a document
    if not message.endswith(" must be a string"):
        return message
    for part in path:
        value = value[part]
    return f"{message}: write it in quotes" if isinstance(value, bool | int) else message


class _Reader:
    """Makes plain values of YAML, from the parser's events: no object is made that is not one of ours.

    Args:
        text: The file's.
    """

    def __init__(self, text: str) -> None:
        self.faults: list[tuple[Path, int, str]] = []
        self.unreadable: set[Path] = set()
        self._text = text
        self._lines: dict[Path, int] = {(): 1}

    def read(self) -> object:
        """The document's value.

        Raises:
            RubricRefused: It is not well-formed, or nested too deep: what follows cannot be told.
        """
        events = self._events()
        value: object = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fault((), event, "the file must hold one document")
                    break
                value = self._node(next(events), events, ())
        return value

    def line_of(self, path: Path) -> int:
        """Where a path's value stands; of what is missing, where that stands which lacks it."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def _events(self) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(self._text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = error.problem or "something is missing"
            raise _refused(f"is not well-formed YAML: {problem}", mark.line + 1 if mark else None) from None
        except yaml.reader.ReaderError as error:
            line = self._text.count("\n", 0, error.position) + 1
            raise _refused("must not contain control characters", line) from None

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], path: Path) -> object:
        self._lines.setdefault(path, _line(event))
        if len(path) > DEEPEST:
            raise _refused(f"must not be nested deeper than {DEEPEST} levels", _line(event))
        if isinstance(event, yaml.AliasEvent):
            self.unreadable.add(path)
            self._fault(path, event, f"{_name(path)} must not be an alias (*{event.anchor}): write the value out")
            return None
        if isinstance(event, yaml.NodeEvent) and event.anchor:
            self._fault(path, event, f"{_name(path)} must not have an anchor (&{event.anchor})")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag:
            self._fault(path, event, f"{_name(path)} must not have a tag ({event.tag})")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        return self._mapping(events, path)

    def _sequence(self, events: Iterator[yaml.Event], path: Path) -> list[object]:
        found: list[object] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            found.append(self._node(event, events, (*path, len(found))))
        return found

    def _mapping(self, events: Iterator[yaml.Event], path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.tag:
                self._fault(path, event, f"{_name(path)} must have plain words for keys")
                self._node(event, events, (*path, "?"))
                self._node(next(events), events, (*path, "?"))
                continue
            place = (*path, event.value)
            if event.value in found:
                before = self._lines[place]
                self._fault(place, event, f"{event.value} must not stand twice; it is in line {before} already")
                self._node(next(events), events, (*path, event.value, "?"))
                continue
            self._lines[place] = _line(event)
            found[event.value] = self._node(next(events), events, place)
        return found

    def _fault(self, path: Path, event: yaml.Event, message: str) -> None:
        if len(self.faults) <= MOST_FAULTS:
            self.faults.append((path, _line(event), message))


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _name(path: Path) -> str:
    if not path:
        return "the file"
    return path[-1] if isinstance(path[-1], str) else written(path[-2:])


def _scalar(event: yaml.ScalarEvent) -> object:
    """Read a scalar as YAML 1.2's core does, but for numbers with a point, which a rubric has no use for."""
    text = str(event.value)
    if event.style is not None:
        return _paired(text)
    if text in _WORDS:
        return _WORDS[text]
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(text) <= _LONGEST_NUMBER else text


def _paired(text: str) -> str:
    r"""Put together what JSON writes as two escapes, as "\ud83d\ude00", which YAML would leave apart."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
