"""`/console/engines`: by which engines, versions and rubrics calls are put into words and judged."""

from fastapi import APIRouter, Request, Response

from callwright import db
from callwright.dashboards.console.door import ConsoleRoute, Installation, Operating
from callwright.dashboards.rendering import render
from callwright.reports import operation

router = APIRouter(route_class=ConsoleRoute)

MOST_RUBRICS = 100


@router.get("/console/engines")
async def engines(request: Request, who: Operating) -> Response:
    """Show what the settings name, and what the results of the last day were made by."""
    installation: Installation = request.app.state.installation
    async with db.everywhere(request.app.state.pool) as connection:
        transcribers = await operation.read_transcribers(connection)
        analysers = await operation.read_analysers(connection)
        rubrics = await operation.list_rubrics(connection, most=MOST_RUBRICS)
    return render(
        request,
        who,
        "console/engines.html",
        installation=installation,
        transcribers=transcribers,
        analysers=analysers,
        sampled=operation.MOST_SAMPLED,
        rubrics=rubrics,
        most_rubrics=MOST_RUBRICS,
    )
