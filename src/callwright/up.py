"""One machine: the embedded PostgreSQL, the API and the worker, started, watched and stopped together."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import structlog

from callwright import queue
from callwright.db.direct import direct
from callwright.db.embedded import EmbeddedPostgres
from callwright.db.launch import launched
from callwright.db.migrate import migrate
from callwright.errors import SetupError
from callwright.sealing import make_secret_key
from callwright.settings import Settings

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 60.0
"""How long the API and the worker may take to finish what they have begun."""
STEADY_SECONDS = 30.0
"""A process that lived this long is taken to have started well: its next restart waits the least time again."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
POLL_SECONDS = 0.1
ADDRESS_FILE = "up.json"
"""In the data folder as long as all of it runs: `{"url": ..., "pid": ...}`, for scripts."""


class Watched:
    """A process of ours that runs until told to stop, and is started again when it dies.

    Args:
        name: The command that it runs, as `serve`.
        arguments: What follows the command.
        environment: Its variables.
        inherited: Descriptors that it inherits.
    """

    def __init__(
        self, name: str, *arguments: str, environment: Mapping[str, str], inherited: tuple[int, ...] = ()
    ) -> None:
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self._inherited = inherited
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Run it until `stop` is called.

        Raises:
            SetupError: It ended at its very first start; it has then said why.
        """
        pause, first = FIRST_PAUSE, True
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run_once()
            lived = time.monotonic() - started
            if self._stopping.is_set():
                return
            if first and code == 1 and lived < STEADY_SECONDS:
                raise SetupError(f"`callwright {self.name}` could not start", "Its message stands above")
            pause = FIRST_PAUSE if lived >= STEADY_SECONDS else pause
            log.error("process_died", process=self.name, exit_code=code, restart_in_seconds=pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause, first = min(pause * 2, LONGEST_PAUSE), False

    async def stop(self) -> None:
        """Let it finish what it has begun, and end it where that takes too long."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), DRAIN_SECONDS)
        except TimeoutError:
            log.warning("process_killed", process=self.name, after_seconds=DRAIN_SECONDS)
            self.kill()
            await process.wait()

    def kill(self) -> None:
        """End it at once; whatever it was doing is done again later."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _run_once(self) -> int:
        # Killed, not asked, when we are killed: the database ends then too, and without it nothing can be finished.
        command = launched(
            [sys.executable, "-m", "callwright", self.name, *self._arguments], at_owners_end=signal.SIGKILL
        )
        self._process = await asyncio.create_subprocess_exec(
            *command, env=self._environment, pass_fds=self._inherited, start_new_session=True
        )
        if self._stopping.is_set():  # told so while it was being started
            self.kill()
        return await self._process.wait()


async def run_up(settings: Settings, *, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Run everything until SIGINT or SIGTERM, then drain; a second signal ends it at once.

    Args:
        settings: Of the machine; `database_url` replaces the embedded server.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        announce: Called with the API's address once it answers.

    Raises:
        SetupError: Something must be put right first.
    """
    with listen(host, port) as listener:
        url = f"http://{_reachable(host)}:{listener.getsockname()[1]}"
        async with _database(settings) as (database_url, server):
            (settings.data_dir / ADDRESS_FILE).unlink(missing_ok=True)  # of one that was killed
            fd = listener.fileno()
            environment = _environment(settings, database_url, url)
            processes = [
                Watched("serve", "--fd", str(fd), environment=environment, inherited=(fd,)),
                Watched("worker", environment=environment | _vitals_of_worker(settings)),
            ]
            beside = [asyncio.create_task(_announce(settings.data_dir, url, announce))]
            if server is not None:
                beside.append(asyncio.create_task(_keep_running(server)))
            try:
                await _until_stopped(processes, listener)
            finally:
                for task in beside:
                    task.cancel()
                (settings.data_dir / ADDRESS_FILE).unlink(missing_ok=True)


async def _until_stopped(processes: list[Watched], listener: socket.socket) -> None:
    """Run the processes until a signal, or until one of them cannot start at all; then drain them."""
    stop = _stop_on_signal(processes)
    running = [asyncio.create_task(process.run()) for process in processes]
    try:
        ended, _ = await asyncio.wait([*running, stop], return_when=asyncio.FIRST_COMPLETED)
    finally:
        log.info("stopping")
        # Who comes from now on is refused, instead of waiting for an answer that will not come.
        await asyncio.gather(*(process.stop() for process in processes), asyncio.to_thread(listener.close))
        for task in (*running, stop):
            task.cancel()
    for task in ended:
        task.result()


def listen(host: str, port: int) -> socket.socket:
    """Open the API's port, before anything else is started.

    Raises:
        SetupError: The port is taken, or may not or cannot be opened.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        with suppress(OSError), socket.create_server((host, 0), family=family) as free:
            raise SetupError(
                f"Port {port} of {host} cannot be opened: {os.strerror(error.errno or 0)}",
                f"Take another one, as --port {free.getsockname()[1]}, or a free one with --port 0",
            ) from error
        raise SetupError(f"Cannot listen on {host}: {error}", "Give an address of this machine with --host") from error


def secret_key(settings: Settings) -> str:
    """The setting's secret key; with the embedded database one that is made once and kept in the data folder.

    Raises:
        SetupError: A real database needs the same key on every machine, and none is set.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    if settings.database_url is not None:
        raise SetupError(
            "CALLWRIGHT_SECRET_KEY is not set",
            "Set it to the same 32 bytes in base64 on every machine; make them once: head -c 32 /dev/urandom | base64",
        )
    file = settings.data_dir / "secret.key"
    try:
        if not file.exists():
            _make_key_file(file)
        return file.read_text().strip()
    except OSError as error:
        raise SetupError(f"The secret key cannot be kept: {error}", f"Let this user read and write {file}") from error


async def prepare(url: str) -> list[str]:
    """Bring the schema and the queue's tables up to date; returns the migrations applied."""
    async with direct(url) as connection:
        applied = await migrate(connection)
        await queue.install(connection)
    return applied


def _make_key_file(file: Path) -> None:
    """Write the key beside its place and link it there: whoever comes second keeps the first one's."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_name(f"secret.key.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(make_secret_key() + "\n")
        output.flush()
        os.fsync(output.fileno())
    with suppress(FileExistsError):
        file.hardlink_to(new)
    new.unlink()
    folder = os.open(file.parent, os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[tuple[str, EmbeddedPostgres | None]]:
    """The database's address, ready for use, and the embedded server where it is that."""
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        await prepare(url)
        yield url, None
        return
    server = EmbeddedPostgres(settings.data_dir, shared=True)
    try:
        url = await server.start()
        await prepare(url)
        yield url, server
    finally:
        await server.stop()


async def _keep_running(server: EmbeddedPostgres) -> None:
    """Start the server again when it dies; the API answers 503 and the worker waits as long as it is away."""
    pause = FIRST_PAUSE
    while True:
        while server.running:  # noqa: ASYNC110 - nothing tells us but the process itself
            await asyncio.sleep(POLL_SECONDS)
        log.error("process_died", process="postgres", restart_in_seconds=pause)
        await asyncio.sleep(pause)
        try:
            await server.start()
            pause = FIRST_PAUSE
        except (SetupError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.error("postgres_does_not_start", error=str(error))  # noqa: TRY400 - the message says it all
            pause = min(pause * 2, LONGEST_PAUSE)


def _environment(settings: Settings, database_url: str, url: str) -> dict[str, str]:
    ours = {
        "CALLWRIGHT_DATABASE_URL": database_url,
        "CALLWRIGHT_SECRET_KEY": secret_key(settings),
        "CALLWRIGHT_DATA_DIR": str(settings.data_dir.absolute()),
    }
    return {"CALLWRIGHT_PUBLIC_URL": url, **os.environ, **ours}


def _vitals_of_worker(settings: Settings) -> dict[str, str]:
    """Where the worker tells its metrics, as the API tells them at the address that is set: at the next port."""
    if settings.metrics_address is None:
        return {}
    host, _, port = settings.metrics_address.rpartition(":")
    return {"CALLWRIGHT_METRICS_ADDRESS": f"{host}:{int(port) + 1}"}


def _stop_on_signal(processes: list[Watched]) -> "asyncio.Task[object]":
    """A task that ends at the first signal; the second ends the processes at once."""
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            for process in processes:
                process.kill()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    return asyncio.create_task(stop.wait())


async def _announce(data_dir: Path, url: str, announce: Callable[[str], None]) -> None:
    """Tell where the API is, people and scripts, once it answers."""
    import httpx  # noqa: PLC0415 - loaded while the API starts; other commands do without it

    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        while True:
            with suppress(httpx.HTTPError):
                if (await client.get(f"{url}/healthz")).is_success:
                    break
            await asyncio.sleep(POLL_SECONDS)
    new = data_dir / f"{ADDRESS_FILE}.new"
    new.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n")
    new.replace(data_dir / ADDRESS_FILE)
    announce(url)


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
