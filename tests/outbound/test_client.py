"""The client against a server that means no good: deadlines, bounds, redirects, TLS, and nothing kept."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_network
from pathlib import Path

import pytest

from authority import authority
from callwright.errors import SetupError
from callwright.outbound import AddressRefused, ExchangeFailed, Outbound, Policy, retry_after_seconds
from local_server import LocalServer, serve

LOOPBACK = Policy(allowed_networks=(ip_network("127.0.0.0/8"),))
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with serve() as local:
        yield local


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    async with Outbound(LOOPBACK) as client:
        yield client


async def get(outbound: Outbound, url: str, *, seconds: float = 5, max_redirects: int = 0) -> tuple[int, bytes]:
    async with outbound.stream("GET", url, timeout=seconds, max_redirects=max_redirects) as response:
        return response.status, b"".join([chunk async for chunk in response.chunks()])


async def endless(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def test_a_post_sends_the_body_and_gives_the_answer(server: LocalServer, outbound: Outbound) -> None:
    url = server.answer("/hook", b"thanks", headers="retry-after: 7\r\nset-cookie: a=b\r\nx-other: 1\r\n")
    answer = await outbound.post(url, b'{"a":1}', {"content-type": "application/json"}, timeout=5, https_only=False)
    assert (answer.status, answer.body, answer.complete) == (200, b"thanks", True)
    assert answer.headers == {"retry-after": "7"}
    assert 0 < answer.elapsed < 5
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == b'{"a":1}'
    assert b"accept-encoding: identity" in head.lower()
    assert f"host: 127.0.0.1:{server.port}".encode() in head.lower()


async def test_a_post_is_https_only_unless_said_otherwise(server: LocalServer, outbound: Outbound) -> None:
    with pytest.raises(AddressRefused):
        await outbound.post(server.answer("/hook"), b"", {}, timeout=5)
    assert server.connections == 0


async def test_cookies_are_not_kept_and_connections_are(server: LocalServer, outbound: Outbound) -> None:
    url = server.answer("/hook", headers="set-cookie: session=1; path=/\r\n")
    for _ in range(3):
        await outbound.post(url, b"", {}, timeout=5, https_only=False)
    assert server.connections == 1
    assert all(b"cookie" not in request.lower() for request in server.requests)


async def test_a_proxy_of_the_environment_is_not_used(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with Outbound(LOOPBACK) as outbound:
        assert await get(outbound, server.answer("/x", b"direct")) == (200, b"direct")


async def test_a_post_follows_no_redirect(server: LocalServer, outbound: Outbound) -> None:
    server.answer("/elsewhere")
    url = server.answer("/hook", status=307, headers="location: /elsewhere\r\n")
    assert (await outbound.post(url, b"", {}, timeout=5, https_only=False)).status == 307
    assert len(server.requests) == 1


async def test_an_endless_answer_is_cut_at_the_bound(server: LocalServer, outbound: Outbound) -> None:
    server.routes["/endless"] = endless
    answer = await outbound.post(server.url("/endless"), b"", {}, timeout=5, max_answer_bytes=1000, https_only=False)
    assert (answer.body, answer.complete) == (b"x" * 1000, False)


async def test_a_compressed_answer_is_not_inflated(server: LocalServer, outbound: Outbound) -> None:
    url = server.answer("/bomb", b"\x1f\x8b" + b"z" * 50, headers="content-encoding: gzip\r\n")
    answer = await outbound.post(url, b"", {}, timeout=5, https_only=False)
    assert answer.body == b"\x1f\x8b" + b"z" * 50


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b""),
        (HEAD, b"x: y\r\n"),
        (HEAD + b"content-length: 999\r\n\r\n", b"z"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
async def test_an_answer_that_never_ends_hits_the_deadline(
    server: LocalServer, outbound: Outbound, first: bytes, drop: bytes
) -> None:
    async def drip(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while not writer.is_closing():
            writer.write(drop)
            await asyncio.sleep(0.02)

    server.routes["/drip"] = drip
    with pytest.raises(ExchangeFailed, match="did not answer in time") as failure:
        await get(outbound, server.url("/drip"), seconds=0.3)
    assert failure.value.reason == "timeout"


async def test_a_stall_ends_an_exchange_long_before_its_deadline(server: LocalServer, outbound: Outbound) -> None:
    async def silent(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    server.routes["/silent"] = silent
    with pytest.raises(ExchangeFailed) as failure:
        async with outbound.stream("GET", server.url("/silent"), timeout=600, stall=0.1):
            pass
    assert failure.value.reason == "timeout"


async def test_a_timeout_of_the_caller_is_left_alone(server: LocalServer, outbound: Outbound) -> None:
    url = server.answer("/x", b"ok")
    with pytest.raises(TimeoutError):
        async with outbound.stream("GET", url, timeout=60):
            raise TimeoutError("the caller's own")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "protocol"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "protocol"),
        (HEAD + b"x: " + b"y" * 200_000, "protocol"),
        (HEAD + b"content-length: 10\r\n\r\nabc", "cut"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n", "cut"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n", "cut"),
    ],
)
async def test_a_broken_answer_is_named(server: LocalServer, outbound: Outbound, sent: bytes, reason: str) -> None:
    async def broken(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        writer.close()

    server.routes["/broken"] = broken
    with pytest.raises(ExchangeFailed) as failure:
        await get(outbound, server.url("/broken"))
    assert failure.value.reason == reason


async def test_a_closed_port_cannot_be_reached(server: LocalServer, outbound: Outbound) -> None:
    with pytest.raises(ExchangeFailed, match=r"127\.0\.0\.1 could not be reached") as failure:
        await get(outbound, "http://127.0.0.1:1/")
    assert failure.value.reason == "connect"


async def test_redirects_are_followed_up_to_the_bound(server: LocalServer, outbound: Outbound) -> None:
    server.answer("/end", b"here")
    for hop in range(5):
        server.answer(f"/{hop}", status=302, headers=f"location: /{hop + 1 if hop < 4 else 'end'}\r\n")
    assert await get(outbound, server.url("/0"), max_redirects=5) == (200, b"here")
    with pytest.raises(ExchangeFailed, match="more than 4 times") as failure:
        await get(outbound, server.url("/0"), max_redirects=4)
    assert failure.value.reason == "redirects"


@pytest.mark.parametrize(
    "location",
    [
        *("http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://10.0.0.1/", "//192.168.1.1/"),
        *("http://[::ffff:10.0.0.1]/", "ftp://127.0.0.1/", "file:///etc/passwd", "http://u:p@127.0.0.1/"),
        *("http://2130706434:65536/", "http://[bad/"),
    ],
)
async def test_a_redirect_to_a_forbidden_address_is_refused(
    server: LocalServer, outbound: Outbound, location: str
) -> None:
    url = server.answer("/x", status=302, headers=f"location: {location}\r\n")
    with pytest.raises(AddressRefused):
        await get(outbound, url, max_redirects=5)
    assert len(server.requests) == 1


async def test_a_redirect_takes_no_authorization_along(server: LocalServer, outbound: Outbound) -> None:
    server.answer("/there", b"")
    url = server.answer("/here", status=302, headers="location: /there\r\n")
    headers = {"authorization": "Bearer secret"}
    async with outbound.stream("GET", url, headers=headers, timeout=5, max_redirects=1) as response:
        assert response.url.path == "/there"
    assert b"secret" in server.requests[0]
    assert b"secret" not in server.requests[1]


async def loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def test_tls_is_checked_against_the_name_and_the_private_authority(tmp_path: Path) -> None:
    ca_file, context = authority(tmp_path, "hook.example")
    async with serve(context) as server:
        server.answer("/hook", b"ok")
        good = server.url("/hook", scheme="https", host="hook.example")
        trusting = Policy(allowed_networks=LOOPBACK.allowed_networks, ca_file=ca_file)
        async with Outbound(trusting, resolve=loopback) as outbound:
            assert (await outbound.post(good, b"", {}, timeout=5)).body == b"ok"
            with pytest.raises(ExchangeFailed, match=r"other\.example could not show a valid certificate") as failure:
                await outbound.post(good.replace("hook.example", "other.example"), b"", {}, timeout=5)
            assert failure.value.reason == "tls"
        async with Outbound(LOOPBACK, resolve=loopback) as outbound:
            with pytest.raises(ExchangeFailed) as failure:
                await outbound.post(good, b"", {}, timeout=5)
            assert failure.value.reason == "tls"


def test_an_unusable_ca_file_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    for path in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        with pytest.raises(SetupError, match="CALLWRIGHT_CA_FILE"):
            Outbound(Policy(ca_file=path))


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    assert retry_after_seconds("120") == 120
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=100)
    assert 95 < (retry_after_seconds(soon.strftime("%a, %d %b %Y %H:%M:%S GMT")) or 0) <= 100
    for nonsense in (None, "", "soon", "-5", "1.5", "٣"):
        assert retry_after_seconds(nonsense) is None
