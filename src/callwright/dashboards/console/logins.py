"""`/console/logins`: who came in at the API and at the console, and who was refused."""

from fastapi import APIRouter, Request, Response

from callwright import db
from callwright.dashboards.console.door import ConsoleRoute, Operating
from callwright.dashboards.console.lists import PAGE, listed, place_asked
from callwright.dashboards.rendering import render
from callwright.reports import troubles

router = APIRouter(route_class=ConsoleRoute)


@router.get("/console/logins")
async def logins(request: Request, who: Operating) -> Response:
    """List logins, the newest first."""
    place = place_asked(request, int)
    async with db.everywhere(request.app.state.pool) as connection:
        found = await troubles.list_logins(connection, most=PAGE + 1, after=place and place[0])
    return render(request, who, "console/logins.html", logins=listed(request, who, found, "login_no"))
