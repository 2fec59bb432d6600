"""Does what the core asks for, once blocking and once asynchronous; all that these two do not share is in here."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import closing
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

import httpx

from callwright_client.endpoints import MOST_A_PAGE, Page, Pages
from callwright_client.exchange import Answer, Core, Flow, Lost, Send, Wait

P = ParamSpec("P")
T = TypeVar("T")


class Driver:
    """Runs steps with an `httpx.Client`."""

    _core: Core
    _http: httpx.Client

    def _run(self, flow: Flow[T]) -> T:
        outcome: Answer | Lost | None = None
        with closing(flow):
            while True:
                try:
                    step = flow.send(outcome)
                except StopIteration as end:
                    result: T = end.value
                    return result
                if isinstance(step, Wait):
                    time.sleep(step.seconds)
                    outcome = None
                else:
                    outcome = self._send(step)

    def _send(self, step: Send) -> Answer | Lost:
        try:
            return _answer(self._http.request(**_arguments(step)))
        except httpx.RequestError as error:
            return _lost(error)

    def _entries(self, pages: Pages[T]) -> "Entries[T]":
        return Entries(self, pages)


class AsyncDriver:
    """Runs steps with an `httpx.AsyncClient`."""

    _core: Core
    _http: httpx.AsyncClient

    async def _run(self, flow: Flow[T]) -> T:
        outcome: Answer | Lost | None = None
        with closing(flow):
            while True:
                try:
                    step = flow.send(outcome)
                except StopIteration as end:
                    result: T = end.value
                    return result
                if isinstance(step, Wait):
                    await asyncio.sleep(step.seconds)
                    outcome = None
                else:
                    outcome = await self._send(step)

    async def _send(self, step: Send) -> Answer | Lost:
        try:
            return _answer(await self._http.request(**_arguments(step)))
        except httpx.RequestError as error:
            return _lost(error)

    def _entries(self, pages: Pages[T]) -> "AsyncEntries[T]":
        return AsyncEntries(self, pages)


class Entries(Iterator[T]):
    """A list: its entries, for which each page is asked for when it is reached; or one page that is named."""

    def __init__(self, driver: Driver, pages: Pages[T]) -> None:
        self._driver = driver
        self._pages = pages
        self._left = self._each()

    def __next__(self) -> T:
        """The next entry."""
        return next(self._left)

    def page(self, cursor: str | None = None, *, limit: int = MOST_A_PAGE) -> Page[T]:
        """One page of at most `limit` entries, 1 to 100: the first one, or that of another's `next_cursor`."""
        return self._driver._run(self._pages.page(cursor, limit))

    def _each(self) -> Iterator[T]:
        page = self.page()
        while True:
            yield from page.entries
            if page.next_cursor is None:
                return
            page = self.page(page.next_cursor)


class AsyncEntries(AsyncIterator[T]):
    """The same for asyncio."""

    def __init__(self, driver: AsyncDriver, pages: Pages[T]) -> None:
        self._driver = driver
        self._pages = pages
        self._left = self._each()

    async def __anext__(self) -> T:
        """The next entry."""
        return await anext(self._left)

    async def page(self, cursor: str | None = None, *, limit: int = MOST_A_PAGE) -> Page[T]:
        """One page of at most `limit` entries, 1 to 100: the first one, or that of another's `next_cursor`."""
        return await self._driver._run(self._pages.page(cursor, limit))

    async def _each(self) -> AsyncIterator[T]:
        page = await self.page()
        while True:
            for entry in page.entries:
                yield entry
            if page.next_cursor is None:
                return
            page = await self.page(page.next_cursor)


def _arguments(step: Send) -> dict[str, Any]:
    """A step as httpx takes it; credentials follow no redirect."""
    return {
        "method": step.method,
        "url": step.url,
        "headers": list(step.headers),
        "content": step.body,
        "timeout": step.timeout,
        "follow_redirects": False,
    }


def _answer(response: httpx.Response) -> Answer:
    return Answer(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.content
    )


def _lost(error: httpx.RequestError) -> Lost:
    never = (httpx.LocalProtocolError, httpx.UnsupportedProtocol)
    return Lost(f"{type(error).__name__}: {error}", again=not isinstance(error, never))


class Method(Generic[P, T]):
    """An endpoint as a method of both clients.

    Args:
        flow: What it is asked by; the client gives the first argument.
    """

    def __init__(self, flow: Callable[Concatenate[Core, P], Flow[T]]) -> None:
        self._flow = flow
        self.__doc__ = flow.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> "Method[P, T]": ...
    @overload
    def __get__(self, client: Driver, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncDriver, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Driver | AsyncDriver | None, owner: type) -> object:
        """The method of a client."""
        if client is None:
            return self

        def call(*args: P.args, **kwargs: P.kwargs) -> T | Coroutine[Any, Any, T]:
            return client._run(self._flow(client._core, *args, **kwargs))

        return _named(call, self._flow)


class Listing(Generic[P, T]):
    """A list as a method of both clients.

    Args:
        pages: What it is asked by; the client gives the first argument.
    """

    def __init__(self, pages: Callable[Concatenate[Core, P], Pages[T]]) -> None:
        self._pages = pages
        self.__doc__ = pages.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> "Listing[P, T]": ...
    @overload
    def __get__(self, client: Driver, owner: type) -> Callable[P, Entries[T]]: ...
    @overload
    def __get__(self, client: AsyncDriver, owner: type) -> Callable[P, AsyncEntries[T]]: ...
    def __get__(self, client: Driver | AsyncDriver | None, owner: type) -> object:
        """The method of a client."""
        if client is None:
            return self

        def call(*args: P.args, **kwargs: P.kwargs) -> Entries[T] | AsyncEntries[T]:
            return client._entries(self._pages(client._core, *args, **kwargs))

        return _named(call, self._pages)


def _named(call: Callable[..., Any], flow: Callable[..., Any]) -> Callable[..., Any]:
    """The call with the flow's name, words and arguments, but for the first, which the client gives."""
    named = wraps(flow)(call)
    signature = inspect.signature(flow)
    named.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    return named
