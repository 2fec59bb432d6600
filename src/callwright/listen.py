"""A receiver of callbacks for a developer's machine: verifies each, answers as a partner's should, and hands it on."""

import asyncio
import datetime as dt
import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from callwright.api.wire import GuardedProtocol
from callwright.errors import SetupError
from callwright_client import CallSummary, InvalidWebhook, Webhook

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

HOST = "127.0.0.1"
NAMES = ("localhost",)

MOST_BYTES = 8 * 1024**2
"""Of a callback: its `meta` alone can have nearly the 5 MB of a batch."""

BODY_SECONDS = 15.0
"""As long as Callwright waits for an answer."""

MOST_REMEMBERED = 10_000
"""Callbacks of which it is known whether they came before."""

VALID = dt.timedelta(days=365)
LEFT = dt.timedelta(days=7)
"""How long a certificate is good, and how much of that has to be left of one that is used again."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that was sent here.

    Attributes:
        at: When.
        status: What it was answered.
        problem: Why it is not believed; None where it is.
        webhook_id: What it calls itself; the same over all tries of a callback.
        again: Whether it was acknowledged before.
        body: The callback, where it is believed.
    """

    at: dt.datetime
    status: int
    problem: str | None
    webhook_id: str
    again: bool
    body: CallSummary | None


class Receiver:
    """An ASGI application that takes callbacks at any path.

    Args:
        webhook: Knows the secrets.
        tell: Is given whatever was sent, before it is answered.
    """

    def __init__(self, webhook: Webhook, tell: Callable[[Heard], None]) -> None:
        self._webhook = webhook
        self._tell = tell
        self._known: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request."""
        request = Request(scope, receive)
        answer = await self._answer(request)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            return PlainTextResponse("Callbacks are posted here.\n", 405, {"allow": "POST"})
        webhook_id = request.headers.get("webhook-id", "")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                raw = await _collected(request)
        except (TimeoutError, ClientDisconnect):
            return self._refused(408, "The body did not arrive.", webhook_id)
        if raw is None:
            return self._refused(413, f"The body has more than {MOST_BYTES // 1024**2} MB.", webhook_id)
        try:
            body = self._webhook.verify(raw, request.headers)
        except InvalidWebhook as error:
            return self._refused(401, str(error), webhook_id)
        again = webhook_id in self._known
        self._known[webhook_id] = None
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        self._tell(Heard(dt.datetime.now(dt.UTC), 204, None, webhook_id, again, body))
        return Response(status_code=204)

    def _refused(self, status: int, problem: str, webhook_id: str) -> Response:
        self._tell(Heard(dt.datetime.now(dt.UTC), status, problem, webhook_id, again=False, body=None))
        return PlainTextResponse(problem + "\n", status)


async def _collected(request: Request) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


class _Server(uvicorn.Server):
    """Leaves the signals to the command."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    receiver: Receiver, port: int, served: Path, *, ready: Callable[[int], None], stop: asyncio.Event
) -> None:
    """Serve on loopback until stopped.

    Args:
        receiver: Answers.
        port: To listen on; 0 takes a free one.
        served: The certificate with its key.
        ready: Is told the port.
        stop: Ends it when set.

    Raises:
        SetupError: The port is in use.
    """
    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        raise SetupError(f"Port {port} cannot be listened on: {error.strerror}", "Name another with --port") from None
    config = uvicorn.Config(
        receiver,
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=served,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)

    async def end() -> None:
        await stop.wait()
        server.should_exit = True

    ending = asyncio.create_task(end())
    ready(listener.getsockname()[1])
    try:
        await server.serve(sockets=[listener])
    finally:
        ending.cancel()
        listener.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for loopback, as callbacks go to https addresses only; one that is there is used again.

    The authority that signs it is made for it and its key thrown away: whoever trusts it trusts nothing else by it.

    Args:
        folder: Where both files are kept.

    Returns:
        The file to trust, and the file to serve with, which nobody else can read.

    Raises:
        SetupError: They cannot be written.
    """
    trusted, served = folder / "authority.pem", folder / "receiver.pem"
    if not _is_good(trusted, served):
        authority, own = _made()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            served.unlink(missing_ok=True)
            served.touch(mode=0o600)
            served.write_bytes(own)
            trusted.write_bytes(authority)
        except OSError as error:
            raise SetupError(
                f"{folder} cannot be written: {error.strerror}", "Name a folder in XDG_STATE_HOME"
            ) from None
    return trusted, served


def _is_good(trusted: Path, served: Path) -> bool:
    try:
        own = x509.load_pem_x509_certificate(served.read_bytes())
        own.verify_directly_issued_by(x509.load_pem_x509_certificate(trusted.read_bytes()))
    except Exception:  # noqa: BLE001 - whatever is wrong with them, they are made anew
        return False
    return own.not_valid_after_utc - dt.datetime.now(dt.UTC) > LEFT


def _made() -> tuple[bytes, bytes]:
    """The authority's certificate; the receiver's certificate and key."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        for name in ("callwright listen, on this machine", HOST)
    ]
    now = dt.datetime.now(dt.UTC)
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in NAMES]
    alternatives.append(x509.IPAddress(ipaddress.ip_address(HOST)))
    made = []
    for number in range(2):
        builder = (
            x509.CertificateBuilder(names[0], names[number], keys[number].public_key(), x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + VALID)
            .add_extension(x509.BasicConstraints(ca=number == 0, path_length=0 if number == 0 else None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[number].public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), critical=False)
            .add_extension(_usage(signs=number == 0), critical=True)
        )
        if number == 1:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        made.append(builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    key = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made[0], made[1] + key


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Without it, strict checks (RFC 5280, section 4.2.1.3; Python's own from 3.13 on) refuse an authority."""
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
