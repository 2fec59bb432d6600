"""Rate limits: in PostgreSQL, in Valkey or Redis, and while that is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from callwright import limits
from callwright.db import Pool, beside, everywhere
from callwright.errors import SetupError
from callwright.limits import DatabaseLimiter, Limiter, RedisLimiter
from redis_server import a_redis, free_port

SERVERS_ANSWER = {
    "nothing": (),
    "a byte at a time": (b"+", b"O", b"K", b"\r", b"\n"),
    "another protocol": (b"HTTP/1.1 400 Bad Request\r\n\r\n",),
}
PATIENCE = 30.0  # seconds: that a machine is busy is no fault of the server's
AWAY, BACK = "rate limits are not kept: Redis is away", "rate limits are kept again: Redis is back"


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A server of this session's own."""
    port = free_port()
    with a_redis(port):
        yield f"redis://127.0.0.1:{port}/0"


async def age_in_database(pool: Pool, seconds: float) -> None:
    async with everywhere(pool) as lent:
        await lent.execute("UPDATE rate_stamps SET taken_at = taken_at - make_interval(secs => $1)", seconds)


async def age_in_redis(url: str, bucket: str, seconds: float) -> None:
    async with Redis.from_url(url) as client:
        stamps = await client.lrange(f"callwright:{bucket}", 0, -1)  # type: ignore[misc]
        for place, stamp in enumerate(stamps):
            await client.lset(f"callwright:{bucket}", place, repr(float(stamp) - seconds))  # type: ignore[misc]


async def counts(limiter: Limiter, age: Callable[[str, float], Awaitable[None]]) -> None:
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

    await age("a", 58.2)
    assert 0 < (await limiter.take("a", 3)).wait_seconds <= 1.8
    raised = await limiter.take("a", 4)
    assert (raised.allowed, raised.remaining) == (True, 0), "a limit that is raised begins no new window"
    lowered = await limiter.take("a", 1)
    assert not lowered.allowed, "nor does one that is lowered"
    assert 55 < lowered.wait_seconds <= 60, "it waits for the request that was sent last"
    await age("a", 2)
    assert (await limiter.look("a", 4)).remaining == 3, "the window moves: those alone have left it that were old"


async def test_database(pool: Pool) -> None:
    async def age(_bucket: str, seconds: float) -> None:
        await age_in_database(pool, seconds)

    await counts(DatabaseLimiter(pool), age)


async def test_who_sends_nothing_is_forgotten(pool: Pool) -> None:
    limiter = DatabaseLimiter(pool)
    await limiter.look("seen", 3)
    await limiter.take("old", 3)
    await age_in_database(pool, 601)
    await limiter.take("new", 3)

    async def keep_house() -> None:
        for _ in range(10):
            async with beside(pool) as lent:
                await limits.keep_house(lent)

    *taken, _ = await asyncio.gather(*(limiter.take("c", 20) for _ in range(60)), keep_house())
    assert sum(each is not None and each.allowed for each in taken) == 20, "nobody who is counted is forgotten"
    async with everywhere(pool) as lent:
        for table in ("rate_windows", "rate_stamps"):
            assert {row["bucket"] for row in await lent.fetch(f"SELECT bucket FROM {table}")} == {"new", "c"}
    assert (await limiter.take("old", 3)).remaining == 2


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
async def test_redis(redis_url: str, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REDIS_SECONDS", PATIENCE)
    async with Redis.from_url(redis_url) as client:
        await client.flushall()
    limiter = RedisLimiter(redis_url.replace("redis", scheme, 1))
    await counts(limiter, lambda bucket, seconds: age_in_redis(redis_url, bucket, seconds))
    await limiter.aclose()


class Talker(asyncio.Protocol):
    """Says the same to everybody, whatever it is asked, a piece every 0.2 seconds.

    Args:
        pieces: What it says.
        opened: Gets its connections.
    """

    def __init__(self, pieces: tuple[bytes, ...], opened: list[asyncio.WriteTransport]) -> None:
        self._pieces, self._opened = pieces, opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._opened.append(transport)
        for place, piece in enumerate(self._pieces):
            asyncio.get_running_loop().call_later(0.2 * place, transport.write, piece)


@asynccontextmanager
async def answering(pieces: tuple[bytes, ...]) -> AsyncIterator[str]:
    """A server that takes connections and says this."""
    opened: list[asyncio.WriteTransport] = []
    listening = await asyncio.get_running_loop().create_server(lambda: Talker(pieces, opened), "127.0.0.1", 0)
    async with listening:
        yield f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}/0"
        for transport in opened:
            transport.abort()
        await asyncio.sleep(0)


@pytest.mark.parametrize("pieces", SERVERS_ANSWER.values(), ids=SERVERS_ANSWER)
async def test_a_server_that_hangs_or_talks_nonsense(pieces: tuple[bytes, ...]) -> None:
    async with answering(pieces) as url:
        limiter = RedisLimiter(url)
        with capture_logs() as logs:
            began = time.monotonic()
            first = await asyncio.gather(*(limiter.take("a", 1) for _ in range(5)))
            waited = time.monotonic() - began
            after = [await limiter.take("a", 1) for _ in range(100)]
        assert waited < limits.REDIS_SECONDS + 1, "all of it takes no longer than one answer may"
        assert time.monotonic() - began - waited < 0.5, "and who comes later does not wait at all"
        assert {(each.allowed, each.remaining) for each in (*first, *after)} == {(True, 1)}
        assert [(line["event"], line["log_level"]) for line in logs] == [(AWAY, "error")], "told once"
        await limiter.aclose()


async def counted_again(limiter: Limiter, bucket: str) -> int:
    """How many requests were let in uncounted until one was counted."""
    for n in range(2_000):
        if (await limiter.take(bucket, 9)).remaining < 9:
            return n
        await asyncio.sleep(0.01)
    raise AssertionError("it is back, and requests are not counted")


async def test_away_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REST_SECONDS", 0.05)
    monkeypatch.setattr(limits, "REDIS_SECONDS", PATIENCE)
    port = free_port()
    limiter = RedisLimiter(f"valkey://127.0.0.1:{port}/0")
    with capture_logs() as logs:
        assert (await limiter.take("a", 1)).remaining == 1, "not counted"
        with a_redis(port):
            uncounted = 1 + await counted_again(limiter, "a")
        assert [(line["event"], line.get("uncounted")) for line in logs] == [(AWAY, 0), (BACK, uncounted)]
        assert (await limiter.take("a", 1)).allowed, "it has gone again, connections and all"
        with a_redis(port):
            await counted_again(limiter, "b")
        assert len(logs) == 2, "one that comes and goes is told of once a minute"
        monkeypatch.setattr(limiter, "_tell_from", 0.0)
        await limiter.take("a", 1)
        assert [line["event"] for line in logs[2:]] == [AWAY]
    await limiter.aclose()


async def test_a_password_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REDIS_SECONDS", PATIENCE)
    port = free_port()
    with a_redis(port, password="opensesame"), capture_logs() as logs:
        let_in, refused = (RedisLimiter(f"redis://:{word}@127.0.0.1:{port}/0") for word in ("opensesame", "hunter2"))
        assert (await let_in.take("a", 2)).remaining == 1
        assert (await refused.take("a", 2)).remaining == 2
        await let_in.aclose()
        await refused.aclose()
    assert [line["event"] for line in logs] == [AWAY]
    assert "hunter2" not in repr(logs)


@pytest.mark.parametrize(
    "url",
    ["http://:hunter2@cache/0", "redis:", "redis://", "valkey://:hunter2/x@cache:6379/0", "redis://:hunter2@cache:x/0"],
)
def test_an_address_that_cannot_be_used(url: str) -> None:
    with pytest.raises(SetupError) as told:
        RedisLimiter(url)
    assert "hunter2" not in f"{told.value.message} {told.value.fix} {told.value.__cause__}"


def test_an_address_without_a_port() -> None:
    RedisLimiter("valkey://cache")
