"""Tokens: what one opens, and everything that opens nothing."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from callwright.tokens import AUDIENCE, LIFE, MOST_CHARACTERS, Claim, Key, TokenRefused, key_id_of, sign, verify

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEY, OTHER = Key("k1", bytes(range(32))), Key("k2", bytes(range(1, 33)))
KEYS = {KEY.key_id: KEY.secret}


def token(**changes: Any) -> str:
    """A token with other claims than ours; None takes one out."""
    seconds = int(NOW.timestamp())
    ours = {"aud": AUDIENCE, "iat": seconds, "exp": seconds + 60, "partner": 7, "tenant": "t", "subtenant": "s"}
    claims = {name: value for name, value in {**ours, **changes}.items() if value is not None}
    return jwt.encode(claims, KEY.secret, "HS256", headers={"kid": "k1"})


def test_a_token_says_what_it_opens_for_a_day() -> None:
    made = sign(KEY, 7, "acmé", "sales", at=NOW)
    expected = Claim(7, "acmé", "sales", NOW + timedelta(hours=24))
    assert verify(made, KEYS, at=NOW) == expected
    assert verify(made, {**KEYS, "k2": OTHER.secret}, at=NOW + LIFE - timedelta(seconds=1)) == expected
    with pytest.raises(TokenRefused) as refused:
        verify(made, KEYS, at=NOW + LIFE)
    assert refused.value.claim == expected, "who it was for is known, and a page can say that it has expired"


def test_a_clock_that_is_behind_refuses_nothing() -> None:
    assert verify(sign(KEY, 7, "t", "s", at=NOW), KEYS, at=NOW - timedelta(minutes=5)).partner_id == 7


def unsigned(algorithm: str) -> str:
    header = {"alg": algorithm, "typ": "JWT", "kid": "k1"}
    claims = jwt.decode(token(), options={"verify_signature": False})
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join((*parts, ""))


SIGNED = sign(KEY, 7, "t", "s", at=NOW)
REFUSED = {
    "nothing": "",
    "no token": "x",
    "three parts of nothing": "..",
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg HS256 without a signature": unsigned("HS256"),
    "another algorithm": jwt.encode({"aud": AUDIENCE}, KEY.secret * 2, "HS512", headers={"kid": "k1"}),
    "another key": sign(OTHER, 7, "t", "s", at=NOW),
    "another key under our key's id": sign(Key("k1", OTHER.secret), 7, "t", "s", at=NOW),
    "no key's id": jwt.encode(jwt.decode(SIGNED, options={"verify_signature": False}), KEY.secret, "HS256"),
    "a cut signature": SIGNED[:-4],
    "other claims under the signature": ".".join(
        (SIGNED.split(".")[0], token(partner=8).split(".")[1], SIGNED.split(".")[2])
    ),
    "another audience": token(aud="callwright-console"),
    "a list of audiences": token(aud=[AUDIENCE]),
    "a claim more": token(role="operator"),
    "a partner in words": token(partner="7"),
    "a partner that is a truth": token(partner=True),
    "a tenant that is a number": token(tenant=7),
    "an end that is a fraction": token(exp=NOW.timestamp() + 0.5),
    "an endless one": token() + "x" * MOST_CHARACTERS,
    **{f"without {name}": token(**{name: None}) for name in ("aud", "iat", "exp", "partner", "tenant", "subtenant")},
}


@pytest.mark.parametrize("made", REFUSED.values(), ids=REFUSED)
def test_what_is_not_ours_opens_nothing(made: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        verify(made, KEYS, at=NOW)
    assert refused.value.claim is None


def test_the_samples_above_fail_for_what_they_name() -> None:
    assert verify(token(), KEYS, at=NOW) == Claim(7, "t", "s", NOW + timedelta(seconds=60))


@pytest.mark.parametrize("header", [{}, {"kid": 5}, {"kid": ["k1"]}])
def test_the_id_of_a_key_is_text_or_nothing(header: dict[str, Any]) -> None:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, {})]
    assert key_id_of(".".join((*parts, "c2ln"))) is None
    assert key_id_of(SIGNED) == "k1"
