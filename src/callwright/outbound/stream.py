"""A connection's bytes, so that nothing of it is endless beside a body."""

import ssl
from typing import Any, Self

import httpcore

BESIDE_BODY_BYTES = 256 * 1024
"""What may come without being body: heads, interim answers (1xx), chunks' sizes and extensions, trailers."""

PER_BODY_BYTE = 8
"""What may come beside each byte of the body: one that is sent in chunks of one byte takes six."""


class BoundedStream(httpcore.AsyncNetworkStream):
    """A connection that breaks off where a server sends much that is no body.

    The HTTP library bounds each head, but neither how many interim answers come before the real one nor what chunks
    carry beside their bytes: a server could keep us reading, and busy, until the deadline.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._left = BESIDE_BODY_BYTES

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        """Read, as far as the bound goes."""
        data = await self._stream.read(max_bytes, timeout)
        self._left -= len(data)
        if self._left < 0:
            raise httpcore.RemoteProtocolError("Too much that is no body")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        """Write; a request begins, and with it the bound."""
        self._left = BESIDE_BODY_BYTES
        await self._stream.write(buffer, timeout)

    def body(self, size: int) -> None:
        """Let some of what was read count as body: `size` in bytes."""
        self._left += size * (1 + PER_BODY_BYTE)

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
    ) -> Self:
        """Go on in TLS; what is counted is what it carries."""
        try:
            return type(self)(await self._stream.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:  # httpcore closes after errors, but not where a deadline ends the handshake
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's
        """What the connection knows of itself."""
        return self._stream.get_extra_info(info)
