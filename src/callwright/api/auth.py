"""Who comes in: credentials, tenant headers, rate limit, tenant rights, in the order of the contract (section 1.1)."""

import hashlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Generic, Literal, TypeVar

import structlog
from fastapi import Depends, Request

from callwright import audit, db, metrics, partners
from callwright.db import Pool, Scope
from callwright.errors import BadRequest, Forbidden, RateLimited, Unauthorized
from callwright.limits import FAILED_LOGINS, Allowance, Limiter, counted_for
from callwright.partners import Partner

FRESH_SECONDS = 0.5
"""How long a process relies on what it read of a partner: a revocation acts within a second everywhere."""

KNOWN_SECONDS = 300.0
"""How long credentials that were right are tried again although their address is shut for failed logins."""

MOST_REMEMBERED = 10_000

LONGEST_HEADER = 512

NOTED_SECONDS = 60.0
"""How long an address that is let in, or that stays shut, is not written down again by this process."""

WRONG = ""
"""Stands for what no partner, secret or tenant is called."""

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """What was found lately, by key; the oldest is forgotten when there is too much."""

    def __init__(self) -> None:
        self._found: OrderedDict[object, tuple[Value, float]] = OrderedDict()

    def get(self, key: object, *, within: float) -> Value | None:
        """What was found for a key in the last `within` seconds."""
        value, at = self._found.get(key, (None, 0.0))
        return value if time.monotonic() - at <= within else None

    def put(self, key: object, value: Value) -> None:
        """Keep what was found now."""
        self._found[key] = (value, time.monotonic())
        self._found.move_to_end(key)
        if len(self._found) > MOST_REMEMBERED:
            self._found.popitem(last=False)

    def drop(self, key: object) -> None:
        """Forget a key."""
        self._found.pop(key, None)


@dataclass(frozen=True, slots=True)
class Caller:
    """A partner that was let in, and whose data it may touch: by our numbers, and as the partner calls it."""

    partner: Partner
    scope: Scope
    tenant_id: str
    subtenant_id: str


class Gate:
    """Lets partners in.

    Args:
        pool: The database.
        limiter: Counts requests and failed logins.
        rate_limit: Requests per minute of a partner that has no limit of its own.
    """

    def __init__(self, pool: Pool, limiter: Limiter, rate_limit: int) -> None:
        self._pool = pool
        self._limiter = limiter
        self._rate_limit = rate_limit
        self._pepper = secrets.token_bytes(32)
        self._logins: Recent[Partner] = Recent()
        self._scopes: Recent[Scope] = Recent()
        self._noted: Recent[bool] = Recent()

    async def admit(self, request: Request) -> Caller:
        """Check a request's headers, each step before the next.

        Raises:
            Unauthorized: No key or no secret.
            Forbidden: Wrong ones, or a tenant that the partner may not act for.
            BadRequest: No tenant or no subtenant.
            RateLimited: Over the partner's limit, or over the address's limit of failed logins.
            Unavailable: The database is away.
        """
        partner = await self._partner_of(request)
        tenant_id, subtenant_id = _sent(request, "x-tenant-id"), _sent(request, "x-sub-tenant-id")
        if tenant_id is None or subtenant_id is None:
            await self._count(request, partner, take=False)
            raise BadRequest("Tenant ID is required" if tenant_id is None else "Subtenant ID is required")
        await self._count(request, partner, take=True)
        return Caller(partner, await self._scope(partner, tenant_id, subtenant_id), tenant_id, subtenant_id)

    async def admit_partner(self, request: Request) -> Partner:
        """Check the headers of a request for what is no subtenant's; it needs no tenant headers, and none is read.

        Raises:
            Unauthorized: No key or no secret.
            Forbidden: Wrong ones.
            RateLimited: Over the partner's limit, or over the address's limit of failed logins.
            Unavailable: The database is away.
        """
        partner = await self._partner_of(request)
        await self._count(request, partner, take=True)
        return partner

    async def _partner_of(self, request: Request) -> Partner:
        api_key, api_secret = _sent(request, "x-api-key"), _sent(request, "x-api-secret")
        if api_key is None or api_secret is None:
            raise Unauthorized("API key and secret are required")
        partner = await self._login(request, api_key, api_secret)
        request.state.partner = partner.name
        structlog.contextvars.bind_contextvars(partner=partner.name)
        return partner

    async def _login(self, request: Request, api_key: str, api_secret: str) -> Partner:
        """Check credentials; wrong ones of every kind take the same path through here.

        Only right ones are remembered, as a hash with a key of this process's own.
        """
        pair = hashlib.blake2b(f"{api_key}\0{api_secret}".encode(), key=self._pepper).digest()
        if partner := self._logins.get(pair, within=FRESH_SECONDS):
            return partner
        bucket = f"login:{_address(request)}"
        if not self._logins.get(pair, within=KNOWN_SECONDS):
            await self._refuse_shut(request, api_key, await self._limiter.look(bucket, FAILED_LOGINS))
        async with db.everywhere(self._pool) as connection:
            login = await partners.find_login(connection, api_key)
        try:
            partner = partners.verify(login, api_secret)
        except Forbidden:
            self._logins.drop(pair)
            await self._refuse_shut(request, api_key, await self._limiter.take(bucket, FAILED_LOGINS))
            await self._note(request, "refused", api_key)
            raise
        self._logins.put(pair, partner)
        await self._note(request, "let in", api_key, once_for=partner.partner_id)
        return partner

    async def _refuse_shut(self, request: Request, api_key: str, allowance: Allowance) -> None:
        """Refuse an address that has failed too often; a flood of them is one row a minute."""
        if not allowance.allowed:
            await self._note(request, "shut out", api_key, once_for="shut out")
        _refuse_over(allowance, "logins")

    async def _note(
        self, request: Request, outcome: audit.Outcome, api_key: str, *, once_for: object | None = None
    ) -> None:
        """Write a login down; with `once_for` only once in `NOTED_SECONDS` for it and the address."""
        address = _address(request)
        if once_for is not None:
            if self._noted.get((once_for, address), within=NOTED_SECONDS):
                return
            self._noted.put((once_for, address), value=True)
        request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
        try:
            async with db.everywhere(self._pool) as connection:
                await audit.record(connection, outcome, api_key, address=address, request_id=request_id)
        except BaseException:
            self._noted.drop((once_for, address))  # it is not written down
            raise

    async def _count(self, request: Request, partner: Partner, *, take: bool) -> None:
        most = partner.rate_limit or self._rate_limit
        bucket = f"partner:{partner.partner_id}"
        allowance = await (self._limiter.take if take else self._limiter.look)(bucket, most)
        request.state.limit = (most, allowance)
        if take:
            _refuse_over(allowance, "partner")

    async def _scope(self, partner: Partner, tenant_id: str, subtenant_id: str) -> Scope:
        key = (partner.partner_id, tenant_id, subtenant_id)
        scope = self._scopes.get(key, within=FRESH_SECONDS)
        if scope is None:
            if WRONG in (tenant_id, subtenant_id):
                raise Forbidden
            async with db.transaction(self._pool, partner.partner_id) as connection:
                scope = await partners.scope_of(connection, partner, tenant_id, subtenant_id)
            self._scopes.put(key, scope)
        return scope


def _refuse_over(allowance: Allowance, limit: Literal["logins", "partner"]) -> None:
    if not allowance.allowed:
        metrics.REFUSALS.labels(limit).inc()
        raise RateLimited(max(ceil(allowance.wait_seconds), 1))


def _sent(request: Request, name: str) -> str | None:
    """The value of a header: None where it is missing or blank, `WRONG` where it is doubled, endless or not UTF-8."""
    values = [value.strip() for key, value in request.scope["headers"] if key == name.encode()]
    if not any(values):
        return None
    try:
        text = values[0].decode().strip()
    except UnicodeDecodeError:
        return WRONG
    if len(values) > 1 or len(text) > LONGEST_HEADER:
        return WRONG
    return text or None


def _address(request: Request) -> str:
    return counted_for(request.client.host if request.client else None)


async def admit(request: Request) -> Caller:
    """Let a request in, or answer it with what its headers lack."""
    gate: Gate = request.app.state.gate
    return await gate.admit(request)


async def admit_partner(request: Request) -> Partner:
    """Let a request in that is for no subtenant, or answer it with what its headers lack."""
    gate: Gate = request.app.state.gate
    return await gate.admit_partner(request)


Admitted = Annotated[Caller, Depends(admit)]
AdmittedPartner = Annotated[Partner, Depends(admit_partner)]
"""For partner-wide routes: ask the database within `db.transaction(pool, partner.partner_id)`."""
