"""`/console/partners`: who sends calls, with which keys and limits, and for whom; no secret is shown or made here."""

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from callwright import db
from callwright.dashboards.console.door import ConsoleRoute, Installation, Operating
from callwright.dashboards.console.lists import PAGE, listed, place_asked
from callwright.dashboards.embed import PageError
from callwright.dashboards.rendering import render
from callwright.reports import all_partners

if TYPE_CHECKING:
    from callwright.limits import Limiter

router = APIRouter(route_class=ConsoleRoute)


@router.get("/console/partners")
async def partners(request: Request, who: Operating) -> Response:
    """List the partners with their limits and what they have used of them in the last minute."""
    place = place_asked(request, str)
    async with db.everywhere(request.app.state.pool) as connection:
        found = await all_partners.list_partners(connection, most=PAGE + 1, after=place and place[0])
    page = listed(request, who, found, "name")
    for each in page.rows:
        each["limit"], each["used"] = await _usage(request, each)
    return render(request, who, "console/partners.html", partners=page)


@router.get("/console/partners/{number}")
async def partner(request: Request, who: Operating, number: str) -> Response:
    """Show a partner: its settings, its live secrets by their times, its tenants."""
    place = place_asked(request, str, str)
    unknown = PageError(404, "This partner is not known here", "No partner has that number.")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise unknown
    async with db.everywhere(request.app.state.pool) as connection:
        found = await all_partners.read_partner(connection, int(number))
        if found is None:
            raise unknown
        secrets = await all_partners.list_secrets(connection, int(number))
        tenants = await all_partners.list_tenants(connection, int(number), most=PAGE + 1, after=place)
    limit, used = await _usage(request, found)
    return render(
        request,
        who,
        "console/partner.html",
        partner=found | {"limit": limit, "used": used},
        secrets=secrets,
        tenants=listed(request, who, tenants, "tenant_id", "subtenant_id"),
    )


async def _usage(request: Request, of: dict[str, object]) -> tuple[int, int]:
    """The requests that a partner may send in a minute, and those that it has sent in the last one."""
    installation: Installation = request.app.state.installation
    limiter: Limiter = request.app.state.limiter
    limit = int(str(of["rate_limit"] or installation.rate_limit))
    return limit, limit - (await limiter.look(f"partner:{of['partner_id']}", limit)).remaining
