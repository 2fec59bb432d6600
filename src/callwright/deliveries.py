"""Delivering callbacks: the tries that are due at the same time are begun, and recorded, in one transaction."""

from collections.abc import Sequence

import structlog

from callwright import callbacks, calls, metrics, partners, traces
from callwright.callbacks import Delivery, Outcome, RetryPolicy
from callwright.db import Connection, Pool
from callwright.kill_points import reached
from callwright.outbound import Outbound
from callwright.sealing import Sealer
from callwright.together import Together

log = structlog.get_logger()

LINGER_SECONDS = 0.05
"""How long a callback waits for others to be begun with, and its answer to be recorded with: the transactions that they
share are most of what they cost, and no two come at the same moment."""


class Deliveries:
    """Tries callbacks.

    Args:
        pool: The database.
        outbound: The client; its policy decides what may be reached.
        sealer: Opens the secrets that callbacks are signed with.
        retries: When a callback is tried again.
    """

    def __init__(self, pool: Pool, outbound: Outbound, sealer: Sealer, retries: RetryPolicy) -> None:
        self._outbound = outbound
        self._sealer = sealer
        self._retries = retries
        self._begin = Together(pool, self._begun, linger=LINGER_SECONDS)
        self._record = Together(pool, self._recorded, patient=True, linger=LINGER_SECONDS)

    async def deliver(self, partner_id: int, callback_id: str) -> bool | None:
        """Try a callback once, and record what came of it.

        Returns:
            Whether the receiver let us wait in vain; None where it was not asked.

        Raises:
            Unavailable: The database is away; the job must be given back.
        """
        delivery, secrets = await self._begin(partner_id, callback_id)
        if delivery is None:
            return None
        reached("deliver-begun")
        with traces.within("deliver", partner_id, delivery.call_id, delivery.attempt):
            return await self._try(delivery, secrets)

    async def _try(self, delivery: Delivery, secrets: list[str]) -> bool:
        """Send it, and record what came of it; gives whether the receiver let us wait in vain."""
        with traces.part("send"):
            outcome = await callbacks.attempt(self._outbound, delivery, secrets, self._retries)
        traces.note(str(outcome.http_status or "no answer"), failed=outcome.error is not None)
        reached("callback-answered")
        with traces.part("save"):
            state = await self._record(delivery.partner_id, (delivery, outcome))
        answer = "none" if outcome.http_status is None else f"{outcome.http_status // 100}xx"
        metrics.CALLBACK_TRIES.labels(answer).inc()
        metrics.CALLBACK_SECONDS.observe(outcome.elapsed)
        if state in ("delivered", "undelivered"):
            metrics.CALLBACKS_ENDED.labels(state).inc()
        log.info(
            "callback tried", call_id=delivery.call_id, callback_id=delivery.callback_id, attempt=delivery.attempt,
            state=state, http_status=outcome.http_status, error=outcome.error,
        )  # fmt: skip
        return outcome.http_status is None and outcome.elapsed > 0.9 * self._retries.timeout

    async def _begun(
        self, connection: Connection, partner_id: int, callback_ids: Sequence[str]
    ) -> list[tuple[Delivery | None, list[str]]]:
        """The tries that begin now, each with what it is signed with."""
        secrets = await partners.webhook_secrets(connection, partner_id, self._sealer)
        begun = await callbacks.begin_attempts(connection, partner_id, callback_ids)
        for callback_id, delivery in list(begun.items()):
            if delivery.attempt > delivery.allowed:  # the last try broke off before it could be recorded
                del begun[callback_id]
                if await callbacks.end(connection, delivery, "undelivered"):
                    metrics.CALLBACKS_ENDED.labels("undelivered").inc()
                    await calls.set_callback_state(connection, partner_id, [delivery.call_id], "undelivered")
        return [(begun.pop(callback_id, None), secrets) for callback_id in callback_ids]

    async def _recorded(
        self, connection: Connection, partner_id: int, tried: Sequence[tuple[Delivery, Outcome]]
    ) -> list[callbacks.State | None]:
        """How each callback stands after its try; None where it was erased meanwhile."""
        states = await callbacks.finish_attempts(connection, partner_id, tried, self._retries)
        for ended in ("delivered", "undelivered"):
            call_ids = [each.call_id for (each, _), state in zip(tried, states, strict=True) if state == ended]
            if call_ids:
                await calls.set_callback_state(connection, partner_id, sorted(call_ids), ended)
        reached("callback-recorded")
        return states
