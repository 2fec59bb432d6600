"""Keeps to the partner's rate limit: what would be refused waits here instead of being sent."""

import re
import threading

_POLICY = re.compile(r";\s*q=(\d{1,9})\b.*?;\s*w=(\d{1,9})\b")
_LEFT = re.compile(r";\s*r=(\d{1,9})\b.*?;\s*t=(\d{1,9})\b")


class Pace:
    """When the next request may be sent, by what the server says of its limit; shared by threads and tasks.

    The limit is the partner's, so that one pace is right for all of its tenants. Until the first answer nothing is
    known, and nothing is held back. Other processes that use the same key are seen by what the server says is left.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: int | None = None
        self._under_way = 0
        self._opens_at = 0.0
        self._apart = 0.0

    def enter(self, now: float) -> float:
        """Take a place for a request; every one is given back by `leave`.

        Args:
            now: Seconds of a clock that only goes forward.

        Returns:
            Seconds to wait before it is sent.
        """
        with self._lock:
            self._under_way += 1
            if self._left is None or self._left > 0:
                self._left = None if self._left is None else self._left - 1
                return 0.0
            at = max(self._opens_at, now)
            self._opens_at = at + self._apart  # who comes next waits for the place after this one
            return at - now

    def leave(self) -> None:
        """Give a place back: the request was answered, or it came to nothing."""
        with self._lock:
            self._under_way -= 1

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
        free, seconds = int(remaining[1]), int(remaining[2])
        with self._lock:
            self._apart = int(allowed[2]) / max(int(allowed[1]), 1)
            # Others of ours are under way: the server may not have counted them yet.
            self._left = max(free - (self._under_way - 1), 0)
            if self._left == 0:
                self._opens_at = max(self._opens_at, now + (seconds if free == 0 else self._apart))
