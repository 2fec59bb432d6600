"""What may be reached: the rules for addresses, and connections to checked addresses only."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

import httpcore
import httpx

from callwright.outbound.stream import BoundedStream

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DENIED: tuple[Network, ...] = tuple(
    ip_network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32", "168.63.129.16/32"),
        *("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32"),
        *("2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
)
"""Never reached, whatever a library calls global: the IANA special-purpose registries and cloud metadata."""

GLOBAL_UNICAST = ip_network("2000::/3")
"""All that IANA has given out of IPv6 for public use (RFC 4291, section 2.4)."""

ISATAP = frozenset({0x00005EFE, 0x02005EFE})
"""Half an interface's name where the other half is an IPv4 address, whatever network it is in (RFC 5214, 6.1)."""

MAX_URL = 8192
_HOST_NAME = re.compile(r"[a-z0-9._-]{1,253}")
_AUTHORITY = re.compile(r"[a-z]+://([^/?#]*)", re.IGNORECASE)
_MOST_ADDRESSES = 4


class AddressRefused(Exception):
    """An address that must not be reached; the text is a sentence for the partner and names no resolved address."""


class NameFailed(Exception):
    """A name that has no address at the moment; the text is a sentence for the partner."""


class NameSilent(NameFailed):
    """A name of which nobody said in time whether it has an address."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be reached beyond the public internet's web ports.

    Attributes:
        allowed_hosts: Names, in lower case, that are reached whatever they resolve to, on any port.
        allowed_networks: Networks that are reached although they are not public, on any port.
        allowed_ports: The ports of everybody else.
        ca_file: A PEM file with certificate authorities to trust beside the public ones.
    """

    allowed_hosts: frozenset[str] = frozenset()
    allowed_networks: tuple[Network, ...] = ()
    allowed_ports: frozenset[int] = frozenset({80, 443})
    ca_file: Path | None = None


@lru_cache(maxsize=1024)  # it depends on the text alone, and callbacks go to the same few addresses
def check_url(url: str, *, https_only: bool = False) -> httpx.URL:
    """Check what can be seen without asking the network.

    Args:
        url: Absolute.
        https_only: Whether plain http is refused as well.

    Returns:
        The URL, as the one parser read it that the connection will be made by.

    Raises:
        AddressRefused: Not http(s), credentials in it, or a host that is neither a name nor an address.
    """
    try:
        parsed = httpx.URL(url) if len(url) <= MAX_URL else None
    except (httpx.InvalidURL, UnicodeError, ValueError):
        parsed = None
    if parsed is None:
        raise AddressRefused("The address is not a URL.")
    if parsed.scheme not in ("http", "https"):
        raise AddressRefused("The address must start with https:// or http://.")
    if https_only and parsed.scheme != "https":
        raise AddressRefused("The address must start with https://.")
    authority = _AUTHORITY.match(url)
    if authority is None:
        raise AddressRefused("The address is not a URL.")
    if "@" in authority[1] or parsed.userinfo:
        raise AddressRefused("The address must not contain a user name or a password.")
    host = parsed.raw_host.decode("ascii")
    if not (_HOST_NAME.fullmatch(host) or (_literal(host) and "%" not in host)):
        raise AddressRefused("The address has no valid host.")
    if not 0 < _port(parsed) < 65536:
        raise AddressRefused("The address has no valid port.")
    return parsed


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that were checked a moment before, and to no other."""

    def __init__(self, policy: Policy, resolve: Resolver, network: httpcore.AsyncNetworkBackend) -> None:
        self._policy = policy
        self._resolve = resolve
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, check every answer, connect to one of them; the first few are tried in turn."""
        addresses = (await self._checked(host, port, timeout))[:_MOST_ADDRESSES]
        share = None if timeout is None else timeout / len(addresses)
        failure: Exception | None = None
        for address in addresses:
            try:
                stream = await self._network.connect_tcp(str(address), port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return BoundedStream(stream)
        raise failure or httpcore.ConnectError("No address")

    async def _checked(self, host: str, port: int, limit: float | None) -> list[Address]:
        literal = _literal(host)
        try:
            async with asyncio.timeout(limit):
                answers = [str(literal)] if literal else await self._resolve(host, port)
        except TimeoutError:
            raise NameSilent(f"The name {host} could not be resolved in time.") from None
        except (OSError, UnicodeError):
            answers = []
        addresses = list(dict.fromkeys(_plain(answer) for answer in answers))
        if not addresses:
            raise NameFailed(f"The name {host} could not be resolved.")
        if host.lower().rstrip(".") in self._policy.allowed_hosts:
            return addresses
        closed = [a for a in addresses if not any(a in network for network in self._policy.allowed_networks)]
        if any(_denied(address) for address in closed):
            raise AddressRefused(f"The host {host} is not on the public internet.")
        if closed and port not in self._policy.allowed_ports:
            raise AddressRefused(f"Port {port} must not be used.")
        return addresses


def _port(url: httpx.URL) -> int:
    if url.port is not None:
        return url.port
    return 443 if url.scheme == "https" else 80


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _plain(answer: str) -> Address:
    """An address as it is judged and connected to: IPv4 where it is IPv4 in IPv6's clothes."""
    try:
        address = ip_address(answer)
    except ValueError:
        raise AddressRefused("The host has no valid address.") from None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise AddressRefused("The host is not on the public internet.")
        return address.ipv4_mapped or address
    return address


def _denied(address: Address) -> bool:
    if not address.is_global or any(address in network for network in DENIED):
        return True
    if isinstance(address, IPv4Address):
        return False
    inside = IPv4Address(int(address) & 0xFFFFFFFF)
    return address not in GLOBAL_UNICAST or (int(address) >> 32 & 0xFFFFFFFF in ISATAP and _denied(inside))
