"""A browser, Callwright, and pages of others around it: three sites over TLS, third-party cookies blocked."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Frame, Page, async_playwright

from authority import authority
from callwright.api.wire import GuardedProtocol
from dashboards.viewing import Screen
from local_server import LocalServer, serve

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--test-third-party-cookie-phaseout"),
    "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost",
)
CALLS, CRM, EVIL = "calls.test", "crm.test", "evil.test"

HOST_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>CRM</title><link rel="icon" href="data:,">
<style>html, body {{ margin: 0 }} iframe {{ display: block; border: 0; width: 100vw; height: 100vh }}</style>
<body>{body}</body></html>"""


@dataclass
class Sites:
    """Where the three sites are.

    Attributes:
        calls: Callwright's origin.
        crm: The origin of the partner's pages, which may frame.
        evil: The origin of somebody who may not.
        pages: The server of the pages around ours, both sites'.
        browser: Chromium.
        asked: Every address that was asked for, with the headers that the browser sent.
        complaints: What the browser's console told as errors.
    """

    calls: str
    crm: str
    evil: str
    pages: LocalServer
    browser: Browser
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def context(self, *, width: int = 1440, scheme: str = "light") -> AsyncIterator[BrowserContext]:
        """A browser as new, which notes what it asks for and complains of."""
        size = {"width": width, "height": 900}
        context = await self.browser.new_context(
            viewport=size,  # type: ignore[arg-type]
            color_scheme=scheme,  # type: ignore[arg-type]
            ignore_https_errors=True,
            reduced_motion="reduce",
        )
        self.asked.clear()
        self.complaints.clear()
        context.on("request", lambda request: self.asked.append((request.url, request.headers)))
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        try:
            yield context
        finally:
            await context.close()

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(said.text)

    def around(self, body: str) -> str:
        """Serve a page of others with this body; gives its path."""
        self.pages.answer("/page", HOST_PAGE.format(body=body).encode(), headers="content-type: text/html\r\n")
        return "/page"

    def frame(self, address: str) -> str:
        """Serve a page of others that frames one of ours; gives its path."""
        return self.around(f'<iframe id="callwright" title="Callwright" src="{address}"></iframe>')

    def tokens(self, token: str) -> None:
        """Let the partner's server give out this token from now on."""
        body = json.dumps({"token": token}).encode()
        self.pages.answer("/callwright-token", body, headers="content-type: application/json\r\n")

    def address(self, path: str, screen: Screen, **query: str) -> str:
        """The address of one of our pages."""
        told = "&".join(f"{name}={value}" for name, value in {"token": screen.token, **query}.items())
        return f"{self.calls}{path}?{told}"


async def framed(page: Page) -> Frame:
    """The page inside, once it is there."""
    element = await page.wait_for_selector("#callwright")
    frame = None if element is None else await element.content_frame()
    assert frame is not None
    await frame.wait_for_load_state("load")
    return frame


@asynccontextmanager
async def sites(app: FastAPI, folder: Path, chromium: str) -> AsyncIterator[Sites]:
    """Serve Callwright and the pages around it, and start a browser."""
    for name in (CALLS, CRM):
        (folder / name).mkdir()
    _, _ = authority(folder / CALLS, CALLS)
    _, around = authority(folder / CRM, CRM)
    async with (
        _served(app, folder / CALLS / "server.pem") as port,
        serve(around) as pages,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        try:
            yield Sites(
                *(f"https://{CALLS}:{port}", f"https://{CRM}:{pages.port}", f"https://{EVIL}:{pages.port}"),
                pages,
                browser,
            )
        finally:
            await browser.close()


@asynccontextmanager
async def _served(app: FastAPI, certificate: Path) -> AsyncIterator[int]:
    """Our own server, on a port of its own, with TLS where else a proxy ends it."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        ssl_certfile=certificate,
    )
    config.load()
    assert isinstance(config.ssl, ssl.SSLContext)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running
