"""Rate limits: in PostgreSQL, in Valkey or Redis, and without either."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from callwright.db import Pool
from callwright.limits import DatabaseLimiter, Limiter, RedisLimiter


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Valkey or Redis of this session's own; skips where none is installed."""
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        pytest.skip("neither valkey-server nor redis-server is installed")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert any("eady to accept connections" in line for line in server.stdout)
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


async def counts(limiter: Limiter) -> None:
    """What every limiter does."""
    before = await limiter.look("a", 3)
    assert (before.allowed, before.remaining, before.wait_seconds) == (True, 3, 0)
    taken = [await limiter.take("a", 3) for _ in range(4)]
    assert [each.allowed for each in taken] == [True, True, True, False]
    assert [each.remaining for each in taken] == [2, 1, 0, 0]
    assert all(50 < each.wait_seconds <= 60 for each in taken)
    look = await limiter.look("a", 3)
    assert (look.allowed, look.remaining) == (False, 0)
    assert (await limiter.take("b", 3)).remaining == 2
    together = await asyncio.gather(*(limiter.take("c", 5) for _ in range(20)))
    assert sum(each.allowed for each in together) == 5


async def test_database(pool: Pool) -> None:
    await counts(DatabaseLimiter(pool))


async def test_redis(redis_url: str) -> None:
    limiter = RedisLimiter(redis_url)
    await counts(limiter)
    await limiter.aclose()


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
async def test_redis_away(scheme: str) -> None:
    limiter = RedisLimiter(f"{scheme}://127.0.0.1:{free_port()}/0")
    with capture_logs() as logs:
        for _ in range(3):
            allowance = await limiter.take("a", 1)
            assert (allowance.allowed, allowance.remaining) == (True, 1)
    await limiter.aclose()
    assert [line["log_level"] for line in logs] == ["error"], "told once, and left alone for a while"
