"""An operator at the console: a browser of its own, logged in by a link."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape

import httpx

from callwright import console_sessions, db
from partner_api import Door

ORIGIN = "https://callwright.test"


@dataclass(frozen=True)
class Desk:
    """A browser at the console, which keeps cookies."""

    door: Door
    client: httpx.AsyncClient

    async def open(self, path: str, **query: str) -> httpx.Response:
        """Ask for a page, and go where it leads."""
        return await self.client.get(path, params=query or None, follow_redirects=True)

    async def code(self) -> str:
        """A code as `callwright console` makes it."""
        async with db.everywhere(self.door.pool) as lent:
            return await console_sessions.make_link(lent)

    async def post(
        self, path: str, form: Mapping[str, str | list[str]], *, origin: str | None = ORIGIN
    ) -> httpx.Response:
        """Send a form from a page at an origin."""
        headers = {} if origin is None else {"origin": origin}
        return await self.client.post(path, data=dict(form), headers=headers)

    async def log_in(self) -> httpx.Response:
        """Log in by a fresh link."""
        return await self.post("/console/login", {"code": await self.code()})

    async def form_token(self) -> str:
        """What the forms of this session carry."""
        [token, *_] = re.findall(r'name="form-token" value="(\w+)"', (await self.open("/console")).text)
        return str(token)

    async def act(self, path: str, *items: str, **query: str) -> httpx.Response:
        """Press the button for what is ticked."""
        form: dict[str, str | list[str]] = {"form-token": await self.form_token(), "item": list(items)}
        return await self.post(str(httpx.URL(path, params=query)), form)


@asynccontextmanager
async def desk_at(door: Door, *, base: str = ORIGIN) -> AsyncIterator[Desk]:
    """A browser that is not logged in yet."""
    transport = door.client._transport
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        yield Desk(door, client)


def words(answer: httpx.Response) -> str:
    """What a page says."""
    body = answer.text.split("<body>")[-1]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))
