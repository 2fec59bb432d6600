"""What became of calls that were pushed."""

from dataclasses import dataclass
from typing import Literal

from callwright_client.models import Fault


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of one call.

    Attributes:
        position: Which of the calls that were given, from 0.
        call_id: Its id; None where it has none.
        status: `accepted`: it is durable and will be processed. `duplicate`: it was there already, and nothing was
            changed. `refused`: it is at fault, and was not stored.
        faults: Why it was refused, each with the path from the call's record, as `call.start_time`.
        changed: Whether the content of a duplicate differs from what was accepted first.
        batch_id: The batch that it was answered in; None where it was refused.
        sent_again: Whether its batch was sent again as an answer was lost: a duplicate may then be this push's own.
    """

    position: int
    call_id: str | None
    status: Literal["accepted", "duplicate", "refused"]
    faults: tuple[Fault, ...] = ()
    changed: bool = False
    batch_id: str | None = None
    sent_again: bool = False


@dataclass(frozen=True, slots=True)
class PushReport:
    """What became of all calls of a push, in their order."""

    calls: tuple[Pushed, ...]

    @property
    def accepted(self) -> int:
        """How many were accepted."""
        return sum(call.status == "accepted" for call in self.calls)

    @property
    def duplicates(self) -> int:
        """How many were there already."""
        return sum(call.status == "duplicate" for call in self.calls)

    @property
    def refused(self) -> tuple[Pushed, ...]:
        """Those that were refused, each with its faults."""
        return tuple(call for call in self.calls if call.status == "refused")
