"""Requests with bytes changed at random: never a 5xx, never a hang, and the server lives."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio
from fastapi import Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callwright.api import auth, body, wire
from callwright.errors import UnsupportedMediaType
from partner_api import DISPOSITION, a_batch, a_record
from real_server import a_server
from security.hostile_bodies import POST
from security.hostile_heads import CALL
from security.raw_http import DEADLINE, GOOD, KEYS, Connection, check_alive, check_refusal
from security.test_http import key_lines

IN_MODULE = pytest.mark.asyncio(loop_scope="module")

BATCH = json.dumps(a_batch(a_record("fuzz"))).encode()
PACKED = gzip.compress(BATCH, mtime=0)
REQUESTS = [
    GOOD,
    CALL % b"fuzz",
    CALL.replace(
        b"/calls/%s", b"/callbacks?state=pending&since=2023-01-01T10:00:00Z&limit=5&cursor=MTY&call_id=%%C3%%A9"
    )
    % (),
    POST + KEYS + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BATCH) + BATCH,
    POST + KEYS + b"transfer-encoding: chunked\r\n\r\n%x;a=b\r\n%b\r\n0\r\nx: y\r\n\r\n" % (len(BATCH), BATCH),
    POST + KEYS + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(PACKED) + PACKED,
    POST.replace(b"POST", b"PUT").replace(b"ingest/batch-call", DISPOSITION.rpartition("partner/")[2].encode())
    + KEYS
    + b'connection: close\r\ncontent-length: 23\r\n\r\n{"customer_id": "fuzz"}',
]
TOKENS = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"\t",
        b":",
        b",",
        b";",
        b"\xff",
        b"\xc0\x80",
        b"%00",
        b"%",
        b"?",
        b"#",
        b"//",
    ),
    *(b"-1", b"+1", b"9" * 20, b"0x", b"1e999", b"NaN", b"null", b'"', b"\\u0000", b"\\ud800", b"[" * 300, b"{", b"]"),
    *(b"content-length: 3\r\n", b"transfer-encoding: chunked\r\n", b"expect: 100-continue\r\n", b"upgrade: x\r\n"),
    *(b"connection: upgrade\r\n", b"host: x\r\n", b"HTTP/1.0", b"HTTP/2.0", b"CONNECT", b"POST", b"0\r\n\r\n"),
]

Edit = tuple[int, int, bytes]
EDITS = st.lists(
    st.tuples(
        st.integers(0, 100_000), st.integers(0, 40) | st.just(0), st.sampled_from(TOKENS) | st.binary(max_size=4)
    ),
    min_size=1,
    max_size=4,
)
CHANGED = st.tuples(st.sampled_from(REQUESTS), EDITS)
"""A request, and what of it is replaced by what; a position counts round and round in it."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(module_database_url: str) -> AsyncIterator[tuple[int, bytes]]:
    """The port of a server of little patience, and the header lines that it lets in."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HEAD_SECONDS", "IDLE_SECONDS", "REST_SECONDS"):
            patch.setattr(wire, name, 0.3)
        patch.setattr(body, "BODY_SECONDS", 0.3)
        patch.setattr(auth, "FAILED_LOGINS", 1_000_000)
        patch.setenv("CALLWRIGHT_RATE_LIMIT", "1000000")
        async with a_server(module_database_url) as (port, _, _):
            yield port, await key_lines(module_database_url)


@given(st.lists(CHANGED, min_size=25, max_size=25))
@settings(
    max_examples=max(settings().max_examples // 5, 1),  # 20, or more by --hypothesis-profile
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@IN_MODULE
async def test_changed_requests(server: tuple[int, bytes], changed: list[tuple[bytes, list[Edit]]]) -> None:
    port, keys = server
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        for request, edits in changed:
            group.create_task(_try(port, _edited(request.replace(KEYS, keys), edits)))
    await check_alive(port)


def _edited(request: bytes, edits: list[Edit]) -> bytes:
    for position, taken, put in edits:
        start = position % (len(request) + 1)
        request = request[:start] + put + request[start + taken :]
    return request


async def _try(port: int, sent: bytes) -> None:
    """Whatever is sent, the server answers and hangs up, or hangs up; what it answers is no 5xx."""
    connection = await Connection.open(port)
    try:
        await connection.send(sent)
        while (answer := await connection.answer(has_body=not sent.startswith(b"HEAD"))) is not None:
            assert answer.status < 500, (sent, answer)
            if answer.status >= 400:
                check_refusal(answer)
    finally:
        connection.close()


NAMES = st.sampled_from(["charset", "charset*", "charset*0", "charset*0*", "charset*x", "charset*1*", "q", "*", ""])
VALUES = (
    st.text(max_size=8)
    | st.sampled_from(['"utf-8', "''", "x''%ff", "utf-16'en'%", '"\\', "utf-8", "'", '"'])
    | st.just("idna''x")
)
PARAMETERS = st.lists(st.tuples(NAMES, st.sampled_from(["=", " = ", ""]), VALUES).map("".join), max_size=5)


@given(PARAMETERS.map(lambda each: "; ".join(["application/json", *each])) | st.text())
def test_any_media_type_is_either_taken_or_refused(value: str) -> None:
    sent = value.encode("latin-1", "replace")
    with suppress(UnsupportedMediaType):
        body._check_media_type(Request({"type": "http", "headers": [(b"content-type", sent)]}))
