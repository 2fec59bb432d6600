"""Bells: a lane is woken when there is something for it to take, and need not wait for its next look at the queue."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

RING_SECONDS = 0.02
"""How long a bell waits for others to want the same, and for what they did to be told to the queue."""

QUICK_SECONDS = 1.0
LEARNING = 0.1


@dataclass(slots=True)
class Bell:
    """A lane's own: rung where a job may be there for it, or where a place in it comes free.

    Attributes:
        places: Jobs that the lane has at a time.
        if_slow: As many while they take longer than `QUICK_SECONDS`, lately: another worker may have time for the rest.
            None where that makes no difference.
        following: The bell of the lane that takes what follows.
        defers: Whether it leaves most of its places empty while the following lane has its full.
        taken: Those that it has now.
        picked: Their ids, and those of the jobs that have ended and of which the queue has not been told yet.
        wake: Makes the lane look at the queue; None as long as it does not listen.
    """

    places: int
    following: "Bell | None" = None
    if_slow: int | None = None
    defers: bool = False
    taken: int = 0
    picked: set[int] = field(default_factory=set)
    wake: Callable[[], None] | None = None
    _seconds: float = QUICK_SECONDS
    _rings: bool = False
    _woken: bool = False

    def ring(self) -> None:
        """Wake the lane in a moment, unless it has no place to do anything."""
        if not self._rings and self.taken < self.places and self.wake is not None:
            self._rings = True
            asyncio.get_running_loop().call_later(RING_SECONDS, self._ring_out)

    def _ring_out(self) -> None:
        self._rings = False
        self.told()

    def most(self) -> int:
        """How many places there are now.

        All lanes share one thread: what comes faster than the following lane takes it would take that one's time too.
        """
        behind = self.following
        if self.defers and behind is not None and len(behind.picked) >= behind.most() * 3 // 4:
            return max(1, self.places // 4)
        return self.places if self.if_slow is None or self._seconds < QUICK_SECONDS else self.if_slow

    def job_begins(self) -> None:
        """Note that a place is taken."""
        self.taken += 1

    def job_ends(self, seconds: float) -> None:
        """Note that a place is free, once the queue has been told, and how long it was taken."""
        self.taken -= 1
        self._seconds += LEARNING * (seconds - self._seconds)

    def told(self) -> None:
        """Wake the lane: the queue has been told of jobs that ended, and gives others for their places.

        One that has been woken and has not looked yet is left alone: PgQueuer keeps each time that it is woken, for as
        long as there is more to do, and would look once for each.
        """
        if self.wake is not None and not self._woken:
            self._woken = True
            self.wake()

    def looks(self) -> bool:
        """Note that the lane looks at the queue: whatever happens from now on wakes it again.

        Returns:
            Whether it was woken since it looked the last time.
        """
        woken, self._woken = self._woken, False
        return woken
