"""What may be reached: every form of address that must not, and that no connection to it is ever tried."""

import itertools
import socket
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest

from callwright.outbound import AddressRefused, ExchangeFailed, Outbound, Policy, check_url
from callwright.outbound.guard import DENIED
from recording_network import RecordingNetwork

PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c")


async def names(host: str, port: int) -> Sequence[str]:
    """Numeric forms as the C library reads them, every name as a public address."""
    try:
        return [socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))]
    except OSError:
        return ["127.0.0.1"] if host.rstrip(".").endswith("localhost") else [PUBLIC[0]]


async def tried(url: str, *answers: str, policy: Policy | None = None) -> list[tuple[str, int]]:
    """The connections that a GET of the URL tries; a refusal is raised."""
    network = RecordingNetwork()

    async def fixed(host: str, port: int) -> Sequence[str]:
        return answers

    resolve = fixed if answers else names
    async with Outbound(policy or Policy(), resolve=resolve, network=network) as outbound:
        with pytest.raises((ExchangeFailed, AddressRefused)) as failure:
            async with outbound.stream("GET", url, timeout=5):
                pass
    if isinstance(failure.value, AddressRefused):
        assert network.tried == []
        raise failure.value
    return network.tried


REFUSED_URLS = [
    *("", "/relative", "//example.com/x", "example.com/x", "http:", "http://", "http:///x", "https:example.com"),
    *("ftp://example.com/x", "file:///etc/passwd", "gopher://example.com/", "data:audio/wav;base64,AA"),
    *("javascript:alert(1)", "ws://example.com/", "concat:a|b", "http+unix://%2Fsock/x", "s3://bucket/key"),
    *("http://user@example.com/", "http://user:secret@example.com/", "http://:secret@example.com/"),
    *("http://@example.com/", "http://example.com\\@127.0.0.1/", "http://127.0.0.1%00.example.com/"),
    *("http://localhost/", "http://LOCALHOST/", "http://localhost./", "http://a.localhost/"),
    *("http://127.0.0.1/", "http://127.0.0.1./", "http://127.1/", "http://127.0.1/", "http://2130706433/"),
    *("http://0x7f000001/", "http://0x7f.1/", "http://0x7f.0x0.0x0.0x1/", "http://017700000001/"),
    *("http://0177.0.0.1/", "http://0177.1/", "http://0/", "http://0.0.0.0/", "http://0x0/", "http://00/"),
    *("http://１２７.0.0.1/", "http://127。0。0。1/", "http://①②⑦.⓪.⓪.①/", "http://ⓛⓞⓒⓐⓛhost/"),  # noqa: RUF001 - the point
    *("http://%31%32%37.0.0.1/", "http://169.254.169.254/latest/", "http://2852039166/", "http://0xa9fea9fe/"),
    *("http://[::1]/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/"),
    *("http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/"),
    *("http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::ffff:10.0.0.1]/", "http://[fd00::1]/"),
    *("http://[2606:2800::1%25lo]/", "http://[::1", "http://[v1.a]/", "http://[fec0::1]/", "http://[4000::1]/"),
    *("http://256.1.1.1/", "http://example.com:0/", "http://example.com:99999/", "http://example.com:x/"),
    *("http://exa mple.com/", "http://example.com:22/", "https://example.com:6379/", "http://example.com:25/"),
    *("http://example.com/\r\nx: y", "http://exam\nple.com/", "http://*.example.com/", f"http://e.com/{'a' * 9000}"),
]


@pytest.mark.parametrize("url", REFUSED_URLS)
async def test_a_forbidden_url_is_refused_before_any_connection(url: str) -> None:
    with pytest.raises(AddressRefused):
        await tried(url)


def test_the_table_of_urls_is_long_enough() -> None:
    assert len(set(REFUSED_URLS)) >= 60


@pytest.mark.parametrize("network", DENIED, ids=str)
async def test_both_ends_of_every_denied_network_are_refused(network: object) -> None:
    block = ip_network(str(network))
    for address in {block[0], block[-1]} - {ip_address("::ffff:0:0"), ip_address("::ffff:ffff:ffff")}:
        with pytest.raises(AddressRefused):
            await tried("https://named.example/", str(address))
    for inside in (block[0], block[-1]):
        if inside.version == 4:
            with pytest.raises(AddressRefused):
                await tried("https://named.example/", f"::ffff:{inside}")


@pytest.mark.parametrize("answers", list(itertools.permutations([*PUBLIC, "10.0.0.1"])))
async def test_one_denied_answer_refuses_the_name_wherever_it_stands(answers: tuple[str, ...]) -> None:
    with pytest.raises(AddressRefused, match=r"named\.example is not on the public internet"):
        await tried("https://named.example/", *answers)


async def test_a_link_local_answer_with_a_zone_is_refused() -> None:
    with pytest.raises(AddressRefused):
        await tried("https://named.example/", "fe80::1%eth0")


async def test_the_connection_goes_to_the_checked_addresses_in_turn() -> None:
    assert await tried("https://named.example/", *PUBLIC) == [(PUBLIC[0], 443), (PUBLIC[1], 443)]


async def test_a_public_address_in_ipv6_clothes_is_reached_as_what_it_is() -> None:
    assert await tried("http://named.example/", "::ffff:93.184.215.14") == [("93.184.215.14", 80)]


async def test_a_name_is_resolved_once_so_that_a_second_answer_cannot_differ() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return [PUBLIC[0]] if len(asked) % 2 else ["127.0.0.1"]

    network = RecordingNetwork()
    async with Outbound(Policy(), resolve=rebinding, network=network) as outbound:
        for _ in range(4):
            with pytest.raises((ExchangeFailed, AddressRefused)):
                async with outbound.stream("GET", "https://rebind.example/", timeout=5):
                    pass
    assert len(asked) == 4
    assert set(network.tried) == {(PUBLIC[0], 443)}


@pytest.mark.parametrize("raised", [OSError("no such host"), UnicodeError("label too long"), socket.gaierror(-2, "x")])
async def test_a_name_without_an_address_fails_with_a_sentence(raised: Exception) -> None:
    async def broken(host: str, port: int) -> Sequence[str]:
        raise raised

    async with Outbound(Policy(), resolve=broken, network=RecordingNetwork()) as outbound:
        with pytest.raises(ExchangeFailed, match=r"The name gone\.example could not be resolved") as failure:
            async with outbound.stream("GET", "https://gone.example/", timeout=5):
                pass
    assert failure.value.reason == "name"


async def test_opened_networks_are_reached_on_any_port_and_others_are_not() -> None:
    policy = Policy(allowed_networks=(ip_network("10.1.0.0/16"),))
    assert await tried("http://named.example:9999/", "10.1.2.3", policy=policy) == [("10.1.2.3", 9999)]
    assert await tried("http://named.example/", "::ffff:10.1.2.3", policy=policy) == [("10.1.2.3", 80)]
    for answers in (("10.2.0.1",), ("10.1.2.3", "10.2.0.1")):
        with pytest.raises(AddressRefused):
            await tried("http://named.example/", *answers, policy=policy)
    with pytest.raises(AddressRefused, match="Port 9999 must not be used"):
        await tried("http://named.example:9999/", "10.1.2.3", PUBLIC[0], policy=policy)


async def test_opened_hosts_are_reached_whatever_they_resolve_to() -> None:
    policy = Policy(allowed_hosts=frozenset({"pbx.internal"}))
    assert await tried("http://PBX.internal:9000/", "192.168.0.9", policy=policy) == [("192.168.0.9", 9000)]
    assert await tried("http://pbx.internal./", "192.168.0.9", policy=policy) == [("192.168.0.9", 80)]
    with pytest.raises(AddressRefused):
        await tried("http://evil.pbx.internal/", "192.168.0.9", policy=policy)


async def test_ports_are_those_of_the_policy() -> None:
    policy = Policy(allowed_ports=frozenset({8443}))
    assert await tried("https://named.example:8443/", PUBLIC[0], policy=policy) == [(PUBLIC[0], 8443)]
    with pytest.raises(AddressRefused, match="Port 443"):
        await tried("https://named.example/", PUBLIC[0], policy=policy)


def test_plain_http_is_refused_where_https_is_asked_for() -> None:
    assert check_url("https://example.com/x", https_only=True).host == "example.com"
    with pytest.raises(AddressRefused, match="https://"):
        check_url("http://example.com/x", https_only=True)


@pytest.mark.parametrize("url", ["https://münchen.example/ü", "HTTPS://EXAMPLE.com", "http://a_b.example:8080/?q=a@b"])
def test_ordinary_urls_pass(url: str) -> None:
    assert check_url(url).scheme in {"http", "https"}


def test_no_refusal_repeats_credentials() -> None:
    with pytest.raises(AddressRefused) as refusal:
        check_url("https://user:hunter2@example.com/")
    assert "hunter2" not in str(refusal.value)
