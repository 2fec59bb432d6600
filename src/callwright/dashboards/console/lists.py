"""What the console's lists share: filters out of the address, where a page ends, what was chosen, what came of it."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Request

from callwright.dashboards.asking import moment_of
from callwright.dashboards.embed import PageError
from callwright.dashboards.rendering import address
from callwright.errors import NotFound, SetupError, Unavailable

if TYPE_CHECKING:
    from callwright.dashboards.console.door import Form, Operator

PAGE = 50
"""Rows of one page of a list."""


def asked(request: Request, name: str) -> str | None:
    """A filter of the address; None where it is empty."""
    text = request.query_params.get(name, "").strip()
    if "\0" in text:
        raise PageError(400, "This address cannot be read", "A filter in it holds what no name has.")
    return text or None


def number_asked(request: Request, name: str) -> int | None:
    """A filter that is a number of ours."""
    text = asked(request, name)
    if text is not None and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise PageError(400, "This address cannot be read", f"{name!r} in it is no number of ours.")
    return None if text is None else int(text)


def moment_asked(request: Request, name: str) -> datetime | None:
    """A filter that is a time, in UTC unless it says otherwise."""
    text = asked(request, name)
    if text is None:
        return None
    moment = moment_of(text) or moment_of(f"{text}Z") or moment_of(f"{text}T00:00Z")
    if moment is None:
        raise PageError(400, "This address cannot be read", f"Write {name!r} as 2026-01-31T14:30.")
    return moment


def place_asked(request: Request, *kinds: type) -> Any:  # noqa: ANN401 - a tuple of these kinds, or None
    """Where the page before has ended, as `Listed.older` says it in an address.

    Args:
        request: Of the page.
        kinds: What the parts of a place are: datetime, int or str.

    Returns:
        The parts; None where the address names no place.
    """
    text = asked(request, "after")
    if text is None:
        return None
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
        place = tuple(moment_of(part) if kind is datetime else part for kind, part in zip(kinds, parts, strict=True))
    except (ValueError, TypeError, binascii.Error):
        place = ()
    whole = len(place) == len(kinds) and all(type(part) is kind for part, kind in zip(place, kinds, strict=True))
    if not whole or any((isinstance(part, int) and not 0 <= part < 2**63) or "\0" in str(part) for part in place):
        raise PageError(400, "This address cannot be read", "The place in the list that it names is none.")
    return place


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list.

    Attributes:
        rows: What it shows.
        older: The address of the page after it; None where nothing follows.
        newest: The address of the first page; None on that page.
    """

    rows: Sequence[dict[str, Any]]
    older: str | None
    newest: str | None


def listed(request: Request, who: "Operator", found: Sequence[dict[str, Any]], *place: str) -> Listed:
    """Make a page of what was found: one row more than it shows, where more follow.

    Args:
        request: Of the page; its filters are carried on.
        who: Who looks at it.
        found: At most `PAGE` + 1 rows.
        place: The keys of a row that say where in the list it stands.
    """
    filters = {name: value for name, value in request.query_params.items() if name not in ("after", "days")}
    rows, older = found[:PAGE], None
    if len(found) > PAGE:
        packed = base64.urlsafe_b64encode(orjson.dumps([rows[-1][name] for name in place])).decode().rstrip("=")
        older = address(who, request.url.path, **filters, after=packed)
    newest = address(who, request.url.path, **filters) if "after" in request.query_params else None
    return Listed(rows, older, newest)


def chosen(form: "Form") -> list[tuple[int, str]]:
    """What a form names, as a partner's number and an id: the one whose button was pressed, else all that are ticked.

    Raises:
        PageError: It names nothing, or what no page of ours offers.
    """
    found = []
    for text in form.get("only") or form.get("item") or []:
        number, _, name = text.partition(":")
        if not (number.isascii() and number.isdigit() and len(number) < 19 and name and "\0" not in name):
            raise PageError(400, "This form cannot be read", "It names what no page of the console offers.")
        found.append((int(number), name))
    if not found:
        raise PageError(400, "Nothing was chosen", "Go back, tick what you want, and press the button again.")
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action: how many were done, passed over, and left because the database went away."""

    done: int
    passed: int
    left: int


async def act(items: Sequence[tuple[int, str]], do: Callable[[int, str], Awaitable[bool]]) -> Outcome:
    """Do something to each of some items, each in a transaction of its own.

    Args:
        items: Partners' numbers, and ids.
        do: Does it; False, NotFound or SetupError where it cannot be done now.
    """
    done = passed = 0
    for item in items:
        try:
            succeeded = await do(*item)
        except (NotFound, SetupError):
            succeeded = False
        except Unavailable:
            break
        done, passed = (done + 1, passed) if succeeded else (done, passed + 1)
    return Outcome(done, passed, len(items) - done - passed)
