"""Bells: a lane is woken when there is something for it to take, and need not wait for its next look at the queue."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

RING_SECONDS = 0.02
"""How long a bell waits for others to want the same, and for what they did to be told to the queue."""


@dataclass(slots=True)
class Bell:
    """A lane's own: rung where a job may be there for it, or where a place in it comes free.

    Attributes:
        places: Jobs that the lane has at a time.
        following: The bell of the lane that takes what follows.
        taken: Those that it has now.
        wake: Makes the lane look at the queue; None as long as it does not listen.
    """

    places: int
    following: "Bell | None" = None
    taken: int = 0
    wake: Callable[[], None] | None = None
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

    def job_begins(self) -> None:
        """Note that a place is taken."""
        self.taken += 1

    def job_ends(self) -> None:
        """Note that a place is free, once the queue has been told."""
        self.taken -= 1

    def told(self) -> None:
        """Wake the lane: the queue has been told of jobs that ended, and gives others for their places.

        One that has been woken and has not looked yet is left alone: PgQueuer keeps each time that it is woken, for as
        long as there is more to do, and would look once for each.
        """
        if self.wake is not None and not self._woken:
            self._woken = True
            self.wake()

    def looks(self) -> None:
        """Note that the lane looks at the queue: whatever happens from now on wakes it again."""
        self._woken = False
