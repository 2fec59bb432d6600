"""PgBouncer in transaction mode before the tests' server, with fewer connections to it than clients want."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from signal import SIGTERM
from urllib.parse import parse_qs, urlsplit

import asyncpg

from callwright.db.launch import launched

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/bin:/usr/bin")
SERVER_CONNECTIONS = 6


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@asynccontextmanager
async def a_bouncer(folder: Path, url: str) -> AsyncIterator[str]:
    """Run it for the time of the block; gives the address of the same database through it."""
    assert PROGRAM is not None
    parts, folder = urlsplit(url), folder / "bouncer"
    folder.mkdir()
    query = parse_qs(parts.query)
    host, server_port = query.get("host", [parts.hostname])[0], query.get("port", [parts.port or 5432])[0]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (folder / "users").write_text(f'"{parts.username}" ""\n')
    (folder / "bouncer.ini").write_text(
        f"""
[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder / "users"}
pool_mode = transaction
default_pool_size = {SERVER_CONNECTIONS}
max_client_conn = 200
logfile = {folder / "log"}
"""
    )
    command = launched([PROGRAM, "-q", folder / "bouncer.ini"], at_owners_end=SIGTERM, not_as_root=folder)
    process = _started(command)
    through = f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"
    try:
        async with asyncio.timeout(20):
            while True:
                with suppress(OSError):
                    await (await asyncpg.connect(through, statement_cache_size=0)).close()
                    break
                assert process.poll() is None, (folder / "log").read_text()
                await asyncio.sleep(0.05)
        yield through
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)
