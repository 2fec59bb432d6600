"""Bounds on what a client may send before and after the application looks: the server itself has none."""

import re
from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from callwright import metrics
from callwright.api.envelope import refusal, request_id_of
from callwright.errors import BadRequest

HEAD_BYTES = 64 * 1024
HEAD_LINES = 100
HEAD_SECONDS = 15.0
"""From the first byte of a request, or from the connection, to the end of its headers."""

IDLE_SECONDS = 30
"""From an answer to the first line of the next request; empty lines before it do not count as one."""

LARGEST_SHARE = 9
"""The bytes that a byte of a body may take with its chunk's size around it; on top come `HEAD_BYTES` for trailers."""

REST_SECONDS = 5.0
"""How long the rest of a body is read and dropped after the answer, so that the client comes to read the answer."""

STALL_SECONDS = 30.0
"""How long a client may take nothing of an answer that waits for it."""

_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
_ABSOLUTE = re.compile(rb"(?i)https?://")


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with an end to endless headers, to bodies that nobody reads and to answers likewise.

    What its parser lets pass and RFC 9112 does not is refused. What comes before a fault on the same connection is
    answered first, so that no answer is taken for another request's.
    """

    _head_bytes = 0
    _body_bytes = 0
    _beside_body = 0
    _in_head = True
    _head_ended = False
    _unanswered = 0
    _last_words: bytes | None = None
    _timer: TimerHandle | None = None
    _watch: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._close_after(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._close_after(None)
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count what did not complete a request's headers."""
        if self._last_words is not None:
            return
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
        """Refuse what is no HTTP, or too much of it, in the shape of every other answer.

        The answer comes behind those to what was sent before. Where the fault lies in the body of a request that has
        its answer already, there is nothing more to say.
        """
        if self.transport.is_closing() or self._last_words is not None:
            return
        answer = refusal(BadRequest(msg))
        metrics.REQUESTS.labels("other", "none", answer.status_code).inc()
        request_id = request_id_of(self.headers or [])
        headers = [*answer.raw_headers, (b"x-request-id", request_id.encode()), (b"connection", b"close")]
        lines = [name + b": " + value for name, value in [*self.server_state.default_headers, *headers]]
        self._last_words = b"\r\n".join([b"HTTP/1.1 400 Bad Request", *lines, b"", bytes(answer.body)])
        if not self._in_head:
            self._drop_current()
        self._end_when_answered()

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
        self._close_after(None)
        try:
            self._check_head()
        except BadRequest as fault:
            self.send_400_response(fault.message)
            raise  # ends the parser
        super().on_headers_complete()
        self._unanswered += 1
        self._in_head, self._head_ended, self._head_bytes, self._beside_body = False, True, 0, 0
        if self.parser.should_upgrade():  # the parser drops what comes behind such a request, or reads it as another
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the next request."""
        self._in_head = True
        super().on_message_complete()
        self._close_after(None if self._unanswered else IDLE_SECONDS)

    def on_response_complete(self) -> None:
        """Give a client that has not sent all of its body a moment to stop."""
        super().on_response_complete()
        self._unanswered -= 1
        if self._last_words is not None:
            self._end_when_answered()
        elif self.transport.is_closing():
            self._watch_client()
        elif not self._unanswered and self._timer is None:
            self._close_after(IDLE_SECONDS if self._in_head else REST_SECONDS)

    def pause_writing(self) -> None:
        """See that a client which has much to read does read."""
        super().pause_writing()
        self._watch_client()

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing to warn of: the request is answered as if it had not asked for another protocol."""

    def _check_head(self) -> None:
        """Refuse what the parser does not mind: RFC 9112, sections 2.3, 3.2 and 6.1."""
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD_BYTES:
            raise BadRequest("Request headers are too large.")
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise BadRequest("HTTP version must be 1.1")
        is_path = self.url.startswith(b"/") or _ABSOLUTE.match(self.url)
        if b"#" in self.url or not (is_path or (self.url, self.parser.get_method()) == (b"*", b"OPTIONS")):
            raise BadRequest("Request target must be a path")
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and version == "1.1") or not all(_HOST.fullmatch(host) for host in hosts):
            raise BadRequest("Host must be sent once, as a name or an address")
        encodings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if encodings and (version == "1.0" or [each.strip().lower() for each in encodings] != [b"chunked"]):
            raise BadRequest("Transfer-Encoding must be chunked")

    def _drop_current(self) -> None:
        """Give up the request whose body is at fault: it was not all there, so nothing has come of it yet."""
        if self.cycle.response_started:
            self._last_words = b""
        elif self.pipeline and self.pipeline[0][0] is self.cycle:  # others are answered first, and it has not begun
            self.pipeline.popleft()
            self._unanswered -= 1
        else:
            self._unanswered -= 1
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _end_when_answered(self) -> None:
        self._close_after(None)
        if not self._unanswered and not self.transport.is_closing():
            self.transport.write(self._last_words or b"")
            self.transport.close()
            self._watch_client()

    def _close_after(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        self._last_words = b""
        self._end_when_answered()

    def _watch_client(self, left: int = 0) -> None:
        """Cut the connection if the client has taken nothing since `left` bytes were left for it."""
        if self._watch is not None:
            self._watch.cancel()
        size = self.transport.get_write_buffer_size()
        if size and size == left:
            self.transport.abort()
        elif size:
            self._watch = self.loop.call_later(STALL_SECONDS, self._watch_client, size)
