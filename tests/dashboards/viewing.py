"""Somebody who looks at dashboards: a partner's token, pages asked for with it, calls to look at."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from callwright import db, partners
from callwright.analysis import Analysis
from callwright.db import Scope
from judged import DAY, ended
from partner_api import Door

ORIGIN = "https://crm.example"


@dataclass(frozen=True)
class Screen:
    """A viewer's screen.

    Attributes:
        door: Of the partner whose pages are looked at.
        token: What opens them.
    """

    door: Door
    token: str

    async def open(self, path: str, *, headers: dict[str, str] | None = None, **query: str) -> httpx.Response:
        """Ask for a page; `token=""` asks without one, and underscores in names stand for hyphens."""
        params = {"token": self.token, **query}
        told = {name.rstrip("_").replace("_", "-"): value for name, value in params.items() if value}
        return await self.door.client.get(path, params=told, headers=headers or {})

    async def scope(self) -> Scope:
        """Whose data the screen shows."""
        return await scope_of(self.door, "acme", "sales")

    async def call(self, call_id: str, made: Analysis | None, *, days_ago: float = 1, **sent: Any) -> None:
        """Bring in a call that has ended; without an analysis as one that failed."""
        day = (datetime.now(UTC) - DAY) / timedelta(days=1) - days_ago
        await ended(self.door.pool, await self.scope(), call_id, made, day=day, **sent)


async def scope_of(door: Door, tenant: str, subtenant: str) -> Scope:
    async with db.everywhere(door.pool) as lent:
        return await partners.find_scope(lent, door.partner.partner_id, tenant, subtenant)


async def screen_of(
    door: Door, *, subtenant: str = "sales", origins: tuple[str, ...] = (ORIGIN,), time_zone: str | None = None
) -> Screen:
    """The screen of somebody of a new partner's tenant `acme`."""
    own = await door.for_another(("acme", "sales"), ("acme", "support"), ("other", "sales"))
    async with db.everywhere(own.pool) as lent:
        await partners.set_partner(lent, own.partner.partner_id, frame_origins=origins, time_zone=time_zone)
    return Screen(own, await token_of(own, sub_tenant_id=subtenant))


async def token_of(door: Door, **changes: str) -> str:
    """A token as a partner gets it."""
    answer = await door.get("dashboard/auth/token", **changes)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["data"]["token"]
    return token
