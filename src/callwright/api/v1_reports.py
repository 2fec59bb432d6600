"""What the calls of a subtenant come to (contract, section 7: `GET reports/…`), as JSON and CSV."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from callwright import db
from callwright.api.auth import Admitted
from callwright.api.envelope import success
from callwright.api.queries import moment, read_query
from callwright.api.rollup_models import AGENTS_QUERY, LONGEST_PERIOD
from callwright.reports import agents
from callwright.spreadsheet import table

router = APIRouter(prefix="/api/v1/partner/reports")

_LAST = datetime.max.replace(tzinfo=UTC)


@router.get("/agents")
async def of_agents(request: Request, caller: Admitted) -> Response:
    """Tell how the agents spoke over a period."""
    query = read_query(request, AGENTS_QUERY)
    since = datetime.fromisoformat(query["since"])
    until = moment(query.get("until")) or (since + LONGEST_PERIOD if since < _LAST - LONGEST_PERIOD else _LAST)
    period = agents.Period(since, until, query.get("agent_id"))
    async with db.transaction(request.app.state.pool, caller.scope) as connection:
        found = await agents.read_agents(connection, caller.scope, period)
    return _agents_table(found) if query.get("format") == "csv" else success(found)


def _agents_table(found: dict[str, Any]) -> Response:
    """One row an agent; a column for each quality parameter that any of them was judged by."""
    listed = found["agents"]
    scores = [{each["parameter_name"]: each["score"] for each in agent["quality"]["parameters"]} for agent in listed]
    parameters = sorted({name for each in scores for name in each})
    headings = [
        *("agent_id", "name", "calls", "completed", "failed", *agents.MEASURES, "quality_average", "quality_calls"),
        *(f"intent {name}" for name in (*agents.INTENTS, "not_assessed")),
        *(f"assessed {name}" for name in agents.MEASURES),
        *(f"quality {name}" for name in parameters),
    ]
    rows = [
        [
            *(agent["agent_id"], agent["name"], *agent["calls"].values(), *agent["metrics"].values()),
            *(agent["quality"]["average"], agent["quality"]["calls"], *agent["intents"].values()),
            *agent["assessed"].values(),
            *(own.get(name) for name in parameters),
        ]
        for agent, own in zip(listed, scores, strict=True)
    ]
    return table("agents.csv", headings, rows)
