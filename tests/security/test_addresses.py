"""No address that is not for us is ever connected to, however it is written, named or led to."""

import asyncio
import re
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_network

import pytest

from callwright.outbound import AddressRefused, ExchangeFailed, Outbound, Policy
from callwright.outbound.guard import DENIED as GUARDED
from partner_api import Door, a_batch, a_record
from recording_network import RecordingNetwork
from security import addresses
from security.addresses import DENIED, NAMES, PUBLIC, SENTENCES, WRITTEN, as_host, denied, notations

REAL_LOOK_UP = socket.getaddrinfo


def look_up(host: str, port: int, **_: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    """Numbers as the C library reads them, and also with a dot behind them; names from the table; else a public one."""
    for written in (host, host.removesuffix(".")):
        with suppress(socket.gaierror):
            return REAL_LOOK_UP(written, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)  # type: ignore[return-value]
    name = host.lower().removesuffix(".")
    if name.rpartition(".")[2].isdigit() or ".." in host:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    return [(0, socket.SOCK_STREAM, 6, "", (answer, port)) for answer in NAMES.get(name, PUBLIC[:1])]


async def resolve(host: str, port: int) -> Sequence[str]:
    return [entry[4][0] for entry in look_up(host, port)]


async def outcomes(
    urls: Sequence[str], policy: Policy | None = None, answers: Mapping[str, bytes] | None = None, *, hops: int = 0
) -> tuple[dict[str, str], list[tuple[str, int]]]:
    """What comes of getting each URL, as a sentence, and every connection that was tried."""
    network, said = RecordingNetwork(answers), {}
    async with Outbound(policy or Policy(), resolve=resolve, network=network) as outbound:
        for url in urls:
            try:
                async with outbound.stream("GET", url, timeout=5, max_redirects=hops) as response:
                    said[url] = str(response.status)
            except (AddressRefused, ExchangeFailed) as failure:
                said[url] = str(failure)
    return said, network.tried


def test_the_list_is_the_one_that_is_guarded() -> None:
    assert set(DENIED) | {ip_network("::ffff:0:0/96")} == set(GUARDED) | {ip_network("::1/128")}


def test_the_battery_is_long_enough() -> None:
    written = {url for urls in WRITTEN.values() for url in urls}
    generated = {f"http://{form}/" for address in addresses.METADATA for form in notations(address)}
    assert len(written | generated) >= 300
    assert len({as_host(address) for address in denied()}) >= 200


@pytest.mark.parametrize("sentence", WRITTEN)
async def test_every_written_url_is_refused_for_its_reason(sentence: str) -> None:
    said, tried = await outcomes(WRITTEN[sentence])
    assert {url: words for url, words in said.items() if not re.fullmatch(sentence, words)} == {}
    assert tried == []


@pytest.mark.parametrize("address", addresses.METADATA)
async def test_no_notation_of_an_address_hides_it(address: str) -> None:
    urls = [f"{scheme}://{form}/x" for form in notations(address) for scheme in ("http", "https")]
    said, tried = await outcomes(urls)
    named = {url: words for url, words in said.items() if not re.fullmatch(SENTENCES, words)}
    unresolvable = {url for url, words in named.items() if re.fullmatch(r"The name \S+ could not be resolved\.", words)}
    assert set(named) == unresolvable
    assert len(unresolvable) < len(urls) / 4
    assert tried == []


async def test_the_ends_and_the_middle_of_every_denied_network_are_refused_in_all_clothes() -> None:
    urls = [f"http://{as_host(address)}/" for address in denied()]
    said, tried = await outcomes(urls)
    assert {url: words for url, words in said.items() if not re.fullmatch(addresses.PRIVATE, words)} == {}
    assert tried == []


async def test_the_same_addresses_behind_a_name_alone_and_among_public_ones() -> None:
    given: tuple[str, ...] = ()

    async def answers(host: str, port: int) -> Sequence[str]:
        return given

    network = RecordingNetwork()
    async with Outbound(Policy(), resolve=answers, network=network) as outbound:
        for address in denied():
            for answered in ((str(address),), (*PUBLIC, str(address)), (str(address), *PUBLIC)):
                given = answered
                with pytest.raises(AddressRefused, match="not on the public internet"):
                    async with outbound.stream("POST", "https://named.example/", timeout=5):
                        pass
    assert network.tried == []


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every connect that reaches the system's sockets; names are answered from the table."""
    tried: list[object] = []

    def connect(_: socket.socket, address: object) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return tried


async def test_with_the_systems_own_sockets_nothing_is_connected_to_either(
    connects: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    monkeypatch.setenv("NO_PROXY", "public.example")
    forbidden = [url for urls in WRITTEN.values() for url in urls]
    forbidden += [f"http://{form}/x" for address in addresses.METADATA for form in notations(address)]
    async with Outbound(Policy()) as outbound:
        for url in forbidden:
            with pytest.raises((AddressRefused, ExchangeFailed)):
                async with outbound.stream("GET", url, timeout=5):
                    pass
        assert connects == []
        for url in ("http://public.example/", "https://other.example/"):
            with pytest.raises(ExchangeFailed, match="could not be reached"):
                async with outbound.stream("GET", url, timeout=5):
                    pass
    assert connects == [(PUBLIC[0], 80), (PUBLIC[0], 443)]


async def test_a_resolver_that_changes_its_mind_is_asked_once_for_each_connection() -> None:
    asked = 0

    async def rebinding(host: str, port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        return [PUBLIC[0]] if asked % 2 else ["169.254.169.254"]

    network = RecordingNetwork({PUBLIC[0]: b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"})
    outcome = []
    async with Outbound(Policy(), resolve=rebinding, network=network) as outbound:
        for _ in range(6):
            try:
                outcome.append((await outbound.post("https://rebind.example/", b"", {}, timeout=5)).status)
            except AddressRefused:
                outcome.append(0)
    assert outcome == [200, 0] * 3
    assert (asked, network.tried) == (6, [(PUBLIC[0], 443)] * 3)


async def test_of_a_thousand_answers_each_is_checked_and_a_few_are_tried() -> None:
    async def many(host: str, port: int) -> Sequence[str]:
        return NAMES["last-of-many.example"][:1000]

    network = RecordingNetwork()
    async with Outbound(Policy(), resolve=many, network=network) as outbound:
        with pytest.raises(ExchangeFailed, match="could not be reached"):
            async with outbound.stream("GET", "http://many.example/", timeout=5):
                pass
    assert len(network.tried) == 4


@pytest.mark.parametrize("answers", [(), ("",), ("nonsense",), ("1.2.3",), ("127.0.0.1/8",), ("fe80::1%eth0",)])
async def test_an_answer_that_is_no_address_is_not_connected_to(answers: tuple[str, ...]) -> None:
    async def odd(host: str, port: int) -> Sequence[str]:
        return answers

    network = RecordingNetwork()
    async with Outbound(Policy(), resolve=odd, network=network) as outbound:
        with pytest.raises((AddressRefused, ExchangeFailed), match=r"^The (host|name) .*\.$"):
            async with outbound.stream("GET", "http://odd.example/", timeout=5):
                pass
    assert network.tried == []


async def test_a_resolver_that_never_answers_is_given_up() -> None:
    async def silent(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return PUBLIC

    async with Outbound(Policy(), resolve=silent, network=RecordingNetwork()) as outbound:
        with pytest.raises(ExchangeFailed, match=r"silent\.example could not be resolved in time\.") as failure:
            async with outbound.stream("GET", "http://silent.example/", timeout=30, stall=0.1):
                pass
    assert failure.value.reason == "name"


def leading_to(location: bytes) -> dict[str, bytes]:
    return {
        PUBLIC[0]: b"HTTP/1.1 302 X\r\ncontent-length: 0\r\nconnection: close\r\nlocation: " + location + b"\r\n\r\n"
    }


INWARDS = [
    *("http://127.0.0.1/", "//127.0.0.1/", "\\\\127.0.0.1\\", "http://localhost/", "https://localhost./x", "http://0x7f.1/"),
    *("http://2130706433/", "http://[::1]/", "http://[::ffff:10.0.0.1]/", "//[fd00:ec2::254]/", "http://private.example/"),
    *("//mixed.example/", "https://metadata.google.internal/", "http://169.254.169.254/latest/", "//168.63.129.16"),
    *("ftp://public.example/", "file:///etc/passwd", "data:audio/wav;base64,AA", "javascript:alert(1)", "gopher:x"),
    *("http://user:pass@public.example/", "//user@public.example/", "http://public.example:22/", "//public.example:0/"),
    *("http://[bad/", "http://public.example:x/", "http://", "http:///", "https:", "http://%00/"),
    *("//public.example%00/", "http://pub\tlic.example/", "http://public.example/\u00a0\u2028", "//\ud800", "http://*/"),
    *("/" * 9000, "//a b/"),
]  # fmt: skip


@pytest.mark.parametrize("location", INWARDS, ids=lambda value: repr(value)[:40])
async def test_a_redirect_leads_nowhere_that_the_address_itself_would_not(location: str) -> None:
    answers = leading_to(location.encode("utf-8", "surrogatepass"))
    said, tried = await outcomes(["http://start.example/"], answers=answers, hops=5)
    words = said["http://start.example/"]
    assert words.endswith("."), words
    assert not words[0].isdigit()
    assert all(host == PUBLIC[0] and port in (80, 443) for host, port in tried)
    assert len(tried) <= 6


@pytest.mark.parametrize(
    "sent",
    [
        b"/x\r\n y",
        b"/x\rhost: 127.0.0.1",
        b"/x\nlocation: http://127.0.0.1/",
        b"/x\0y",
        b"/\r\n\r\nHTTP/1.1 200 OK",
        b"",
    ],
)
async def test_a_location_with_line_ends_in_it_leads_nowhere_either(sent: bytes) -> None:
    said, tried = await outcomes(["http://start.example/"], answers=leading_to(sent), hops=5)
    assert re.fullmatch(r"302|[A-Z].*\.", said["http://start.example/"])
    assert {host for host, _ in tried} == {PUBLIC[0]}


async def test_a_recordings_redirects_end_after_five_and_a_callback_has_none() -> None:
    said, tried = await outcomes(["http://start.example/"], answers=leading_to(b"/again"), hops=5)
    assert said["http://start.example/"] == "The address redirects more than 5 times."
    assert tried == [(PUBLIC[0], 80)] * 6
    network = RecordingNetwork(leading_to(b"http://127.0.0.1/"))
    async with Outbound(Policy(), resolve=resolve, network=network) as outbound:
        assert (await outbound.post("https://start.example/", b"", {}, timeout=5)).status == 302
    assert network.tried == [(PUBLIC[0], 443)]


async def test_from_https_to_http_is_led_only_where_http_may_be() -> None:
    said, tried = await outcomes(["https://start.example/"], answers=leading_to(b"http://public.example/"), hops=1)
    assert said["https://start.example/"] == "The address redirects more than 1 times."
    assert tried == [(PUBLIC[0], 443), (PUBLIC[0], 80)]
    network = RecordingNetwork(leading_to(b"http://public.example/"))
    async with Outbound(Policy(), resolve=resolve, network=network) as outbound:
        with pytest.raises(AddressRefused, match="must start with https://"):
            async with outbound.stream("GET", "https://start.example/", timeout=5, max_redirects=5, https_only=True):
                pass
    assert network.tried == [(PUBLIC[0], 443)]


@pytest.mark.parametrize("opened", ["10.1.2.0/24", "192.168.7.7/32", "fd12:3456::/32", "127.0.0.1/32"])
async def test_an_opened_network_opens_itself_and_nothing_beside_it(opened: str) -> None:
    network = ip_network(opened)
    inside = {network[0], network[-1]}
    around = {network[0] - 1, network[-1] + 1} | {address for address in denied() if address not in network}
    policy = Policy(allowed_networks=(network,))
    _, tried = await outcomes([f"http://{as_host(address)}:8080/" for address in inside], policy)
    assert {host for host, _ in tried} == {str(address) for address in inside}
    said, tried = await outcomes([f"http://{as_host(address)}/" for address in around], policy)
    assert {url: words for url, words in said.items() if not re.fullmatch(addresses.PRIVATE, words)} == {}
    assert tried == []


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_no_web_address_is_refused_with_the_batch_in_the_contracts_words(door: Door) -> None:
    urls = [*WRITTEN[addresses.NOT_A_URL], *WRITTEN[addresses.SCHEME]]
    later = {url for url in urls if await accepted(door, "recording_url", url)}
    assert len(urls) - len(later) >= 50
    assert not later & set(WRITTEN[addresses.SCHEME]), "only an odd host may wait for the guard, which refuses it above"
    for url in ("http://public.example/x", "HTTP://public.example/", "ftp://public.example/", "//public.example/x"):
        assert not await accepted(door, "callback_url", url)


async def accepted(door: Door, field: str, url: str) -> bool:
    """Whether a batch with this URL is taken; where it is not, the answer is the one of the contract."""
    text = url.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    record = a_record(f"call-{abs(hash((field, url)))}")
    place = record["call"] if field == "recording_url" else record
    place[field] = text
    answer = await door.post(a_batch(record))
    if answer.status_code == 200:
        return True
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    path = "data[0].call.recording_url" if field == "recording_url" else "data[0].callback_url"
    words = "must be a URL address" + (" starting with https://" if field == "callback_url" else "")
    assert fault["field"] == path
    allowed = {
        f"{field} {words}",
        f"{field} should not be empty",
        f"{field} must be shorter than or equal to 2048 characters",
    }
    assert fault["message"] in {*allowed, f"{field} must not contain the character U+0000"}
    return False
