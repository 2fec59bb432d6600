"""The tokens of dashboards: who signs one says which tenant and subtenant of which partner it opens, and until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import jwt

ALGORITHM: Literal["HS256"] = "HS256"
AUDIENCE = "callwright-dashboards"
LIFE = timedelta(hours=24)
"""How long a token is valid (contract, section 4)."""

MOST_CHARACTERS = 10_000
"""Longer is none of ours: the longest names of a tenant and a subtenant make about 8,300."""

_CLAIMS = {"aud", "exp", "iat", "partner", "tenant", "subtenant"}


@dataclass(frozen=True, slots=True)
class Key:
    """A key by its id; 32 random bytes."""

    key_id: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """What a token opens, and until when."""

    partner_id: int
    tenant_id: str
    subtenant_id: str
    expires_at: datetime


class TokenRefused(Exception):
    """A token that opens nothing.

    Args:
        claim: What it opened until it expired; None where nobody knows that it was ever ours.
    """

    def __init__(self, claim: Claim | None = None) -> None:
        super().__init__("expired" if claim else "not a token of ours")
        self.claim = claim


def sign(key: Key, partner_id: int, tenant_id: str, subtenant_id: str, *, at: datetime) -> str:
    """Make a token that is valid for `LIFE`.

    Args:
        key: Signs it; whoever has the key's id and secret can verify it.
        partner_id: The partner.
        tenant_id: The tenant, as the partner calls it.
        subtenant_id: The subtenant, likewise.
        at: Now.
    """
    seconds = int(at.timestamp())
    claims = {
        "aud": AUDIENCE,
        "iat": seconds,
        "exp": seconds + int(LIFE.total_seconds()),
        "partner": partner_id,
        "tenant": tenant_id,
        "subtenant": subtenant_id,
    }
    return jwt.encode(claims, key.secret, ALGORITHM, headers={"kid": key.key_id})


def key_id_of(token: str) -> str | None:
    """The id of the key that a token says it is signed with, whoever says so; None where it says none."""
    if len(token) > MOST_CHARACTERS:
        return None
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
    except jwt.InvalidTokenError:
        return None
    return key_id if isinstance(key_id, str) else None


def verify(token: str, keys: Mapping[str, bytes], *, at: datetime) -> Claim:
    """Read a token that one of the keys has signed.

    Args:
        token: As it was sent, by whomever.
        keys: The secrets of the keys that are valid, by id.
        at: Now.

    Raises:
        TokenRefused: It has expired, or it is none of ours: signed by nobody or by another key, by another algorithm,
            for another audience, or with other claims than ours.
    """
    secret = keys.get(key_id_of(token) or "")
    if secret is None:
        raise TokenRefused
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            # The end is judged below, so that an expired token still says whose it was; our clock issued it.
            options={"require": sorted(_CLAIMS), "strict_aud": True, "verify_exp": False, "verify_iat": False},
        )
    except jwt.InvalidTokenError:
        raise TokenRefused from None
    claim = _claim(claims)
    if at >= claim.expires_at:
        raise TokenRefused(claim)
    return claim


def _claim(claims: dict[str, object]) -> Claim:
    partner, tenant, subtenant, expires = (claims[name] for name in ("partner", "tenant", "subtenant", "exp"))
    if (
        claims.keys() != _CLAIMS
        or type(partner) is not int
        or type(expires) is not int
        or not isinstance(tenant, str)
        or not isinstance(subtenant, str)
    ):
        raise TokenRefused
    return Claim(partner, tenant, subtenant, datetime.fromtimestamp(expires, UTC))
