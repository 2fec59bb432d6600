"""The story of a call: received → fetched → transcribed → completed, or failed with a reason; then its callback.

A step is a short transaction that counts the try and reads, then work with no transaction open, then a short
transaction that saves what the work made, moves the state and enqueues what follows. Whatever dies in between is begun
again, and counted.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import structlog

from callwright import callbacks, calls, checkpoints, db, queue, results, rubrics, summaries, traces, tries
from callwright.analysis.engine import Analyser
from callwright.analysis.rubric import Rubric
from callwright.callbacks import RetryPolicy
from callwright.calls import Call, State
from callwright.canned import canned
from callwright.db import Connection, Pool, Scope
from callwright.errors import NotFound, SetupError, StepFailed, Unavailable
from callwright.judging import judge
from callwright.keeping import Keeping, Made
from callwright.kill_points import reached
from callwright.outbound import Outbound
from callwright.recordings import Stored, key_of, listening
from callwright.recordings.audio import DecodeLimits, decode
from callwright.recordings.fetch import FetchLimits
from callwright.recordings.fetch import fetch as fetch_recording
from callwright.recordings.scratch import call_folder, our_storage
from callwright.recordings.store import Store
from callwright.sealing import Sealer
from callwright.transcription import Transcript
from callwright.transcription.conversation import from_partner
from callwright.transcription.processes import Transcriber
from callwright.tries import Tries, count_step

log = structlog.get_logger()

T = TypeVar("T")

LONGEST_WAIT_SECONDS = 600.0
OUTAGES = 150
"""How often a step is tried again for an outage of ours: with waits that grow to ten minutes, for about a day."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything that steps work with; made once by the worker.

    Attributes:
        queue_pool: The database for taking jobs, whose statements are always the same.
        step_wait: Seconds before a step is tried again the first time; each further wait is six times as long, or
            twice where an outage of ours is waited out.
        tries: Where tries begin.
        keeping: Where what was made is kept.
    """

    pool: Pool
    queue_pool: Pool
    outbound: Outbound
    store: Store
    transcriber: Transcriber
    analyser: Analyser
    sealer: Sealer
    scratch: Path
    fetch_limits: FetchLimits
    decode_limits: DecodeLimits
    callback_retries: RetryPolicy
    step_wait: float = 5.0
    tries: Tries = field(init=False)
    keeping: Keeping = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tries", Tries(self.pool))
        object.__setattr__(self, "keeping", Keeping(self.pool))


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a call's life: the state that it finds, what it reads, and its work."""

    finds: State
    read: tries.Read[Any]
    work: Callable[[Tools, Call, Any], Awaitable[Made]]


async def _nothing(_connection: Connection, _call: Call) -> None:
    """To fetch, it is enough to know the call."""


async def fetch(tools: Tools, call: Call, _: None) -> Made:
    """Download the recording into the store."""
    with our_storage():
        stored = await fetch_recording(
            call.recording_url, outbound=tools.outbound, store=tools.store,
            key=key_of(call.partner_id, call.call_id), limits=tools.fetch_limits, again=call.attempts > 1,
        )  # fmt: skip

    async def save(connection: Connection) -> None:
        await results.save_recording(connection, call.partner_id, call.call_id, stored)

    return Made(save, "fetched", "transcribe")


async def _heard_by(connection: Connection, call: Call) -> tuple[Stored, Rubric]:
    """The recording, and the rubric, which says what languages are spoken."""
    return (
        await results.read_recording(connection, call.partner_id, call.call_id),
        await rubrics.current(connection, Scope(call.partner_id, call.subtenant_no)),
    )


async def transcribe(tools: Tools, call: Call, heard_by: tuple[Stored, Rubric]) -> Made:
    """Decode the recording and put it into words, unless the partner has sent them; a quick engine judges them."""
    stored, rubric = heard_by
    with call_folder(tools.scratch) as scratch:
        with our_storage():
            source = await tools.store.get(stored.key, scratch / "source")
        owner = f"{call.partner_id}/{call.subtenant_no}"
        decoded = await decode(source, scratch=scratch, limits=tools.decode_limits, of=owner)
        reached("recording-decoded")
        if call.partner_transcript is not None:
            sent = await asyncio.to_thread(from_partner, call.partner_transcript)  # seconds, where it fills a batch
            transcript = replace(sent, seconds=max(decoded.seconds, sent.seconds))
        else:
            with traces.part("words"):
                transcript = await checkpoints.transcribe(
                    *(tools.pool, tools.transcriber, call, stored, decoded),
                    agent_channel=call.agent_channel,
                    languages=rubric.languages,
                )
                traces.tell("quality", transcript.quality)

    async def save(connection: Connection) -> None:
        await results.save_decoded(connection, call.partner_id, call.call_id, decoded)
        await results.save_transcript(connection, call.partner_id, call.call_id, transcript)

    heard = Made(save, "transcribed", "analyse")
    return await _judged_too(tools, call, heard, transcript, rubric) if tools.analyser.at_once else heard


async def _judged_too(tools: Tools, call: Call, heard: Made, transcript: Transcript, rubric: Rubric) -> Made:
    """What `analyse` makes as well, saved with the words; where that comes to nothing, it has tries of its own."""
    try:
        with tries.timed("analyse"):
            judged = await analyse(tools, call, (transcript, rubric))
    except Exception:
        log.exception("not judged at once", call_id=call.call_id, partner_id=call.partner_id)
        return heard

    async def save(connection: Connection) -> None:
        await heard.save(connection)
        await judged.save(connection)

    return replace(judged, save=save, otherwise=heard)


async def _judged_by(connection: Connection, call: Call) -> tuple[Transcript, Rubric]:
    """The words, and by what they are judged."""
    transcript = await results.read_transcript(connection, call.partner_id, call.call_id)
    assert transcript is not None, "a transcribed call has its transcript"
    return transcript, await rubrics.current(connection, Scope(call.partner_id, call.subtenant_no))


async def analyse(tools: Tools, call: Call, judged_by: tuple[Transcript, Rubric]) -> Made:
    """Say what the call means for the sale, and prepare what the partner is told."""
    transcript, rubric = judged_by
    analysis = await judge(tools.analyser, transcript, rubric, call.start_time, call.end_time)
    told = summaries.told_of(call)
    body = await summaries.completed(told, transcript, analysis, rubric, call.start_time)

    async def save(connection: Connection) -> None:
        await results.save_analysis(connection, call.partner_id, call.call_id, analysis)
        if told:
            await callbacks.prepare(connection, told, body)

    return Made(save, "completed", None)


async def _made_up_by(connection: Connection, call: Call) -> Rubric:
    """To make up what comes of a test call, its rubric is enough."""
    return await rubrics.current(connection, Scope(call.partner_id, call.subtenant_no))


async def make_up(_: Tools, call: Call, rubric: Rubric) -> Made:
    """Of a test call: make up what its id asks for, all at once. Nothing is fetched, and no engine is asked."""
    made = canned(call.call_id, rubric, call.start_time, attempt=call.attempts)
    told = summaries.told_of(call)
    body = await summaries.completed(told, made.transcript, made.analysis, rubric, call.start_time)

    async def save(connection: Connection) -> None:
        await results.save_transcript(connection, call.partner_id, call.call_id, made.transcript)
        await results.save_analysis(connection, call.partner_id, call.call_id, made.analysis)
        if told:
            await callbacks.prepare(connection, told, body)

    return Made(save, "completed", None)


STEPS: dict[queue.Step, Step] = {
    "fetch": Step("received", _nothing, fetch),
    "transcribe": Step("fetched", _heard_by, transcribe),
    "analyse": Step("transcribed", _judged_by, analyse),
}
OF_A_TEST_CALL = Step("received", _made_up_by, make_up)
"""Its only one, done in the place of the first: it takes no place of a live call's behind that."""


def _step_of(name: queue.Step, call: Call) -> Step:
    return OF_A_TEST_CALL if call.test else STEPS[name]


async def walk(tools: Tools, name: queue.Step, partner_id: int, call_id: str) -> bool | None:
    """Take a call one step on, or end it as failed, or enqueue the step for another try.

    Returns:
        Whether the host of the recording let us wait in vain; None where it was not asked.

    Raises:
        Unavailable: The database is away; the job must be given back.
    """

    def read(connection: Connection, call: Call) -> Awaitable[Any]:
        return _step_of(name, call).read(connection, call)

    async with tools.tries.begun(name, STEPS[name].finds, read, partner_id, call_id) as begun:
        if begun is not None:
            return await _take_on(tools, name, begun)
        if name == "fetch":
            await _clear_away(tools, partner_id, call_id)
        return None


async def _clear_away(tools: Tools, partner_id: int, call_id: str) -> None:
    """Remove what a try that died has stored of a call that was erased under it: its job comes here."""
    async with db.transaction(tools.pool, partner_id) as connection:
        state = await calls.state_of(connection, partner_id, call_id)
    if state is None:
        await listening.remove(tools.store, key_of(partner_id, call_id))


async def _take_on(tools: Tools, name: queue.Step, begun: tries.Try[Any]) -> bool | None:
    call = begun.call
    step, partner_id, call_id = _step_of(name, call), call.partner_id, call.call_id
    try:
        if call.attempts > calls.TRIES:
            raise StepFailed("attempts_exhausted", "Processing this call broke off too often, so it was set aside.")
        made = await step.work(tools, call, begun.known())
        reached(f"{name}-worked")
    except Unavailable:
        raise
    except StepFailed as failure:
        await _not_done(tools, name, call, failure)
        if call.test or not failure.code.startswith("recording_"):  # it says nothing on the host
            return None
        # Its context is the exchange that failed, which knows whether it was the name that nobody answered for.
        return failure.code == "recording_timeout" or getattr(failure.__context__, "hung", False)
    except OSError as error:  # no memory, no process, no file: nothing that a recording can bring about
        short = StepFailed("internal_error", "Something went wrong on our side.", ours=True)
        short.__cause__ = error
        await _not_done(tools, name, call, short)
        return None
    except Exception:
        log.exception("step crashed", step=name, call_id=call_id, partner_id=partner_id)
        await _not_done(
            tools, name, call, StepFailed("internal_error", "Something went wrong on our side.", retry=True)
        )
        return None

    kept, made = await tools.keeping.keep(name, call, made)
    if not kept and not call.test:
        await listening.remove(tools.store, key_of(partner_id, call_id))  # what came too late belongs to no call
    if made.otherwise is not None:
        count_step("analyse", call, "done")
    count_step(name, call, "done")
    log.info("step done", step=name, state=made.leaves, call_id=call_id, partner_id=partner_id)
    return None if call.test else False


async def _not_done(tools: Tools, name: queue.Step, call: Call, failure: StepFailed) -> None:
    if failure.ours and await _waits_for_us(tools, name, call, failure):
        return
    if failure.retry and call.attempts < calls.TRIES:
        wait = tools.step_wait * 6 ** (call.attempts - 1) * random.uniform(0.8, 1.2)
        wait = max(wait, min(failure.retry_after or 0.0, LONGEST_WAIT_SECONDS))
        async with db.transaction(tools.pool, call.partner_id) as connection:
            if not await calls.end_try(connection, call):
                return  # there is nothing left to try
            await tries.enqueue_again(connection, name, call, wait)
            reached("retry-enqueued")
        reached("retry-committed")
        count_step(name, call, "retried", failure.code)
        log.warning(
            "step will be tried again", step=name, call_id=call.call_id, reason=str(failure), wait=round(wait, 1)
        )
        return
    told = summaries.told_of(call)
    body = summaries.failed(told, str(failure))
    async with db.transaction(tools.pool, call.partner_id) as connection:
        ended = await calls.fail(connection, call, failure.code, failure.message)
        if ended and told:
            await callbacks.prepare(connection, told, body)
        if ended and name == "transcribe":
            await results.drop_pieces(connection, call.partner_id, call.call_id)
        reached("failure-saved")
    reached("failure-committed")
    if not ended:
        return
    if name == "fetch" and not call.test:  # a try that died may have stored what cannot be fetched any more
        await listening.remove(tools.store, key_of(call.partner_id, call.call_id))
    count_step(name, call, "failed", failure.code)
    log.warning("call failed", step=name, call_id=call.call_id, partner_id=call.partner_id, reason=str(failure))


async def _waits_for_us(tools: Tools, name: queue.Step, call: Call, failure: StepFailed) -> bool:
    """Enqueue a step for later without counting its try; False where an outage of ours has lasted too long."""
    async with db.transaction(tools.pool, call.partner_id) as connection:
        met = await calls.count_outage(connection, call)
        if met is None or met > OUTAGES:
            return met is None  # somebody has taken this step already
        wait = min(tools.step_wait * 2.0 ** (met - 1), LONGEST_WAIT_SECONDS) * random.uniform(0.8, 1.2)
        wait = max(wait, min(failure.retry_after or 0.0, LONGEST_WAIT_SECONDS))
        await tries.enqueue_again(connection, name, call, wait)
        reached("outage-enqueued")
    count_step(name, call, "outage", failure.code)
    log.warning(
        "an outage of ours holds up a call", step=name, call_id=call.call_id, reason=str(failure),
        cause=failure.cause(), met=met, wait=round(wait, 1),
    )  # fmt: skip
    return True


async def retry(connection: Connection, partner_id: int, call_id: str) -> None:
    """Have a call that failed processed again from the step that failed; at its end a new callback follows.

    Args:
        connection: With a transaction open.
        partner_id: Whose it is.
        call_id: The partner's own id.

    Raises:
        NotFound: There is no such call.
        SetupError: It has not failed.
    """
    now = await calls.state_of(connection, partner_id, call_id)
    if now is None:
        raise NotFound("Call not found")
    state = await results.progress_of(connection, partner_id, call_id)
    if now == "failed":
        await callbacks.replace(connection, partner_id, call_id)  # before the call, as everybody who locks both
    url = await calls.retry(connection, partner_id, call_id, state) if now == "failed" else None
    if url is None:
        raise SetupError(f"The call {call_id!r} has not failed: it is {now}", "Only a failed call is processed again")
    name = next(name for name, step in STEPS.items() if step.finds == state)
    host = queue.host_of(url) if name == "fetch" else None
    await queue.enqueue(connection, name, partner_id, call_id, host=host)
