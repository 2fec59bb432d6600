"""An S3 server of the tests' own: SeaweedFS, a real one, as a process."""

import hashlib
import hmac
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

import httpx
import orjson
import pytest

from authority import authority
from callwright.db.launch import launched
from redis_server import free_port

BUCKET, REGION = "recordings", "eu-test-1"
KEY_ID, SECRET = "AKIATESTS", "a-secret-of-the-tests"
IDENTITIES = {
    "identities": [
        {
            "name": "callwright",
            "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
            "actions": ["Admin"],
        }
    ],
    "kms": {"default_provider": "local", "providers": {"local": {"type": "local", "enableOnDemandCreate": True}}},
}
OFF = ("admin.ui", "webdav", "master.telemetry", "s3.iam", "s3.autoCreateBucket")
PORTS = ("admin", "master", "volume", "filer", "s3")


@dataclass(frozen=True)
class S3Server:
    """A server.

    Attributes:
        origin: Where it is, in plain HTTP.
        tls_origin: Where it is over TLS, by a certificate of a private authority.
        ca_file: That authority's.
    """

    origin: str
    tls_origin: str
    ca_file: Path

    def environment(self, *, tls: bool = False) -> dict[str, str]:
        """What `Store` reads from the environment to get there."""
        return {
            "AWS_ENDPOINT_URL_S3": self.tls_origin if tls else self.origin,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def unfinished(self, prefix: str) -> list[str]:
        """The keys below a prefix of which an upload has begun and neither ended nor been given up."""
        root = ET.fromstring(self._ask("GET", BUCKET, {"uploads": "", "prefix": prefix}))
        return [str(key.text) for key in root.iterfind("{*}Upload/{*}Key")]

    def objects(self, prefix: str) -> list[str]:
        """The keys below a prefix."""
        root = ET.fromstring(self._ask("GET", BUCKET, {"list-type": "2", "prefix": prefix}))
        return [str(key.text) for key in root.iterfind("{*}Contents/{*}Key")]

    def make(self, bucket: str) -> None:
        """Make a bucket."""
        self._ask("PUT", bucket, {})

    def keep_versions(self, bucket: str) -> None:
        """Let a bucket keep old versions of its objects."""
        on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self._ask("PUT", bucket, {"versioning": ""}, on.encode())

    def _ask(self, method: str, bucket: str, query: dict[str, str], body: bytes = b"") -> bytes:
        """Ask what no store of ours asks: by a link as Signature Version 4 makes it."""
        now = datetime.now(UTC)
        scope = f"{now:%Y%m%d}/{REGION}/s3/aws4_request"
        query |= {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{KEY_ID}/{scope}",
            "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}",
            "X-Amz-Expires": "60",
            "X-Amz-SignedHeaders": "host",
        }
        written = urlencode(sorted(query.items()), quote_via=quote, safe="")
        host = self.origin.removeprefix("http://")
        canonical = f"{method}\n/{bucket}\n{written}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{hashed}"
        key = f"AWS4{SECRET}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.digest(key, part.encode(), "sha256")
        url = f"{self.origin}/{bucket}?{written}&X-Amz-Signature={key.hex()}"
        answer = httpx.request(method, url, content=body)
        assert answer.status_code == 200, answer.text
        return answer.content


def s3_program() -> str:
    """The server: CALLWRIGHT_TEST_SEAWEEDFS's, which must then be there, else what is here; skips where none is."""
    if named := os.environ.get("CALLWRIGHT_TEST_SEAWEEDFS"):
        program = shutil.which(named)
        assert program, f"CALLWRIGHT_TEST_SEAWEEDFS names {named}, and there is no such program"
        return program
    found = shutil.which("weed") or shutil.which(Path(sys.executable).with_name("weed"))
    if found is None:
        pytest.skip("no SeaweedFS here; make seaweedfs installs it")
    return found


@contextmanager
def an_s3(folder: Path) -> Iterator[S3Server]:
    """A server with a bucket on a port of loopback while the block runs; what it keeps goes with the folder."""
    ports = {name: free_port() for name in PORTS}
    (folder / "identities.json").write_bytes(orjson.dumps(IDENTITIES))
    settings = [f"-{name}.port={port}" for name, port in ports.items()]
    grpc = [free_port() for _ in PORTS]
    settings += [f"-{name}.port.grpc={port}" for name, port in zip(PORTS, grpc, strict=True)]
    (ca_file, _), tls, key = authority(folder, "localhost"), free_port(), folder / "server.pem"
    settings += [f"-s3.port.https={tls}", f"-s3.cert.file={key}", f"-s3.key.file={key}"]
    settings += [f"-{name}=false" for name in OFF] + ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    settings += [f"-{name}.localSocket={folder / name}.sock" for name in ("s3", "filer")]
    settings += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", f"-s3.config={folder / 'identities.json'}"]
    command = launched([s3_program(), "mini", *settings], at_owners_end=signal.SIGKILL)
    origin = f"http://127.0.0.1:{ports['s3']}"
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as server:
        try:
            _wait_for(origin, server, folder / "log")
            s3 = S3Server(origin, f"https://localhost:{tls}", ca_file)
            s3.make(BUCKET)
            yield s3
        finally:
            server.kill()
            for port in grpc:
                for left in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):
                    left.unlink()


def _wait_for(origin: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            if httpx.get(f"{origin}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"it has not started: {log.read_text('utf-8', 'replace')[-2000:]}")
