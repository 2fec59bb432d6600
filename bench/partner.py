"""The partner's two servers in a process of their own: recordings over HTTP, callbacks over TLS, both on loopback."""

import asyncio
import contextlib
import datetime as dt
import json
import random
import ssl
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import cast

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.batches import Places
from bench.house import House, first_line, running

RECORDING_SECONDS = 60
RATE = 8000


@dataclass(frozen=True, slots=True)
class Partner:
    """Where the partner's servers are, and the file of whom to trust for the second one."""

    recordings: str
    callbacks: str
    trusted: Path
    _port: int

    def places(self, path: str = "recording.wav") -> Places:
        """Where recordings of a batch are, and where its callbacks go."""
        return Places(recording=f"{self.recordings}/{path}?{{id}}", callback=self.callbacks)

    async def received(self) -> int:
        """How many signed callbacks have come."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"GET /count HTTP/1.1\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.close()
        return int(body)


@asynccontextmanager
async def a_partner(house: House) -> AsyncIterator[Partner]:
    """Run the partner's servers for the block's time."""
    trusted, served = make_certificate(house.folder)
    log = house.folder / "partner.log"
    (house.folder / "recording.wav").write_bytes(mu_law(RECORDING_SECONDS))
    with running(["bench.partner", str(house.folder), str(served)], house.environment, log) as process:
        plain, tls = json.loads(await first_line(process, log))
        yield Partner(f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{tls}/callback", trusted, plain)


def mu_law(seconds: int) -> bytes:
    """A mono recording as telephone systems keep them: WAV, mu-law, 8 kHz; noise costs a decoder what speech does."""
    samples = random.Random(seconds).randbytes(seconds * RATE)
    form = struct.pack("<HHIIHHH", 7, 1, RATE, RATE, 1, 8, 0)
    parts = [(b"fmt ", form), (b"fact", struct.pack("<I", len(samples))), (b"data", samples)]
    body = b"WAVE" + b"".join(name + struct.pack("<I", len(data)) + data for name, data in parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this run: the file to trust, and the file to serve with."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    trusted, served = folder / "ca.pem", folder / "receiver.pem"
    trusted.write_bytes(certificate)
    served.write_bytes(certificate + private)
    return trusted, served


class _Answers(asyncio.Protocol):
    """The least that an HTTP/1.1 server can be."""

    signed = 0

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._asked += data
        while (end := self._asked.find(b"\r\n\r\n")) >= 0:
            head = self._asked[:end].lower()
            at = head.find(b"content-length: ")
            length = int(head[at + 16 :].split(b"\r\n")[0]) if at >= 0 else 0
            if len(self._asked) < end + 4 + length:
                return
            self._asked = self._asked[end + 4 + length :]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        if head.startswith(b"post "):
            type(self).signed += b"webhook-signature: v1," in head
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        elif head.startswith(b"get /recording"):
            name = head[5:].split(b" ")[0].split(b"?")[0].decode()
            self._send(b"200 OK", (self._folder / name).read_bytes())
        elif head.startswith(b"get /count"):
            self._send(b"200 OK", str(type(self).signed).encode())
        else:
            self._send(b"404 Not Found", b"")

    def _send(self, status: bytes, body: bytes) -> None:
        self._transport.write(b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body)


async def _serve(folder: Path, certificate: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        ports = []
        for context in (None, tls):
            server = await loop.create_server(lambda: _Answers(folder), "127.0.0.1", 0, ssl=context, backlog=1024)
            await stack.enter_async_context(server)
            ports.append(server.sockets[0].getsockname()[1])
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1]), Path(sys.argv[2])))
