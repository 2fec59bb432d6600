"""`callwright listen`: what it believes, what it refuses, and that Callwright itself can reach it."""

import asyncio
import datetime as dt
import json
import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest

from callwright import listen
from callwright.callbacks import Delivery, RetryPolicy, attempt, signed_headers
from callwright.credentials import make_webhook_secret
from callwright.outbound import Outbound, Policy
from push.shell import Shell

BODY: dict[str, Any] = {
    "type": "CALL_SUMMARY",
    "call_id": "call-1",
    "status": "completed",
    "intent": "INTERESTED",
    "error": None,
    "summary": [{"chapter_name": "Pricing", "chapter_summary": "Twelve \x1b[31mseats."}],
    "bant": {"needs": "Fewer [b]missed[/b] calls", "objection": None},
    "quality": [],
    "meta": {"attempt": 2},
}


@dataclass
class Listener:
    """A running command."""

    url: str
    trusted: Path
    process: asyncio.subprocess.Process

    async def next(self) -> str:
        """The next line that it prints, when it is there."""
        assert self.process.stdout
        return (await self.process.stdout.readline()).decode()

    def delivery(self, body: bytes) -> Delivery:
        return Delivery(1, "msg_1", "call-1", self.url, body, 1, 4)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=ssl.create_default_context(cafile=self.trusted))


@asynccontextmanager
async def listening(folder: Path, secrets: str, *words: str) -> AsyncIterator[Listener]:
    shell = Shell(folder, {"CALLWRIGHT_WEBHOOK_SECRET": secrets})
    process = await shell.start("listen", "--port", "0", *words)
    assert process.stderr
    said = [(await process.stderr.readline()).decode() for _ in range(4)]
    url = said[0].split()[2].rstrip(";")
    allowed, trusted = (word.split("=")[1] for word in said[3].split())
    assert (url in said[1], allowed) == (True, "127.0.0.1")
    try:
        yield Listener(url, Path(trusted), process)
    finally:
        if process.returncode is None:
            process.terminate()
        printed, rest = await process.communicate()
        assert (process.returncode, rest) == (0, b""), printed


async def test_what_is_believed_and_what_is_not(tmp_path: Path) -> None:
    old, new = make_webhook_secret(), make_webhook_secret()
    body = json.dumps(BODY).encode()
    now = dt.datetime.now(dt.UTC)
    async with listening(tmp_path, f"{old}, {new}", "--json") as listener, listener.client() as client:
        delivery = listener.delivery(body)
        for secret, again in ((new, False), (old, True)):
            headers = signed_headers(delivery, [secret], now)
            assert (await client.post(listener.url + "any/path", content=body, headers=headers)).status_code == 204
            told = json.loads(await listener.next())
            assert (told["verified"], told["again"], told["body"]) == (True, again, BODY)
            assert (told["webhook_id"], told["status"], told["problem"]) == ("msg_1", 204, None)
        wrong = [
            (body, signed_headers(delivery, [make_webhook_secret()], now), "The signature fits none of the secrets."),
            (body + b" ", signed_headers(delivery, [new], now), "The signature fits none of the secrets."),
            (body, signed_headers(delivery, [new], now - dt.timedelta(minutes=6)), "too old"),
            (body, {}, "The header webhook-id is missing."),
            (b"[]", signed_headers(listener.delivery(b"[]"), [new], now), "not a JSON object"),
        ]
        for sent, headers, says in wrong:
            answer = await client.post(listener.url, content=sent, headers=headers)
            assert answer.status_code == 401
            assert says in answer.text
            told = json.loads(await listener.next())
            assert (told["verified"], told["status"], told["body"]) == (False, 401, None)
            assert says in told["problem"]
        refused = await client.get(listener.url)
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


async def test_a_body_without_an_end_has_one(tmp_path: Path) -> None:
    async with listening(tmp_path, make_webhook_secret(), "--json") as listener, listener.client() as client:

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(listen.MOST_BYTES // 65536 + 1):
                yield bytes(65536)

        answer = await client.post(listener.url, content=endless())
        assert answer.status_code == 413
        assert json.loads(await listener.next())["status"] == 413


async def test_a_callback_is_shown_to_be_read(tmp_path: Path) -> None:
    secret = make_webhook_secret()
    async with listening(tmp_path, secret) as listener, listener.client() as client:
        body = json.dumps(BODY).encode()
        headers = signed_headers(listener.delivery(body), [secret], dt.datetime.now(dt.UTC))
        await client.post(listener.url, content=body, headers=headers)
        await client.post(listener.url, content=body, headers={})
        shown = [await listener.next() for _ in range(10)]
        assert shown[0] == "\n"
        assert shown[1].endswith("verified CALL_SUMMARY call-1 completed\n")
        assert [line.strip() for line in shown[2:8]] == [
            "intent: INTERESTED",
            "summary",
            "· chapter name: Pricing; chapter summary: Twelve [31mseats.",
            "bant: needs: Fewer [b]missed[/b] calls",
            "meta: attempt: 2",
            "webhook-id msg_1",
        ]
        assert "REFUSED 401: The header webhook-id is missing." in shown[9]


async def test_callwright_reaches_it_with_what_it_says_is_needed(tmp_path: Path) -> None:
    secret = make_webhook_secret()
    async with listening(tmp_path, secret, "--json") as listener:
        policy = Policy(allowed_networks=(ip_network("127.0.0.1"),), ca_file=listener.trusted)
        delivery = listener.delivery(json.dumps(BODY).encode())
        async with Outbound(policy) as outbound:
            outcome = await attempt(outbound, delivery, [secret], RetryPolicy())
        assert outcome.http_status == 204
        assert json.loads(await listener.next())["body"] == BODY


def test_a_certificate_is_used_again_while_it_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted, served = listen.certificate(tmp_path / "listen")
    before = trusted.read_bytes()
    assert stat.S_IMODE(served.stat().st_mode) == 0o600
    assert before.count(b"BEGIN CERTIFICATE") == 1
    assert b"PRIVATE KEY" not in before
    listen.certificate(tmp_path / "listen")
    assert trusted.read_bytes() == before
    monkeypatch.setattr(listen, "LEFT", listen.VALID)
    listen.certificate(tmp_path / "listen")
    assert trusted.read_bytes() != before
    monkeypatch.undo()
    served.write_bytes(b"")
    assert listen.certificate(tmp_path / "listen")[1].read_bytes() != b""


@pytest.mark.parametrize(
    ("secrets", "says"),
    [("", "CALLWRIGHT_WEBHOOK_SECRET is not set"), ("whsec_!", "CALLWRIGHT_WEBHOOK_SECRET cannot be used")],
)
async def test_it_needs_a_secret(tmp_path: Path, secrets: str, says: str) -> None:
    assert says in await Shell(tmp_path, {"CALLWRIGHT_WEBHOOK_SECRET": secrets}).run("listen", code=1)


async def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    secret = make_webhook_secret()
    async with listening(tmp_path, secret) as listener:
        port = listener.url.rsplit(":", 1)[1].rstrip("/")
        shell = Shell(tmp_path, {"CALLWRIGHT_WEBHOOK_SECRET": secret})
        assert f"Port {port} cannot be listened on" in await shell.run("listen", "--port", port, code=1)
