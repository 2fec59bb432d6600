"""Who looks at a page, and from inside whose: the token, the policy of each answer, plain pages for what is refused."""

import gzip
import secrets
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from fastapi import Depends, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from callwright import db
from callwright.dashboards.assets import accepted_codings
from callwright.dashboards.rendering import render_refusal
from callwright.errors import NotFound, SetupError, Unavailable
from callwright.framing import LOCALHOST, frame_ancestors, read_origin
from callwright.places import NoPlace, Places
from callwright.reports import viewers
from callwright.tokens import TokenRefused

if TYPE_CHECKING:
    from callwright.db import Scope
    from callwright.token_keys import TokenKeys
    from callwright.tokens import Claim

log = structlog.get_logger(__name__)

Theme = Literal["light", "dark"]

COMPRESSED_FROM = 1_000

THEMES: tuple[Theme, ...] = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who looks at the dashboards of one subtenant.

    Attributes:
        scope: Whose data the page may show.
        partner: What the operator calls the partner.
        tenant_id: The tenant, as the partner calls it.
        subtenant_id: The subtenant, likewise.
        token: What opened the page; every link inside carries it on.
        frame_origins: Whose pages may frame this one.
        time_zone: Whose days are shown.
        theme: What the address asks for; None for what the browser prefers.
        agent_id: The one agent that the address names, as the partner calls it; None for all.
        expires_at: Until when the token opens anything.
        test: Whether it is test data that is shown.
    """

    scope: "Scope"
    partner: str
    tenant_id: str
    subtenant_id: str
    token: str
    frame_origins: tuple[str, ...]
    time_zone: ZoneInfo
    theme: Theme | None
    agent_id: str | None
    expires_at: datetime
    test: bool


class PageError(Exception):
    """A page that is refused, or that there is not.

    Args:
        status: Of the answer.
        title: What is wrong, in a few words.
        text: What it means, and what to do.
        renews: Whether a fresh token of the page around it opens it.
        headers: Of the answer, beside those that every page has.
    """

    def __init__(
        self, status: int, title: str, text: str, *, renews: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.text = text
        self.renews = renews
        self.headers = dict(headers or {})


class TokenNeeded(PageError):
    """401: a fresh token opens the page."""

    def __init__(self, title: str, text: str) -> None:
        super().__init__(401, title, text, renews=True)


async def viewer(request: Request) -> Viewer:
    """Let a request in by its token.

    Raises:
        PageError: There is none, it is not ours, it has expired, or its partner is revoked.
        Unavailable: The database is away.
    """
    token = _token_of(request)
    if token is None:
        await _see_who_frames(request)
        raise TokenNeeded(
            "This page needs a token", "Its address has none. Open it from the system that it belongs to."
        )
    keys: TokenKeys = request.app.state.token_keys
    try:
        claim = await keys.verify(token)
    except TokenRefused as refused:
        if refused.claim is None or await _audience(request, refused.claim) is None:
            await _see_who_frames(request)
            raise TokenNeeded(
                "This link is not valid",
                "It was not made for this page, or it has been withdrawn. Open it from the system that it belongs to.",
            ) from None
        raise TokenNeeded(
            "This page has expired", "It was open for more than a day. Open it again from where you were."
        ) from None
    await _take_place(request, claim)
    audience = await _audience(request, claim)
    if audience is None:
        raise PageError(403, "This page is closed", "The account that it belongs to has no dashboards any more.")
    theme, agent_id = request.query_params.get("theme"), request.query_params.get("agent-id")
    return Viewer(
        scope=audience.scope,
        partner=audience.partner,
        tenant_id=claim.tenant_id,
        subtenant_id=claim.subtenant_id,
        token=token,
        frame_origins=request.state.frame_origins,
        time_zone=ZoneInfo(audience.time_zone),
        theme=next((each for each in THEMES if each == theme), None),
        agent_id=agent_id or None,
        expires_at=claim.expires_at,
        test=audience.test,
    )


Viewing = Annotated[Viewer, Depends(viewer)]


async def _take_place(request: Request, claim: "Claim") -> None:
    """Wait for a place of the partner's, which is held until the page is made.

    Raises:
        PageError: There is none.
    """
    places: Places = request.app.state.places
    try:
        await request.state.holds.enter_async_context(places.one(claim.partner_id))
    except NoPlace:
        raise PageError(
            503, "One moment, please", "Many pages are asked for just now. Try again.", headers={"retry-after": "5"}
        ) from None


def _token_of(request: Request) -> str | None:
    """The token of the header, which scripts keep fresh, else of the address."""
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and sent.strip():
        return sent.strip()
    return request.query_params.get("token") or None


async def _audience(request: Request, claim: "Claim") -> viewers.Audience | None:
    """Who a token names, if they are still there; from then on their pages may frame the answer."""
    async with db.transaction(request.app.state.pool, claim.partner_id) as connection:
        found = await viewers.find_audience(connection, claim.partner_id, claim.tenant_id, claim.subtenant_id)
    if found is not None:
        request.state.partner = found.partner
        structlog.contextvars.bind_contextvars(partner=found.partner)
        request.state.frame_origins = (*found.frame_origins, *request.state.frame_origins)
    return found


async def _see_who_frames(request: Request) -> None:
    """Let the page that embeds us show what is wrong, where it is some partner's: nobody knows whose the token is."""
    parts = urlsplit(request.headers.get("referer", ""))
    try:
        origin = read_origin(f"{parts.scheme}://{parts.netloc}")
    except SetupError:
        return
    async with db.everywhere(request.app.state.pool) as connection:
        if await viewers.is_registered(connection, origin):
            request.state.frame_origins = (origin, *request.state.frame_origins)


class PageRoute(APIRoute):
    """A route whose every answer, the refused ones too, is a page under our policy."""

    may_be_framed = True
    referrer_policy = "no-referrer"

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            request.state.nonce = secrets.token_urlsafe(16)
            request.state.frame_origins = request.state.media_origins = ()
            if self.may_be_framed and request.app.state.frame_localhost:
                request.state.frame_origins = (LOCALHOST,)
            async with AsyncExitStack() as request.state.holds:
                try:
                    answer = await handle(request)
                except Exception as error:  # noqa: BLE001 - a page must not end as the API's JSON
                    answer = _refused(request, error)
            _set_policy(request, answer)
            answer.headers["referrer-policy"] = self.referrer_policy
            return _compressed(request, answer)

        return guarded


def _refused(request: Request, error: Exception) -> Response:
    headers: dict[str, str] = {}
    if isinstance(error, ClientDisconnect):  # a form broke off, and nobody is there to read why
        return Response(status_code=400)
    if isinstance(error, NotFound):
        refusal = PageError(404, error.message, "There is nothing of that name here, or it is not yours to see.")
    elif isinstance(error, Unavailable):
        refusal = PageError(503, "One moment, please", "The database does not answer just now. Try again in a moment.")
        headers["retry-after"] = str(error.retry_after)
    elif isinstance(error, PageError):
        refusal = error
        headers |= error.headers
    else:
        log.error("page crashed", exc_info=error)
        refusal = PageError(
            500, "Something went wrong", "That is our fault. Try again; if it stays, tell your operator."
        )
    try:
        return render_refusal(
            request, refusal.status, refusal.title, refusal.text, renews=refusal.renews, headers=headers
        )
    except SetupError as missing:  # the bundle has not been made: there are no styles to show it with
        log.error("page has no styles", error=missing.message, fix=missing.fix)  # noqa: TRY400
        return PlainTextResponse(f"{refusal.title}. {refusal.text}", refusal.status, headers)


def _compressed(request: Request, answer: Response) -> Response:
    """Send a page as gzip to whoever takes it: its links all carry the same token.

    What is compressed together with a secret can betray it to whoever chooses a part of it and sees the length; here
    nobody gets an answer without the token, which is the secret.
    """
    body = getattr(answer, "body", b"")  # what is streamed has none
    if len(body) < COMPRESSED_FROM or "gzip" not in accepted_codings(request):
        return answer
    answer.body = gzip.compress(body, compresslevel=6, mtime=0)
    answer.headers["content-length"] = str(len(answer.body))
    answer.headers["content-encoding"] = "gzip"
    answer.headers["vary"] = "accept-encoding, authorization"
    return answer


def _set_policy(request: Request, answer: Response) -> None:
    """Nothing is loaded from elsewhere or kept, the address goes nowhere, and only the partner's pages may frame it.

    But for recordings, on the page that plays one, from the store's own origin, where the operator wants it so.
    """
    nonce = request.state.nonce
    directives = (
        "default-src 'none'",
        f"script-src 'nonce-{nonce}'",
        f"style-src 'nonce-{nonce}'",
        "img-src 'self'",
        " ".join(("media-src 'self'", *request.state.media_origins)),
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        frame_ancestors(request.state.frame_origins),
    )
    answer.headers["content-security-policy"] = "; ".join(directives)
    answer.headers["x-content-type-options"] = "nosniff"
    answer.headers["permissions-policy"] = (
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
    )
    answer.headers.setdefault("cache-control", "no-store")
