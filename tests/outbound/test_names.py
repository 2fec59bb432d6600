"""Looking names up: a silent name takes one thread and leaves others theirs, and an answer is kept for nobody."""

import asyncio
import gc
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from callwright.outbound import AddressRefused, ExchangeFailed, Outbound, Policy, names
from callwright.worker import DELIVER_TASKS, FETCH_TASKS
from recording_network import RecordingNetwork

PUBLIC = "93.184.215.14"


class Resolver:
    """The system's; `dead` names are answered once `release` is set, by `failure` where there is one."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.release = threading.Event()
        self.address = PUBLIC
        self.failure: Exception | None = None

    def __call__(self, host: str, port: int, **_: object) -> list[Any]:
        self.asked[host] += 1
        if host.startswith("dead"):
            self.release.wait(60)
            if self.failure:
                raise self.failure
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.address, port))]

    async def is_asked(self, names: int) -> None:
        """Wait until so many different names have been asked for."""
        await until(lambda: len(self.asked) >= names)


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what threads bring about."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about")


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    mine = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", mine)
    yield mine
    mine.release.set()


async def get(outbound: Outbound, host: str, *, stall: float = 30) -> None:
    async with outbound.stream("GET", f"http://{host}/", timeout=30, stall=stall):
        pass


async def failure(outbound: Outbound, host: str, *, stall: float = 30) -> ExchangeFailed:
    with pytest.raises(ExchangeFailed) as failed:
        await get(outbound, host, stall=stall)
    return failed.value


async def test_many_jobs_for_three_silent_names_have_three_look_ups_and_others_do_not_wait(resolver: Resolver) -> None:
    network = RecordingNetwork()
    async with Outbound(Policy(), network=network) as outbound:
        jobs = [asyncio.create_task(failure(outbound, f"dead-{n % 3}.example")) for n in range(48)]
        await resolver.is_asked(3)
        async with asyncio.timeout(10):
            assert (await failure(outbound, "alive.example")).reason == "connect"
        assert network.tried == [(PUBLIC, 80)]
        assert not any(job.done() for job in jobs)
        resolver.release.set()
        await asyncio.gather(*jobs)
    assert resolver.asked == {"dead-0.example": 1, "dead-1.example": 1, "dead-2.example": 1, "alive.example": 1}
    assert len(network.tried) == 49, "each has connected with the answer that it waited for"


async def test_as_many_silent_names_as_a_worker_can_ask_for_leave_a_thread_for_others(resolver: Resolver) -> None:
    """Each place of fetch and of deliver waits for one, and has given up another that still has its thread."""
    silent = 2 * (FETCH_TASKS + DELIVER_TASKS) - 1
    async with Outbound(Policy(), network=RecordingNetwork()) as outbound:
        jobs = [asyncio.create_task(failure(outbound, f"dead-{n}.example")) for n in range(silent)]
        await resolver.is_asked(silent)
        async with asyncio.timeout(10):
            assert (await failure(outbound, "alive.example")).reason == "connect"
        resolver.release.set()
        await asyncio.gather(*jobs)


async def test_who_gives_up_leaves_the_look_up_to_the_others(resolver: Resolver) -> None:
    async with Outbound(Policy(), network=RecordingNetwork()) as outbound:
        patient = asyncio.create_task(failure(outbound, "dead.example"))
        cancelled = asyncio.create_task(failure(outbound, "dead.example"))
        await resolver.is_asked(1)
        cancelled.cancel()
        gave_up = await failure(outbound, "dead.example", stall=0.05)
        assert (gave_up.reason, gave_up.hung) == ("name", True)
        assert not patient.done()
        resolver.release.set()
        assert (await patient).reason == "connect"
        assert cancelled.cancelled()
    assert resolver.asked["dead.example"] == 1


async def test_a_failure_that_nobody_waits_for_any_more_is_not_complained_of(resolver: Resolver) -> None:
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    look_ups = names.LookUps()
    resolver.failure = socket.gaierror(socket.EAI_NONAME, "no such name")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(look_ups("dead.example", 80), 0.05)
    resolver.release.set()
    await until(lambda: not look_ups._running)
    gc.collect()
    await asyncio.sleep(0)
    look_ups.close()
    assert complaints == []


async def test_an_answer_is_checked_for_each_that_shares_it_and_kept_for_nobody(resolver: Resolver) -> None:
    network = RecordingNetwork()
    async with Outbound(Policy(), network=network) as outbound:
        for round_, address in enumerate(["127.0.0.1", PUBLIC, "127.0.0.1"], start=1):
            resolver.address = address
            resolver.release.clear()
            jobs = [asyncio.create_task(get(outbound, "dead.example")) for _ in range(3)]
            await until(lambda: resolver.asked["dead.example"] == round_)  # noqa: B023 - ends in this round
            resolver.release.set()
            ended = await asyncio.gather(*jobs, return_exceptions=True)
            expected = ExchangeFailed if address == PUBLIC else AddressRefused
            assert [type(each) for each in ended] == [expected] * 3
            assert resolver.asked["dead.example"] == round_
    assert network.tried == [(PUBLIC, 80)] * 3


@pytest.mark.parametrize(
    ("number", "silent", "hung"),
    [(socket.EAI_AGAIN, 0.0, True), (socket.EAI_AGAIN, 60.0, False), (socket.EAI_NONAME, 0.0, False)],
)
async def test_only_a_long_look_up_without_an_answer_is_one_that_hung(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch, number: int, silent: float, hung: bool
) -> None:
    monkeypatch.setattr(names, "SILENT_SECONDS", silent)
    resolver.failure = socket.gaierror(number, "failed")
    resolver.release.set()
    async with Outbound(Policy(), network=RecordingNetwork()) as outbound:
        failed = await failure(outbound, "dead.example")
    assert (failed.reason, failed.hung) == ("name", hung)
    assert str(failed).endswith("could not be resolved in time." if hung else "could not be resolved.")
