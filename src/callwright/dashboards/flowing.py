"""Answers that are sent piece by piece, and let go of what they hold as soon as they end, whoever ends them."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class Flow(StreamingResponse):
    """What a generator gives; a viewer who goes while a piece is sent would else leave it open until it is collected.

    Args:
        pieces: The body.
        status: Of the answer.
        headers: Likewise.
        media_type: Likewise.
    """

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], status: int, headers: Mapping[str, str], media_type: str
    ) -> None:
        super().__init__(pieces, status, headers, media_type)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with aclosing(self._pieces):
            await super().__call__(scope, receive, send)
