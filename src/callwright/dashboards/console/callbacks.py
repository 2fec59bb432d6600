"""`/console/callbacks`: the callbacks of all partners with their tries, and sending them again."""

from datetime import datetime

import structlog
from fastapi import APIRouter, Request, Response

from callwright import db, queue, redelivery
from callwright.dashboards.console.door import ConsoleRoute, Operating, Operator, Sent
from callwright.dashboards.console.lists import (
    PAGE,
    Outcome,
    act,
    asked,
    chosen,
    listed,
    moment_asked,
    number_asked,
    place_asked,
)
from callwright.dashboards.rendering import address, render
from callwright.reports import all_partners, troubles
from callwright.reports.troubles import WantedCallbacks

log = structlog.get_logger(__name__)

router = APIRouter(route_class=ConsoleRoute)

PATH = "/console/callbacks"


@router.get(PATH)
async def callbacks(request: Request, who: Operating) -> Response:
    """List the callbacks that could not be delivered, or all of them."""
    return await _page(request, who)


@router.post(PATH)
async def resend(request: Request, who: Operating, form: Sent) -> Response:
    """Send those that were chosen again, as `callwright callback resend` does, and say how many are on their way."""
    pool = request.app.state.pool

    async def again(partner_id: int, callback_id: str) -> bool:
        async with db.transaction(pool, partner_id) as connection:
            return await redelivery.resend_one(connection, partner_id, callback_id)

    try:
        outcome = await act(chosen(form), again)
    finally:
        queue.ledger().settle_soon(pool)
    log.info("callbacks are sent again from the console", done=outcome.done, passed=outcome.passed, left=outcome.left)
    return await _page(request, who, outcome)


async def _page(request: Request, who: Operator, outcome: Outcome | None = None) -> Response:
    wanted = WantedCallbacks(
        number_asked(request, "partner"),
        asked(request, "state") != "any",
        asked(request, "call"),
        moment_asked(request, "since"),
        moment_asked(request, "until"),
    )
    async with db.everywhere(request.app.state.pool) as connection:
        found = await troubles.list_callbacks(
            connection, wanted, most=PAGE + 1, after=place_asked(request, datetime, str, int)
        )
        partners = await all_partners.name_partners(connection, wanted.partner_id)
    filters = {n: v for n, v in request.query_params.items() if n in ("partner", "call", "since", "until")}
    states = [("Undelivered", None, wanted.undelivered), ("All", "any", not wanted.undelivered)]
    return render(
        request,
        who,
        "console/callbacks.html",
        callbacks=listed(request, who, found, "created_at", "callback_id", "partner_id"),
        states=[(name, address(who, PATH, **filters, state=state), holds) for name, state, holds in states],
        partners=partners,
        wanted=wanted,
        outcome=outcome,
    )
