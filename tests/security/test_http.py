"""HTTP from those who mean no good: every answer is a 4xx or an end of the connection, and the server lives."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from fastapi.routing import APIRoute

from callwright.api import wire
from callwright.db import Pool, open_pool
from callwright.settings import Settings
from callwright.web import create_app
from partner_api import SECRET_KEY
from real_server import a_door, a_server
from security import hostile_bodies, hostile_heads
from security.raw_http import Case, Connection, check_alive, check_refusal, try_case

IN_MODULE = pytest.mark.asyncio(loop_scope="module")

GROUPS = {
    "start lines": hostile_heads.START_LINES,
    "headers": hostile_heads.HEADERS,
    "sequences": hostile_heads.SEQUENCES,
    **hostile_bodies.ALL,
}
CASES = [pytest.param(case, id=f"{group}: {case.name}"[:80]) for group, cases in GROUPS.items() for case in cases]


@dataclass(frozen=True)
class Server:
    """A server, the database behind it, and the header lines of a partner that it lets in."""

    port: int
    pool: Pool
    keys: bytes

    async def calls(self) -> int:
        """How many calls are stored."""
        async with self.pool.acquire() as connection:
            found: int = await connection.fetchval("SELECT count(*) FROM calls")
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(module_database_url: str) -> AsyncIterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "REST_SECONDS", 0.2)
        patch.setenv("CALLWRIGHT_RATE_LIMIT", "100000")
        async with a_server(module_database_url) as (port, _, _):
            pool = await open_pool(module_database_url, size=1, name="tests looking")
            yield Server(port, pool, await key_lines(module_database_url))
            await pool.close()


async def key_lines(database_url: str) -> bytes:
    """The header lines of a new partner."""
    async with httpx.AsyncClient() as client:
        headers = (await a_door(client, database_url)).headers()
    del headers["content-type"]
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers.raw)


@pytest.mark.parametrize("case", CASES)
@IN_MODULE
async def test_hostile(server: Server, case: Case) -> None:
    stored = await server.calls()
    await try_case(server.port, case, server.keys)
    assert await server.calls() == stored + case.stored


METHODS = [
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY", "PROPFIND", "M-SEARCH"),
    *("PURGE", "LINK", "SOURCE", "get", "STEAL", "PRI"),
]
NO_METHODS = {"get", "STEAL", "PRI"}
"""Of which no server has heard, or not in HTTP/1."""


@pytest.mark.parametrize("method", METHODS)
@IN_MODULE
async def test_every_method_on_every_route(server: Server, method: str) -> None:
    """A method that a path does not have is a 405 that names those it has, and a trace gives nothing back."""
    app = create_app(Settings(database_url="postgresql://h/x", secret_key=SECRET_KEY))
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    for path in {route.path_format.replace("{", "").replace("}", "") for route in routes}:
        has = {each for route in routes if route.path_regex.match(path) for each in route.methods or ()}
        if method in has:
            continue
        connection = await Connection.open(server.port)
        await connection.send(f"{method} {path} HTTP/1.1\r\nhost: h\r\ncookie: private\r\n\r\n".encode())
        answer = await connection.answer(has_body=method != "HEAD")
        connection.close()
        assert answer is not None
        if method in NO_METHODS:
            assert answer.status == 400
        else:
            assert (answer.status, answer.headers["allow"]) == (405, ", ".join(sorted(has)))
        if method != "HEAD":
            check_refusal(answer)
        assert b"private" not in answer.body
    await check_alive(server.port)
