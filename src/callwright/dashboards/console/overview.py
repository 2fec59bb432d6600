"""`/console`: whether all is well, and what is not; it moves by itself."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter, Request, Response

from callwright import db
from callwright.dashboards.console.door import HOME, ConsoleRoute, Installation, Operating
from callwright.dashboards.rendering import render
from callwright.db.migrate import pending
from callwright.recordings.store import FREE_ERROR, FREE_WARNING, free_bytes
from callwright.reports import operation

router = APIRouter(route_class=ConsoleRoute)

LIVE = "/console/live"

BEHIND_SECONDS = 300.0
"""A job that has waited for longer is worth a warning."""


@dataclass(frozen=True, slots=True)
class Check:
    """A thing that has to be in order: its name, how it is, in words, and where it is not, what to do.

    Attributes:
        state: `unknown` where this page cannot tell.
    """

    name: str
    state: Literal["good", "warn", "bad", "unknown"]
    words: str
    fix: str | None = None


@router.get(HOME)
async def overview(request: Request, who: Operating) -> Response:
    """Show how the installation stands."""
    return render(request, who, "console/overview.html", live=LIVE, **await _standing(request))


@router.get(LIVE)
async def live(request: Request, who: Operating) -> Response:
    """The part of the overview that moves, asked for every few seconds by the page that is open."""
    return render(request, who, "console/live.html", **await _standing(request))


async def _standing(request: Request) -> dict[str, Any]:
    pool, installation = request.app.state.pool, request.app.state.installation
    began = time.perf_counter()
    async with db.beside(pool) as connection:
        database = await operation.read_database(connection)
        took = time.perf_counter() - began
        missing = await pending(connection)
        workers = await operation.list_workers(connection)
    async with db.everywhere(pool) as connection:
        steps = await operation.read_queue(connection)
        failures = await operation.read_failures(connection)
        undelivered = await operation.count_undelivered(connection)
    return {
        "checks": [
            _database(database, took),
            _schema(missing),
            await asyncio.to_thread(_store, installation),
            _workers(workers),
        ],
        "workers": workers,
        "steps": [(each, _waits(each)) for each in steps],
        "behind": BEHIND_SECONDS,
        "failures": failures,
        "undelivered": undelivered,
        "most": operation.MOST_COUNTED,
        "now": datetime.now(UTC),
    }


def _waits(step: operation.StepQueue) -> float | None:
    """Seconds that a step's oldest job has waited."""
    return None if step.oldest is None else max((datetime.now(UTC) - step.oldest).total_seconds(), 0.0)


def _database(database: operation.Database, took: float) -> Check:
    words = f"PostgreSQL {database.version}, {_size(database.size)}, answers in {took * 1000:.0f} ms"
    if database.only_reads:
        return Check("Database", "bad", f"{words}, only reads", "Name the primary in CALLWRIGHT_DATABASE_URL")
    return Check("Database", "good", words)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _schema(missing: list[str]) -> Check:
    if missing:
        return Check("Schema", "bad", f"To apply: {', '.join(missing)}", "Run: callwright migrate")
    return Check("Schema", "good", "Up to date")


def _store(installation: Installation) -> Check:
    free = free_bytes(installation.store_url)
    if free is None:
        return Check(
            "Recordings", "unknown", "In no folder of this machine, or none kept yet", "Run: callwright doctor"
        )
    words = f"{free / 1e9:.1f} GB free"
    if free < FREE_WARNING:
        fix = "Free some space, or set CALLWRIGHT_STORE_URL to a larger place"
        return Check("Recordings", "bad" if free < FREE_ERROR else "warn", words, fix)
    return Check("Recordings", "good", words)


def _workers(workers: list[operation.Worker]) -> Check:
    if not workers:
        return Check("Workers", "bad", "None is connected to the database", "Start one: callwright worker")
    return Check("Workers", "good", "1 is connected" if len(workers) == 1 else f"{len(workers)} are connected")
