"""Section 4: `GET /api/v1/partner/dashboard/auth/token`."""

import time

import jwt
import pytest

from callwright.tokens import AUDIENCE
from partner_api import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "dashboard/auth/token"


async def test_the_shape(door: Door) -> None:
    """Answer 200, this shape and no other."""
    answer = await door.get(PATH)
    token = answer.json()["data"]["token"]
    expected = (
        '{"code":"RESPONSE_SUCCESS","message":"Request served successfully.","type":"object","data":{"token":"%s"}}'
    )
    assert (answer.status_code, answer.text) == (200, expected % token)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"


async def test_the_token(door: Door) -> None:
    """Valid for 24 hours, names the tenant and the subtenant, and opens nothing else."""
    before = int(time.time())
    token = (await door.get(PATH)).json()["data"]["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    issued = claims.pop("iat")
    assert before <= issued <= time.time()
    assert claims == {
        "aud": AUDIENCE,
        "exp": issued + 24 * 3600,
        "partner": door.partner.partner_id,
        "tenant": "acme",
        "subtenant": "sales",
    }
    header = jwt.get_unverified_header(token)
    assert header == {"alg": "HS256", "typ": "JWT", "kid": header["kid"]}


async def test_the_longest_names(door: Door) -> None:
    own = await door.for_another(auto_provision=True)
    longest = "\N{GRINNING FACE}" * 127
    answer = await own.get(PATH, tenant_id=longest, sub_tenant_id=longest)
    claims = jwt.decode(answer.json()["data"]["token"], options={"verify_signature": False})
    assert (claims["tenant"], claims["subtenant"]) == (longest, longest)


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"api_key": None}, 401, "API key and secret are required"),
        ({"api_secret": "wrong"}, 403, "Forbidden"),
        ({"tenant_id": None}, 400, "Tenant ID is required"),
        ({"sub_tenant_id": " "}, 400, "Subtenant ID is required"),
        ({"tenant_id": "other"}, 403, "Forbidden"),
    ],
)
async def test_errors(door: Door, changes: dict[str, str | None], status: int, message: str) -> None:
    """Errors as in 1.2."""
    answer = await door.get(PATH, **changes)
    assert (answer.status_code, answer.json()) == (status, {"success": False, "message": message})


async def test_the_headers_of_the_limit(door: Door) -> None:
    """Every authenticated answer carries the `RateLimit-Policy` and `RateLimit` headers."""
    answer = await door.get(PATH)
    assert answer.headers["ratelimit-policy"] == '"partner";q=10000;w=60'
    assert answer.headers["ratelimit"].startswith('"partner";r=9')
