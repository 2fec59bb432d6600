"""Who works at the console: the session's cookie, where a form may come from, and the policy of every answer."""

import hashlib
import hmac
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated
from urllib.parse import SplitResult, parse_qs, urlsplit
from zoneinfo import ZoneInfo

from fastapi import Depends, Request

from callwright import console_sessions, db
from callwright.dashboards.embed import PageError, PageRoute

if TYPE_CHECKING:
    from starlette.responses import Response

HOME, LOGIN = "/console", "/console/login"

COOKIE = "__Host-callwright-console"
"""Of a session over TLS: the browser takes it from nobody but this host, and sends it nowhere else."""

PLAIN_COOKIE = "callwright-console"
"""Of a session by plain HTTP, on this machine alone: browsers disagree on whether they keep a `Secure` cookie there."""

UTC = ZoneInfo("UTC")
"""Whose days the console shows: partners' may differ."""

LARGEST_FORM = 128 * 1024
MOST_FIELDS = 500


@dataclass(frozen=True, slots=True)
class Installation:
    """What the console shows of the settings.

    Attributes:
        public_url: The address under which the installation is reached.
        rate_limit: Requests per minute of a partner without a limit of its own.
        transcriber: The speech engine of this machine's settings.
        analyser: The analysis engine, likewise.
        llm_model: The model that it asks for, where it asks one.
        store_url: Where recordings are kept.
    """

    public_url: str
    rate_limit: int
    transcriber: str
    analyser: str
    llm_model: str | None
    store_url: str


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who is logged in; the rest says what templates ask of whoever looks at a page.

    Attributes:
        session: What the cookie holds.
        form_token: What forms carry: whoever does not see the pages cannot know it.
    """

    session: str
    form_token: str
    token: None = None
    theme: None = None
    agent_id: None = None
    time_zone: ZoneInfo = UTC


class ConsoleRoute(PageRoute):
    """A page of the console: framed by nobody, and known to no other host.

    A form's `Origin` would be `null` under `no-referrer`; this policy tells the origin and never the address.
    """

    may_be_framed = False
    referrer_policy = "strict-origin"


async def operator(request: Request) -> Operator:
    """Let a request in by its session, and send the others to the page that says how to log in.

    Raises:
        PageError: There is no session, or it has ended.
        Unavailable: The database is away.
    """
    session = request.cookies.get(COOKIE) or request.cookies.get(PLAIN_COOKIE) or ""
    async with db.everywhere(request.app.state.pool) as connection:
        if await console_sessions.is_open(connection, session):
            return Operator(session, _form_token(session))
    title, text = "Log in first", "Run `callwright console` on the machine, and open the link that it prints."
    if "hx-request" in request.headers:  # a part of a page that is open: the whole of it has to go
        raise PageError(401, title, text, headers={"hx-redirect": LOGIN})
    raise PageError(303, title, text, headers={"location": LOGIN})


Operating = Annotated[Operator, Depends(operator)]


def _form_token(session: str) -> str:
    return hashlib.blake2b(b"form", key=session[-64:].encode(), digest_size=32).hexdigest()


Form = dict[str, list[str]]


async def read_form(request: Request) -> Form:
    """Read a form that one of our pages has sent.

    Raises:
        PageError: It comes from elsewhere, or cannot be read.
    """
    origin_of(request)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise PageError(415, "This form cannot be read", "It is not in the form that browsers send.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise PageError(413, "This form is too large", "Choose fewer at a time.")
    try:
        return parse_qs(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise PageError(400, "This form cannot be read", "Go back and send it again.") from None


async def checked_form(request: Request, who: Operating) -> Form:
    """Read a form that the operator has sent, from a page that was made in this session.

    Raises:
        PageError: As `read_form`, or it lacks the session's token.
    """
    form = await read_form(request)
    [sent] = form.get("form-token", [""])[:1]
    if not hmac.compare_digest(sent.encode(), who.form_token.encode()):
        raise PageError(403, "This form is out of date", "You have logged in anew since. Load the page again.")
    return form


Sent = Annotated[Form, Depends(checked_form)]


def origin_of(request: Request) -> SplitResult:
    """The origin of the page that a form stands on, which must be ours.

    Raises:
        PageError: It is another's, or the browser does not say.
    """
    installation: Installation = request.app.state.installation
    origin = urlsplit(request.headers.get("origin", ""))
    ours = {request.headers.get("host", ""), urlsplit(installation.public_url).netloc}
    if origin.scheme not in ("http", "https") or not origin.netloc or origin.netloc not in ours:
        raise PageError(403, "This form is not from here", "It was sent by another page. Open the console itself.")
    return origin


def keep_session(answer: "Response", session: str, origin: SplitResult) -> None:
    """Have the browser keep a session until it ends.

    Raises:
        PageError: It came over a network in the clear, where others could read the session.
    """
    secure = origin.scheme == "https"
    if not secure and not _is_this_machine(origin.hostname or ""):
        raise PageError(
            403,
            "The console needs https",
            "Over plain http others could read the session. Open it by https, or on the machine itself at 127.0.0.1.",
        )
    answer.set_cookie(
        COOKIE if secure else PLAIN_COOKIE,
        session,
        max_age=int(console_sessions.LIFE.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def forget_session(answer: "Response") -> None:
    """Have the browser forget the session."""
    for name in (COOKIE, PLAIN_COOKIE):
        answer.delete_cookie(name, path="/", secure=name == COOKIE, httponly=True, samesite="strict")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
