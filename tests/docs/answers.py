"""Every error answer and failure that the code can give, read from the code itself."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from callwright import errors
from callwright.errors import FAILURE_CODES, ApiError

SOURCE = Path(errors.__file__).parent


@dataclass(frozen=True)
class Refusal:
    """A status and a pattern of its message; what the code puts in is `.+`."""

    status: int
    pattern: str


def kinds() -> dict[str, type[ApiError]]:
    """The error classes by name."""
    return {
        kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ApiError)
    }


def refusals() -> set[Refusal]:
    """What requests can be refused with."""
    return {refusal for path in sorted(SOURCE.rglob("*.py")) for refusal in refusals_in(path.read_text("utf-8"))}


def refusals_in(text: str) -> Iterator[Refusal]:
    """The refusals that a module makes: with words given there, else with the class's own."""
    known = kinds()
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "send_400_response"
        ):
            yield from (Refusal(400, pattern) for argument in node.args for pattern in _words(argument))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name) and node.exc.id in known:
            yield _own(known[node.exc.id])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in known:
            kind = known[node.func.id]
            words = [pattern for argument in node.args for pattern in _words(argument)]
            if kind is errors.RateLimited:
                yield Refusal(kind.status, re.escape(kind(7).message).replace("7", ".+"))
            else:
                yield from (Refusal(kind.status, pattern) for pattern in words or [_own(kind).pattern])


def _own(kind: type[ApiError]) -> Refusal:
    return Refusal(kind.status, re.escape(kind.message))


def retries() -> dict[str, set[bool]]:
    """For each failure code the answers, at the places where it is raised, to whether trying again can help.

    A code whose places leave that to a variable has both answers.
    """
    found: dict[str, set[bool]] = {code: set() for code in FAILURE_CODES}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "StepFailed":
                for code in _words(node.args[0]) if node.args else ():
                    found[code] |= _retried(node)
    return found


def _retried(call: ast.Call) -> set[bool]:
    """Whether trying again can help: by `retry`, or by `ours`, of which one is set where both are computed."""
    values = [word.value for word in call.keywords if word.arg in ("retry", "ours")]
    if len(values) == 2:
        return {True}
    if not values:
        return {False}
    [value] = values
    return {bool(value.value)} if isinstance(value, ast.Constant) else {True, False}


def _words(node: ast.expr) -> Iterator[str]:
    """The texts that an expression can be, as patterns."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.escape(node.value) if " " in node.value else node.value
    elif isinstance(node, ast.IfExp):
        yield from _words(node.body)
        yield from _words(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else ".+" for p in node.values)
