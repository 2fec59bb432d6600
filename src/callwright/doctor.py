"""Checks everything that can be wrong before the first call, and says what to do about it."""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Literal
from urllib.parse import urlsplit

import httpx
from limits.errors import StorageError

from callwright.analysis.engine import load_analyser
from callwright.dashboards.assets import bundle_of
from callwright.db import Connection
from callwright.db.direct import direct
from callwright.db.embedded import embedded
from callwright.db.migrate import OLDEST_SERVER, pending
from callwright.db.pooler import Pooled
from callwright.db.roles import EVERY_PARTNER
from callwright.errors import SetupError
from callwright.limits import RedisLimiter, reason_of
from callwright.logs import mask
from callwright.outbound import Outbound
from callwright.partners import any_sealed_secret
from callwright.recordings.confinement import is_confined
from callwright.recordings.store import AWAY, FREE_ERROR, FREE_WARNING, Store, free_bytes
from callwright.sealing import Sealer, read_secret_key
from callwright.settings import Settings
from callwright.transcription.engine import EngineOptions, check_engine
from callwright.up import prepare, secret_key
from callwright.worker import policy_of

CHECK_SECONDS = 20.0
HERE = ("localhost", "127.0.0.1", "::1")
SKEW_WARNING, SKEW_ERROR = 1.0, 60.0
"""Seconds between our clock and the database's: rate windows and retries stretch, then signatures are refused."""

State = Literal["ok", "warning", "error"]
SIGNS: dict[State, tuple[str, str]] = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and for a warning or an error what to do."""

    check: str
    state: State
    message: str
    fix: str | None = None


async def examine(settings: Settings) -> list[Finding]:
    """Run every check; none of them raises.

    Args:
        settings: As the processes will have them.
    """
    findings: list[Finding] = []
    async with AsyncExitStack() as stack:
        try:
            connection = await _connect(settings, stack)
        except SetupError as error:
            findings.append(Finding("database", "error", mask(error.message), mask(error.fix)))
        else:
            for name, database_check in DATABASE_CHECKS.items():
                findings.append(await _finding(name, database_check(settings, connection)))
        for name, check in CHECKS.items():
            findings.append(await _finding(name, check(settings)))
    return findings


async def _finding(name: str, check: Awaitable[Finding]) -> Finding:
    try:
        return await asyncio.wait_for(check, CHECK_SECONDS)
    except SetupError as error:
        return Finding(name, "error", mask(error.message), mask(error.fix))
    except TimeoutError:
        return Finding(
            name, "error", f"No answer within {CHECK_SECONDS:g} s", "See whether it is overloaded or blocked"
        )
    except Exception as error:  # noqa: BLE001 - one check that breaks must not hide the others
        return Finding(name, "error", mask(f"{type(error).__name__}: {error}"), "Put that right and run this again")


async def _connect(settings: Settings, stack: AsyncExitStack) -> Connection:
    if settings.database_url is not None:
        return await stack.enter_async_context(direct(settings.database_url.get_secret_value()))
    url = await stack.enter_async_context(embedded(settings.data_dir))
    await prepare(url)
    return await stack.enter_async_context(direct(url))


async def _database(settings: Settings, connection: Connection) -> Finding:
    server, version = connection.get_server_version(), await connection.fetchval("SHOW server_version")
    where = f"embedded in {settings.data_dir}" if settings.database_url is None else "by CALLWRIGHT_DATABASE_URL"
    message = f"PostgreSQL {version}, {where}"
    if server.major < OLDEST_SERVER:
        return Finding("database", "error", f"{message}, is too old", f"Use PostgreSQL {OLDEST_SERVER} or newer")
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        return Finding("database", "error", f"{message}, only reads", "Name the primary in CALLWRIGHT_DATABASE_URL")
    between = connection.get_server_pid() != await connection.fetchval("SELECT pg_backend_pid()")
    if between and type(connection) is not Pooled:  # asyncpg takes any connection for an instance of it
        fix = "Add pgbouncer=true to the parameters of CALLWRIGHT_DATABASE_URL, unless each client keeps its session"
        return Finding("database", "warning", f"{message}, through a pooler", fix)
    unsafe = [name for name in ("fsync", "synchronous_commit") if await connection.fetchval(f"SHOW {name}") == "off"]
    if unsafe:
        return Finding(
            "database", "warning", f"{message}: {' and '.join(unsafe)} off", "Turn it on, or a crash loses calls"
        )
    return Finding("database", "ok", message)


async def _migrations(_settings: Settings, connection: Connection) -> Finding:
    missing = await pending(connection)
    if await connection.fetchval("SELECT to_regclass('pgqueuer')") is None:
        missing.append("the queue's tables")
    if missing:
        return Finding("migrations", "error", f"To apply: {', '.join(missing)}", "Run: callwright migrate")
    return Finding("migrations", "ok", "The schema is up to date")


async def _clock(_settings: Settings, connection: Connection) -> Finding:
    before = time.time()
    theirs = (await connection.fetchval("SELECT clock_timestamp()")).timestamp()
    skew = abs(theirs - (before + time.time()) / 2)
    message = f"{skew:.1f} s from the database's"
    fix = "Let both machines follow a time server (chrony, systemd-timesyncd)"
    if skew > SKEW_WARNING:
        return Finding("clock", "error" if skew > SKEW_ERROR else "warning", message, fix)
    return Finding("clock", "ok", message)


async def _secret(settings: Settings, connection: Connection) -> Finding:
    sealer = Sealer(read_secret_key(secret_key(settings)))
    if await pending(connection):
        return Finding("secret key", "ok", "Usable; whether it opens the partners' secrets shows after the migrations")
    async with connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {EVERY_PARTNER}")
        sealed = await any_sealed_secret(connection)
    if sealed is None:
        return Finding("secret key", "ok", "Usable; no partner has a secret to open yet")
    sealer.open(sealed)
    return Finding("secret key", "ok", "Opens the partners' webhook secrets")


async def _store(settings: Settings) -> Finding:
    url, store = settings.store()["url"], Store(**settings.store())
    key, content = f"doctor/{os.urandom(8).hex()}", os.urandom(64)

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    try:
        await store.put(key, chunks())
        try:
            back = await store.read(key, 0, len(content))
            # Asked of S3 alone: in Google's store every object has a generation, whether old ones are kept or not.
            version = await store.version(key) if store.origin is not None else None
            encrypted = await _encryption(settings, store, key)
        finally:
            await store.delete(key)
        left = await store.size(key)
    except AWAY as error:
        fix = "Let it be there, and let us write, read, remove and list; see docs/how-to/keep-recordings-in-s3.md"
        said = str(error).partition("\n\nDebug source")[0]  # what follows is the library's own view of the same
        return Finding("store", "error", mask(" ".join(said.split())), fix)
    if back != content:
        return Finding("store", "error", "What was written came back changed", "Check the disk or the object store")
    if left is not None:
        return Finding("store", "error", "What was removed is still there", "Let no retention lock keep its objects")
    free = free_bytes(url)
    if free is None:
        return _of_objects(settings, store, encrypted, version)
    message = f"{url} takes and gives back; {free / 1e9:.1f} GB free"
    if free < FREE_WARNING:
        state: State = "error" if free < FREE_ERROR else "warning"
        return Finding("store", state, message, "Free some space, or set CALLWRIGHT_STORE_URL to a larger place")
    return Finding("store", "ok", message)


async def _encryption(settings: Settings, store: Store, key: str) -> str | None:
    """How an S3 store says that it has encrypted an object, where it was told to."""
    if settings.store_encryption is None:
        return None
    async with httpx.AsyncClient(verify=_trusted(settings), timeout=10) as client:
        answer = await client.head(await store.link(key, 60, "HEAD"))
    said: str | None = answer.headers.get("x-amz-server-side-encryption")
    return said


def _of_objects(settings: Settings, store: Store, encrypted: str | None, version: str | None) -> Finding:
    """What there is to say of an object store that takes and gives back."""
    parts = urlsplit(settings.store()["url"])
    name = f"{parts.scheme}://{parts.netloc}"
    if encrypted != settings.store_encryption:
        said = f"says {encrypted}" if encrypted else "does not say that it encrypts"
        message = f"{name} is told to encrypt by {settings.store_encryption}, and {said}"
        return Finding("store", "error", message, "Set CALLWRIGHT_STORE_ENCRYPTION to what the store can do")
    if version is not None:
        message = f"{name} keeps old versions: what is erased stays in it"
        return Finding(
            "store", "warning", message, "Switch versions off, or let a rule of the bucket drop old ones soon"
        )
    if store.origin is not None and store.origin.startswith("http://") and urlsplit(store.origin).hostname not in HERE:
        message = f"{name} takes and gives back, but recordings cross the network as they are, to {store.origin}"
        return Finding("store", "warning", message, "Give the store TLS and an https:// endpoint")
    return Finding("store", "ok", f"{name} takes and gives back" + (f", encrypted by {encrypted}" if encrypted else ""))


def _trusted(settings: Settings) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    if settings.ca_file:
        context.load_verify_locations(settings.ca_file)
    return context


async def _decoder(_settings: Settings) -> Finding:
    if await asyncio.to_thread(is_confined):
        return Finding("decoder", "ok", "Recordings are decoded where no network and no file can be reached")
    return Finding(
        "decoder",
        "warning",
        "The kernel does not keep the decoder of recordings from network and files; only FFmpeg's own lists do",
        "Run workers on Linux on x86-64 or ARM64, in a container that allows seccomp",
    )


async def _transcriber(settings: Settings) -> Finding:
    key = settings.transcriber_api_key
    options = EngineOptions(
        api_key=key.get_secret_value() if key else None, ca_file=settings.ca_file, models=settings.data_dir / "models"
    )
    message = await asyncio.to_thread(check_engine, settings.transcriber, options)
    if settings.transcriber.startswith("pocketsphinx"):
        fix = "For words to rely on: callwright models pull small, then CALLWRIGHT_TRANSCRIBER=faster-whisper:small"
        return Finding("transcriber", "warning", message, fix)
    return Finding("transcriber", "ok", message)


async def _analyser(settings: Settings) -> Finding:
    key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else None
    analyser = load_analyser(
        settings.analyser,
        base_url=settings.llm_base_url,
        model=settings.llm_model,
        api_key=key,
        ca_file=settings.ca_file,
    )
    if settings.analyser != "llm" or settings.llm_base_url is None:
        return Finding("analyser", "ok", f"{analyser.name}, version {analyser.version}")
    try:
        async with httpx.AsyncClient(verify=_trusted(settings), timeout=10) as client:
            headers = {"authorization": f"Bearer {key}"} if key else {}
            answer = await client.get(f"{settings.llm_base_url.rstrip('/')}/models", headers=headers)
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        return Finding(
            "analyser", "error", f"The model server does not answer: {reason}", "Check CALLWRIGHT_LLM_BASE_URL"
        )
    if answer.status_code in (401, 403):
        return Finding(
            "analyser", "error", f"The model server answers {answer.status_code}", "Check CALLWRIGHT_LLM_API_KEY"
        )
    if answer.is_success and f'"{settings.llm_model}"' not in answer.text:
        return Finding(
            "analyser", "warning", f"The model server does not list {settings.llm_model}", "Check CALLWRIGHT_LLM_MODEL"
        )
    return Finding("analyser", "ok", f"llm, model {settings.llm_model}; its server answers")


async def _outbound(settings: Settings) -> Finding:
    hosts, networks = settings.allowed()
    async with Outbound(policy_of(settings)):  # reads the CA file
        pass
    opened = [*sorted(hosts), *map(str, networks)]
    inner = [ip_network(text) for text in ("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10")]
    wide = [
        str(network)
        for network in networks
        if network.prefixlen < network.max_prefixlen // 4
        or any(network.version == other.version and network.overlaps(other) for other in inner)
    ]
    wide += [host for host in sorted(hosts) if host == "localhost" or host.endswith((".localhost", ".internal"))]
    if wide:
        return Finding(
            "outbound",
            "warning",
            f"CALLWRIGHT_ALLOW_NETWORKS opens {', '.join(wide)}: partners can make this machine call its own services",
            "Name only the hosts and networks that recordings and callbacks need",
        )
    return Finding("outbound", "ok", f"Public addresses{' and ' + ', '.join(opened) if opened else ' only'}")


async def _replica(settings: Settings) -> Finding:
    if settings.read_database_url is None:
        return Finding("read replica", "ok", "Not set; the database answers all reads")
    fix = "Check CALLWRIGHT_READ_DATABASE_URL and the replica; until then the database answers all reads"
    try:
        async with direct(settings.read_database_url.get_secret_value()) as connection:
            follows, waiting = await connection.fetchval("SELECT pg_is_in_recovery()"), await pending(connection)
    except SetupError as error:
        return Finding("read replica", "warning", mask(error.message), fix)
    if not follows:
        return Finding("read replica", "warning", "Is no replica, or one no more", fix)
    if waiting:
        return Finding("read replica", "warning", f"Has not got yet: {', '.join(waiting)}", fix)
    return Finding("read replica", "ok", "Answers, and follows")


async def _redis(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return Finding("redis", "ok", "Not set; PostgreSQL counts the requests")
    limiter = RedisLimiter(settings.redis_url.get_secret_value())
    try:
        await limiter.check()
    except (StorageError, TimeoutError) as error:
        fix = "Start it, or check CALLWRIGHT_REDIS_URL; until then requests are served uncounted"
        return Finding("redis", "error", mask(f"Does not count: {reason_of(error)}"), fix)
    finally:
        await limiter.aclose()
    return Finding("redis", "ok", "Counts the requests")


async def _public_url(settings: Settings) -> Finding:
    parts = urlsplit(settings.public_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        return Finding(
            "public URL",
            "error",
            f"{settings.public_url} is not an address",
            "Set CALLWRIGHT_PUBLIC_URL, as https://calls.example.com",
        )
    if parts.hostname in HERE:
        fix = "Set CALLWRIGHT_PUBLIC_URL to the address that partners use"
        return Finding("public URL", "warning", f"{settings.public_url} is reached from this machine only", fix)
    if parts.scheme == "http":
        fix = "Put a TLS proxy in front and set CALLWRIGHT_PUBLIC_URL to its https:// address"
        return Finding("public URL", "warning", f"{settings.public_url} sends secrets in the clear", fix)
    return Finding("public URL", "ok", settings.public_url)


async def _dashboards(_settings: Settings) -> Finding:
    bundle_of("page")
    return Finding("dashboards", "ok", "Their scripts and styles are there")


DATABASE_CHECKS: dict[str, Callable[[Settings, Connection], Awaitable[Finding]]] = {
    "database": _database,
    "migrations": _migrations,
    "clock": _clock,
    "secret key": _secret,
}
CHECKS: dict[str, Callable[[Settings], Awaitable[Finding]]] = {
    "store": _store,
    "decoder": _decoder,
    "transcriber": _transcriber,
    "analyser": _analyser,
    "outbound": _outbound,
    "read replica": _replica,
    "redis": _redis,
    "public URL": _public_url,
    "dashboards": _dashboards,
}
