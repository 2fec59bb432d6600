"""Headers of paths that are to be left: what they say, whose they are, and that nobody has them today."""

from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from callwright.api import deprecation
from callwright.api.deprecation import DEPRECATED, Deprecated, deprecation_headers
from callwright.api.envelope import Envelope, success, use_envelope

OLD = Deprecated(
    datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, 12, tzinfo=UTC), "https://calls.example.com/docs#v2"
)
SAYS = {
    "deprecation": "@1798761600",  # RFC 9745, section 2.1: a date of structured fields
    "sunset": "Sat, 01 Jan 2028 12:00:00 GMT",  # RFC 8594, section 3: an HTTP-date
    "link": '<https://calls.example.com/docs#v2>; rel="deprecation"',
}


def test_nothing_is_deprecated() -> None:
    assert DEPRECATED == {}
    assert deprecation_headers("/api/v1/partner/calls") == []


async def test_answers_below_a_deprecated_path_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deprecation, "DEPRECATED", {"/api/v1": OLD})
    app = FastAPI()
    use_envelope(app)

    async def answer() -> Envelope:
        return success()

    for path in ("/api/v1/calls", "/api/v10/calls", "/api/v2/calls"):
        app.router.add_api_route(path, answer)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://callwright.test") as client:
        for path, status in (("/api/v1/calls", 200), ("/api/v1/nothing", 404), ("/api/v1", 404)):
            told = await client.get(path)
            assert told.status_code == status
            assert {name: told.headers[name] for name in SAYS} == SAYS
        for path in ("/api/v10/calls", "/api/v2/calls", "/api", "/"):
            told = await client.get(path)
            assert not set(SAYS) & set(told.headers)
