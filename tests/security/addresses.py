"""Addresses that must never be reached, in every notation that some parser or resolver takes for another."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DENIED: tuple[Network, ...] = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32", "168.63.129.16/32", "::/96", "::1/128", "64:ff9b::/96",
        "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7",
        "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
"""Written out once more, from the IANA special-purpose registries and the clouds' documentation."""

PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c")

NOT_A_URL = "The address is not a URL."
SCHEME = "The address must start with https:// or http://."
CREDENTIALS = "The address must not contain a user name or a password."
HOST = "The address has no valid host."
PORT = "The address has no valid port."
OTHER_PORT = r"Port \d+ must not be used\."
PRIVATE = r"The host (\S+ )?is not on the public internet\."
SENTENCES = f"{NOT_A_URL}|{SCHEME}|{CREDENTIALS}|{HOST}|{PORT}|{OTHER_PORT}|{PRIVATE}"

NAMES: dict[str, tuple[str, ...]] = {
    "localhost": ("127.0.0.1", "::1"),
    "localtest.example": ("127.0.0.1",),
    "private.example": ("10.0.0.1",),
    "unique-local.example": ("fd12:3456::1",),
    "mapped.example": ("::ffff:192.168.0.1",),
    "nat64.example": ("64:ff9b::a9fe:a9fe",),
    "isatap.example": ("2606:2800::5efe:a00:1",),
    "zone.example": ("fe80::1%eth0",),
    "mixed.example": (PUBLIC[0], "10.0.0.1"),
    "mixed-families.example": (PUBLIC[0], PUBLIC[1], "fd00::1"),
    "last-of-many.example": (*(f"93.184.{n // 250}.{n % 250 + 1}" for n in range(1000)), "127.0.0.1"),
    "metadata.google.internal": ("169.254.169.254",),
    "metadata.azure.internal": ("169.254.169.254",),
    "instance-data.ec2.internal": ("fd00:ec2::254",),
    "wire.azure.example": ("168.63.129.16",),
    "metadata.alibaba.example": ("100.100.100.200",),
    "docker.example": ("172.17.0.1",),
    "kubernetes.default.svc": ("10.96.0.1",),
    "xn--lgon-8ra.example": ("192.168.0.9",),
}
"""What the resolver answers; every other name is public. A name that stands for another (CNAME) looks the same."""

WRITTEN: dict[str, tuple[str, ...]] = {
    NOT_A_URL: (
        "http:", "https:public.example",
        "http:/public.example/x", "http:/\\public.example/x", "http:\\\\127.0.0.1\\", "http://[::1", "http://::1]/",
        "http://[]/", "http://[::1]x/", "http://[1.2.3]/", "http://[v1.a]/", "http://[::12345]/", "http://[:::1]/",
        "http://[::1]]/", "http://[[::1]]/", "http://[::ffff:127.0.0.1.5]/", "http://[127.0.0.1]/",
        "http://public.example:x/", "http://public.example:8 0/", "http://public.example:0x50/",
        "http://public.example/\r\nhost: 127.0.0.1", "http://pub\nlic.example/",
        "http://pub\tlic.example/", "http://public.example/\0", "http://pub\u0000lic.example/",
        "\x01http://public.example/",
        "http://\u200bpublic.example/", "http://\u202epublic.example/",
        f"http://public.example/{'a' * 9000}", f"http://{'a' * 300}.example\u00fc/", "http://xn--\u00fc/",
        "http://\ud800.example/",
    ),
    SCHEME: (
        "", " ", "/relative", "//public.example/x", "public.example/x", " http://public.example/",
        "http ://public.example/", "file:///etc/passwd", "FILE:///etc/passwd", "file://127.0.0.1/etc/passwd",
        "ftp://public.example/x",
        "FTP://public.example/x", "gopher://public.example:80/_GET", "data:audio/wav;base64,AA", "javascript:alert(1)",
        "JavaScript://public.example/%0aalert(1)", "ws://public.example/", "wss://public.example/", "concat:a|b",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/", "unix:/run/x.sock", "s3://bucket/key", "dict://127.0.0.1:11211/stat",
        "ldap://127.0.0.1/", "tftp://127.0.0.1/x", "jar:http://127.0.0.1/x!/", "rtsp://public.example/",
        "mailto:a@b.example",
        "blob:http://public.example/x", "view-source:http://127.0.0.1/", "subfile,,start,0,end,9,,:/etc/passwd",
        "tel:+15550100",
    ),
    CREDENTIALS: (
        "http://user@public.example/", "http://user:secret@public.example/", "http://:secret@public.example/",
        "http://:@public.example/", "http://@public.example/", "http://public.example@127.0.0.1/",
        "http://public.example:80@127.0.0.1/", "http://127.0.0.1@public.example/", "http://public.example\\@127.0.0.1/",
        "http://a@b@public.example/", "http://user%40public.example@127.0.0.1/", "http://public.example%23@127.0.0.1/",
        "https://public.example%2f@127.0.0.1/", "http://[::1]@public.example/", "http://public.example&@127.0.0.1/",
    ),
    HOST: (
        "http://", "http:///x", "http://[::1%25]/",
        "http://127.0.0.1%00.public.example/", "http://127.0.0.1%2f.public.example/", "http://127.0.0.1%2e/",
        "http://*.public.example/", "http://public,example/", "http://public;example/", "http://(public).example/",
        "http://a+b.example/", "http://a~b.example/", "http://a!b.example/", "http://a'b.example/",
        "http://$(id).example/",
        f"http://{'a.' * 127}/", "http://[2606:2800::1%25lo]/", "http://[fe80::1%25eth0]/", "http://[::1%25lo]/",
    ),
    PORT: (
        "http://public.example:-1/", "http://public.example:999999999999999999999/", "http://public.example:0/",
        "http://public.example:65536/", "https://public.example:99999/", "http://127.0.0.1:0/",
    ),
    OTHER_PORT: (
        "http://public.example:1/", "http://public.example:22/", "http://public.example:25/",
        "https://public.example:6379/",
        "http://public.example:8080/", "http://public.example:65535/", "http://93.184.215.14:5432/",
        "http://public.example:00081/",
        "http://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:11211/",
    ),
    PRIVATE: (
        "http://localhost/", "HTTP://LOCALHOST/", "hTTpS://LocalHost/", "http://localhost./", "http://localhost:80/",
        "http://127.0.0.1#@public.example/", "http://127.0.0.1?@public.example/", "http://127.0.0.1/@public.example/",
        "http://127.0.0.1:443/", "http://127.0.0.1:/", "http://0/", "http://0x0/", "http://00/", "http://0.0/",
        "http://127.1./",
        "http://127.0.0.1/%2e%2e/x", "http://metadata.google.internal/computeMetadata/v1/",
        "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/latest/", "http://168.63.129.16/metadata",
        "http://100.100.100.200/latest/", "http://[::]/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/",
        "http://[0000::0001]/",
        "http://[::0:1]/", "http://[::127.0.0.1]/", "http://[::7f00:1]/", "http://[::ffff:127.0.0.1]/",
        "http://[::FFFF:7F00:1]/",
        "http://[0:0:0:0:0:ffff:7f00:0001]/", "http://[::ffff:0:127.0.0.1]/", "http://[64:ff9b::127.0.0.1]/",
        "http://[64:ff9b:1::a00:1]/", "http://[2002:7f00:1::]/", "http://[2002:a9fe:a9fe::1]/",
        "http://[2001:0:a00:1::1]/",
        "http://[2001::5efe:a00:1]/", "http://[2606:2800::5efe:127.0.0.1]/", "http://[2606:2800::200:5efe:10.0.0.1]/",
        "http://[4000::1]/", "http://[1::1]/", "http://[ffff::1]/", "http://[e000::1]/", "http://[ff02::1]/",
        "http://[ff0e::1]/",
        *(f"http://{name}/" for name in NAMES), *(f"https://{name.upper()}.:443/x" for name in NAMES),
    ),
}  # fmt: skip
"""URLs by the sentence that refuses them."""

METADATA = ("127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "168.63.129.16", "100.100.100.200")


def notations(address: str) -> Iterator[str]:
    """Ways to write an IPv4 address that some parser understands, but not as it looks."""
    a, b, c, d = IPv4Address(address).packed
    whole = int(IPv4Address(address))
    yield from (str(whole), hex(whole), f"0X{whole:X}", f"{whole:#o}".replace("0o", "0"), f"0x{whole:016x}")
    yield from (f"{a:#x}.{b:#x}.{c:#x}.{d:#x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"{a:#x}.0{b:o}.{c}.{d:#x}")
    yield from (f"{a}.{b << 16 | c << 8 | d}", f"{a}.{b}.{c << 8 | d}", f"{a:#x}.{whole & 0xFFFFFF:#x}")
    yield from (f"000{a:o}.{b}.{c}.{d}", f"{address}.", f"{address}..", f"{whole}.")
    yield from ("".join(f"%{ord(digit):02x}" for digit in address), address.replace(".", "%2e"))
    yield address.translate({ord("0") + n: 0xFF10 + n for n in range(10)})  # full width
    yield address.translate({ord("0"): 0x24EA} | {ord("0") + n: 0x245F + n for n in range(1, 10)})  # enclosed
    yield address.translate({ord("0") + n: 0x1D7CE + n for n in range(10)})  # mathematical
    yield address.translate({ord("0") + n: 0x0660 + n for n in range(10)})  # Arabic-Indic
    yield from (address.replace(".", dot) for dot in "\u3002\uff0e\uff61")
    yield from (address.replace("0", "0\u00ad"), f"{address}\u200b", f"{address}:80:80", f"{a}.{b}.{c}.{d}.0")


def clothed(address: Address) -> Iterator[IPv6Address]:
    """IPv6 addresses that carry an IPv4 address: mapped, compatible, translated, 6to4, Teredo and ISATAP."""
    if isinstance(address, IPv6Address):
        return
    inside = int(address)
    for prefix in ("::ffff:0:0", "::", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "2606:2800::5efe:0:0"):
        yield IPv6Address(int(IPv6Address(prefix)) | inside)
    yield IPv6Address(0x2002 << 112 | inside << 80 | 1)
    yield IPv6Address(0x20010000 << 96 | inside << 64 | (inside ^ 0xFFFFFFFF))
    yield IPv6Address(int(IPv6Address("2606:2800::200:5efe:0:0")) | inside)


def denied() -> Iterator[Address]:
    """The first, middle and last address of every denied network, and each in IPv6's clothes."""
    for network in DENIED:
        for address in {network[0], network[network.num_addresses // 2], network[-1]}:
            yield ip_address(int(address)) if address.version == 4 else address
            yield from clothed(address)


def as_host(address: Address) -> str:
    """An address as it stands in a URL."""
    return f"[{address}]" if address.version == 6 else str(address)
