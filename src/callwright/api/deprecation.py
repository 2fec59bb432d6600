"""Which paths partners should leave, and when they will be gone: told in the headers of their answers."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime


@dataclass(frozen=True, slots=True)
class Deprecated:
    """A path, and those below it, that something else has taken the place of.

    Attributes:
        since: From when on it should not be used any more, in UTC.
        gone: When it will be gone, in UTC; later than `since`.
        told_at: Where it says what to use instead.
    """

    since: datetime
    gone: datetime
    told_at: str


DEPRECATED: dict[str, Deprecated] = {}
"""By path, as `/api/v1`; the first one that fits counts. Nothing is deprecated."""


def deprecation_headers(path: str) -> list[tuple[bytes, bytes]]:
    """The headers `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link` for a path that is to be left."""
    for deprecated, told in DEPRECATED.items():
        if path == deprecated or path.startswith(f"{deprecated}/"):
            return [
                (b"deprecation", f"@{int(told.since.timestamp())}".encode()),
                (b"sunset", format_datetime(told.gone, usegmt=True).encode()),
                (b"link", f'<{told.told_at}>; rel="deprecation"'.encode()),
            ]
    return []
