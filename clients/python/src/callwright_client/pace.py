"""Keeps to the partner's rate limit: what would be refused waits here instead of being sent."""

import re
import threading
from collections import deque

LOOK_AGAIN = 0.25
"""Seconds to wait where only an answer that is still to come can tell more."""

_POLICY = re.compile(r";\s*q=(\d{1,9})\b.*?;\s*w=(\d{1,9})\b")
_LEFT = re.compile(r";\s*r=(\d{1,9})\b.*?;\s*t=(\d{1,9})\b")


class Pace:
    """When the next request may be sent; shared by threads and tasks.

    The server counts the requests of the last minute. So does this, each from its answer on, which is never too early;
    what the server has counted beyond that is by others with the same key. Until the first answer nothing is known of
    the limit, and nothing is held back. The limit is the partner's: one pace is right for all of its tenants.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._most = 0
        self._window = 0.0
        self._answered: deque[float] = deque()
        self._under_way = 0
        self._others = 0
        self._learned_at = 0.0
        self._opens_at = 0.0
        self._full = False

    def enter(self, now: float) -> float:
        """Take a place for a request, which `leave` gives back; or tell how long to wait before asking again.

        Args:
            now: Seconds of a clock that only goes forward.

        Returns:
            0.0 where the request may be sent now and has its place, else seconds.
        """
        with self._lock:
            self._forget(now)
            over = len(self._answered) + self._under_way + self._others + 1 - self._most
            if (self._most == 0 or over <= 0) and not self._full:
                self._under_way += 1
                return 0.0
            opens = [self._opens_at] if self._others or self._full else []
            if 0 < over <= len(self._answered):
                opens.append(self._answered[over - 1] + self._window)
            return max(min(opens, default=0.0) - now, 0.0) or LOOK_AGAIN

    def leave(self, now: float, *, counted: bool) -> None:
        """Give a place back: the request was answered, or came to nothing.

        Args:
            now: As for `enter`.
            counted: Whether the server may have counted it.
        """
        with self._lock:
            self._under_way -= 1
            if counted:
                self._answered.append(now)

    def learn(self, policy: str, left: str, now: float) -> None:
        """Take in what an answer says, while its request still has its place.

        Args:
            policy: The header `RateLimit-Policy`, as `"partner";q=120;w=60`: so many requests in so many seconds.
            left: The header `RateLimit`, as `"partner";r=7;t=3`: what is left, and the seconds until one more is free.
                Source of both: draft-ietf-httpapi-ratelimit-headers-10, and the API's reference for `t`.
            now: As for `enter`.
        """
        allowed, remaining = _POLICY.search(policy), _LEFT.search(left)
        if not allowed or not remaining:
            return
        with self._lock:
            self._most, self._window, self._learned_at = int(allowed[1]), float(allowed[2]), now
            self._forget(now)
            ours = len(self._answered) + self._under_way
            self._others = max(self._most - int(remaining[1]) - ours, 0)
            self._opens_at = now + int(remaining[2])
            self._full = int(remaining[1]) == 0

    def _forget(self, now: float) -> None:
        """Leave out what the server does not count any more."""
        while self._answered and self._answered[0] + self._window <= now:
            self._answered.popleft()
        self._full = self._full and now < self._opens_at
        if now >= self._learned_at + self._window:
            self._others = 0
        elif self._others and now >= self._opens_at > self._learned_at:
            self._others -= 1  # one of theirs has left; the answer to the request in its place tells of the rest
            self._opens_at = self._learned_at + self._window
