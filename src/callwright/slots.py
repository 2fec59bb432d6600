"""Who may have how many of a lane's places: a host that hangs holds up its own partner, and nobody else."""

import heapq
import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

HANGS = 3
"""A host that did not answer so often in a row gets one place until it answers."""

QUICK_SECONDS = 2.0
"""A host that is done sooner, lately, may have more places: they come free again at once."""

FIRST_GUESS_SECONDS = 0.5
LEARNING = 0.2
SHORTEST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 300.0
MOST_LINES = 10_000

ANY_HOST = None


@dataclass(slots=True)
class _Line:
    """A partner's jobs at one host, or at all of them.

    Attributes:
        held: Places that they have now.
        hangs: How many in a row had no answer.
        seconds: How long one takes, lately.
        due: When each of those that were sent back comes again; a heap.
    """

    held: int = 0
    hangs: int = 0
    seconds: float = FIRST_GUESS_SECONDS
    due: list[float] = field(default_factory=list)


class Slots:
    """The places of one lane: half for one partner at a quick host, a quarter at another, three quarters over all.

    Counted for each partner by itself, so that one that shares a host with others cannot use up their places there.

    Args:
        places: How many the lane has.
        clock: Seconds that never go back; for tests.
    """

    def __init__(self, places: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_a_host = max(1, places // 4)
        self._at_a_quick_host = max(1, places // 2)
        self._of_a_partner = max(1, places * 3 // 4)
        self._clock = clock
        self._lines: defaultdict[tuple[int, str | None], _Line] = defaultdict(_Line)

    def take(self, partner_id: int, host: str) -> float | None:
        """Take a place, to be given back by `free`.

        Returns:
            None where it was had, else the seconds after which to ask again: about when those that were sent back
            before will have been done.
        """
        at_host, anywhere = self._lines[partner_id, host], self._lines[partner_id, ANY_HOST]
        most = self._most(at_host)
        if at_host.held >= most:
            return self._wait(at_host, most)
        if anywhere.held >= self._of_a_partner:
            return self._wait(anywhere, self._of_a_partner)
        at_host.held += 1
        anywhere.held += 1
        return None

    def _most(self, at_host: _Line) -> int:
        if at_host.hangs >= HANGS:
            return 1
        quick = not at_host.hangs and at_host.seconds < QUICK_SECONDS
        return self._at_a_quick_host if quick else self._at_a_host

    def free(self, partner_id: int, host: str, seconds: float, *, hung: bool | None) -> bool:
        """Give a place back.

        Args:
            partner_id: Who had it.
            host: Where.
            seconds: How long it was had.
            hung: Whether the host left the job without an answer; None where it was not asked.

        Returns:
            Whether the host answers again, so that nobody needs to wait any more as long as was said.
        """
        at_host = self._lines[partner_id, host]
        answers_again = hung is False and at_host.hangs >= HANGS
        for name in (host, ANY_HOST):
            line = self._lines[partner_id, name]
            line.held -= 1
            line.seconds += LEARNING * (seconds - line.seconds)
            if hung is not None:
                line.hangs = line.hangs + 1 if hung else 0
        if answers_again:
            at_host.seconds = seconds
            at_host.due.clear()
        if len(self._lines) > MOST_LINES:
            self._lines = defaultdict(_Line, {key: line for key, line in self._lines.items() if line.held})
        return answers_again

    def _wait(self, line: _Line, most: int) -> float:
        now = self._clock()
        while line.due and line.due[0] <= now:
            heapq.heappop(line.due)
        # A little early rather than late: a job that comes in vain costs less than a place that stands empty.
        wait = 0.8 * (len(line.due) + 1) * line.seconds / most * random.uniform(0.8, 1.2)
        wait = min(max(wait, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS * random.uniform(0.8, 1.0))
        heapq.heappush(line.due, now + wait)
        return wait
