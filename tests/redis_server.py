"""A Valkey or Redis of the tests' own: a real server, as a process."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from callwright.db.launch import launched


def redis_program() -> str:
    """The server: CALLWRIGHT_TEST_REDIS's, which must then be there, else the machine's; skips where it has none."""
    if named := os.environ.get("CALLWRIGHT_TEST_REDIS"):
        program = shutil.which(named)
        assert program, f"CALLWRIGHT_TEST_REDIS names {named}, and there is no such program"
        return program
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        pytest.skip("no Valkey or Redis here; on Debian: apt-get install redis-server")
    return found


@contextmanager
def a_redis(port: int, *, password: str | None = None) -> Iterator[None]:
    """A server on a port of loopback while the block runs; it keeps nothing."""
    settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    settings += ["--requirepass", password] if password else []
    command = launched([redis_program(), *settings], at_owners_end=signal.SIGKILL)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert any("eady to accept connections" in line for line in server.stdout), "it has not started"
            yield
        finally:
            server.terminate()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
