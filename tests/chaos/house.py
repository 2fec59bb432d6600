"""A house to break: a real database, `callwright serve` and `callwright worker` as an operator runs them, a partner."""

import asyncio
import hashlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from os import environ
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from authority import authority
from callwright.db import Connection, open_pool
from callwright.db.launch import launched
from callwright.db.roles import EVERY_PARTNER
from callwright.partners import NewPartner
from chaos.ledger import WITNESS, Figures, Ledger, judge
from local_server import LocalServer, serve
from submissions import onboard

BATCH_CALL = "/api/v1/partner/ingest/batch-call"
SECRET_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
CALLWRIGHT = ("-m", "callwright")
RESTART_SECONDS = 0.5
PAUSE_SECONDS = 0.2
TRANSCRIPT = [
    {"speaker": "agent", "start": 0.0, "end": 1.0, "text": "Good morning, this is Asha. Is the price the open point?"},
    {"speaker": "customer", "start": 1.0, "end": 2.0, "text": "It is too expensive for us, but I want to buy it soon."},
]


class Process:
    """One `callwright` process, started again half a second after its end, as a supervisor does.

    Args:
        words: What Python runs, as `-m`, `callwright` and `worker`.
        environment: Its variables.
        at_first: Variables of its first life alone.
        log: Where its output goes.
        inherited: Descriptors that it inherits.
        before: A command that runs Python's, as `ip netns exec NAME`.
    """

    def __init__(
        self,
        *words: str,
        environment: Mapping[str, str],
        at_first: Mapping[str, str],
        log: Path,
        inherited: tuple[int, ...] = (),
        before: Sequence[str] = (),
    ) -> None:
        self.log = log
        self.ends: list[int] = []
        """The exit code of each life that has ended; -9 is a SIGKILL."""
        self.environment = environment
        self._command = launched([*before, sys.executable, *words], at_owners_end=signal.SIGKILL)
        self._at_first = at_first
        self._inherited = inherited
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._may_run = asyncio.Event()
        self._may_run.set()
        self._has_ended = asyncio.Event()
        self._has_ended.set()
        self._starting = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """Its number while it lives."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def supervise(self) -> None:
        """Run it until `stop` is called."""
        while True:
            while not self._may_run.is_set():  # it may be halted again before this has seen that it may go on
                await self._may_run.wait()
            if self._stopping:
                return
            async with self._starting:
                self._has_ended.clear()
                self._process = process = await self._begin()
            self.ends.append(await process.wait())
            self._has_ended.set()
            if not self._stopping:
                await asyncio.sleep(RESTART_SECONDS)

    async def _begin(self) -> asyncio.subprocess.Process:
        with self.log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env={**self.environment, **({} if self.ends else self._at_first)},
                stdout=output,
                stderr=output,
                pass_fds=self._inherited,
                start_new_session=True,
            )
        if self._stopping:  # said while there was nobody yet to be told
            process.kill()
        return process

    def send(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal, where it lives."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def halt(self, number: signal.Signals) -> None:
        """Send it a signal that ends it, and have it not started again until `go_on` is called."""
        self._may_run.clear()
        async with self._starting:  # whoever is being started gets the signal once he is there
            self.send(number)
        await self._has_ended.wait()

    def go_on(self) -> None:
        """Start it again."""
        self._may_run.set()

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it for good, at once or as the signal says."""
        self._stopping = True
        self._may_run.set()
        self.send(number)


@dataclass
class House:
    """The processes, the partner's two servers, and the ledger.

    Attributes:
        database_url: Of the owner of the tables.
        partner: Who pushes.
        client: The partner's HTTP client.
        recordings: Serves the recordings.
        receiver: Gets the callbacks at `callback_url`, and writes each down.
        ledger: The judge's books.
        store: The folder of the recordings.
        temporary: Where the processes keep what they need for a while.
        acknowledges: The status that the receiver answers with.
        processes: By name: `serve`, `worker-1`, `worker-2`, …
        folder: Where they write their logs.
        environment: Their variables.
        group: Runs them.
    """

    database_url: str
    partner: NewPartner
    client: httpx.AsyncClient
    recordings: LocalServer
    receiver: LocalServer
    ledger: Ledger
    store: Path
    temporary: Path
    folder: Path
    environment: dict[str, str]
    acknowledges: int = 204
    processes: dict[str, Process] = field(default_factory=dict)
    group: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)

    @property
    def callback_url(self) -> str:
        """Where callbacks are received."""
        return self.receiver.url("/hook", scheme="https", host="localhost")

    def record(self, call_id: str, recording_url: str, **changes: Any) -> dict[str, Any]:
        """A call of a batch, with a transcript and without a callback; None takes a field out."""
        whole = {
            "call": {
                "id": call_id,
                "recording_url": recording_url,
                "start_time": "2026-01-01T10:00:00Z",
                "end_time": "2026-01-01T10:00:03Z",
                "contact_number": "+12025550123",
            },
            "agent": {"id": "agent-1"},
            "customer": {"id": "customer-1"},
            "transcript": TRANSCRIPT,
            **changes,
        }
        return {name: value for name, value in whole.items() if value is not None}

    async def push(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        """Send a batch until it is answered 200, write that down, and return the answer's `data`.

        No answer at all and a 503 are what a partner must live with; every other answer is a fault.
        """
        while True:
            with suppress(httpx.TransportError):
                answer = await self.client.post(BATCH_CALL, json={"data": records})
                if answer.status_code == 200:
                    data: dict[str, Any] = answer.json()["data"]
                    self.ledger.answered(data)
                    return data
                assert answer.status_code == 503, answer.text
            await asyncio.sleep(PAUSE_SECONDS)

    @asynccontextmanager
    async def closed(self, number: signal.Signals = signal.SIGTERM) -> AsyncIterator[None]:
        """No process runs as long as the block does; a partner who asks meanwhile waits for his answer."""
        await asyncio.gather(*(process.halt(number) for process in self.processes.values()))
        yield
        for process in self.processes.values():
            process.go_on()

    def move_to(self, database_url: str) -> None:
        """Use another database from the next start of each process on."""
        self.database_url = database_url
        for process in self.processes.values():
            process.environment = {**process.environment, "CALLWRIGHT_DATABASE_URL": database_url}

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[Connection]:
        """A connection that sees every row."""
        connection = await asyncpg.connect(self.database_url, server_settings={"role": EVERY_PARTNER})
        try:
            yield connection
        finally:
            await connection.close()

    async def settled(self, within: float) -> Figures:
        """Wait until nothing is left to do, and judge.

        Args:
            within: Seconds; what is not done by then is judged as it stands.

        Raises:
            AssertionError: As `judge`, or the store holds something else than the recordings of the calls.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._idle()
        async with self.looking() as connection:
            figures = await judge(self.ledger, connection)
            kept = await connection.fetch("SELECT store_key, encode(sha256, 'hex') FROM recordings")
        assert await asyncio.to_thread(_files, self.store) == {tuple(row) for row in kept}, (
            "the store is not as it says"
        )
        return figures

    async def _idle(self) -> None:
        """Wait until every call has ended and no job is left, over databases that go away."""
        open_calls = "state NOT IN ('completed', 'failed') OR callback_state = 'pending'"
        busy = f"SELECT EXISTS (SELECT FROM calls WHERE {open_calls}) OR EXISTS (SELECT FROM pgqueuer)"
        while True:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                async with self.looking() as connection:
                    while await connection.fetchval(busy):  # noqa: ASYNC110 - other processes do the work
                        await asyncio.sleep(PAUSE_SECONDS)
                return
            await asyncio.sleep(PAUSE_SECONDS)

    def join(self, name: str, *options: str, before: Sequence[str] = (), **settings: str) -> Process:
        """Start another worker, with options and settings of its own."""
        environment = {**self.environment, **{f"CALLWRIGHT_{name}": value for name, value in settings.items()}}
        words = (*CALLWRIGHT, "worker", *options)
        log = self.folder / f"{name}.log"
        process = Process(*words, environment=environment, at_first={}, log=log, before=before)
        self.processes[name] = process
        self.group.create_task(process.supervise())
        return process

    def said(self, lines: int = 30) -> str:
        """The last lines of every process, for whoever has to find out why."""
        tails = {name: process.log.read_text("utf-8", "replace") for name, process in self.processes.items()}
        return "\n".join(f"--- {name}\n" + "\n".join(text.splitlines()[-lines:]) for name, text in tails.items())


@asynccontextmanager
async def a_house(
    folder: Path,
    database_url: str,
    *,
    workers: int = 1,
    at_first: Mapping[str, str] | None = None,
    program: Sequence[str] = CALLWRIGHT,
    **settings: str,
) -> AsyncIterator[House]:
    """Start everything, and end it without mercy: whatever was not done by then is of no interest.

    Args:
        folder: For data, logs and the journals.
        database_url: A database with the schema, of the role that owns it.
        workers: How many worker processes.
        at_first: Variables of each process's first life alone.
        program: What the workers run instead of `callwright`.
        settings: Settings for all of its processes, as `WORKER_CONCURRENCY="2"`, without the prefix.
    """
    partner = await _partner(database_url)
    ca_file, tls = authority(folder, "localhost")
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2048))
        house = House(
            *(database_url, partner),
            client=await stack.enter_async_context(_client(listener.getsockname()[1], partner)),
            recordings=await stack.enter_async_context(serve()),
            receiver=await stack.enter_async_context(serve(tls)),
            ledger=Ledger(folder),
            store=folder / "data" / "store",
            temporary=folder / "tmp",
            folder=folder,
            environment=_environment(folder, database_url, ca_file, settings),
        )
        stack.callback(house.ledger.close)
        house.temporary.mkdir(exist_ok=True)
        house.receiver.routes["/hook"] = _receiving(house)
        commands: dict[str, tuple[str, ...]] = {"serve": (*CALLWRIGHT, "serve", "--fd", str(listener.fileno()))}
        commands |= {f"worker-{number + 1}": (*program, "worker") for number in range(workers)}
        for name, words in commands.items():
            house.processes[name] = Process(
                *words,
                environment=house.environment,
                at_first=at_first or {},
                log=folder / f"{name}.log",
                inherited=(listener.fileno(),) if name == "serve" else (),
            )
        with _told_more(house):
            async with _supervised(house):
                yield house


@asynccontextmanager
async def _supervised(house: House) -> AsyncIterator[None]:
    async with house.group as group:
        for process in house.processes.values():
            group.create_task(process.supervise())
        try:
            yield
        finally:
            for process in house.processes.values():
                process.stop()


@contextmanager
def _told_more(house: House) -> Iterator[None]:
    """Add what the processes said to an error."""
    try:
        yield
    except Exception as error:
        error.add_note(house.said())
        raise


async def _partner(database_url: str) -> NewPartner:
    """Add a partner, and the witness."""
    pool = await open_pool(database_url, size=1, name="chaos")
    try:
        async with pool.acquire() as connection:
            await connection.execute(WITNESS)
        return await onboard(pool)
    finally:
        await pool.close()


def _client(port: int, partner: NewPartner) -> httpx.AsyncClient:
    headers = {
        "x-api-key": partner.api_key,
        "x-api-secret": partner.api_secret,
        "x-tenant-id": "tenant",
        "x-sub-tenant-id": "subtenant",
    }
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30, trust_env=False)


def _receiving(house: House) -> Any:
    async def receive(request: bytes, writer: asyncio.StreamWriter) -> None:
        head, body = request.split(b"\r\n\r\n", 1)
        lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
        webhook_id = next(value for name, _, value in lines if name.lower() == "webhook-id")
        house.ledger.called_back(webhook_id, body, status=house.acknowledges)
        writer.write(f"HTTP/1.1 {house.acknowledges} X\r\ncontent-length: 0\r\n\r\n".encode())

    return receive


def _files(folder: Path) -> set[tuple[str, str]]:
    """Every file with the hash of what is in it."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {(str(path.relative_to(folder)), hashlib.sha256(path.read_bytes()).hexdigest()) for path in found}


def _environment(folder: Path, database_url: str, ca_file: Path, settings: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.startswith("CALLWRIGHT_")}
    ours = {
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET_KEY,
        "DATA_DIR": str(folder / "data"),
        "CA_FILE": str(ca_file),
        "ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
        "RATE_LIMIT": "1000000",
        "WORKER_CONCURRENCY": "1",
        "LOG_FORMAT": "json",
        **settings,
    }
    return {**kept, "TMPDIR": str(folder / "tmp"), **{f"CALLWRIGHT_{name}": value for name, value in ours.items()}}
