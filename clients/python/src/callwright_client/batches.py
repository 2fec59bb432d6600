"""Splits calls into batches that the API takes: at most 50 of them, at most 5 MB, in their order."""

from collections.abc import Mapping
from dataclasses import dataclass

from callwright_client.exchange import encoded
from callwright_client.models import Fault

MOST_CALLS = 50
MOST_BYTES = 5 * 1024 * 1024
"""Of a whole body in UTF-8 (contract, section 2)."""

_FRAME = len(b'{"data":[]}')


@dataclass(frozen=True, slots=True)
class Entry:
    """A call and its place.

    Attributes:
        position: Which of the calls that were given, from 0.
        call_id: Its id, as far as it has one.
        content: The call as JSON; empty where it cannot be sent.
        faults: Why it cannot be sent.
    """

    position: int
    call_id: str | None
    content: bytes
    faults: tuple[Fault, ...] = ()


Batch = list[Entry]


def body_of(entries: Batch) -> bytes:
    """The body that these calls are sent in."""
    return b'{"data":[' + b",".join(entry.content for entry in entries) + b"]}"


def entry_of(position: int, record: object) -> Entry:
    """Write a call down; what cannot be sent at all is told in `faults`, so that it stops no other."""
    if not isinstance(record, Mapping):
        return Entry(position, None, b"", (Fault(field="", message="call must be an object"),))
    call = record.get("call")
    name = call.get("id") if isinstance(call, Mapping) else None
    call_id = name if isinstance(name, str) else None
    try:
        content = encoded(record)
    except (TypeError, ValueError) as error:
        return Entry(position, call_id, b"", (Fault(field="", message=f"call cannot be written as JSON: {error}"),))
    if len(content) + _FRAME > MOST_BYTES:
        return Entry(position, call_id, b"", (Fault(field="", message="call must be smaller than 5 MB"),))
    return Entry(position, call_id, content)


class Batcher:
    """Takes calls one by one and hands out batches as they get full; those that cannot be sent stand among them."""

    def __init__(self) -> None:
        self._position = 0
        self._start()

    def _start(self) -> None:
        self._entries: Batch = []
        self._bytes = _FRAME

    def add(self, record: object) -> Batch | None:
        """Take a call; gives a batch where one is complete, which need not have this call."""
        entry = entry_of(self._position, record)
        self._position += 1
        full = None
        if self._bytes + len(entry.content) > MOST_BYTES:
            full = self.rest()
        self._entries.append(entry)
        self._bytes += len(entry.content) + (1 if entry.content else 0)  # and its comma
        return self.rest() if len(self._entries) == MOST_CALLS else full

    def rest(self) -> Batch | None:
        """What is left; None where that is nothing."""
        entries = self._entries
        self._start()
        return entries or None
