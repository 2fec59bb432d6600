"""The partner's side of the demo: a server for the recordings and a receiver for the callbacks, both on loopback."""

import datetime as dt
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from standardwebhooks import Webhook, WebhookVerificationError

HOST = "localhost"


@dataclass
class Received:
    """What the receiver got: the body of each call's callback, and whether its signature was the right one."""

    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    verified: dict[str, bool] = field(default_factory=dict)
    webhook_secret: str = ""


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for this run, because callbacks go to https addresses only.

    Returns:
        The file to trust, and the file to serve with.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    trusted, served = folder / "ca.pem", folder / "receiver.pem"
    trusted.write_bytes(certificate)
    served.touch(mode=0o600)
    served.write_bytes(certificate + private)
    return trusted, served


@contextmanager
def _running(handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def serve_recordings(files: dict[str, Path]) -> Iterator[str]:
    """Serve files by their name.

    Yields:
        The address under which they are.
    """

    class Recordings(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = files.get(self.path.removeprefix("/"))
            if path is None:
                self.send_error(404)
                return
            content = path.read_bytes()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the terminal for the demo's own lines."""

    with _running(Recordings) as port:
        yield f"http://{HOST}:{port}"


@contextmanager
def receive_callbacks(certificate: Path, received: Received) -> Iterator[str]:
    """Receive callbacks, verify each as a partner must, and acknowledge those that are right.

    Yields:
        The address to send them to.
    """

    class Callbacks(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                Webhook(received.webhook_secret).verify(body.decode(), headers)
                verified = True
            except WebhookVerificationError:
                verified = False
            told = json.loads(body)
            received.bodies[told["call_id"]] = told
            received.verified[told["call_id"]] = verified
            self.send_response(204 if verified else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the terminal for the demo's own lines."""

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with _running(Callbacks, tls) as port:
        yield f"https://{HOST}:{port}/callback"
