"""Which pages of others may frame ours: the origins that partners register, and the policy made of them."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from callwright.errors import SetupError

MOST_ORIGINS = 20
"""Of one partner: they all stand in a header of every page."""

LOCALHOST = "http://localhost:*"
"""What a developer's own page is at, where the operator's setting opens it."""

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")


def read_origin(text: str) -> str:
    """An origin as browsers write it: `https://`, a host, and a port where it is not 443.

    Raises:
        SetupError: It is none, or it is not of https, or it has a path or a wildcard.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode().lower()
    except ValueError:
        parts, port, host = urlsplit(""), None, ""
    rest = parts.path.removeprefix("/") + parts.query + parts.fragment
    if parts.scheme != "https" or "@" in parts.netloc or rest or not _HOST.fullmatch(host) or port == 0:
        raise SetupError(
            f"{text!r} is not the origin of a page that could frame dashboards",
            "Name https, the host and no path, as https://crm.example.com",
        )
    return f"https://{host}" + ("" if port in (None, 443) else f":{port}")


def read_origins(texts: Iterable[str]) -> list[str]:
    """The origins of a partner, each once, in the order given.

    Raises:
        SetupError: One is none, or there are too many.
    """
    origins = list(dict.fromkeys(read_origin(text) for text in texts))
    if len(origins) > MOST_ORIGINS:
        raise SetupError(
            f"A partner has at most {MOST_ORIGINS} origins", "Let its customers' pages frame a page of its own"
        )
    return origins


def frame_ancestors(origins: Iterable[str]) -> str:
    """The directive of a content security policy that lets these origins frame a page; nobody where there are none."""
    return "frame-ancestors " + (" ".join(origins) or "'none'")
