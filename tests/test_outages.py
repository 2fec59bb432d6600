"""Outages of our own fail no call: they are waited out, and what a call itself breaks is still tried four times."""

import errno
import pickle
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

import told
from callwright import calls, pipeline
from callwright.analysis.engine import load_analyser
from callwright.callbacks import RetryPolicy
from callwright.db import Pool, everywhere
from callwright.errors import StepFailed
from callwright.outbound import Outbound, Policy
from callwright.pipeline import OUTAGES, Tools
from callwright.recordings.audio import DecodeLimits
from callwright.recordings.fetch import FetchLimits
from callwright.recordings.store import Store
from local_server import LocalServer, serve
from submissions import SEALER, onboard, scope, submission

RECORDING = Path(__file__).parents[1] / "demo" / "recordings" / "nobody-there.wav"
CALL = "SELECT state, attempts, outages, failure_code, callback_state FROM calls"
LANES = "SELECT entrypoint, convert_from(payload, 'UTF8')::json ->> 'backfill' FROM pgqueuer ORDER BY id"
JOBS = "SELECT entrypoint, extract(epoch FROM execute_after - now())::float8 AS wait FROM pgqueuer ORDER BY id"


class FullStore(Store):
    """A folder on a disk without room."""

    async def put(self, key: str, chunks: AsyncIterable[bytes], *, media_type: Callable[[], str] | None = None) -> int:
        async for _ in chunks:
            break
        raise OSError(errno.ENOSPC, "No space left on device")

    async def get(self, key: str, target: Path) -> Path:
        raise OSError(errno.EIO, "Input/output error")


@dataclass
class Stage:
    """A speech engine or a language model that fails, or ends as told."""

    failure: Exception
    asked: dict[str, object] = field(init=False, default_factory=dict)

    async def transcribe(self, *arguments: object, **options: object) -> object:
        self.asked = options
        raise self.failure

    async def analyse(self, *arguments: object) -> object:
        raise self.failure


@pytest.fixture
async def recordings() -> AsyncIterator[LocalServer]:
    async with serve() as local:
        local.answer("/call.wav", RECORDING.read_bytes())
        yield local


@pytest.fixture
async def tools(pool: Pool, tmp_path: Path) -> AsyncIterator[Tools]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    async with Outbound(Policy(allowed_networks=(ip_network("127.0.0.0/8"),))) as outbound:
        yield Tools(
            pool=pool,
            queue_pool=pool,
            outbound=outbound,
            store=Store(str(tmp_path / "store")),
            transcriber=cast("Any", Stage(RuntimeError("not reached"))),
            analyser=load_analyser("rules", base_url=None, model=None, api_key=None, ca_file=None),
            sealer=SEALER,
            scratch=scratch,
            fetch_limits=FetchLimits(),
            decode_limits=DecodeLimits(),
            callback_retries=RetryPolicy(),
        )


@pytest.fixture
async def partner_id(pool: Pool, recordings: LocalServer) -> int:
    """A partner with one call, of which nothing is done yet."""
    new = await onboard(pool)
    record = submission(recording_url=recordings.url("/call.wav"), callback_url="https://x.example/hook")
    await calls.accept(pool, await scope(pool), [record])
    return new.partner_id


async def seen(pool: Pool, query: str) -> list[tuple[Any, ...]]:
    async with everywhere(pool) as lent:
        return [tuple(row) for row in await lent.fetch(query)]


async def run(pool: Pool, query: str) -> None:
    async with everywhere(pool) as lent:
        await lent.execute(query)


async def fetched(tools: Tools, partner_id: int) -> None:
    await pipeline.walk(tools, "fetch", partner_id, "call-1")
    await run(tools.pool, "DELETE FROM pgqueuer")
    [call] = await seen(tools.pool, CALL)
    assert call == ("fetched", 0, 0, None, "pending")


def away(code: Any = "transcription_unavailable") -> StepFailed:
    return StepFailed(code, "It is away.", ours=True)


async def test_a_full_store_holds_a_call_up_and_fails_none(tools: Tools, partner_id: int, tmp_path: Path) -> None:
    full = replace(tools, store=FullStore(str(tmp_path / "store")))
    waiting = {"step": "fetch", "outcome": "outage", "code": "storage_unavailable"}
    before = told.value(told.now("worker"), "callwright_steps_total", **waiting)
    with structlog.testing.capture_logs() as logged:
        await pipeline.walk(full, "fetch", partner_id, "call-1")
    assert await seen(tools.pool, CALL) == [("received", 0, 1, None, "pending")]
    [(fetch_first, _), (step, wait)] = await seen(tools.pool, JOBS)
    assert (fetch_first, step) == ("fetch", "fetch")
    assert 3 < wait < 7
    [warning] = [each for each in logged if each["log_level"] == "warning"]
    assert warning["reason"] == "storage_unavailable: Our storage was not available."
    assert warning["cause"] == "OSError: [Errno 28] No space left on device"
    assert told.value(told.now("worker"), "callwright_steps_total", **waiting) == before + 1
    await pipeline.walk(tools, "fetch", partner_id, "call-1")
    assert await seen(tools.pool, CALL) == [("fetched", 0, 0, None, "pending")], "and goes on where there is room"


@pytest.mark.parametrize("large", [False, True])
async def test_an_object_store_that_is_away(
    tools: Tools, partner_id: int, recordings: LocalServer, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    if large:  # more than one part: the library raises another error
        recordings.answer("/call.wav", RECORDING.read_bytes() + bytes(20_000_000))
    await pipeline.walk(replace(tools, store=Store("s3://bucket/prefix")), "fetch", partner_id, "call-1")
    assert await seen(tools.pool, CALL) == [("received", 0, 1, None, "pending")]


async def test_a_store_that_cannot_be_read(tools: Tools, partner_id: int, tmp_path: Path) -> None:
    await fetched(tools, partner_id)
    for store in (FullStore(str(tmp_path / "store")), Store(str(tmp_path / "empty"))):
        await pipeline.walk(replace(tools, store=store), "transcribe", partner_id, "call-1")
    assert await seen(tools.pool, CALL) == [("fetched", 0, 2, None, "pending")]


async def test_no_room_for_the_work(tools: Tools, partner_id: int, tmp_path: Path) -> None:
    await fetched(tools, partner_id)
    await pipeline.walk(replace(tools, scratch=tmp_path / "gone"), "transcribe", partner_id, "call-1")
    assert await seen(tools.pool, CALL) == [("fetched", 0, 1, None, "pending")]


@pytest.mark.parametrize(
    "failure",
    [away(), OSError(errno.EMFILE, "Too many open files"), OSError(errno.ENOMEM, "Cannot allocate memory")],
    ids=["a speech server that is away", "no files", "no memory"],
)
async def test_what_transcription_needs_of_ours(tools: Tools, partner_id: int, failure: Exception) -> None:
    await fetched(tools, partner_id)
    away_now = replace(tools, transcriber=cast("Any", Stage(failure)))
    for _ in range(calls.TRIES + 2):
        await pipeline.walk(away_now, "transcribe", partner_id, "call-1")
    assert await seen(tools.pool, CALL) == [("fetched", 0, calls.TRIES + 2, None, "pending")]


async def test_a_language_model_that_is_away(tools: Tools, partner_id: int) -> None:
    await run(tools.pool, "UPDATE calls SET state = 'transcribed'")
    await run(
        tools.pool,
        """
        INSERT INTO transcripts (partner_id, call_id, engine, quality, body)
        SELECT partner_id, call_id, 'test', 'final', '{"engine": "test", "model": null, "language": "en",
            "quality": "final", "speakers": "channels", "turns": [], "speech": [], "seconds": 1, "coverage": null}'
        FROM calls
        """,
    )
    gone = replace(tools, analyser=cast("Any", Stage(away("analysis_failed"))))
    for _ in range(calls.TRIES + 2):
        await pipeline.walk(gone, "analyse", partner_id, "call-1")
    assert await seen(tools.pool, CALL) == [("transcribed", 0, calls.TRIES + 2, None, "pending")]
    await pipeline.walk(tools, "analyse", partner_id, "call-1")
    assert (await seen(tools.pool, CALL))[0][:3] == ("completed", 0, 0)
    assert {lane for _, lane in await seen(tools.pool, LANES)} == {"true"}, "the call came months after it had ended"


@pytest.mark.parametrize(("ended", "lane"), [("23 hours", None), ("25 hours", "true")])
async def test_what_follows_stands_in_the_lane_of_the_call(
    tools: Tools, partner_id: int, tmp_path: Path, ended: str, lane: str | None
) -> None:
    await run(tools.pool, f"DELETE FROM pgqueuer; UPDATE calls SET end_time = now() - interval '{ended}'")
    await pipeline.walk(replace(tools, store=FullStore(str(tmp_path / "store"))), "fetch", partner_id, "call-1")
    await pipeline.walk(tools, "fetch", partner_id, "call-1")
    assert await seen(tools.pool, LANES) == [("fetch", lane), ("transcribe", lane)]


@pytest.mark.parametrize(
    ("met", "low", "high"), [(0, 4, 6), (3, 32, 48), (6, 256, 384), (30, 480, 720), (149, 480, 720)]
)
async def test_waits_grow_to_ten_minutes(tools: Tools, partner_id: int, met: int, low: float, high: float) -> None:
    await fetched(tools, partner_id)
    await run(tools.pool, f"UPDATE calls SET outages = {met}")
    await pipeline.walk(replace(tools, transcriber=cast("Any", Stage(away()))), "transcribe", partner_id, "call-1")
    [(_, wait)] = await seen(tools.pool, JOBS)
    assert low - 1 < wait < high


def test_the_waits_make_about_a_day() -> None:
    waits = [min(5.0 * 2.0**n, pipeline.LONGEST_WAIT_SECONDS) for n in range(OUTAGES)]
    assert 23.5 < sum(waits) / 3600 < 25


async def test_after_a_day_the_call_fails_with_its_code_and_is_called_back(tools: Tools, partner_id: int) -> None:
    await fetched(tools, partner_id)
    await run(tools.pool, f"UPDATE calls SET outages = {OUTAGES}")
    await pipeline.walk(replace(tools, transcriber=cast("Any", Stage(away()))), "transcribe", partner_id, "call-1")
    [(state, _, _, code, callback)] = await seen(tools.pool, CALL)
    assert (state, code, callback) == ("failed", "transcription_unavailable", "pending")
    assert [job[0] for job in await seen(tools.pool, JOBS)] == ["deliver"]


async def test_what_the_call_itself_may_bring_about_is_tried_four_times(tools: Tools, partner_id: int) -> None:
    await fetched(tools, partner_id)
    await run(tools.pool, "INSERT INTO transcript_pieces SELECT partner_id, call_id, 0, 'x', '{}' FROM calls")
    crash = replace(tools, transcriber=cast("Any", Stage(StepFailed("transcription_failed", "It broke.", retry=True))))
    for _ in range(calls.TRIES):
        assert len(await seen(tools.pool, "SELECT FROM transcript_pieces")) == 1, "kept for the next try"
        await pipeline.walk(crash, "transcribe", partner_id, "call-1")
    assert (await seen(tools.pool, CALL))[0][3] == "transcription_failed"
    assert await seen(tools.pool, "SELECT FROM transcript_pieces") == []


async def test_a_call_that_kills_its_worker_is_set_aside_whatever_else_is_away(tools: Tools, partner_id: int) -> None:
    await fetched(tools, partner_id)
    gone = replace(tools, transcriber=cast("Any", Stage(away())))
    for _ in range(calls.TRIES):
        async with everywhere(tools.pool) as lent:  # a worker begins, and dies
            assert await calls.begin_step(lent, partner_id, "call-1", "fetched")
        if (await seen(tools.pool, CALL))[0][1] < calls.TRIES:
            await pipeline.walk(gone, "transcribe", partner_id, "call-1")
    await pipeline.walk(gone, "transcribe", partner_id, "call-1")
    assert (await seen(tools.pool, CALL))[0][3] == "attempts_exhausted"


async def test_a_job_that_comes_twice_enqueues_nothing_for_a_call_that_has_moved(tools: Tools, partner_id: int) -> None:
    await fetched(tools, partner_id)

    @dataclass
    class Overtaken(Stage):
        moved: Callable[[], Any] = lambda: None

        async def transcribe(self, *arguments: object, **options: object) -> object:
            await self.moved()
            raise self.failure

    slow = Overtaken(away(), lambda: run(tools.pool, "UPDATE calls SET state = 'transcribed', attempts = 0"))
    await pipeline.walk(replace(tools, transcriber=cast("Any", slow)), "transcribe", partner_id, "call-1")
    assert await seen(tools.pool, CALL) == [("transcribed", 0, 0, None, "pending")]
    assert await seen(tools.pool, JOBS) == []


@pytest.mark.parametrize(
    ("meanwhile", "kept"),
    [
        ("UPDATE calls SET state = 'failed', failure_code = 'recording_timeout', failure_message = 'It is late.'", 0),
        ("DELETE FROM calls", 0),
        ("UPDATE calls SET state = 'fetched'", 1),
    ],
)
async def test_a_recording_that_comes_too_late_is_kept_for_no_call_that_has_ended(
    tools: Tools, partner_id: int, tmp_path: Path, meanwhile: str, kept: int
) -> None:
    class SlowStore(Store):
        async def put(
            self, key: str, chunks: AsyncIterable[bytes], *, media_type: Callable[[], str] | None = None
        ) -> int:
            size = await super().put(key, chunks, media_type=media_type)
            await run(tools.pool, meanwhile)
            return size

    late = replace(tools, store=SlowStore(str(tmp_path / "store")))
    await pipeline.walk(late, "fetch", partner_id, "call-1")
    assert len([path for path in (tmp_path / "store").rglob("*") if path.is_file()]) == kept
    assert await seen(tools.pool, "SELECT call_id FROM recordings") == []


def test_ours_survives_the_way_from_a_process() -> None:
    again = pickle.loads(pickle.dumps(away()))
    assert (again.ours, again.retry, str(again)) == (True, False, str(away()))
