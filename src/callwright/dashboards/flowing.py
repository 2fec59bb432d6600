"""Answers that are sent piece by piece, and let go of what they hold as soon as they end, whoever ends them."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class Flow(StreamingResponse):
    """What a generator gives; a viewer who goes while a piece is sent would else leave it open until it is collected.

    Args:
        pieces: The body, or what of it is still to come.
        status: Of the answer.
        headers: Likewise.
        media_type: Likewise.
        first: What of the body has been taken from `pieces` before.
    """

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        status: int,
        headers: Mapping[str, str],
        media_type: str,
        first: bytes = b"",
    ) -> None:
        super().__init__(_whole(first, pieces), status, headers, media_type)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with aclosing(self._pieces):
            await super().__call__(scope, receive, send)


async def _whole(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in pieces:
        yield piece
