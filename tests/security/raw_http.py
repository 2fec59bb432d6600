"""Bytes sent to a real server as they are, and its answers read without mercy."""

import asyncio
import json
import re
from dataclasses import dataclass, field

GOOD = b"GET /healthz HTTP/1.1\r\nhost: h\r\nx-request-id: good\r\n\r\n"
"""A request that must be answered 200 whatever was sent before it; its id tells its answer from any other."""

KEYS = b"<keys>"
"""Stands for the lines with the partner's four headers."""

DEADLINE = 20.0
"""Seconds in which everything that a server does to one client ends here; each of its own deadlines is far shorter."""

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [A-Za-z ]+")
_HEADER = re.compile(rb"([a-z0-9-]+): ([\x20-\x7e]*)")


@dataclass(frozen=True)
class Answer:
    """One answer; `headers` without doubles."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Case:
    """What is sent, and what must come of it.

    Attributes:
        name: What is at fault.
        sent: The pieces; `KEYS` in them is replaced.
        statuses: The answers, in their order; none where the server may only hang up.
        stays_open: Whether the connection serves the next request afterwards; else it must be closed.
        stored: How many calls are stored by it.
    """

    name: str
    sent: tuple[bytes, ...]
    statuses: tuple[int, ...]
    stays_open: bool = False
    stored: int = 0


def refused(name: str, *sent: bytes) -> Case:
    """A case that HTTP itself refuses: 400, and the connection is closed."""
    return Case(name, sent, (400,))


def answered(name: str, status: int, *sent: bytes, stored: int = 0) -> Case:
    """A case that is a proper request: the application answers, and the connection goes on."""
    return Case(name, sent, (status,), stays_open=True, stored=stored)


class Connection:
    """A connection to the server under test.

    Args:
        reader: Of an open connection.
        writer: Likewise.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=8 * 1024 * 1024))

    async def send(self, *pieces: bytes) -> None:
        """Send bytes; a server that has hung up meanwhile is no fault."""
        try:
            for piece in pieces:
                self._writer.write(piece)
                await self._writer.drain()
        except ConnectionError:
            pass

    async def answer(self, *, has_body: bool = True) -> Answer | None:
        """Read one answer, interim ones apart; None where the server has hung up."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            head = error.partial
        except ConnectionError:
            head = b""
        if not head:
            return None
        answer = _head_of(head.removesuffix(b"\r\n\r\n"))
        if answer.status == 100:
            assert head == b"HTTP/1.1 100 Continue\r\n\r\n"
            return answer
        length = int(answer.headers["content-length"])
        body = await self._reader.readexactly(length) if has_body else b""
        return Answer(answer.status, answer.headers, body)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def _head_of(head: bytes) -> Answer:
    first, *lines = head.split(b"\r\n")
    status = _STATUS_LINE.fullmatch(first)
    assert status, first
    headers: dict[str, str] = {}
    for line in lines:
        parts = _HEADER.fullmatch(line)
        assert parts, line
        name = parts[1].decode()
        assert name not in headers, line
        headers[name] = parts[2].decode()
    return Answer(int(status[1]), headers)


def check_refusal(answer: Answer) -> None:
    """Assert that an answer is a 4xx in the envelope."""
    assert 400 <= answer.status < 500, answer
    assert answer.headers["content-type"] == "application/json; charset=utf-8", answer
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", answer.headers["x-request-id"]), answer
    told = json.loads(answer.body)
    assert told["success"] is False, answer
    assert isinstance(told["message"], str)
    assert told["message"], answer
    assert set(told) == ({"success", "message", "errors"} if answer.status == 422 else {"success", "message"}), answer


async def try_case(port: int, case: Case, keys: bytes) -> None:
    """Send a case and hold the server to what must come of it.

    Args:
        port: The server's.
        case: What to send.
        keys: The lines that `KEYS` stands for.
    """
    async with asyncio.timeout(DEADLINE):
        connection = await Connection.open(port)
        sending = asyncio.create_task(connection.send(*(piece.replace(KEYS, keys) for piece in case.sent)))
        try:
            await _read_answers(connection, case, sending)
        finally:
            sending.cancel()
            connection.close()
        await check_alive(port)


async def _read_answers(connection: Connection, case: Case, sending: "asyncio.Task[None]") -> None:
    for status in case.statuses:
        answer = await connection.answer()
        if answer is None and not case.stays_open and not sending.done():
            return  # it hung up while we were still sending, and its answer was lost with the connection
        assert answer is not None, f"hung up instead of answering {status}"
        assert answer.status == status, answer
        if status >= 400:
            check_refusal(answer)
    if case.stays_open:
        await sending
        await connection.send(GOOD)
        last = await connection.answer()
        assert last is not None
        assert (last.status, last.headers["x-request-id"]) == (200, "good"), last
    else:
        assert await connection.answer() is None, "the connection goes on"


async def check_alive(port: int) -> None:
    """Assert that the server answers a good request."""
    connection = await Connection.open(port)
    await connection.send(GOOD)
    answer = await connection.answer()
    connection.close()
    assert answer is not None
    assert (answer.status, answer.headers["x-request-id"]) == (200, "good"), answer
