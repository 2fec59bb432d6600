"""The story of a call: received → fetched → transcribed → completed, or failed with a reason; then its callback.

A step is a short transaction that reads, then work with no transaction open, then a short transaction that saves what
the work made, moves the state and enqueues what follows. Whatever dies in between is begun again, and counted.
"""

import asyncio
import hashlib
import random
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

import structlog

from callwright import callbacks, calls, db, partners, queue, results
from callwright.analysis import Analysis, Conversation, Line, Talk
from callwright.analysis.engine import Analyser
from callwright.analysis.scorecard import Scorecard
from callwright.callbacks import RetryPolicy, Told
from callwright.calls import Call, State
from callwright.db import Connection, Pool
from callwright.errors import StepFailed, Unavailable
from callwright.outbound import Outbound
from callwright.recordings.audio import DecodeLimits, decode
from callwright.recordings.fetch import FetchLimits
from callwright.recordings.fetch import fetch as fetch_recording
from callwright.recordings.store import Store
from callwright.sealing import Sealer
from callwright.transcription import Transcript
from callwright.transcription.conversation import from_partner
from callwright.transcription.processes import Transcriber

log = structlog.get_logger()

T = TypeVar("T")

Save = Callable[[Connection], Awaitable[None]]
"""What a step's work leaves to be done in the transaction that moves the call."""

LONGEST_WAIT_SECONDS = 600.0
SAVES = 3
"""How often a save is tried when the database goes away in it: what took minutes to make is not thrown away at once."""
SHORT_BY_SHARE, SHORT_BY_SECONDS = 0.1, 5.0
"""A recording shorter than its call by more than both is spoken of in the analysis."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything that steps work with; made once by the worker.

    Attributes:
        step_wait: Seconds before a step is tried again the first time; each further wait is six times as long.
    """

    pool: Pool
    outbound: Outbound
    store: Store
    transcriber: Transcriber
    analyser: Analyser
    scorecard: Scorecard
    sealer: Sealer
    scratch: Path
    fetch_limits: FetchLimits
    decode_limits: DecodeLimits
    callback_retries: RetryPolicy
    step_wait: float = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a call's life: the state that it finds, its work, the state that it leaves, and what follows."""

    finds: State
    work: Callable[[Tools, Call], Awaitable[Save]]
    leaves: Literal["fetched", "transcribed", "completed"]
    next: queue.Step | None


async def fetch(tools: Tools, call: Call) -> Save:
    """Download the recording into the store."""
    name = hashlib.sha256(call.call_id.encode()).hexdigest()
    key = f"recordings/{call.partner_id}/{name[:2]}/{name}"
    stored = await fetch_recording(
        call.recording_url, outbound=tools.outbound, store=tools.store, key=key, limits=tools.fetch_limits
    )

    async def save(connection: Connection) -> None:
        await results.save_recording(connection, call.partner_id, call.call_id, stored)

    return save


async def transcribe(tools: Tools, call: Call) -> Save:
    """Decode the recording and put it into words, unless the partner has sent the words."""
    async with db.connection(tools.pool) as connection:
        stored = await results.read_recording(connection, call.partner_id, call.call_id)
        partner = await partners.get_partner_by_id(connection, call.partner_id)
    with tempfile.TemporaryDirectory(dir=tools.scratch, prefix="call-") as folder:
        scratch = Path(folder)
        source = scratch / "source"
        await tools.store.get(stored.key, source)
        decoded = await decode(source, scratch=scratch, limits=tools.decode_limits)
        if call.partner_transcript is not None:
            sent = await asyncio.to_thread(from_partner, call.partner_transcript)  # seconds, where it fills a batch
            transcript = replace(sent, seconds=max(decoded.seconds, sent.seconds))
        else:
            transcript = await tools.transcriber.transcribe(
                decoded.path, decoded.channels, decoded.samples, decoded.seconds, agent_channel=partner.agent_channel
            )

    async def save(connection: Connection) -> None:
        await results.save_decoded(connection, call.partner_id, call.call_id, decoded)
        await results.save_transcript(connection, call.partner_id, call.call_id, transcript)

    return save


async def analyse(tools: Tools, call: Call) -> Save:
    """Say what the call means for the sale, and prepare what the partner is told."""
    async with db.connection(tools.pool) as connection:
        transcript = await results.read_transcript(connection, call.partner_id, call.call_id)
    assert transcript is not None, "a transcribed call has its transcript"
    analysis = await tools.analyser.analyse(conversation_of(transcript), tools.scorecard)
    analysis = _with_length_note(analysis, transcript.seconds, (call.end_time - call.start_time).total_seconds())
    told = _told(call)
    body = callbacks.payload(told, analysis, None) if told else b""

    async def save(connection: Connection) -> None:
        await results.save_analysis(connection, call.partner_id, call.call_id, analysis)
        if told:
            await callbacks.prepare(connection, told, body)

    return save


STEPS: dict[queue.Step, Step] = {
    "fetch": Step("received", fetch, "fetched", "transcribe"),
    "transcribe": Step("fetched", transcribe, "transcribed", "analyse"),
    "analyse": Step("transcribed", analyse, "completed", None),
}


async def walk(tools: Tools, name: queue.Step, partner_id: int, call_id: str) -> None:
    """Take a call one step on, or end it as failed, or enqueue the step for another try.

    Raises:
        Unavailable: The database is away; the job must be given back.
    """
    step = STEPS[name]
    async with db.connection(tools.pool) as connection:
        call = await calls.begin_step(connection, partner_id, call_id, step.finds)
    if call is None:
        return  # somebody has taken this step already
    try:
        await _take_on(tools, name, call)
    except asyncio.CancelledError:  # told to stop, by nothing in the call: a poisoned one is known by its tries alone
        with suppress(Unavailable):
            async with db.connection(tools.pool) as connection:
                await calls.take_back_try(connection, call)
        raise


async def _take_on(tools: Tools, name: queue.Step, call: Call) -> None:
    step, partner_id, call_id = STEPS[name], call.partner_id, call.call_id
    try:
        if call.attempts > calls.TRIES:
            raise StepFailed("attempts_exhausted", "Processing this call broke off too often, so it was set aside.")
        save = await step.work(tools, call)
    except Unavailable:
        raise
    except StepFailed as failure:
        await _not_done(tools, name, call, failure)
        return
    except Exception:
        log.exception("step crashed", step=name, call_id=call_id, partner_id=partner_id)
        await _not_done(
            tools, name, call, StepFailed("internal_error", "Something went wrong on our side.", retry=True)
        )
        return

    async def move(connection: Connection) -> None:
        if await calls.move(connection, call, step.leaves):
            await save(connection)
            if step.next:
                await queue.enqueue(connection, step.next, partner_id, call_id)

    await _saved(tools.pool, move)
    log.info("step done", step=name, state=step.leaves, call_id=call_id, partner_id=partner_id)


async def _saved(pool: Pool, save: Callable[[Connection], Awaitable[T]]) -> T:
    """Run a transaction that may be repeated, again where the database goes away in it."""
    for _ in range(SAVES - 1):
        try:
            async with db.transaction(pool) as connection:
                return await save(connection)
        except Unavailable:
            await db.wait_until_back(pool)
    async with db.transaction(pool) as connection:
        return await save(connection)


async def _not_done(tools: Tools, name: queue.Step, call: Call, failure: StepFailed) -> None:
    if failure.retry and call.attempts < calls.TRIES:
        wait = tools.step_wait * 6 ** (call.attempts - 1) * random.uniform(0.8, 1.2)
        wait = max(wait, min(failure.retry_after or 0.0, LONGEST_WAIT_SECONDS))
        async with db.transaction(tools.pool) as connection:
            await queue.enqueue(connection, name, call.partner_id, call.call_id, delay=wait)
        log.warning(
            "step will be tried again", step=name, call_id=call.call_id, reason=str(failure), wait=round(wait, 1)
        )
        return
    told = _told(call)
    body = callbacks.payload(told, None, str(failure)) if told else b""
    async with db.transaction(tools.pool) as connection:
        if await calls.fail(connection, call, failure.code, failure.message) and told:
            await callbacks.prepare(connection, told, body)
    log.warning("call failed", step=name, call_id=call.call_id, partner_id=call.partner_id, reason=str(failure))


async def deliver(tools: Tools, partner_id: int, callback_id: str) -> None:
    """Try a callback once, and record what came of it.

    Raises:
        Unavailable: The database is away; the job must be given back.
    """
    async with db.connection(tools.pool) as connection:
        secrets = await partners.webhook_secrets(connection, partner_id, tools.sealer)
        delivery = await callbacks.begin_attempt(connection, partner_id, callback_id)
    if delivery is None:
        return
    if delivery.attempt > delivery.allowed:  # the last try broke off before it could be recorded
        async with db.transaction(tools.pool) as connection:
            await callbacks.end(connection, delivery, "undelivered")
            await calls.set_callback_state(connection, partner_id, delivery.call_id, "undelivered")
        return
    outcome = await callbacks.attempt(tools.outbound, delivery, secrets, tools.callback_retries)

    async def record(connection: Connection) -> callbacks.State:
        state = await callbacks.finish_attempt(connection, delivery, outcome, tools.callback_retries)
        if state != "pending":
            await calls.set_callback_state(connection, partner_id, delivery.call_id, state)
        return state

    state = await _saved(tools.pool, record)
    log.info(
        "callback tried", call_id=delivery.call_id, callback_id=callback_id, attempt=delivery.attempt, state=state,
        http_status=outcome.http_status, error=outcome.error,
    )  # fmt: skip


async def resend(pool: Pool, partner_id: int, callback_id: str) -> None:
    """Send a callback that has ended again.

    Raises:
        NotFound: The partner has no such callback, or it is under way.
    """
    async with db.transaction(pool) as connection:
        call_id = await callbacks.resend(connection, partner_id, callback_id)
        await calls.set_callback_state(connection, partner_id, call_id, "pending")


def conversation_of(transcript: Transcript) -> Conversation:
    """Hand a transcript over to the analysis."""
    return Conversation(
        turns=tuple(Line(turn.id, turn.speaker, turn.start, turn.end, turn.text) for turn in transcript.turns),
        speech=tuple(Talk(span.speaker, span.start, span.end) for span in transcript.speech),
        seconds=transcript.seconds,
        draft=transcript.quality == "draft",
        language=transcript.language,
        one_voice=transcript.speakers == "single",
    )


def _told(call: Call) -> Told | None:
    if call.callback_url is None:
        return None
    return Told(call.partner_id, call.call_id, call.agent_id, call.customer_id, call.metadata_json, call.callback_url)


def _with_length_note(analysis: Analysis, recorded: float, spoken_of: float) -> Analysis:
    missing = spoken_of - recorded
    if missing <= max(SHORT_BY_SECONDS, SHORT_BY_SHARE * spoken_of):
        return analysis
    note = f"The recording holds {recorded:.0f} s of a call of {spoken_of:.0f} s; the rest was not assessed."
    return replace(analysis, notes=(*analysis.notes, note))
