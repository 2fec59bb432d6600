"""A driver without a network: answers by a script, and a clock that only waits move."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from callwright_client.exchange import Answer, Core, Flow, Lost, Send, Wait

T = TypeVar("T")

HEADERS = {"x-api-key": "key", "x-api-secret": "secret", "x-tenant-id": "acme", "x-sub-tenant-id": "sales"}
OK = b'{"success": true, "data": {"id": "call-1"}}'

Reply = Answer | Lost | Callable[[Send], Answer | Lost]


@dataclass
class Stage:
    """What was asked and waited for.

    Attributes:
        replies: What comes back, in order; the last one for ever.
        now: What the clock shows.
        latency: Seconds that each request takes.
    """

    replies: list[Reply]
    now: float = 1000.0
    latency: float = 0.0
    sent: list[Send] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def core(self, **changes: Any) -> Core:
        """A core on this stage's clock."""
        return Core("https://cw.example", HEADERS, **{"timeout": 30.0, "deadline": 120.0, **changes}, clock=self.clock)

    def clock(self) -> float:
        return self.now

    def run(self, flow: Flow[T]) -> T:
        """Do what the steps ask for."""
        outcome: Answer | Lost | None = None
        while True:
            try:
                step = flow.send(outcome)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(step, Wait):
                assert step.seconds > 0
                self.waits.append(step.seconds)
                self.now += step.seconds
                outcome = None
            else:
                self.sent.append(step)
                self.now += self.latency
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                outcome = reply(step) if callable(reply) else reply


def answer(status: int = 200, body: bytes = OK, **headers: str) -> Answer:
    """An answer; `retry_after="3"` is its header `retry-after`."""
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
