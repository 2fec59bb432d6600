"""Bounds on what a client may send before and after the application looks: the server itself has none."""

from asyncio import TimerHandle, Transport
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from callwright.api.envelope import refusal
from callwright.errors import BadRequest

HEAD_BYTES = 64 * 1024
HEAD_LINES = 100
HEAD_SECONDS = 15.0
"""From the first byte of a request, or from the connection, to the end of its headers."""

LARGEST_SHARE = 9
"""The bytes that a byte of a body may take with its chunk's size around it; on top come `HEAD_BYTES` for trailers."""

REST_SECONDS = 5.0
"""How long the rest of a body is read and dropped after the answer, so that the client comes to read the answer."""


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with an end to endless headers and to bodies that nobody reads."""

    _head_bytes = 0
    _body_bytes = 0
    _beside_body = 0
    _in_head = True
    _head_ended = False
    _timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._close_after(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._close_after(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count what did not complete a request's headers."""
        before, self._head_ended, self._body_bytes = self._in_head, False, 0
        super().data_received(data)
        if self.transport.is_closing():
            return
        if before and self._in_head and not self._head_ended:  # a whole request may come in one piece, its body with it
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.send_400_response("Request headers are too large.")
        elif not self._head_ended:  # chunk extensions and trailers: the parser has no end to them
            self._beside_body = max(0, self._beside_body + len(data) - LARGEST_SHARE * self._body_bytes)
            if self._beside_body > HEAD_BYTES:
                self.send_400_response("Request body has too much around it.")

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or too much of it, in the shape of every other answer."""
        answer = refusal(BadRequest(msg))
        headers = [*answer.raw_headers, (b"x-request-id", uuid4().hex.encode()), (b"connection", b"close")]
        lines = [name + b": " + value for name, value in [*self.server_state.default_headers, *headers]]
        self.transport.write(b"\r\n".join([b"HTTP/1.1 400 Bad Request", *lines, b"", bytes(answer.body)]))
        self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to wait for the headers."""
        super().on_message_begin()
        self._close_after(HEAD_SECONDS)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; an error here is answered 400 by the caller.

        A trailer is dropped: it must not say who sends the request (RFC 9110, section 6.5.1).
        """
        if not self._in_head:
            return
        if len(self.headers) >= HEAD_LINES:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Leave the rest of the request to the application."""
        self._in_head, self._head_ended, self._head_bytes, self._beside_body = False, True, 0, 0
        self._close_after(None)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the next request."""
        self._in_head = True
        self._close_after(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Give a client that has not sent all of its body a moment to stop."""
        super().on_response_complete()
        if not self._in_head:
            self._close_after(REST_SECONDS)

    def _close_after(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self.timeout_keep_alive_handler)
