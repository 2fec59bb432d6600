"""`/console/failed-calls`: the calls that failed, of all partners, and processing them again."""

from datetime import datetime

import structlog
from fastapi import APIRouter, Request, Response

from callwright import db, pipeline, queue
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
from callwright.dashboards.rendering import render
from callwright.errors import FAILURE_CODES
from callwright.reports import all_partners, troubles
from callwright.reports.troubles import WantedFailures

log = structlog.get_logger(__name__)

router = APIRouter(route_class=ConsoleRoute)

PATH = "/console/failed-calls"


@router.get(PATH)
async def failed_calls(request: Request, who: Operating) -> Response:
    """List the calls that failed."""
    return await _page(request, who)


@router.post(PATH)
async def retry(request: Request, who: Operating, form: Sent) -> Response:
    """Have those that were chosen processed again, as `callwright call retry` does, and say how many are."""
    pool = request.app.state.pool

    async def again(partner_id: int, call_id: str) -> bool:
        async with db.transaction(pool, partner_id) as connection:
            await pipeline.retry(connection, partner_id, call_id)
        return True

    try:
        outcome = await act(chosen(form), again)
    finally:
        queue.ledger().settle_soon(pool)
    log.info("calls are processed again from the console", done=outcome.done, passed=outcome.passed, left=outcome.left)
    return await _page(request, who, outcome)


async def _page(request: Request, who: Operator, outcome: Outcome | None = None) -> Response:
    wanted = WantedFailures(
        number_asked(request, "partner"),
        asked(request, "code"),
        moment_asked(request, "since"),
        moment_asked(request, "until"),
    )
    async with db.everywhere(request.app.state.pool) as connection:
        found = await troubles.list_failed_calls(
            connection, wanted, most=PAGE + 1, after=place_asked(request, datetime, int, str)
        )
        partners = await all_partners.name_partners(connection, wanted.partner_id)
    return render(
        request,
        who,
        "console/failed_calls.html",
        failed=listed(request, who, found, "failed_at", "partner_id", "call_id"),
        partners=partners,
        codes=FAILURE_CODES,
        wanted=wanted,
        outcome=outcome,
    )
