"""Who may have how many of a lane's places: a host that hangs holds up its own partner, and nobody else."""

import heapq
import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

HANGS = 3
"""A host that did not answer so often in a row gets one place until it answers."""

QUICK_SECONDS = 2.0
"""A host that is done sooner, lately, may have more places: they come free again at once."""

FIRST_GUESS_SECONDS = 0.5
LEARNING = 0.2
SHORTEST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 300.0
PLACES_TO_LEAVE_ONE = 4
"""Of fewer, a backfill leaves none free: it would be too large a part of them."""
COMING_SECONDS = 1.0
"""How much later than it was told a job may come again before its partner counts as having none there."""

MOST_LINES = 10_000

ANY_HOST = None


@dataclass(slots=True)
class _Line:
    """Jobs of a partner at one host, or at all of them; or of all partners at a host.

    Attributes:
        held: Places that they have now.
        hangs: How many in a row had no answer.
        seconds: How long one takes, lately.
        due: When each of those that were sent back comes again; a heap.
        late: The same of a backfill's, for which no fresh one waits.
        until: When the last of them should have come.
    """

    held: int = 0
    hangs: int = 0
    seconds: float = FIRST_GUESS_SECONDS
    due: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    until: float = -inf


@dataclass(slots=True)
class _Host:
    """A host that the jobs of several partners wait for.

    Attributes:
        all: Their jobs together; it is not known to be quick before one is done.
        partners: Whose jobs are there, or were.
    """

    all: _Line = field(default_factory=lambda: _Line(seconds=QUICK_SECONDS))
    partners: set[int] = field(default_factory=set)


def _room(places: int, backfill: bool) -> int:
    return places - 1 if backfill and places >= PLACES_TO_LEAVE_ONE else max(1, places)


class Slots:
    """The places of one lane: half for one partner at a quick host, a quarter at another, three quarters over all.

    Where there are fewer now, these are quarters of those; at a quick host half of all, or three quarters of those.

    A host has at most half of the places over all partners, unless it is known to be quick. Where that, or a number
    that was set, leaves it fewer than all, the partners with jobs there share them evenly: none uses up another's.

    Args:
        places: How many the lane has.
        now: Of how many of them jobs may have any now; None where that are always all.
        at_a_host: How many a host has at most over all partners; None sets no other bound.
        clock: Seconds that never go back; for tests.
    """

    def __init__(
        self,
        places: int,
        *,
        now: Callable[[], int] | None = None,
        at_a_host: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places = places
        self._now = now or (lambda: places)
        self._over_all = at_a_host or places
        self._clock = clock
        self._lines: defaultdict[tuple[int, str | None], _Line] = defaultdict(_Line)
        self._hosts: defaultdict[str, _Host] = defaultdict(_Host)

    def take(self, partner_id: int, host: str, *, backfill: bool = False) -> float | None:
        """Take a place, to be given back by `free`.

        Args:
            partner_id: For whose job.
            host: Where.
            backfill: Whether it stands in the slow lane: of four places or more, such jobs leave one to others.

        Returns:
            None where it was had, else the seconds after which to ask again: about when those that were sent back
            before will have been done.
        """
        at_host, anywhere, shared = self._lines[partner_id, host], self._lines[partner_id, ANY_HOST], self._hosts[host]
        places = self._now()
        shared.partners.add(partner_id)
        most, over_all = self._bounds(at_host, shared, partner_id, host, places)
        if at_host.held >= _room(int(most), backfill) or shared.all.held >= _room(over_all, backfill):
            # There are fewer now for a moment; how long it takes until a place comes free is reckoned of all.
            most, over_all = self._bounds(at_host, shared, partner_id, host, self._places)
            slowest = shared.all.seconds if over_all < self._places else 0.0
            return self._wait(at_host, most, max(at_host.seconds, slowest), backfill)
        if anywhere.held >= _room(max(1, places * 3 // 4), backfill):
            return self._wait(anywhere, max(1, self._places * 3 // 4), anywhere.seconds, backfill)
        for line in (at_host, anywhere, shared.all):
            line.held += 1
        return None

    def _bounds(self, at_host: _Line, shared: _Host, partner_id: int, host: str, places: int) -> tuple[float, int]:
        """Of so many places, what the partner may have at the host, and what all partners may have there."""
        most, over_all = self._most(at_host, places), self._most_over_all(shared.all, places)
        if over_all >= places:
            return most, over_all
        return min(most, over_all / self._sharing(shared, partner_id, host)), over_all

    def _most(self, at_host: _Line, places: int) -> int:
        if at_host.hangs >= HANGS:
            return 1
        quick = not at_host.hangs and at_host.seconds < QUICK_SECONDS
        return max(1, min(self._places // 2, places * 3 // 4) if quick else places // 4)

    def _most_over_all(self, line: _Line, places: int) -> int:
        bound = places if line.seconds < QUICK_SECONDS else max(1, places // 2)
        return min(bound, self._over_all)

    def _sharing(self, shared: _Host, partner_id: int, host: str) -> int:
        """How many partners have jobs at a host, this one counted; those that it lets hang have their one place."""
        now, sharing = self._clock(), 1
        for other in shared.partners - {partner_id}:
            line = self._lines.get((other, host))
            if line is None or not (line.held or line.until > now):
                shared.partners.discard(other)
            elif line.hangs < HANGS:
                sharing += 1
        return sharing

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
        at_host, shared = self._lines[partner_id, host], self._hosts[host]
        answers_again = hung is False and at_host.hangs >= HANGS
        for line in (at_host, self._lines[partner_id, ANY_HOST], shared.all):
            line.held -= 1
            line.seconds += LEARNING * (seconds - line.seconds)
            if hung is not None:
                line.hangs = line.hangs + 1 if hung else 0
        if answers_again:
            at_host.seconds = seconds
            at_host.due.clear()
            at_host.late.clear()
        if len(self._lines) > MOST_LINES:
            self._lines = defaultdict(_Line, {key: line for key, line in self._lines.items() if line.held})
            self._hosts = defaultdict(_Host, {name: each for name, each in self._hosts.items() if each.all.held})
        return answers_again

    def _wait(self, line: _Line, most: float, seconds: float, backfill: bool) -> float:
        now, due = self._clock(), line.late if backfill else line.due
        while due and due[0] <= now:
            heapq.heappop(due)
        # A little early rather than late: a job that comes in vain costs less than a place that stands empty.
        wait = 0.8 * (len(due) + 1) * seconds / most * random.uniform(0.8, 1.2)
        wait = min(max(wait, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS * random.uniform(0.8, 1.0))
        heapq.heappush(due, now + wait)
        line.until = max(line.until, now + wait + COMING_SECONDS)
        return wait
